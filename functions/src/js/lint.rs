//! What CloudFront's engine rejects though ours runs it: found in the author's source, with place and way out.
//!
//! It parses, and a parser may end its process: call it where functions are compiled.

mod tokens;
mod walk;

use super::source::{self, Refusal};
use boa_engine::ast::Position;
use boa_engine::ast::scope::Scope;
use boa_engine::interner::Interner;
use boa_engine::parser::{Parser, Source};
use homefront_config::function::FunctionRuntime;
use homefront_config::limits::{FUNCTION_CODE_BYTES_MAX, FUNCTION_FINDING_TEXT_BYTES_MAX, FUNCTION_FINDINGS_MAX};
use std::fmt;

/// Something in a function that CloudFront's engine rejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What it is.
    pub what: Rejected,
    /// What CloudFront's engine says, without the kind of error and the line, where that is known. One line, at most
    /// `FUNCTION_FINDING_TEXT_BYTES_MAX` bytes.
    pub sentence: Option<String>,
}

macro_rules! rejected {
    ($($(#[$doc:meta])* $what:ident: $name:literal, $hint:literal;)*) => {
        /// Syntax that CloudFront's engine rejects.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rejected {
            $($(#[$doc])* $what,)*
        }

        impl Rejected {
            /// All there are; a frame names one by its place here.
            pub const ALL: &[Self] = &[$(Self::$what),*];

            fn name(self) -> &'static str {
                match self { $(Self::$what => $name,)* }
            }

            fn hint(self) -> &'static str {
                match self { $(Self::$what => $hint,)* }
            }
        }
    };
}

rejected! {
    /// `f(a = 1)`
    DefaultParameter: "default values of parameters", "set it in the body: if (a === undefined) a = 1;";
    /// `f(...list)`, `[...list]`
    Spread: "spread (...)", "use apply or concat: f.apply(null, list), a.concat(b)";
    /// The same in runtime 1.0, which reports nothing.
    SpreadMisread: "spread (...)", "use apply or concat: f.apply(null, list), a.concat(b)";
    /// `{...object}`
    ObjectSpread: "spread in object literals", "use Object.assign({}, a, b)";
    /// `var {a} = o`, `[a] = o`
    Destructuring: "destructuring", "take the parts one by one: var a = o.a, b = list[0];";
    /// `function ([a])`, `({a}) => a`
    DestructuredParameter: "destructuring of parameters", "name the whole and take its parts in the body: var k = pair[0];";
    /// `for (a of b)`
    ForOf: "for (… of …)", "count: for (var i = 0; i < list.length; i++), or use list.forEach";
    /// `class`
    Class: "class", "use an object, or a function and its prototype";
    /// `a?.b`
    OptionalChaining: "optional chaining (?.)", "test for undefined first: a && a.b";
    /// `a ??= b`
    NullishAssignment: "??=", "write it out: a = a ?? b";
    /// `1n`
    BigInt: "BigInt", "use a number, or a string for what is beyond 2 ** 53";
    /// `function*`
    Generator: "generators (function*)", "gather the values in an array and return that";
    /// `catch {`
    CatchWithoutBinding: "catch without a name", "name the error: catch (error) {";
    /// `/a/u`
    RegExpFlag: "these flags of a regular expression", "leave the flag out";
    /// `/a/y` in runtime 1.0
    StickyFlag: "these flags of a regular expression", "leave the flag out, or set runtime = \"cloudfront-js-2.0\"";
    /// `let` in runtime 1.0
    Let: "let in runtime 1.0", "use var, or set runtime = \"cloudfront-js-2.0\"";
    /// `const` in runtime 1.0
    Const: "const in runtime 1.0", "use var, or set runtime = \"cloudfront-js-2.0\"";
    /// `async` in runtime 1.0
    Async: "async in runtime 1.0", "set runtime = \"cloudfront-js-2.0\"";
    /// `await` in runtime 1.0
    Await: "await in runtime 1.0", "set runtime = \"cloudfront-js-2.0\"";
    /// `f(await x)`
    AwaitInArguments: "await in the arguments of a call", "await first: const value = await x; f(value);";
    /// `export`
    Export: "export", "leave it out: the function named handler is found by its name";
    /// `import {a} from 'b'`, `import * as a from 'b'`, `import('b')`
    ImportForm: "this form of import", "import the whole: import crypto from 'crypto'; then crypto.createHash";
    /// `import a from 'fs'`
    UnknownModule: "this module", "there are buffer, cloudfront, crypto and querystring, and no files";
    /// `import` in runtime 1.0
    ImportIn1_0: "import in runtime 1.0", "use require('crypto'), or set runtime = \"cloudfront-js-2.0\"";
}

impl Rejected {
    /// Whether our engine refuses it too, so that the function has a fault besides.
    fn stops_loading(self) -> bool {
        matches!(self, Self::Export | Self::ImportForm | Self::UnknownModule | Self::ImportIn1_0)
    }
}

impl Finding {
    fn new(at: Position, what: Rejected, sentence: Option<String>) -> Self {
        let sentence = sentence.map(|sentence| one_line(&sentence));
        Self { line: at.line_number(), column: at.column_number(), what, sentence }
    }

    /// Whether our engine refuses it too, so that the function has a fault besides.
    pub fn stops_loading(&self) -> bool {
        self.what.stops_loading()
    }
}

fn one_line(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(FUNCTION_FINDING_TEXT_BYTES_MAX));
    line
}

/// `12:9: CloudFront's engine does not know …`, and the way out on a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what, sentence } = self;
        let name = what.name();
        write!(f, "{line}:{column}: CloudFront's engine ")?;
        match what {
            Rejected::SpreadMisread => write!(f, "misreads {name} in runtime 1.0 and reports no error")?,
            _ => write!(f, "does not know {name}: it answers 503 to every request")?,
        }
        if let Some(sentence) = sentence {
            write!(f, " (SyntaxError: {sentence} in {line})")?;
        }
        write!(f, "\n  hint: {}", what.hint())
    }
}

/// What CloudFront's engine rejects in a source, in order, the first `FUNCTION_FINDINGS_MAX`. Nothing for a source that does
/// not parse at all: loading it says why.
pub fn lint(source: &str, runtime: FunctionRuntime) -> Vec<Finding> {
    if source.len() as u64 > FUNCTION_CODE_BYTES_MAX {
        return Vec::new();
    }
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let blanked = match source::without_imports(source, runtime) {
        Ok(blanked) => blanked,
        Err(Refusal { message, at, what }) => {
            let finding = |what| Finding::new(position(&source[..at]), what, Some(message));
            return what.map(finding).into_iter().collect();
        }
    };
    let mut interner = Interner::default();
    let Ok(script) = Parser::new(Source::from_bytes(&blanked)).parse_script(&Scope::new_global(), &mut interner) else {
        return Vec::new();
    };
    let mut findings = walk::findings(&script, &blanked, runtime, &interner);
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings.truncate(FUNCTION_FINDINGS_MAX);
    findings
}

/// Where a text ends that begins at 1:1.
fn position(before: &str) -> Position {
    let start = before.rfind(['\n', '\r', '\u{2028}', '\u{2029}']).map_or(before, |end| {
        let line = &before[end..];
        &line[line.chars().next().map_or(0, char::len_utf8)..]
    });
    let lines = before.replace("\r\n", "\n").matches(['\n', '\r', '\u{2028}', '\u{2029}']).count();
    Position::new(lines as u32 + 1, start.chars().count() as u32 + 1)
}

#[cfg(test)]
mod tests;
