//! Keys from files: a secret, a PEM public key, a key set.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use homefront_config::Jwt;
use homefront_config::jwt::JwtAlgorithm;
use homefront_config::limits::JWKS_BYTES_MAX;
use jsonwebtoken::{AlgorithmFamily, DecodingKey};

use super::jwks::ClientError;
use super::keys::{JwksError, KeySet, algorithm};

/// The keys of a `[[jwt]]` cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("jwt `{jwt}`: cannot read {}: {source}", path.display())]
    Unreadable {
        /// The `[[jwt]]`.
        jwt: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `secret_file` holds nothing but a line end.
    #[error("jwt `{jwt}`: the secret in {} is empty", path.display())]
    EmptySecret {
        /// The `[[jwt]]`.
        jwt: String,
        /// The file.
        path: PathBuf,
    },
    /// `public_key_file` is no PEM public key that the algorithms can use.
    #[error("jwt `{jwt}`: {} is no PEM public key for {algorithms:?}", path.display())]
    NotAPublicKey {
        /// The `[[jwt]]`.
        jwt: String,
        /// The file.
        path: PathBuf,
        /// What it was tried for.
        algorithms: Vec<JwtAlgorithm>,
    },
    /// The file named by `jwks` holds no key set.
    #[error("jwt `{jwt}`: {}: {source}", path.display())]
    Jwks {
        /// The `[[jwt]]`.
        jwt: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: JwksError,
    },
    /// The URL named by `jwks` cannot be fetched from at all.
    #[error("jwt `{jwt}`: {source}")]
    Client {
        /// The `[[jwt]]`.
        jwt: String,
        /// Why.
        source: ClientError,
    },
}

/// A JSON Web Key Set.
pub(super) fn jwks_file(jwt: &Jwt, path: &Path) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(&read(jwt, path)?).map_err(|source| KeyError::Jwks {
        jwt: jwt.name.clone(),
        path: path.to_owned(),
        source,
    })
}

/// The bytes of the file less one trailing line end, which editors add.
pub(super) fn secret_file(jwt: &Jwt, path: &Path) -> Result<KeySet, KeyError> {
    let bytes = read(jwt, path)?;
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.is_empty() {
        return Err(KeyError::EmptySecret { jwt: jwt.name.clone(), path: path.to_owned() });
    }
    Ok(KeySet::single(DecodingKey::from_secret(secret)))
}

/// A PEM public key (SPKI, or PKCS#1 for RSA).
pub(super) fn public_key_file(jwt: &Jwt, path: &Path) -> Result<KeySet, KeyError> {
    let pem = read(jwt, path)?;
    let refused =
        || KeyError::NotAPublicKey { jwt: jwt.name.clone(), path: path.to_owned(), algorithms: jwt.algorithms.clone() };
    // jsonwebtoken takes private keys and certificates for RSA keys too; neither verifies anything.
    if !String::from_utf8_lossy(&pem).contains("PUBLIC KEY-----") {
        return Err(refused());
    }
    let load = |family| match family {
        AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(&pem),
        AlgorithmFamily::Ec => DecodingKey::from_ec_pem(&pem),
        AlgorithmFamily::Ed => DecodingKey::from_ed_pem(&pem),
        AlgorithmFamily::Hmac => Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into()),
    };
    let key = jwt.algorithms.iter().find_map(|&name| load(algorithm(name).family()).ok());
    key.map(KeySet::single).ok_or_else(refused)
}

fn read(jwt: &Jwt, path: &Path) -> Result<Vec<u8>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { jwt: jwt.name.clone(), path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > JWKS_BYTES_MAX as u64 {
        return Err(unreadable(io::Error::other(format!("it has {bytes} bytes; at most {JWKS_BYTES_MAX} are read"))));
    }
    fs::read(path).map_err(unreadable)
}
