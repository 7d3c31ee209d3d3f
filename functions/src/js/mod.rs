//! CloudFront Functions: the JavaScript engine, single-threaded and without IO, and what runs around it.

mod allowed;
mod bounds;
mod buffer;
mod byte_string;
mod bytes;
mod clock;
mod cloudfront;
mod console;
mod conversion;
mod crypto;
pub mod engine;
mod entries;
mod event;
mod fault;
pub mod frame;
mod freeze;
pub mod functions;
mod garbage;
mod globals;
mod hooks;
mod host;
pub mod inline;
mod jobs;
mod json;
pub mod kvs;
mod last_lines;
pub mod lint;
mod load_error;
mod modules;
mod outcome;
pub mod polling;
pub mod pool;
mod querystring;
mod realm;
mod regexp;
mod returned;
pub mod ring;
pub mod runner;
mod section;
mod sort;
mod source;
mod symbols;
mod text;
mod text_coding;
pub mod worker;

pub(crate) use engine::Examination;
pub use engine::{Call, CallResult, Engine, EventType, FunctionId, FunctionSource, Outcome, Proof};
pub(crate) use fault::Fault;
pub use load_error::LoadError;
pub(crate) use outcome::BASE64;

#[cfg(test)]
mod tests;
