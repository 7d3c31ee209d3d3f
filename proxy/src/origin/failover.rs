//! When the second member of an origin group is asked.
//!
//! Developer Guide, "Optimize high availability with CloudFront origin failover": every request asks the primary first;
//! nothing is remembered of an earlier failure, and nothing probes an origin.

use super::Chosen;
use crate::failure::Failure;
use homefront_config::behavior::CachedMethods;
use homefront_config::origin_group::FailoverStatusCodes;
use http::{Method, StatusCode};
use std::fmt;

/// Who is asked when the origin of a request has failed, and at what.
#[derive(Debug, Clone)]
pub(crate) struct Failover {
    /// Asked next, and last.
    pub(crate) secondary: Chosen,
    /// What counts as a failure.
    pub(crate) status_codes: FailoverStatusCodes,
}

/// What the primary did.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause<'a> {
    /// It answered with this status.
    Status(StatusCode),
    /// It gave no answer.
    Failure(&'a Failure),
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {}", status.as_str()),
            Self::Failure(failure) => write!(f, "{failure}"),
        }
    }
}

/// Whether the secondary is asked after `cause`, for a request with `method` of the viewer's.
pub(crate) fn is_due(
    codes: FailoverStatusCodes,
    method: &Method,
    cached_methods: CachedMethods,
    cause: Cause<'_>,
) -> bool {
    let method = match *method {
        Method::GET | Method::HEAD => true,
        Method::OPTIONS => cached_methods.contains(Method::OPTIONS.as_str()),
        _ => false,
    };
    let status = match cause {
        Cause::Status(status) => Some(status.as_u16()),
        Cause::Failure(failure) => stands_for(failure),
    };
    method && status.is_some_and(|status| codes.contains(status))
}

/// The status that stands for a failure in the criteria of a group.
fn stands_for(failure: &Failure) -> Option<u16> {
    match failure {
        Failure::OriginDns { .. } | Failure::OriginConnect { .. } => Some(503),
        Failure::OriginTimeout { .. } => Some(504),
        Failure::OriginBroken { .. } | Failure::OriginHeadTooLarge { .. } => Some(502),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use homefront_functions::FailureKind;

    fn codes(codes: &[u16]) -> FailoverStatusCodes {
        FailoverStatusCodes::new(codes.iter().copied()).unwrap()
    }

    fn after(list: &[u16], failure: &Failure) -> bool {
        is_due(codes(list), &Method::GET, CachedMethods::GetHead, Cause::Failure(failure))
    }

    #[test]
    fn reads_fail_over_and_options_where_it_is_cached() {
        let due =
            |method, cached| is_due(codes(&[500]), &method, cached, Cause::Status(StatusCode::INTERNAL_SERVER_ERROR));
        for method in [Method::GET, Method::HEAD] {
            assert!(due(method, CachedMethods::GetHead));
        }
        assert!(due(Method::OPTIONS, CachedMethods::GetHeadOptions));
        assert!(!due(Method::OPTIONS, CachedMethods::GetHead));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!due(method, CachedMethods::GetHeadOptions));
        }
    }

    #[test]
    fn only_listed_statuses_fail_over() {
        let due = |status: u16| {
            let cause = Cause::Status(StatusCode::from_u16(status).unwrap());
            is_due(codes(&[404, 503]), &Method::GET, CachedMethods::GetHead, cause)
        };
        assert!(due(404) && due(503));
        assert!(!due(500) && !due(200) && !due(403));
    }

    #[test]
    fn a_failed_connection_is_503_a_timeout_504_and_nonsense_502() {
        let (origin, reason) = (|| "app".to_owned(), || "why".to_owned());
        let connect = Failure::OriginConnect { origin: origin(), reason: reason() };
        let dns = Failure::OriginDns { origin: origin(), reason: reason() };
        let timeout = Failure::OriginTimeout { origin: origin(), reason: reason() };
        let broken = Failure::OriginBroken { origin: origin(), reason: reason() };
        let large = Failure::OriginHeadTooLarge { origin: origin(), bytes: 1 };
        for (failure, code) in [(connect, 503), (dns, 503), (timeout, 504), (broken, 502), (large, 502)] {
            for listed in FailoverStatusCodes::ALL {
                assert_eq!(after(&[listed], &failure), listed == code, "{failure}: {listed}");
            }
        }
    }

    #[test]
    fn what_is_not_the_origins_failure_does_not_fail_over() {
        let function =
            homefront_functions::Failure { kind: FailureKind::LambdaExecution, sentence: None, detail: String::new() };
        for failure in [Failure::EdgeCode(function), Failure::ViewerLeft, Failure::Internal(String::new())] {
            assert!(!after(&FailoverStatusCodes::ALL, &failure), "{failure}");
        }
    }
}
