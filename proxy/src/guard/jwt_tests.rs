//! What a token must be to pass, and what a request looks like after it did.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::time::Duration;

use homefront_config::jwt::JwtAlgorithm;
use homefront_config::limits::JWKS_BYTES_MAX;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::super::test_keys::{NOW_S, SECRET, bearer, claims, jwks, jwt, key_file, now, rsa_key, sign};
use super::*;

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn with_secret(change: impl FnOnce(&mut Jwt)) -> Verifier {
    let secret = file(SECRET);
    let mut jwt = jwt(JwtKeys::SecretFile(secret.path().to_owned()), &[JwtAlgorithm::HS256]);
    change(&mut jwt);
    Verifier::open(&jwt).unwrap()
}

fn hs256(claims: &Value) -> String {
    sign(&EncodingKey::from_secret(SECRET), Algorithm::HS256, None, claims)
}

fn reason(verifier: &Verifier, token: &str) -> Option<Reason> {
    verifier.verify(&bearer(token), None, now()).err().map(|refusal| refusal.reason)
}

/// A token with this header whose signature is good for `SECRET` and HS256, whatever the header says.
fn hs256_with_header(header: &Value) -> String {
    let message = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims().to_string().as_bytes()));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_signed_token_passes_when_its_claims_hold() {
    let verifier = with_secret(|jwt| {
        jwt.issuer = Some("https://issuer.example/".into());
        jwt.audience = vec!["other".into(), "app".into()];
    });
    let passed = verifier.verify(&bearer(&hs256(&claims())), Some("a=1"), now()).unwrap();
    assert_eq!(passed, Verified { headers_to_remove: vec![], headers_to_set: vec![], query: QueryEdit::Keep });
}

#[test]
fn every_kind_of_key_verifies_its_algorithms() {
    use JwtAlgorithm as Our;
    let rsa = [
        (Our::RS256, Algorithm::RS256),
        (Our::RS384, Algorithm::RS384),
        (Our::RS512, Algorithm::RS512),
        (Our::PS256, Algorithm::PS256),
        (Our::PS384, Algorithm::PS384),
        (Our::PS512, Algorithm::PS512),
    ];
    let private = |name| std::fs::read(key_file(name)).unwrap();
    let ec = EncodingKey::from_ec_pem(&private("ec.private.pem")).unwrap();
    let ec384 = EncodingKey::from_ec_pem(&private("ec384.private.pem")).unwrap();
    let ed = EncodingKey::from_ed_pem(&private("ed.private.pem")).unwrap();
    let mut cases: Vec<_> = rsa.map(|(our, theirs)| (our, theirs, "rsa-a.public.pem", rsa_key("a"))).into();
    cases.push((Our::ES256, Algorithm::ES256, "ec.public.pem", ec));
    cases.push((Our::ES384, Algorithm::ES384, "ec384.public.pem", ec384));
    cases.push((Our::EdDSA, Algorithm::EdDSA, "ed.public.pem", ed));
    for (our, theirs, public, key) in cases {
        let verifier = Verifier::open(&jwt(JwtKeys::PublicKeyFile(key_file(public)), &[our])).unwrap();
        let token = sign(&key, theirs, Some("any kid"), &claims());
        assert_eq!(reason(&verifier, &token), None, "{our:?}");
        let set = json!({ "keys": [Jwk::from_encoding_key(&key, theirs).unwrap()] }).to_string();
        let set = file(set.as_bytes());
        let by_set = Verifier::open(&jwt(JwtKeys::JwksFile(set.path().into()), &[our])).unwrap();
        assert_eq!(reason(&by_set, &token), None, "{our:?} by a key set, whose key has no kid");
        let tampered = token.replacen('.', &format!(".{}", b64(b"{}")), 1);
        assert!(reason(&verifier, &tampered).is_some(), "{our:?}");
    }
    for (our, theirs) in [(Our::HS384, Algorithm::HS384), (Our::HS512, Algorithm::HS512)] {
        let verifier = with_secret(|jwt| jwt.algorithms = vec![our]);
        let token = sign(&EncodingKey::from_secret(SECRET), theirs, None, &claims());
        assert_eq!(reason(&verifier, &token), None, "{our:?}");
    }
}

#[test]
fn a_pem_key_is_found_among_algorithms_of_several_families() {
    let algorithms = [JwtAlgorithm::RS256, JwtAlgorithm::ES256];
    let verifier = Verifier::open(&jwt(JwtKeys::PublicKeyFile(key_file("ec.public.pem")), &algorithms)).unwrap();
    let ec = EncodingKey::from_ec_pem(&std::fs::read(key_file("ec.private.pem")).unwrap()).unwrap();
    assert_eq!(reason(&verifier, &sign(&ec, Algorithm::ES256, None, &claims())), None);
    let of_other_family = sign(&rsa_key("a"), Algorithm::RS256, None, &claims());
    assert_eq!(reason(&verifier, &of_other_family), Some(Reason::UnknownKey(None)));
}

#[test]
fn an_unsigned_token_is_refused() {
    let verifier = with_secret(|_| {});
    for none in ["none", "None", "NONE", ""] {
        let head = b64(json!({ "alg": none }).to_string().as_bytes());
        let token = format!("{head}.{}.", b64(claims().to_string().as_bytes()));
        assert_eq!(reason(&verifier, &token), Some(Reason::Algorithm(none.into())));
    }
}

#[test]
fn a_public_key_is_not_taken_for_a_secret() {
    let pem = std::fs::read(key_file("rsa-a.public.pem")).unwrap();
    let confused = sign(&EncodingKey::from_secret(&pem), Algorithm::HS256, None, &claims());
    let public = JwtKeys::PublicKeyFile(key_file("rsa-a.public.pem"));
    let strict = Verifier::open(&jwt(public.clone(), &[JwtAlgorithm::RS256])).unwrap();
    assert_eq!(reason(&strict, &confused), Some(Reason::Algorithm("HS256".into())));
    // The configuration refuses such a mixture; if it came to be, the key's own family still decides.
    let lax = Verifier::open(&jwt(public, &[JwtAlgorithm::RS256, JwtAlgorithm::HS256])).unwrap();
    assert_eq!(reason(&lax, &confused), Some(Reason::UnknownKey(None)));
}

#[test]
fn a_secret_is_not_taken_for_a_public_key() {
    let verifier = with_secret(|jwt| jwt.algorithms = vec![JwtAlgorithm::HS256, JwtAlgorithm::RS256]);
    let token = sign(&rsa_key("a"), Algorithm::RS256, None, &claims());
    assert_eq!(reason(&verifier, &token), Some(Reason::UnknownKey(None)));
}

#[test]
fn an_algorithm_that_is_not_listed_is_refused_though_the_key_would_fit() {
    let verifier = with_secret(|_| {});
    let token = sign(&EncodingKey::from_secret(SECRET), Algorithm::HS512, None, &claims());
    assert_eq!(reason(&verifier, &token), Some(Reason::Algorithm("HS512".into())));
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let verifier = with_secret(|_| {});
    let other = sign(&EncodingKey::from_secret(b"another secret"), Algorithm::HS256, None, &claims());
    assert_eq!(reason(&verifier, &other), Some(Reason::BadSignature));
    let cut = hs256(&claims());
    assert_eq!(reason(&verifier, &cut[..cut.len() - 1]), Some(Reason::BadSignature));
    assert_eq!(reason(&verifier, cut.rsplit_once('.').unwrap().0), Some(Reason::Malformed("not three parts")));
}

#[test]
fn tokens_that_are_none_are_refused() {
    let verifier = with_secret(|_| {});
    let deep = b64("[".repeat(10_000).as_bytes());
    for (token, what) in [
        ("x".to_owned(), "not three parts"),
        ("x.y".to_owned(), "not three parts"),
        ("..".to_owned(), "its header"),
        ("a.b.c.d".to_owned(), "its header"),
        (format!("{}.e30.", b64(b"{}")), "its header"),
        (format!("{}.e30.", b64(br#"{"alg":"HS256","kid":7}"#)), "its header"),
        (format!("{deep}.e30."), "its header"),
        ("a".repeat(JWT_BYTES_MAX + 1), "too long"),
        (hs256_with_header(&json!({ "alg": "HS256", "crit": ["exp"] })), "it has critical extensions"),
        (hs256(&json!("a string")), "its claims"),
    ] {
        assert_eq!(reason(&verifier, &token), Some(Reason::Malformed(what)), "{token:.60}");
    }
}

#[test]
fn the_given_clock_decides_with_the_tolerance() {
    let verifier = with_secret(|_| {});
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        reason(&verifier, &hs256(&claims))
    };
    assert_eq!(with(&|c| c["exp"] = json!(NOW_S - 59)), None);
    assert_eq!(with(&|c| c["exp"] = json!(NOW_S - 60)), Some(Reason::Expired));
    assert_eq!(with(&|c| c["exp"] = json!(NOW_S as f64 - 59.5)), None);
    assert_eq!(with(&|c| c["exp"] = json!(-1)), Some(Reason::Expired));
    assert_eq!(with(&|c| c["exp"] = json!(1e300)), None);
    assert_eq!(with(&|c| c["exp"] = json!("2100-01-01")), Some(Reason::ClaimMalformed("exp")));
    assert_eq!(with(&|c| c["exp"] = Value::Null), Some(Reason::ClaimMalformed("exp")));
    assert_eq!(with(&|c| _ = c.as_object_mut().unwrap().remove("exp")), Some(Reason::ClaimMissing("exp")));
    assert_eq!(with(&|c| c["nbf"] = json!(NOW_S + 60)), None);
    assert_eq!(with(&|c| c["nbf"] = json!(NOW_S + 61)), Some(Reason::NotYetValid));
    assert_eq!(with(&|c| c["nbf"] = json!([])), Some(Reason::ClaimMalformed("nbf")));
    let later = now() + Duration::from_secs(3_661);
    let expired = verifier.verify(&bearer(&hs256(&claims())), None, later).unwrap_err();
    assert_eq!(expired.reason, Reason::Expired);
}

#[test]
fn issuer_and_audience_must_be_ours() {
    let verifier = with_secret(|jwt| {
        jwt.issuer = Some("https://issuer.example/".into());
        jwt.audience = vec!["web".into()];
    });
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        reason(&verifier, &hs256(&claims))
    };
    assert_eq!(with("aud", json!("web")), None);
    for issuer in [json!("https://issuer.example"), json!(["https://issuer.example/"]), Value::Null] {
        assert_eq!(with("iss", issuer), Some(Reason::OtherIssuer));
    }
    for audience in [json!("Web"), json!([]), json!(["webb", 1]), json!({ "web": 1 }), Value::Null] {
        assert_eq!(with("aud", audience), Some(Reason::OtherAudience));
    }
}

#[test]
fn a_key_set_is_searched_by_kid() {
    let set = file(jwks(&[("one", "a"), ("two", "b")]).as_bytes());
    let verifier = Verifier::open(&jwt(JwtKeys::JwksFile(set.path().to_owned()), &[JwtAlgorithm::RS256])).unwrap();
    let with = |kid, name| reason(&verifier, &sign(&rsa_key(name), Algorithm::RS256, kid, &claims()));
    assert_eq!(with(Some("one"), "a"), None);
    assert_eq!(with(Some("two"), "b"), None);
    assert_eq!(with(Some("two"), "a"), Some(Reason::BadSignature), "the named key and no other");
    assert_eq!(with(None, "b"), None, "without a kid each key is tried");
    assert_eq!(with(Some("three"), "a"), Some(Reason::UnknownKey(Some("three".into()))));
    let long = "k".repeat(5_000);
    let shown = format!("{}…", "k".repeat(64));
    assert_eq!(with(Some(&long), "a"), Some(Reason::UnknownKey(Some(shown))));
}

#[test]
fn a_refusal_tells_the_viewer_nothing_but_that() {
    let verifier = with_secret(|jwt| jwt.name = "log\"in\r\n".into());
    let missing = verifier.verify(&HeaderMap::new(), None, now()).unwrap_err();
    assert_eq!(missing.status(), 401);
    assert_eq!(missing.www_authenticate().unwrap(), "Bearer realm=\"login\"");
    let mut old = claims();
    old["exp"] = json!(1);
    for token in [hs256(&old), "x.y.z".into(), hs256_with_header(&json!({ "alg": "none" }))] {
        let refusal = verifier.verify(&bearer(&token), None, now()).unwrap_err();
        assert_eq!(refusal.status(), 401);
        assert_eq!(refusal.www_authenticate().unwrap(), "Bearer realm=\"login\", error=\"invalid_token\"");
        assert_eq!(refusal.body(), "401 Unauthorized\n");
    }
}

#[test]
fn claims_become_headers_and_the_viewers_own_are_removed() {
    let verifier = with_secret(|jwt| {
        let names =
            [("sub", "x-user"), ("roles", "x-roles"), ("age", "x-age"), ("admin", "x-admin"), ("nick", "x-nick")];
        jwt.claims_to_headers = names.map(|(claim, name)| (claim.to_owned(), name.to_owned())).into();
    });
    let mut claims = claims();
    claims["roles"] = json!(["editor", 7, true]);
    claims["age"] = json!(36);
    claims["nick"] = json!("Åda");
    let mut headers = bearer(&hs256(&claims));
    for forged in ["x-user", "x_user", "x-admin", "x_admin", "x-users", "x-other"] {
        headers.append(forged, HeaderValue::from_static("root"));
    }
    let passed = verifier.verify(&headers, None, now()).unwrap();
    let removed: Vec<_> = passed.headers_to_remove.iter().map(HeaderName::as_str).collect();
    assert_eq!(removed, ["x-user", "x_user", "x-admin", "x_admin"]);
    let set: Vec<_> = passed.headers_to_set.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let wanted: [(&str, &[u8]); 4] =
        [("x-user", b"ada"), ("x-roles", b"editor,7,true"), ("x-age", b"36"), ("x-nick", "Åda".as_bytes())];
    assert_eq!(set, wanted, "x-admin is gone: the token has no such claim");
}

#[test]
fn a_claim_that_cannot_be_told_exactly_gives_no_header() {
    let verifier = with_secret(|jwt| jwt.claims_to_headers = vec![("sub".into(), "x-user".into())]);
    for claim in [
        json!("ada\r\nx-admin: 1"),
        json!("ada\u{0}"),
        json!("ada\u{7f}"),
        json!(" root"),
        json!("root "),
        json!(""),
        json!("a".repeat(4_097)),
        json!(["user,admin"]),
        json!(["user", " admin"]),
        json!(["user", ["admin"]]),
        json!([]),
        json!({ "name": "ada" }),
        Value::Null,
    ] {
        let mut claims = claims();
        claims["sub"] = claim.clone();
        let passed = verifier.verify(&bearer(&hs256(&claims)), None, now()).unwrap();
        assert_eq!(passed.headers_to_set, [], "{claim:.40}");
    }
}

#[test]
fn the_token_leaves_the_query_wherever_the_accepted_one_was() {
    let verifier = with_secret(|jwt| jwt.token_from.push(TokenSource::Query("jwt".into())));
    let token = hs256(&claims());
    let query = format!("a=1&jwt={token}&b=2");
    let from_query = verifier.verify(&HeaderMap::new(), Some(&query), now()).unwrap();
    assert_eq!(from_query.query, QueryEdit::Replace("a=1&b=2".into()));
    let from_header = verifier.verify(&bearer(&token), Some("jwt=stale"), now()).unwrap();
    assert_eq!(from_header.query, QueryEdit::Remove);
}

#[test]
fn keys_that_cannot_be_loaded_are_one_clear_line() {
    let (empty, garbage) = (file(b"\r\n"), file(b"garbage"));
    let many = file(json!({ "keys": vec![json!({}); 65] }).to_string().as_bytes());
    let huge = file(&vec![b' '; JWKS_BYTES_MAX + 1]);
    let rsa = [JwtAlgorithm::RS256];
    let errors = [
        jwt(JwtKeys::SecretFile("/nowhere/secret".into()), &[JwtAlgorithm::HS256]),
        jwt(JwtKeys::SecretFile(empty.path().into()), &[JwtAlgorithm::HS256]),
        jwt(JwtKeys::PublicKeyFile(garbage.path().into()), &rsa),
        jwt(JwtKeys::PublicKeyFile(key_file("rsa-a.private.pem")), &rsa),
        jwt(JwtKeys::PublicKeyFile(key_file("ec.public.pem")), &rsa),
        jwt(JwtKeys::JwksFile(garbage.path().into()), &rsa),
        jwt(JwtKeys::JwksFile(many.path().into()), &rsa),
        jwt(JwtKeys::JwksFile(huge.path().into()), &rsa),
        jwt(JwtKeys::JwksUrl("not a url".into()), &rsa),
        jwt(JwtKeys::JwksUrl("file:///etc/passwd".into()), &rsa),
    ]
    .map(|jwt| match Verifier::open(&jwt) {
        Err(error) => error.to_string(),
        Ok(_) => format!("{:?} was accepted", jwt.keys),
    })
    .join("\n")
    .replace(&key_file("").display().to_string(), "keys/");
    let temporary = std::env::temp_dir().display().to_string();
    insta::with_settings!({ filters => [(format!("{temporary}/[^ :]+").as_str(), "file")] }, {
        insta::assert_snapshot!(errors, @"
        jwt `login`: cannot read /nowhere/secret: No such file or directory (os error 2)
        jwt `login`: the secret in file is empty
        jwt `login`: file is no PEM public key for [RS256]
        jwt `login`: keys/rsa-a.private.pem is no PEM public key for [RS256]
        jwt `login`: keys/ec.public.pem is no PEM public key for [RS256]
        jwt `login`: file: it is not a JSON Web Key Set: expected value at line 1 column 1
        jwt `login`: file: it holds 65 keys; at most 64 are read
        jwt `login`: cannot read file: it has 262145 bytes; at most 262144 are read
        jwt `login`: `not a url` is no http or https URL
        jwt `login`: `file:///etc/passwd` is no http or https URL
        ");
    });
}

#[test]
fn a_secret_loses_one_line_end_and_no_more() {
    for (content, secret) in [(&b"s3\n"[..], &b"s3"[..]), (b"s3\r\n", b"s3"), (b"s3\n\n", b"s3\n"), (b" s3 ", b" s3 ")]
    {
        let secret_file = file(content);
        let verifier =
            Verifier::open(&jwt(JwtKeys::SecretFile(secret_file.path().into()), &[JwtAlgorithm::HS256])).unwrap();
        let token = sign(&EncodingKey::from_secret(secret), Algorithm::HS256, None, &claims());
        assert_eq!(reason(&verifier, &token), None, "{content:?}");
    }
}

proptest! {
    #[test]
    fn no_header_value_breaks_it_or_passes(value in "[ -~]{0,80}", query in "[ -~]{0,40}") {
        let verifier = with_secret(|jwt| jwt.token_from.push(TokenSource::Query("jwt".into())));
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
        prop_assert!(verifier.verify(&headers, Some(&query), now()).is_err());
    }

    #[test]
    fn one_changed_byte_is_enough_to_be_refused(position: prop::sample::Index, byte in b'a'..=b'z') {
        let verifier = with_secret(|_| {});
        let mut token = hs256(&claims()).into_bytes();
        let position = position.index(token.len());
        prop_assume!(token[position] != byte);
        token[position] = byte;
        prop_assert!(reason(&verifier, std::str::from_utf8(&token).unwrap()).is_some());
    }
}
