//! One request and its answer: what the steps of the life of a request leave for the later ones.

use crate::connection::Viewer;
use crate::failure::Failure;
use crate::guard::Verifier;
use crate::include_body::IncludedBody;
use crate::node::Deployed;
use crate::observe::access_log::{Detail, ResultType};
use crate::origin::failover::Failover;
use crate::origin::local::LocalOrigin;
use crate::origin::{Chosen, PreparedOrigin};
use crate::request_id::RequestId;
use crate::response_headers::server_timing::Upstream;
use bytes::Bytes;
use homefront_config::Behavior;
use homefront_config::behavior::TargetOrigin;
use homefront_config::policy::response_headers::ResponseHeadersPolicy;
use homefront_functions::{Headers, Request};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a body that would follow is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// The viewer has the object already, and a viewer-response function is shown that before it goes out.
    ViewerHasIt,
    /// The range it asks for is out of the object's reach, and there is a page that says so.
    OutOfReach,
}

/// The state of one request. It lives as long as the request, and nothing of it is shared.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the head was read; for `time-taken`.
    pub(crate) started: Instant,
    /// The `X-Amz-Cf-Id`.
    pub(crate) request_id: RequestId,
    /// The connection it came over; absent for requests the node makes itself.
    pub(crate) viewer: Option<Arc<Viewer>>,
    /// The request line as it came, for the log.
    pub(crate) asked: Asked,
    /// Who answers; absent until the route is chosen.
    pub(crate) route: Option<Route>,
    /// What the viewer sent under such names, where a Lambda@Edge function on viewer response is to see it.
    pub(crate) viewers_own: Headers,
    /// `Set-Cookie` lines the node adds: the sticky cookie of an experiment.
    pub(crate) set_cookies: Vec<HeaderValue>,
    /// The request's body, where a Lambda@Edge function is shown it.
    pub(crate) included_body: Option<Box<IncludedBody>>,
    /// What goes to the origin, and how often that was tried.
    pub(crate) fetch: Fetch,
    /// An origin answered with an error, whatever functions and pages made of it.
    pub(crate) origin_failed: bool,
    /// It fetches the error page of another request.
    pub(crate) is_error_page: bool,
    /// Why the viewer does not get the stored object though pingora sends it.
    pub(crate) withheld: Option<Withheld>,
    /// A whole response for `finish` to write, because pingora's way has no place for its body.
    pub(crate) late_answer: Option<(Box<ResponseHeader>, Bytes)>,
    /// What functions gave to the access log.
    pub(crate) log_data: LogData,
    /// Why the node must answer itself.
    pub(crate) failure: Option<Failure>,
    /// What came of it, for the log and `X-Cache`.
    pub(crate) outcome: Outcome,
}

/// The request line and Host as the viewer sent them.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) host: String,
    pub(crate) version: Version,
    pub(crate) said: Said,
}

/// What the access log tells of the viewer's head, before functions and policies changed it.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) referer: Option<HeaderValue>,
    pub(crate) forwarded_for: Option<HeaderValue>,
    /// Of request line and headers, as on an HTTP/1.1 wire.
    pub(crate) head_bytes: usize,
}

impl Said {
    /// Of a request as it came.
    pub(crate) fn of(head: &RequestHeader) -> Self {
        let line = |name: &str| head.headers.get(name).cloned();
        let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
        let first_line = head.method.as_str().len() + target + "  HTTP/1.1\r\n\r\n".len();
        let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
        Self {
            user_agent: line("user-agent"),
            referer: line("referer"),
            forwarded_for: line("x-forwarded-for"),
            head_bytes: first_line + lines.sum::<usize>(),
        }
    }
}

/// Who answers a request.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The distribution and what the node prepared for it.
    pub(crate) distribution: Arc<Deployed>,
    /// Checks the behavior's tokens.
    pub(crate) verifier: Option<Arc<Verifier>>,
    /// The behavior; a rewritten URI does not change it.
    pub(crate) behavior: Arc<Behavior>,
    /// Whom the request goes to: the behavior's origin, that of an experiment's variant, or what a function made of it.
    pub(crate) origin: Chosen,
    /// Who is asked when that one fails.
    pub(crate) failover: Option<Failover>,
}

impl Route {
    /// The origin that is asked, or is to be asked next.
    pub(crate) fn origin(&self) -> &PreparedOrigin {
        match &self.origin {
            Chosen::Configured(index) => &self.distribution.origins[*index],
            Chosen::Rewritten(origin) => origin,
        }
    }

    /// What responses to viewers have and lack.
    pub(crate) fn response_headers_policy(&self) -> Option<&Arc<ResponseHeadersPolicy>> {
        self.behavior.response_headers_policy.as_ref()
    }

    /// Seconds an error of this status is kept at least.
    pub(crate) fn error_caching_min_ttl_s(&self, status: u16) -> u64 {
        self.distribution.config.custom_error_responses.error_caching_min_ttl_s(status)
    }

    /// Sends the request to an origin or a group of the configuration.
    pub(crate) fn send_to(&mut self, target: TargetOrigin) {
        (self.origin, self.failover) = members(&self.distribution, target);
    }
}

/// The origin that is asked first, and the one that is asked when it fails.
pub(crate) fn members(distribution: &Deployed, target: TargetOrigin) -> (Chosen, Option<Failover>) {
    match target {
        TargetOrigin::Origin(index) => (Chosen::Configured(index), None),
        TargetOrigin::Group(index) => {
            let group = &distribution.config.origin_groups[index];
            let secondary = Chosen::Configured(group.secondary);
            let failover = Failover { secondary, status_codes: group.failover_status_codes };
            (Chosen::Configured(group.primary), Some(failover))
        }
    }
}

/// The origin's side of a request.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    /// The head for the origin, after policies and the origin-request function.
    pub(crate) head: Option<RequestHeader>,
    /// The request as origin-request functions left it: without the origin's path and custom headers.
    pub(crate) shown: Option<Box<Request>>,
    /// What the origin-request function put in the place of the request's body.
    pub(crate) body: Option<Bytes>,
    /// Attempts to connect or to get an answer, so far.
    pub(crate) attempts: usize,
    /// When the first attempt began.
    pub(crate) began: Option<Instant>,
    /// How long the last attempt took, so far.
    pub(crate) upstream: Upstream,
    /// When the step of it began that is going on.
    pub(crate) step_began: Option<Instant>,
    /// Whether it has just turned to the second member of an origin group.
    pub(crate) turned: Turned,
    /// An answer that is there already and enters as an origin's: generated, or with a replaced body.
    pub(crate) answer: Option<Arc<dyn LocalOrigin>>,
    /// Whether an origin-request function made that answer.
    pub(crate) generated: bool,
    /// The origin-response function has run.
    pub(crate) origin_response_done: bool,
    /// The status the origin gave, before any function.
    pub(crate) origin_status: Option<u16>,
    /// The origin's response ended with its head.
    pub(crate) no_body: bool,
    /// The headers of a 304 that renews the stored object.
    pub(crate) not_modified: Option<HeaderMap>,
    /// The body that an origin-response function put in place of the origin's.
    pub(crate) replaced_body: Option<Bytes>,
}

/// Whether the next attempt is the first at another origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Turned {
    /// It is not.
    #[default]
    No,
    /// It goes to the second member of an origin group.
    ToSecondary,
}

/// What functions gave to `cf.logCustomData`.
#[derive(Debug, Default)]
pub(crate) struct LogData {
    pub(crate) viewer_request: Option<Box<str>>,
    pub(crate) viewer_response: Option<Box<str>>,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Known before the first byte.
    pub(crate) response_result: ResultType,
    /// Where the log says more than the result type.
    pub(crate) detail: Option<Detail>,
    /// When the response head was ready.
    pub(crate) first_byte: Option<Duration>,
}

impl Exchange {
    /// A request that begins now.
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            request_id: RequestId::random(),
            viewer: None,
            asked: Asked::default(),
            route: None,
            viewers_own: Headers::default(),
            set_cookies: Vec::new(),
            included_body: None,
            fetch: Fetch::default(),
            origin_failed: false,
            is_error_page: false,
            withheld: None,
            late_answer: None,
            log_data: LogData::default(),
            failure: None,
            outcome: Outcome { response_result: ResultType::Error, detail: None, first_byte: None },
        }
    }

    /// The route; the steps after routing cannot be reached without one.
    pub(crate) fn route(&self) -> Result<&Route, Failure> {
        self.route.as_ref().ok_or_else(|| Failure::Internal("no route was chosen".to_owned()))
    }

    /// Whether the viewer came over TLS.
    pub(crate) fn viewer_tls(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.tls.is_some())
    }

    /// Records that the response head is ready, with what it is.
    pub(crate) fn first_byte(&mut self, result: ResultType, now: Instant) {
        self.outcome.response_result = result;
        self.outcome.first_byte.get_or_insert(now - self.started);
    }

    /// Ends a step of the way to the origin: says how long it took.
    pub(crate) fn end_step(&mut self, now: Instant) -> Duration {
        self.fetch.step_began.replace(now).map_or(Duration::ZERO, |began| now - began)
    }

    /// How long the origin has been at work, against its whole-response budget.
    pub(crate) fn over_completion_budget(&self, budget: Option<Duration>, now: Instant) -> bool {
        matches!((budget, self.fetch.began), (Some(budget), Some(began)) if now - began > budget)
    }
}

/// What a viewer is to a function and to the origin when the node asks on its own account.
pub(crate) const NO_VIEWER: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
