//! Where a source stops being a program, and what CloudFront's engine says of it, for errors that the parser gives no place or
//! another text.

use super::tokens::{Token, Tokens};
use super::{AWAIT, AWAIT_OUTSIDE, Rejected, perl};
use boa_engine::ast::Position;

/// What ends a source as a program.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::js) struct Broken {
    /// Where the author should look.
    pub(in crate::js) at: (u32, u32),
    /// What CloudFront's engine says, without the kind of error and the line.
    pub(in crate::js) sentence: String,
    /// The line that it names.
    pub(in crate::js) line: u32,
    /// What it does not know, when that is it.
    pub(super) what: Option<Rejected>,
}

/// Reads a source again that the parser refused with `error`. `None`: the parser's own words and place are as good.
pub(in crate::js) fn explain(source: &str, error: &str) -> Option<Broken> {
    let tokens = Tokens::guessed(source);
    let last_line = super::position(source).line_number();
    let unterminated = |at: &Token<'_>, sentence: String, line| Broken { at: place(at.at), sentence, line, what: None };
    let line_end = |token: &Token<'_>| token.text.lines().next().unwrap_or_default().to_owned();
    let first = |opens: &[char]| {
        let open = |token: &&Token<'_>| token.text.starts_with(opens) && !closed(token.text);
        tokens.all().iter().find(open)
    };
    let rejected = |token: &Token<'_>, sentence: &str, what| {
        let at = place(token.at);
        Broken { at, sentence: sentence.to_owned(), line: at.0, what: Some(what) }
    };
    Some(if error.contains("unterminated string") {
        let token = first(&['\'', '"'])?;
        unterminated(token, format!("Unterminated string \"{}\"", line_end(token)), token.at.line_number())
    } else if error.contains("unterminated template") {
        let part = first(&['`', '}'])?;
        let opens =
            |token: &&Token<'_>| token.text.starts_with('`') && (token.text.ends_with("${") || !closed(token.text));
        let token = tokens.all().iter().filter(|token| token.at <= part.at).rfind(opens).unwrap_or(part);
        unterminated(token, "Unterminated template literal".to_owned(), last_line)
    } else if error.contains("unterminated multiline comment") {
        let token = tokens.all().last().filter(|token| token.text.starts_with("/*"))?;
        unterminated(token, "Unexpected token \"/*\"".to_owned(), last_line)
    } else if error.contains("new lines are not allowed in regular expressions")
        || (error.contains("abrupt end") && first(&['/']).is_some_and(|token| token.text.len() > 1))
    {
        let token = first(&['/'])?;
        unterminated(token, format!("Unterminated RegExp \"{}\"", line_end(token)), token.at.line_number())
    } else if error.contains("abrupt end") {
        let end = super::position(source);
        let sentence = "Unexpected end of input".to_owned();
        Broken { at: place(super::position(source.trim_end())), sentence, line: end.line_number(), what: None }
    } else if error.contains("Invalid regular expression literal") {
        let mut expressions = tokens.all().iter().filter(|token| token.text.starts_with('/') && token.text.len() > 1);
        let (token, part) = expressions.find_map(|token| Some((token, perl::part(token.text)?)))?;
        let sentence = format!(
            "Invalid regular expression: \"{part}\" is Perl's, which CloudFront reads and this node does not: {}",
            perl::instead_of(part)
        );
        unterminated(token, sentence, token.at.line_number())
    } else if error.contains("invalid private identifier") {
        let token = tokens.all().iter().find(|token| token.text.starts_with('#'))?;
        rejected(token, "Unexpected token \"#\"", Rejected::PrivateName)
    } else if error.contains("invalid new.target") {
        let token = tokens.all().windows(3).find(|tokens| texts(tokens) == ["new", ".", "target"])?;
        rejected(&token[0], "Unexpected token \".\"", Rejected::NewTarget)
    } else if error.contains("`import.meta`") {
        let token = tokens.all().windows(3).find(|tokens| texts(tokens) == ["import", ".", "meta"])?;
        rejected(&token[0], "Token \"import\" not supported in this version", Rejected::ImportMeta)
    } else {
        let token = tokens.before(refused_at(error)?).filter(|token| token.text == AWAIT)?;
        rejected(token, AWAIT_OUTSIDE, Rejected::AwaitOutside)
    })
}

/// Where the parser came upon what it did not expect: the end of "… at line 1, col 2".
fn refused_at(error: &str) -> Option<Position> {
    let (line, column) = error.rsplit_once(" at line ")?.1.split_once(", col ")?;
    Some(Position::new(line.trim().parse().ok()?, column.trim().parse().ok()?))
}

fn place(at: Position) -> (u32, u32) {
    (at.line_number(), at.column_number())
}

fn texts<'a>(tokens: &[Token<'a>]) -> [&'a str; 3] {
    [tokens[0].text, tokens[1].text, tokens[2].text]
}

/// Whether a string, a template's part or a regular expression ends as it must.
fn closed(text: &str) -> bool {
    if text.starts_with("/*") {
        return true;
    }
    let mut characters = text.chars();
    let Some(open) = characters.next() else { return true };
    let (mut escaped, mut in_class) = (false, false);
    while let Some(character) = characters.next() {
        match (open, character) {
            _ if std::mem::take(&mut escaped) => {}
            (_, '\\') => escaped = true,
            ('`' | '}', '`') => return true,
            ('`' | '}', '$') if characters.as_str().starts_with('{') => return true,
            ('\'' | '"' | '/', '\n' | '\r') => return false,
            ('/', '[') => in_class = true,
            ('/', ']') => in_class = false,
            ('/', '/') if !in_class => return true,
            ('\'' | '"', end) if end == open => return true,
            _ => {}
        }
    }
    // A bracket or a division.
    matches!(open, '}' | '/') && text.chars().count() == 1
}
