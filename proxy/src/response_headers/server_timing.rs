//! `Server-Timing`: how a response was made, for the person at the browser.
//!
//! Developer Guide, "Understand response headers policies". A node is one layer: what it has not, it asks the origin for.

use homefront_config::policy::response_headers::ServerTiming;
use http::{HeaderMap, HeaderValue, header};
use std::fmt::Write as _;
use std::time::Duration;

/// The header's name.
pub(crate) const NAME: &str = "Server-Timing";

/// Where a response comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The cache.
    Hit,
    /// The cache, after the origin said that the object is still good.
    Refresh(Upstream),
    /// The origin.
    Miss(Upstream),
    /// The node itself: a page, a redirect, or what a function generated.
    Node,
}

/// How long the origin took. What did not happen took no time: a known address, a connection that was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Upstream {
    /// Until its name had an address.
    pub(crate) dns: Duration,
    /// Until the connection was there.
    pub(crate) connect: Duration,
    /// From there to the first byte of the response.
    pub(crate) first_byte: Duration,
}

/// What is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) source: Source,
    /// The value of `X-Amz-Cf-Pop`.
    pub(crate) pop: &'a str,
    /// The value of `X-Amz-Cf-Id`.
    pub(crate) request_id: &'a str,
    /// From the viewer's request to the first byte of its response.
    pub(crate) first_byte: Duration,
}

/// Whether a response tells: because its request asks for it, or because `draw`, a random number, falls among those sampled.
pub(crate) fn is_wanted(policy: ServerTiming, request: &HeaderMap, draw: u32) -> bool {
    let pragmas = request.get_all(header::PRAGMA).iter().filter_map(|value| value.to_str().ok());
    let mut words = pragmas.flat_map(|value| value.split(','));
    draw % 1_000_000 < policy.sampled_of_million || words.any(|word| word.trim().eq_ignore_ascii_case("server-timing"))
}

/// The one line. What the origin told stands behind it, unless it was told to another viewer.
pub(crate) fn value(told: Told<'_>, headers: &HeaderMap) -> HeaderValue {
    let mut text = String::with_capacity(256);
    // Writing to a string cannot fail.
    let _ = match told.source {
        Source::Hit => write!(text, "cdn-cache-hit"),
        Source::Refresh(upstream) => write!(text, "{},cdn-cache-refresh", upstream.metrics()),
        Source::Miss(upstream) => write!(text, "{},cdn-cache-miss", upstream.metrics()),
        Source::Node => Ok(()),
    };
    let comma = if text.is_empty() { "" } else { "," };
    let _ = write!(text, "{comma}cdn-pop;desc=\"{}\",cdn-rid;desc=\"{}\"", told.pop, told.request_id);
    if told.source == Source::Hit {
        text.push_str(",cdn-hit-layer;desc=\"EDGE\"");
    }
    let _ = write!(text, ",cdn-downstream-fbl;dur={}", told.first_byte.as_millis());
    if let Source::Miss(_) = told.source {
        for line in headers.get_all(NAME).iter().filter_map(|value| value.to_str().ok()) {
            text.push(',');
            text.push_str(line);
        }
    }
    // Of visible characters, as all that it is made of.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

impl Upstream {
    fn metrics(self) -> String {
        format!(
            "cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur={},cdn-upstream-connect;dur={},cdn-upstream-fbl;dur={}",
            self.dns.as_millis(),
            self.connect.as_millis(),
            self.first_byte.as_millis()
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const UPSTREAM: Upstream = Upstream {
        dns: Duration::ZERO,
        connect: Duration::from_millis(114),
        first_byte: Duration::from_micros(177_600),
    };

    fn told(source: Source, origins: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in origins {
            headers.append("server-timing", line.parse().unwrap());
        }
        let (pop, request_id, first_byte) = ("PHX50-C2", "yNPs==", Duration::from_millis(436));
        value(Told { source, pop, request_id, first_byte }, &headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_miss_is_told_as_the_guide_shows_it_with_what_the_origin_told() {
        assert_eq!(
            told(Source::Miss(UPSTREAM), &["db;dur=5", "app;dur=7"]),
            "cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur=0,cdn-upstream-connect;dur=114,\
             cdn-upstream-fbl;dur=177,cdn-cache-miss,cdn-pop;desc=\"PHX50-C2\",cdn-rid;desc=\"yNPs==\",\
             cdn-downstream-fbl;dur=436,db;dur=5,app;dur=7"
        );
    }

    #[test]
    fn a_hit_is_told_without_what_the_origin_told_another() {
        assert_eq!(
            told(Source::Hit, &["db;dur=5"]),
            "cdn-cache-hit,cdn-pop;desc=\"PHX50-C2\",cdn-rid;desc=\"yNPs==\",cdn-hit-layer;desc=\"EDGE\",\
             cdn-downstream-fbl;dur=436"
        );
    }

    #[test]
    fn what_the_node_answers_itself_has_neither_cache_nor_origin() {
        let text = told(Source::Node, &[]);
        assert_eq!(text, "cdn-pop;desc=\"PHX50-C2\",cdn-rid;desc=\"yNPs==\",cdn-downstream-fbl;dur=436");
    }

    #[test]
    fn a_request_may_ask_for_it_and_a_share_of_the_others_gets_it() {
        let wanted = |share, pragma: Option<&'static str>, draw| {
            let mut request = HeaderMap::new();
            if let Some(pragma) = pragma {
                request.insert("pragma", HeaderValue::from_static(pragma));
            }
            is_wanted(ServerTiming { sampled_of_million: share }, &request, draw)
        };
        assert!(wanted(0, Some("Server-Timing"), 5) && wanted(0, Some("no-cache, server-timing"), 5));
        assert!(!wanted(0, None, 0) && !wanted(0, Some("no-cache"), 0));
        assert!(wanted(1_000_000, None, u32::MAX) && wanted(6, None, 3_000_005) && !wanted(6, None, 6));
    }
}
