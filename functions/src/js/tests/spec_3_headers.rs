//! §3 of the specification: every disallowed and every read-only header, on each event.

use super::*;
use crate::rules;

/// Hidden from functions, and refused when one adds them. `*` stands for any rest.
const DISALLOWED: &[&str] = &[
    "Connection",
    "Expect",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Trailer",
    "Upgrade",
    "X-Accel-Buffering",
    "X-Accel-Charset",
    "X-Accel-Limit-Rate",
    "X-Accel-Redirect",
    "X-Amz-Cf-*",
    "X-Amzn-Auth",
    "X-Amzn-Cf-Billing",
    "X-Amzn-Cf-Id",
    "X-Amzn-Cf-Xff",
    "X-Amzn-Errortype",
    "X-Amzn-Fle-Profile",
    "X-Amzn-Header-Count",
    "X-Amzn-Header-Order",
    "X-Amzn-Lambda-Integration-Tag",
    "X-Amzn-RequestId",
    "X-Cache",
    "X-Edge-*",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "CloudFront-Viewer-Cert-PEM",
    "Client-Cert",
    "Client-Cert-Chain",
];

/// Visible on viewer requests, and refused when one is added, changed or deleted.
const REQUEST_READ_ONLY: &[&str] = &["CDN-Loop", "Content-Length", "Host", "Transfer-Encoding", "Via"];

/// The same on viewer responses.
const RESPONSE_READ_ONLY: &[&str] = &["Warning", "Via"];

/// Read-only to Lambda@Edge on viewer responses, and not to CloudFront Functions.
const RESPONSE_OWN: &[&str] = &["Content-Length", "Content-Encoding", "Transfer-Encoding"];

/// As they may come in: in wire case, in lower case, and with any rest.
fn spellings(listed: &str) -> Vec<String> {
    let whole = if listed.ends_with('*') {
        vec![listed.replace('*', ""), listed.replace('*', "Id"), listed.replace('*', "x-y-z")]
    } else {
        vec![listed.to_owned()]
    };
    whole.iter().flat_map(|name| [name.clone(), name.to_lowercase(), name.to_uppercase()]).collect()
}

/// One function for all names: it does what `x-do` says to the header that `x-name` names.
const DOES: &str = "function handler(event) {
    var message = event.response || event.request, request = event.request.headers;
    var name = request['x-name'].value, what = request['x-do'].value;
    if (what === 'look') { console.log(name in message.headers); }
    if (what === 'add') { message.headers[name] = {value: 'added'}; }
    if (what === 'change') { message.headers[name].value = 'changed'; }
    if (what === 'repeat') { message.headers[name] = {value: 'x', multiValue: [{value: 'x'}, {value: 'y'}]}; }
    if (what === 'same') { message.headers[name] = {value: message.headers[name].value}; }
    if (what === 'delete') { delete message.headers[name]; }
    if (what === 'generate') { var headers = {}; headers[name] = {value: 'v'}; return {statusCode: 200, headers: headers}; }
    return message;
}";

/// What comes of doing `what` to the header `name` of a message that has these lines.
fn done(
    function: &mut Function,
    on_response: bool,
    what: &str,
    name: &str,
    lines: &[(&str, &str)],
) -> (CallResult, Option<Failure>) {
    let order = [("X-Name", name), ("X-Do", what)];
    let on_request = if on_response { order.to_vec() } else { [&order[..], lines].concat() };
    let answered = on_response.then(|| response(200, lines));
    let result = function.call(&request("/", &on_request), answered.as_ref());
    let failure = match &result.outcome {
        Outcome::Request(Verdict::Fail(failure)) | Outcome::Response(Verdict::Fail(failure)) => Some(failure.clone()),
        _ => None,
    };
    (result, failure)
}

#[test]
fn every_disallowed_header_is_hidden_on_both_events() {
    let mut function = Function::new(DOES);
    for spelling in DISALLOWED.iter().flat_map(|listed| spellings(listed)) {
        for on_response in [false, true] {
            let (result, failure) =
                done(&mut function, on_response, "look", &spelling.to_lowercase(), &[(&spelling, "v")]);
            assert_eq!((result.logs, failure), (vec!["false".to_owned()], None), "{spelling}");
        }
    }
}

#[test]
fn every_disallowed_header_is_refused_on_both_events() {
    let mut function = Function::new(DOES);
    for name in DISALLOWED.iter().flat_map(|listed| spellings(listed)).map(|name| name.to_lowercase()) {
        for (on_response, what) in [(false, "add"), (true, "add"), (false, "generate")] {
            let (_, failure) = done(&mut function, on_response, what, &name, &[]);
            let failure = failure.unwrap_or_else(|| panic!("{name}"));
            assert_eq!((failure.kind, failure.sentence), (FailureKind::FunctionValidation, None), "{name}");
            assert!(
                failure.detail.ends_with(&format!("[\"{name}\"] is a header that functions may not set")),
                "{}",
                failure.detail
            );
        }
    }
}

#[test]
fn a_hidden_header_is_not_deleted_by_a_function_that_replaces_all_headers() {
    let code = "function handler(event) { event.request.headers = {}; return event.request; }";
    let edit = edit(code, &request("/", &[("X-Real-IP", "1.2.3.4"), ("Expect", "100-continue"), ("X-Amz-Cf-Id", "x")]));
    assert_eq!(edit, RequestEdit::default());
}

fn assert_read_only(on_response: bool, names: &[&str]) {
    let mut function = Function::new(DOES);
    for wire in names {
        let name = wire.to_lowercase();
        let there = [(*wire, "given")];
        let (result, failure) = done(&mut function, on_response, "look", &name, &there);
        assert_eq!((result.logs, failure), (vec!["true".to_owned()], None), "{name} is shown");
        assert_eq!(done(&mut function, on_response, "same", &name, &there).1, None, "{name}: its own value");
        let cases: [(&str, &[(&str, &str)]); 4] =
            [("add", &[]), ("change", &there), ("repeat", &there), ("delete", &there)];
        for (what, lines) in cases {
            let (_, failure) = done(&mut function, on_response, what, &name, lines);
            let failure = failure.unwrap_or_else(|| panic!("{what} {name}"));
            assert_eq!(failure.kind, FailureKind::FunctionValidation, "{what} {name}");
            assert_eq!(failure.sentence.as_deref(), Some(rules::SENTENCE_READ_ONLY_HEADER), "{what} {name}");
            assert!(failure.detail.contains(&format!("[\"{name}\"] is read-only and was ")), "{}", failure.detail);
        }
    }
}

#[test]
fn every_read_only_header_of_viewer_requests_is_shown_and_cannot_be_touched() {
    assert_read_only(false, REQUEST_READ_ONLY);
}

#[test]
fn every_read_only_header_of_viewer_responses_is_shown_and_cannot_be_touched() {
    assert_read_only(true, RESPONSE_READ_ONLY);
}

#[test]
fn what_only_lambda_may_not_change_on_viewer_responses_functions_may() {
    let mut function = Function::new(DOES);
    for wire in RESPONSE_OWN {
        let name = wire.to_lowercase();
        for (what, lines) in
            [("add", &[][..]), ("change", &[(*wire, "given")][..]), ("delete", &[(*wire, "given")][..])]
        {
            assert_eq!(done(&mut function, true, what, &name, lines).1, None, "{what} {name}");
        }
    }
}

#[test]
fn the_tables_of_the_rules_have_nothing_else() {
    use rules::Event::{FunctionViewerRequest, FunctionViewerResponse};
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(rules::read_only_names(FunctionViewerRequest), sorted(REQUEST_READ_ONLY));
    assert_eq!(rules::read_only_names(FunctionViewerResponse), sorted(RESPONSE_READ_ONLY));
    for name in [
        "accept",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-amz-meta",
        "cloudfront-viewer-country",
        "x-cache-a",
        "x-accel",
    ] {
        assert!(!rules::disallowed(name), "{name}");
    }
}
