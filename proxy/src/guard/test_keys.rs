//! Signs tokens for the tests of this folder.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homefront_config::Jwt;
use homefront_config::jwt::{JwtAlgorithm, JwtKeys, TokenSource};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub(super) const SECRET: &[u8] = b"an example secret that is public: never use it";
/// The moment at which all tests happen.
pub(super) const NOW_S: u64 = 1_800_000_000;

pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_S)
}

pub(super) fn key_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/jwt").join(name)
}

pub(super) fn rsa_key(name: &str) -> EncodingKey {
    EncodingKey::from_rsa_pem(&std::fs::read(key_file(&format!("rsa-{name}.private.pem"))).unwrap()).unwrap()
}

pub(super) fn sign(key: &EncodingKey, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// Claims that hold for an hour.
pub(super) fn claims() -> Value {
    json!({ "sub": "ada", "iss": "https://issuer.example/", "aud": ["web", "app"], "exp": NOW_S + 3_600 })
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

/// A JWKS of these RSA keys by `(kid, key)`.
pub(super) fn jwks(keys: &[(&str, &str)]) -> String {
    let keys = keys.iter().map(|(kid, name)| {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&rsa_key(name), Algorithm::RS256).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

pub(super) fn jwt(keys: JwtKeys, algorithms: &[JwtAlgorithm]) -> Jwt {
    Jwt {
        name: "login".to_owned(),
        keys,
        algorithms: algorithms.to_vec(),
        issuer: None,
        audience: Vec::new(),
        token_from: vec![TokenSource::Header("authorization".to_owned())],
        claims_to_headers: Vec::new(),
        clock_skew: Duration::from_mins(1),
    }
}
