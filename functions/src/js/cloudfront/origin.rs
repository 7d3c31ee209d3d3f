//! `cf.updateRequestOrigin`, `cf.selectRequestOriginById` and `cf.createRequestOriginGroup`: an object becomes a typed edit, or
//! the rule it breaks. The last call of a program counts.

use super::members::{Members, Wrong, invalid, required, text, whole, word};
use crate::OriginProtocol;
use crate::js::EventType;
use crate::js::event::CallEvent;
use crate::js::globals::{define, native};
use crate::js::host::Host;
use crate::origin_edit::{
    CertificateName, CustomHeaders, CustomOriginConfig, DomainName, IpAddressType, OriginEdit, OriginId,
    OriginOverrides, OriginPath, OriginTimeouts, OriginUpdate, RequestOriginGroup, SelectedOrigin, bound_fault,
    port_fault,
};
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsValue};
use homefront_config::limits::{CONNECTION_ATTEMPTS_MAX, CUSTOM_HEADERS_QUOTA, FUNCTION_CERTIFICATE_NAMES_MAX};
use homefront_config::origin::SslProtocols;
use homefront_config::origin_group::FailoverStatusCodes;
use std::rc::Rc;

/// Adds the helpers to the module.
pub(super) fn install(module: &JsObject, context: &mut Context) -> JsResult<()> {
    define(module, "updateRequestOrigin", native("updateRequestOrigin", 1, update_request_origin, context), context)?;
    let select = native("selectRequestOriginById", 2, select_request_origin_by_id, context);
    define(module, "selectRequestOriginById", select, context)?;
    let create = native("createRequestOriginGroup", 1, create_request_origin_group, context);
    define(module, "createRequestOriginGroup", create, context)
}

fn update_request_origin(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    const NAME: &str = "updateRequestOrigin";
    let event = viewer_request(NAME, context)?;
    let read = update(arguments.get_or_undefined(0), &event, context).map(OriginEdit::Update);
    remember(NAME, read, context)
}

fn select_request_origin_by_id(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    const NAME: &str = "selectRequestOriginById";
    viewer_request(NAME, context)?;
    let read = select(arguments.get_or_undefined(0), arguments.get_or_undefined(1), context).map(OriginEdit::Select);
    remember(NAME, read, context)
}

fn create_request_origin_group(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    const NAME: &str = "createRequestOriginGroup";
    viewer_request(NAME, context)?;
    let read = group(arguments.get_or_undefined(0), context).map(OriginEdit::Group);
    remember(NAME, read, context)
}

/// The event, which must be a viewer request: a response comes from its origin already.
pub(super) fn viewer_request(name: &str, context: &Context) -> JsResult<Rc<CallEvent>> {
    let event = Host::event_of(context)?;
    if event.event_type == EventType::ViewerRequest {
        return Ok(event);
    }
    Err(JsNativeError::typ().with_message(format!("{name} is for viewer-request functions only")).into())
}

/// Keeps what a call said for when the handler has returned its request.
fn remember(name: &str, read: Result<OriginEdit, Wrong>, context: &Context) -> JsResult<JsValue> {
    let said = match read {
        Ok(edit) => Ok(Box::new(edit)),
        Err(Wrong::Invalid(detail)) => Err(format!("cf.{name}: {detail}")),
        Err(Wrong::Thrown(error)) => return Err(error),
    };
    Host::of(context).origin.replace(Some(said));
    Ok(JsValue::undefined())
}

fn update(value: &JsValue, event: &CallEvent, context: &mut Context) -> Result<OriginUpdate, Wrong> {
    const MEMBERS: [&str; 12] = [
        "domainName",
        "hostHeader",
        "originPath",
        "customHeaders",
        "connectionAttempts",
        "originShield",
        "originAccessControlConfig",
        "timeouts",
        "customOriginConfig",
        "sni",
        "allowedCertificateNames",
        "mTLSConfig",
    ];
    let members = Members::of(value, "the argument", &MEMBERS, context)?;
    let overrides = overrides(&members, context)?;
    origin_shield(&members, context)?;
    access_control(&members, &overrides, context)?;
    // There is no client certificate for origins here: inheriting none and presenting none are the same.
    members.word("mTLSConfig", &[("inherit", ()), ("off", ())], context)?;
    let update = OriginUpdate {
        domain_name: members.text("domainName", DomainName::parse, context)?,
        origin_path: members.text("originPath", OriginPath::parse, context)?,
        custom_headers: custom_headers(&members, event, context)?,
        connection_attempts: connection_attempts(&members, context)?,
        timeouts: timeouts(&members, context)?,
        custom_origin_config: custom_origin_config(&members, context)?,
        overrides,
    };
    match update.fault() {
        None => Ok(update),
        Some(fault) => invalid(fault),
    }
}

fn connection_attempts(members: &Members, context: &mut Context) -> Result<Option<u8>, Wrong> {
    const NAME: &str = "connectionAttempts";
    let attempts = members.whole(NAME, context)?;
    match attempts.and_then(|attempts| bound_fault(NAME, attempts, CONNECTION_ATTEMPTS_MAX)) {
        None => Ok(attempts.map(|attempts| attempts as u8)),
        Some(fault) => invalid(fault),
    }
}

fn custom_headers(members: &Members, event: &CallEvent, context: &mut Context) -> Result<Option<CustomHeaders>, Wrong> {
    const NAME: &str = "customHeaders";
    let Some(lines) = members.strings(NAME, CUSTOM_HEADERS_QUOTA, context)? else { return Ok(None) };
    let lines = lines.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = CustomHeaders::parse(lines).or_else(|rule| invalid(format!("{NAME}: {rule}")))?;
    let incoming = |name: &str| event.request.headers.first(name).is_some();
    if let Some((name, _)) = headers.iter().find(|(name, _)| incoming(name)) {
        return invalid(format!("{NAME}: the viewer's request has a header {name:?} already"));
    }
    Ok(Some(headers))
}

fn timeouts(members: &Members, context: &mut Context) -> Result<OriginTimeouts, Wrong> {
    const MEMBERS: [&str; 4] = ["readTimeout", "responseCompletionTimeout", "keepAliveTimeout", "connectionTimeout"];
    let Some(timeouts) = members.object("timeouts", &MEMBERS, context)? else { return Ok(OriginTimeouts::default()) };
    Ok(OriginTimeouts {
        connection_s: timeouts.whole("connectionTimeout", context)?,
        read_s: timeouts.whole("readTimeout", context)?,
        response_completion_s: timeouts.whole("responseCompletionTimeout", context)?,
        keep_alive_s: timeouts.whole("keepAliveTimeout", context)?,
    })
}

fn custom_origin_config(members: &Members, context: &mut Context) -> Result<Option<CustomOriginConfig>, Wrong> {
    const MEMBERS: [&str; 4] = ["port", "protocol", "sslProtocols", "ipAddressType"];
    const PROTOCOLS: [(&str, OriginProtocol); 2] = [("http", OriginProtocol::Http), ("https", OriginProtocol::Https)];
    let Some(config) = members.object("customOriginConfig", &MEMBERS, context)? else { return Ok(None) };
    let port = required(config.whole("port", context)?, &config.path("port"))?;
    let port = u16::try_from(port).or_else(|_| invalid(port_fault(port)))?;
    let path = config.path("sslProtocols");
    let versions = required(config.array("sslProtocols", SslProtocols::ALL.len(), context)?, &path)?;
    let known = SslProtocols::ALL.map(|word| (word, word));
    let versions: Result<Vec<_>, _> = versions.iter().map(|version| word(version, &path, &known)).collect();
    let ssl_protocols = SslProtocols::new(versions?);
    Ok(Some(CustomOriginConfig {
        port,
        protocol: required(config.word("protocol", &PROTOCOLS, context)?, &config.path("protocol"))?,
        ssl_protocols: ssl_protocols.ok_or_else(|| Wrong::Invalid(format!("{path} is empty")))?,
        ip_address_type: config.word("ipAddressType", &IpAddressType::ALL, context)?,
    }))
}

/// Origin Shield is one more cache on the way to an origin; a single node is all there is, with it and without it.
fn origin_shield(members: &Members, context: &mut Context) -> Result<(), Wrong> {
    const NAME: &str = "originShield";
    let Some(shield) = members.object(NAME, &["enabled", "region"], context)? else { return Ok(()) };
    let enabled = required(shield.boolean("enabled", context)?, &shield.path("enabled"))?;
    let region = shield.text("region", region, context)?;
    if enabled && region.is_none() {
        return invalid(format!("{} is required when it is enabled", shield.path("region")));
    }
    Ok(())
}

fn region(text: &str) -> Result<(), &'static str> {
    let mut parts = text.split('-');
    let letters = |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()));
    let first = parts.next();
    let right = first.is_some_and(|first| first.len() == 2)
        && letters(first)
        && letters(parts.next().filter(|part| !part.is_empty()))
        && parts.next().is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()))
        && parts.next().is_none();
    if right { Ok(()) } else { Err("must be the code of a Region, as \"us-east-2\"") }
}

/// What an origin access control does to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    Never,
    Some,
}

/// Origin access control signs requests with AWS's credentials, which a node does not have.
fn access_control(members: &Members, overrides: &OriginOverrides, context: &mut Context) -> Result<(), Wrong> {
    const MEMBERS: [&str; 5] = ["enabled", "signingBehavior", "signingProtocol", "originType", "region"];
    const BEHAVIORS: [(&str, Signing); 3] =
        [("always", Signing::Some), ("never", Signing::Never), ("no-override", Signing::Some)];
    const TYPES: [(&str, ()); 4] = [("s3", ()), ("mediapackagev2", ()), ("mediastore", ()), ("lambda", ())];
    let Some(config) = members.object("originAccessControlConfig", &MEMBERS, context)? else { return Ok(()) };
    let enabled = required(config.boolean("enabled", context)?, &config.path("enabled"))?;
    let behavior = config.word("signingBehavior", &BEHAVIORS, context)?;
    let protocol = config.word("signingProtocol", &[("sigv4", ())], context)?;
    let origin_type = config.word("originType", &TYPES, context)?;
    config.text("region", region, context)?;
    if !enabled {
        return Ok(());
    }
    let behavior = required(behavior, &config.path("signingBehavior"))?;
    required(protocol, &config.path("signingProtocol"))?;
    required(origin_type, &config.path("originType"))?;
    if overrides.host_header.is_some() {
        return invalid("hostHeader cannot be given with an origin access control that is enabled");
    }
    if behavior == Signing::Some {
        let path = config.path("enabled");
        return invalid(format!(
            "{path}: Homefront does not sign requests to origins; give false, or let the origin take them unsigned"
        ));
    }
    Ok(())
}

const OVERRIDES: [&str; 3] = ["hostHeader", "sni", "allowedCertificateNames"];

fn overrides(members: &Members, context: &mut Context) -> Result<OriginOverrides, Wrong> {
    const NAMES: &str = "allowedCertificateNames";
    let mut allowed_certificate_names = Vec::new();
    if let Some(names) = members.array(NAMES, FUNCTION_CERTIFICATE_NAMES_MAX, context)? {
        let path = members.path(NAMES);
        if names.is_empty() {
            return invalid(format!("{path} is empty, so that no certificate would do"));
        }
        for (index, name) in names.iter().enumerate() {
            allowed_certificate_names.push(text(name, &format!("{path}[{index}]"), CertificateName::parse)?);
        }
    }
    Ok(OriginOverrides {
        host_header: members.text("hostHeader", DomainName::parse, context)?,
        sni: members.text("sni", DomainName::parse, context)?,
        allowed_certificate_names,
    })
}

fn select(id: &JsValue, changes: &JsValue, context: &mut Context) -> Result<SelectedOrigin, Wrong> {
    let id = text(id, "the first argument", OriginId::parse)?;
    let overrides = if changes.is_undefined() {
        OriginOverrides::default()
    } else {
        let members = Members::of(changes, "the second argument", &OVERRIDES, context)?;
        overrides(&members, context)?
    };
    Ok(SelectedOrigin { id, overrides })
}

fn group(value: &JsValue, context: &mut Context) -> Result<RequestOriginGroup, Wrong> {
    const MEMBERS: [&str; 3] = ["originIds", "failoverCriteria", "selectionCriteria"];
    let members = Members::of(value, "the argument", &MEMBERS, context)?;
    let path = members.path("originIds");
    let ids = required(members.array("originIds", 2, context)?, &path)?;
    let [primary, secondary] = ids.as_slice() else {
        return invalid(format!("{path} must have two elements; it has {}", ids.len()));
    };
    let group = RequestOriginGroup {
        primary: member(primary, &format!("{path}[0]"), context)?,
        secondary: member(secondary, &format!("{path}[1]"), context)?,
        failover_status_codes: failover_criteria(&members, context)?,
    };
    if group.primary.id == group.secondary.id {
        let id = group.primary.id.as_str();
        return invalid(format!("{path} has \"{id}\" twice; a group is made of two different origins"));
    }
    let criteria = [("default", true), ("media-quality-score", false)];
    if members.word("selectionCriteria", &criteria, context)? == Some(false) {
        return invalid(
            "selectionCriteria: Homefront does not score media quality, which takes origins of MediaPackage; \
             \"default\" asks the first origin first",
        );
    }
    Ok(group)
}

/// `"id"`, or `{ originId: "id", originOverrides: { … } }`.
fn member(value: &JsValue, path: &str, context: &mut Context) -> Result<SelectedOrigin, Wrong> {
    if value.is_string() {
        let id = text(value, path, OriginId::parse)?;
        return Ok(SelectedOrigin { id, overrides: OriginOverrides::default() });
    }
    let members = Members::at(value, path, &["originId", "originOverrides"], context)?;
    let id = required(members.text("originId", OriginId::parse, context)?, &members.path("originId"))?;
    let changes = members.object("originOverrides", &OVERRIDES, context)?;
    let overrides = changes.map_or_else(|| Ok(OriginOverrides::default()), |changes| overrides(&changes, context))?;
    Ok(SelectedOrigin { id, overrides })
}

fn failover_criteria(members: &Members, context: &mut Context) -> Result<FailoverStatusCodes, Wrong> {
    // A list may name a status twice; a longer one is no list of statuses.
    const LENGTH_MAX: usize = 2 * FailoverStatusCodes::ALL.len();
    let criteria = members.object("failoverCriteria", &["statusCodes"], context)?;
    let criteria = required(criteria, "failoverCriteria")?;
    let path = criteria.path("statusCodes");
    let mut codes = Vec::new();
    for code in required(criteria.array("statusCodes", LENGTH_MAX, context)?, &path)? {
        let code = whole(&code, &path)?;
        codes.push(u16::try_from(code).unwrap_or_default());
    }
    FailoverStatusCodes::new(codes).ok_or_else(|| {
        let all = FailoverStatusCodes::ALL.map(|code| code.to_string()).join(", ");
        Wrong::Invalid(format!("{path} must be some of {all}"))
    })
}
