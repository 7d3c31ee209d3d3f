//! `request.origin`: which origins a function may ask for, and what CloudFront says of the others.

use super::*;

fn bucket() -> RequestOrigin {
    let kind = OriginKind::Directory { root: "/srv".into(), stand_in: None };
    shown(&Origin { id: "assets".to_owned(), path: String::new(), custom_headers: Vec::new(), kind })
}

/// What a function that was shown `origin` and changed its request comes to.
fn asked(origin: &RequestOrigin, change: impl FnOnce(&mut Value)) -> Verdict<LambdaRequestEdit> {
    let request = request();
    let event = origin_request(&context(), origin, &request, None);
    let mut value: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = value["Records"][0]["cf"]["request"].take();
    change(&mut subject);
    result::request(&event, &request, subject.to_string().into())
}

fn custom_with(member: &str, value: Value) -> Verdict<LambdaRequestEdit> {
    asked(&shown(&custom()), |request| request["origin"]["custom"][member] = value)
}

fn s3_with(member: &str, value: Value) -> Verdict<LambdaRequestEdit> {
    asked(&bucket(), |request| request["origin"]["s3"][member] = value)
}

fn origin(verdict: Verdict<LambdaRequestEdit>) -> Option<RequestOrigin> {
    edit(verdict).origin.map(|origin| *origin)
}

/// The field of CloudFront's sentence.
fn field(verdict: Verdict<LambdaRequestEdit>) -> String {
    let told = refusal(verdict);
    let sentence = told.lines().next().unwrap();
    let start = "The Lambda function returned an invalid origin configuration: The value of ";
    sentence.strip_prefix(start).unwrap_or_else(|| panic!("{told}")).trim_end_matches(" is invalid.").to_owned()
}

const CUSTOM: &str = r#"{"custom": {"customHeaders": {"x-a": [{"key": "X-a", "value": "1"}]}, "domainName": "Other.example.com",
    "keepaliveTimeout": 120, "path": "/p", "port": 8443, "protocol": "https", "readTimeout": 1, "responseCompletionTimeout": 1,
    "sslProtocols": ["TLSv1.2", "TLSv1"]}}"#;

const S3: &str = r#"{"s3": {"authMethod": "none", "customHeaders": {}, "domainName": "b.s3.eu-west-1.amazonaws.com", "path": "", "region": ""}}"#;

#[test]
fn s4_an_origin_left_alone_or_left_out_is_no_change() {
    for shown in [shown(&custom()), bucket()] {
        assert_eq!(origin(asked(&shown, |_| {})), None);
        assert_eq!(origin(asked(&shown, |request| drop(request.as_object_mut().unwrap().remove("origin")))), None);
        assert_eq!(origin(asked(&shown, |request| request["uri"] = json!("/b"))), None);
    }
}

#[test]
fn s4_every_member_of_a_custom_origin_can_be_changed() {
    let made = origin(asked(&shown(&custom()), |request| request["origin"] = serde_json::from_str(CUSTOM).unwrap()));
    let expected = RequestCustomOrigin {
        custom_headers: vec![("X-a".to_owned(), "1".to_owned())],
        domain_name: "other.example.com".to_owned(),
        keepalive_timeout_s: 120,
        path: "/p".to_owned(),
        port: 8_443,
        protocol: OriginProtocol::Https,
        read_timeout_s: 1,
        response_completion_timeout_s: Some(1),
        ssl_protocols: homefront_config::origin::SslProtocols::new(["TLSv1.2", "TLSv1"]).unwrap(),
    };
    assert_eq!(made, Some(RequestOrigin::Custom(expected)));
}

#[test]
fn s4_the_kind_can_be_changed_both_ways() {
    let to_s3 = origin(asked(&shown(&custom()), |request| request["origin"] = serde_json::from_str(S3).unwrap()));
    assert!(matches!(to_s3, Some(RequestOrigin::S3(s3)) if s3.domain_name == "b.s3.eu-west-1.amazonaws.com"));
    let to_custom = origin(asked(&bucket(), |request| request["origin"] = serde_json::from_str(CUSTOM).unwrap()));
    assert!(matches!(to_custom, Some(RequestOrigin::Custom(custom)) if custom.port == 8_443));
}

#[test]
fn s4_domain_names_are_dns_names_without_a_port() {
    for name in ["", "1.2.3.4", "::1", "a:80", "a b", "https://a", "127.1", &"a".repeat(254)] {
        assert_eq!(field(custom_with("domainName", json!(name))), "DomainName", "{name}");
    }
    insta::assert_snapshot!(refusal(custom_with("domainName", json!("1.2.3.4"))), @r#"
    The Lambda function returned an invalid origin configuration: The value of DomainName is invalid.
    Validation error: The Lambda function returned an invalid origin configuration, the value of DomainName must be a DNS name of at most 253 characters, without a port and not an IP address; it is "1.2.3.4".
    "#);
    for name in
        ["", "B.s3.amazonaws.com", "1.2.3.4", &format!("{}.{}.b.s3.amazonaws.com", "a".repeat(60), "b".repeat(60))]
    {
        assert_eq!(field(s3_with("domainName", json!(name))), "DomainName", "{name}");
    }
    assert!(origin(custom_with("domainName", json!("localhost"))).is_some(), "for a laptop");
}

#[test]
fn s4_numbers_and_words_have_cloudfronts_bounds() {
    for (member, name, wrong, right) in [
        (
            "port",
            "Port",
            vec![json!(0), json!(81), json!(1_023), json!(65_536), json!("443")],
            vec![json!(80), json!(1_024)],
        ),
        ("protocol", "Protocol", vec![json!("ftp"), json!("HTTPS"), json!(null)], vec![json!("http")]),
        ("keepaliveTimeout", "KeepaliveTimeout", vec![json!(0), json!(121), json!(1.5)], vec![json!(1), json!(120)]),
        ("readTimeout", "ReadTimeout", vec![json!(0), json!(121), json!("30")], vec![json!(1), json!(120)]),
        (
            "responseCompletionTimeout",
            "ResponseCompletionTimeout",
            vec![json!(29), json!(-1), json!("60")],
            vec![json!(30), json!(60)],
        ),
        (
            "path",
            "Path",
            vec![json!("a"), json!("/a/"), json!("/"), json!("/a b"), json!(format!("/{}", "a".repeat(255)))],
            vec![json!(""), json!("/a/b%20c")],
        ),
        (
            "sslProtocols",
            "SslProtocols",
            vec![json!([]), json!(["TLSv1.3"]), json!("TLSv1.2"), json!([1])],
            vec![json!(["SSLv3", "TLSv1.1"])],
        ),
    ] {
        for value in wrong {
            assert_eq!(field(custom_with(member, value.clone())), name, "{member} {value}");
        }
        for value in right {
            assert!(origin(custom_with(member, value.clone())).is_some(), "{member} {value}");
        }
    }
    let no_bound = origin(asked(&shown(&custom()), |request| {
        request["origin"]["custom"]["port"] = json!(80);
        request["origin"]["custom"].as_object_mut().unwrap().remove("responseCompletionTimeout");
    }));
    assert!(matches!(no_bound, Some(RequestOrigin::Custom(custom)) if custom.response_completion_timeout_s.is_none()));
}

#[test]
fn s4_members_that_cloudfront_does_not_know_are_ignored() {
    // One that is misspelt is one that nobody knows: what it should have said stays as it was.
    let misspelt = origin(custom_with("responsecompletiontimeout", json!(9)));
    assert_eq!(misspelt.expect("an origin that differs from the one that was shown"), shown(&custom()));
}

#[test]
fn s4_members_that_a_server_needs_cannot_be_left_out() {
    for (member, name) in [
        ("domainName", "DomainName"),
        ("port", "Port"),
        ("protocol", "Protocol"),
        ("path", "Path"),
        ("readTimeout", "ReadTimeout"),
        ("keepaliveTimeout", "KeepaliveTimeout"),
        ("sslProtocols", "SslProtocols"),
    ] {
        let without = asked(&shown(&custom()), |request| {
            request["origin"]["custom"].as_object_mut().unwrap().remove(member);
        });
        assert_eq!(field(without), name);
    }
}

#[test]
fn s4_buckets_have_an_auth_method_and_a_region_for_an_identity() {
    assert_eq!(field(s3_with("authMethod", json!("origin-access-control"))), "AuthMethod");
    assert!(origin(s3_with("authMethod", json!("origin-access-identity"))).is_some(), "with its region");
    let without = asked(&bucket(), |request| {
        request["origin"]["s3"]["authMethod"] = json!("origin-access-identity");
        request["origin"]["s3"]["region"] = json!("");
    });
    assert_eq!(field(without), "Region");
    let from_custom = asked(&shown(&custom()), |request| {
        request["origin"] = serde_json::from_str(S3).unwrap();
        request["origin"]["s3"]["authMethod"] = json!("origin-access-identity");
    });
    assert_eq!(field(from_custom), "AuthMethod");
    assert_eq!(field(s3_with("readTimeout", json!(121))), "ReadTimeout");
    let timed = origin(s3_with("readTimeout", json!(7)));
    assert!(matches!(timed, Some(RequestOrigin::S3(s3)) if s3.read_timeout_s == Some(7)));
}

#[test]
fn s4_what_a_configuration_may_say_and_a_function_may_not_may_stay() {
    let configured = Origin {
        kind: OriginKind::Custom(CustomOrigin {
            keepalive_timeout: std::time::Duration::from_mins(5),
            ..CustomOrigin::new("127.0.0.1".to_owned())
        }),
        custom_headers: vec![("X-Forwarded-Proto".to_owned(), "https".to_owned())],
        ..custom()
    };
    let made = origin(asked(&shown(&configured), |request| request["origin"]["custom"]["path"] = json!("/other")));
    let Some(RequestOrigin::Custom(made)) = made else { panic!("{made:?}") };
    assert_eq!((made.domain_name.as_str(), made.keepalive_timeout_s, made.path.as_str()), ("127.0.0.1", 300, "/other"));
    assert_eq!(made.custom_headers, configured.custom_headers);
    let changed = asked(&shown(&configured), |request| {
        request["origin"]["custom"]["customHeaders"]["x-forwarded-proto"][0]["value"] = json!("http");
    });
    assert!(refusal(changed).contains("One or more HeaderName or HeaderValue values are invalid."));
    let other = asked(&shown(&configured), |request| request["origin"]["custom"]["domainName"] = json!("127.0.0.2"));
    assert_eq!(field(other), "DomainName");
}

#[test]
fn s4_an_origin_is_either_custom_or_s3() {
    let both = |request: &mut Value| {
        let s3: Value = serde_json::from_str(S3).unwrap();
        request["origin"]["s3"] = s3["s3"].clone();
    };
    insta::assert_snapshot!(refusal(asked(&shown(&custom()), both)), @r#"
    The Lambda function returned an invalid origin configuration: Exactly one of custom and s3 must be specified.
    Validation error: The Lambda function returned an invalid origin configuration, request.origin must have exactly one of custom and s3, an object; it has: custom, s3.
    "#);
    for (none, found) in [
        (json!({}), "it has neither."),
        (json!(null), "it is null."),
        (json!("a"), "it is \"a\"."),
        (json!({"custom": null}), "custom is null."),
    ] {
        let told = refusal(asked(&shown(&custom()), |request| request["origin"] = none));
        assert!(told.contains("exactly one of custom and s3") && told.contains(found), "{told}");
    }
}

#[test]
fn s4_custom_headers_cannot_be_those_of_cloudfronts_deny_list() {
    let names = [
        "cache-control",
        "connection",
        "content-length",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "request-range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-amz-date",
        "x-edge-a",
        "x-real-ip",
    ];
    for name in names {
        let told = refusal(custom_with("customHeaders", json!({name: [{"value": "1"}]})));
        assert!(told.starts_with("The Lambda function returned an invalid origin configuration: One or more HeaderName or HeaderValue values are invalid.\n"), "{name}: {told}");
    }
    insta::assert_snapshot!(refusal(custom_with("customHeaders", json!({"x-a": [{"key": "X-A", "value": "a\r\nb"}]}))), @r#"
    The Lambda function returned an invalid origin configuration: One or more HeaderName or HeaderValue values are invalid.
    Validation error: The Lambda function returned an invalid origin configuration, customHeaders: "x-a" has a value with control characters, or with white space around it.
    "#);
    let twice = asked(&shown(&custom()), |request| {
        request["origin"]["custom"]["customHeaders"] = json!({"x-a": [{"value": "1"}]});
        request["headers"]["x-a"] = json!([{"value": "2"}]);
    });
    insta::assert_snapshot!(refusal(twice), @r#"
    The Lambda function returned an invalid origin configuration: One or more HeaderName or HeaderValue values are invalid.
    Validation error: The Lambda function returned an invalid origin configuration, customHeaders: "x-a" is in request.headers, too.
    "#);
    let configured = Origin { custom_headers: vec![("X-A".to_owned(), "1".to_owned())], ..custom() };
    let added = asked(&shown(&configured), |request| request["headers"]["x-a"] = json!([{"value": "2"}]));
    assert!(refusal(added).contains("\"x-a\" is in request.headers, too."), "though the origin is as it was shown");
    for map in [json!("a"), json!({"x-a": "1"})] {
        assert!(refusal(custom_with("customHeaders", map)).contains("must be a map of arrays"));
    }
}
