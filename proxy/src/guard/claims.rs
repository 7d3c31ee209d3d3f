//! What a token claims: whether it holds now and for us, and what of it goes to the origin.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homefront_config::limits::CLAIM_HEADER_BYTES_MAX;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::refusal::Reason;

/// The claims set of a token (RFC 7519), whose signature has been verified.
pub(crate) type Claims = Map<String, Value>;

/// What claims must say.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) clock_skew: Duration,
}

impl Rules {
    /// `exp` must be there and later than `now`, `nbf` not later, each with the tolerance; `iss` and `aud` must be
    /// ours.
    pub(crate) fn check(&self, claims: &Claims, now: SystemTime) -> Result<(), Reason> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let skew = self.clock_skew.as_secs_f64();
        let expires = date(claims, "exp")?.ok_or(Reason::ClaimMissing("exp"))?;
        if now >= expires + skew {
            return Err(Reason::Expired);
        }
        if date(claims, "nbf")?.is_some_and(|not_before| now + skew < not_before) {
            return Err(Reason::NotYetValid);
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(Reason::OtherIssuer);
        }
        if !self.audience.is_empty() && !self.is_for_us(claims.get("aud")) {
            return Err(Reason::OtherAudience);
        }
        Ok(())
    }

    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let ours = |value: &Value| value.as_str().is_some_and(|name| self.audience.iter().any(|ours| ours == name));
        match audience {
            Some(Value::Array(names)) => names.iter().any(ours),
            Some(name) => ours(name),
            None => false,
        }
    }
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn date(claims: &Claims, name: &'static str) -> Result<Option<f64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(Reason::ClaimMalformed(name)),
    }
}

/// The headers that claims become. A claim that cannot be told in a header without loss or doubt gives none.
pub(crate) fn to_headers(claims: &Claims, mapping: &[(String, HeaderName)]) -> Vec<(HeaderName, HeaderValue)> {
    mapping.iter().filter_map(|(claim, name)| Some((name.clone(), to_header(claims.get(claim)?)?))).collect()
}

/// A string, number or boolean as itself; a list of these joined by commas.
fn to_header(claim: &Value) -> Option<HeaderValue> {
    let text = match claim {
        Value::Array(items) => {
            let items = items.iter().map(scalar).collect::<Option<Vec<_>>>()?;
            // `["a,b"]` must not reach an origin as the two items a and b.
            if items.iter().any(|item| item.contains(',') || item.trim_ascii() != item) {
                return None;
            }
            items.join(",")
        }
        claim => scalar(claim)?,
    };
    // Receivers trim values, so ` admin` would become `admin`; `from_bytes` refuses line ends and other controls.
    let is_exact = !text.is_empty() && text.len() <= CLAIM_HEADER_BYTES_MAX && text.trim_ascii() == text;
    is_exact.then(|| HeaderValue::from_bytes(text.as_bytes()).ok()).flatten()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
