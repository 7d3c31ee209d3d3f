//! From the case file as it is written to cases that cannot be wrong.

mod function;
mod lambda;

use super::raw::{self, EventType, Json, Lines};
use super::{Answer, Case, CaseError, CaseFile, FunctionExpect, Request, Response, StandIn, Step, Trial, expect, find};
use crate::build::{is_token, is_value, unknown};
use crate::distribution::Distribution;
use crate::language::collection::Map;
use crate::language::scalar::{Text, value};
use crate::language::{At, Reading, Value as _};
use crate::limits::{CONFIG_FILE_BYTES_MAX, LAMBDA_EVENT_BYTES_MAX, URL_BYTES_MAX};
use crate::load::{document, read_text};
use crate::path_pattern::PathPattern;
use crate::raw::each;
use crate::report::Report;
use crate::{Config, load as load_config};
use std::ops::Range;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

pub(super) fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<CaseFile, CaseError> {
    let unreadable = |error: &std::io::Error| CaseError::Cases(Report::unreadable_cases(path, error));
    let text = read_text(path).map_err(|error| unreadable(&error))?;
    let file = absolute(path).map_err(|error| unreadable(&error))?;
    parse(&path.display().to_string(), &text, file.parent().unwrap_or(Path::new("/")), env)
}

pub(super) fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CaseFile, CaseError> {
    // Of the configuration; what is wrong with the cases comes first.
    let mut broken = None;
    let cases = document(name, text, folder, env, |root, reading| {
        let root = raw::Root::read(root, reading)?;
        let config = config_file(root.config, folder, reading)?;
        let config = match load_config(&config, env) {
            Ok((config, _)) => config,
            Err(report) => {
                broken = Some(report);
                return None;
            }
        };
        let mut builder = Builder { config: &config, text, origins: root.origin, extent: 0..0, reading };
        let cases = builder.cases(root.case);
        Some((cases, config))
    });
    match (cases, broken) {
        (_, Some(report)) => Err(CaseError::Config(report)),
        (Ok(((cases, config), _)), None) => Ok(CaseFile { cases, config }),
        (Err(report), None) => Err(CaseError::Cases(report)),
    }
}

fn config_file(named: Option<At<PathBuf>>, folder: &Path, reading: &mut Reading<'_>) -> Option<PathBuf> {
    if let Some(path) = named {
        return reading.file(&path, "configuration", CONFIG_FILE_BYTES_MAX).map(|_| path.value);
    }
    let found = find::nearest_config(folder);
    if found.is_none() {
        let name = find::CONFIG_FILE;
        reading
            .error(0..0, format!("no {name} is beside this file or in a folder above it"))
            .hint("name the configuration these cases are about: `config = \"site.toml\"`");
    }
    found
}

/// What building a case needs to know of the file around it.
struct Builder<'a, 'r> {
    config: &'a Config,
    text: &'a str,
    origins: Option<At<Map<Vec<At<raw::Answer>>>>>,
    /// All of the case that is being built.
    extent: Range<usize>,
    reading: &'a mut Reading<'r>,
}

impl Builder<'_, '_> {
    fn cases(&mut self, cases: Option<At<Vec<At<raw::Case>>>>) -> Vec<Case> {
        let Some(At { value: cases, span }) = cases else { return Vec::new() };
        if cases.is_empty() && !self.reading.is_broken(&span) {
            self.reading.error(span, "there is no case");
        }
        let shared = self.origins.take();
        let shared = self.stand_ins(shared);
        let mut names: Vec<At<String>> = Vec::new();
        let mut built = Vec::new();
        // The span of a `[[case]]` is its header; the case goes on to the next one.
        let ends: Vec<_> = cases.iter().skip(1).map(|case| case.span.start).chain([self.text.len()]).collect();
        for (At { value: mut case, span }, end) in cases.into_iter().zip(ends) {
            let name = case.name.take().map(|name| name.at(name.value.0.clone()));
            if let Some(name) = &name {
                self.unique(name, &names);
                names.push(name.clone());
            }
            let line = self.text.as_bytes()[..span.start].split(|byte| *byte == b'\n').count();
            self.extent = span.start..end.max(span.end);
            let trial = self.trial(case, &span, &shared);
            if let (Some(name), Some(trial)) = (name, trial) {
                built.push(Case { name: name.value, line, trial });
            }
        }
        built
    }

    fn unique(&mut self, name: &At<String>, names: &[At<String>]) {
        if let Some(first) = names.iter().find(|other| other.value == name.value) {
            self.reading
                .error(name.span.clone(), format!("the case {:?} is there twice", name.value))
                .label("again here")
                .related(first.span.clone(), "first here");
        }
    }

    fn trial(&mut self, case: raw::Case, span: &Range<usize>, shared: &[StandIn]) -> Option<Trial> {
        match (&case.function, &case.lambda) {
            (Some(_), Some(lambda)) => {
                self.reading.error(lambda.span.clone(), "a case runs a `function` or a `lambda`, not both");
                None
            }
            (Some(_), None) => self.function(case, span),
            (None, Some(_)) => self.lambda(case, span),
            (None, None) => Some(self.node(case, span, shared)),
        }
    }

    /// What a function is called with: one of both.
    fn given(&mut self, case: &mut raw::Case, span: &Range<usize>) -> Option<Given> {
        match (case.event.take(), case.request.take()) {
            (Some(event), None) => {
                self.refuse("response", case.response.as_ref(), "the `event` has its own");
                Some(Given::Event(event))
            }
            (None, Some(request)) => Some(Given::Request(request)),
            (Some(_), Some(request)) => {
                self.reading.error(request.span, "a function gets an `event` or a `request`, not both");
                None
            }
            (None, None) => {
                self.missing(span, "the function needs an `event`, or a `request` that one is made of");
                None
            }
        }
    }

    fn function_expect(
        &mut self,
        expect: Option<At<raw::Expect>>,
        span: &Range<usize>,
        runs: expect::Runs,
    ) -> Option<FunctionExpect> {
        let Some(expect) = expect else {
            self.missing(span, "the case needs an `expect`");
            return None;
        };
        expect::of_function(expect, runs, self.reading)
    }

    fn node(&mut self, mut case: raw::Case, span: &Range<usize>, shared: &[StandIn]) -> Trial {
        const WHY: &str = "this case asks a node; with `function` or `lambda` it would run one function";
        self.refuse("event", case.event.as_ref(), WHY);
        self.refuse("event_type", case.event_type.as_ref(), WHY);
        self.refuse("response", case.response.as_ref(), WHY);
        let own = case.origin.take();
        let stand_ins = joined(self.stand_ins(own), shared);
        let (mut steps, mut log_contains) = (Vec::new(), Vec::new());
        match (case.step.take(), case.request.take()) {
            (Some(rows), None) => {
                if let Some(expect) = case.expect.take() {
                    log_contains = expect::of_case(expect, self.reading);
                }
                for row in rows.value {
                    steps.extend(self.step(row.value, &mut log_contains));
                }
            }
            (None, Some(request)) => match case.expect.take() {
                Some(expect) => {
                    let row = raw::Step { request: Some(request), expect: Some(expect), after_s: None };
                    steps.extend(self.step(row, &mut log_contains));
                }
                None => self.missing(span, "the case needs an `expect`"),
            },
            (Some(_), Some(request)) => {
                self.reading.error(request.span, "a case has one `request` or several in `step`, not both");
            }
            (None, None) => {
                self.missing(span, "the case does nothing: it needs a `request`, a `function` or a `lambda`");
            }
        }
        Trial::Node { steps, stand_ins, log_contains }
    }

    fn step(&mut self, row: raw::Step, log_contains: &mut Vec<String>) -> Option<Step> {
        let request = row.request.and_then(|request| self.request(request, Asks::Node));
        let expect = row.expect.map(|expect| expect::of_answer(expect, log_contains, self.reading));
        let after = Duration::from_secs(row.after_s.map_or(0, |after| after.value.0));
        Some(Step { after, request: request?, expect: expect? })
    }

    /// The event object; what is in a file is read.
    fn event(&mut self, event: At<raw::Event>) -> Option<serde_json::Value> {
        let path = match event.value {
            raw::Event::Object(object) => return Some(object),
            raw::Event::File(path) => At { value: path, span: event.span },
        };
        let bytes = self.reading.file(&path, "event", LAMBDA_EVENT_BYTES_MAX)?;
        match serde_json::from_slice(&bytes) {
            Ok(object) => Some(object),
            Err(error) => {
                self.reading.error(path.span, format!("the event {} is not JSON: {error}", path.value.display()));
                None
            }
        }
    }

    fn request(&mut self, request: At<raw::Request>, asks: Asks<'_>) -> Option<Request> {
        let At { value: request, span } = request;
        if matches!(asks, Asks::Node) {
            self.https_possible(request.scheme.as_ref());
            self.refuse("viewer_ip", request.viewer_ip.as_ref(), "a node sees the address its viewer has");
        } else {
            self.refuse("scheme", request.scheme.as_ref(), "a function does not see it");
            if matches!(asks, Asks::Function(_)) {
                self.refuse("body", request.body.as_ref(), "a CloudFront Function does not see it");
            }
        }
        let method = request.method.map_or_else(|| "GET".to_owned(), |method| method.value.0);
        let viewer_ip = match request.viewer_ip.map(|ip| (ip.value.0.parse(), ip)) {
            None => EXAMPLE_VIEWER,
            Some((Ok(address), _)) => address,
            Some((Err(_), ip)) => {
                self.reading.error(ip.span, format!("{:?} is not an IP address", ip.value.0));
                return None;
            }
        };
        let target = request.path.map(|path| path.at(path.value.0.clone()));
        let target = target.filter(|target| self.target(target));
        let headers = headers(request.headers, self.reading);
        let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, host)| host.clone());
        let host = host.or_else(|| match asks {
            Asks::Function(caller) | Asks::Lambda(caller) => Some(caller.name().to_owned()),
            Asks::Node => self.only_host(&span),
        });
        Some(Request {
            method,
            target: target?.value,
            host: host?,
            headers,
            body: value(request.body).unwrap_or_default(),
            scheme: value(request.scheme).unwrap_or(raw::Scheme::Http),
            viewer_ip,
        })
    }

    /// The name of the one distribution, for a request that names none.
    fn only_host(&mut self, span: &Range<usize>) -> Option<String> {
        if let [only] = &self.config.distributions[..] {
            return Some(only.name().to_owned());
        }
        self.reading
            .error(span.clone(), "the configuration has several distributions: which is asked?")
            .hint("say it with `headers = { Host = \"…\" }`");
        None
    }

    fn https_possible(&mut self, scheme: Option<&At<raw::Scheme>>) {
        if let Some(At { value: raw::Scheme::Https, span }) = scheme
            && self.config.listen.certificate.is_none()
        {
            self.reading.error(span.clone(), "no distribution of the configuration has a `viewer_certificate`");
        }
    }

    /// Whether it can go on the wire. What CloudFront refuses, a case may ask for.
    fn target(&mut self, target: &At<String>) -> bool {
        let sendable = target.value.bytes().all(|byte| byte > b' ' && byte != 0x7f);
        let known = target.value.starts_with('/') && sendable && target.value.len() <= 2 * URL_BYTES_MAX;
        if !known {
            self.reading
                .error(target.span.clone(), "a request's path begins with \"/\" and has no space or control character")
                .hint("percent-encode it as a viewer would");
        }
        known
    }

    /// `is_made`: a function on an origin event may have made its status.
    fn response(&mut self, response: raw::Response, on: EventType, is_made: bool) -> Response {
        let status = response.status.as_ref().map_or(200, |status| status.value.0 as u16);
        if let Some(At { span, .. }) = response.status
            && on == EventType::ViewerResponse
            && !is_made
            && !SHOWN_TO_VIEWER_RESPONSE.contains(&status)
        {
            let hint = format!(
                "it is called for 200 to 399 of an origin; what a viewer gets of a {status} shows in a case without `function` and \
                 `lambda`, whose `origin` answers it"
            );
            self.reading.error(span, format!("no function is called on the viewer response of a {status}")).hint(hint);
        }
        Response { status, headers: headers(response.headers, self.reading) }
    }

    fn stand_ins(&mut self, origins: Option<At<Map<Vec<At<raw::Answer>>>>>) -> Vec<StandIn> {
        let rows = origins.map(|origins| origins.value.0).unwrap_or_default();
        let mut built = Vec::new();
        for (origin, answers) in rows {
            let distributions = &self.config.distributions;
            let ids = || distributions.iter().flat_map(|each| each.origins.iter().map(|origin| origin.id.as_str()));
            if !ids().any(|id| id == origin.value) {
                let ids: Vec<_> = ids().collect();
                unknown("origin", &origin, ids.into_iter(), self.reading);
            }
            let answers = answers.value.into_iter().filter_map(|answer| self.answer(answer.value)).collect();
            built.push(StandIn { origin: origin.value, answers });
        }
        built
    }

    fn answer(&mut self, answer: raw::Answer) -> Option<Answer> {
        let path_pattern = match answer.path_pattern {
            None => PathPattern::any(),
            Some(pattern) => match PathPattern::parse(&pattern.value.0) {
                Ok(pattern) => pattern,
                Err(error) => {
                    self.reading.error(pattern.span, error.to_string());
                    return None;
                }
            },
        };
        Some(Answer {
            path_pattern,
            status: answer.status.map_or(200, |status| status.value.0 as u16),
            headers: headers(answer.headers, self.reading),
            body: value(answer.body).unwrap_or_default(),
        })
    }

    /// Notes a key that has no place in this kind of case.
    fn refuse<T>(&mut self, key: &str, at: Option<&At<T>>, why: &str) {
        if let Some(at) = at {
            self.reading.error(at.span.clone(), format!("`{key}` has no place here: {why}"));
        }
    }

    /// Notes what is missing, unless it is there and wrong.
    fn missing(&mut self, span: &Range<usize>, message: &str) {
        if !self.reading.is_broken(&self.extent) {
            self.reading.error(span.clone(), message);
        }
    }
}

/// What a case calls its function with.
enum Given {
    Event(At<raw::Event>),
    Request(At<raw::Request>),
}

/// Who gets a request; of a function, the distribution that calls it.
#[derive(Debug, Clone, Copy)]
enum Asks<'a> {
    Function(&'a Distribution),
    Lambda(&'a Distribution),
    Node,
}

/// The statuses of responses that viewer-response functions are called for: not when the origin failed (Developer Guide,
/// "Restrictions on all edge functions"), and not for interim responses.
const SHOWN_TO_VIEWER_RESPONSE: Range<u16> = 200..400;

/// RFC 5737, TEST-NET-3: the address of the Developer Guide's examples.
const EXAMPLE_VIEWER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 178));

fn text(text: Option<At<Text>>) -> Option<At<String>> {
    text.map(|At { value, span }| At { value: value.0, span })
}

/// A case's own answers go before those of the file.
fn joined(mut own: Vec<StandIn>, shared: &[StandIn]) -> Vec<StandIn> {
    for StandIn { origin, answers } in shared {
        match own.iter_mut().find(|stand_in| stand_in.origin == *origin) {
            Some(stand_in) => stand_in.answers.extend(answers.iter().cloned()),
            None => own.push(StandIn { origin: origin.clone(), answers: answers.clone() }),
        }
    }
    own
}

/// Header lines that can go on the wire, as they are written.
pub(super) fn headers(headers: Option<At<Map<Lines>>>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let rows = headers.map(|headers| headers.value.0).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, values) in rows {
        if !is_token(&name.value) {
            reading.error(name.span.clone(), format!("{:?} cannot be the name of a header", name.value));
        }
        if !values.value.0.iter().all(|value| is_value(value)) {
            let message = "a header's value cannot have control characters, or white space around it";
            reading.error(values.span.clone(), message);
        }
        lines.extend(values.value.0.into_iter().map(|value| (name.value.clone(), value)));
    }
    lines
}

/// JSON as the public types hold it.
pub(super) fn plain(json: Option<At<Json>>) -> Option<serde_json::Value> {
    json.map(|json| json.value.0)
}

/// The items of an optional list.
pub(super) fn texts(list: Option<At<Vec<At<Text>>>>) -> Vec<String> {
    each(list).into_iter().map(|text| text.value.0).collect()
}
