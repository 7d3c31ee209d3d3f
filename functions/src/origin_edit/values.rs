//! The texts of an origin modification: each is what its type says, or was refused with the rule it breaks.

use crate::rules;
use homefront_config::limits::{
    CUSTOM_HEADER_NAME_CHARS_MAX, CUSTOM_HEADER_VALUE_CHARS_MAX, CUSTOM_HEADERS_CHARS_MAX, CUSTOM_HEADERS_QUOTA,
    FUNCTION_CERTIFICATE_NAME_CHARS_MAX, FUNCTION_ORIGIN_ID_BYTES_MAX, S3_DOMAIN_NAME_CHARS_MAX,
};
use homefront_config::origin::{custom_header_forbidden, dns_name_valid, path_fault};
use std::fmt;

/// The DNS name of a server or a bucket, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainName(Box<str>);

impl DomainName {
    /// `Err`: what a name must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !dns_name_valid(text) {
            return Err("must be a DNS name of at most 253 characters, without a colon and not an IP address");
        }
        let name = Self(text.to_ascii_lowercase().into());
        if name.is_bucket() && (*name.0 != *text || text.len() > S3_DOMAIN_NAME_CHARS_MAX) {
            return Err("must be in lower case and have at most 128 characters, as it is that of an S3 bucket");
        }
        Ok(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of an S3 bucket; one that is configured as a website is a server.
    pub fn is_bucket(&self) -> bool {
        bucket(&self.0).is_some()
    }
}

/// The bucket of which a text (lower case) is the domain name; `None` where it is none of S3's. The dot before `s3` is not part of it, what
/// stands between `s3` and `amazonaws.com` is the region's.
pub fn bucket(domain_name: &str) -> Option<&str> {
    let rest = domain_name.strip_suffix(".amazonaws.com").or_else(|| domain_name.strip_suffix(".amazonaws.com.cn"))?;
    let of_s3 = |label: &str| label == "s3" || (label.starts_with("s3-") && !label.starts_with("s3-website"));
    let mut dots = rest.match_indices('.').map(|(dot, _)| dot).rev();
    let dot = dots.find(|dot| of_s3(rest[dot + 1..].split('.').next().unwrap_or_default()))?;
    Some(&rest[..dot])
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path in front of the URI; the empty one is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPath(Box<str>);

impl OriginPath {
    /// `Err`: what such a path must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match path_fault(text) {
            Some(rule) if !text.is_empty() => Err(rule),
            _ => Ok(Self(text.into())),
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an origin is called in its distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginId(Box<str>);

impl OriginId {
    /// `Err`: what an id is.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > FUNCTION_ORIGIN_ID_BYTES_MAX {
            return Err("must be the id of an origin of the distribution");
        }
        Ok(Self(text.into()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that a certificate may have; `*.` in front stands for one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateName(Box<str>);

impl CertificateName {
    /// `Err`: what such a name must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let host = text.strip_prefix("*.").unwrap_or(text);
        if text.len() > FUNCTION_CERTIFICATE_NAME_CHARS_MAX || !dns_name_valid(host) {
            return Err("must be a domain name of at most 64 characters, as \"app.example.com\" or \"*.example.com\"");
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of a certificate. A `*.` on either side stands for one label; two of them are the same name.
    pub fn takes(&self, of_certificate: &str) -> bool {
        let of_certificate = of_certificate.to_ascii_lowercase();
        // The rest of a name below its first label, when the pattern is `*.` and that rest.
        let below = |pattern: &str, name: &str| {
            let rest = pattern.strip_prefix("*.");
            rest.is_some() && name.split_once('.').map(|(_, rest)| rest) == rest
        };
        *self.0 == *of_certificate || below(&self.0, &of_certificate) || below(&of_certificate, &self.0)
    }
}

/// Headers for an origin, names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomHeaders(Vec<(Box<str>, Box<str>)>);

impl CustomHeaders {
    /// Names and values; `Err`: which breaks which rule.
    pub fn parse<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let (mut headers, mut characters) = (Self::default(), 0);
        for (name, value) in lines {
            characters += name.chars().count() + value.chars().count();
            if headers.0.len() == CUSTOM_HEADERS_QUOTA || characters > CUSTOM_HEADERS_CHARS_MAX {
                return Err(format!(
                    "has more than {CUSTOM_HEADERS_QUOTA} headers or {CUSTOM_HEADERS_CHARS_MAX} characters"
                ));
            }
            if let Some(rule) = fault(name, value) {
                return Err(format!("{name:.64?} {rule}"));
            }
            if headers.0.iter().any(|(other, _)| **other == *name) {
                return Err(format!("{name:.64?} is given twice"));
            }
            headers.0.push((name.into(), value.into()));
        }
        Ok(headers)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

fn fault(name: &str, value: &str) -> Option<&'static str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some("must be written in lower case")
    } else if !name.is_ascii() || !rules::header_name_valid(name) || name.len() > CUSTOM_HEADER_NAME_CHARS_MAX {
        Some("is not the name of a header")
    } else if custom_header_forbidden(name) || rules::disallowed(name) {
        Some("is a header that cannot be added to origin requests")
    } else if value.trim() != value || !rules::header_value_valid(value) {
        Some("has a value with control characters, or with white space around it")
    } else if value.chars().count() > CUSTOM_HEADER_VALUE_CHARS_MAX {
        Some("has a value of more than 1783 characters")
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_is_known_by_its_name() {
        for (name, expected) in [
            ("b.s3.amazonaws.com", "b"),
            ("b.s3.eu-west-1.amazonaws.com", "b"),
            ("b.s3.dualstack.eu-west-1.amazonaws.com", "b"),
            ("a.b.s3-eu-west-1.amazonaws.com", "a.b"),
            ("a.s3.b.s3.cn-north-1.amazonaws.com.cn", "a.s3.b"),
        ] {
            assert_eq!(bucket(DomainName::parse(name).unwrap().as_str()), Some(expected), "{name}");
        }
        for name in
            ["b.s3-website-us-east-1.amazonaws.com", "s3.amazonaws.com", "b.s3.example.com", "elb.amazonaws.com"]
        {
            assert!(!DomainName::parse(name).unwrap().is_bucket(), "{name}");
        }
        assert!(DomainName::parse("B.s3.amazonaws.com").is_err());
        assert!(DomainName::parse(&format!("{}.{}.b.s3.amazonaws.com", "a".repeat(60), "b".repeat(60))).is_err());
        assert_eq!(DomainName::parse("WWW.Example.com").unwrap().as_str(), "www.example.com");
    }

    #[test]
    fn a_star_stands_for_one_label_on_either_side() {
        let takes = |ours: &str, certificates: &str| CertificateName::parse(ours).unwrap().takes(certificates);
        assert!(takes("app.example.com", "App.Example.com"));
        assert!(takes("*.example.com", "app.example.com"));
        assert!(takes("*.example.com", "*.example.com"));
        assert!(takes("app.example.com", "*.example.com"));
        assert!(!takes("*.example.com", "example.com"));
        assert!(!takes("*.example.com", "a.b.example.com"));
        assert!(!takes("example.com", "*.example.com"));
        assert!(!takes("a.b.example.com", "*.example.com"));
        assert!(!takes("localhost", "*.localhost"));
    }

    #[test]
    fn certificate_names_are_names_with_at_most_one_star_in_front() {
        for name in ["*", "*.", "a.*.b", "**.a", "a b", "", "127.0.0.1", &format!("{}.com", "a".repeat(61))] {
            assert!(CertificateName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn headers_are_refused_with_the_rule_they_break() {
        let refused = |name: &str, value: &str| CustomHeaders::parse([(name, value)]).unwrap_err();
        insta::assert_snapshot!(refused("X-Upper", "1"), @r#""X-Upper" must be written in lower case"#);
        insta::assert_snapshot!(refused("a b", "1"), @r#""a b" is not the name of a header"#);
        insta::assert_snapshot!(refused("h\u{e9}", "1"), @r#""hé" is not the name of a header"#);
        insta::assert_snapshot!(refused("cookie", "1"), @r#""cookie" is a header that cannot be added to origin requests"#);
        insta::assert_snapshot!(refused("x-amz-date", "1"), @r#""x-amz-date" is a header that cannot be added to origin requests"#);
        insta::assert_snapshot!(refused("x-cache", "1"), @r#""x-cache" is a header that cannot be added to origin requests"#);
        insta::assert_snapshot!(refused("x-a", "1\r\nx-b: 2"), @r#""x-a" has a value with control characters, or with white space around it"#);
        insta::assert_snapshot!(refused("x-a", &"v".repeat(1_784)), @r#""x-a" has a value of more than 1783 characters"#);
        let many: Vec<_> = (0..31).map(|number| format!("x-{number}")).collect();
        let refused = CustomHeaders::parse(many.iter().map(|name| (name.as_str(), "1"))).unwrap_err();
        insta::assert_snapshot!(refused, @"has more than 30 headers or 10240 characters");
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_taken_again(text in "\\PC{0,80}", more in "[a-z*./-]{0,40}") {
            for text in [text.as_str(), more.as_str()] {
                if let Ok(name) = DomainName::parse(text) {
                    prop_assert_eq!(DomainName::parse(name.as_str()), Ok(name.clone()));
                }
                if let Ok(name) = CertificateName::parse(text) {
                    prop_assert_eq!(CertificateName::parse(name.as_str()), Ok(name.clone()));
                    prop_assert!(name.takes(name.as_str()));
                }
                if let Ok(path) = OriginPath::parse(text) {
                    prop_assert!(path.as_str().is_empty() || rules::uri_valid(path.as_str()));
                }
            }
        }
    }
}
