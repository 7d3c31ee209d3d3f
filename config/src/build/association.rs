//! `viewer_request`, `viewer_response`, `origin_request`, `origin_response` of a behavior.

use super::behavior::{Shared, find};
use crate::association::{Associations, IncludeBody, ViewerCode};
use crate::behavior::AllowedMethods;
use crate::lambda::Lambda;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::raw::distribution as raw;
use std::ops::Range;
use std::sync::Arc;

/// What a behavior says of its events.
pub(super) struct Asked {
    pub(super) viewer_request: Option<At<raw::ViewerRequest>>,
    pub(super) viewer_response: Option<At<raw::ViewerResponse>>,
    pub(super) origin_request: Option<At<raw::OriginRequest>>,
    pub(super) origin_response: Option<At<raw::OriginResponse>>,
    /// `None` = they are wrong, which has been noted.
    pub(super) allowed_methods: Option<AllowedMethods>,
}

/// A viewer event's association, as it is written.
struct Written {
    key: &'static str,
    span: Range<usize>,
    function: Option<At<Text>>,
    lambda: Option<At<Text>>,
}

pub(super) fn associations(asked: Asked, shared: &Shared, reading: &mut Reading<'_>) -> Associations {
    warn_of_no_body(&asked, reading);
    let include_body = IncludeBody {
        viewer_request: asked.viewer_request.as_ref().is_some_and(|at| viewer_body(&at.value, reading)),
        origin_request: asked.origin_request.as_ref().is_some_and(|at| is_set(at.value.include_body.as_ref())),
    };
    let request = asked.viewer_request.map(|At { value, span }| Written {
        key: "viewer_request",
        span,
        function: value.function,
        lambda: value.lambda,
    });
    let response = asked.viewer_response.map(|At { value, span }| Written {
        key: "viewer_response",
        span,
        function: value.function,
        lambda: value.lambda,
    });
    if let (Some(one), Some(other)) = (&request, &response) {
        check_kinds(one, other, reading);
        check_kinds(other, one, reading);
    }
    Associations {
        viewer_request: request.and_then(|written| viewer(written, shared, reading)),
        viewer_response: response.and_then(|written| viewer(written, shared, reading)),
        origin_request: lambda_edge(asked.origin_request.and_then(|at| at.value.lambda), VIEWERS_ONLY, shared, reading),
        origin_response: lambda_edge(
            asked.origin_response.and_then(|at| at.value.lambda),
            VIEWERS_ONLY,
            shared,
            reading,
        ),
        include_body,
    }
}

const VIEWERS_ONLY: &str = "CloudFront Functions run on viewer_request and viewer_response";

/// The Lambda@Edge function of this name; `hint` is the way out where that is a CloudFront Function.
fn lambda_edge(name: Option<At<Text>>, hint: &str, shared: &Shared, reading: &mut Reading<'_>) -> Option<Arc<Lambda>> {
    match name {
        Some(name) if shared.is_function_only(&name) => {
            reading.error(name.span, format!("{:?} is a function, not a lambda", name.value.0)).hint(hint);
            None
        }
        name => find(name, &shared.lambdas, reading),
    }
}

fn viewer_body(request: &raw::ViewerRequest, reading: &mut Reading<'_>) -> bool {
    let asked = is_set(request.include_body.as_ref());
    if let (true, Some(at), Some(function), None) = (asked, &request.include_body, &request.function, &request.lambda) {
        reading
            .error(at.span.clone(), "a CloudFront Function never sees the body of a request")
            .related(function.span.clone(), "the CloudFront Function")
            .hint("use a Lambda@Edge function: `{ lambda = \"…\", include_body = true }`");
    }
    asked
}

/// Developer Guide, "Accessing the request body": of writable methods. CloudFront takes the option elsewhere, too.
fn warn_of_no_body(asked: &Asked, reading: &mut Reading<'_>) {
    let of_viewer = asked.viewer_request.as_ref().filter(|at| at.value.lambda.is_some());
    let of_viewer = of_viewer.and_then(|at| at.value.include_body.as_ref());
    let of_origin = asked.origin_request.as_ref().and_then(|at| at.value.include_body.as_ref());
    if matches!(asked.allowed_methods, None | Some(AllowedMethods::All)) {
        return;
    }
    for at in [of_viewer, of_origin].into_iter().flatten().filter(|at| at.value) {
        reading
            .warn(at.span.clone(), "`include_body` has nothing to show: the behavior allows none of the methods that have a body")
            .hint(
                "allow them, `allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]`, or \
                 leave `include_body` out",
            );
    }
}

fn is_set(flag: Option<&At<bool>>) -> bool {
    flag.is_some_and(|at| at.value)
}

/// Developer Guide, "Restrictions on all edge functions": the viewer events of a behavior have CloudFront Functions, or
/// Lambda@Edge functions, not both.
fn check_kinds(one: &Written, other: &Written, reading: &mut Reading<'_>) {
    if let (Some(function), Some(lambda)) = (&one.function, &other.lambda) {
        let message =
            "CloudFront takes no Lambda@Edge function beside a CloudFront Function on the viewer events of a behavior";
        reading
            .error(lambda.span.clone(), message)
            .related(function.span.clone(), "the CloudFront Function")
            .hint("use the same kind for both; a Lambda@Edge function may run on origin_request and origin_response");
    }
}

fn viewer(written: Written, shared: &Shared, reading: &mut Reading<'_>) -> Option<ViewerCode> {
    match (written.function, written.lambda) {
        (Some(function), Some(lambda)) => {
            reading
                .error(lambda.span, format!("`{}` names two functions", written.key))
                .related(function.span, "this is the other")
                .hint("CloudFront runs one on an event: `{ function = \"…\" }` or `{ lambda = \"…\" }`");
            None
        }
        (Some(function), None) if shared.is_lambda_only(&function) => {
            let name = function.value.0;
            let hint = format!("`{} = {{ lambda = {name:?} }}`", written.key);
            reading.error(function.span, format!("{name:?} is a lambda, not a function")).hint(hint);
            None
        }
        (Some(function), None) => find(Some(function), &shared.functions, reading).map(ViewerCode::Function),
        (None, Some(lambda)) => {
            let hint = format!("`{} = {{ function = {:?} }}`", written.key, lambda.value.0);
            lambda_edge(Some(lambda), &hint, shared, reading).map(ViewerCode::Lambda)
        }
        (None, None) => {
            if !reading.is_broken(&written.span) {
                reading
                    .error(written.span, format!("`{}` names no function", written.key))
                    .hint("`{ function = \"…\" }` for a CloudFront Function, `{ lambda = \"…\" }` for Lambda@Edge");
            }
            None
        }
    }
}
