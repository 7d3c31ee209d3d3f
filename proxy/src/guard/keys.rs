//! Public keys and secrets, ready to verify with, and how a token finds its own.

use homefront_config::jwt::JwtAlgorithm;
use homefront_config::limits::JWKS_KEYS_MAX;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;

/// A document that is no usable JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not JSON, or no `keys` array in it.
    #[error("it is not a JSON Web Key Set: {0}")]
    NotAJwks(String),
    /// More keys than a set may have.
    #[error("it holds {0} keys; at most {JWKS_KEYS_MAX} are read")]
    TooManyKeys(usize),
}

/// Some keys.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm the key is for, where it says so.
    algorithm: Option<Algorithm>,
    decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// A set of one key without a name, which verifies every token whatever `kid` it names.
    pub(crate) fn single(decoding: DecodingKey) -> Self {
        Self { keys: vec![Key { id: None, algorithm: None, decoding }] }
    }

    /// The keys of a JWKS that can verify a signature with a public key. Encryption keys, key types we do not know and
    /// symmetric keys (whoever can read the set could sign with them) are passed over, as RFC 7517 §5 asks.
    pub(crate) fn from_jwks(json: &[u8]) -> Result<Self, JwksError> {
        let document: Document = serde_json::from_slice(json).map_err(|e| JwksError::NotAJwks(e.to_string()))?;
        if document.keys.len() > JWKS_KEYS_MAX {
            return Err(JwksError::TooManyKeys(document.keys.len()));
        }
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Ok(Self { keys: keys.filter_map(|jwk: Jwk| Key::from_jwk(&jwk)).collect() })
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that may have signed a token with this `kid` and `alg`: those of that name; if there is none, those
    /// without a name; for a token without a `kid`, all. Never one of another family than the algorithm's.
    pub(crate) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        let named = id.is_some_and(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)));
        self.keys
            .iter()
            .filter(move |key| match id {
                Some(_) if named => key.id.as_deref() == id,
                Some(_) => key.id.is_none(),
                None => true,
            })
            .filter(move |key| key.decoding.family() == algorithm.family())
            .filter(move |key| key.algorithm.is_none_or(|only| only == algorithm))
            .map(|key| &key.decoding)
    }
}

impl Key {
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))) {
            return None;
        }
        let curve_algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => None,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Some(Algorithm::ES384),
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Some(Algorithm::EdDSA),
            _ => return None,
        };
        let own_algorithm = jwk.common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        if decoding.family() == AlgorithmFamily::Hmac {
            return None;
        }
        Some(Self { id: jwk.common.key_id.clone(), algorithm: own_algorithm.or(curve_algorithm), decoding })
    }
}

/// jsonwebtoken's name of an algorithm of ours.
pub(crate) const fn algorithm(name: JwtAlgorithm) -> Algorithm {
    match name {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::HS384 => Algorithm::HS384,
        JwtAlgorithm::HS512 => Algorithm::HS512,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::RS384 => Algorithm::RS384,
        JwtAlgorithm::RS512 => Algorithm::RS512,
        JwtAlgorithm::PS256 => Algorithm::PS256,
        JwtAlgorithm::PS384 => Algorithm::PS384,
        JwtAlgorithm::PS512 => Algorithm::PS512,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::ES384 => Algorithm::ES384,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

/// The name in a token's `alg` (RFC 7518, RFC 8037).
pub(crate) const fn algorithm_name(name: JwtAlgorithm) -> &'static str {
    match name {
        JwtAlgorithm::HS256 => "HS256",
        JwtAlgorithm::HS384 => "HS384",
        JwtAlgorithm::HS512 => "HS512",
        JwtAlgorithm::RS256 => "RS256",
        JwtAlgorithm::RS384 => "RS384",
        JwtAlgorithm::RS512 => "RS512",
        JwtAlgorithm::PS256 => "PS256",
        JwtAlgorithm::PS384 => "PS384",
        JwtAlgorithm::PS512 => "PS512",
        JwtAlgorithm::ES256 => "ES256",
        JwtAlgorithm::ES384 => "ES384",
        JwtAlgorithm::EdDSA => "EdDSA",
    }
}
