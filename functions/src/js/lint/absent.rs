//! What a source refers to and CloudFront's runtime does not have: globals, members of globals, methods of values. And
//! whether there is a `handler`.
//!
//! Scopes are taken by function, not by block, and a name that is tested for (`typeof Map`, `if (Array.from)`) is let pass:
//! no right program is named here, and some wrong ones are not.

use super::tokens::Tokens;
use super::{Finding, Rejected};
use crate::js::{allowed, modules};
use boa_engine::ast::declaration::{Binding, Declaration, VarDeclaration};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::literal::PropertyDefinition;
use boa_engine::ast::expression::operator::Unary;
use boa_engine::ast::expression::operator::assign::AssignTarget;
use boa_engine::ast::expression::operator::unary::UnaryOp;
use boa_engine::ast::expression::{Call, Expression, Identifier};
use boa_engine::ast::function::{FormalParameterList, FunctionBody};
use boa_engine::ast::property::PropertyName;
use boa_engine::ast::statement::Statement;
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

/// What a source refers to in vain. `imported` are the names of its imports.
pub(super) fn findings(
    script: &Script,
    imported: &[String],
    runtime: FunctionRuntime,
    interner: &Interner,
) -> Vec<Finding> {
    let mut mentions = Mentions { interner, tested: HashSet::new(), made: HashSet::new() };
    let _ = mentions.visit_script(script);
    let mut walk = Walk {
        interner,
        runtime,
        imported,
        mentions,
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
    let sentence = crate::js::realm::NO_HANDLER.to_owned();
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

fn text(name: Sym, interner: &Interner) -> String {
    interner.resolve_expect(name).to_string()
}

/// `object.name`, both given as names.
fn member_of_name(access: &PropertyAccess) -> Option<(&Identifier, &Identifier)> {
    let PropertyAccess::Simple(access) = access else { return None };
    match (access.target(), access.field()) {
        (Expression::Identifier(object), PropertyAccessField::Const(name)) => Some((object, name)),
        _ => None,
    }
}

/// What a source tests for, and which members it makes itself.
struct Mentions<'a> {
    interner: &'a Interner,
    tested: HashSet<String>,
    made: HashSet<String>,
}

impl<'ast> Visitor<'ast> for Mentions<'_> {
    type BreakTy = Infallible;

    fn visit_unary(&mut self, node: &'ast Unary) -> Flow {
        if let (UnaryOp::TypeOf, Expression::Identifier(name)) = (node.op(), node.target()) {
            self.tested.insert(text(name.sym(), self.interner));
        }
        node.visit_with(self)
    }

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        // A member that is only called is not tested for.
        match node.function() {
            Expression::PropertyAccess(access) if member_of_name(access).is_some() => {}
            function => self.visit_expression(function)?,
        }
        node.args().iter().try_for_each(|argument| self.visit_expression(argument))
    }

    fn visit_property_access(&mut self, node: &'ast PropertyAccess) -> Flow {
        if let Some((_, name)) = member_of_name(node) {
            self.tested.insert(text(name.sym(), self.interner));
        }
        node.visit_with(self)
    }

    fn visit_assign_target(&mut self, node: &'ast AssignTarget) -> Flow {
        if let AssignTarget::Access(PropertyAccess::Simple(access)) = node
            && let PropertyAccessField::Const(name) = access.field()
        {
            self.made.insert(text(name.sym(), self.interner));
        }
        node.visit_with(self)
    }

    fn visit_property_name(&mut self, node: &'ast PropertyName) -> Flow {
        if let PropertyName::Literal(name) = node {
            self.made.insert(text(name.sym(), self.interner));
        }
        node.visit_with(self)
    }

    fn visit_literal(&mut self, node: &'ast boa_engine::ast::expression::literal::Literal) -> Flow {
        // As in Object.defineProperty(o, 'at', …).
        if let Some(name) = node.as_string() {
            self.made.insert(text(name, self.interner));
        }
        ON
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
    imported: &'a [String],
    mentions: Mentions<'a>,
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
        (!bound && !self.imported.contains(&name) && name != "arguments").then_some(name)
    }

    fn refer(&mut self, to: &Identifier) {
        let Some(name) = self.free(to) else { return };
        let known = allowed::has_global(self.runtime, &name) || self.mentions.tested.contains(&name);
        // `globalThis.a = 1` makes a global.
        if !known && !self.mentions.made.contains(&name) {
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

    fn call(&mut self, access: &PropertyAccess) {
        let PropertyAccess::Simple(simple) = access else { return };
        let PropertyAccessField::Const(field) = simple.field() else { return };
        let name = text(field.sym(), self.interner);
        if self.mentions.made.contains(&name) || self.mentions.tested.contains(&name) {
            return;
        }
        let object = member_of_name(access).and_then(|(object, _)| self.free(object));
        let of_global = object.and_then(|object| allowed::has_member(self.runtime, &object, &name));
        let inherited = ["Object.prototype", "Function.prototype"];
        let absent = match of_global {
            Some(there) => {
                !there && !inherited.iter().any(|path| allowed::has_member(self.runtime, path, &name) == Some(true))
            }
            None => METHODS_ELSEWHERE.contains(&name.as_str()) && !allowed::known_member(self.runtime, &name),
        };
        if absent {
            let sentence = format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
            self.findings.push(Finding::new(field.span().start(), Rejected::AbsentMember, Some(sentence)));
        }
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

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        match node.function() {
            Expression::PropertyAccess(access) => self.call(access),
            Expression::Identifier(name) => self.require(name, node.args()),
            _ => {}
        }
        node.visit_with(self)
    }
}
