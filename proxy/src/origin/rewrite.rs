//! The origin of a request as its viewer-request function changed it: the assigned one with other settings, another of the
//! distribution, or two of them.
//!
//! Developer Guide, "Helper methods for origin modification". An `Err` is the rule that is broken; the request fails for it.

use super::failover::Failover;
use super::{Chosen, PreparedOrigin, Reach, folder_of, peer, stand_in};
use crate::exchange::Route;
use homefront_config::Origin;
use homefront_config::origin::{CustomOrigin, OriginKind, OriginProtocolPolicy};
use homefront_functions::event::lambda_edge::RequestOrigin;
use homefront_functions::origin_edit::{
    CustomOriginConfig, DomainName, OriginEdit, OriginOverrides, OriginTimeouts, OriginUpdate, SelectedOrigin,
    completion_fault, not_for_buckets,
};
use homefront_functions::rules::{self, wire_name};
use homefront_functions::{Failure, FailureKind, OriginProtocol};
use std::sync::Arc;
use std::time::Duration;

/// Sends a request where its function said.
pub(crate) fn apply(route: &mut Route, edit: OriginEdit) -> Result<(), String> {
    match edit {
        // In a group it is the first member that is changed; the second stands in for it as before.
        OriginEdit::Update(edit) => route.origin = update(route, &edit).map_err(said_by("updateRequestOrigin"))?,
        OriginEdit::Select(selected) => {
            route.origin = select(route, selected).map_err(said_by("selectRequestOriginById"))?;
            route.failover = None;
        }
        OriginEdit::Group(group) => {
            let said_by = said_by("createRequestOriginGroup");
            let primary = select(route, group.primary).map_err(&said_by)?;
            let secondary = select(route, group.secondary).map_err(&said_by)?;
            route.origin = primary;
            route.failover = Some(Failover { secondary, status_codes: group.failover_status_codes });
        }
    }
    Ok(())
}

fn said_by(helper: &str) -> impl Fn(String) -> String {
    move |rule| format!("cf.{helper}: {rule}")
}

/// The failure of a function that broke a rule of [`apply`].
pub(crate) fn fault(function: &str, rule: &str) -> Failure {
    let (kind, sentence) = (FailureKind::FunctionValidation, Some(rules::SENTENCE_ORIGIN_REWRITE.into()));
    Failure { kind, sentence, detail: format!("function \"{function}\": {rule}") }
}

/// An origin of the distribution, with what is changed of it.
fn select(route: &Route, selected: SelectedOrigin) -> Result<Chosen, String> {
    let (distribution, id) = (&route.distribution, selected.id.as_str());
    let Some(index) = distribution.origins.iter().position(|origin| origin.config.id == id) else {
        let known: Vec<_> = distribution.origins.iter().map(|origin| format!("{:?}", origin.config.id)).collect();
        return Err(format!("the distribution has no origin {id:?}; it has {}", known.join(", ")));
    };
    let origin = &distribution.origins[index];
    let made = match &origin.reach {
        _ if selected.overrides.is_empty() => return Ok(Chosen::Configured(index)),
        Reach::Server(server) if !origin.is_folder() => {
            let custom = overridden(server.config().clone(), &selected.overrides, None);
            let asked = peer::Asked {
                certificate_names: selected.overrides.allowed_certificate_names.into(),
                ..server.asked()
            };
            server.rewritten(&distribution.id, id, custom, asked)
        }
        _ => return Err(not_for_folder(origin)),
    };
    let kind = OriginKind::Custom(made.config().clone());
    let host = selected.overrides.host_header.as_ref().map(|host| host.as_str().into());
    Ok(Chosen::Rewritten(Arc::new(PreparedOrigin {
        config: Arc::new(shown(&origin.config, kind, None, None)),
        reach: Reach::Server(made),
        domain_name: origin.domain_name.clone(),
        host: host.or_else(|| origin.host.clone()),
        asked: None,
    })))
}

/// The assigned origin with other settings. The name of a bucket that is a folder of the distribution leads there.
fn update(route: &Route, edit: &OriginUpdate) -> Result<Chosen, String> {
    let assigned = route.origin();
    let given = edit.domain_name.as_ref();
    let folder = match given {
        Some(name) => folder_of(&route.distribution.origins, name.as_str()),
        None => Some(assigned).filter(|assigned| assigned.is_folder()),
    };
    let (reach, kind) = match folder {
        Some(folder) if !edit.overrides.is_empty() => return Err(not_for_folder(folder)),
        // Attempts, timeouts and ports are those of connections; a folder needs none.
        Some(folder) => (folder.reach.clone(), folder.config.kind.clone()),
        None => {
            let server = server(route, edit)?;
            let kind = OriginKind::Custom(server.config().clone());
            (Reach::Server(server), kind)
        }
    };
    let host = edit.overrides.host_header.as_ref().or(given).map(|host| host.as_str().into());
    let path = edit.origin_path.as_ref().map(|path| path.as_str().to_owned());
    let headers = edit.custom_headers.as_ref();
    let headers = headers.map(|headers| headers.iter().map(|(name, value)| (wire_name(name), value.to_owned())));
    let config = shown(&assigned.config, kind, path, headers.map(Iterator::collect));
    let asked = folder.and(given).map(|name| Box::new(bucket(&config, name)));
    Ok(Chosen::Rewritten(Arc::new(PreparedOrigin {
        config: Arc::new(config),
        reach,
        domain_name: given.map_or_else(|| assigned.domain_name.clone(), |name| name.as_str().into()),
        host: host.or_else(|| assigned.host.clone()),
        asked,
    })))
}

/// The server that is asked: the assigned one, or one in the place of an assigned folder, with the settings that are given.
fn server(route: &Route, edit: &OriginUpdate) -> Result<peer::Server, String> {
    let (assigned, distribution) = (route.origin(), &route.distribution.id);
    let id = &assigned.config.id;
    Ok(match &assigned.reach {
        Reach::Server(server) if !assigned.is_folder() => {
            let custom = changed(server.config().clone(), edit)?;
            let custom = CustomOrigin { stand_in: stand_in(route, &custom), ..custom };
            server.rewritten(distribution, id, custom, asked(edit, server.asked()))
        }
        _ => {
            let custom = changed(CustomOrigin::new(String::new()), edit)?;
            let custom = CustomOrigin { stand_in: stand_in(route, &custom), ..custom };
            peer::Server::made(distribution, id, custom, asked(edit, peer::Asked::default()))
        }
    })
}

fn not_for_folder(origin: &PreparedOrigin) -> String {
    not_for_buckets(&format!("\"{}\" is a folder", origin.config.id))
}

/// A folder by the name that a function has for it.
fn bucket(config: &Origin, name: &DomainName) -> RequestOrigin {
    let mut shown = RequestOrigin::of(config, OriginProtocol::Https);
    if let RequestOrigin::S3(s3) = &mut shown {
        name.as_str().clone_into(&mut s3.domain_name);
    }
    shown
}

/// A server with the settings that are given.
fn changed(mut custom: CustomOrigin, edit: &OriginUpdate) -> Result<CustomOrigin, String> {
    let given = edit.domain_name.as_ref();
    if let Some(name) = given {
        name.as_str().clone_into(&mut custom.domain_name);
    }
    let to_bucket = given.is_some_and(DomainName::is_bucket);
    if to_bucket {
        // S3 answers at its own ports, to the protocol of the viewer; a server's settings are no settings of a bucket.
        let CustomOrigin { http_port, https_port, protocol_policy, .. } = CustomOrigin::new(String::new());
        custom = CustomOrigin { http_port, https_port, protocol_policy, ..custom };
    } else if let Some(config) = edit.custom_origin_config {
        speak(&mut custom, config);
    }
    if let Some(attempts) = edit.connection_attempts {
        custom.connection_attempts = attempts;
    }
    time(&mut custom, edit.timeouts)?;
    Ok(overridden(custom, &edit.overrides, given))
}

fn speak(custom: &mut CustomOrigin, config: CustomOriginConfig) {
    match config.protocol {
        OriginProtocol::Http => {
            custom.http_port = config.port;
            custom.protocol_policy = OriginProtocolPolicy::HttpOnly;
        }
        OriginProtocol::Https => {
            custom.https_port = config.port;
            custom.protocol_policy = OriginProtocolPolicy::HttpsOnly;
        }
    }
    custom.ssl_protocols = config.ssl_protocols;
}

fn time(custom: &mut CustomOrigin, given: OriginTimeouts) -> Result<(), String> {
    let seconds = |given: Option<u32>| given.map(|seconds| Duration::from_secs(seconds.into()));
    custom.connection_timeout = seconds(given.connection_s).unwrap_or(custom.connection_timeout);
    custom.read_timeout = seconds(given.read_s).unwrap_or(custom.read_timeout);
    custom.keepalive_timeout = seconds(given.keep_alive_s).unwrap_or(custom.keepalive_timeout);
    custom.response_completion_timeout = seconds(given.response_completion_s).or(custom.response_completion_timeout);
    match custom.response_completion_timeout {
        Some(completion) if completion < custom.read_timeout => {
            Err(completion_fault(completion.as_secs(), custom.read_timeout.as_secs()))
        }
        _ => Ok(()),
    }
}

/// With the name that TLS asks for: `sni`, else `hostHeader`, else the new domain name, else what it was.
fn overridden(mut custom: CustomOrigin, overrides: &OriginOverrides, domain_name: Option<&DomainName>) -> CustomOrigin {
    let name = overrides.sni.as_ref().or(overrides.host_header.as_ref()).or(domain_name);
    if let Some(name) = name {
        custom.tls.server_name = Some(name.as_str().to_owned());
    }
    custom
}

/// What a function says of connections beyond what a configuration can.
fn asked(edit: &OriginUpdate, inherited: peer::Asked) -> peer::Asked {
    let config = edit.custom_origin_config.as_ref();
    let names = &edit.overrides.allowed_certificate_names;
    peer::Asked {
        named_by_function: inherited.named_by_function || edit.domain_name.is_some(),
        ip_address_type: config.and_then(|config| config.ip_address_type).unwrap_or(inherited.ip_address_type),
        certificate_names: if names.is_empty() { inherited.certificate_names } else { names.as_slice().into() },
    }
}

/// The origin as Lambda@Edge functions are shown it, and as its head is made.
fn shown(
    assigned: &Origin,
    kind: OriginKind,
    path: Option<String>,
    custom_headers: Option<Vec<(String, String)>>,
) -> Origin {
    Origin {
        id: assigned.id.clone(),
        path: path.unwrap_or_else(|| assigned.path.clone()),
        custom_headers: custom_headers.unwrap_or_else(|| assigned.custom_headers.clone()),
        kind,
    }
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
