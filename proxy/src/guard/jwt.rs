//! Native JSON Web Token checks: one [`Verifier`] for each `[[jwt]]`.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homefront_config::Jwt;
use homefront_config::jwt::{JwtKeys, TokenSource};
use homefront_config::limits::JWT_BYTES_MAX;
use http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use super::claims::{self, Claims, Rules};
use super::jwks::Jwks;
use super::key_file::{KeyError, jwks_file, public_key_file, secret_file};
use super::keys::{KeySet, algorithm, algorithm_name};
use super::refusal::{Reason, Refusal};
use super::token::{self, QueryEdit};

/// A request that may pass, and what changes in it. Apply in this order: remove, set, query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The viewer's own headers that would pass for claims: those `claims_to_headers` names, and those an origin that
    /// takes `_` for `-` (CGI, WSGI) would mistake for them. Named here only if the request has them.
    pub headers_to_remove: Vec<HeaderName>,
    /// The claims.
    pub headers_to_set: Vec<(HeaderName, HeaderValue)>,
    /// The query string without the token.
    pub query: QueryEdit,
}

/// Verifies the tokens of one `[[jwt]]`. Built once; shared by all requests.
#[derive(Debug)]
pub struct Verifier {
    name: Arc<str>,
    keys: Keys,
    algorithms: Vec<(&'static str, Algorithm)>,
    sources: Vec<TokenSource>,
    rules: Rules,
    claims_to_headers: Vec<(String, HeaderName)>,
    challenge_missing: HeaderValue,
    challenge_invalid: HeaderValue,
}

#[derive(Debug)]
enum Keys {
    Fixed(KeySet),
    Remote(Arc<Jwks>),
}

/// The header of a token, as far as it matters (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood. We know none.
    crit: Option<serde_json::Value>,
}

impl Verifier {
    /// Loads the keys. A key set behind a URL is not fetched here: see [`super::Verifiers::keep_keys_fresh`].
    pub fn open(jwt: &Jwt) -> Result<Self, KeyError> {
        let keys = match &jwt.keys {
            JwtKeys::JwksUrl(url) => Jwks::new(url)
                .map(|jwks| Keys::Remote(Arc::new(jwks)))
                .map_err(|source| KeyError::Client { jwt: jwt.name.clone(), source })?,
            JwtKeys::JwksFile(path) => Keys::Fixed(jwks_file(jwt, path)?),
            JwtKeys::SecretFile(path) => Keys::Fixed(secret_file(jwt, path)?),
            JwtKeys::PublicKeyFile(path) => Keys::Fixed(public_key_file(jwt, path)?),
        };
        Ok(Self::new(jwt, keys))
    }

    fn new(jwt: &Jwt, keys: Keys) -> Self {
        let realm: String = jwt.name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
        let challenge = |rest: &str| {
            HeaderValue::from_str(&format!("Bearer realm=\"{realm}\"{rest}")).expect("the realm is visible ASCII")
        };
        let header =
            |(claim, name): &(String, String)| Some((claim.clone(), HeaderName::from_bytes(name.as_bytes()).ok()?));
        Self {
            name: jwt.name.as_str().into(),
            keys,
            algorithms: jwt.algorithms.iter().map(|&name| (algorithm_name(name), algorithm(name))).collect(),
            sources: jwt.token_from.clone(),
            rules: Rules { issuer: jwt.issuer.clone(), audience: jwt.audience.clone(), clock_skew: jwt.clock_skew },
            claims_to_headers: jwt.claims_to_headers.iter().filter_map(header).collect(),
            challenge_missing: challenge(""),
            challenge_invalid: challenge(", error=\"invalid_token\""),
        }
    }

    /// The key set behind a URL, if that is where the keys are.
    pub fn jwks(&self) -> Option<&Arc<Jwks>> {
        match &self.keys {
            Keys::Remote(jwks) => Some(jwks),
            Keys::Fixed(_) => None,
        }
    }

    /// Checks a request, and waits only if its token names a key that is not known: then the key set is fetched, once
    /// for all requests that wait, and not more often than its interval allows.
    pub async fn authorize(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: SystemTime,
    ) -> Result<Verified, Refusal> {
        let Keys::Remote(jwks) = &self.keys else { return self.verify(headers, query, now) };
        let seen = jwks.generation();
        match self.verify(headers, query, now) {
            Err(Refusal { reason: Reason::UnknownKey(_) | Reason::KeysUnavailable, .. }) => {
                jwks.refresh_after(seen, now).await;
                self.verify(headers, query, now)
            }
            outcome => outcome,
        }
    }

    /// Checks a request with the keys that are in memory: no lock, no waiting. `query` is without `?`.
    pub fn verify(&self, headers: &HeaderMap, query: Option<&str>, now: SystemTime) -> Result<Verified, Refusal> {
        let claims = match &self.keys {
            Keys::Fixed(keys) => self.claims(keys, headers, query, now),
            Keys::Remote(jwks) => {
                let current = jwks.current();
                match self.claims(&current.keys, headers, query, now) {
                    Err(Reason::UnknownKey(_)) if current.generation == 0 => Err(Reason::KeysUnavailable),
                    claims => claims,
                }
            }
        };
        let claims = claims.map_err(|reason| self.refuse(reason))?;
        Ok(Verified {
            headers_to_remove: self.forged_headers(headers),
            headers_to_set: claims::to_headers(&claims, &self.claims_to_headers),
            query: token::without_tokens(&self.sources, query),
        })
    }

    fn claims(
        &self,
        keys: &KeySet,
        headers: &HeaderMap,
        query: Option<&str>,
        now: SystemTime,
    ) -> Result<Claims, Reason> {
        let token = token::find(&self.sources, headers, query).ok_or(Reason::Missing)?;
        let claims = self.signed_claims(keys, &token)?;
        self.rules.check(&claims, now)?;
        Ok(claims)
    }

    /// The claims of a token whose signature one of the keys made. Nothing in the claims is looked at before that.
    fn signed_claims(&self, keys: &KeySet, token: &str) -> Result<Claims, Reason> {
        if token.len() > JWT_BYTES_MAX {
            return Err(Reason::Malformed("too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Reason::Malformed("not three parts"))?;
        let (head, payload) = message.split_once('.').ok_or(Reason::Malformed("not three parts"))?;
        let head: Head = json_part(head).ok_or(Reason::Malformed("its header"))?;
        if head.crit.is_some() {
            return Err(Reason::Malformed("it has critical extensions"));
        }
        let algorithm = self.algorithm(&head.alg)?;
        let mut candidates = keys.candidates(head.kid.as_deref(), algorithm).peekable();
        let has_candidates = candidates.peek().is_some();
        let verified = candidates
            .any(|key| jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap_or(false));
        if verified {
            return json_part(payload).ok_or(Reason::Malformed("its claims"));
        }
        // Without a kid nothing tells a forged token from one that a new key made.
        let may_be_of_a_new_key = !has_candidates || (head.kid.is_none() && self.jwks().is_some());
        if may_be_of_a_new_key {
            Err(Reason::UnknownKey(head.kid.clone().map(shortened)))
        } else {
            Err(Reason::BadSignature)
        }
    }

    /// The allow-list decides, not the token: `none` is in no list, and an HS token never meets a public key.
    fn algorithm(&self, name: &str) -> Result<Algorithm, Reason> {
        self.algorithms
            .iter()
            .find(|(allowed, _)| *allowed == name)
            .map(|(_, algorithm)| *algorithm)
            .ok_or_else(|| Reason::Algorithm(shortened(name.to_owned())))
    }

    /// Headers of a request that only a token may give.
    pub(crate) fn forged_headers(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        if self.claims_to_headers.is_empty() {
            return Vec::new();
        }
        let same =
            |a: &str, b: &str| a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| dashed(a) == dashed(b));
        let forged =
            |name: &&HeaderName| self.claims_to_headers.iter().any(|(_, ours)| same(ours.as_str(), name.as_str()));
        headers.keys().filter(forged).cloned().collect()
    }

    fn refuse(&self, reason: Reason) -> Refusal {
        let challenge = match reason {
            Reason::KeysUnavailable => None,
            Reason::Missing => Some(self.challenge_missing.clone()),
            _ => Some(self.challenge_invalid.clone()),
        };
        Refusal { jwt: self.name.clone(), reason, challenge }
    }
}

fn dashed(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

/// A part of a token: base64url without padding, of a JSON object.
fn json_part<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// What a viewer sent, short enough for a log line.
fn shortened(mut text: String) -> String {
    const CHARS_MAX: usize = 64;
    if let Some((end, _)) = text.char_indices().nth(CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
