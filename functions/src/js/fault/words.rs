//! Error texts: what boa says, in the words of CloudFront's engine.

use homefront_config::limits::FUNCTION_WORKER_MEMORY_BYTES_MAX;
use std::borrow::Cow;

/// What is said of a function for which there is no memory any more.
pub(in crate::js) fn memory_used_up() -> String {
    format!("the memory of its worker is used up, which is {} MiB", FUNCTION_WORKER_MEMORY_BYTES_MAX >> 20)
}

/// The message of an error of the class `kind`; nothing where it stays as it is, or needs the place the error arose at.
pub(super) fn translate(kind: &str, message: &str) -> Option<Cow<'static, str>> {
    if kind == "ReferenceError" {
        let name = message.strip_suffix(" is not defined").filter(|name| is_name(name));
        let name = name.or_else(|| between(message, "cannot assign to uninitialized global property `", "`"))?;
        return Some(Cow::Owned(format!("\"{name}\" is not defined")));
    }
    fixed(message).map(Cow::Borrowed).or_else(|| named(message).map(Cow::Owned))
}

fn fixed(message: &str) -> Option<&'static str> {
    Some(match message {
        "invalid escape character found"
        | "invalid escaped character found"
        | "invalid hexadecimal digit found"
        | "non-terminated escape character found"
        | "escape characters must be preceded with a % sign"
        | "trying to encode an invalid string"
        | "invalid UTF-8 encoding found" => "malformed URI",
        "cyclic object value" => "Nested too deep or a cyclic structure",
        "invalid array length" | "bad length for array" | "array exceeded max size" => "Invalid array length",
        "toFixed() digits argument must be between 0 and 100"
        | "toExponential() argument must be between 0 and 100" => "digits argument must be between 0 and 100",
        "precision must be an integer at least 1 and no greater than 100" => {
            "precision argument must be between 1 and 100"
        }
        "cannot convert null or undefined to Object" => "cannot convert null or undefined to object",
        "can't convert symbol to string" => "Cannot convert a Symbol value to a string",
        "The comparison function must be either a function or undefined" => "comparefn must be callable or undefined",
        "Index must be between 0 and  2^53 - 1" => "invalid index",
        "Promise executor is not callable" => "unexpected arguments",
        "cannot create list from a primitive" => "second argument is not an array-like object",
        "'this' is not a Date" => "cannot convert object to date",
        "RegExp.prototype.exec called with invalid value" => "\"this\" argument is not a regexp",
        "buffer must be an ArrayBuffer" => "buffer is not an ArrayBuffer",
        "Object.defineProperty: expected 'this' to be an Object" => "Object.defineProperty is called on non-object",
        _ if message.starts_with("cannot mutate an immutable binding") => "assignment to constant variable",
        _ if message.starts_with("'caller', 'callee', and 'arguments'") => {
            "\"caller\", \"callee\", \"arguments\" properties may not be accessed"
        }
        _ if message.starts_with("right-hand side of 'instanceof'") => "right argument is not callable",
        _ if message.ends_with("called on an empty array and with no initial value") => {
            "Reduce of empty object with no initial value"
        }
        _ if is_about_a_callback(message) => "callback argument is not callable",
        _ if message.starts_with("Promise.") && message.ends_with("() called on a non-object") => {
            "this value is not an object"
        }
        _ => return None,
    })
}

fn is_about_a_callback(message: &str) -> bool {
    let of_list = message.starts_with("Array.prototype.") || message.starts_with("TypedArray.prototype.");
    of_list
        && (message.ends_with("not callable")
            || message.contains("must be callable")
            || message.contains("invalid callback"))
}

fn named(message: &str) -> Option<String> {
    if message.ends_with("while allocating data block") {
        return Some(memory_used_up());
    }
    if let Some(name) = message.strip_prefix("cannot set non-writable property: ") {
        return Some(format!("Cannot assign to read-only property \"{name}\" of object"));
    }
    if let Some(name) = message.strip_prefix("cannot redefine property: ") {
        return Some(format!("Cannot redefine property: \"{name}\""));
    }
    if let Some(kind) = between(message, "right-hand side of 'in' should be an object, got `", "`") {
        return Some(format!("property \"in\" on primitive {kind} type"));
    }
    let prototype = message.strip_prefix("Object.create: ").or_else(|| message.strip_prefix("Object.setPrototypeOf: "));
    if let Some(kind) = prototype.and_then(|rest| between(rest, "expected 'proto' to be an Object or null, got `", "`"))
    {
        return Some(format!("prototype may only be an object or null: {kind}"));
    }
    None
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '"'])
}
