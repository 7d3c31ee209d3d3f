//! Where in a source an error arose, and what was being done there.
//!
//! boa tells a place for some operations only: the others have that of what encloses them. So the source is read once more,
//! when the first error asks for it, to know which operations have which place. Several that could be meant are not told
//! apart: then no name and no line is given rather than a wrong one.

use crate::js::allowed;
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess};
use boa_engine::ast::expression::literal::LiteralKind;
use boa_engine::ast::expression::operator::assign::{AssignOp, AssignTarget};
use boa_engine::ast::expression::operator::unary::UnaryOp;
use boa_engine::ast::expression::operator::update::UpdateTarget;
use boa_engine::ast::expression::operator::{Assign, Unary, Update};
use boa_engine::ast::expression::{Call, Expression, New, TaggedTemplate};
use boa_engine::ast::function::FunctionBody;
use boa_engine::ast::scope::Scope;
use boa_engine::ast::statement::Throw;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Spanned};
use boa_engine::interner::{Interner, Sym};
use boa_engine::parser::{Parser, Source};
use homefront_config::function::FunctionRuntime;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

type Flow = ControlFlow<Infallible>;
const ON: Flow = ControlFlow::Continue(());

/// A place as boa tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    column: u32,
}

impl Place {
    /// The innermost place of the engine's own rendering of an error: `at name (unknown at :line:column)`.
    pub(super) fn of(rendered: &str) -> Option<Self> {
        let frames = rendered.lines().filter(|line| line.trim_start().starts_with("at "));
        frames.chain(rendered.lines().take(1)).find_map(|line| {
            let (_, position) = line.rsplit_once("(unknown at :")?;
            let (line, column) = position.strip_suffix(')')?.split_once(':')?;
            let (line, column) = (line.parse().ok()?, column.parse().ok()?);
            (line > 0 && column > 0).then_some(Self { line, column })
        })
    }
}

/// What was being done with something that was `undefined` or no function.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// `a.name`
    Get(Option<String>),
    /// `a.name = 1`
    Set,
    /// `Object.keys(a)`
    Convert,
}

/// What was called or constructed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Callee {
    Member(Option<String>),
    Name(String),
    Other,
}

/// The operations of a source by the place that boa tells for them.
#[derive(Debug, Default)]
pub(in crate::js) struct Operations {
    on_objects: HashMap<Position, Vec<(Act, u32)>>,
    calls: HashMap<Position, Callee>,
}

/// Text and line of an error.
pub(super) type Blamed = (String, Option<u32>);

impl Operations {
    /// Reads a source that was compiled before.
    pub(in crate::js) fn of(source: &str, runtime: FunctionRuntime) -> Self {
        let mut interner = Interner::default();
        let parsed = Parser::new(Source::from_bytes(source)).parse_script(&Scope::new_global(), &mut interner);
        let Ok(script) = parsed else { return Self::default() };
        let mut reader = Reader { interner: &interner, runtime, owner: Position::new(1, 1), found: Self::default() };
        let _ = reader.visit_script(&script);
        reader.found
    }

    /// The error of an operation on `undefined`, or on `null`, which boa does not tell apart.
    pub(super) fn on_undefined(&self, place: Place) -> Blamed {
        let acts = self.on_objects.get(&position(place)).map_or(&[][..], Vec::as_slice);
        let line =
            acts.iter().all(|(_, line)| *line == acts[0].1).then(|| acts.first().map_or(place.line, |act| act.1));
        let what = match acts {
            [(first, _), rest @ ..] if rest.iter().all(|(act, _)| act == first) => match first {
                Act::Get(Some(name)) => format!("cannot get property \"{name}\" of undefined"),
                Act::Get(None) => "cannot get property of undefined".to_owned(),
                Act::Set => "property set on primitive undefined type".to_owned(),
                Act::Convert => "cannot convert null or undefined to object".to_owned(),
            },
            [] => "cannot convert null or undefined to object".to_owned(),
            _ => "cannot get property of undefined".to_owned(),
        };
        (format!("TypeError: {what}"), line)
    }

    /// The error of calling what is no function.
    pub(super) fn not_a_function(&self, place: Place) -> String {
        match self.calls.get(&position(place)) {
            Some(Callee::Member(Some(name))) => {
                format!("TypeError: (intermediate value)[\"{name}\"] is not a function")
            }
            Some(Callee::Name(name)) => format!("TypeError: {name} is not a function"),
            _ => "TypeError: (intermediate value) is not a function".to_owned(),
        }
    }

    /// The error of constructing what is no constructor.
    pub(super) fn not_a_constructor(&self, place: Place) -> String {
        match self.calls.get(&position(place)) {
            Some(Callee::Name(name)) => format!("TypeError: {name} is not a constructor"),
            _ => self.not_a_function(place),
        }
    }

    /// The error of deleting what cannot be deleted.
    pub(super) fn not_deleted(&self, place: Place) -> String {
        match self.on_objects.get(&position(place)).map(Vec::as_slice) {
            Some([(Act::Get(Some(name)), _)]) => format!("TypeError: Cannot delete property \"{name}\" of object"),
            _ => "TypeError: Cannot delete property of object".to_owned(),
        }
    }
}

fn position(place: Place) -> Position {
    Position::new(place.line, place.column)
}

/// Methods of built-ins that never give `undefined`.
const GIVE_OBJECTS: [&str; 22] = [
    "concat",
    "filter",
    "join",
    "keys",
    "map",
    "padEnd",
    "padStart",
    "repeat",
    "replace",
    "replaceAll",
    "reverse",
    "slice",
    "sort",
    "splice",
    "split",
    "substr",
    "substring",
    "toLowerCase",
    "toString",
    "toUpperCase",
    "trim",
    "update",
];

struct Reader<'a> {
    interner: &'a Interner,
    runtime: FunctionRuntime,
    /// What boa gives for operations without a place of their own.
    owner: Position,
    found: Operations,
}

impl Reader<'_> {
    fn text(&self, name: Sym) -> String {
        self.interner.resolve_expect(name).to_string()
    }

    fn name_of(&self, field: &PropertyAccessField) -> Option<String> {
        match field {
            PropertyAccessField::Const(name) => Some(self.text(name.sym())),
            PropertyAccessField::Expr(expression) => match expression.flatten() {
                Expression::Literal(literal) => match literal.kind() {
                    LiteralKind::String(text) => Some(self.text(*text)),
                    LiteralKind::Int(number) => Some(number.to_string()),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    fn note(&mut self, act: Act, at: Position) {
        self.found.on_objects.entry(self.owner).or_default().push((act, at.line_number()));
    }

    /// An operation on `object`, which might be `undefined`.
    fn access(&mut self, access: &SimplePropertyAccess, act: Act) {
        if !self.never_undefined(access.target()) {
            self.note(act, access.field().span().start());
        }
    }

    fn get(&mut self, access: &SimplePropertyAccess) {
        let act = Act::Get(self.name_of(access.field()));
        self.access(access, act);
    }

    fn never_undefined(&self, expression: &Expression) -> bool {
        match expression.flatten() {
            Expression::Literal(literal) => !matches!(literal.kind(), LiteralKind::Null | LiteralKind::Undefined),
            Expression::Identifier(name) => {
                let name = self.text(name.sym());
                name != "undefined" && allowed::has_global(self.runtime, &name)
            }
            Expression::Call(call) => match call.function().flatten() {
                Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                    let known = |name: String| GIVE_OBJECTS.contains(&name.as_str());
                    self.name_of(access.field()).is_some_and(known)
                }
                Expression::Identifier(name) => self.text(name.sym()) == "require",
                _ => false,
            },
            Expression::New(_)
            | Expression::TemplateLiteral(_)
            | Expression::ArrayLiteral(_)
            | Expression::ObjectLiteral(_)
            | Expression::RegExpLiteral(_)
            | Expression::FunctionExpression(_)
            | Expression::ArrowFunction(_)
            | Expression::Binary(_)
            | Expression::Update(_) => true,
            _ => false,
        }
    }

    fn parts<'ast>(&mut self, access: &'ast SimplePropertyAccess) -> Flow
    where
        Self: Visitor<'ast, BreakTy = Infallible>,
    {
        self.visit_expression(access.target())?;
        match access.field() {
            PropertyAccessField::Expr(expression) => self.visit_expression(expression),
            PropertyAccessField::Const(_) => ON,
        }
    }

    fn within(&mut self, owner: Position, visit: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let outside = std::mem::replace(&mut self.owner, owner);
        visit(self)?;
        self.owner = outside;
        ON
    }

    /// The callee of a call: its member is fetched without a place of its own.
    fn callee(&mut self, expression: &Expression) -> Flow {
        match expression.flatten() {
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                self.get(access);
                self.parts(access)
            }
            _ => self.visit_expression(expression),
        }
    }

    fn callee_kind(&self, expression: &Expression) -> Callee {
        match expression.flatten() {
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => Callee::Member(self.name_of(access.field())),
            Expression::Identifier(name) => Callee::Name(self.text(name.sym())),
            _ => Callee::Other,
        }
    }

    fn arguments(&mut self, call: &Call) -> Flow {
        let at = call.span().start();
        let callee = self.callee_kind(call.function());
        let converts = match &callee {
            Callee::Member(Some(name)) => {
                let of_object = |access: &SimplePropertyAccess| match access.target().flatten() {
                    Expression::Identifier(object) => self.text(object.sym()) == "Object",
                    _ => false,
                };
                matches!(name.as_str(), "call" | "apply" | "bind")
                    || matches!(call.function().flatten(),
                        Expression::PropertyAccess(PropertyAccess::Simple(access)) if of_object(access))
            }
            _ => false,
        };
        self.found.calls.insert(at, callee);
        self.within(at, |this| {
            if converts {
                this.note(Act::Convert, at);
            }
            call.args().iter().try_for_each(|argument| this.visit_expression(argument))
        })
    }
}

impl<'ast> Visitor<'ast> for Reader<'_> {
    type BreakTy = Infallible;

    fn visit_function_body(&mut self, node: &'ast FunctionBody) -> Flow {
        self.within(node.span().start(), |this| node.visit_with(this))
    }

    fn visit_throw(&mut self, node: &'ast Throw) -> Flow {
        self.within(node.target().span().start(), |this| node.visit_with(this))
    }

    fn visit_property_access(&mut self, node: &'ast PropertyAccess) -> Flow {
        let PropertyAccess::Simple(access) = node else { return node.visit_with(self) };
        self.within(access.field().span().start(), |this| {
            this.get(access);
            this.parts(access)
        })
    }

    fn visit_call(&mut self, node: &'ast Call) -> Flow {
        self.callee(node.function())?;
        self.arguments(node)
    }

    fn visit_new(&mut self, node: &'ast New) -> Flow {
        self.visit_expression(node.constructor())?;
        self.arguments(node.call())
    }

    fn visit_tagged_template(&mut self, node: &'ast TaggedTemplate) -> Flow {
        self.callee(node.tag())?;
        node.exprs().iter().try_for_each(|expression| self.visit_expression(expression))
    }

    fn visit_assign(&mut self, node: &'ast Assign) -> Flow {
        self.within(node.span().start(), |this| {
            match node.lhs() {
                AssignTarget::Access(PropertyAccess::Simple(access)) => {
                    if node.op() == AssignOp::Assign {
                        this.access(access, Act::Set);
                    } else {
                        this.get(access);
                    }
                    this.parts(access)?;
                }
                other => this.visit_assign_target(other)?,
            }
            this.visit_expression(node.rhs())
        })
    }

    fn visit_update(&mut self, node: &'ast Update) -> Flow {
        self.within(node.span().start(), |this| match node.target() {
            UpdateTarget::PropertyAccess(PropertyAccess::Simple(access)) => {
                this.get(access);
                this.parts(access)
            }
            _ => node.visit_with(this),
        })
    }

    fn visit_unary(&mut self, node: &'ast Unary) -> Flow {
        match (node.op(), node.target().flatten()) {
            (UnaryOp::Delete, Expression::PropertyAccess(PropertyAccess::Simple(access))) => {
                self.within(node.span().start(), |this| {
                    // Named even where the object is known: it may not let go of the member.
                    this.note(Act::Get(this.name_of(access.field())), access.field().span().start());
                    this.parts(access)
                })
            }
            _ => node.visit_with(self),
        }
    }
}
