//! Native JSON Web Token checks.

use std::path::PathBuf;
use std::time::Duration;

/// `[[jwt]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// What `authorize = { jwt = "…" }` names.
    pub name: String,
    /// Where the keys are.
    pub keys: JwtKeys,
    /// Not empty; all of one family (HS* with a secret, the others with public keys).
    pub algorithms: Vec<JwtAlgorithm>,
    /// `iss` must equal it.
    pub issuer: Option<String>,
    /// `aud` must contain one of them; empty = not checked.
    pub audience: Vec<String>,
    /// Tried in order; the first that is there is the token. Default: `header:authorization`.
    pub token_from: Vec<TokenSource>,
    /// Claim to request header (lower case). A viewer's header of that name is always removed.
    pub claims_to_headers: Vec<(String, String)>,
    /// Tolerance for `exp` and `nbf`; default 60 s.
    pub clock_skew: Duration,
}

/// Where the keys of a `[[jwt]]` come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtKeys {
    /// `jwks = "https://…"`: fetched, cached, refreshed, rotated.
    JwksUrl(String),
    /// `jwks = "keys.json"`
    JwksFile(PathBuf),
    /// `secret_file = "…"`: the bytes of the file less one trailing line end, for HS*.
    SecretFile(PathBuf),
    /// `public_key_file = "…"`: a PEM public key (SPKI), for RS*, PS*, ES*, EdDSA.
    PublicKeyFile(PathBuf),
}

/// The algorithms jsonwebtoken verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names of RFC 7518")]
pub enum JwtAlgorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// `"header:authorization"`, `"cookie:session"`, `"query:jwt"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A header, lower case; `Bearer ` in front is taken off.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A query string; it is removed before the cache key and the origin.
    Query(String),
}
