//! What must come of it: each kind of case has its own keys, and says at least something.

use super::build::{plain, texts};
use super::raw::{self, Lines};
use super::{AnswerExpect, End, FunctionExpect, MessageExpect, OriginRequestExpect, ResultExpect};
use crate::language::collection::Map;
use crate::language::scalar::value;
use crate::language::{At, Reading};
use std::ops::Range;

/// What a function returns.
const OF_RESULTS: &[&str] = &[
    "status",
    "headers",
    "present_headers",
    "absent_headers",
    "body",
    "body_contains",
    "uri",
    "querystring",
    "output",
    "output_contains",
];

/// What only functions have.
const OF_FUNCTIONS: &[&str] = &[
    "uri",
    "querystring",
    "output",
    "output_contains",
    "log",
    "utilization_max",
    "error_contains",
    "refused_contains",
];

/// What only nodes have.
const OF_NODES: &[&str] = &["origin_requests", "origin_request"];

/// Which kind of function a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    Function,
    Lambda,
}

/// Of one call of a function.
pub(super) fn of_function(expect: At<raw::Expect>, runs: Runs, reading: &mut Reading<'_>) -> Option<FunctionExpect> {
    let keys = Keys::of(&expect, reading);
    keys.refuse(OF_NODES, "this case runs a function alone", reading);
    if runs == Runs::Lambda {
        let why = "it is a measure of CloudFront Functions; a Lambda@Edge function has its `timeout_s`";
        keys.refuse(&["utilization_max"], why, reading);
    }
    let expect = expect.value;
    let end = match (&expect.error_contains, &expect.refused_contains) {
        (Some(error), None) => {
            keys.refuse(OF_RESULTS, "a function that fails returns nothing", reading);
            End::Error(error.value.0.clone())
        }
        (None, Some(refused)) => {
            keys.refuse(OF_RESULTS, "of a result that is refused nothing comes", reading);
            End::Refused(refused.value.0.clone())
        }
        (Some(_), Some(_)) => {
            keys.refuse(&["refused_contains"], "a function that fails returns nothing", reading);
            return None;
        }
        (None, None) => End::Result(Box::new(ResultExpect {
            output: plain(expect.output),
            output_contains: plain(expect.output_contains),
            uri: expect.uri.map(|uri| uri.value.0),
            querystring: value(expect.querystring),
            message: MessageExpect {
                status: expect.status.map(|status| status.value.0 as u16),
                headers: lines(expect.headers),
                present_headers: texts(expect.present_headers),
                absent_headers: texts(expect.absent_headers),
                body: value(expect.body),
                body_contains: expect.body_contains.map(|part| part.value.0),
            },
        })),
    };
    Some(FunctionExpect {
        end,
        log: expect.log.map(|lines| lines.value.into_iter().map(|line| line.value).collect()),
        log_contains: texts(expect.log_contains),
        utilization_max: expect.utilization_max.map(|most| most.value.0 as u8),
        snapshot: value(expect.snapshot),
    })
}

/// Of one answer of a node. What its functions print goes to `log_contains` of the case.
pub(super) fn of_answer(
    expect: At<raw::Expect>,
    log_contains: &mut Vec<String>,
    reading: &mut Reading<'_>,
) -> AnswerExpect {
    let keys = Keys::of(&expect, reading);
    keys.refuse(OF_FUNCTIONS, "it is for a case with `function` or `lambda`; this one asks a node", reading);
    let expect = expect.value;
    log_contains.extend(texts(expect.log_contains));
    let origin_request = expect.origin_request.map(|request| {
        let request = request.value;
        OriginRequestExpect {
            method: request.method.map(|method| method.value.0),
            target: request.path.map(|path| path.value.0),
            message: MessageExpect {
                headers: lines(request.headers),
                present_headers: texts(request.present_headers),
                absent_headers: texts(request.absent_headers),
                body: value(request.body),
                ..MessageExpect::default()
            },
        }
    });
    AnswerExpect {
        message: MessageExpect {
            status: expect.status.map(|status| status.value.0 as u16),
            headers: lines(expect.headers),
            present_headers: texts(expect.present_headers),
            absent_headers: texts(expect.absent_headers),
            body: value(expect.body),
            body_contains: expect.body_contains.map(|part| part.value.0),
        },
        origin_requests: expect.origin_requests.map(|count| count.value.0 as usize),
        origin_request,
        snapshot: value(expect.snapshot),
    }
}

/// Of a case with steps: what functions print in all of them.
pub(super) fn of_case(expect: At<raw::Expect>, reading: &mut Reading<'_>) -> Vec<String> {
    let keys = Keys::of(&expect, reading);
    keys.refuse_all_but("log_contains", "each step of the case has an `expect` of its own", reading);
    texts(expect.value.log_contains)
}

/// The keys that an `expect` has, with their places.
struct Keys(Vec<(&'static str, Range<usize>)>);

impl Keys {
    /// Notes an `expect` without any: such a case could not fail.
    fn of(expect: &At<raw::Expect>, reading: &mut Reading<'_>) -> Self {
        let mut keys = Vec::new();
        macro_rules! present {
            ($($key:ident),+ $(,)?) => {
                $(keys.extend(expect.value.$key.as_ref().map(|at| (stringify!($key), at.span.clone())));)+
            };
        }
        present!(
            status,
            headers,
            present_headers,
            absent_headers,
            body,
            body_contains,
            uri,
            querystring,
            output,
            output_contains,
            log,
            log_contains,
            utilization_max,
            error_contains,
            refused_contains,
            origin_requests,
            origin_request,
            snapshot,
        );
        if keys.is_empty() && !reading.is_broken(&expect.span) {
            reading.error(expect.span.clone(), "`expect` expects nothing, so the case could not fail");
        }
        Self(keys)
    }

    fn refuse(&self, refused: &[&str], why: &str, reading: &mut Reading<'_>) {
        self.refuse_where(|key| refused.contains(&key), why, reading);
    }

    fn refuse_all_but(&self, allowed: &str, why: &str, reading: &mut Reading<'_>) {
        self.refuse_where(|key| key != allowed, why, reading);
    }

    fn refuse_where(&self, refused: impl Fn(&str) -> bool, why: &str, reading: &mut Reading<'_>) {
        for (key, span) in self.0.iter().filter(|(key, _)| refused(key)) {
            reading.error(span.clone(), format!("`{key}` has no place here: {why}"));
        }
    }
}

fn lines(headers: Option<At<Map<Lines>>>) -> Vec<(String, Vec<String>)> {
    let rows = headers.map(|headers| headers.value.0).unwrap_or_default();
    rows.into_iter().map(|(name, lines)| (name.value, lines.value.0)).collect()
}
