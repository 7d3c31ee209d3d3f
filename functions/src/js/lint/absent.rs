//! What a source refers to and CloudFront's runtime does not have: globals, members of globals and modules, methods of values,
//! code made of text. And whether there is a `handler`.
//!
//! Scopes are taken by function, not by block, and a name that is tested for (`typeof Map`, `if (Array.from)`) is let pass:
//! no right program is named here, and some wrong ones are not.

use super::mentions::{Mentions, Receiver, text};
use super::modules::Modules;
use super::tokens::Tokens;
use super::{AWAIT, Finding, Rejected, pcre, perl};
use crate::js::load_error::NO_HANDLER;
use crate::js::{allowed, modules};
use boa_engine::ast::declaration::{Binding, Declaration, VarDeclaration};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::literal::PropertyDefinition;
use boa_engine::ast::expression::operator::Update;
use boa_engine::ast::expression::operator::assign::AssignTarget;
use boa_engine::ast::expression::operator::update::UpdateTarget;
use boa_engine::ast::expression::{Call, Expression, Identifier, TaggedTemplate};
use boa_engine::ast::function::{FormalParameterList, FunctionBody};
use boa_engine::ast::statement::Statement;
use boa_engine::ast::statement::iteration::IterableLoopInitializer;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Script, Spanned, StatementListItem};
use boa_engine::interner::{Interner, Sym};
use homefront_config::function::FunctionRuntime;
use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

type Flow = ControlFlow<Infallible>;
const ON: Flow = ControlFlow::Continue(());

/// Methods of ECMAScript's strings, arrays, numbers and so on that one runtime or both do not have.
const METHODS_ELSEWHERE: [&str; 30] = [
    "at",
    "codePoints",
    "entries",
    "every",
    "find",
    "findLast",
    "findLastIndex",
    "flat",
    "flatMap",
    "isWellFormed",
    "keys",
    "localeCompare",
    "matchAll",
    "normalize",
    "replaceAll",
    "toGMTString",
    "toLocaleLowerCase",
    "toLocaleString",
    "toLocaleUpperCase",
    "toReversed",
    "toSorted",
    "toSpliced",
    "toWellFormed",
    "trimLeft",
    "trimRight",
    "values",
    "with",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
];

/// What a source refers to in vain. `imported` are the names of its imports, with their modules.
pub(super) fn findings(
    script: &Script,
    imported: &[(String, String)],
    runtime: FunctionRuntime,
    interner: &Interner,
) -> Vec<Finding> {
    let mut walk = Walk {
        interner,
        runtime,
        imported,
        mentions: Mentions::of(script, runtime, interner),
        modules: Modules::of(script, imported, interner),
        scopes: Vec::new(),
        parameters: Names::new(),
        findings: Vec::new(),
    };
    let _ = walk.visit_script(script);
    walk.findings
}

/// Where it is assigned to the global object, only a run tells.
pub(super) fn missing_handler(script: &Script, tokens: &Tokens<'_>, interner: &Interner) -> Option<Finding> {
    let perhaps = declares_handler(script, interner) || tokens.all().iter().any(|token| token.text == "globalThis");
    let sentence = NO_HANDLER.to_owned();
    (!perhaps).then(|| Finding::new(Position::new(1, 1), Rejected::NoHandler, Some(sentence)))
}

fn declares_handler(script: &Script, interner: &Interner) -> bool {
    let is_handler = |name: &Identifier| text(name.sym(), interner) == "handler";
    let binds = |binding: &Binding| match binding {
        Binding::Identifier(name) => is_handler(name),
        // Rejected anyway.
        Binding::Pattern(_) => true,
    };
    script.statements().iter().any(|item| match item {
        StatementListItem::Declaration(declaration) => match &**declaration {
            Declaration::FunctionDeclaration(function) => is_handler(&function.name()),
            Declaration::AsyncFunctionDeclaration(function) => is_handler(&function.name()),
            Declaration::Lexical(list) => {
                list.variable_list().as_ref().iter().any(|variable| binds(variable.binding()))
            }
            _ => false,
        },
        StatementListItem::Statement(statement) => match &**statement {
            Statement::Var(VarDeclaration(list)) => list.as_ref().iter().any(|variable| binds(variable.binding())),
            _ => false,
        },
    })
}

/// `object.name`, both given as names.
fn member_of_name(access: &PropertyAccess) -> Option<(&Identifier, &Identifier)> {
    let PropertyAccess::Simple(access) = access else { return None };
    match (access.target(), access.field()) {
        (Expression::Identifier(object), PropertyAccessField::Const(name)) => Some((object, name)),
        _ => None,
    }
}

type Names = HashSet<Sym>;

/// The names that a function binds, without those that functions within it bind.
#[derive(Default)]
struct Bound(Names);

impl<'ast> Visitor<'ast> for Bound {
    type BreakTy = Infallible;

    fn visit_identifier(&mut self, node: &'ast Identifier) -> Flow {
        self.0.insert(node.sym());
        ON
    }

    fn visit_expression(&mut self, node: &'ast Expression) -> Flow {
        if matches!(node, Expression::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> Flow {
        if matches!(node, PropertyDefinition::IdentifierReference(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_assign_target(&mut self, node: &'ast AssignTarget) -> Flow {
        if matches!(node, AssignTarget::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_update(&mut self, node: &'ast Update) -> Flow {
        if matches!(node.target(), UpdateTarget::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_iterable_loop_initializer(&mut self, node: &'ast IterableLoopInitializer) -> Flow {
        if matches!(node, IterableLoopInitializer::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_formal_parameter_list(&mut self, _node: &'ast FormalParameterList) -> Flow {
        ON
    }

    fn visit_function_body(&mut self, _node: &'ast FunctionBody) -> Flow {
        ON
    }
}

struct Walk<'a> {
    interner: &'a Interner,
    runtime: FunctionRuntime,
    imported: &'a [(String, String)],
    mentions: Mentions<'a>,
    modules: Modules<'a>,
    scopes: Vec<Names>,
    /// Of the function whose body comes next.
    parameters: Names,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    /// The name, if it is not one of the source's own.
    fn free(&self, name: &Identifier) -> Option<String> {
        let bound =
            self.parameters.contains(&name.sym()) || self.scopes.iter().any(|names| names.contains(&name.sym()));
        let name = text(name.sym(), self.interner);
        let imported = self.imported.iter().any(|(imported, _)| *imported == name);
        (!bound && !imported && name != "arguments" && name != AWAIT).then_some(name)
    }

    fn refer(&mut self, to: &Identifier) {
        let Some(name) = self.free(to) else { return };
        if !allowed::has_global(self.runtime, &name) && !self.mentions.global(&name) {
            let sentence = format!("ReferenceError: \"{name}\" is not defined");
            self.findings.push(Finding::new(to.span().start(), Rejected::AbsentGlobal, Some(sentence)));
        }
    }

    /// `require('name')`
    fn require(&mut self, function: &Identifier, arguments: &[Expression]) {
        let Some(Expression::Literal(module)) = arguments.first() else { return };
        if self.free(function).as_deref() != Some("require") {
            return;
        }
        let Some(name) = module.as_string().map(|name| text(name, self.interner)) else { return };
        if !modules::required(self.runtime).contains(&name.as_str()) {
            let sentence = format!("Error: Cannot find module \"{name}\"");
            self.findings.push(Finding::new(function.span().start(), Rejected::UnknownRequire, Some(sentence)));
        }
    }

    fn call(&mut self, access: &PropertyAccess, arguments: &[Expression]) {
        let PropertyAccess::Simple(simple) = access else { return };
        let PropertyAccessField::Const(field) = simple.field() else { return };
        let name = text(field.sym(), self.interner);
        let inherited = ["Object.prototype", "Function.prototype"];
        let inherits = || inherited.iter().any(|path| allowed::has_member(self.runtime, path, &name) == Some(true));
        let module = self.modules.path(simple.target());
        let global = member_of_name(access).and_then(|(object, _)| self.free(object));
        let of_global = global.and_then(|object| allowed::has_member(self.runtime, &object, &name));
        let (absent, receiver) = match (module, of_global) {
            (Some(path), _) => {
                (!allowed::modules::members(path).any(|known| known == name) && !inherits(), Receiver::BuiltIn)
            }
            (None, Some(there)) => (!there && !inherits(), Receiver::BuiltIn),
            (None, None) => {
                let elsewhere = METHODS_ELSEWHERE.contains(&name.as_str());
                (elsewhere && !allowed::known_member(self.runtime, &name), receiver(simple.target()))
            }
        };
        if absent && !self.mentions.member(&name, receiver) {
            let sentence = format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
            self.findings.push(Finding::new(field.span().start(), Rejected::AbsentMember, Some(sentence)));
        }
        if module == Some("crypto") && ["createHash", "createHmac"].contains(&name.as_str()) {
            self.algorithm(arguments);
        }
    }

    fn algorithm(&mut self, arguments: &[Expression]) {
        let Some(Expression::Literal(literal)) = arguments.first() else { return };
        let Some(name) = literal.as_string().map(|name| text(name, self.interner)) else { return };
        if !allowed::modules::ALGORITHMS.contains(&name.as_str()) {
            let sentence = format!("TypeError: not supported algorithm: \"{name}\"");
            self.findings.push(Finding::new(literal.span().start(), Rejected::UnknownAlgorithm, Some(sentence)));
        }
    }

    /// `RegExp('a', 'u')`, `new RegExp('a', 'u')`
    fn regular_expression(&mut self, function: &Identifier, arguments: &[Expression]) {
        if let Some(Expression::Literal(pattern)) = arguments.first()
            && self.free(function).as_deref() == Some("RegExp")
            && let Some(written) = pattern.as_string().map(|pattern| text(pattern, self.interner))
            && let Some((part, what)) = perl::part(&written)
                .map(|part| (part, Rejected::PerlRegExp))
                .or_else(|| Some((pcre::part(&written)?, Rejected::PcreRegExp)))
        {
            self.findings.push(Finding::new(pattern.span().start(), what, Some(part.to_owned())));
        }
        let Some(Expression::Literal(literal)) = arguments.get(1) else { return };
        let Some(flags) = literal.as_string().map(|flags| text(flags, self.interner)) else { return };
        let known = if self.runtime == FunctionRuntime::CloudfrontJs1_0 { "gim" } else { "gimy" };
        if self.free(function).as_deref() == Some("RegExp") && flags.chars().any(|flag| !known.contains(flag)) {
            let sentence = format!("SyntaxError: Invalid RegExp flags \"{flags}\"");
            self.findings.push(Finding::new(literal.span().start(), Rejected::MadeRegExpFlag, Some(sentence)));
        }
    }

    /// `eval(…)`, `Function(…)`, `globalThis.eval(…)`
    fn made_of_text(&mut self, callee: &Expression) {
        let (name, at) = match callee.flatten() {
            Expression::Identifier(name) => (self.free(name), name.span().start()),
            Expression::PropertyAccess(access) => match member_of_name(access) {
                Some((object, name)) if self.free(object).as_deref() == Some("globalThis") => {
                    (Some(text(name.sym(), self.interner)), name.span().start())
                }
                _ => return,
            },
            _ => return,
        };
        if name.is_some_and(|name| ["eval", "Function"].contains(&name.as_str())) {
            let sentence = "TypeError: code generation from strings is not allowed".to_owned();
            self.findings.push(Finding::new(at, Rejected::CodeFromText, Some(sentence)));
        }
    }
}

/// What is written where a method is called on it.
fn receiver(target: &Expression) -> Receiver {
    match target.flatten() {
        Expression::Literal(_)
        | Expression::ArrayLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::RegExpLiteral(_) => Receiver::BuiltIn,
        _ => Receiver::Unknown,
    }
}

impl<'ast> Visitor<'ast> for Walk<'_> {
    type BreakTy = Infallible;

    fn visit_script(&mut self, node: &'ast Script) -> Flow {
        let mut bound = Bound::default();
        let _ = node.visit_with(&mut bound);
        self.scopes.push(bound.0);
        node.visit_with(self)
    }

    fn visit_formal_parameter_list(&mut self, node: &'ast FormalParameterList) -> Flow {
        let mut bound = Bound::default();
        let _ = node.visit_with(&mut bound);
        self.parameters = bound.0;
        node.visit_with(self)
    }

    fn visit_function_body(&mut self, node: &'ast FunctionBody) -> Flow {
        let mut bound = Bound(std::mem::take(&mut self.parameters));
        let _ = node.visit_with(&mut bound);
        self.scopes.push(bound.0);
        node.visit_with(self)?;
        self.scopes.pop();
        ON
    }

    fn visit_expression(&mut self, node: &'ast Expression) -> Flow {
        match node {
            Expression::Identifier(name) => {
                self.refer(name);
                ON
            }
            _ => node.visit_with(self),
        }
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> Flow {
        match node {
            PropertyDefinition::IdentifierReference(name) => {
                self.refer(name);
                ON
            }
            _ => node.visit_with(self),
        }
    }

    fn visit_assign_target(&mut self, node: &'ast AssignTarget) -> Flow {
        match node {
            AssignTarget::Identifier(name) => {
                self.refer(name);
                ON
            }
            _ => node.visit_with(self),
        }
    }

    fn visit_update(&mut self, node: &'ast Update) -> Flow {
        match node.target() {
            UpdateTarget::Identifier(name) => {
                self.refer(name);
                ON
            }
            UpdateTarget::PropertyAccess(_) => node.visit_with(self),
        }
    }

    fn visit_iterable_loop_initializer(&mut self, node: &'ast IterableLoopInitializer) -> Flow {
        match node {
            IterableLoopInitializer::Identifier(name) => {
                self.refer(name);
                ON
            }
            _ => node.visit_with(self),
        }
    }

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        self.made_of_text(node.function());
        match node.function() {
            Expression::PropertyAccess(access) => self.call(access, node.args()),
            Expression::Identifier(name) => {
                self.require(name, node.args());
                self.regular_expression(name, node.args());
            }
            _ => {}
        }
        node.visit_with(self)
    }

    fn visit_tagged_template(&mut self, node: &'ast TaggedTemplate) -> Flow {
        if let Expression::PropertyAccess(access) = node.tag() {
            self.call(access, &[]);
        }
        node.visit_with(self)
    }
}
