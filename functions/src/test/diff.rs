//! Two texts, and where they differ.

use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;

/// Lines around a difference.
const CONTEXT_LINES: usize = 3;
/// Lines that are shown; two logs may differ in megabytes.
const SHOWN_LINES_MAX: usize = 200;

/// The lines that differ, `-` before what was expected and `+` before what came, with some of the lines around them.
pub fn diff(expected: &str, found: &str) -> String {
    let mut text = "- expected, + found".to_owned();
    let diff = TextDiff::from_lines(expected, found);
    for (number, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if number > 0 {
            text.push_str("\n  …");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{sign} {}", change.value().trim_end_matches('\n'));
            if change.missing_newline() && sign != ' ' {
                text.push_str(" (no line end)");
            }
        }
    }
    match text.match_indices('\n').nth(SHOWN_LINES_MAX).map(|(end, _)| end) {
        None => text,
        Some(end) => {
            let left_out = text[end..].matches('\n').count();
            format!("{}\n  … ({left_out} lines more)", &text[..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_texts_that_differ_in_very_much_the_first_lines_are_shown() {
        let found = (1..=1_000).fold(String::new(), |text, number| text + &format!("line {number}\n"));
        let diff = diff("", &found);
        assert!(diff.ends_with("\n+ line 200\n  … (800 lines more)"), "{diff}");
        assert_eq!(diff.lines().count(), 202);
    }

    #[test]
    fn lines_that_differ_are_shown_with_those_around_them() {
        let expected = (1..=20).fold(String::new(), |text, number| text + &format!("line {number}\n"));
        let found = expected.replace("line 4\n", "line four\n").replace("line 18\n", "");
        insta::assert_snapshot!(diff(&expected, &found), @r"
        - expected, + found
          line 1
          line 2
          line 3
        - line 4
        + line four
          line 5
          line 6
          line 7
          …
          line 15
          line 16
          line 17
        - line 18
          line 19
          line 20
        ");
    }

    #[test]
    fn a_line_end_that_only_one_has_is_said() {
        insta::assert_snapshot!(diff("hello", "hello\n"), @r"
        - expected, + found
        - hello (no line end)
        + hello
        ");
        insta::assert_snapshot!(diff("", "hello"), @r"
        - expected, + found
        + hello (no line end)
        ");
    }
}
