//! Parts of regular expressions that are ECMAScript's, and that PCRE, with which CloudFront's engine compiles them, refuses or reads
//! otherwise.

use super::open_groups::{Kind, OpenGroups};

/// The first such part of a pattern.
pub(super) fn part(pattern: &str) -> Option<&str> {
    read(pattern).err()
}

fn read(pattern: &str) -> Result<(), &str> {
    let groups = groups(pattern);
    let mut names = Vec::new();
    let mut open = OpenGroups::new();
    let mut offset = 0;
    while let Some(next) = pattern[offset..].chars().next() {
        let rest = &pattern[offset..];
        let mut length = next.len_utf8();
        match next {
            '\\' => {
                let (bytes, escape) = escaped(rest);
                match escape {
                    Escape::Character => open.add(1),
                    Escape::Place => open.add(0),
                    Escape::Group if !refers(&rest[1..], groups) => return Err(&rest[..2]),
                    Escape::Named(name) if !pattern.contains(&format!("(?<{name}>")) => return Err(&rest[..bytes]),
                    // What it matches is as long as what was matched.
                    Escape::Group | Escape::Named(_) => open.varies()?,
                }
                length = bytes;
            }
            '[' => {
                length = class(rest)?;
                open.add(1);
            }
            '(' => {
                let (bytes, kind, name) = opened(rest);
                if name.is_some_and(|name| names.contains(&name)) {
                    return Err(&rest[..bytes]);
                }
                names.extend(name);
                open.open(kind);
                length = bytes;
            }
            '|' => open.next_way()?,
            ')' => open.close()?,
            '*' | '+' | '?' | '{' => match quantifier(rest) {
                Quantifier::None => open.add(1),
                Quantifier::Times(times, bytes) => {
                    open.repeat(times);
                    length = bytes;
                }
                Quantifier::Varies => open.varies()?,
            },
            '^' | '$' => open.add(0),
            _ => open.add(1),
        }
        offset += length;
    }
    Ok(())
}

/// What a bracket opens: with its sign's bytes, and its name.
fn opened(rest: &str) -> (usize, Kind<'_>, Option<&str>) {
    match rest.get(..4) {
        Some(sign @ ("(?<=" | "(?<!")) => (sign.len(), Kind::Behind(sign), None),
        _ if rest.starts_with("(?=") || rest.starts_with("(?!") => (3, Kind::Ahead, None),
        _ if rest.starts_with("(?:") => (3, Kind::Plain, None),
        _ => match rest.strip_prefix("(?<").and_then(|rest| rest.split_once('>')) {
            Some((name, _)) => (name.len() + 4, Kind::Plain, Some(name)),
            // A `?` of a sign is no quantifier.
            None => (1 + usize::from(rest[1..].starts_with('?')), Kind::Plain, None),
        },
    }
}

/// What to write instead of such a part.
pub(super) fn instead_of(part: &str) -> &'static str {
    match part {
        "[]" => "write (?!) for nothing, or \\] where the bracket is meant",
        "[^]" => "write [\\s\\S] for anything, or \\] where the bracket is meant",
        "(?<=" | "(?<!" => {
            "look behind for what has one length: write each length as a way of its own, (?<=a|bc), and refer to no group"
        }
        _ if part.starts_with("(?<") => "give each group a name of its own",
        _ if part.starts_with("\\k") => "refer to a group that is there, or leave the backslash out",
        _ if part.starts_with('\\') && part[1..].starts_with(|digit: char| digit.is_ascii_digit()) => {
            "refer to a group that is there"
        }
        _ => "put a backslash before the hyphen, or put it last",
    }
}

/// How many groups capture.
fn groups(pattern: &str) -> usize {
    let (mut count, mut in_class, mut escaped) = (0, false, false);
    for (at, next) in pattern.char_indices() {
        match next {
            _ if escaped => {}
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let rest = &pattern[at + 1..];
                let is_named = rest.starts_with("?<") && !rest.starts_with("?<=") && !rest.starts_with("?<!");
                count += usize::from(is_named || !rest.starts_with('?'));
            }
            _ => {}
        }
        escaped = next == '\\' && !escaped;
    }
    count
}

/// Whether a number behind a backslash is that of a group, or one of two digits and more, which may be a character.
fn refers(rest: &str, groups: usize) -> bool {
    let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    digits > 1 || rest[..digits].parse::<usize>().is_ok_and(|number| number <= groups)
}

/// What stands in the place of a quantifier.
enum Quantifier {
    /// A brace that is a character.
    None,
    /// So many times, written with so many bytes.
    Times(usize, usize),
    /// More than one length matches.
    Varies,
}

fn quantifier(rest: &str) -> Quantifier {
    let Some(inner) = rest.strip_prefix('{') else { return Quantifier::Varies };
    let inner = inner.split_once('}').map_or("", |(inner, _)| inner);
    let is_quantifier = inner.starts_with(|digit: char| digit.is_ascii_digit())
        && inner.chars().all(|sign| sign.is_ascii_digit() || sign == ',');
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    match least.parse() {
        _ if !is_quantifier => Quantifier::None,
        Ok(times) if least == most => Quantifier::Times(times, inner.len() + 2),
        _ => Quantifier::Varies,
    }
}

/// What stands behind a backslash.
enum Escape<'a> {
    /// One character, or one of a set.
    Character,
    /// `\b`, `\B`.
    Place,
    /// A group by its number.
    Group,
    /// A group by its name.
    Named(&'a str),
}

/// An escape, with its bytes.
fn escaped(rest: &str) -> (usize, Escape<'_>) {
    let hex = |from: usize, digits: usize| {
        rest.get(from..from + digits).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    match rest[1..].chars().next() {
        Some('b' | 'B') => (2, Escape::Place),
        Some('1'..='9') => (
            1 + rest[1..].len() - rest[1..].trim_start_matches(|digit: char| digit.is_ascii_digit()).len(),
            Escape::Group,
        ),
        Some('k') => match rest[2..].strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((name, _)) => (name.len() + 4, Escape::Named(name)),
            None => (2, Escape::Character),
        },
        Some('x') if hex(2, 2) => (4, Escape::Character),
        Some('u') if hex(2, 4) => (6, Escape::Character),
        Some(other) => (1 + other.len_utf8(), Escape::Character),
        None => (1, Escape::Character),
    }
}

/// What stands before a hyphen between brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Character,
    /// `\d` and the like.
    Set,
    Range,
}

/// Bytes of what stands between brackets, with these; or the part of it.
fn class(rest: &str) -> Result<usize, &str> {
    for closed_at_once in ["[]", "[^]"] {
        if rest.starts_with(closed_at_once) {
            return Err(&rest[..closed_at_once.len()]);
        }
    }
    let mut at = if rest.starts_with("[^") { 2 } else { 1 };
    let mut before = Before::Nothing;
    while let Some(next) = rest[at..].chars().next() {
        if next == ']' {
            return Ok(at + 1);
        }
        let (length, is_set) = item(&rest[at..]);
        let behind = &rest[at + next.len_utf8()..];
        let is_hyphen = next == '-' && !behind.starts_with(']') && !behind.is_empty();
        match before {
            Before::Set if is_hyphen => return Err(&rest[at - 2..at + 1 + item(behind).0]),
            Before::Character if is_hyphen => {
                let (end, is_set) = item(behind);
                if is_set {
                    return Err(&rest[at..at + 1 + end]);
                }
                (at, before) = (at + 1 + end, Before::Range);
                continue;
            }
            _ => {}
        }
        at += length;
        before = if is_set { Before::Set } else { Before::Character };
    }
    Ok(rest.len())
}

/// Bytes of one item of a class, and whether it stands for several characters.
fn item(rest: &str) -> (usize, bool) {
    let mut characters = rest.chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), Some(escaped)) => (1 + escaped.len_utf8(), "dDwWsS".contains(escaped)),
        (Some(first), _) => (first.len_utf8(), false),
        (None, _) => (0, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_pcre_refuses_or_reads_otherwise_is_found() {
        let rows = [
            (r"[^]*/", "[^]"),
            (r"a[]", "[]"),
            (r"^[\w-.]+@", r"\w-."),
            (r"^[\w-\.]+@", r"\w-\."),
            (r"[a-\d]", r"-\d"),
            (r"[\d-x]", r"\d-x"),
            (r"[--\w]", r"-\w"),
            (r"\8", r"\8"),
            (r"(a)\2", r"\2"),
            (r"(?<a>x)|(?<a>y)", "(?<a>"),
            (r"(?<=a+)b", "(?<="),
            (r"(?<!x?)d", "(?<!"),
            (r"(?<=a{2,3})b", "(?<="),
            (r"(?<=(?:a|b)*)c", "(?<="),
            (r"(?<=x(?:a|bc))d", "(?<="),
            (r"(?<!(a|\u0041\x42))d", "(?<!"),
            (r"(?<=(?:a(?:b|cd)))e", "(?<="),
            (r"(a)(?<=\1)b", "(?<="),
            (r"(?<n>a)(?<=\k<n>)b", "(?<="),
            (r"a\k<n>", r"\k<n>"),
        ];
        for (pattern, found) in rows {
            assert_eq!(part(pattern), Some(found), "{pattern}");
        }
        assert!(rows.iter().all(|(_, part)| !instead_of(part).is_empty()));
    }

    #[test]
    fn what_both_read_alike_is_not() {
        for pattern in [
            r"[-\w][^-\w][\w-][a-z-\d][\w\-.][a-z-9][\]a]",
            r"(?<=a(?=b+))b(?<=a{2})(?<=a|bc)(?<=\d[a-c*])",
            r"(?<=(?:a|b)x)(?<=(?:ab|c{2}|\u0041\x42))(?<=(?:a{2}){2}|\bx|(?:^|$))d(?:a|bc)(?=(?:a|bc))",
            r"(a)\1\10(?<n>b)\k<n>\2",
            r"[(]\(?(?:x)(?=y)(?!z)",
            r"a{2,3}b*c+?d??",
        ] {
            assert_eq!(part(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in r"[a-dw0-9\[\]\\(){}?+*^<>=!,\u{e9}-]{0,24}") {
            if let Some(part) = part(&pattern) {
                prop_assert!(pattern.contains(part));
                let _ = instead_of(part);
            }
        }
    }
}
