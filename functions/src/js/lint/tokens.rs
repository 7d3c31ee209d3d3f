//! Where the words and signs of a source stand: the syntax tree keeps no place for `of`, `class`, `=` and the like.

use boa_engine::ast::Position;
use std::collections::HashSet;

/// A word, number, literal or sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) at: Position,
    pub(super) text: &'a str,
}

/// The tokens of a source that parses, in order, comments left out.
#[derive(Debug)]
pub(super) struct Tokens<'a>(Vec<Token<'a>>);

/// Signs of several characters that must not be taken apart.
const SIGNS: [&str; 6] = ["...", "??=", "||=", "&&=", "?.", "??"];

impl<'a> Tokens<'a> {
    /// `regular_expressions` are the places where one begins: only the parser knows them from divisions.
    pub(super) fn of(source: &'a str, regular_expressions: &HashSet<Position>) -> Self {
        Self::read(source, |at, _| regular_expressions.contains(&at))
    }

    /// Of a source that does not parse. Where a regular expression begins is guessed; a comment that does not end is a token.
    pub(super) fn guessed(source: &'a str) -> Self {
        let ended = source.rfind("/*").is_none_or(|open| source[open + 2..].contains("*/"));
        let begins = |_, before: Option<&Token<'_>>| before.is_none_or(|before| expects_operand(before.text));
        let mut tokens = Self::read(source, |at, tokens: &[Token<'_>]| begins(at, tokens.last()));
        let comment = tokens
            .0
            .last()
            .map_or(0, |token| token.text.as_ptr() as usize - source.as_ptr() as usize + token.text.len());
        if let Some(open) = source[comment..].find("/*").filter(|_| !ended) {
            let at = super::position(&source[..comment + open]);
            tokens.0.push(Token { at, text: &source[comment + open..] });
        }
        tokens
    }

    fn read(source: &'a str, is_regular_expression: impl Fn(Position, &[Token<'a>]) -> bool) -> Self {
        let mut reader = Reader { source, offset: 0, line: 1, column: 1, open: Vec::new() };
        let mut tokens = Vec::new();
        while let Some(next) = reader.peek() {
            let (start, at) = (reader.offset, Position::new(reader.line, reader.column));
            if next.is_whitespace() || next == '\u{feff}' || reader.skip_comment() {
                reader.step_over_space(start);
                continue;
            }
            if next == '/' && is_regular_expression(at, &tokens) {
                reader.regular_expression();
            } else {
                reader.token(next);
            }
            tokens.push(Token { at, text: &source[start..reader.offset] });
        }
        Self(tokens)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Token<'a>] {
        &self.0
    }

    /// The last `text` before a place.
    pub(super) fn last_before(&self, place: Position, text: &str) -> Option<Token<'a>> {
        let end = self.0.partition_point(|token| token.at < place);
        self.0[..end].iter().rfind(|token| token.text == text).copied()
    }

    /// The first `text` at a place or behind it.
    pub(super) fn first_from(&self, place: Position, text: &str) -> Option<Token<'a>> {
        self.from(place).iter().find(|token| token.text == text).copied()
    }

    /// The token at a place, and the one behind it.
    pub(super) fn pair(&self, place: Position) -> Option<(Token<'a>, Token<'a>)> {
        self.from(place).first_chunk::<2>().map(|[this, next]| (*this, *next))
    }

    /// The token in front of a place.
    pub(super) fn before(&self, place: Position) -> Option<&Token<'a>> {
        self.0[..self.0.partition_point(|token| token.at < place)].last()
    }

    /// Each place where `first` and `second` follow each other.
    pub(super) fn pairs<'t>(&'t self, first: &'t str, second: &'t str) -> impl Iterator<Item = Token<'a>> + 't {
        let found = move |pair: &&[Token<'a>]| pair[0].text == first && pair[1].text == second;
        self.0.windows(2).filter(found).map(|pair| pair[1])
    }

    fn from(&self, place: Position) -> &[Token<'a>] {
        &self.0[self.0.partition_point(|token| token.at < place)..]
    }
}

/// A template hole among the open brackets.
const HOLE: char = '$';

struct Reader<'a> {
    source: &'a str,
    offset: usize,
    line: u32,
    /// In characters, from 1, as the parser counts.
    column: u32,
    open: Vec<char>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.source[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        let line_ends = match next {
            '\r' => self.peek() != Some('\n'),
            '\n' | '\u{2028}' | '\u{2029}' => true,
            _ => false,
        };
        if line_ends {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(next)
    }

    fn step_over(&mut self, characters: usize) {
        for _ in 0..characters {
            self.step();
        }
    }

    fn step_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&keep) {
            self.step();
        }
    }

    /// Unless a comment was skipped since `start` already.
    fn step_over_space(&mut self, start: usize) {
        if self.offset == start {
            self.step();
        }
    }

    fn skip_comment(&mut self) -> bool {
        if self.rest().starts_with("//") {
            self.step_while(|character| !matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}'));
            return true;
        }
        let comment = self.rest().starts_with("/*");
        if comment {
            let length = self.rest()[2..].find("*/").map_or(self.rest().len(), |length| length + 4);
            let end = self.offset + length;
            while self.offset < end {
                self.step();
            }
        }
        comment
    }

    fn token(&mut self, next: char) {
        match next {
            '\'' | '"' => self.string(next),
            '`' => self.template(),
            '}' if self.open.last() == Some(&HOLE) => {
                self.open.pop();
                self.template();
            }
            _ if is_word(next) => self.step_while(is_word),
            _ => self.sign(next),
        }
    }

    fn sign(&mut self, next: char) {
        match next {
            '(' | '[' | '{' => self.open.push(next),
            ')' | ']' | '}' => {
                self.open.pop();
            }
            _ => {}
        }
        let sign = SIGNS.into_iter().find(|sign| self.rest().starts_with(sign));
        // `a?.5:1` is a condition.
        let fraction = sign == Some("?.") && self.rest()[2..].starts_with(|next: char| next.is_ascii_digit());
        self.step_over(sign.filter(|_| !fraction).map_or(1, str::len));
    }

    fn string(&mut self, quote: char) {
        self.step();
        while let Some(next) = self.step() {
            match next {
                '\\' => self.step_over(1),
                _ if next == quote => return,
                _ => {}
            }
        }
    }

    /// From a backtick or the end of a hole to the next hole or the end of the template.
    fn template(&mut self) {
        self.step();
        while let Some(next) = self.step() {
            match next {
                '\\' => self.step_over(1),
                '`' => return,
                '$' if self.peek() == Some('{') => {
                    self.step();
                    self.open.push(HOLE);
                    return;
                }
                _ => {}
            }
        }
    }

    fn regular_expression(&mut self) {
        let mut in_class = false;
        self.step();
        while let Some(next) = self.step() {
            match next {
                '\\' => self.step_over(1),
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => break,
                _ => {}
            }
        }
        self.step_while(is_word);
    }
}

/// Whether what follows a token is not an operator, so that a `/` begins a regular expression.
fn expects_operand(before: &str) -> bool {
    const WORDS: [&str; 9] = ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "await"];
    match before.chars().next_back() {
        Some(last) if is_word(last) => WORDS.contains(&before),
        Some(last) => !matches!(last, ')' | ']' | '}' | '"' | '\'' | '`'),
        None => true,
    }
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '#' | '\\' | '\u{200c}' | '\u{200d}')
}
