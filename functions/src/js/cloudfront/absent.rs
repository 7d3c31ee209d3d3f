//! Parts of the module that a node has nothing for: tenants of a multi-tenant distribution, certificates of viewers. Using
//! them is an error of the program, as it is on a standard distribution of CloudFront.

use crate::js::event::plain_object;
use crate::js::globals::{define, native};
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::PropertyDescriptor;
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsValue, NativeFunction, js_string};

/// Adds them to the module.
pub(super) fn install(module: &JsObject, context: &mut Context) -> JsResult<()> {
    let getter = NativeFunction::from_fn_ptr(distribution_tenant);
    let getter = FunctionObjectBuilder::new(context.realm(), getter).name(js_string!("distributionTenant")).build();
    let property = PropertyDescriptor::builder().get(getter).enumerable(false).configurable(true);
    module.define_property_or_throw(js_string!("distributionTenant"), property, context)?;
    let mtls = plain_object(context);
    for name in ["renameClientCertHeaders", "renamePemHeaders", "combinePemHeaders"] {
        define(&mtls, name, native(name, 1, no_viewer_certificate, context), context)?;
    }
    define(module, "mtls", mtls, context)
}

fn distribution_tenant(_this: &JsValue, _arguments: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    Err(JsNativeError::typ().with_message("distributionTenant module is not available").into())
}

fn no_viewer_certificate(_this: &JsValue, _arguments: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    Err(JsNativeError::typ().with_message("mtls module is not available").into())
}
