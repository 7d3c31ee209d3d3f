//! The origin of a request as its origin-request function changed it.
//!
//! Developer Guide, "Content-based dynamic origin selection". An `Err` is what this node cannot do of it; what CloudFront refuses has
//! been refused before.

use super::{Chosen, PreparedOrigin, Reach, folder_of, peer, stand_in};
use crate::exchange::Route;
use homefront_config::Origin;
use homefront_config::origin::{CustomOrigin, OriginKind, OriginProtocolPolicy, OriginTls};
use homefront_functions::OriginProtocol;
use homefront_functions::event::lambda_edge::{AuthMethod, RequestCustomOrigin, RequestOrigin, RequestS3Origin};
use std::sync::Arc;
use std::time::Duration;

/// The origin that a function asks for; `shown` is what it was shown. What a block does not say is the assigned origin's.
pub(crate) fn replace(route: &Route, shown: &RequestOrigin, asked: RequestOrigin) -> Result<Chosen, &'static str> {
    let assigned = route.origin();
    let (reach, kind) = match &asked {
        RequestOrigin::Custom(custom) => server(route, custom_origin(base(assigned), custom)),
        RequestOrigin::S3(s3) if s3.auth_method == AuthMethod::OriginAccessIdentity => {
            return Err("authMethod origin-access-identity: this node has no identity that S3 knows; use none");
        }
        RequestOrigin::S3(s3) => {
            let same = matches!(shown, RequestOrigin::S3(shown) if shown.domain_name == s3.domain_name);
            let origins = &route.distribution.origins;
            match if same { Some(assigned) } else { folder_of(origins, &s3.domain_name) } {
                Some(origin) if origin.is_folder() => (origin.reach.clone(), origin.config.kind.clone()),
                _ => server(route, bucket(base(assigned), s3)),
            }
        }
    };
    let config = Origin {
        id: assigned.config.id.clone(),
        path: asked.path().to_owned(),
        custom_headers: asked.custom_headers().to_vec(),
        kind,
    };
    Ok(Chosen::Rewritten(Arc::new(PreparedOrigin {
        config: Arc::new(config),
        reach,
        domain_name: asked.domain_name().into(),
        host: assigned.host.clone(),
        asked: Some(Box::new(asked)),
    })))
}

/// Attempts, the time of one to connect, and how certificates are judged.
fn base(assigned: &PreparedOrigin) -> CustomOrigin {
    match &assigned.reach {
        Reach::Server(server) if !assigned.is_folder() => server.config().clone(),
        _ => CustomOrigin::new(String::new()),
    }
}

fn server(route: &Route, custom: CustomOrigin) -> (Reach, OriginKind) {
    let (assigned, distribution) = (route.origin(), &route.distribution.id);
    let custom = CustomOrigin { stand_in: stand_in(route, &custom), ..custom };
    let id = &assigned.config.id;
    let server = match &assigned.reach {
        Reach::Server(server) if !assigned.is_folder() => {
            let named = server.asked().named_by_function || server.config().domain_name != custom.domain_name;
            let asked = peer::Asked { named_by_function: named, ..server.asked() };
            server.rewritten(distribution, id, custom, asked)
        }
        _ => {
            let asked = peer::Asked { named_by_function: true, ..peer::Asked::default() };
            peer::Server::made(distribution, id, custom, asked)
        }
    };
    let kind = OriginKind::Custom(server.config().clone());
    (Reach::Server(server), kind)
}

fn custom_origin(base: CustomOrigin, asked: &RequestCustomOrigin) -> CustomOrigin {
    let seconds = Duration::from_secs;
    let protocol_policy = match asked.protocol {
        OriginProtocol::Http => OriginProtocolPolicy::HttpOnly,
        OriginProtocol::Https => OriginProtocolPolicy::HttpsOnly,
    };
    CustomOrigin {
        http_port: asked.port,
        https_port: asked.port,
        protocol_policy,
        read_timeout: seconds(asked.read_timeout_s),
        keepalive_timeout: seconds(asked.keepalive_timeout_s),
        response_completion_timeout: asked.response_completion_timeout_s.map(seconds),
        ssl_protocols: asked.ssl_protocols,
        ..named(base, &asked.domain_name)
    }
}

/// A bucket answers at its own ports, to the protocol of the viewer.
fn bucket(base: CustomOrigin, asked: &RequestS3Origin) -> CustomOrigin {
    let seconds = Duration::from_secs;
    let CustomOrigin { http_port, https_port, protocol_policy, .. } = CustomOrigin::new(String::new());
    CustomOrigin {
        http_port,
        https_port,
        protocol_policy,
        read_timeout: asked.read_timeout_s.map_or(base.read_timeout, seconds),
        response_completion_timeout: asked.response_completion_timeout_s.map(seconds),
        ..named(base, &asked.domain_name)
    }
}

/// Another name is the one that TLS asks for, whatever was asked for before.
fn named(base: CustomOrigin, domain_name: &str) -> CustomOrigin {
    if base.domain_name == domain_name {
        return base;
    }
    let tls = OriginTls { server_name: None, ..base.tls };
    CustomOrigin { domain_name: domain_name.to_owned(), tls, ..base }
}
