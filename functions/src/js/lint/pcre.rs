//! Parts of regular expressions that are ECMAScript's, and that PCRE, with which CloudFront's engine compiles them, refuses or reads
//! otherwise.

/// The first such part of a pattern.
pub(super) fn part(pattern: &str) -> Option<&str> {
    let groups = groups(pattern);
    let mut names = Vec::new();
    let mut open = Vec::new();
    let mut offset = 0;
    while let Some(next) = pattern[offset..].chars().next() {
        let rest = &pattern[offset..];
        let length = match next {
            '\\' => match rest[1..].chars().next() {
                Some(digit @ '1'..='9') if !refers(&rest[1..], groups) => return Some(&rest[..=digit.len_utf8()]),
                Some(escaped) => 1 + escaped.len_utf8(),
                None => 1,
            },
            '[' => match class(rest) {
                Ok(length) => length,
                Err(part) => return Some(part),
            },
            '(' => {
                let sign = ["(?<=", "(?<!"].into_iter().find(|sign| rest.starts_with(sign));
                let looks_ahead = rest.starts_with("(?=") || rest.starts_with("(?!");
                open.push(match sign {
                    _ if looks_ahead => Group::Ahead,
                    Some(sign) => Group::Behind(&rest[..sign.len()]),
                    None => Group::Plain,
                });
                let name = rest.strip_prefix("(?<").filter(|_| sign.is_none()).and_then(|rest| rest.split_once('>'));
                if let Some((name, _)) = name {
                    if names.contains(&name) {
                        return Some(&rest[..name.len() + 4]);
                    }
                    names.push(name);
                }
                // A `?` of the sign is no quantifier.
                1 + usize::from(rest[1..].starts_with('?'))
            }
            ')' => {
                open.pop();
                1
            }
            '*' | '+' | '?' | '{' if is_of_many_lengths(rest) => match looked_behind(&open) {
                Some(sign) => return Some(sign),
                None => 1,
            },
            other => other.len_utf8(),
        };
        offset += length;
    }
    None
}

/// What to write instead of such a part.
pub(super) fn instead_of(part: &str) -> &'static str {
    match part {
        "[]" => "write (?!) for nothing, or \\] where the bracket is meant",
        "[^]" => "write [\\s\\S] for anything, or \\] where the bracket is meant",
        "(?<=" | "(?<!" => "look behind for what has one length: write each length as a way of its own, (?<=a|bc)",
        _ if part.starts_with("(?<") => "give each group a name of its own",
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

/// Whether a quantifier begins that lets more than one length match.
fn is_of_many_lengths(rest: &str) -> bool {
    match rest.strip_prefix('{') {
        None => true,
        Some(rest) => {
            let inner = rest.split_once('}').map_or("", |(inner, _)| inner);
            let is_quantifier = inner.starts_with(|digit: char| digit.is_ascii_digit())
                && inner.chars().all(|sign| sign.is_ascii_digit() || sign == ',');
            is_quantifier && inner.split_once(',').is_some_and(|(least, most)| least != most)
        }
    }
}

/// What looks behind at this place, unless something looks ahead from there.
fn looked_behind<'a>(open: &[Group<'a>]) -> Option<&'a str> {
    let nearest = open.iter().rev().find(|group| !matches!(group, Group::Plain));
    nearest.and_then(|group| if let Group::Behind(sign) = group { Some(*sign) } else { None })
}

/// A group that is open.
#[derive(Clone, Copy)]
enum Group<'a> {
    Plain,
    Ahead,
    /// With the sign that opens it.
    Behind(&'a str),
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
