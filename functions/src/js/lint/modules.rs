//! Which names of a source are a module, or what a module gives, for certain: bound once, at one place, and never assigned to.

use super::mentions::text;
use crate::js::allowed::modules;
use boa_engine::ast::Script;
use boa_engine::ast::declaration::{Binding, Variable};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::literal::PropertyDefinition;
use boa_engine::ast::expression::operator::Update;
use boa_engine::ast::expression::operator::assign::AssignTarget;
use boa_engine::ast::expression::operator::update::UpdateTarget;
use boa_engine::ast::expression::{Call, Expression, Identifier};
use boa_engine::ast::statement::iteration::IterableLoopInitializer;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::interner::{Interner, Sym};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::ops::ControlFlow;

type Flow = ControlFlow<Infallible>;
const ON: Flow = ControlFlow::Continue(());

/// How many names and calls may lie between an object and its module.
const STEPS_MAX: u32 = 32;

/// Of a whole source; `imported` are the names of its imports, with their modules.
pub(super) struct Modules<'a> {
    interner: &'a Interner,
    imported: &'a [(String, String)],
    bindings: Bindings<'a>,
}

impl<'a> Modules<'a> {
    pub(super) fn of(script: &'a Script, imported: &'a [(String, String)], interner: &'a Interner) -> Self {
        let mut bindings = Bindings::default();
        let _ = bindings.visit_script(script);
        Self { interner, imported, bindings }
    }

    /// The path of [`modules`] that an expression gives.
    pub(super) fn path(&self, expression: &Expression) -> Option<&'static str> {
        self.path_within(expression, STEPS_MAX)
    }

    fn path_within(&self, expression: &Expression, steps: u32) -> Option<&'static str> {
        let steps = steps.checked_sub(1)?;
        match expression.flatten() {
            Expression::Identifier(name) => self.named(name, steps),
            Expression::Call(call) => self.called(call, steps),
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                let PropertyAccessField::Const(member) = access.field() else { return None };
                modules::member_of(self.path_within(access.target(), steps)?, &text(member.sym(), self.interner))
            }
            _ => None,
        }
    }

    fn named(&self, name: &Identifier, steps: u32) -> Option<&'static str> {
        let Bindings { times, values, assigned } = &self.bindings;
        if assigned.contains(&name.sym()) {
            return None;
        }
        match times.get(&name.sym()) {
            None => {
                let name = text(name.sym(), self.interner);
                let (_, module) = self.imported.iter().find(|(imported, _)| *imported == name)?;
                modules::named(module)
            }
            Some(1) => self.path_within(values.get(&name.sym())?, steps),
            Some(_) => None,
        }
    }

    fn called(&self, call: &Call, steps: u32) -> Option<&'static str> {
        match call.function().flatten() {
            Expression::Identifier(name) => {
                let own = self.bindings.times.contains_key(&name.sym()) || text(name.sym(), self.interner) != "require";
                let Some(Expression::Literal(module)) = call.args().first().filter(|_| !own) else { return None };
                modules::named(&text(module.as_string()?, self.interner))
            }
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                let PropertyAccessField::Const(method) = access.field() else { return None };
                modules::given_by(self.path_within(access.target(), steps)?, &text(method.sym(), self.interner))
            }
            _ => None,
        }
    }
}

/// How often each name of a source is bound, in whatever scope, and to what.
#[derive(Default)]
struct Bindings<'a> {
    times: HashMap<Sym, u32>,
    values: HashMap<Sym, &'a Expression>,
    assigned: HashSet<Sym>,
}

impl<'ast> Visitor<'ast> for Bindings<'ast> {
    type BreakTy = Infallible;

    fn visit_variable(&mut self, node: &'ast Variable) -> Flow {
        if let (Binding::Identifier(name), Some(value)) = (node.binding(), node.init()) {
            self.values.insert(name.sym(), value);
        }
        node.visit_with(self)
    }

    fn visit_identifier(&mut self, node: &'ast Identifier) -> Flow {
        *self.times.entry(node.sym()).or_default() += 1;
        ON
    }

    fn visit_expression(&mut self, node: &'ast Expression) -> Flow {
        if matches!(node, Expression::Identifier(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> Flow {
        if matches!(node, PropertyDefinition::IdentifierReference(_)) { ON } else { node.visit_with(self) }
    }

    fn visit_assign_target(&mut self, node: &'ast AssignTarget) -> Flow {
        match node {
            AssignTarget::Identifier(name) => {
                self.assigned.insert(name.sym());
                ON
            }
            _ => node.visit_with(self),
        }
    }

    fn visit_update(&mut self, node: &'ast Update) -> Flow {
        match node.target() {
            UpdateTarget::Identifier(name) => {
                self.assigned.insert(name.sym());
                ON
            }
            UpdateTarget::PropertyAccess(_) => node.visit_with(self),
        }
    }

    fn visit_iterable_loop_initializer(&mut self, node: &'ast IterableLoopInitializer) -> Flow {
        match node {
            IterableLoopInitializer::Identifier(name) => {
                self.assigned.insert(name.sym());
                ON
            }
            _ => node.visit_with(self),
        }
    }
}
