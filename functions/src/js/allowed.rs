//! What a program finds in strict fidelity: the lists of AWS's Developer Guide, taken as allow-lists.
//!
//! A member is there if AWS's page of the runtime lists it, or if it is implied: the guide calls the runtimes "compliant with
//! ECMAScript 5.1", and some members of that are left out of its lists though AWS's own functions use them (`charCodeAt`), or
//! an object is of no use without them (`length`, `constructor`). Nothing else is, whatever our engine has.
//!
//! Members named by symbols stay: the language itself uses them (iterators, `instanceof`, `String.prototype.replace`), and a
//! program has no way to their symbols.

pub(in crate::js) mod modules;
mod runtime_1_0;
mod runtime_2_0;

use super::globals::define;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};
use homefront_config::function::FunctionRuntime;

/// An object that a program can reach, and the names of its members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    /// How a program gets it; `TypedArray` is what `Object.getPrototypeOf(Int8Array)` gives.
    pub(super) path: &'static str,
    /// On AWS's page.
    listed: &'static str,
    /// Of ECMAScript 5.1, or what the object is of no use without.
    implied: &'static str,
}

impl Object {
    /// Every name.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        self.listed.split_whitespace().chain(self.implied.split_whitespace())
    }

    fn has(self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

/// ECMAScript 5.1, 15.9.5.
const DATE_ES_5_1: &str = "toString toDateString toTimeString toLocaleString toLocaleDateString toLocaleTimeString valueOf \
    getTime getFullYear getUTCFullYear getMonth getUTCMonth getDate getUTCDate getDay getUTCDay getHours getUTCHours \
    getMinutes getUTCMinutes getSeconds getUTCSeconds getMilliseconds getUTCMilliseconds getTimezoneOffset setTime \
    setMilliseconds setUTCMilliseconds setSeconds setUTCSeconds setMinutes setUTCMinutes setHours setUTCHours setDate \
    setUTCDate setMonth setUTCMonth setFullYear setUTCFullYear toUTCString toISOString toJSON";

/// Rows that are alike: typed arrays and kinds of errors. Those whose global a runtime does not have are none of its.
const ALIKE: &[[Object; 2]] = &[
    error("Error", "Error.prototype", "name message toString"),
    error("EvalError", "EvalError.prototype", "name message"),
    error("InternalError", "InternalError.prototype", "name message"),
    error("MemoryError", "MemoryError.prototype", "name message"),
    error("RangeError", "RangeError.prototype", "name message"),
    error("ReferenceError", "ReferenceError.prototype", "name message"),
    error("SyntaxError", "SyntaxError.prototype", "name message"),
    error("TypeError", "TypeError.prototype", "name message"),
    error("URIError", "URIError.prototype", "name message"),
    typed_array("Int8Array", "Int8Array.prototype"),
    typed_array("Uint8Array", "Uint8Array.prototype"),
    typed_array("Uint8ClampedArray", "Uint8ClampedArray.prototype"),
    typed_array("Int16Array", "Int16Array.prototype"),
    typed_array("Uint16Array", "Uint16Array.prototype"),
    typed_array("Int32Array", "Int32Array.prototype"),
    typed_array("Uint32Array", "Uint32Array.prototype"),
    typed_array("Float32Array", "Float32Array.prototype"),
    typed_array("Float64Array", "Float64Array.prototype"),
];

const fn error(path: &'static str, prototype: &'static str, members: &'static str) -> [Object; 2] {
    [Object { path, listed: "", implied: "" }, Object { path: prototype, listed: members, implied: "constructor" }]
}

const fn typed_array(path: &'static str, prototype: &'static str) -> [Object; 2] {
    [
        Object { path, listed: "", implied: "BYTES_PER_ELEMENT" },
        Object { path: prototype, listed: "", implied: "constructor BYTES_PER_ELEMENT" },
    ]
}

/// Every object of a runtime.
pub(super) fn objects(runtime: FunctionRuntime) -> impl Iterator<Item = Object> {
    let alike = ALIKE.iter().filter(move |[constructor, _]| has_global(runtime, constructor.path)).flatten();
    own(runtime).iter().chain(alike).copied()
}

fn own(runtime: FunctionRuntime) -> &'static [Object] {
    match runtime {
        FunctionRuntime::CloudfrontJs1_0 => runtime_1_0::OBJECTS,
        FunctionRuntime::CloudfrontJs2_0 => runtime_2_0::OBJECTS,
    }
}

/// Whether a global of that name is there.
pub(super) fn has_global(runtime: FunctionRuntime, name: &str) -> bool {
    own(runtime).iter().any(|object| object.path == "globalThis" && object.has(name))
}

/// Whether the object at `path` has a member of that name; nothing if there is no such object.
pub(super) fn has_member(runtime: FunctionRuntime, path: &str, name: &str) -> Option<bool> {
    let has = |path: &str| objects(runtime).find(|object| object.path == path).map(|found| found.has(name));
    let own = has(path)?;
    // Those inherit from `TypedArray`, which has no name.
    let is_typed_array = path.ends_with("Array") && path != "Array";
    Some(own || (is_typed_array && has("TypedArray") == Some(true)))
}

/// Whether any object has a member of that name.
pub(super) fn known_member(runtime: FunctionRuntime, name: &str) -> bool {
    objects(runtime).any(|object| object.has(name))
}

/// Takes everything away that a runtime does not have.
pub(super) fn restrict(runtime: FunctionRuntime, context: &mut Context) -> JsResult<()> {
    plain_symbol(context)?;
    errors_without_cause(context)?;
    // The global object last: the others are found through it.
    for allowed in objects(runtime).filter(|object| object.path != "globalThis") {
        let object = at(allowed.path, context)?;
        restrict_object(&object, allowed, context)?;
    }
    for allowed in objects(runtime).filter(|object| object.path == "globalThis") {
        restrict_object(&context.global_object(), allowed, context)?;
    }
    Ok(())
}

/// A `Symbol` whose members can be taken away: boa's are fixed. What it makes and their prototype are the same.
fn plain_symbol(context: &mut Context) -> JsResult<()> {
    let global = context.global_object();
    let fixed = global.get(js_string!("Symbol"), context)?.as_object().expect("boa has symbols");
    let call = NativeFunction::from_copy_closure_with_captures(
        |_, arguments, fixed: &JsObject, context| fixed.call(&JsValue::undefined(), arguments, context),
        fixed.clone(),
    );
    let plain = FunctionObjectBuilder::new(context.realm(), call).name(js_string!("Symbol")).build();
    for name in ["for", "keyFor", "replace", "split"] {
        let member = fixed.get(JsString::from(name), context)?;
        define(&plain, name, member, context)?;
    }
    let prototype = context.intrinsics().constructors().symbol().prototype();
    define(&prototype, "constructor", plain.clone(), context)?;
    let member = PropertyDescriptor::builder().value(prototype).writable(false).enumerable(false).configurable(false);
    plain.define_property_or_throw(js_string!("prototype"), member, context)?;
    define(&global, "Symbol", plain, context)
}

/// Kinds of errors whose constructors take a message and nothing else: boa's put `cause` of a second argument onto the error.
fn errors_without_cause(context: &mut Context) -> JsResult<()> {
    const ERRORS: [&str; 7] =
        ["Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"];
    let global = context.global_object();
    let error = at("Error", context)?;
    for name in ERRORS {
        let fixed = at(name, context)?;
        let call = NativeFunction::from_copy_closure_with_captures(
            |_, arguments, fixed: &JsObject, context| {
                let error = fixed.construct(&arguments[..arguments.len().min(1)], None, context)?;
                Ok(error.into())
            },
            fixed.clone(),
        );
        let made = FunctionObjectBuilder::new(context.realm(), call);
        let made = made.name(JsString::from(name)).length(1).constructor(true).build();
        let prototype = at(&format!("{name}.prototype"), context)?;
        define(&prototype, "constructor", made.clone(), context)?;
        let member = PropertyDescriptor::builder().value(prototype).writable(false).enumerable(false);
        made.define_property_or_throw(js_string!("prototype"), member.configurable(false), context)?;
        define(&global, name, made, context)?;
    }
    let made = at("Error", context)?;
    for key in global.own_property_keys(context)? {
        let kind = global.borrow().properties().get(&key).and_then(|kind| kind.value()?.as_object());
        if let Some(kind) = kind.filter(|kind| kind.prototype().as_ref() == Some(&error)) {
            kind.set_prototype(Some(made.clone()));
        }
    }
    for name in ERRORS.iter().filter(|name| **name != "Error") {
        at(name, context)?.set_prototype(Some(made.clone()));
    }
    Ok(())
}

fn restrict_object(object: &JsObject, allowed: Object, context: &mut Context) -> JsResult<()> {
    for key in object.own_property_keys(context)? {
        let PropertyKey::String(name) = &key else { continue };
        let name = name.to_std_string_lossy();
        let of_function = object.is_callable() && OF_FUNCTIONS.contains(&name.as_str());
        if !of_function && !allowed.has(&name) {
            object.delete_property_or_throw(key, context)?;
        }
    }
    Ok(())
}

/// Members that every function has.
pub(super) const OF_FUNCTIONS: [&str; 3] = ["length", "name", "prototype"];

/// The object at a path of the tables.
pub(super) fn at(path: &str, context: &mut Context) -> JsResult<JsObject> {
    let mut object = context.global_object();
    for name in path.split('.').filter(|name| *name != "globalThis") {
        if name == "TypedArray" {
            object = context.intrinsics().constructors().typed_array().constructor();
            continue;
        }
        let found = object.get(JsString::from(name), context)?;
        let missing = || JsNativeError::typ().with_message(format!("the engine has no {path}"));
        object = found.as_object().ok_or_else(missing)?;
    }
    Ok(object)
}
