//! Parts of regular expressions that CloudFront's engine reads as Perl does: ours reads them otherwise without a word, or not at all.

/// What stands for nothing in ECMAScript, or for itself, and what both engines read alike instead.
const ESCAPES: [(&str, &str); 17] = [
    ("\\A", "write ^, without the flag m"),
    ("\\z", "write $, without the flag m"),
    ("\\Z", "write \\n?$, without the flag m"),
    ("\\G", "set lastIndex and look at the index of what exec finds"),
    ("\\h", "write [ \\t]"),
    ("\\H", "write [^ \\t]"),
    ("\\R", "write (?:\\r\\n|\\n|\\r)"),
    ("\\N", "write [^\\n]"),
    ("\\X", "write the characters out"),
    ("\\Q", "put a backslash before each sign that is meant as it stands"),
    ("\\E", "put a backslash before each sign that is meant as it stands"),
    ("\\K", "write what goes before as (?<=…)"),
    ("\\a", "write \\x07"),
    ("\\e", "write \\x1b"),
    ("\\p", "write the characters out: [A-Za-z]"),
    ("\\P", "write the characters out: [^A-Za-z]"),
    ("\\g", "refer to a group by its number: \\1"),
];

/// Those of them that have the same meaning between brackets.
const ESCAPES_IN_CLASSES: &str = "hHQEaepP";

const CLASSES: [(&str, &str); 14] = [
    ("[:alnum:]", "write A-Za-z0-9"),
    ("[:alpha:]", "write A-Za-z"),
    ("[:ascii:]", "write \\x00-\\x7f"),
    ("[:blank:]", "write a space and \\t"),
    ("[:cntrl:]", "write \\x00-\\x1f\\x7f"),
    ("[:digit:]", "write 0-9"),
    ("[:graph:]", "write !-~"),
    ("[:lower:]", "write a-z"),
    ("[:print:]", "write a space and !-~"),
    ("[:punct:]", "write !-\\/:-@\\[-`{-~"),
    ("[:space:]", "write \\s"),
    ("[:upper:]", "write A-Z"),
    ("[:word:]", "write \\w"),
    ("[:xdigit:]", "write A-Fa-f0-9"),
];

const GROUPS: [(&str, &str); 6] = [
    ("(?#", "leave the comment out"),
    ("(?>", "write (?:…), and leave nothing in it that can match in two ways"),
    ("(?|", "give each way its own group"),
    ("(?P", "write (?<name>…) and \\k<name>"),
    ("(?(", "write both ways out: (?:a|b)"),
    ("(*", "leave it out"),
];

const FLAGS: &str = "use the flags behind the expression: /a/i";
const RECURSION: &str = "write the part out as often as it can occur";
const POSSESSIVE: &str = "leave the second + out, and nothing in it that can match in two ways";

/// The first such part of a pattern.
pub(super) fn part(pattern: &str) -> Option<&str> {
    let mut in_class = false;
    let mut offset = 0;
    while let Some(next) = pattern[offset..].chars().next() {
        let rest = &pattern[offset..];
        let length = match next {
            '\\' => {
                let escape = &rest[..=rest[1..].chars().next().map_or(0, char::len_utf8)];
                let means_it = !in_class || escape[1..].chars().all(|letter| ESCAPES_IN_CLASSES.contains(letter));
                if means_it && !escape[1..].is_empty() && stands_in(&ESCAPES, escape) {
                    return Some(escape);
                }
                escape.len()
            }
            '[' if in_class => match named(rest) {
                Some(class) => return Some(class),
                None => 1,
            },
            '[' => {
                in_class = true;
                // Neither `[]` nor `[^]` is closed by its bracket to Perl; CloudFront's engine reads these two as ECMAScript does.
                1
            }
            ']' => {
                in_class = false;
                1
            }
            '(' if !in_class => match group(rest) {
                Some(group) => return Some(group),
                None => 1,
            },
            '*' | '+' | '?' if !in_class && rest[1..].starts_with('+') => return Some(&rest[..2]),
            '{' if !in_class => match repetition(rest) {
                Some(length) if rest[length..].starts_with('+') => return Some(&rest[..=length]),
                Some(length) => length,
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
    let tables = [&ESCAPES[..], &CLASSES[..], &GROUPS[..]];
    let known = tables.iter().flat_map(|table| table.iter()).find(|(known, _)| part.starts_with(known));
    match known {
        Some((_, instead)) => instead,
        None if part.ends_with('+') => POSSESSIVE,
        None if part.trim_end_matches(')').chars().skip(2).all(is_flag) => FLAGS,
        None => RECURSION,
    }
}

fn stands_in(table: &[(&str, &str)], part: &str) -> bool {
    table.iter().any(|(known, _)| *known == part)
}

fn named(rest: &str) -> Option<&str> {
    let length = rest.find(":]")? + 2;
    let class = &rest[..length];
    let plain = class.replacen("[:^", "[:", 1);
    stands_in(&CLASSES, &plain).then_some(class)
}

fn group(rest: &str) -> Option<&str> {
    if let Some((group, _)) = GROUPS.iter().find(|(group, _)| rest.starts_with(group)) {
        return Some(group);
    }
    let inner = rest.strip_prefix("(?")?;
    let end = inner.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-+^&".contains(letter)))?;
    // `(?i:a)` is read by both.
    (end > 0 && inner[end..].starts_with(')')).then(|| &rest[..end + 3])
}

fn is_flag(letter: char) -> bool {
    "imsxnUJ-^".contains(letter)
}

/// Bytes of `{2}`, `{2,}`, `{2,3}`.
fn repetition(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let inner = &rest[1..end];
    let counts = inner.starts_with(|digit: char| digit.is_ascii_digit());
    (counts && inner.chars().all(|digit| digit.is_ascii_digit() || digit == ',')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_only_perl_reads_so_is_found() {
        let rows = [
            (r"^[[:alpha:]]+$", "[:alpha:]"),
            (r"[^a[:^digit:]]", "[:^digit:]"),
            (r"\Aa\z", r"\A"),
            (r"a[\h]", r"\h"),
            (r"(?i)abc", "(?i)"),
            (r"a(?-i)b", "(?-i)"),
            (r"a++b", "++"),
            (r"a{2,3}+", "{2,3}+"),
            (r"(?>a)b", "(?>"),
            (r"(?P<n>a)", "(?P"),
            (r"(?R)", "(?R)"),
            (r"(?1)", "(?1)"),
            (r"a(?#note)", "(?#"),
            (r"\p{L}", r"\p"),
            (r"(*UTF)a", "(*"),
        ];
        for (pattern, found) in rows {
            assert_eq!(part(pattern), Some(found), "{pattern}");
            assert!(!instead_of(found).is_empty(), "{pattern}");
        }
        assert_eq!(instead_of("(?i)"), FLAGS);
        assert_eq!(instead_of("(?R)"), RECURSION);
        assert_eq!(instead_of("{2}+"), POSSESSIVE);
        assert_eq!(instead_of("[:alpha:]"), "write A-Za-z");
    }

    #[test]
    fn what_both_read_alike_is_not() {
        for pattern in [
            r"^/(?<lang>[a-z]{2})(?=/)(?!x)(?<=a)(?<!b)(?:c)\k<lang>",
            r"[+*?]+",
            r"\++",
            r"[(?i)]",
            r"\\A",
            r"[[:]",
            r"[[:nothing:]]",
            r"(?i:a)",
            r"a+?",
            r"a{,2}+",
            r"\d\D\w\W\s\S\b\B\n\r\t\f\v\0\x41\u0041\cA\/\.",
            r"[A\]z]",
        ] {
            assert_eq!(part(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in r"[a-zA-Z\[\]\\(){}?+*:^#<>=!,0-9é|-]{0,20}") {
            if let Some(part) = part(&pattern) {
                prop_assert!(pattern.contains(part));
                let _ = instead_of(part);
            }
        }
    }
}
