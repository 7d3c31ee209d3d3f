//! `FunctionOutput`: what a handler returned, in AWS's member order.

use serde_json::{Map, Value};

/// AWS's order of the members of a request and of a response.
const REQUEST: [&str; 5] = ["headers", "method", "querystring", "uri", "cookies"];
const RESPONSE: [&str; 5] = ["headers", "statusDescription", "cookies", "statusCode", "body"];

/// The output for a returned object, given as JSON; nothing when it is no object.
pub(super) fn function_output(returned: &str) -> Option<String> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(returned) else { return None };
    let (wrapper, order) =
        if members.contains_key("statusCode") { ("response", RESPONSE) } else { ("request", REQUEST) };
    let mut ordered = Map::new();
    for name in order {
        let member = match members.remove(name) {
            // AWS fills in what the function left out.
            None if name == "cookies" || name == "headers" => Value::Object(Map::new()),
            None => continue,
            Some(Value::Object(cookies)) if name == "cookies" => {
                Value::Object(cookies.into_iter().map(|(name, cookie)| (name, attributes_first(cookie))).collect())
            }
            Some(member) => member,
        };
        ordered.insert(name.to_owned(), member);
    }
    Some(Value::Object(Map::from_iter([(wrapper.to_owned(), Value::Object(ordered))])).to_string())
}

fn attributes_first(cookie: Value) -> Value {
    let Value::Object(mut members) = cookie else { return cookie };
    let attributes = members.shift_remove("attributes");
    let attributes = attributes.map(|attributes| ("attributes".to_owned(), attributes));
    Value::Object(attributes.into_iter().chain(members).collect())
}
