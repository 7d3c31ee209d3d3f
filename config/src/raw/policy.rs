//! `[[cache_policy]]` and `[[origin_request_policy]]`.

use crate::language::scalar::{Int, Text};
use crate::language::table::table;
use crate::language::{At, Node, Reading, Shape, Value};
use crate::limits::TTL_S_MAX;
use toml::de::DeValue;

table! {
    /// What is in the cache key, and for how long an object lives.
    CachePolicy "cache_policy" {
        /// What behaviors call it; no managed policy's name.
        name: Text, required;
        /// Seconds an object stays at least, whatever its origin says.
        min_ttl_s: Int<0, TTL_S_MAX>, default "0";
        /// Seconds an object stays when its origin says nothing. Absent: 86400, or `min_ttl_s` if that is more.
        default_ttl_s: Int<0, TTL_S_MAX>, optional;
        /// Seconds an object stays at most. Absent: 31536000, or `default_ttl_s` if that is more.
        max_ttl_s: Int<0, TTL_S_MAX>, optional;
        /// Request headers in the key: `"none"` or a list.
        headers: HeaderNames, default "\"none\"";
        /// Cookies in the key: `"none"`, `"all"`, a list or `{ all_except = [...] }`.
        cookies: Names, default "\"none\"";
        /// Query strings in the key: `"none"`, `"all"`, a list or `{ all_except = [...] }`.
        query_strings: Names, default "\"none\"";
        /// Whether gzip is normalised into the key and asked of the origin.
        accept_encoding_gzip: bool, default "false";
        /// Whether brotli is normalised into the key and asked of the origin.
        accept_encoding_brotli: bool, default "false";
    }
}

table! {
    /// What goes to the origin beyond the cache key's inputs.
    OriginRequestPolicy "origin_request_policy" {
        /// What behaviors call it; no managed policy's name.
        name: Text, required;
        /// Request headers: `"none"`, `"all-viewer"`, a list, `{ all_viewer_and = [...] }` with CloudFront's own headers, or `{ all_except = [...] }`.
        headers: ViewerHeaders, default "\"none\"";
        /// Cookies: `"none"`, `"all"`, a list or `{ all_except = [...] }`.
        cookies: Names, default "\"none\"";
        /// Query strings: `"none"`, `"all"`, a list or `{ all_except = [...] }`.
        query_strings: Names, default "\"none\"";
    }
}

table! {
    /// All names but some.
    AllExcept "{ all_except }" {
        /// The names left out.
        all_except: Vec<At<Text>>, required;
    }
}

table! {
    /// The viewer's headers but some, or all of them and some of CloudFront's own.
    HeaderTable "headers" {
        /// The viewer's headers left out.
        all_except: Vec<At<Text>>, optional;
        /// Headers of CloudFront's own, added to all of the viewer's.
        all_viewer_and: Vec<At<Text>>, optional;
    }
}

/// `headers` of a cache policy.
#[derive(Debug)]
pub(crate) struct HeaderNames(pub(crate) Vec<At<Text>>);

/// `cookies` and `query_strings`.
#[derive(Debug)]
pub(crate) enum Names {
    None,
    All,
    Only(Vec<At<Text>>),
    Except(Vec<At<Text>>),
}

/// `headers` of an origin request policy.
#[derive(Debug)]
pub(crate) enum ViewerHeaders {
    None,
    All,
    Only(Vec<At<Text>>),
    Except(Vec<At<Text>>),
    AllAnd(Vec<At<Text>>),
}

impl Value for HeaderNames {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Choice(&["none"]), Vec::<Text>::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if node.get_ref().is_array() {
            return Vec::read(node, reading).map(Self);
        }
        match reading.text(node, &Self::shape())?.as_str() {
            "none" => Some(Self(Vec::new())),
            "all-viewer" => {
                let hint = "a cache key of all headers would never hit; use `origin_request_policy = \"AllViewer\"`";
                reading.error(node.span(), "a cache policy cannot take all viewer headers").hint(hint);
                None
            }
            text => unknown(text, &Self::shape(), node, reading),
        }
    }
}

impl Value for Names {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Choice(&["none", "all"]), Vec::<Text>::shape(), AllExcept::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Array(_) => Vec::read(node, reading).map(Self::Only),
            DeValue::Table(_) => Some(Self::Except(AllExcept::read(node, reading)?.all_except?.value)),
            _ => match reading.text(node, &Self::shape())?.as_str() {
                "none" => Some(Self::None),
                "all" => Some(Self::All),
                text => unknown(text, &Self::shape(), node, reading),
            },
        }
    }
}

impl Value for ViewerHeaders {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Choice(&["none", "all-viewer"]), Vec::<Text>::shape(), HeaderTable::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Array(_) => Vec::read(node, reading).map(Self::Only),
            DeValue::Table(_) => Self::of_table(HeaderTable::read(node, reading)?, node, reading),
            _ => match reading.text(node, &Self::shape())?.as_str() {
                "none" => Some(Self::None),
                "all-viewer" => Some(Self::All),
                text => unknown(text, &Self::shape(), node, reading),
            },
        }
    }
}

impl ViewerHeaders {
    fn of_table(table: HeaderTable, node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match (table.all_except, table.all_viewer_and) {
            (Some(except), None) => Some(Self::Except(except.value)),
            (None, Some(and)) => Some(Self::AllAnd(and.value)),
            _ if reading.is_broken(&node.span()) => None,
            _ => {
                reading.error(node.span(), "expected one of `all_except` and `all_viewer_and`");
                None
            }
        }
    }
}

/// Notes a word that is none of those expected.
fn unknown<T>(text: &str, expected: &Shape, node: &Node<'_>, reading: &mut Reading<'_>) -> Option<T> {
    reading.error(node.span(), format!("expected {expected}, found {text:?}"));
    None
}
