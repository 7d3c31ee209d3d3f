//! `[[jwt]]`.

use super::code::number;
use super::header;
use super::names::{Names, plain};
use super::pem::{self, Pem};
use crate::jwt::{Jwt, JwtAlgorithm, JwtKeys, TokenSource};
use crate::language::collection::Map;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::{JWT_CLAIM_HEADERS_MAX, JWT_TOKEN_SOURCES_MAX, KEY_FILE_BYTES_MAX, SECRET_BYTES_MAX};
use crate::raw::node as raw;
use std::path::PathBuf;
use std::time::Duration;

const CLOCK_SKEW_S: u64 = 60;

pub(crate) fn all(raw: Vec<At<raw::Jwt>>, reading: &mut Reading<'_>) -> Names<Jwt> {
    let mut names = Names::new("jwt");
    for mut each in raw {
        let name = plain(each.value.name.take());
        let built = jwt(name.as_ref(), each, reading);
        names.add(name, built, reading);
    }
    names
}

fn jwt(name: Option<&At<String>>, at: At<raw::Jwt>, reading: &mut Reading<'_>) -> Option<Jwt> {
    let place = at.at(());
    let raw = at.value;
    let keys = keys(&place, raw.jwks, raw.secret_file, raw.public_key_file, reading);
    let algorithms = raw.algorithms.and_then(|list| algorithms(list, keys.as_ref(), reading));
    let token_from = match raw.token_from {
        Some(list) => token_from(list, reading),
        None => Some(vec![TokenSource::Header("authorization".to_owned())]),
    };
    let claims_to_headers = claims_to_headers(raw.claims_to_headers.map_or(Map(Vec::new()), |at| at.value), reading);
    Some(Jwt {
        name: name?.value.clone(),
        keys: keys?,
        algorithms: algorithms?,
        issuer: raw.issuer.map(|at| at.value.0),
        audience: raw.audience.map_or(Vec::new(), |at| at.value.into_iter().map(|at| at.value.0).collect()),
        token_from: token_from?,
        claims_to_headers,
        clock_skew: Duration::from_secs(number(raw.clock_skew_s, CLOCK_SKEW_S)),
    })
}

fn keys(
    place: &At<()>,
    jwks: Option<At<Text>>,
    secret_file: Option<At<PathBuf>>,
    public_key_file: Option<At<PathBuf>>,
    reading: &mut Reading<'_>,
) -> Option<JwtKeys> {
    match (jwks, secret_file, public_key_file) {
        (Some(jwks), None, None) => key_set(&jwks, reading),
        (None, Some(path), None) => {
            let bytes = reading.file(&path, "secret", SECRET_BYTES_MAX)?;
            if bytes.strip_suffix(b"\n").unwrap_or(&bytes).is_empty() {
                reading.error(path.span, format!("the secret {} is empty", path.value.display()));
                return None;
            }
            Some(JwtKeys::SecretFile(path.value))
        }
        (None, None, Some(path)) => {
            pem::check(&path, Pem::PublicKey, "public key", reading).then_some(JwtKeys::PublicKeyFile(path.value))
        }
        (None, None, None) => {
            let message = "the token check has no keys";
            reading.error(place.span.clone(), message).hint("give `jwks`, `secret_file` or `public_key_file`");
            None
        }
        (jwks, secret, public) => {
            let mut spans: Vec<_> = jwks.map(|at| at.span).into_iter().collect();
            spans.extend([secret, public].into_iter().flatten().map(|at| at.span));
            spans.sort_by_key(|span| span.start);
            let message = "keys come from one of `jwks`, `secret_file` and `public_key_file`";
            reading.error(spans.pop()?, message).label("another one").related(spans.swap_remove(0), "one");
            None
        }
    }
}

/// A URL, or a file with `{"keys": […]}`.
fn key_set(jwks: &At<Text>, reading: &mut Reading<'_>) -> Option<JwtKeys> {
    let text = jwks.value.0.as_str();
    if let Some((scheme, rest)) = text.split_once("://") {
        let named = rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty() && !host.contains(' '));
        match scheme {
            "https" if named => return Some(JwtKeys::JwksUrl(text.to_owned())),
            "http" if named => {
                reading
                    .warn(
                        jwks.span.clone(),
                        "the key set is fetched over plain HTTP: whoever is on the way can forge tokens",
                    )
                    .hint("use https:// outside of a private network");
                return Some(JwtKeys::JwksUrl(text.to_owned()));
            }
            _ => {
                let message = format!("{text:?} is not the URL of a key set");
                reading.error(jwks.span.clone(), message).hint("https://…, or the path of a file");
                return None;
            }
        }
    }
    let path = jwks.at(reading.resolve(text));
    let bytes = reading.file(&path, "key set", KEY_FILE_BYTES_MAX)?;
    let json: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    if json.as_ref().and_then(|json| json.get("keys")).is_none_or(|keys| !keys.is_array()) {
        let message = format!("{} is no key set", path.value.display());
        reading.error(path.span, message).hint("the form is {\"keys\":[…]} (RFC 7517)");
        return None;
    }
    Some(JwtKeys::JwksFile(path.value))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Hmac,
    Rsa,
    Ecdsa,
    Eddsa,
}

fn family(algorithm: JwtAlgorithm) -> Family {
    use JwtAlgorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    match algorithm {
        HS256 | HS384 | HS512 => Family::Hmac,
        RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => Family::Rsa,
        ES256 | ES384 => Family::Ecdsa,
        EdDSA => Family::Eddsa,
    }
}

fn algorithms(
    list: At<Vec<At<JwtAlgorithm>>>,
    keys: Option<&JwtKeys>,
    reading: &mut Reading<'_>,
) -> Option<Vec<JwtAlgorithm>> {
    if reading.is_broken(&list.span) {
        return None;
    }
    let Some(first) = list.value.first() else {
        reading.error(list.span, "no algorithm is allowed, so no token can be valid");
        return None;
    };
    for other in &list.value[1..] {
        let (a, b) = (family(first.value), family(other.value));
        // A key set has keys of several kinds, each used with its own; one file is one key.
        let one_key = !matches!(keys, None | Some(JwtKeys::JwksUrl(_) | JwtKeys::JwksFile(_)));
        if (a == Family::Hmac) != (b == Family::Hmac) || (one_key && a != b) {
            reading
                .error(
                    other.span.clone(),
                    format!("{:?} and {:?} take different kinds of keys", first.value, other.value),
                )
                .related(first.span.clone(), "the first one")
                .hint("one token check has algorithms of one family");
            return None;
        }
    }
    let hmac = family(first.value) == Family::Hmac;
    match keys {
        Some(JwtKeys::SecretFile(_)) if !hmac => {
            reading
                .error(first.span.clone(), format!("{:?} takes a public key, not a secret", first.value))
                .hint("use `public_key_file` or `jwks`, or HS256");
            return None;
        }
        Some(JwtKeys::PublicKeyFile(_) | JwtKeys::JwksUrl(_) | JwtKeys::JwksFile(_)) if hmac => {
            reading
                .error(first.span.clone(), format!("{:?} takes a secret, not a public key", first.value))
                .hint("use `secret_file`, or an algorithm with public keys, as RS256");
            return None;
        }
        _ => {}
    }
    Some(list.value.into_iter().map(|at| at.value).collect())
}

fn token_from(list: At<Vec<At<Text>>>, reading: &mut Reading<'_>) -> Option<Vec<TokenSource>> {
    const HINT: &str = "as in \"header:authorization\", \"cookie:session\" or \"query:jwt\"";
    if list.value.is_empty() || list.value.len() > JWT_TOKEN_SOURCES_MAX {
        let message = format!("a token is looked for in 1 to {JWT_TOKEN_SOURCES_MAX} places");
        reading.error(list.span, message).hint(HINT);
        return None;
    }
    let mut sources = Vec::with_capacity(list.value.len());
    for source in list.value {
        let text = source.value.0.as_str();
        match text.split_once(':') {
            Some(("header", name)) if header::is_token(name) => {
                sources.push(TokenSource::Header(name.to_ascii_lowercase()));
            }
            Some(("cookie", name)) if header::is_token(name) => sources.push(TokenSource::Cookie(name.to_owned())),
            Some(("query", name)) if !name.is_empty() && !name.contains(['&', '=', '#', ' ']) => {
                sources.push(TokenSource::Query(name.to_owned()));
            }
            _ => {
                reading.error(source.span, format!("{text:?} is not a place for a token")).hint(HINT);
            }
        }
    }
    Some(sources)
}

fn claims_to_headers(claims: Map<Text>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    if let Some((over, _)) = claims.0.get(JWT_CLAIM_HEADERS_MAX) {
        reading.error(over.span.clone(), format!("more than {JWT_CLAIM_HEADERS_MAX} claims as headers"));
    }
    let mut seen: Vec<At<String>> = Vec::new();
    for (_, header) in &claims.0 {
        let lower = header.at(header.value.0.to_ascii_lowercase());
        if header::check_name(&lower, reading) && header::is_forbidden_native(&lower.value) {
            let message = format!("a claim cannot become the header {:?}", lower.value);
            reading.error(lower.span.clone(), message).hint("choose a name of your own, as \"x-user\"");
        }
        if let Some(first) = seen.iter().find(|first| first.value == lower.value) {
            reading
                .error(lower.span.clone(), format!("two claims become the header {:?}", lower.value))
                .related(first.span.clone(), "first here");
        }
        seen.push(lower);
    }
    let names = claims.0.into_iter().map(|(claim, _)| claim.value);
    names.zip(seen.into_iter().map(|at| at.value)).collect()
}
