//! `cf.edgeLocation`: where a request is handled.

use crate::edge_location;
use crate::js::EventType;
use crate::js::event::{data, plain_object};
use crate::js::host::Host;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::PropertyDescriptor;
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};

/// Adds the property to the module. It is read when a program reads it.
pub(super) fn install(module: &JsObject, context: &mut Context) -> JsResult<()> {
    let getter = NativeFunction::from_fn_ptr(read);
    let getter = FunctionObjectBuilder::new(context.realm(), getter).name(js_string!("edgeLocation")).build();
    let property = PropertyDescriptor::builder().get(getter).enumerable(false).configurable(true);
    module.define_property_or_throw(js_string!("edgeLocation"), property, context)?;
    Ok(())
}

/// On a viewer response it is empty.
#[allow(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn read(_this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = plain_object(context);
    let event = Host::of(context).event_if_any();
    if let Some(event) = event.filter(|event| event.event_type == EventType::ViewerRequest) {
        let server_ip = event.context.server_ip.to_canonical().to_string();
        data(&object, js_string!("name"), js_string!(edge_location::NAME));
        data(&object, js_string!("serverIp"), JsString::from(server_ip));
        data(&object, js_string!("region"), js_string!(edge_location::REGION));
    }
    Ok(object.into())
}
