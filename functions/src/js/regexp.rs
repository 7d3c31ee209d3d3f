//! Regular expressions as CloudFront's engine has them: with their `source` as it was written, and without `flags` and `sticky` in
//! runtime 1.0.
//!
//! By the standard, `replace`, `match`, `split` and `toString` ask a regular expression for its `flags`. Where there are none
//! they are run on a stand-in that has them and otherwise does what the regular expression does.

use super::event::plain_object;
use super::globals::{define, native};
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::PropertyDescriptor;
use boa_engine::{
    Context, Finalize, JsArgs, JsData, JsNativeError, JsObject, JsResult, JsString, JsSymbol, JsValue, NativeFunction,
    Trace, js_string,
};

/// Puts what both runtimes have in place.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let prototype = context.intrinsics().constructors().regexp().prototype();
    let member = prototype.borrow().properties().get(&js_string!("source").into());
    let Some(original) = member.and_then(|member| member.get().and_then(JsValue::as_object)) else { return Ok(()) };
    let get = NativeFunction::from_copy_closure_with_captures(
        |this, _, original: &JsObject, context| {
            let source = original.call(this, &[], context)?;
            Ok(source.as_string().map_or(source, |source| as_written(&source).into()))
        },
        original,
    );
    let get = FunctionObjectBuilder::new(context.realm(), get).name(js_string!("get source")).build();
    let source = PropertyDescriptor::builder().get(get).enumerable(false).configurable(true);
    prototype.define_property_or_throw(js_string!("source"), source, context)?;
    Ok(())
}

/// boa puts a backslash before each slash, also where there is one: a source that is made into a regular expression again would match
/// something else.
fn as_written(source: &JsString) -> JsString {
    const SLASH: u16 = b'/' as u16;
    let units: Vec<u16> = source.iter().collect();
    if !units.contains(&SLASH) {
        return source.clone();
    }
    let is_added = |place: usize| units.get(place + 1) == Some(&SLASH);
    let kept: Vec<u16> = (0..units.len()).filter(|place| !is_added(*place)).map(|place| units[place]).collect();
    JsString::from(kept.as_slice())
}

/// The regular expression that a stand-in is for.
#[derive(Trace, Finalize, JsData)]
struct StandIn(JsObject);

type Native = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

/// Gives the members of `RegExp.prototype` that need `flags` a stand-in to work on; gives its prototype, to be frozen.
pub(super) fn work_without_flags(context: &mut Context) -> JsResult<JsObject> {
    let stand_in = stand_in_prototype(context)?;
    let prototype = context.intrinsics().constructors().regexp().prototype();
    for (symbol, name, length) in [
        (JsSymbol::r#match(), "[Symbol.match]", 1),
        (JsSymbol::replace(), "[Symbol.replace]", 2),
        (JsSymbol::split(), "[Symbol.split]", 2),
    ] {
        let Some(original) = prototype.get(symbol.clone(), context)?.as_object() else { continue };
        let function = NativeFunction::from_copy_closure_with_captures(
            |this, arguments, (original, stand_in): &(JsObject, JsObject), context| {
                let target = this.as_object().ok_or_else(not_a_regular_expression)?;
                let stand_in = JsObject::from_proto_and_data(stand_in.clone(), StandIn(target));
                original.call(&stand_in.into(), arguments, context)
            },
            (original, stand_in.clone()),
        );
        let function =
            FunctionObjectBuilder::new(context.realm(), function).name(JsString::from(name)).length(length).build();
        let member = PropertyDescriptor::builder().value(function).writable(true).enumerable(false).configurable(true);
        prototype.define_property_or_throw(symbol, member, context)?;
    }
    define(&prototype, "toString", native("toString", 0, to_string, context), context)?;
    Ok(stand_in)
}

fn stand_in_prototype(context: &mut Context) -> JsResult<JsObject> {
    let prototype = plain_object(context);
    let accessor = |name: &'static str, get: Native, set: Option<Native>, context: &Context| {
        let function = |native: Native| -> JsFunction {
            FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(native))
                .name(js_string!(name))
                .build()
        };
        let accessor = PropertyDescriptor::builder().get(function(get));
        let accessor = if let Some(set) = set { accessor.set(function(set)) } else { accessor };
        accessor.enumerable(false).configurable(false).build()
    };
    let members: [(&str, Native, Option<Native>); 3] = [
        ("flags", |this, _, context| Ok(JsString::from(flags(&target(this)?, context)?).into()), None),
        ("source", |this, _, context| target(this)?.get(js_string!("source"), context), None),
        (
            "lastIndex",
            |this, _, context| target(this)?.get(js_string!("lastIndex"), context),
            Some(|this, arguments, context| {
                let value = arguments.get_or_undefined(0).clone();
                target(this)?.set(js_string!("lastIndex"), value, true, context)?;
                Ok(JsValue::undefined())
            }),
        ),
    ];
    for (name, get, set) in members {
        let property = accessor(name, get, set, context);
        prototype.define_property_or_throw(JsString::from(name), property, context)?;
    }
    define(&prototype, "exec", native("exec", 1, exec, context), context)?;
    // `split` makes a regular expression of it.
    let is_regular_expression = PropertyDescriptor::builder().value(true).writable(false).enumerable(false);
    prototype.define_property_or_throw(JsSymbol::r#match(), is_regular_expression.configurable(false), context)?;
    Ok(prototype)
}

fn not_a_regular_expression() -> JsNativeError {
    JsNativeError::typ().with_message("\"this\" argument is not a regexp")
}

fn target(stand_in: &JsValue) -> JsResult<JsObject> {
    let object = stand_in.as_object().ok_or_else(not_a_regular_expression)?;
    let target = object.downcast_ref::<StandIn>().ok_or_else(not_a_regular_expression)?;
    Ok(target.0.clone())
}

/// Runtime 1.0 has three.
fn flags(regular_expression: &JsObject, context: &mut Context) -> JsResult<String> {
    let mut flags = String::new();
    for (name, flag) in [(js_string!("global"), 'g'), (js_string!("ignoreCase"), 'i'), (js_string!("multiline"), 'm')] {
        if regular_expression.get(name, context)?.to_boolean() {
            flags.push(flag);
        }
    }
    Ok(flags)
}

fn exec(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let target = target(this)?;
    let exec = target.get(js_string!("exec"), context)?;
    let exec = exec.as_callable().ok_or_else(not_a_regular_expression)?;
    exec.call(&target.into(), arguments, context)
}

fn to_string(this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.as_object().ok_or_else(not_a_regular_expression)?;
    let source = object.get(js_string!("source"), context)?.to_string(context)?;
    let flags = JsString::from(flags(&object, context)?);
    Ok(js_string!(&js_string!("/"), &source, &js_string!("/"), &flags).into())
}
