//! Who may pass, and to which variant: the native JWT check and the native A/B split.

use crate::harness::{Answer, Edge, Origin, Reply, Running, one_origin};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

const SECRET: &str = "a secret of at least thirty-two bytes";
const YEAR_2100: u64 = 4_102_444_800;

fn key(name: &str) -> String {
    std::fs::read_to_string(crate::harness::repository(&format!("proxy/testdata/jwt/{name}.pem"))).unwrap()
}

fn signed(claims: &serde_json::Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn signed_rsa(kid: &str, pair: &str) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) };
    let key = EncodingKey::from_rsa_pem(key(pair).as_bytes()).unwrap();
    encode(&header, &json!({ "sub": "ada", "exp": YEAR_2100 }), &key).unwrap()
}

fn guarded(jwt: &str) -> Edge {
    let behavior = format!(
        "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"\nauthorize = {{ jwt = \"login\" }}\n\
         [[jwt]]\nname = \"login\"\n{jwt}\n"
    );
    Edge::before(&behavior, |_| Reply::ok("secret page"))
}

fn hs256() -> Edge {
    guarded(
        "secret_file = \"secret.txt\"\nalgorithms = [\"HS256\"]\nissuer = \"https://issuer.example/\"\naudience = [\"web\"]\n\
         token_from = [\"header:authorization\", \"cookie:session\", \"query:jwt\"]\nclaims_to_headers = { sub = \"x-user\" }",
    )
    .file("secret.txt", SECRET)
}

fn good_claims() -> serde_json::Value {
    json!({ "sub": "ada", "iss": "https://issuer.example/", "aud": "web", "exp": YEAR_2100 })
}

async fn with_token(edge: &Running, token: &str) -> Answer {
    edge.get_with("/x", &[("Authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn a_token_opens_from_header_cookie_and_query_and_its_claim_replaces_a_forged_header() {
    let edge = hs256().start().await;
    let token = signed(&good_claims());
    let forged = ("X-User", "root");
    let answers = [
        edge.get_with("/x", &[("Authorization", &format!("Bearer {token}")), forged]).await,
        edge.get_with("/x", &[("Cookie", &format!("a=1; session={token}")), forged]).await,
        edge.get_with(&format!("/x?a=1&jwt={token}&b=2"), &[forged]).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.text()), (200, "secret page"));
    }
    for asked in edge.asked("app") {
        assert_eq!(asked.header("x-user"), Some("ada"), "{asked:?}");
    }
    assert_eq!(edge.asked("app")[2].query(), Some("a=1&b=2"), "the token does not reach the origin");
    edge.stop().await;
}

#[tokio::test]
async fn a_request_without_a_good_token_is_a_401_with_a_challenge() {
    let edge = hs256().start().await;
    let mut bad = vec!["x.y.z".to_owned(), format!("{}x", signed(&good_claims()))];
    for (claim, value) in
        [("exp", json!(1)), ("iss", json!("other")), ("aud", json!("other")), ("nbf", json!(YEAR_2100))]
    {
        let mut claims = good_claims();
        claims[claim] = value;
        bad.push(signed(&claims));
    }
    for token in bad {
        let answer = with_token(&edge, &token).await;
        assert_eq!((answer.status, answer.x_cache()), (401, "Error"), "{token}");
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"), "{answer:?}");
        assert!(!answer.text().contains("exp") && !answer.text().contains("issuer"), "the page tells no reason");
    }
    let none = edge.get("/x").await;
    let challenge = none.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_cached_page_still_needs_the_token() {
    let behavior = "authorize = { jwt = \"login\" }\n[[jwt]]\nname = \"login\"\nsecret_file = \"secret.txt\"\nalgorithms = [\"HS256\"]\n";
    let edge = Edge::before(behavior, |_| Reply::ok("secret page")).file("secret.txt", SECRET).start().await;
    let token = signed(&good_claims());
    assert_eq!(with_token(&edge, &token).await.x_cache(), "Miss");
    assert_eq!(with_token(&edge, &token).await.x_cache(), "Hit");
    assert_eq!(edge.get("/x").await.status, 401);
    edge.stop().await;
}

#[tokio::test]
async fn a_public_key_from_a_file_checks_rs256_and_cannot_be_used_as_a_secret() {
    let public = key("rsa-a.public");
    let edge =
        guarded("public_key_file = \"key.pem\"\nalgorithms = [\"RS256\"]").file("key.pem", &public).start().await;
    assert_eq!(with_token(&edge, &signed_rsa("any", "rsa-a.private")).await.status, 200);
    assert_eq!(with_token(&edge, &signed_rsa("any", "rsa-b.private")).await.status, 401);
    let confused = encode(
        &Header::new(Algorithm::HS256),
        &json!({ "sub": "ada", "exp": YEAR_2100 }),
        &EncodingKey::from_secret(public.as_bytes()),
    );
    assert_eq!(with_token(&edge, &confused.unwrap()).await.status, 401);
    edge.stop().await;
}

/// The JSON Web Key Set of these public keys.
fn key_set(kids: &[(&str, &str)]) -> String {
    let keys: Vec<_> = kids
        .iter()
        .map(|(kid, private)| {
            let key = EncodingKey::from_rsa_pem(key(private).as_bytes()).unwrap();
            let mut jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
            jwk.common.key_id = Some((*kid).to_owned());
            jwk
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

#[tokio::test]
async fn keys_are_fetched_from_a_url_and_rotate_without_a_failed_request() {
    let set = Arc::new(Mutex::new(key_set(&[("a", "rsa-a.private")])));
    let served = set.clone();
    let issuer = Origin::serve(move |_| std::future::ready(Reply::ok(served.lock().clone())));
    let jwt = format!("jwks = \"http://{}/jwks.json\"\nalgorithms = [\"RS256\"]", issuer.address);
    let edge = guarded(&jwt).served("issuer", issuer).start().await;
    for _ in 0..3 {
        assert_eq!(with_token(&edge, &signed_rsa("a", "rsa-a.private")).await.status, 200);
    }
    assert_eq!(edge.asked_times("issuer"), 1, "the set is cached");
    *set.lock() = key_set(&[("a", "rsa-a.private"), ("b", "rsa-b.private")]);
    edge.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(
        with_token(&edge, &signed_rsa("b", "rsa-b.private")).await.status,
        200,
        "a new key is fetched on demand"
    );
    assert_eq!(with_token(&edge, &signed_rsa("a", "rsa-a.private")).await.status, 200, "the old one is still good");
    assert_eq!(with_token(&edge, &signed_rsa("c", "rsa-b.private")).await.status, 401);
    edge.stop().await;
}

#[tokio::test]
async fn without_any_key_set_nobody_passes_and_the_node_starts() {
    let nobody = Origin::nobody();
    let jwt = format!("jwks = \"http://{}/jwks.json\"\nalgorithms = [\"RS256\"]", nobody.address);
    let edge = guarded(&jwt).start().await;
    assert_eq!(with_token(&edge, &signed_rsa("a", "rsa-a.private")).await.status, 503);
    assert_eq!(edge.get("/x").await.status, 401);
    edge.stop().await;
}

fn experiment(variants: &str) -> Edge {
    let toml = one_origin(&format!(
        "cache_policy = \"keyed\"\nsplit = {{ experiment = \"checkout\" }}\n[[distribution.origin]]\nid = \"app-b\"\n\
         domain_name = \"127.0.0.1\"\nhttp_port = {{app-b}}\nprotocol_policy = \"http-only\"\n[[experiment]]\n\
         name = \"checkout\"\nsticky_cookie = \"hf-checkout\"\nvariants = [{variants}]\n[[cache_policy]]\nname = \"keyed\"\n\
         min_ttl_s = 0\ndefault_ttl_s = 60\nmax_ttl_s = 60\nheaders = [\"X-Variant\"]\n"
    ));
    Edge::with(toml)
        .origin("app", |asked| Reply::ok(format!("a {}", asked.target)))
        .origin("app-b", |asked| Reply::ok(format!("b {}", asked.target)))
}

#[tokio::test]
async fn a_new_viewer_gets_the_variant_with_all_the_weight_and_a_cookie_that_keeps_it() {
    let edge = experiment(
        r#"{ name = "a", weight = 0 }, { name = "b", weight = 100, origin = "app-b", uri_prefix = "/b", headers = { "x-variant" = "b" } }"#,
    )
    .start()
    .await;
    for result in ["Miss", "Hit"] {
        let answer = edge.get("/x?q=1").await;
        assert_eq!((answer.x_cache(), answer.text()), (result, "b /b/x"));
        let cookie = answer.header("set-cookie").expect("a cookie, on hits too");
        assert!(cookie.starts_with("hf-checkout=b;"), "{cookie}");
    }
    assert_eq!(edge.asked("app-b")[0].header("x-variant"), Some("b"));
    let sticky = edge.get_with("/x", &[("Cookie", "hf-checkout=a")]).await;
    assert_eq!((sticky.text(), sticky.header("set-cookie")), ("a /x", None), "who has a variant keeps it");
    let stale = edge.get_with("/x", &[("Cookie", "hf-checkout=gone")]).await;
    assert!(stale.header("set-cookie").is_some_and(|cookie| cookie.starts_with("hf-checkout=b")));
    edge.stop().await;
}

#[tokio::test]
async fn variants_have_cached_objects_of_their_own_and_no_viewer_can_pose_as_another() {
    let edge = experiment(r#"{ name = "a", weight = 1 }, { name = "b", weight = 1, headers = { "x-variant" = "b" } }"#)
        .start()
        .await;
    let as_a = [("Cookie", "hf-checkout=a"), ("X-Variant", "b")];
    assert_eq!(edge.get_with("/x", &as_a).await.x_cache(), "Miss");
    assert_eq!(edge.asked("app")[0].header("x-variant"), None, "forged");
    assert_eq!(edge.get_with("/x", &[("Cookie", "hf-checkout=b")]).await.x_cache(), "Miss");
    assert_eq!(edge.get_with("/x", &[("Cookie", "hf-checkout=b")]).await.x_cache(), "Hit");
    assert_eq!(edge.get_with("/x", &as_a).await.x_cache(), "Hit");
    edge.stop().await;
}

#[tokio::test]
async fn weights_share_out_new_viewers() {
    let edge = experiment(r#"{ name = "a", weight = 1 }, { name = "b", weight = 1, uri_prefix = "/b" }"#).start().await;
    let mut counts: HashMap<String, u32> = HashMap::new();
    for _ in 0..60 {
        *counts.entry(edge.get("/x").await.text().to_owned()).or_default() += 1;
    }
    // All sixty on one side has a chance of 2^-59.
    assert_eq!(counts.len(), 2, "{counts:?}");
    edge.stop().await;
}
