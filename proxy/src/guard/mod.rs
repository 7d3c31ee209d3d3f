//! The checks a request passes before any edge code sees it.

mod claims;
pub mod jwks;
pub mod jwt;
mod key_file;
mod keys;
mod refusal;
#[cfg(test)]
mod test_keys;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use homefront_config::Jwt;
use tokio::task::JoinSet;

pub use jwt::{Verified, Verifier};
pub use key_file::KeyError;
pub use keys::JwksError;
pub use refusal::{Reason, Refusal};
pub use token::QueryEdit;

/// The verifiers of a configuration, by the name of their `[[jwt]]`.
#[derive(Debug, Default)]
pub struct Verifiers(HashMap<String, Arc<Verifier>>);

impl Verifiers {
    /// Loads the keys that are in files; those behind a URL come with [`Self::keep_keys_fresh`].
    pub fn open<'a>(jwts: impl IntoIterator<Item = &'a Jwt>) -> Result<Self, KeyError> {
        let mut verifiers = HashMap::new();
        for jwt in jwts {
            if !verifiers.contains_key(&jwt.name) {
                verifiers.insert(jwt.name.clone(), Arc::new(Verifier::open(jwt)?));
            }
        }
        Ok(Self(verifiers))
    }

    /// The verifier of the `[[jwt]]` with this name. Look it up once for each behavior, not for each request.
    pub fn named(&self, name: &str) -> Option<&Arc<Verifier>> {
        self.0.get(name)
    }

    /// Fetches every key set that is behind a URL, then keeps them fresh. Never ends; run it as a task of the node, and
    /// drop it to stop.
    pub async fn keep_keys_fresh(&self) {
        let mut tasks: JoinSet<()> =
            self.0.values().filter_map(|verifier| verifier.jwks()).map(|jwks| jwks.clone().keep_fresh()).collect();
        while tasks.join_next().await.is_some() {}
        std::future::pending::<()>().await;
    }
}
