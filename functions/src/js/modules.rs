//! What `require` and `import` give.

use super::globals::{define, native};
use super::host::Host;
use super::text::utf8;
use super::{buffer, cloudfront, crypto, querystring};
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsValue};
use homefront_config::function::FunctionRuntime;
use std::rc::Rc;

/// The modules of a context by name.
struct Modules(Vec<(&'static str, JsObject)>);

/// Makes the modules of a runtime and `require`; gives the objects that only they lead to.
pub(super) fn install(runtime: FunctionRuntime, context: &mut Context) -> JsResult<Vec<JsObject>> {
    let mut modules = Vec::new();
    if runtime == FunctionRuntime::CloudfrontJs2_0 {
        modules.push(("buffer", buffer::module(context)?));
        modules.push(("cloudfront", cloudfront::module(context)?));
    }
    modules.push(("crypto", crypto::module(context)?));
    modules.push(("querystring", querystring::module(context)?));
    let mut roots: Vec<JsObject> = modules.iter().map(|(_, module)| module.clone()).collect();
    let prototypes = Host::of(context);
    let prototypes = prototypes.prototypes.borrow();
    roots.extend([&prototypes.hash, &prototypes.buffer, &prototypes.store].into_iter().flatten().cloned());
    context.insert_data(Rc::new(Modules(modules)));
    let global = context.global_object();
    define(&global, "require", native("require", 1, require, context), context)?;
    Ok(roots)
}

/// A module, for a wrapper's parameter; `undefined` if there is none of that name.
pub(super) fn by_name(name: &str, context: &Context) -> JsValue {
    let modules = context.get_data::<Rc<Modules>>();
    let module = modules.and_then(|modules| modules.0.iter().find(|(known, _)| *known == name));
    module.map_or_else(JsValue::undefined, |(_, module)| module.clone().into())
}

/// What `require` gives. `cloudfront` can only be imported.
pub(super) fn required(runtime: FunctionRuntime) -> &'static [&'static str] {
    match runtime {
        FunctionRuntime::CloudfrontJs1_0 => &["crypto", "querystring"],
        FunctionRuntime::CloudfrontJs2_0 => &["buffer", "crypto", "querystring"],
    }
}

/// `require(name)`
fn require(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let name = utf8(&arguments.get_or_undefined(0).to_string(context)?);
    let there = required(Host::of(context).runtime).contains(&name.as_str());
    let module = if there { by_name(&name, context) } else { JsValue::undefined() };
    if module.is_undefined() {
        return Err(JsNativeError::error().with_message(format!("Cannot find module \"{name}\"")).into());
    }
    Ok(module)
}
