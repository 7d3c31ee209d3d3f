//! Errors that a program catches, in the words of CloudFront's engine too.
//!
//! boa makes an error's message when it throws. A wrapped source therefore hands what it catches to this function first, and
//! `then` does so for what a promise is rejected with.

use super::place::Place;
use super::words::translate;
use super::{Host, blame, is_refused_write};
use crate::js::globals::define;
use crate::js::text::utf8;
use boa_engine::builtins::error::Error;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsArgs, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};
use std::borrow::Cow;

/// The function.
pub(in crate::js) struct Reword(pub(in crate::js) JsObject);

impl Reword {
    /// Makes it, before errors lose their `stack`.
    pub(in crate::js) fn new(context: &mut Context) -> Self {
        let prototype = context.intrinsics().constructors().error().prototype();
        let stack = prototype.borrow().properties().get(&PropertyKey::from(js_string!("stack")));
        let stack = stack.and_then(|stack| stack.get()?.as_object());
        let function = NativeFunction::from_copy_closure_with_captures(
            |_, arguments, stack: &Option<JsObject>, context| {
                if let Some(error) = arguments.get_or_undefined(0).as_object().filter(|error| error.is::<Error>()) {
                    reword(&error, stack.as_ref(), context)?;
                }
                Ok(JsValue::undefined())
            },
            stack,
        );
        let function = FunctionObjectBuilder::new(context.realm(), function).length(1).build();
        Self(function.into())
    }

    /// Has `then`, and so `catch`, `finally` and the combinators, hand it what they get. `await` has a `catch` clause around it.
    pub(in crate::js) fn install_in_promises(&self, context: &mut Context) -> JsResult<()> {
        let prototype = context.intrinsics().constructors().promise().prototype();
        let Some(original) = prototype.get(js_string!("then"), context)?.as_object() else { return Ok(()) };
        let function = NativeFunction::from_copy_closure_with_captures(
            |this, arguments, (original, reword): &(JsObject, JsObject), context| {
                let rejected = match arguments.get_or_undefined(1).as_callable() {
                    Some(rejected) => reworded_first(rejected, reword, context).into(),
                    None => JsValue::undefined(),
                };
                original.call(this, &[arguments.get_or_undefined(0).clone(), rejected], context)
            },
            (original, self.0.clone()),
        );
        let function = FunctionObjectBuilder::new(context.realm(), function).name(js_string!("then")).length(2).build();
        define(&prototype, "then", function, context)
    }
}

/// Calls `function` with an error after that has its words.
fn reworded_first(function: JsObject, reword: &JsObject, context: &Context) -> JsFunction {
    let both = NativeFunction::from_copy_closure_with_captures(
        |_, arguments, (function, reword): &(JsObject, JsObject), context| {
            reword.call(&JsValue::undefined(), arguments, context)?;
            function.call(&JsValue::undefined(), arguments, context)
        },
        (function, reword.clone()),
    );
    FunctionObjectBuilder::new(context.realm(), both).length(1).build()
}

fn reword(error: &JsObject, stack: Option<&JsObject>, context: &mut Context) -> JsResult<()> {
    let key = PropertyKey::from(js_string!("message"));
    let own = error.borrow().properties().get(&key).and_then(|property| property.value()?.as_string());
    let Some(message) = own.map(|message| utf8(&message)) else { return Ok(()) };
    let kind = class_of(error, context);
    let known = match translate(&kind, &message) {
        None => by_place(&message, error, stack, context)?.map(Cow::Owned),
        known => known,
    };
    if is_refused_write(&format!("{kind}: {}", known.as_deref().unwrap_or(&message))) {
        Host::of(context).write_refused.set(true);
    }
    if let Some(text) = known {
        let property = PropertyDescriptor::builder().value(JsString::from(text.as_ref())).writable(true);
        error.insert_property(key, property.enumerable(false).configurable(true));
    }
    Ok(())
}

/// Its `name`, unless a getter of the program's gives it: that runs when the program asks for it, and not before.
fn class_of(error: &JsObject, context: &Context) -> String {
    let key = PropertyKey::from(js_string!("name"));
    let mut object = error.clone();
    loop {
        // There it may be an accessor of ours, so that errors can be given another.
        if let Some(class) = built_in_class(&object, context) {
            return class.to_owned();
        }
        let found = object.borrow().properties().get(&key);
        if let Some(property) = found {
            return property.value().and_then(JsValue::as_string).map(|name| utf8(&name)).unwrap_or_default();
        }
        let Some(prototype) = object.prototype() else { return String::new() };
        object = prototype;
    }
}

/// Of which class an object is the prototype.
fn built_in_class(object: &JsObject, context: &Context) -> Option<&'static str> {
    let classes = context.intrinsics().constructors();
    let prototypes = [
        ("TypeError", classes.type_error()),
        ("RangeError", classes.range_error()),
        ("ReferenceError", classes.reference_error()),
        ("SyntaxError", classes.syntax_error()),
        ("URIError", classes.uri_error()),
        ("EvalError", classes.eval_error()),
        ("Error", classes.error()),
    ];
    prototypes.into_iter().find(|(_, class)| JsObject::equals(&class.prototype(), object)).map(|(name, _)| name)
}

/// The text of an error whose place tells more.
fn by_place(
    message: &str,
    error: &JsObject,
    stack: Option<&JsObject>,
    context: &mut Context,
) -> JsResult<Option<String>> {
    const WITH_A_PLACE: [&str; 4] = [
        "cannot convert 'null' or 'undefined' to object",
        "not a callable function",
        "not a constructor",
        "Cannot delete property",
    ];
    let Some(stack) = stack.filter(|_| WITH_A_PLACE.contains(&message)) else { return Ok(None) };
    let rendered = stack.call(&error.clone().into(), &[], context)?;
    let place = rendered.as_string().and_then(|rendered| Place::of(&utf8(&rendered)));
    let blamed = blame(&format!("TypeError: {message}"), place, &Host::of(context));
    Ok(blamed.map(|(text, _)| text.trim_start_matches("TypeError: ").to_owned()))
}
