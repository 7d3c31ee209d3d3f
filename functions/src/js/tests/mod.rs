//! What the engine promises, tested as a worker uses it: load, call, look at the verdict.
#![allow(clippy::unwrap_used, reason = "tests")]

mod cloudfront_module;
mod conformance;
mod entries;
mod examples;
mod hostile;
mod isolation;
mod leaks;
mod mapping;
mod modules;
mod origin_helpers;
mod shared_context;
mod spec_1_event;
mod spec_2_results;
mod spec_3_headers;
mod spec_4_1_frame;
mod spec_4_3_objects;
mod spec_4_3_text;
mod spec_4_4_buffer;
mod spec_4_4_crypto;
mod spec_4_4_querystring;
mod spec_4_6_error_texts;
mod spec_4_6_syntax;
mod spec_5_key_value_store;

use super::kvs::{About, Snapshot};
use super::{Call, CallResult, Engine, EventType, FunctionId, FunctionSource, LoadError, Outcome};
use crate::{EventContext, Failure, FailureKind, Request, RequestEdit, Response, ResponseEdit, Verdict};
use bytes::Bytes;
use homefront_config::function::{Fidelity, FunctionRuntime};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Runs on a stack like a worker's.
fn on_big_stack(test: impl FnOnce() + Send + 'static) {
    on_stack(1 << 30, test);
}

fn on_stack(bytes: usize, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(bytes).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn context() -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: "EDFDVBD6EXAMPLE".into(),
        request_id: "EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE==".to_owned(),
        viewer_ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 11)),
        server_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    }
}

/// A request for `target` (path and query) with these header lines.
fn request(target: &str, lines: &[(&str, &str)]) -> Request {
    let (uri, querystring) = match target.split_once('?') {
        Some((uri, querystring)) => (uri, Some(Bytes::copy_from_slice(querystring.as_bytes()))),
        None => (target, None),
    };
    Request {
        method: "GET".to_owned(),
        uri: Bytes::copy_from_slice(uri.as_bytes()),
        querystring,
        headers: lines.iter().map(|(name, value)| (*name, *value)).collect(),
    }
}

fn response(status: u16, lines: &[(&str, &str)]) -> Response {
    let headers = lines.iter().map(|(name, value)| (*name, *value)).collect();
    Response { status, status_description: None, headers, body: None }
}

/// One function in an engine of its own.
struct Function {
    engine: Engine,
    id: FunctionId,
}

impl Function {
    fn new(code: &str) -> Self {
        Self::with(code, FunctionRuntime::CloudfrontJs2_0, None)
    }

    fn with(code: &str, runtime: FunctionRuntime, store: Option<Arc<Snapshot>>) -> Self {
        Self::load(code, runtime, Fidelity::Strict, store).unwrap_or_else(|error| panic!("{error}\n{code}"))
    }

    /// In runtime 2.0, with what our engine has beyond CloudFront's.
    fn relaxed(code: &str) -> Self {
        let loaded = Self::load(code, FunctionRuntime::CloudfrontJs2_0, Fidelity::Relaxed, None);
        loaded.unwrap_or_else(|error| panic!("{error}\n{code}"))
    }

    fn load(
        code: &str,
        runtime: FunctionRuntime,
        fidelity: Fidelity,
        store: Option<Arc<Snapshot>>,
    ) -> Result<Self, LoadError> {
        let mut engine = Engine::new();
        let source = FunctionSource { name: "test".to_owned(), runtime, fidelity, code: code.to_owned(), store };
        let id = engine.load(source)?;
        Ok(Self { engine, id })
    }

    fn call(&mut self, request: &Request, response: Option<&Response>) -> CallResult {
        let event_type = if response.is_some() { EventType::ViewerResponse } else { EventType::ViewerRequest };
        let context = context();
        let call = Call { event_type, context: &context, request, response, now_ms: 1_700_000_000_000, random_seed: 7 };
        self.engine.call(self.id, &call)
    }

    fn on_request(&mut self, request: &Request) -> Verdict<RequestEdit> {
        match self.call(request, None).outcome {
            Outcome::Request(verdict) => verdict,
            Outcome::Response(verdict) => panic!("{verdict:?}"),
        }
    }

    fn on_response(&mut self, request: &Request, response: &Response) -> Verdict<ResponseEdit> {
        match self.call(request, Some(response)).outcome {
            Outcome::Response(verdict) => verdict,
            Outcome::Request(verdict) => panic!("{verdict:?}"),
        }
    }
}

/// The edit of a viewer-request function.
fn edit(code: &str, request: &Request) -> RequestEdit {
    match Function::new(code).on_request(request) {
        Verdict::Continue(edit) => edit,
        other => panic!("{other:?}\n{code}"),
    }
}

/// The edit of a viewer-response function.
fn response_edit(code: &str, response: &Response) -> ResponseEdit {
    match Function::new(code).on_response(&request("/", &[]), response) {
        Verdict::Continue(edit) => edit,
        other => panic!("{other:?}\n{code}"),
    }
}

/// The response a viewer-request function makes.
fn generated(code: &str) -> Response {
    match Function::new(code).on_request(&request("/", &[("Host", "example.com")])) {
        Verdict::Respond(response) => response,
        other => panic!("{other:?}\n{code}"),
    }
}

/// How a viewer-request function fails on `/?a=b` with a few headers.
fn failure(code: &str) -> Failure {
    let request = request("/?a=b", &[("Host", "example.com"), ("Via", "1.1 x"), ("X-Test", "1"), ("Cookie", "a=b")]);
    match Function::new(code).on_request(&request) {
        Verdict::Fail(failure) => failure,
        other => panic!("{other:?}\n{code}"),
    }
}

/// How a viewer-response function fails.
fn response_failure(code: &str) -> Failure {
    let response = response(200, &[("Via", "1.1 x"), ("X-Test", "1"), ("Set-Cookie", "a=b; Secure")]);
    match Function::new(code).on_response(&request("/", &[]), &response) {
        Verdict::Fail(failure) => failure,
        other => panic!("{other:?}\n{code}"),
    }
}

/// The value of an expression, printed by `JSON.stringify`, in runtime 2.0.
fn evaluate(expression: &str) -> String {
    evaluate_in(expression, FunctionRuntime::CloudfrontJs2_0)
}

fn evaluate_in(expression: &str, runtime: FunctionRuntime) -> String {
    let code = format!(
        "function handler(event) {{ var value; try {{ value = JSON.stringify({expression}); }} \
         catch (error) {{ value = 'throws ' + error; }} console.log(String(value)); return event.request; }}"
    );
    let result = Function::with(&code, runtime, None).call(&request("/", &[]), None);
    result.logs.first().cloned().unwrap_or_else(|| format!("{:?}", result.outcome))
}

fn store() -> Arc<Snapshot> {
    let entries = [("key", "value"), ("json", "{\"a\":[1,2]}"), ("accent", "é")];
    let (created, updated) = ("2024-01-01T00:00:00Z".to_owned(), "2024-02-01T00:00:00Z".to_owned());
    let about = About { name: "store".to_owned(), id: "a1b2".to_owned(), created, updated };
    Arc::new(Snapshot::new(about, entries).unwrap())
}
