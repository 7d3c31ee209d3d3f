//! Policies: what is in the cache key, what goes to the origin, what responses to viewers have and lack.

pub mod allowed_origin;
pub mod cache;
pub mod managed;
pub mod origin_request;
pub mod response_headers;

/// Which names of a kind (cookies, query strings) a policy takes. Names are compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// `"none"`
    None,
    /// `"all"`
    All,
    /// `["a", "b"]`
    AllowList(Vec<String>),
    /// `{ all_except = ["a"] }`
    AllExcept(Vec<String>),
}

impl Selection {
    /// Whether `name` is taken.
    pub fn takes(&self, name: &[u8]) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::AllowList(names) => names.iter().any(|n| n.as_bytes() == name),
            Self::AllExcept(names) => !names.iter().any(|n| n.as_bytes() == name),
        }
    }
}
