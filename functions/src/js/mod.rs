//! CloudFront Functions: the JavaScript engine, single-threaded and without IO, and what runs around it.

pub mod engine;
pub mod kvs;

pub use engine::{Call, CallResult, Engine, EventType, FunctionId, FunctionSource, LoadError, Outcome};
