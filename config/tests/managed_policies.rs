//! The managed policies, setting by setting, as the Developer Guide lists them.
#![allow(clippy::unwrap_used, reason = "tests")]

use homefront_config::policy::Selection;
use homefront_config::policy::allowed_origin::AllowedOrigin;
use homefront_config::policy::managed::{
    cache_policy, cache_policy_names, origin_request_policy, origin_request_policy_names, response_headers_policy,
    response_headers_policy_names,
};
use homefront_config::policy::origin_request::HeaderSelection;

/// Name, id, TTLs, headers, cookies, query strings, gzip, brotli: the documented table, typed in a second time.
const CACHE: &str = "\
Amplify | 2e54312d-136d-493c-8eb9-b001f22f67d2 | 2/2/600 | authorization, cloudfront-viewer-country, host | all | all | y/y
CachingDisabled | 4135ea2d-6df8-44a3-9df3-4b5a84be39ad | 0/0/0 | none | none | none | n/n
CachingOptimized | 658327ea-f89d-4fab-a63d-7e88639e58f6 | 1/86400/31536000 | none | none | none | y/y
CachingOptimizedForUncompressedObjects | b2884449-e4de-46a7-ac36-70bc7f1ddd6d | 1/86400/31536000 | none | none | none | n/n
Elemental-MediaPackage | 08627262-05a9-4f76-9ded-b50ca2e3a84f | 0/86400/31536000 | origin | none | aws.manifestfilter, start, end, m | y/n
UseOriginCacheControlHeaders | 83da9c7e-98b4-4e11-a168-04f0df8e2c65 | 0/0/31536000 | host, origin, x-http-method, x-http-method-override, x-method-override | all | none | y/y
UseOriginCacheControlHeaders-QueryStrings | 4cc15a8a-d715-48a4-82b8-cc0b614638fe | 0/0/31536000 | host, origin, x-http-method, x-http-method-override, x-method-override | all | all | y/y
Amplify-Default | 4d1d2f1d-3a71-49ad-9e08-7ea5d843a556 | 0/0/31536000 | accept, authorization, cloudfront-viewer-country, host | all | all | y/y
Amplify-DefaultNoCookies | a6bad946-36c3-4c33-aa98-362c74a7fb13 | 0/0/31536000 | accept, authorization, cloudfront-viewer-country, host | none | all | y/y
Amplify-ImageOptimization | 1c6db51a-a33f-469a-8245-dae26771f530 | 0/0/31536000 | accept, authorization, host | none | all | y/y
Amplify-StaticContent | 7e5fad67-ee98-4ad0-b05a-394999eefc1a | 0/0/31536000 | authorization, host | none | none | y/y";

/// Name, id, headers, cookies, query strings.
const ORIGIN_REQUEST: &str = "\
AllViewer | 216adef6-5c7f-47e4-b989-5492eafa07d3 | all viewer | all | all
AllViewerAndCloudFrontHeaders-2022-06 | 33f36d7e-f396-46d9-90e0-52428a34d9dc | all viewer and 21 of CloudFront | all | all
AllViewerExceptHostHeader | b689b0a8-53d0-40ab-baf2-68738e2966ac | all except host and 21 of CloudFront | all | all
CORS-CustomOrigin | 59781a5b-3903-41f3-afcb-af62929ccde1 | origin | none | none
CORS-S3Origin | 88a5eaf4-2fd4-4709-b370-b4c650ea3fcf | origin, access-control-request-headers, access-control-request-method | none | none
Elemental-MediaTailor-PersonalizedManifests | 775133bc-15f2-49f9-abea-afb2e0bf67d2 | origin, access-control-request-headers, access-control-request-method, user-agent, x-forwarded-for | none | all
HostHeaderOnly | bf0718e1-ba1e-49d1-88b1-f726733018ae | host | none | none
UserAgentRefererHeaders | acba4595-bd28-49b8-b9fe-13317c0390fa | user-agent, referer | none | none";

/// Name, id, CORS, security headers.
const RESPONSE_HEADERS: &str = "\
SimpleCORS | 60669652-455b-4ae9-85a4-c4c02393f86c | simple | 0
CORS-With-Preflight | 5cc3b908-e619-4b99-88e5-2cf7f45965bd | with preflight | 0
SecurityHeadersPolicy | 67f7725c-6f97-4210-82d7-5512b31e9d03 | none | 5
CORS-and-SecurityHeadersPolicy | e61eb60c-9c35-4d20-a928-2b84e02af89c | simple | 5
CORS-with-preflight-and-SecurityHeadersPolicy | eaab4381-ed33-4a86-88ca-d9558dc6cd63 | with preflight | 5";

fn names(selection: &Selection) -> String {
    match selection {
        Selection::None => "none".to_owned(),
        Selection::All => "all".to_owned(),
        Selection::AllowList(names) => names.join(", "),
        Selection::AllExcept(names) => format!("all except {}", names.join(", ")),
    }
}

#[test]
fn cache_policies_have_the_documented_settings_by_name_and_by_id() {
    assert_eq!(cache_policy_names().count(), CACHE.lines().count());
    for line in CACHE.lines() {
        let (name, rest) = line.split_once(" | ").unwrap();
        let id = rest.split(" | ").next().unwrap();
        for asked in [name, id, &format!("Managed-{name}")] {
            let policy = cache_policy(asked).unwrap();
            let headers = if policy.headers.is_empty() { "none".to_owned() } else { policy.headers.join(", ") };
            let flag = |on: bool| if on { "y" } else { "n" };
            let row = format!(
                "{} | {} | {}/{}/{} | {headers} | {} | {} | {}/{}",
                policy.name,
                policy.id.unwrap(),
                policy.min_ttl_s,
                policy.default_ttl_s,
                policy.max_ttl_s,
                names(&policy.cookies),
                names(&policy.query_strings),
                flag(policy.accept_encoding_gzip),
                flag(policy.accept_encoding_brotli),
            );
            assert_eq!(row, line);
        }
    }
}

#[test]
fn origin_request_policies_have_the_documented_settings_by_name_and_by_id() {
    assert_eq!(origin_request_policy_names().count(), ORIGIN_REQUEST.lines().count());
    for line in ORIGIN_REQUEST.lines() {
        let (name, rest) = line.split_once(" | ").unwrap();
        let id = rest.split(" | ").next().unwrap();
        for asked in [name, id, &format!("Managed-{name}")] {
            let policy = origin_request_policy(asked).unwrap();
            let headers = match &policy.headers {
                HeaderSelection::None => "none".to_owned(),
                HeaderSelection::AllViewer => "all viewer".to_owned(),
                HeaderSelection::AllViewerAnd(and) => format!("all viewer and {} of CloudFront", and.len()),
                HeaderSelection::AllowList(names) => names.join(", "),
                HeaderSelection::AllExcept(names) => format!("all except {}", names.join(", ")),
                HeaderSelection::AllExceptAnd { except, cloudfront } => {
                    format!("all except {} and {} of CloudFront", except.join(", "), cloudfront.len())
                }
            };
            let id = policy.id.unwrap();
            let row = format!(
                "{} | {id} | {headers} | {} | {}",
                policy.name,
                names(&policy.cookies),
                names(&policy.query_strings)
            );
            assert_eq!(row, line);
        }
    }
}

#[test]
fn response_headers_policies_have_the_documented_settings_by_name_and_by_id() {
    assert_eq!(response_headers_policy_names().count(), RESPONSE_HEADERS.lines().count());
    for line in RESPONSE_HEADERS.lines() {
        let (name, rest) = line.split_once(" | ").unwrap();
        let id = rest.split(" | ").next().unwrap();
        for asked in [name, id, &format!("Managed-{name}")] {
            let policy = response_headers_policy(asked).unwrap();
            let cors = policy.cors.as_ref().map_or("none", |cors| {
                assert_eq!((&cors.allow_origins[..], cors.override_origin), (&[AllowedOrigin::Any][..], false));
                if cors.allow_methods.is_some() && cors.expose_headers.is_some() { "with preflight" } else { "simple" }
            });
            let row = format!("{} | {} | {cors} | {}", policy.name, policy.id.unwrap(), policy.headers.len());
            assert_eq!(row, line);
            let overriding =
                policy.headers.iter().filter(|header| header.override_origin).map(|header| header.name.as_str());
            assert!(
                overriding.eq(policy
                    .headers
                    .iter()
                    .map(|header| header.name.as_str())
                    .filter(|name| *name == "x-content-type-options"))
            );
        }
    }
}

#[test]
fn names_are_compared_exactly() {
    for asked in ["cachingoptimized", "Managed-", "", "Managed-Managed-CachingOptimized"] {
        assert!(cache_policy(asked).is_none(), "{asked}");
        assert!(origin_request_policy(asked).is_none(), "{asked}");
        assert!(response_headers_policy(asked).is_none(), "{asked}");
    }
}
