//! The yardstick of the engine: what a straightforward embedding of boa does for the same functions. The whole event is built
//! before each call, the whole result is read after it, and `JSON.parse` is boa's own. Like the product it compiles once and
//! evaluates the module scope for each call; unlike it, nothing protects one call from what another did to built-ins.

use crate::typical;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boa_engine::object::builtins::{JsArray, JsFunction};
use boa_engine::object::{FunctionObjectBuilder, ObjectInitializer};
use boa_engine::property::{Attribute, PropertyKey};
use boa_engine::{
    Context, JsArgs as _, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, Script, Source,
    js_string,
};
use hmac::{Hmac, Mac as _};
use homefront_functions::Request;
use sha2::Sha256;

/// One function in a context.
pub struct Naive {
    context: Context,
    wrapper: JsFunction,
}

/// What came back: the URI and every header, each read through the language.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// `request.uri`
    pub uri: String,
    /// Names and values of `request.headers`.
    pub headers: Vec<(String, String)>,
    /// Names and values of `request.cookies`.
    pub cookies: Vec<(String, String)>,
    /// Names and values of `request.querystring`.
    pub querystring: Vec<(String, String)>,
}

impl Naive {
    /// Compiles a function.
    pub fn new(code: &str) -> JsResult<Self> {
        let mut context = Context::default();
        context.strict(true);
        modules(&mut context)?;
        let source = format!("(() => {{ {code}\nreturn handler; }})");
        let script = Script::parse(Source::from_bytes(&source), None, &mut context)?;
        let wrapper = script.evaluate(&mut context)?.as_object().and_then(JsFunction::from_object);
        let wrapper = wrapper.ok_or_else(|| JsNativeError::typ().with_message("not a program"))?;
        Ok(Self { context, wrapper })
    }

    /// Event in, handler, result out.
    pub fn call(&mut self, request: &Request) -> JsResult<Returned> {
        let event = event(request, &mut self.context)?;
        let undefined = JsValue::undefined();
        let handler = self.wrapper.call(&undefined, &[], &mut self.context)?;
        let handler = handler.as_callable().ok_or_else(|| JsNativeError::typ().with_message("no handler"))?;
        let value = handler.call(&undefined, &[event.into()], &mut self.context)?;
        let object = value.to_object(&mut self.context)?;
        read(&object, &mut self.context)
    }

    /// The conversion alone: the whole event in, and the whole request of it out again, as from a handler that returns it.
    pub fn convert(&mut self, request: &Request) -> JsResult<Returned> {
        let event = event(request, &mut self.context)?;
        let request = event.get(js_string!("request"), &mut self.context)?.to_object(&mut self.context)?;
        read(&request, &mut self.context)
    }

    /// As the product does it between calls.
    pub fn collect_garbage(&self) {
        boa_gc::force_collect();
    }
}

fn text(bytes: &[u8]) -> JsString {
    JsString::from(String::from_utf8_lossy(bytes).as_ref())
}

fn value_object(value: &[u8], context: &mut Context) -> JsObject {
    ObjectInitializer::new(context).property(js_string!("value"), text(value), Attribute::all()).build()
}

/// Entries by name; a name that comes again gets a `multiValue`.
fn section<'a>(pairs: impl Iterator<Item = (String, &'a [u8])>, context: &mut Context) -> JsResult<JsObject> {
    let section = ObjectInitializer::new(context).build();
    for (name, value) in pairs {
        let name = PropertyKey::from(JsString::from(name.as_str()));
        let entry = value_object(value, context);
        let Some(known) = section.get(name.clone(), context)?.as_object() else {
            section.create_data_property_or_throw(name, entry, context)?;
            continue;
        };
        if let Some(list) = known.get(js_string!("multiValue"), context)?.as_object() {
            JsArray::from_object(list)?.push(entry, context)?;
        } else {
            let first = known.get(js_string!("value"), context)?;
            let first = ObjectInitializer::new(context).property(js_string!("value"), first, Attribute::all()).build();
            let list = JsArray::from_iter([first.into(), entry.into()], context);
            known.create_data_property_or_throw(js_string!("multiValue"), list, context)?;
        }
    }
    Ok(section)
}

fn pairs(bytes: &[u8], separator: u8) -> impl Iterator<Item = (String, &[u8])> {
    bytes.split(move |byte| *byte == separator).map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (String::from_utf8_lossy(&pair[..at]).into_owned(), pair.get(at + 1..).unwrap_or_default())
    })
}

fn event(request: &Request, context: &mut Context) -> JsResult<JsObject> {
    let all = Attribute::all();
    let described = typical::context();
    let lines = request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"cookie"));
    let lines = lines.map(|(name, value)| (String::from_utf8_lossy(name).to_ascii_lowercase(), value));
    let headers = section(lines, context)?;
    let cookies = section(request.headers.values("cookie").flat_map(|line| pairs(line, b';')), context)?;
    let querystring = section(pairs(request.querystring.as_deref().unwrap_or_default(), b'&'), context)?;
    let request = ObjectInitializer::new(context)
        .property(js_string!("method"), text(request.method.as_bytes()), all)
        .property(js_string!("uri"), text(&request.uri), all)
        .property(js_string!("querystring"), querystring, all)
        .property(js_string!("headers"), headers, all)
        .property(js_string!("cookies"), cookies, all)
        .build();
    let domain = text(described.distribution_domain_name.as_bytes());
    let about = ObjectInitializer::new(context)
        .property(js_string!("distributionDomainName"), domain, all)
        .property(js_string!("distributionId"), text(described.distribution_id.as_bytes()), all)
        .property(js_string!("eventType"), js_string!("viewer-request"), all)
        .property(js_string!("requestId"), text(described.request_id.as_bytes()), all)
        .build();
    let ip = text(described.viewer_ip.to_string().as_bytes());
    let viewer = ObjectInitializer::new(context).property(js_string!("ip"), ip, all).build();
    Ok(ObjectInitializer::new(context)
        .property(js_string!("version"), js_string!("1.0"), all)
        .property(js_string!("context"), about, all)
        .property(js_string!("viewer"), viewer, all)
        .property(js_string!("request"), request, all)
        .build())
}

fn read(request: &JsObject, context: &mut Context) -> JsResult<Returned> {
    let uri = request.get(js_string!("uri"), context)?.to_string(context)?.to_std_string_lossy();
    let mut entries = |name: JsString| -> JsResult<Vec<(String, String)>> {
        let section = request.get(name, context)?.to_object(context)?;
        let mut read = Vec::new();
        for key in section.own_property_keys(context)? {
            let entry = section.get(key.clone(), context)?.to_object(context)?;
            let value = entry.get(js_string!("value"), context)?.to_string(context)?.to_std_string_lossy();
            read.push((key.to_string(), value));
        }
        Ok(read)
    };
    let (headers, cookies) = (entries(js_string!("headers"))?, entries(js_string!("cookies"))?);
    let querystring = entries(js_string!("querystring"))?;
    Ok(Returned { uri, headers, cookies, querystring })
}

/// What `functions/jwt.js` needs of `crypto` and `Buffer`, natively.
fn modules(context: &mut Context) -> JsResult<()> {
    let function =
        |name: &str, native: fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>, context: &Context| {
            FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(native))
                .name(JsString::from(name))
                .build()
        };
    let require = function("require", require, context);
    context.register_global_property(js_string!("require"), require, Attribute::all())?;
    let from = function("from", buffer_from, context);
    let buffer = ObjectInitializer::new(context).property(js_string!("from"), from, Attribute::all()).build();
    context.register_global_property(js_string!("Buffer"), buffer, Attribute::all())
}

#[allow(clippy::unnecessary_wraps, reason = "boa calls functions of this form")]
fn require(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let create = NativeFunction::from_fn_ptr(create_hmac);
    Ok(ObjectInitializer::new(context).function(create, js_string!("createHmac"), 2).build().into())
}

fn create_hmac(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let key = arguments.get_or_undefined(1).to_string(context)?;
    let (update, digest) = (NativeFunction::from_fn_ptr(update), NativeFunction::from_fn_ptr(digest));
    let mut hash = ObjectInitializer::new(context);
    hash.property(js_string!("key"), key, Attribute::all()).function(update, js_string!("update"), 1);
    Ok(hash.function(digest, js_string!("digest"), 1).build().into())
}

fn update(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let hash = this.to_object(context)?;
    hash.set(js_string!("data"), arguments.get_or_undefined(0).clone(), true, context)?;
    Ok(this.clone())
}

fn digest(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let hash = this.to_object(context)?;
    let mut part =
        |name| Ok::<_, boa_engine::JsError>(hash.get(name, context)?.to_string(context)?.to_std_string_lossy());
    let (key, data) = (part(js_string!("key"))?, part(js_string!("data"))?);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|error| JsNativeError::typ().with_message(error.to_string()))?;
    mac.update(data.as_bytes());
    Ok(JsString::from(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).as_str()).into())
}

fn buffer_from(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let encoded = arguments.get_or_undefined(0).to_string(context)?.to_std_string_lossy();
    let bytes =
        URL_SAFE_NO_PAD.decode(encoded).map_err(|error| JsNativeError::typ().with_message(error.to_string()))?;
    let decoded = text(&bytes);
    let to_string =
        NativeFunction::from_fn_ptr(|this, _, context| this.to_object(context)?.get(js_string!("text"), context));
    let mut buffer = ObjectInitializer::new(context);
    buffer.property(js_string!("text"), decoded, Attribute::all()).function(to_string, js_string!("toString"), 0);
    Ok(buffer.build().into())
}
