//! Which origins a response headers policy allows in CORS requests.
//!
//! Developer Guide, "Understand response headers policies": `*`; `example.org` (over HTTP and HTTPS); `https://example.org`;
//! `*.example.org` (any scheme, any depth, not `example.org` itself); `http://*.example.org`; and behind a host a port, in which a
//! `*` stands for any digits: `http://example.org:*`, `http://example.org:1*3`.

use crate::build::is_host_name;

/// One of `access_control_allow_origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`
    Any,
    /// Those of this form.
    Like(OriginForm),
}

/// The form of an origin. Its parts are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginForm {
    /// Absent: any scheme in front of `*.`, else `http` and `https`.
    scheme: Option<String>,
    /// Without `*.`.
    host: String,
    /// Whether `*.` stood in front of it.
    below: bool,
    port: Option<PortForm>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PortForm {
    Exactly(String),
    /// What stands before and after a `*`.
    Around(String, String),
}

/// Why a text is no allowed origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllowedOriginError {
    /// `test.*.example.org`, `*test.example.org`, `example.*`
    #[error("`*` stands for the whole first label only, as in \"*.example.com\"")]
    Wildcard,
    /// `https://example.org/a`
    #[error("an origin is a scheme, a host and a port, without a path")]
    Path,
    /// `http://example.org:`
    #[error("a port is digits, with at most one `*` among them")]
    Port,
    /// The rest.
    #[error("as in \"https://www.example.com\", \"*.example.com\" or \"*\"")]
    Form,
}

impl AllowedOrigin {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, AllowedOriginError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text.as_str()),
        };
        if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
            return Err(AllowedOriginError::Form);
        }
        if rest.contains(['/', '?', '#']) {
            return Err(AllowedOriginError::Path);
        }
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(PortForm::parse(port)?)),
            None => (rest, None),
        };
        let (host, below) = match host.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (host, false),
        };
        if host.contains('*') {
            return Err(AllowedOriginError::Wildcard);
        }
        if !is_host_name(host) {
            return Err(AllowedOriginError::Form);
        }
        Ok(Self::Like(OriginForm { scheme: scheme.map(str::to_owned), host: host.to_owned(), below, port }))
    }

    /// Whether it allows what a viewer sends as `Origin`, as in `https://www.example.com`.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Like(form) => form.is_of(origin),
        }
    }
}

impl OriginForm {
    fn is_of(&self, origin: &str) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let scheme_is_good = match &self.scheme {
            Some(wanted) => scheme.eq_ignore_ascii_case(wanted),
            None => self.below || ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)),
        };
        let port_is_good = match (&self.port, port) {
            (None, None) => true,
            (Some(form), Some(port)) => form.is_of(port),
            _ => false,
        };
        scheme_is_good && port_is_good && self.is_host(host)
    }

    fn is_host(&self, host: &str) -> bool {
        if !self.below {
            return host.eq_ignore_ascii_case(&self.host);
        }
        let Some(at) = host.len().checked_sub(self.host.len()) else { return false };
        let (front, end) = host.as_bytes().split_at(at);
        // Something, and the dot.
        front.len() > 1 && front.ends_with(b".") && end.eq_ignore_ascii_case(self.host.as_bytes())
    }
}

impl PortForm {
    fn parse(text: &str) -> Result<Self, AllowedOriginError> {
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match text.split_once('*') {
            Some((front, end)) if are_digits(front) && are_digits(end) => {
                Ok(Self::Around(front.to_owned(), end.to_owned()))
            }
            None if !text.is_empty() && are_digits(text) => Ok(Self::Exactly(text.to_owned())),
            _ => Err(AllowedOriginError::Port),
        }
    }

    fn is_of(&self, port: &str) -> bool {
        let are_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        are_digits
            && match self {
                Self::Exactly(wanted) => port == wanted,
                Self::Around(front, end) => {
                    port.len() >= front.len() + end.len() && port.starts_with(front) && port.ends_with(end)
                }
            }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn allows(form: &str, origin: &str) -> bool {
        AllowedOrigin::parse(form).unwrap().allows(origin)
    }

    #[test]
    fn origins_are_allowed_as_the_guide_says() {
        for (form, allowed, refused) in [
            ("*", &["https://a.test", "null", "http://a.test:1"][..], &[][..]),
            (
                "example.org",
                &["http://example.org", "https://example.org", "https://EXAMPLE.org"],
                &["ftp://example.org", "https://www.example.org", "https://example.org:8443", "null", "example.org"],
            ),
            ("https://example.org", &["https://example.org"], &["http://example.org", "https://example.org:443"]),
            (
                "*.example.org",
                &["http://a.example.org", "https://a.b.example.org", "app://a.example.org"],
                &["https://example.org", "https://.example.org", "https://aexample.org", "https://a.example.org:1"],
            ),
            (
                "http://*.example.org",
                &["http://a.example.org", "http://a.b.example.org"],
                &["https://a.example.org", "http://a.example.org:81"],
            ),
            (
                "http://example.org:*",
                &["http://example.org:123", "http://example.org:8080"],
                &["http://example.org", "https://example.org:123", "http://example.org:", "http://example.org:8a"],
            ),
            (
                "http://example.org:1*3",
                &["http://example.org:123", "http://example.org:1893", "http://example.org:13"],
                &["http://example.org:12", "http://example.org:3", "http://example.org:1"],
            ),
            ("https://localhost:3000", &["https://localhost:3000"], &["https://localhost", "https://localhost:30001"]),
        ] {
            for origin in allowed {
                assert!(allows(form, origin), "{form} allows {origin}");
            }
            for origin in refused {
                assert!(!allows(form, origin), "{form} does not allow {origin}");
            }
        }
    }

    #[test]
    fn what_cannot_be_an_allowed_origin_is_refused() {
        use AllowedOriginError::{Form, Path, Port, Wildcard};
        for (text, error) in [
            ("example.*", Wildcard),
            ("test.*.example.org", Wildcard),
            ("*test.example.org", Wildcard),
            ("exa*mple.org", Wildcard),
            ("https://example.org/", Path),
            ("https://example.org:", Port),
            ("https://example.org:8*0*", Port),
            ("https://example.org:http", Port),
            ("", Form),
            ("https://", Form),
            ("1a://example.org", Form),
            ("a b", Form),
        ] {
            assert_eq!(AllowedOrigin::parse(text), Err(error), "{text}");
        }
    }
}
