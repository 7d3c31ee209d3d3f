//! CloudFront's path patterns: `*` is any run of characters, `/` included; `?` is exactly one; everything else is itself.
//!
//! Source: Developer Guide, "Path pattern". Anchored at both ends; a missing leading `/` is implied; case matters.
//!
//! A pattern is compiled into a bit-parallel automaton: one bit for each place in the pattern, all places advanced at once for
//! each character of the path. A match costs `path × pattern / 64` word operations whatever both look like, so neither an
//! operator's pattern nor a viewer's path can make it slow.

use crate::limits::PATH_PATTERN_CHARS_MAX;
use std::fmt;

/// Characters with a row of their own in [`PathPattern::steps`]; every other character uses the row of `?`.
const ASCII: usize = 128;

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    /// Characters and `?`s of the pattern: the place after the last one is the accepting one.
    length: usize,
    /// Words of one set of places.
    words: usize,
    /// For each ASCII character, then for all others, the places it leads on from.
    steps: Box<[u64]>,
    /// The places with a `*` in front: any character leads back to them.
    stars: Box<[u64]>,
}

/// Why a text is no path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// Nothing in it.
    #[error("a path pattern cannot be empty")]
    Empty,
    /// Longer than CloudFront takes.
    #[error("the path pattern has {0} characters; CloudFront takes {PATH_PATTERN_CHARS_MAX}")]
    TooLong(usize),
    /// Not one of CloudFront's characters.
    #[error("a path pattern cannot contain {0:?}; CloudFront takes A-Z a-z 0-9 _ - . * ? $ / ~ \" ' @ : + &")]
    Character(char),
}

impl PathPattern {
    /// Compiles a pattern of at most 255 of CloudFront's characters.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        let count = text.chars().count();
        match text.chars().find(|c| !is_legal(*c)) {
            _ if text.is_empty() => return Err(PathPatternError::Empty),
            _ if count > PATH_PATTERN_CHARS_MAX => return Err(PathPatternError::TooLong(count)),
            Some(character) => return Err(PathPatternError::Character(character)),
            None => {}
        }
        Ok(Self::compile(text))
    }

    /// The pattern of the default behavior, `*`.
    pub fn any() -> Self {
        Self::compile("*")
    }

    fn compile(text: &str) -> Self {
        let pattern = text.strip_prefix('/').unwrap_or(text);
        let length = pattern.bytes().filter(|b| *b != b'*').count();
        let words = length / 64 + 1;
        let mut steps = vec![0u64; (ASCII + 1) * words].into_boxed_slice();
        let mut stars = vec![0u64; words].into_boxed_slice();
        let mut place = 0;
        for byte in pattern.bytes() {
            let (word, bit) = (place / 64, 1u64 << (place % 64));
            match byte {
                b'*' => stars[word] |= bit,
                b'?' => (0..=ASCII).for_each(|row| steps[row * words + word] |= bit),
                _ => steps[usize::from(byte) * words + word] |= bit,
            }
            place += usize::from(byte != b'*');
        }
        Self { text: text.to_owned(), length, words, steps, stars }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path, without its query, matches.
    pub fn matches(&self, path: &str) -> bool {
        let mut places = START;
        for character in path.strip_prefix('/').unwrap_or(path).chars() {
            if self.accepts_any_rest(&places) {
                return true;
            }
            if !self.step(&mut places, row(character)) {
                return false;
            }
        }
        self.accepts(&places)
    }

    /// Whether every path that matches `other` matches this pattern too. May say no where the answer is yes, never the reverse.
    pub fn covers(&self, other: &Self) -> bool {
        let mut places = START;
        for character in other.text.strip_prefix('/').unwrap_or(&other.text).chars() {
            let alive = match character {
                // Whatever the run is, only a place under a `*` of ours is certain to be still reached after it.
                '*' => self.keep_stars(&mut places),
                '?' => self.step(&mut places, ASCII),
                _ => self.step(&mut places, row(character)),
            };
            if !alive {
                return false;
            }
        }
        self.accepts(&places)
    }

    /// Advances every place by one character; false when none is left.
    fn step(&self, places: &mut [u64; WORDS_MAX], row: usize) -> bool {
        let steps = &self.steps[row * self.words..(row + 1) * self.words];
        let (mut carry, mut alive) = (0, 0);
        for ((place, step), star) in places.iter_mut().zip(steps).zip(&self.stars) {
            let taken = *place & step;
            *place = (taken << 1) | carry | (*place & star);
            carry = taken >> 63;
            alive |= *place;
        }
        alive != 0
    }

    fn keep_stars(&self, places: &mut [u64; WORDS_MAX]) -> bool {
        let mut alive = 0;
        for (place, star) in places.iter_mut().zip(&self.stars) {
            *place &= star;
            alive |= *place;
        }
        alive != 0
    }

    fn accepts(&self, places: &[u64; WORDS_MAX]) -> bool {
        places[self.length / 64] >> (self.length % 64) & 1 == 1
    }

    /// The pattern ends with `*` and all before it is matched.
    fn accepts_any_rest(&self, places: &[u64; WORDS_MAX]) -> bool {
        self.accepts(places) && self.stars[self.length / 64] >> (self.length % 64) & 1 == 1
    }
}

/// Words of the longest pattern: 255 characters and the accepting place.
const WORDS_MAX: usize = PATH_PATTERN_CHARS_MAX / 64 + 1;

/// Before the first character, only the first place is reached.
const START: [u64; WORDS_MAX] = {
    let mut places = [0; WORDS_MAX];
    places[0] = 1;
    places
};

fn row(character: char) -> usize {
    (character as usize).min(ASCII)
}

fn is_legal(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-.*?$/~\"'@:+&".contains(character)
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathPattern({:?})", self.text)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn documented_examples_match_as_documented() {
        for (text, path, expected) in [
            ("images/*.jpg", "/images/sample.jpg", true),
            ("images/*.jpg", "/images/a/b/c.jpg", true),
            ("/images/*", "/images/", true),
            ("*.jpg", "/LOGO.JPG", false),
            ("a*.jpg", "/apple.jpg", true),
            ("a*.jpg", "/abra/cadabra/magic.jpg", true),
            ("a*.jpg", "/x/apple.jpg", false),
            ("a??.jpg", "/ant.jpg", true),
            ("a??.jpg", "/an.jpg", false),
            ("a??.jpg", "/x/ant.jpg", false),
            ("*.doc?", "/x.doc", false),
            ("*.doc?", "/x.docx", true),
            ("*product.jpg", "/product.jpg", true),
            ("/", "/", true),
            ("/", "/x", false),
            ("*", "/", true),
            ("?", "/é", true),
        ] {
            assert_eq!(pattern(text).matches(path), expected, "{text} on {path}");
        }
    }

    #[test]
    fn a_leading_slash_is_implied_when_it_is_missing() {
        for path in ["/images/a", "/images", "/ximages/a"] {
            assert_eq!(pattern("images/*").matches(path), pattern("/images/*").matches(path), "{path}");
        }
    }

    #[test]
    fn what_cloudfront_refuses_is_refused() {
        assert_eq!(PathPattern::parse(""), Err(PathPatternError::Empty));
        assert_eq!(PathPattern::parse(&"a".repeat(256)), Err(PathPatternError::TooLong(256)));
        assert_eq!(PathPattern::parse("/a b"), Err(PathPatternError::Character(' ')));
        assert_eq!(PathPattern::parse("/a%20b"), Err(PathPatternError::Character('%')));
        assert!(PathPattern::parse(&"a".repeat(255)).unwrap().matches(&"a".repeat(255)));
    }

    #[test]
    fn hostile_patterns_and_paths_come_to_an_end() {
        // A matcher that backtracks would not come to an end.
        let path = format!("/{}", "a".repeat(1 << 20));
        assert!(!pattern(&format!("{}b", "*a".repeat(127))).matches(&path));
        assert!(!pattern(&format!("{}b", "*?".repeat(127))).matches(&path));
        assert!(pattern(&"*a?".repeat(85)).matches(&path));
    }

    #[test]
    fn an_earlier_pattern_covers_a_later_one() {
        for (wide, narrow, expected) in [
            ("*", "/api/*", true),
            ("/api/*", "api/v1/*", true),
            ("/api/*", "/api", false),
            ("*.jpg", "images/*.jpg", true),
            ("images/*.jpg", "*.jpg", false),
            ("a?", "ab", true),
            ("a?", "a*", false),
            ("/api/*", "/api/*", true),
            ("*a*", "*b*", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), expected, "{wide} over {narrow}");
        }
    }

    /// The definition, by recursion.
    fn naive(pattern: &[char], path: &[char]) -> bool {
        match (pattern.first(), path.first()) {
            (None, None) => true,
            (Some('*'), _) => naive(&pattern[1..], path) || (!path.is_empty() && naive(pattern, &path[1..])),
            (Some('?'), Some(_)) => naive(&pattern[1..], &path[1..]),
            (Some(a), Some(b)) => a == b && naive(&pattern[1..], &path[1..]),
            _ => false,
        }
    }

    fn reference(text: &str, path: &str) -> bool {
        let text: Vec<char> = text.strip_prefix('/').unwrap_or(text).chars().collect();
        let path: Vec<char> = path.strip_prefix('/').unwrap_or(path).chars().collect();
        naive(&text, &path)
    }

    proptest! {
        #[test]
        fn matches_agrees_with_the_definition(text in "[ab/*?]{1,10}", path in "/[abc/é]{0,12}") {
            prop_assert_eq!(pattern(&text).matches(&path), reference(&text, &path));
        }

        #[test]
        fn long_patterns_agree_with_the_definition(head in "[ab]{60,70}", tail in "[ab?]{55,65}", cut in 0usize..3) {
            let text = format!("{head}*{tail}");
            let path = format!("/{head}{}{}", "b".repeat(cut), tail.replace('?', "a"));
            prop_assert_eq!(pattern(&text).matches(&path), reference(&text, &path));
            prop_assert!(pattern(&text).matches(&path));
        }

        #[test]
        fn what_a_covered_pattern_matches_its_cover_matches(
            wide in "[ab*?]{1,5}", narrow in "[ab*?]{1,5}", path in "/[abc]{0,6}"
        ) {
            if pattern(&wide).covers(&pattern(&narrow)) && pattern(&narrow).matches(&path) {
                prop_assert!(pattern(&wide).matches(&path));
            }
        }
    }
}
