//! The walk through the syntax tree that finds what CloudFront's engine rejects.

use super::tokens::{Token, Tokens, is_word};
use super::{AWAIT, AWAIT_OUTSIDE, Finding, Rejected, pcre, perl};
use boa_engine::ast::Expression;
use boa_engine::ast::declaration::{Binding, LexicalDeclaration, Variable};
use boa_engine::ast::expression::access::SuperPropertyAccess;
use boa_engine::ast::expression::literal::{Literal, LiteralKind, ObjectMethodDefinition, PropertyDefinition};
use boa_engine::ast::expression::operator::Assign;
use boa_engine::ast::expression::operator::assign::AssignOp;
use boa_engine::ast::expression::{Await, Call, ImportCall, NewTarget, OptionalOperation, RegExpLiteral, Spread};
use boa_engine::ast::function::{
    ArrowFunction, AsyncArrowFunction, AsyncFunctionDeclaration, AsyncFunctionExpression, AsyncGeneratorDeclaration,
    AsyncGeneratorExpression, ClassDeclaration, ClassExpression, FormalParameter, FormalParameterList, FunctionBody,
    GeneratorDeclaration, GeneratorExpression,
};
use boa_engine::ast::pattern::Pattern;
use boa_engine::ast::property::{MethodDefinitionKind, PropertyName};
use boa_engine::ast::statement::Catch;
use boa_engine::ast::statement::iteration::{ForOfLoop, IterableLoopInitializer};
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Script, Spanned};
use boa_engine::interner::Interner;
use homefront_config::function::FunctionRuntime;
use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

type Flow = ControlFlow<Infallible>;
const ON: Flow = ControlFlow::Continue(());

/// The tokens of a source; the tree knows its regular expressions.
pub(super) fn tokens<'a>(script: &Script, source: &'a str) -> Tokens<'a> {
    let mut places = RegularExpressions(HashSet::new());
    let _ = places.visit_script(script);
    Tokens::of(source, &places.0)
}

/// In the order of the tree, which is not always that of the text.
pub(super) fn findings(
    script: &Script,
    tokens: &Tokens<'_>,
    runtime: FunctionRuntime,
    interner: &Interner,
) -> Vec<Finding> {
    let mut walk = Walk {
        findings: Vec::new(),
        tokens,
        interner,
        first_runtime: runtime == FunctionRuntime::CloudfrontJs1_0,
        nesting: Nesting::default(),
        in_arrow_parameters: false,
        in_catch: false,
    };
    let _ = walk.visit_script(script);
    // A block has no place in the tree; but these two can follow each other nowhere else.
    for brace in tokens.pairs("catch", "{") {
        walk.note(brace.at, Rejected::CatchWithoutBinding, Some(unsupported("{")));
    }
    // To the parser they are not there.
    for sign in html_comments(tokens.all()) {
        walk.note(sign.at, Rejected::HtmlComment, Some(unexpected(&sign.text[..1])));
    }
    // The tree has names as they are meant.
    for word in tokens.all() {
        if word.text.starts_with(|first| is_word(first) && first != '#') && word.text.contains('\\') {
            walk.note(word.at, Rejected::EscapedName, Some(unexpected("\\")));
        } else if word.text.starts_with(is_word) && !word.text.is_ascii() {
            walk.note(word.at, Rejected::NonAsciiName, Some("Unexpected token".to_owned()));
        }
        let number = word.text.starts_with(|first: char| first.is_ascii_digit());
        if walk.first_runtime && number && word.text.contains('_') {
            let at = word.text.find('_').unwrap_or_default();
            walk.note(word.at, Rejected::NumericSeparator, Some(unexpected(&word.text[at..])));
        }
    }
    walk.findings
}

/// The first sign of each `<!--`, and of each `-->` that begins a line.
fn html_comments<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = Token<'a>> + 't {
    let spells = |tokens: &[Token<'_>], sign: &str| {
        let texts = tokens.iter().map(|token| token.text);
        let joined = tokens.windows(2).all(|pair| pair[0].text.as_bytes().as_ptr_range().end == pair[1].text.as_ptr());
        joined && texts.eq(sign.split_inclusive(|_: char| true))
    };
    (0..tokens.len()).filter_map(move |index| {
        let (before, rest) = (tokens[..index].last(), &tokens[index..]);
        let begins_a_line = before.is_none_or(|before| before.at.line_number() < rest[0].at.line_number());
        let opens = rest.first_chunk::<4>().is_some_and(|signs| spells(signs, "<!--"));
        let closes = begins_a_line && rest.first_chunk::<3>().is_some_and(|signs| spells(signs, "-->"));
        (opens || closes).then(|| rest[0])
    })
}

struct RegularExpressions(HashSet<Position>);

impl<'ast> Visitor<'ast> for RegularExpressions {
    type BreakTy = Infallible;

    fn visit_reg_exp_literal(&mut self, node: &'ast RegExpLiteral) -> Flow {
        self.0.insert(node.span().start());
        ON
    }
}

struct Walk<'a> {
    findings: Vec<Finding>,
    tokens: &'a Tokens<'a>,
    interner: &'a Interner,
    first_runtime: bool,
    nesting: Nesting,
    in_arrow_parameters: bool,
    in_catch: bool,
}

/// How deep the walk is within the body of one function.
#[derive(Default)]
struct Nesting {
    patterns: u32,
    arguments: u32,
}

fn unsupported(token: &str) -> String {
    format!("Token \"{token}\" not supported in this version")
}

fn unexpected(token: &str) -> String {
    format!("Unexpected token \"{token}\"")
}

impl Walk<'_> {
    fn note(&mut self, at: Position, what: Rejected, sentence: Option<String>) {
        self.findings.push(Finding::new(at, what, sentence));
    }

    /// A word that only runtime 2.0 knows.
    fn modern(&mut self, at: Position, what: Rejected, word: &str) {
        if self.first_runtime {
            self.note(at, what, Some(unsupported(word)));
        }
    }

    fn modern_before(&mut self, place: Position, what: Rejected, word: &str) {
        let at = self.tokens.last_before(place, word).map_or(place, |token| token.at);
        self.modern(at, what, word);
    }

    fn generator_named(&mut self, name: Position) {
        let at = self.tokens.last_before(name, "*").map_or(name, |star| star.at);
        self.note(at, Rejected::Generator, Some(unexpected("*")));
    }

    fn generator_from(&mut self, start: Position) {
        let at = self.tokens.first_from(start, "*").map_or(start, |star| star.at);
        self.note(at, Rejected::Generator, Some(unsupported("*")));
    }

    fn async_closure(&mut self, at: Position) {
        self.modern(at, Rejected::Async, "async");
        if !self.first_runtime {
            self.note(at, Rejected::AsyncClosure, None);
        }
    }

    fn arrow(&mut self, parameters: &FormalParameterList, body: &FunctionBody) -> Flow {
        let outside = std::mem::replace(&mut self.in_arrow_parameters, true);
        self.visit_formal_parameter_list(parameters)?;
        self.in_arrow_parameters = outside;
        self.visit_function_body(body)
    }

    fn within_pattern(&mut self, pattern: &Pattern) -> Flow {
        self.nesting.patterns += 1;
        pattern.visit_with(self)?;
        self.nesting.patterns -= 1;
        ON
    }

    fn first_in(&self, pattern: &Pattern) -> Option<&str> {
        self.tokens.pair(pattern.span().start()).map(|(_, first)| first.text)
    }
}

fn start_of(binding: &Binding) -> Position {
    match binding {
        Binding::Identifier(name) => name.span().start(),
        Binding::Pattern(pattern) => pattern.span().start(),
    }
}

impl<'ast> Visitor<'ast> for Walk<'_> {
    type BreakTy = Infallible;

    fn visit_function_body(&mut self, node: &'ast FunctionBody) -> Flow {
        let outside = std::mem::take(&mut self.nesting);
        let arrow = std::mem::take(&mut self.in_arrow_parameters);
        node.visit_with(self)?;
        self.nesting = outside;
        self.in_arrow_parameters = arrow;
        ON
    }

    fn visit_formal_parameter(&mut self, node: &'ast FormalParameter) -> Flow {
        let end = match node.variable().binding() {
            Binding::Identifier(name) => name.span().end(),
            Binding::Pattern(pattern) => {
                let start = pattern.span().start();
                let bracket = self.tokens.pair(start).map_or("", |(bracket, _)| bracket.text);
                let sentence = if self.in_arrow_parameters { unexpected("=>") } else { unsupported(bracket) };
                self.note(start, Rejected::DestructuredParameter, Some(sentence));
                self.within_pattern(pattern)?;
                pattern.span().end()
            }
        };
        if let Some(value) = node.init() {
            let at = self.tokens.first_from(end, "=").map_or(end, |sign| sign.at);
            let sentence = unexpected(if self.in_arrow_parameters { "=>" } else { "=" });
            self.note(at, Rejected::DefaultParameter, Some(sentence));
            self.visit_expression(value)?;
        }
        ON
    }

    fn visit_arrow_function(&mut self, node: &'ast ArrowFunction) -> Flow {
        self.arrow(node.parameters(), node.body())
    }

    fn visit_async_arrow_function(&mut self, node: &'ast AsyncArrowFunction) -> Flow {
        self.async_closure(node.span().start());
        self.arrow(node.parameters(), node.body())
    }

    fn visit_async_function_declaration(&mut self, node: &'ast AsyncFunctionDeclaration) -> Flow {
        self.modern_before(node.name().span().start(), Rejected::Async, "async");
        node.visit_with(self)
    }

    fn visit_async_function_expression(&mut self, node: &'ast AsyncFunctionExpression) -> Flow {
        self.async_closure(node.span().start());
        node.visit_with(self)
    }

    fn visit_generator_declaration(&mut self, node: &'ast GeneratorDeclaration) -> Flow {
        self.generator_named(node.name().span().start());
        node.visit_with(self)
    }

    fn visit_async_generator_declaration(&mut self, node: &'ast AsyncGeneratorDeclaration) -> Flow {
        self.generator_named(node.name().span().start());
        node.visit_with(self)
    }

    fn visit_generator_expression(&mut self, node: &'ast GeneratorExpression) -> Flow {
        self.generator_from(node.span().start());
        node.visit_with(self)
    }

    fn visit_async_generator_expression(&mut self, node: &'ast AsyncGeneratorExpression) -> Flow {
        self.generator_from(node.span().start());
        node.visit_with(self)
    }

    fn visit_object_method_definition(&mut self, node: &'ast ObjectMethodDefinition) -> Flow {
        let name = match node.name() {
            PropertyName::Literal(name) => name.span().start(),
            PropertyName::Computed(name) => name.span().start(),
        };
        match node.kind() {
            MethodDefinitionKind::Generator | MethodDefinitionKind::AsyncGenerator => self.generator_named(name),
            MethodDefinitionKind::Async => self.modern_before(name, Rejected::Async, "async"),
            _ => {}
        }
        node.visit_with(self)
    }

    fn visit_class_declaration(&mut self, node: &'ast ClassDeclaration) -> Flow {
        let name = node.name().span().start();
        let at = self.tokens.last_before(name, "class").map_or(name, |token| token.at);
        self.note(at, Rejected::Class, Some(unsupported("class")));
        node.visit_with(self)
    }

    fn visit_class_expression(&mut self, node: &'ast ClassExpression) -> Flow {
        self.note(node.span().start(), Rejected::Class, Some(unsupported("class")));
        node.visit_with(self)
    }

    fn visit_lexical_declaration(&mut self, node: &'ast LexicalDeclaration) -> Flow {
        if let LexicalDeclaration::Using(list) | LexicalDeclaration::AwaitUsing(list) = node {
            if let Some(first) = list.as_ref().first() {
                let name = start_of(first.binding());
                let at = self.tokens.last_before(name, "using").map_or(name, |token| token.at);
                self.note(at, Rejected::Using, Some(unsupported("using")));
            }
            return node.visit_with(self);
        }
        let (what, word) = if node.is_const() { (Rejected::Const, "const") } else { (Rejected::Let, "let") };
        if let Some(first) = node.variable_list().as_ref().first() {
            self.modern_before(start_of(first.binding()), what, word);
        }
        node.visit_with(self)
    }

    fn visit_iterable_loop_initializer(&mut self, node: &'ast IterableLoopInitializer) -> Flow {
        match node {
            IterableLoopInitializer::Let(binding) => self.modern_before(start_of(binding), Rejected::Let, "let"),
            IterableLoopInitializer::Const(binding) => {
                self.modern_before(start_of(binding), Rejected::Const, "const");
            }
            _ => {}
        }
        node.visit_with(self)
    }

    fn visit_for_of_loop(&mut self, node: &'ast ForOfLoop) -> Flow {
        let iterable = node.iterable().span().start();
        let word = if node.r#await() { "await" } else { "of" };
        let at = self.tokens.last_before(iterable, word).map_or(iterable, |token| token.at);
        self.note(at, Rejected::ForOf, Some(unsupported(word)));
        node.visit_with(self)
    }

    fn visit_variable(&mut self, node: &'ast Variable) -> Flow {
        if let Binding::Pattern(pattern) = node.binding()
            && self.nesting.patterns == 0
        {
            let sentence = self.first_in(pattern).map(unsupported);
            self.note(pattern.span().start(), Rejected::Destructuring, sentence);
            self.within_pattern(pattern)?;
            return node.init().map_or(ON, |value| self.visit_expression(value));
        }
        node.visit_with(self)
    }

    fn visit_pattern(&mut self, node: &'ast Pattern) -> Flow {
        if self.nesting.patterns == 0 {
            let sentence = match (self.in_catch, self.tokens.pair(node.span().start())) {
                (true, Some((bracket, _))) => unsupported(bracket.text),
                _ => "ReferenceError: Invalid left-hand side in assignment".to_owned(),
            };
            self.note(node.span().start(), Rejected::Destructuring, Some(sentence));
        }
        self.within_pattern(node)
    }

    fn visit_catch(&mut self, node: &'ast Catch) -> Flow {
        if let Some(binding) = node.parameter() {
            self.in_catch = true;
            self.visit_binding(binding)?;
            self.in_catch = false;
        }
        self.visit_block(node.block())
    }

    fn visit_spread(&mut self, node: &'ast Spread) -> Flow {
        if self.first_runtime {
            self.note(node.span().start(), Rejected::SpreadMisread, None);
        } else {
            self.note(node.span().start(), Rejected::Spread, Some(unexpected("...")));
        }
        node.visit_with(self)
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> Flow {
        if let PropertyDefinition::SpreadObject(object) = node {
            let start = object.span().start();
            let at = self.tokens.last_before(start, "...").map_or(start, |token| token.at);
            self.note(at, Rejected::ObjectSpread, Some(unsupported("...")));
        }
        node.visit_with(self)
    }

    fn visit_optional_operation(&mut self, node: &'ast OptionalOperation) -> Flow {
        if node.shorted() {
            // The parser places it at the sign or behind it.
            let start = node.span().start();
            let sign = self.tokens.pair(start).map(|(token, _)| token).filter(|token| token.text == "?.");
            let sign = sign.or_else(|| self.tokens.last_before(start, "?."));
            let at = sign.map_or(start, |sign| sign.at);
            // It takes the sign for that of a condition and a fraction, and stumbles over what is no digit.
            let behind = self.tokens.pair(at).map(|(_, behind)| behind.text).filter(|text| matches!(*text, "[" | "("));
            self.note(at, Rejected::OptionalChaining, behind.map(unexpected));
        }
        node.visit_with(self)
    }

    fn visit_assign(&mut self, node: &'ast Assign) -> Flow {
        let (what, sign) = match node.op() {
            AssignOp::Coalesce => (Rejected::NullishAssignment, "??="),
            AssignOp::BoolOr => (Rejected::LogicalAssignment, "||="),
            AssignOp::BoolAnd => (Rejected::LogicalAssignment, "&&="),
            _ => return node.visit_with(self),
        };
        let end = node.lhs().span().end();
        let at = self.tokens.first_from(end, sign).map_or(end, |token| token.at);
        self.note(at, what, Some(unexpected("=")));
        node.visit_with(self)
    }

    fn visit_literal(&mut self, node: &'ast Literal) -> Flow {
        if matches!(node.kind(), LiteralKind::BigInt(_)) {
            self.note(node.span().start(), Rejected::BigInt, Some(unexpected("n")));
        }
        ON
    }

    fn visit_reg_exp_literal(&mut self, node: &'ast RegExpLiteral) -> Flow {
        let pattern = self.interner.resolve_expect(node.pattern()).to_string();
        if let Some(part) = perl::part(&pattern) {
            self.note(node.span().start(), Rejected::PerlRegExp, Some(part.to_owned()));
        } else if let Some(part) = pcre::part(&pattern) {
            self.note(node.span().start(), Rejected::PcreRegExp, Some(part.to_owned()));
        }
        let flags = self.interner.resolve_expect(node.flags()).to_string();
        let what = match () {
            () if flags.contains(['u', 's', 'd', 'v']) => Rejected::RegExpFlag,
            () if self.first_runtime && flags.contains('y') => Rejected::StickyFlag,
            () => return ON,
        };
        self.note(node.span().start(), what, Some(format!("Invalid RegExp flags \"{flags}\"")));
        ON
    }

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        self.visit_expression(node.function())?;
        self.nesting.arguments += 1;
        for argument in node.args() {
            self.visit_expression(argument)?;
        }
        self.nesting.arguments -= 1;
        ON
    }

    /// Outside of async functions the parser takes the word for a name.
    fn visit_expression(&mut self, node: &'ast Expression) -> Flow {
        match node {
            Expression::Identifier(name) if self.interner.resolve_expect(name.sym()).to_string() == AWAIT => {
                let at = name.span().start();
                self.modern(at, Rejected::Await, AWAIT);
                if !self.first_runtime {
                    self.note(at, Rejected::AwaitOutside, Some(AWAIT_OUTSIDE.to_owned()));
                }
                ON
            }
            other => other.visit_with(self),
        }
    }

    fn visit_await(&mut self, node: &'ast Await) -> Flow {
        let at = node.span().start();
        self.modern(at, Rejected::Await, AWAIT);
        if !self.first_runtime && self.nesting.arguments > 0 {
            self.note(at, Rejected::AwaitInArguments, Some("await in arguments not supported".to_owned()));
        }
        node.visit_with(self)
    }

    fn visit_import_call(&mut self, node: &'ast ImportCall) -> Flow {
        let sentence = "Non-default import is not supported".to_owned();
        self.note(node.span().start(), Rejected::ImportForm, Some(sentence));
        node.visit_with(self)
    }

    fn visit_new_target(&mut self, node: &'ast NewTarget) -> Flow {
        self.note(node.span().start(), Rejected::NewTarget, Some(unexpected(".")));
        ON
    }

    fn visit_super_property_access(&mut self, node: &'ast SuperPropertyAccess) -> Flow {
        self.note(node.span().start(), Rejected::Super, Some(unsupported("super")));
        node.visit_with(self)
    }
}
