//! The origin helpers of the module `cloudfront`, row by row of the Developer Guide's page on origin modification: what becomes
//! an edit, and what is refused, with the field, the value and the rule in the log.

use super::*;
use crate::OriginEdit;
use crate::origin_edit::{CertificateName, IpAddressType, OriginUpdate};
use crate::rules::SENTENCE_ORIGIN_REWRITE;
use homefront_config::origin::SslProtocols;
use proptest::prelude::*;

fn program(calls: &str) -> String {
    format!("import cf from 'cloudfront';\nfunction handler(event) {{\n{calls}\nreturn event.request;\n}}")
}

fn asked() -> Request {
    request("/", &[("Host", "www.example.com"), ("X-Incoming", "1")])
}

/// What a program made of the origin.
fn origin(calls: &str) -> OriginEdit {
    let edit = edit(&program(calls), &asked());
    *edit.origin.unwrap_or_else(|| panic!("no origin was chosen: {calls}"))
}

fn update(object: &str) -> OriginUpdate {
    match origin(&format!("cf.updateRequestOrigin({object});")) {
        OriginEdit::Update(update) => update,
        other => panic!("{other:?}"),
    }
}

/// Why a program's origin is refused: the detail behind CloudFront's sentence.
fn refused(calls: &str) -> String {
    match Function::new(&program(calls)).on_request(&asked()) {
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind, FailureKind::FunctionValidation, "{failure:?}");
            assert_eq!(failure.sentence.as_deref(), Some(SENTENCE_ORIGIN_REWRITE));
            failure.detail.strip_prefix("function \"test\": ").unwrap().to_owned()
        }
        other => panic!("{calls}: {other:?}"),
    }
}

/// The refusals of these arguments of one helper, one a line.
fn all_refused(helper: &str, arguments: &[&str]) -> String {
    let refusal = |argument: &&str| {
        let detail = refused(&format!("cf.{helper}({argument});"));
        let rule = detail.strip_prefix(&format!("cf.{helper}: ")).unwrap_or_else(|| panic!("{detail}")).to_owned();
        format!("{argument}\n    {rule}")
    };
    arguments.iter().map(refusal).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_program_that_chooses_no_origin_has_none_in_its_edit() {
    assert_eq!(edit(&program(""), &asked()).origin, None);
}

#[test]
fn every_setting_of_an_origin_reaches_the_edit() {
    let update = update(
        r#"{
            domainName: "B.Example.com",
            hostHeader: "host.example.com",
            originPath: "/stage%20one",
            customHeaders: { "x-stage": "production", "x-region": "us-east-1" },
            connectionAttempts: 2,
            originShield: { enabled: true, region: "us-east-2" },
            originAccessControlConfig: { enabled: false },
            timeouts: { readTimeout: 20, responseCompletionTimeout: 40, keepAliveTimeout: 120, connectionTimeout: 10 },
            customOriginConfig: { port: 8443, protocol: "https", sslProtocols: ["TLSv1.1", "TLSv1.2"], ipAddressType: "ipv6" },
            sni: "sni.example.com",
            allowedCertificateNames: ["*.example.com", "other.example.net"],
            mTLSConfig: "inherit",
        }"#,
    );
    assert_eq!(update.domain_name.as_ref().unwrap().as_str(), "b.example.com");
    assert_eq!(update.origin_path.as_ref().unwrap().as_str(), "/stage%20one");
    let headers: Vec<_> = update.custom_headers.as_ref().unwrap().iter().collect();
    assert_eq!(headers, [("x-stage", "production"), ("x-region", "us-east-1")]);
    assert_eq!(update.connection_attempts, Some(2));
    let timeouts = update.timeouts;
    assert_eq!((timeouts.connection_s, timeouts.read_s), (Some(10), Some(20)));
    assert_eq!((timeouts.response_completion_s, timeouts.keep_alive_s), (Some(40), Some(120)));
    let config = update.custom_origin_config.unwrap();
    assert_eq!((config.port, config.protocol), (8443, crate::OriginProtocol::Https));
    assert_eq!(config.ssl_protocols, SslProtocols::new(["TLSv1.1", "TLSv1.2"]).unwrap());
    assert_eq!(config.ip_address_type, Some(IpAddressType::Ipv6));
    let overrides = update.overrides;
    assert_eq!(overrides.host_header.unwrap().as_str(), "host.example.com");
    assert_eq!(overrides.sni.unwrap().as_str(), "sni.example.com");
    let names: Vec<_> = overrides.allowed_certificate_names.iter().map(CertificateName::as_str).collect();
    assert_eq!(names, ["*.example.com", "other.example.net"]);
}

#[test]
fn what_is_not_given_is_inherited() {
    assert_eq!(update("{}"), OriginUpdate::default());
    assert_eq!(update("{ domainName: undefined, timeouts: {} }"), OriginUpdate::default());
    let cleared = update("{ customHeaders: {} }").custom_headers;
    assert_eq!(cleared.map(|headers| headers.iter().len()), Some(0), "an empty object clears the origin's own");
    assert_eq!(update("{ originPath: '' }").origin_path.unwrap().as_str(), "");
}

#[test]
fn the_argument_is_an_object_of_cloudfronts_members() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "",
            "null",
            "5",
            "'b.example.com'",
            "[]",
            "function () {}",
            "{ domainNam: 'b.example.com' }",
            "{ timeouts: { readTimeoutMs: 5 } }",
            "{ timeouts: 5 }",
            "{ customOriginConfig: null }",
        ]
    ));
}

#[test]
fn domain_names_and_host_headers_are_dns_names() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ domainName: 5 }",
            "{ domainName: '' }",
            "{ domainName: 'b.example.com:8080' }",
            "{ domainName: '192.0.2.1' }",
            "{ domainName: '2001:db8::1' }",
            "{ domainName: 'https://b.example.com' }",
            "{ domainName: new Array(128).join('a.') + 'a' }",
            "{ domainName: 'Bucket.s3.amazonaws.com' }",
            "{ hostHeader: 'a b' }",
            "{ hostHeader: '192.0.2.1' }",
            "{ sni: 'a:1' }",
            "{ sni: {} }",
        ]
    ));
}

#[test]
fn settings_of_servers_are_refused_for_a_bucket() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ domainName: 'b.s3.amazonaws.com', hostHeader: 'a.example.com' }",
            "{ domainName: 'b.s3.eu-west-1.amazonaws.com', sni: 'a.example.com' }",
            "{ domainName: 'b.s3.amazonaws.com', allowedCertificateNames: ['a.example.com'] }",
        ]
    ));
    update("{ domainName: 'b.s3-website-us-east-1.amazonaws.com', hostHeader: 'a.example.com' }");
}

#[test]
fn an_origin_path_starts_with_a_slash_and_does_not_end_with_one() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ originPath: 'a' }",
            "{ originPath: '/' }",
            "{ originPath: '/a/' }",
            "{ originPath: '/a b' }",
            "{ originPath: '/a?b' }",
            "{ originPath: '/' + new Array(256).join('a') }",
            "{ originPath: null }",
        ]
    ));
}

#[test]
fn custom_headers_are_strings_by_names_that_may_be_added() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ customHeaders: { 'x-a': { value: '1' } } }",
            "{ customHeaders: [] }",
            "{ customHeaders: { 'X-A': '1' } }",
            "{ customHeaders: { 'x a': '1' } }",
            "{ customHeaders: { 'x-a': '1\\r\\nx-b: 2' } }",
            "{ customHeaders: { host: 'a' } }",
            "{ customHeaders: { 'x-edge-a': 'a' } }",
            "{ customHeaders: { 'x-forwarded-proto': 'https' } }",
            "{ customHeaders: { 'x-incoming': '2' } }",
            "{ customHeaders: { 'x-a': new Array(1785).join('v') } }",
            "(function () { var all = {}; for (var i = 0; i < 31; i++) all['x-' + i] = ''; return { customHeaders: all }; })()",
            "(function () { var all = {}; for (var i = 0; i < 9; i++) all['x-' + i] = new Array(1201).join('v'); return { customHeaders: all }; })()",
        ]
    ));
}

#[test]
fn numbers_are_whole_and_within_cloudfronts_bounds() {
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ connectionAttempts: 0 }",
            "{ connectionAttempts: 4 }",
            "{ connectionAttempts: 300 }",
            "{ connectionAttempts: '2' }",
            "{ connectionAttempts: 1.5 }",
            "{ connectionAttempts: NaN }",
            "{ timeouts: { connectionTimeout: 11 } }",
            "{ timeouts: { connectionTimeout: -1 } }",
            "{ timeouts: { readTimeout: 0 } }",
            "{ timeouts: { readTimeout: 121 } }",
            "{ timeouts: { keepAliveTimeout: 121 } }",
            "{ timeouts: { responseCompletionTimeout: 86401 } }",
            "{ timeouts: { readTimeout: 30, responseCompletionTimeout: 29 } }",
        ]
    ));
}

#[test]
fn origin_shield_is_validated_and_changes_nothing() {
    assert_eq!(update("{ originShield: { enabled: true, region: 'ap-northeast-2' } }"), OriginUpdate::default());
    assert_eq!(update("{ originShield: { enabled: false } }"), OriginUpdate::default());
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ originShield: true }",
            "{ originShield: {} }",
            "{ originShield: { enabled: 'yes' } }",
            "{ originShield: { enabled: true } }",
            "{ originShield: { enabled: true, region: 'Ohio' } }",
            "{ originShield: { enabled: true, region: 'us-east-22' } }",
        ]
    ));
}

#[test]
fn origin_access_control_that_signs_is_refused_with_the_reason() {
    let never = "enabled: true, signingBehavior: 'never', signingProtocol: 'sigv4', originType: 's3'";
    for config in [
        "enabled: false",
        "enabled: false, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3', region: 'us-east-1'",
        never,
    ] {
        let object = format!("{{ originAccessControlConfig: {{ {config} }} }}");
        assert_eq!(update(&object), OriginUpdate::default(), "{config}");
    }
    let always = "{ originAccessControlConfig: { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3' } }";
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            always,
            "{ originAccessControlConfig: { enabled: true } }",
            "{ originAccessControlConfig: { enabled: true, signingBehavior: 'always' } }",
            "{ originAccessControlConfig: { enabled: true, signingBehavior: 'no-override', signingProtocol: 'sigv4' } }",
            "{ originAccessControlConfig: { enabled: true, signingBehavior: 'no-override', signingProtocol: 'sigv4', originType: 'lambda' } }",
            "{ originAccessControlConfig: { enabled: false, signingBehavior: 'sometimes' } }",
            "{ originAccessControlConfig: { enabled: false, signingProtocol: 'sigv4a' } }",
            "{ originAccessControlConfig: { enabled: false, originType: 'ec2' } }",
            "{ originAccessControlConfig: { signingBehavior: 'never' } }",
            &format!("{{ hostHeader: 'a.example.com', originAccessControlConfig: {{ {never} }} }}"),
        ]
    ));
}

#[test]
fn a_custom_origin_config_has_port_protocol_and_ssl_protocols() {
    let plain = update("{ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1'] } }");
    assert_eq!(plain.custom_origin_config.unwrap().protocol, crate::OriginProtocol::Http);
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ customOriginConfig: {} }",
            "{ customOriginConfig: { port: 443 } }",
            "{ customOriginConfig: { port: 443, sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: 443, protocol: 'https' } }",
            "{ customOriginConfig: { port: 22, protocol: 'https', sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: 65616, protocol: 'https', sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: '443', protocol: 'https', sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: 443, protocol: 'HTTPS', sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: 443, protocol: 'match-viewer', sslProtocols: ['TLSv1.2'] } }",
            "{ customOriginConfig: { port: 443, protocol: 'https', sslProtocols: [] } }",
            "{ customOriginConfig: { port: 443, protocol: 'https', sslProtocols: ['TLSv1.3'] } }",
            "{ customOriginConfig: { port: 443, protocol: 'https', sslProtocols: 'TLSv1.2' } }",
            "{ domainName: 'b.example.com', customOriginConfig: { port: 443, protocol: 'https', sslProtocols: ['TLSv1.2'], ipAddressType: 'ipv5' } }",
            "{ customOriginConfig: { port: 443, protocol: 'https', sslProtocols: ['TLSv1.2'], ipAddressType: 'ipv4' } }",
        ]
    ));
}

#[test]
fn allowed_certificate_names_are_at_most_twenty_names_of_sixty_four_characters() {
    let twenty = "{ allowedCertificateNames: new Array(20).fill('*.example.com') }";
    assert_eq!(update(twenty).overrides.allowed_certificate_names.len(), 20);
    insta::assert_snapshot!(all_refused(
        "updateRequestOrigin",
        &[
            "{ allowedCertificateNames: 'a.example.com' }",
            "{ allowedCertificateNames: [] }",
            "{ allowedCertificateNames: [5] }",
            "{ allowedCertificateNames: ['a.example.com', 'a.*.com'] }",
            "{ allowedCertificateNames: [new Array(61).join('a') + '.test'] }",
            "{ allowedCertificateNames: new Array(21).fill('a.example.com') }",
        ]
    ));
}

#[test]
fn mtls_of_origins_can_be_inherited_or_off_and_both_are_none_here() {
    for word in ["inherit", "off"] {
        assert_eq!(update(&format!("{{ mTLSConfig: '{word}' }}")), OriginUpdate::default());
    }
    insta::assert_snapshot!(all_refused("updateRequestOrigin", &["{ mTLSConfig: 'on' }", "{ mTLSConfig: true }"]));
}

#[test]
fn an_origin_is_selected_by_its_id_with_overrides() {
    let OriginEdit::Select(plain) = origin("cf.selectRequestOriginById('myALB-prod');") else { panic!("select") };
    assert_eq!(plain.id.as_str(), "myALB-prod");
    assert!(plain.overrides.is_empty());
    let call = "cf.selectRequestOriginById('a', { hostHeader: 'h.example.com', sni: 's.example.com', \
                allowedCertificateNames: ['c.example.com'] });";
    let OriginEdit::Select(changed) = origin(call) else { panic!("select") };
    assert_eq!(changed.overrides.host_header.unwrap().as_str(), "h.example.com");
    assert_eq!(changed.overrides.sni.unwrap().as_str(), "s.example.com");
    assert_eq!(changed.overrides.allowed_certificate_names[0].as_str(), "c.example.com");
    insta::assert_snapshot!(all_refused(
        "selectRequestOriginById",
        &[
            "",
            "''",
            "5",
            "{ id: 'a' }",
            "new Array(1026).join('a')",
            "'a', null",
            "'a', 'b'",
            "'a', { domainName: 'b.example.com' }",
            "'a', { hostHeader: 'a:1' }",
        ]
    ));
}

#[test]
fn a_group_is_made_of_two_ids_and_failover_criteria() {
    let call = "cf.createRequestOriginGroup({ originIds: ['a', { originId: 'b', originOverrides: { sni: 's.example.com' } }], \
                failoverCriteria: { statusCodes: [500, 503, 500] }, selectionCriteria: 'default' });";
    let OriginEdit::Group(group) = origin(call) else { panic!("group") };
    assert_eq!((group.primary.id.as_str(), group.secondary.id.as_str()), ("a", "b"));
    assert!(group.primary.overrides.is_empty());
    assert_eq!(group.secondary.overrides.sni.unwrap().as_str(), "s.example.com");
    assert_eq!(group.failover_status_codes.iter().collect::<Vec<_>>(), [500, 503]);
    let criteria = "failoverCriteria: { statusCodes: [500] }";
    insta::assert_snapshot!(all_refused(
        "createRequestOriginGroup",
        &[
            "",
            "['a', 'b']",
            "{}",
            "{ originIds: ['a', 'b'] }",
            &format!("{{ originIds: 'ab', {criteria} }}"),
            &format!("{{ originIds: ['a'], {criteria} }}"),
            &format!("{{ originIds: ['a', 'b', 'c'], {criteria} }}"),
            &format!("{{ originIds: ['B', 'B'], {criteria} }}"),
            &format!("{{ originIds: ['a', {{ originId: 'a', originOverrides: {{}} }}], {criteria} }}"),
            &format!("{{ originIds: ['a', 5], {criteria} }}"),
            &format!("{{ originIds: ['a', {{}}], {criteria} }}"),
            &format!("{{ originIds: ['a', {{ originId: 'b', sni: 'c.example.com' }}], {criteria} }}"),
            &format!("{{ originIds: ['a', {{ originId: 'b', originOverrides: {{ sni: 5 }} }}], {criteria} }}"),
            "{ originIds: ['a', 'b'], failoverCriteria: [500] }",
            "{ originIds: ['a', 'b'], failoverCriteria: {} }",
            "{ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [] } }",
            "{ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [200] } }",
            "{ originIds: ['a', 'b'], failoverCriteria: { statusCodes: ['500'] } }",
            "{ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [66036] } }",
            "{ originIds: ['a', 'b'], failoverCriteria: { statusCodes: new Array(19).fill(500) } }",
            &format!("{{ originIds: ['a', 'b'], {criteria}, selectionCriteria: 'media-quality-score' }}"),
            &format!("{{ originIds: ['a', 'b'], {criteria}, selectionCriteria: 'fastest' }}"),
        ]
    ));
}

#[test]
fn the_last_call_counts() {
    let OriginEdit::Select(last) = origin(
        "cf.updateRequestOrigin({ domainName: 'a.example.com' }); cf.updateRequestOrigin({ domainName: 5 }); \
         cf.selectRequestOriginById('b');",
    ) else {
        panic!("select")
    };
    assert_eq!(last.id.as_str(), "b");
    refused("cf.selectRequestOriginById('b'); cf.updateRequestOrigin({ domainName: 5 });");
}

#[test]
fn no_call_leaves_an_origin_to_the_next() {
    let code = program("if (event.request.uri === '/first') cf.selectRequestOriginById('b');");
    let mut function = Function::new(&code);
    for (uri, chosen) in [("/first", true), ("/", false), ("/first", true)] {
        let Verdict::Continue(edit) = function.on_request(&request(uri, &[])) else { panic!("continue") };
        assert_eq!(edit.origin.is_some(), chosen, "{uri}");
    }
    // Nor does one that fails.
    let code = program("cf.selectRequestOriginById('b'); if (event.request.uri === '/first') throw new Error('x');");
    let mut function = Function::new(&code.replace("cf.select", "if (event.request.uri === '/first') cf.select"));
    assert!(matches!(function.on_request(&request("/first", &[])), Verdict::Fail(_)));
    let Verdict::Continue(edit) = function.on_request(&request("/", &[])) else { panic!("continue") };
    assert_eq!(edit.origin, None);
}

#[test]
fn an_answer_of_the_functions_own_needs_no_origin() {
    let code = "import cf from 'cloudfront'; function handler() { cf.updateRequestOrigin({ domainName: 5 }); return { statusCode: 204 }; }";
    assert_eq!(generated(code).status, 204);
}

#[test]
fn what_a_getter_throws_is_the_programs_own() {
    let code = program("cf.updateRequestOrigin({ get domainName() { throw new Error('mine'); } });");
    let failure = failure(&code);
    assert_eq!(failure.kind, FailureKind::FunctionExecution);
    assert!(failure.detail.contains("Error: mine"), "{}", failure.detail);
    let caught = origin(
        "try { cf.updateRequestOrigin({ get domainName() { throw 1; } }); } catch (e) {} cf.selectRequestOriginById('b');",
    );
    assert!(matches!(caught, OriginEdit::Select(_)));
}

#[test]
fn the_helpers_are_for_viewer_requests_only() {
    for call in ["updateRequestOrigin({})", "selectRequestOriginById('a')", "createRequestOriginGroup({})"] {
        let code =
            format!("import cf from 'cloudfront'; function handler(event) {{ cf.{call}; return event.response; }}");
        let failure = response_failure(&code);
        assert_eq!(failure.kind, FailureKind::FunctionExecution);
        let name = call.split('(').next().unwrap();
        let text = format!("TypeError: {name} is for viewer-request functions only");
        assert!(failure.detail.contains(&text), "{}", failure.detail);
    }
}

#[test]
fn there_is_no_helper_that_is_not_documented() {
    let failure = failure(&program("cf.overrideRequestOrigin('a', {});"));
    assert!(failure.detail.contains("[\"overrideRequestOrigin\"] is not a function"), "{}", failure.detail);
}

/// Any value a program could hand over, as its source.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("undefined".to_owned()),
        Just("null".to_owned()),
        Just("NaN".to_owned()),
        Just("[].length".to_owned()),
        Just("function () {}".to_owned()),
        Just("Symbol.iterator".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("has a literal", |n| n.is_finite()).prop_map(|n| format!("({n})")),
        "[a-z0-9./:*-]{0,20}".prop_map(|text| format!("'{text}'")),
        prop::sample::select(vec![
            "'http'",
            "'https'",
            "'always'",
            "'sigv4'",
            "'s3'",
            "'TLSv1.2'",
            "'/a'",
            "443",
            "500",
            "'b.example.com'"
        ])
        .prop_map(str::to_owned),
    ];
    let names = prop::sample::select(vec![
        "domainName",
        "hostHeader",
        "originPath",
        "customHeaders",
        "connectionAttempts",
        "originShield",
        "enabled",
        "region",
        "originAccessControlConfig",
        "signingBehavior",
        "signingProtocol",
        "originType",
        "timeouts",
        "readTimeout",
        "responseCompletionTimeout",
        "keepAliveTimeout",
        "connectionTimeout",
        "customOriginConfig",
        "port",
        "protocol",
        "sslProtocols",
        "ipAddressType",
        "sni",
        "allowedCertificateNames",
        "mTLSConfig",
        "originIds",
        "originId",
        "originOverrides",
        "failoverCriteria",
        "statusCodes",
        "selectionCriteria",
        "x-a",
        "other",
    ]);
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("'{name}': {value}")).collect();
                format!("({{ {} }})", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever a program hands over: an edit that keeps every rule, or a refusal that names the helper.
    #[test]
    fn no_argument_is_harmful(first in value(), second in value()) {
        for helper in ["updateRequestOrigin", "selectRequestOriginById", "createRequestOriginGroup"] {
            match Function::new(&program(&format!("cf.{helper}({first}, {second});"))).on_request(&asked()) {
                Verdict::Continue(edit) => {
                    if let Some(OriginEdit::Update(update)) = edit.origin.as_deref() {
                        prop_assert_eq!(update.fault(), None);
                    }
                    // What the frames refuse would cost the worker its connection.
                    let result = CallResult { outcome: Outcome::Request(Verdict::Continue(edit)), logs: Vec::new(), log_data: None, cpu_us: 0 };
                    let answer = crate::js::frame::Answer::Called(1, result);
                    let mut out = Vec::new();
                    prop_assert!(answer.put(&mut out));
                    prop_assert_eq!(crate::js::frame::Answer::take(&out[4..]), Ok(answer));
                }
                Verdict::Fail(failure) => {
                    prop_assert_eq!(failure.kind, FailureKind::FunctionValidation);
                    let prefix = format!("function \"test\": cf.{helper}: ");
                    prop_assert!(failure.detail.starts_with(&prefix), "{}", failure.detail);
                }
                Verdict::Respond(response) => prop_assert!(false, "{:?}", response),
            }
        }
    }
}
