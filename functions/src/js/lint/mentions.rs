//! What a source makes itself, and what it tests for: neither is told about.
//!
//! A name counts where the source writes it: as a member that it assigns or defines, as one that it asks for. Only a source that
//! changes built-ins in a way that is not read here, such as `names.forEach(name => Array.prototype[name] = …)`, has each of
//! its texts and keys counted.

use crate::js::allowed;
use boa_engine::ast::Script;
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess};
use boa_engine::ast::expression::literal::{Literal, PropertyDefinition, TemplateElement};
use boa_engine::ast::expression::operator::assign::AssignTarget;
use boa_engine::ast::expression::operator::binary::{BinaryOp, RelationalOp};
use boa_engine::ast::expression::operator::unary::UnaryOp;
use boa_engine::ast::expression::operator::{Binary, Unary};
use boa_engine::ast::expression::{Call, Expression, TaggedTemplate};
use boa_engine::ast::property::PropertyName;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::interner::{Interner, Sym};
use homefront_config::function::FunctionRuntime;
use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

pub(super) fn text(name: Sym, interner: &Interner) -> String {
    interner.resolve_expect(name).to_string()
}

type Flow = ControlFlow<Infallible>;
const ON: Flow = ControlFlow::Continue(());

/// What a method is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A global, a module, a text or a list that is written there: only a change of built-ins gives it a member.
    BuiltIn,
    /// Whatever else: any object of the source's may be meant.
    Unknown,
}

/// See above.
pub(super) struct Mentions<'a> {
    interner: &'a Interner,
    runtime: FunctionRuntime,
    tested_globals: HashSet<String>,
    tested_members: HashSet<String>,
    made_globals: HashSet<String>,
    made_members: HashSet<String>,
    /// Keys of object literals.
    keys: HashSet<String>,
    texts: HashSet<String>,
    /// Members are written under names that are computed.
    writes_computed: bool,
    /// Built-ins may be changed in a way that is not read here.
    loose: bool,
}

impl<'a> Mentions<'a> {
    /// Of a whole source.
    pub(super) fn of(script: &Script, runtime: FunctionRuntime, interner: &'a Interner) -> Self {
        let mut mentions = Self {
            interner,
            runtime,
            tested_globals: HashSet::new(),
            tested_members: HashSet::new(),
            made_globals: HashSet::new(),
            made_members: HashSet::new(),
            keys: HashSet::new(),
            texts: HashSet::new(),
            writes_computed: false,
            loose: false,
        };
        let _ = mentions.visit_script(script);
        mentions
    }

    /// Whether a global of that name may be there, whatever the runtime has.
    pub(super) fn global(&self, name: &str) -> bool {
        self.tested_globals.contains(name) || self.made_globals.contains(name) || self.anywhere(name)
    }

    /// Whether a member of that name may be there, whatever the runtime has.
    pub(super) fn member(&self, name: &str, of: Receiver) -> bool {
        let own = of == Receiver::Unknown
            && (self.keys.contains(name) || (self.writes_computed && self.texts.contains(name)));
        own || self.tested_members.contains(name) || self.made_members.contains(name) || self.anywhere(name)
    }

    fn anywhere(&self, name: &str) -> bool {
        self.loose && [&self.made_members, &self.keys, &self.texts].iter().any(|names| names.contains(name))
    }

    fn text(&self, name: Sym) -> String {
        text(name, self.interner)
    }

    fn is_global_object(&self, expression: &Expression) -> bool {
        matches!(expression.flatten(), Expression::Identifier(name) if self.text(name.sym()) == "globalThis")
    }

    /// `globalThis`, `Array`, `Array.prototype`
    fn is_built_in(&self, expression: &Expression) -> bool {
        match expression.flatten() {
            Expression::Identifier(name) => allowed::has_global(self.runtime, &self.text(name.sym())),
            other => self.is_prototype(other),
        }
    }

    fn is_prototype(&self, expression: &Expression) -> bool {
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = expression.flatten() else { return false };
        let named = self.name_of(access.field()).is_some_and(|name| name == "prototype");
        named && matches!(access.target().flatten(), Expression::Identifier(_)) && self.is_built_in(access.target())
    }

    /// The name of a member where it is written: `a.name`, `a['name']`.
    fn name_of(&self, field: &PropertyAccessField) -> Option<String> {
        match field {
            PropertyAccessField::Const(name) => Some(self.text(name.sym())),
            PropertyAccessField::Expr(expression) => self.written(expression),
        }
    }

    fn written(&self, expression: &Expression) -> Option<String> {
        let Expression::Literal(literal) = expression.flatten() else { return None };
        literal.as_string().map(|name| self.text(name))
    }

    /// What is in front of a member and, where the name is computed, that.
    fn parts(&mut self, access: &SimplePropertyAccess) -> Flow {
        let field = self.name_of(access.field());
        // Ways to the prototypes that are not followed.
        self.loose |= field.as_deref().is_some_and(|name| ["getPrototypeOf", "__proto__"].contains(&name));
        if !self.is_global_object(access.target()) && !self.is_prototype(access.target()) {
            self.visit_expression(access.target())?;
        }
        match access.field() {
            PropertyAccessField::Expr(name) if field.is_none() => self.visit_expression(name),
            _ => ON,
        }
    }

    /// A member that is only called is not tested for.
    fn callee(&mut self, function: &Expression) -> Flow {
        match function.flatten() {
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => self.parts(access),
            _ => self.visit_expression(function),
        }
    }

    /// Reads what `Object.defineProperty` and the like make; whether it is a call of one of them.
    fn defines(&mut self, function: &Expression, arguments: &[Expression]) -> bool {
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = function.flatten() else { return false };
        let (Some(method), [object, what, ..]) = (self.name_of(access.field()), arguments) else { return false };
        let built_in = self.is_built_in(object);
        match method.as_str() {
            "defineProperty" => match self.written(what) {
                Some(name) => self.make(object, name),
                None if built_in => self.loose = true,
                None => self.writes_computed = true,
            },
            "defineProperties" | "assign" if built_in => match what.flatten() {
                Expression::ObjectLiteral(members) if arguments.len() == 2 => {
                    for member in members.properties() {
                        match self.key(member) {
                            Some(name) => self.make(object, name),
                            None => self.loose = true,
                        }
                    }
                }
                _ => self.loose = true,
            },
            _ => return false,
        }
        true
    }

    fn key(&self, member: &PropertyDefinition) -> Option<String> {
        let name = match member {
            PropertyDefinition::IdentifierReference(name) => return Some(self.text(name.sym())),
            PropertyDefinition::Property(name, _) => name,
            PropertyDefinition::MethodDefinition(method) => method.name(),
            _ => return None,
        };
        name.prop_name().map(|name| self.text(name.sym()))
    }

    fn make(&mut self, object: &Expression, name: String) {
        let names = if self.is_global_object(object) { &mut self.made_globals } else { &mut self.made_members };
        names.insert(name);
    }
}

impl<'ast> Visitor<'ast> for Mentions<'_> {
    type BreakTy = Infallible;

    fn visit_expression(&mut self, node: &'ast Expression) -> Flow {
        // As a value, who knows what becomes of it.
        self.loose |= self.is_global_object(node) || self.is_prototype(node);
        if matches!(node, Expression::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_unary(&mut self, node: &'ast Unary) -> Flow {
        if let (UnaryOp::TypeOf, Expression::Identifier(name)) = (node.op(), node.target().flatten()) {
            self.tested_globals.insert(self.text(name.sym()));
            return ON;
        }
        node.visit_with(self)
    }

    fn visit_binary(&mut self, node: &'ast Binary) -> Flow {
        if node.op() == BinaryOp::Relational(RelationalOp::In)
            && let Some(name) = self.written(node.lhs())
        {
            let global = self.is_global_object(node.rhs());
            let names = if global { &mut self.tested_globals } else { &mut self.tested_members };
            names.insert(name);
            return if self.is_built_in(node.rhs()) { ON } else { self.visit_expression(node.rhs()) };
        }
        node.visit_with(self)
    }

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        self.callee(node.function())?;
        // The object is no value of unknown use there.
        let read = self.defines(node.function(), node.args()) && self.is_built_in(&node.args()[0]);
        let rest = if read { &node.args()[1..] } else { node.args() };
        rest.iter().try_for_each(|argument| self.visit_expression(argument))
    }

    fn visit_tagged_template(&mut self, node: &'ast TaggedTemplate) -> Flow {
        self.callee(node.tag())?;
        node.exprs().iter().try_for_each(|expression| self.visit_expression(expression))
    }

    fn visit_property_access(&mut self, node: &'ast PropertyAccess) -> Flow {
        let PropertyAccess::Simple(access) = node else { return node.visit_with(self) };
        let global = self.is_global_object(access.target());
        match self.name_of(access.field()) {
            Some(name) if global => {
                self.tested_globals.insert(name);
            }
            Some(name) => {
                let told = matches!(
                    access.target().flatten(),
                    Expression::Identifier(_) | Expression::Literal(_) | Expression::ArrayLiteral(_)
                );
                if told || self.is_prototype(access.target()) {
                    self.tested_members.insert(name);
                }
            }
            None => self.loose |= global || self.is_prototype(access.target()),
        }
        self.parts(access)
    }

    fn visit_assign_target(&mut self, node: &'ast AssignTarget) -> Flow {
        let AssignTarget::Access(PropertyAccess::Simple(access)) = node else { return node.visit_with(self) };
        match self.name_of(access.field()) {
            Some(name) => self.make(access.target(), name),
            None if self.is_built_in(access.target()) => self.loose = true,
            None => self.writes_computed = true,
        }
        self.parts(access)
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> Flow {
        if let PropertyDefinition::IdentifierReference(name) = node {
            self.keys.insert(self.text(name.sym()));
            self.loose |= self.text(name.sym()) == "globalThis";
            return ON;
        }
        node.visit_with(self)
    }

    fn visit_property_name(&mut self, node: &'ast PropertyName) -> Flow {
        match (node.prop_name(), node) {
            (Some(name), _) => {
                self.keys.insert(self.text(name.sym()));
                ON
            }
            (None, PropertyName::Computed(expression)) => {
                self.writes_computed = true;
                self.visit_expression(expression)
            }
            (None, PropertyName::Literal(_)) => ON,
        }
    }

    fn visit_literal(&mut self, node: &'ast Literal) -> Flow {
        if let Some(name) = node.as_string() {
            self.texts.insert(self.text(name));
        }
        ON
    }

    fn visit_template_element(&mut self, node: &'ast TemplateElement) -> Flow {
        if let TemplateElement::String(part) = node {
            self.texts.insert(self.text(*part));
            return ON;
        }
        node.visit_with(self)
    }
}
