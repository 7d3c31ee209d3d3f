//! From a function's file to something the engine runs: imports taken out, the whole wrapped in one arrow function.
//!
//! Each call evaluates the arrow function, so every module variable starts anew. Lines keep their numbers.

use super::LoadError;
use super::lint::{self, Rejected};
use boa_engine::{Context, JsError, Script, Source};
use homefront_config::function::FunctionRuntime;

/// A function's source, ready to be evaluated in any context of its runtime.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    /// An expression whose value is the arrow function.
    pub(super) text: String,
    /// The modules it is called with, in order of its parameters.
    pub(super) modules: Vec<String>,
    /// Whether one more parameter takes [`super::fault::Reword`], called with what each `catch` catches.
    pub(super) catches: bool,
}

/// Modules of runtime 2.0. Runtime 1.0 has no `import`.
const MODULES: [&str; 4] = ["buffer", "cloudfront", "crypto", "querystring"];

/// Why the imports cannot be taken out of a source.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What CloudFront's engine says, without the kind of error and the line.
    pub(super) message: String,
    /// Bytes of the source before the place.
    pub(super) at: usize,
    /// What CloudFront's engine does not know, when that is it.
    pub(super) what: Option<Rejected>,
}

/// The source with its imports blanked out, so that every character of the rest stays in its place, and the names they bind,
/// each with its module.
pub(super) fn without_imports(
    code: &str,
    runtime: FunctionRuntime,
) -> Result<(String, Vec<(String, String)>), Refusal> {
    let scan = Scanner::new(code, runtime).run()?;
    Ok((scan.blanked, scan.imports.into_iter().map(|import| (import.name, import.module)).collect()))
}

/// Takes the imports out, checks that what is left is a program, and wraps it.
pub(super) fn wrap(code: &str, runtime: FunctionRuntime, context: &mut Context) -> Result<Wrapped, LoadError> {
    let parse = |text: &str, context: &mut Context| Script::parse(Source::from_bytes(text), None, context).map(drop);
    // Alone first, so that a stray `}` cannot end the wrapper and errors are about the author's text.
    let wrapped = wrap_checked(code, runtime, |blanked| {
        parse(blanked, context).map_err(|error| broken(blanked, &error).unwrap_or_else(|| syntax_error(&error)))
    })?;
    parse(&wrapped.text, context).map_err(|error| syntax_error(&error))?;
    Ok(wrapped)
}

/// Wraps what [`wrap`] has taken before.
pub(super) fn wrap_proven(code: &str, runtime: FunctionRuntime) -> Result<Wrapped, LoadError> {
    wrap_checked(code, runtime, |_| Ok(()))
}

fn wrap_checked(
    code: &str,
    runtime: FunctionRuntime,
    check: impl FnOnce(&str) -> Result<(), LoadError>,
) -> Result<Wrapped, LoadError> {
    let scan = Scanner::new(code, runtime).run().map_err(|refusal| {
        let (line, column) = position(&code[..refusal.at]);
        LoadError::syntax(&refusal.message, Some(line)).in_column(Some(column))
    })?;
    check(&scan.blanked)?;
    let mut parameters: Vec<&str> = scan.imports.iter().map(|import| import.name.as_str()).collect();
    let clauses = lint::catch_clauses(&scan.blanked);
    let reword = name_of_none(code);
    if !clauses.is_empty() {
        parameters.push(&reword);
    }
    let text = format!(
        "(({}) => {{\"use strict\"; {}\n;return typeof handler === \"undefined\" ? undefined : handler;}})",
        parameters.join(","),
        with_calls(&scan.blanked, &clauses, &reword)
    );
    let modules = scan.imports.into_iter().map(|import| import.module).collect();
    Ok(Wrapped { text, modules, catches: !clauses.is_empty() })
}

/// A name that does not occur in the source.
fn name_of_none(code: &str) -> String {
    let mut name = "reword".to_owned();
    while code.contains(&name) {
        name.push('_');
    }
    name
}

/// The source with a call of `function` at the start of each `catch`.
fn with_calls(source: &str, clauses: &[(usize, String)], function: &str) -> String {
    let mut text = String::with_capacity(source.len() + clauses.len() * (function.len() + 16));
    let mut copied = 0;
    for (end, name) in clauses {
        text.push_str(&source[copied..*end]);
        text.extend([function, "(", name, ");"]);
        copied = *end;
    }
    text.push_str(&source[copied..]);
    text
}

/// Where the author's text stops being a program, when the engine does not know.
fn broken(text: &str, error: &JsError) -> Option<LoadError> {
    let lint::Broken { at: (line, column), sentence, line: named, .. } = lint::explain(text, &error.to_string())?;
    Some(LoadError { line: Some(line), ..LoadError::syntax(&sentence, Some(named)).in_column(Some(column)) })
}

/// The engine's syntax error in the words of CloudFront's.
pub(super) fn syntax_error(error: &JsError) -> LoadError {
    let text = error.as_native().map_or_else(|| error.to_string(), |native| native.message().to_owned());
    let (what, line, column) = match text.rsplit_once(" at line ") {
        Some((what, position)) => {
            let mut numbers = position.split(", col ").map(|number| number.trim().parse::<u32>().ok());
            (what, numbers.next().flatten(), numbers.next().flatten())
        }
        None => (text.as_str(), None, None),
    };
    let what =
        if let Some(token) = offending_token(what) { format!("Unexpected token \"{token}\"") } else { what.to_owned() };
    LoadError::syntax(&what, line).in_column(column)
}

/// Line and column, in characters, of where a text ends.
fn position(before: &str) -> (u32, u32) {
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() as u32 + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() as u32 + 1)
}

/// `x` of "unexpected token 'x', …" and "expected …, got 'x' in …".
fn offending_token(what: &str) -> Option<&str> {
    let rest = what.strip_prefix("unexpected token '").or_else(|| Some(what.rsplit_once(", got '")?.1))?;
    let end = rest.rfind("', ").or_else(|| rest.rfind("' in ")).or_else(|| rest.rfind('\''))?;
    rest.get(..end)
}

struct Import {
    name: String,
    module: String,
}

struct Scan {
    blanked: String,
    imports: Vec<Import>,
}

/// Finds `import` and `export` at the top level; knows strings, templates, comments and regular expressions only as
/// things to step over.
struct Scanner<'a> {
    code: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Open brackets; a template hole is marked so that its end goes back into the template.
    open: Vec<u8>,
    /// The last byte that was neither space nor comment, and whether a word ends there.
    last: Option<u8>,
    last_word: &'a str,
    runtime: FunctionRuntime,
    blanked: String,
    /// Bytes of the source that `blanked` has already.
    copied: usize,
    imports: Vec<Import>,
}

const HOLE: u8 = b'$';

impl<'a> Scanner<'a> {
    fn new(code: &'a str, runtime: FunctionRuntime) -> Self {
        Self {
            code,
            bytes: code.as_bytes(),
            at: 0,
            open: Vec::new(),
            last: None,
            last_word: "",
            runtime,
            blanked: String::with_capacity(code.len()),
            copied: 0,
            imports: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Scan, Refusal> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'/' if self.peek(1) == Some(b'/') => self.skip_while(|byte| byte != b'\n'),
                b'/' if self.peek(1) == Some(b'*') => self.skip_past("*/"),
                b'/' if self.regular_expression_may_start() => self.skip_regular_expression(),
                b'\'' | b'"' => self.skip_string(byte),
                b'`' => self.skip_template(),
                b'}' if self.open.last() == Some(&HOLE) => {
                    self.open.pop();
                    self.skip_template();
                }
                _ if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$' | 0x80..) => self.word()?,
                _ => self.punctuation(byte),
            }
        }
        self.blanked.push_str(&self.code[self.copied..]);
        Ok(Scan { blanked: self.blanked, imports: self.imports })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&keep) {
            self.at += 1;
        }
    }

    fn skip_past(&mut self, end: &str) {
        self.at = self.code[self.at + 2..].find(end).map_or(self.bytes.len(), |found| self.at + 2 + found + end.len());
    }

    fn token(&mut self, last: u8) {
        self.last = Some(last);
        self.last_word = "";
    }

    fn punctuation(&mut self, byte: u8) {
        match byte {
            b'(' | b'[' | b'{' => self.open.push(byte),
            b')' | b']' | b'}' => {
                self.open.pop();
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            self.token(byte);
        }
        self.at += 1;
    }

    fn regular_expression_may_start(&self) -> bool {
        const BEFORE: [&str; 8] = ["return", "typeof", "case", "in", "of", "delete", "void", "throw"];
        match self.last {
            None => true,
            Some(_) if !self.last_word.is_empty() => BEFORE.contains(&self.last_word),
            Some(last) => !matches!(last, b')' | b']' | b'}' | b'"' | b'\'' | b'`' | b'0'..=b'9'),
        }
    }

    fn skip_regular_expression(&mut self) {
        let mut in_class = false;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                b'\n' => break,
                _ => {}
            }
        }
        self.token(b')');
    }

    fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => break,
                _ if byte == quote => break,
                _ => {}
            }
        }
        self.token(quote);
    }

    /// From a backtick or the end of a hole to the next hole or the end of the template.
    fn skip_template(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => break,
                b'$' if self.peek(0) == Some(b'{') => {
                    self.at += 1;
                    self.open.push(HOLE);
                    self.token(b'{');
                    return;
                }
                _ => {}
            }
        }
        self.token(b'`');
    }

    fn word(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..));
        let word = &self.code[start..self.at];
        let top_level = self.open.is_empty() && self.last != Some(b'.');
        if top_level && word == "export" {
            let message = "Illegal export statement".to_owned();
            return Err(Refusal { message, at: start, what: Some(Rejected::Export) });
        }
        if top_level && word == "import" {
            return self.import(start);
        }
        self.last = word.bytes().last();
        self.last_word = word;
        Ok(())
    }

    /// `import name from 'module'`: remembered, and blanked out but for its line ends.
    fn import(&mut self, start: usize) -> Result<(), Refusal> {
        let refuse = |message: &str, what| Err(Refusal { message: message.to_owned(), at: start, what });
        let other_form = || refuse("Non-default import is not supported", Some(Rejected::ImportForm));
        if self.runtime == FunctionRuntime::CloudfrontJs1_0 {
            return refuse("Token \"import\" not supported in this version", Some(Rejected::ImportIn1_0));
        }
        let space = |byte: u8| byte.is_ascii_whitespace();
        self.skip_while(space);
        let name_start = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..));
        let name = &self.code[name_start..self.at];
        self.skip_while(space);
        if name.is_empty() || self.peek(0) == Some(b',') {
            return other_form();
        }
        let quote = match self.code[self.at..].strip_prefix("from").map(str::trim_start) {
            Some(rest) if rest.starts_with(['\'', '"']) => rest.as_bytes()[0],
            _ => return other_form(),
        };
        let module_start = self.at + self.code[self.at..].find(char::from(quote)).expect("it starts with one") + 1;
        let Some(length) = self.code[module_start..].find(char::from(quote)) else {
            return refuse("Unterminated string", None);
        };
        let module = &self.code[module_start..module_start + length];
        if !MODULES.contains(&module) {
            return refuse(&format!("Cannot find module \"{module}\""), Some(Rejected::UnknownModule));
        }
        self.at = module_start + length + 1;
        let line_end = |character: &char| matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}');
        self.blanked.push_str(&self.code[self.copied..start]);
        self.blanked.extend(self.code[start..self.at].chars().map(|c| if line_end(&c) { c } else { ' ' }));
        self.copied = self.at;
        self.imports.push(Import { name: name.to_owned(), module: module.to_owned() });
        self.token(b';');
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn wrapped(code: &str) -> Result<Wrapped, LoadError> {
        wrap(code, FunctionRuntime::CloudfrontJs2_0, &mut Context::default())
    }

    fn message(code: &str) -> String {
        wrapped(code).unwrap_err().message
    }

    #[test]
    fn imports_become_parameters_and_lines_stay() {
        let code = "import cf from 'cloudfront';\nimport\n crypto from \"crypto\"\nvar a = 1;";
        let wrapped = wrapped(code).unwrap();
        assert_eq!(wrapped.modules, ["cloudfront", "crypto"]);
        assert!(wrapped.text.starts_with("((cf,crypto) => {"), "{}", wrapped.text);
        assert_eq!(wrapped.text.lines().position(|line| line.contains("var a")), Some(3));
    }

    #[test]
    fn the_word_import_elsewhere_is_left_alone() {
        for code in [
            "var s = 'import x from \"y\"';",
            "var t = `\nimport x from 'y' ${ {a: `}` } } import x from 'y'`;",
            "// import x from 'y'\n/* import x from 'y' */",
            "var r = /[/'\"]import x/, q = 4 / 2; var s = '/';",
            "var o = {}; o.import = 1; o.export = 2;",
            "function f() { return /'/; }\nvar z = \"'\";",
        ] {
            let wrapped = wrapped(code).unwrap();
            assert!(wrapped.modules.is_empty());
            assert!(wrapped.text.contains(code), "{code}");
        }
    }

    #[test]
    fn what_cloudfront_cannot_import_is_refused() {
        insta::assert_snapshot!(message("\nimport {get} from 'crypto';"), @"SyntaxError: Non-default import is not supported in 2");
        insta::assert_snapshot!(message("import * as c from 'crypto';"), @"SyntaxError: Non-default import is not supported in 1");
        insta::assert_snapshot!(message("import fs from 'fs';"), @r#"SyntaxError: Cannot find module "fs" in 1"#);
        insta::assert_snapshot!(message("import './a.js';"), @"SyntaxError: Non-default import is not supported in 1");
        insta::assert_snapshot!(message("function handler(e) {}\nexport { handler };"), @"SyntaxError: Illegal export statement in 2");
    }

    #[test]
    fn syntax_errors_name_token_and_line() {
        insta::assert_snapshot!(message("var a = ;"), @r#"SyntaxError: Unexpected token ";" in 1"#);
        insta::assert_snapshot!(message("function handler(e) {\n  return e.request"), @"SyntaxError: Unexpected end of input in 2");
        insta::assert_snapshot!(message("\n\nvar 1a = 2;"));
        insta::assert_snapshot!(message("return 1;"));
        insta::assert_snapshot!(message("let a;\nlet a;"));
    }

    #[test]
    fn what_ends_too_early_has_a_place() {
        let told = |code: &str| {
            let LoadError { message, line, column } = wrapped(code).unwrap_err();
            format!("{}:{}: {message}", line.unwrap(), column.unwrap())
        };
        insta::assert_snapshot!(told("function handler(e) {\n  return e;\n\n"), @"2:12: SyntaxError: Unexpected end of input in 4");
        insta::assert_snapshot!(told("var s = (1 +"), @"1:13: SyntaxError: Unexpected end of input in 1");
        insta::assert_snapshot!(told("f('a');\nvar s = 'b\nf();"), @r#"2:9: SyntaxError: Unterminated string "'b" in 2"#);
        insta::assert_snapshot!(told("var s = \"it's"), @r#"1:9: SyntaxError: Unterminated string ""it's" in 1"#);
        insta::assert_snapshot!(told("var a = `x${1}y`,\n s = `b\n${a} c\n"), @"2:6: SyntaxError: Unterminated template literal in 4");
        insta::assert_snapshot!(told("/* a */ f();\n /* b\n"), @r#"2:2: SyntaxError: Unexpected token "/*" in 3"#);
        insta::assert_snapshot!(told("var h = 4 / 2 / 1;\nvar r = /[/]b\n;"), @r#"2:9: SyntaxError: Unterminated RegExp "/[/]b" in 2"#);
        insta::assert_snapshot!(told("var r = /b"), @r#"1:9: SyntaxError: Unterminated RegExp "/b" in 1"#);
        insta::assert_snapshot!(told("var b = {};\nb.a = 1; b.#c = 2;"), @r##"2:12: SyntaxError: Unexpected token "#" in 2"##);
        insta::assert_snapshot!(told("var a = 1;\n  a = new.target;"), @r#"2:7: SyntaxError: Unexpected token "." in 2"#);
        insta::assert_snapshot!(told("f();\nf(import.meta.url);"), @r#"2:3: SyntaxError: Token "import" not supported in this version in 2"#);
    }

    #[test]
    fn what_is_caught_is_handed_over_first() {
        let code = "var reword = {catch(e) {}, a: 1};\ntry { f(); } catch (e) { g(e); }\n\
                    p.catch(function (e) {}); try {} catch /* x */ (é)\n{} // } catch (a) {";
        let wrapped = wrapped(code).unwrap();
        assert!(wrapped.catches);
        let expected = code.replace("(e) { g", "(e) {reword_(e); g").replace("(é)\n{", "(é)\n{reword_(é);");
        assert!(wrapped.text.starts_with("((reword_) => {") && wrapped.text.contains(&expected), "{}", wrapped.text);
        assert!(!super::tests::wrapped("var a = {catch(e) {}};").unwrap().catches);
    }

    #[test]
    fn a_source_cannot_leave_its_wrapper() {
        for code in ["}); globalThis.x = 1; (() => {", "} globalThis.x = 1; {", "*/ } /*"] {
            assert!(wrapped(code).is_err(), "{code}");
        }
    }
}
