//! What an effective origin inherits, and what a function cannot make of one.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::exchange::members;
use crate::forward::OriginHost;
use crate::node::Deployed;
use homefront_config::behavior::TargetOrigin;
use homefront_config::origin::SslProtocols;
use homefront_config::origin_group::FailoverStatusCodes;
use homefront_functions::origin_edit::{
    CertificateName, CustomHeaders, IpAddressType, OriginId, OriginPath, RequestOriginGroup,
};
use pingora::upstreams::peer::Peer;

const SITE: &str = r#"
    [[distribution]]
    origin = [
      { id = "app", domain_name = "app.internal", http_port = 3000, https_port = 3443, protocol_policy = "https-only",
        path = "/prod", custom_headers = { "X-Secret" = "s" }, connection_attempts = 2, connection_timeout_s = 4,
        read_timeout_s = 20, keepalive_timeout_s = 60, response_completion_timeout_s = 40,
        tls = { server_name = "tls.internal", verify = false } },
      { id = "site", directory = "." },
      { id = "other", domain_name = "other.internal" },
    ]
    origin_group = [{ id = "both", members = ["app", "other"], failover_status_codes = [500] }]
    default_behavior = { target_origin = "app" }
    behavior = [{ path_pattern = "/site/*", target_origin = "site" }, { path_pattern = "/both/*", target_origin = "both" }]
"#;

/// A route to a target of [`SITE`].
fn route_to(target: TargetOrigin) -> Route {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = homefront_config::parse("site.toml", SITE, folder.path(), &|_| None).unwrap();
    let distribution = Arc::new(Deployed::new(config.distributions[0].clone()).unwrap());
    let (origin, failover) = members(&distribution, target);
    let behavior = distribution.config.default_behavior.clone();
    Route { distribution, verifier: None, behavior, origin, failover }
}

fn app() -> Route {
    route_to(TargetOrigin::Origin(0))
}

fn updated(edit: OriginUpdate) -> Route {
    let mut route = app();
    apply(&mut route, OriginEdit::Update(edit)).unwrap();
    route
}

fn refused(mut route: Route, edit: OriginEdit) -> String {
    apply(&mut route, edit).unwrap_err()
}

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn selected(id: &str) -> SelectedOrigin {
    SelectedOrigin { id: OriginId::parse(id).unwrap(), overrides: OriginOverrides::default() }
}

fn custom(route: &Route) -> &CustomOrigin {
    let OriginKind::Custom(custom) = &route.origin().config.kind else { panic!("a server") };
    custom
}

#[test]
fn an_empty_update_inherits_everything() {
    let (before, after) = (app(), updated(OriginUpdate::default()));
    assert_eq!(after.origin().config, before.origin().config);
    assert_eq!(after.origin().host(), OriginHost::Own("app.internal"));
}

#[test]
fn a_new_domain_name_inherits_the_rest_and_is_what_host_and_tls_name() {
    let route = updated(OriginUpdate { domain_name: Some(domain("b.example.com")), ..OriginUpdate::default() });
    let mut expected = custom(&app()).clone();
    expected.domain_name = "b.example.com".to_owned();
    expected.tls.server_name = Some("b.example.com".to_owned());
    assert_eq!(custom(&route), &expected);
    assert_eq!(route.origin().host(), OriginHost::Chosen("b.example.com"));
    assert_eq!(route.origin().config.path, "/prod");
    assert_eq!(route.origin().config.custom_headers, [("X-Secret".to_owned(), "s".to_owned())]);
}

#[test]
fn tls_asks_for_sni_else_host_header_else_domain_name_else_what_it_was() {
    let name = |edit: OriginUpdate| custom(&updated(edit)).tls.server_name.clone().unwrap();
    let overrides = |host: Option<&str>, sni: Option<&str>| OriginOverrides {
        host_header: host.map(domain),
        sni: sni.map(domain),
        ..OriginOverrides::default()
    };
    let with = |given: Option<&str>, host: Option<&str>, sni: Option<&str>| OriginUpdate {
        domain_name: given.map(domain),
        overrides: overrides(host, sni),
        ..OriginUpdate::default()
    };
    assert_eq!(name(with(Some("d.test"), Some("h.test"), Some("s.test"))), "s.test");
    assert_eq!(name(with(Some("d.test"), Some("h.test"), None)), "h.test");
    assert_eq!(name(with(Some("d.test"), None, None)), "d.test");
    assert_eq!(name(with(None, None, None)), "tls.internal");
}

#[test]
fn every_given_setting_takes_the_place_of_the_assigned_ones() {
    let config = CustomOriginConfig {
        port: 8080,
        protocol: OriginProtocol::Http,
        ssl_protocols: SslProtocols::new(["TLSv1.1"]).unwrap(),
        ip_address_type: None,
    };
    let timeouts = OriginTimeouts {
        connection_s: Some(1),
        read_s: Some(2),
        response_completion_s: Some(3),
        keep_alive_s: Some(4),
    };
    let route = updated(OriginUpdate {
        origin_path: Some(OriginPath::parse("").unwrap()),
        custom_headers: Some(CustomHeaders::parse([("x-stage", "b")]).unwrap()),
        connection_attempts: Some(1),
        timeouts,
        custom_origin_config: Some(config),
        ..OriginUpdate::default()
    });
    let origin = custom(&route);
    assert_eq!((origin.http_port, origin.protocol_policy), (8080, OriginProtocolPolicy::HttpOnly));
    assert_eq!(origin.ssl_protocols, config.ssl_protocols);
    assert_eq!(origin.connection_attempts, 1);
    let seconds = Duration::from_secs;
    assert_eq!((origin.connection_timeout, origin.read_timeout), (seconds(1), seconds(2)));
    assert_eq!((origin.response_completion_timeout, origin.keepalive_timeout), (Some(seconds(3)), seconds(4)));
    assert_eq!(route.origin().config.path, "");
    assert_eq!(route.origin().config.custom_headers, [("X-Stage".to_owned(), "b".to_owned())]);
}

#[test]
fn a_bucket_is_asked_at_its_own_ports() {
    let name = Some(domain("b.s3.us-east-1.amazonaws.com"));
    let route = updated(OriginUpdate { domain_name: name, ..OriginUpdate::default() });
    let origin = custom(&route);
    assert_eq!((origin.http_port, origin.https_port), (80, 443));
    assert_eq!(origin.protocol_policy, OriginProtocolPolicy::MatchViewer);
}

#[test]
fn a_folder_keeps_its_files_and_becomes_a_server_with_a_domain_name() {
    let site = || route_to(TargetOrigin::Origin(1));
    let mut route = site();
    let path = Some(OriginPath::parse("/b").unwrap());
    apply(&mut route, OriginEdit::Update(OriginUpdate { origin_path: path, ..OriginUpdate::default() })).unwrap();
    assert!(matches!(route.origin().reach, Reach::Local(_)));
    assert_eq!(route.origin().config.path, "/b");
    let mut route = site();
    let name = Some(domain("b.test"));
    apply(&mut route, OriginEdit::Update(OriginUpdate { domain_name: name, ..OriginUpdate::default() })).unwrap();
    let mut expected = CustomOrigin::new("b.test".to_owned());
    expected.tls.server_name = Some("b.test".to_owned());
    assert_eq!(custom(&route), &expected);
    let overrides = OriginOverrides { sni: Some(domain("s.test")), ..OriginOverrides::default() };
    insta::assert_snapshot!(
        refused(site(), OriginEdit::Update(OriginUpdate { overrides: overrides.clone(), ..OriginUpdate::default() })),
        @r#"cf.updateRequestOrigin: hostHeader, sni and allowedCertificateNames are for origins that are servers; "site" is a folder"#
    );
    insta::assert_snapshot!(
        refused(app(), OriginEdit::Select(SelectedOrigin { overrides, ..selected("site") })),
        @r#"cf.selectRequestOriginById: hostHeader, sni and allowedCertificateNames are for origins that are servers; "site" is a folder"#
    );
}

#[test]
fn the_name_of_a_bucket_leads_to_the_folder_that_has_it_as_its_id() {
    for name in ["site.s3.amazonaws.com", "site.s3.eu-west-1.amazonaws.com"] {
        let path = Some(OriginPath::parse("/b").unwrap());
        let route =
            updated(OriginUpdate { domain_name: Some(domain(name)), origin_path: path, ..OriginUpdate::default() });
        let origin = route.origin();
        assert!(matches!(origin.reach, Reach::Local(_)), "{name}");
        assert!(matches!(origin.host(), OriginHost::Chosen(host) if host == name), "{name}");
        let RequestOrigin::S3(shown) = origin.shown(false) else { panic!("functions see a bucket") };
        let headers = [("X-Secret".to_owned(), "s".to_owned())];
        assert_eq!(
            (shown.domain_name.as_str(), shown.path.as_str(), &shown.custom_headers[..]),
            (name, "/b", &headers[..])
        );
    }
    for other in ["other.s3.amazonaws.com", "site.s3-website-us-east-1.amazonaws.com", "site.test"] {
        let route = updated(OriginUpdate { domain_name: Some(domain(other)), ..OriginUpdate::default() });
        assert!(matches!(route.origin().reach, Reach::Server(_)), "{other}");
    }
}

#[test]
fn an_inherited_completion_timeout_bounds_a_given_read_timeout() {
    let timeouts = OriginTimeouts { read_s: Some(41), ..OriginTimeouts::default() };
    insta::assert_snapshot!(
        refused(app(), OriginEdit::Update(OriginUpdate { timeouts, ..OriginUpdate::default() })),
        @"cf.updateRequestOrigin: timeouts.responseCompletionTimeout (40) must be at least timeouts.readTimeout (41)"
    );
}

#[test]
fn an_unknown_id_is_refused_with_those_there_are() {
    insta::assert_snapshot!(
        refused(app(), OriginEdit::Select(selected("ap"))),
        @r#"cf.selectRequestOriginById: the distribution has no origin "ap"; it has "app", "site", "other""#
    );
    let codes = FailoverStatusCodes::new([500]).unwrap();
    let group =
        RequestOriginGroup { primary: selected("app"), secondary: selected("both"), failover_status_codes: codes };
    insta::assert_snapshot!(
        refused(app(), OriginEdit::Group(group)),
        @r#"cf.createRequestOriginGroup: the distribution has no origin "both"; it has "app", "site", "other""#
    );
}

#[test]
fn in_a_group_only_the_primary_is_updated_and_failover_still_applies() {
    let mut route = route_to(TargetOrigin::Group(0));
    let edit = OriginUpdate { domain_name: Some(domain("b.test")), ..OriginUpdate::default() };
    apply(&mut route, OriginEdit::Update(edit)).unwrap();
    assert_eq!(custom(&route).domain_name, "b.test");
    assert!(matches!(route.failover.as_ref().unwrap().secondary, Chosen::Configured(2)));
}

#[test]
fn a_selected_origin_stands_alone_and_a_made_group_has_its_own_second() {
    let mut route = route_to(TargetOrigin::Group(0));
    apply(&mut route, OriginEdit::Select(selected("other"))).unwrap();
    assert!(matches!(route.origin, Chosen::Configured(2)) && route.failover.is_none());
    let codes = FailoverStatusCodes::new([404]).unwrap();
    let overrides = OriginOverrides { host_header: Some(domain("h.test")), ..OriginOverrides::default() };
    let secondary = SelectedOrigin { overrides, ..selected("app") };
    let group = RequestOriginGroup { primary: selected("site"), secondary, failover_status_codes: codes };
    apply(&mut route, OriginEdit::Group(group)).unwrap();
    assert!(matches!(route.origin, Chosen::Configured(1)));
    let failover = route.failover.unwrap();
    assert_eq!(failover.status_codes, codes);
    let Chosen::Rewritten(second) = failover.secondary else { panic!("it is changed") };
    assert_eq!(second.host(), OriginHost::Chosen("h.test"));
}

#[test]
fn connections_of_different_edits_are_never_shared() {
    let address = "192.0.2.1:443".parse().unwrap();
    let hash = |route: &Route| {
        let Reach::Server(server) = &route.origin().reach else { panic!("a server") };
        server.peer(address, true).reuse_hash()
    };
    let names = |name: &str| OriginUpdate {
        overrides: OriginOverrides {
            allowed_certificate_names: vec![CertificateName::parse(name).unwrap()],
            ..OriginOverrides::default()
        },
        ..OriginUpdate::default()
    };
    let attempts = OriginUpdate { connection_attempts: Some(1), ..OriginUpdate::default() };
    let family = |ip_address_type| OriginUpdate {
        domain_name: Some(domain("b.test")),
        custom_origin_config: Some(CustomOriginConfig {
            port: 443,
            protocol: OriginProtocol::Https,
            ssl_protocols: SslProtocols::default(),
            ip_address_type: Some(ip_address_type),
        }),
        ..OriginUpdate::default()
    };
    let edits = [names("a.test"), names("b.test"), attempts, family(IpAddressType::Ipv4), family(IpAddressType::Ipv6)];
    let mut hashes: Vec<_> = edits.iter().map(|edit| hash(&updated(edit.clone()))).chain([hash(&app())]).collect();
    assert_eq!(hash(&updated(names("a.test"))), hashes[0], "the same edit shares");
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), edits.len() + 1);
}
