//! Case files: what functions and distributions must do, read from TOML for `homefront test`.
//!
//! As with a configuration, reading gives either cases that cannot be wrong or a report of every error in the file. A case
//! refers to functions and origins of a configuration, so that is read with it.

mod build;
mod expect;
mod find;
pub(crate) mod raw;

use crate::Config;
use crate::behavior::Behavior;
use crate::distribution::Distribution;
use crate::function::Function;
use crate::lambda::Lambda;
use crate::origin::Origin;
use crate::path_pattern::PathPattern;
use crate::report::Report;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use find::{CASE_FILES, CONFIG_FILE, find, is_case_file};
pub use raw::{EventType, Scheme};

/// The cases of one file, and the configuration they are about.
#[derive(Debug)]
pub struct CaseFile {
    /// In the order of the file; at least one.
    pub cases: Vec<Case>,
    /// The configuration.
    pub config: Config,
}

/// One promise.
#[derive(Debug)]
pub struct Case {
    /// Unique within the file.
    pub name: String,
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// What is done, and what must come of it.
    pub trial: Trial,
}

/// What a case does.
#[derive(Debug)]
pub enum Trial {
    /// A CloudFront Function gets an event.
    Function {
        /// Which.
        function: Arc<Function>,
        /// The event.
        event: Event,
        /// What must come of it.
        expect: FunctionExpect,
    },
    /// A Lambda@Edge function gets an event.
    Lambda {
        /// Which.
        lambda: Arc<Lambda>,
        /// The event.
        event: LambdaEvent,
        /// What must come of it.
        expect: FunctionExpect,
    },
    /// A node gets requests.
    Node {
        /// In order; at least one.
        steps: Vec<Step>,
        /// What stands in for which origins, by id.
        stand_ins: Vec<StandIn>,
        /// Texts that occur in lines functions print while it runs.
        log_contains: Vec<String>,
    },
}

/// What a CloudFront Function is called with.
#[derive(Debug)]
pub enum Event {
    /// The event object.
    Object(Value),
    /// An event object made of messages.
    Of {
        /// The viewer's request.
        request: Request,
        /// The response: the event is `viewer-response`.
        response: Option<Response>,
    },
}

/// What a Lambda@Edge function is called with.
#[derive(Debug)]
pub enum LambdaEvent {
    /// The event object.
    Object(Value),
    /// An event object made of messages.
    Of(Box<LambdaMessages>),
}

/// What an event of a Lambda@Edge function is made of.
#[derive(Debug)]
pub struct LambdaMessages {
    /// One that some behavior calls the function on.
    pub on: EventType,
    /// Of that behavior.
    pub distribution: Arc<Distribution>,
    /// That behavior.
    pub behavior: Arc<Behavior>,
    /// Of that behavior, in an event between the cache and the origin.
    pub origin: Option<Arc<Origin>>,
    /// The viewer's request.
    pub request: Request,
    /// In an event of a response.
    pub response: Option<Response>,
    /// Whether the function sees the request's body.
    pub includes_body: bool,
}

/// A viewer's request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`
    pub method: String,
    /// Path and query; begins with `/`.
    pub target: String,
    /// The `Host`, as the case has it, or the name of the distribution that it goes to.
    pub host: String,
    /// Lines in the order of the file; without `Host` when the case says nothing of it.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: String,
    /// How the viewer speaks to the node.
    pub scheme: Scheme,
    /// Of the event; a node sees the viewer's own.
    pub viewer_ip: std::net::IpAddr,
}

/// The response of an event.
#[derive(Debug, Clone)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Lines in the order of the file.
    pub headers: Vec<(String, String)>,
}

/// One request to a node.
#[derive(Debug)]
pub struct Step {
    /// How far the clock moves before it.
    pub after: Duration,
    /// The request.
    pub request: Request,
    /// What must come of it.
    pub expect: AnswerExpect,
}

/// What must come of a call of a function.
#[derive(Debug)]
pub struct FunctionExpect {
    /// How it ends.
    pub end: End,
    /// All lines it prints.
    pub log: Option<Vec<String>>,
    /// Texts that occur in lines it prints.
    pub log_contains: Vec<String>,
    /// In percent; CloudFront Functions only.
    pub utilization_max: Option<u8>,
    /// The file with all that comes of it, absolute.
    pub snapshot: Option<PathBuf>,
}

/// How a call of a function ends.
#[derive(Debug)]
pub enum End {
    /// With a result that CloudFront accepts, which is this.
    Result(Box<ResultExpect>),
    /// With a result that CloudFront refuses; the sentence or the reason contains this.
    Refused(String),
    /// With an error that contains this.
    Error(String),
}

/// What a function returns.
#[derive(Debug, Default)]
pub struct ResultExpect {
    /// All of it.
    pub output: Option<Value>,
    /// A part of it.
    pub output_contains: Option<Value>,
    /// The path of the request.
    pub uri: Option<String>,
    /// The query string of the request.
    pub querystring: Option<String>,
    /// Status, headers, body.
    pub message: MessageExpect,
}

/// What a viewer gets.
#[derive(Debug)]
pub struct AnswerExpect {
    /// Status, headers, body.
    pub message: MessageExpect,
    /// How many requests reach stand-ins.
    pub origin_requests: Option<usize>,
    /// The last of them.
    pub origin_request: Option<OriginRequestExpect>,
    /// The file with all that comes of it, absolute.
    pub snapshot: Option<PathBuf>,
}

/// What a stand-in gets.
#[derive(Debug)]
pub struct OriginRequestExpect {
    /// `GET`
    pub method: Option<String>,
    /// Path and query.
    pub target: Option<String>,
    /// Headers, body.
    pub message: MessageExpect,
}

/// Status, headers and body of a message.
#[derive(Debug, Default)]
pub struct MessageExpect {
    /// The status.
    pub status: Option<u16>,
    /// Names, and all their lines in order.
    pub headers: Vec<(String, Vec<String>)>,
    /// Names that must be there.
    pub present_headers: Vec<String>,
    /// Names that must not be there.
    pub absent_headers: Vec<String>,
    /// The whole body.
    pub body: Option<String>,
    /// A part of the body.
    pub body_contains: Option<String>,
}

/// What answers in an origin's place.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The origin's id, which some distribution of the configuration has.
    pub origin: String,
    /// The first that fits answers.
    pub answers: Vec<Answer>,
}

/// What a stand-in answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// To which requests.
    pub path_pattern: PathPattern,
    /// 200 to 599.
    pub status: u16,
    /// Lines in the order of the file.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: String,
}

/// Why there are no cases.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The case file is wrong.
    #[error(transparent)]
    Cases(Report),
    /// The configuration it is about is.
    #[error(transparent)]
    Config(Report),
}

/// Reads a case file and the configuration it is about. `env` answers for `${NAME}`.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<CaseFile, CaseError> {
    build::load(path, env)
}

/// Reads the text of a case file; `name` is what messages call it, `folder` the absolute one it lies in.
pub fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CaseFile, CaseError> {
    build::parse(name, text, folder, env)
}
