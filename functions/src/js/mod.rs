//! CloudFront Functions: the JavaScript engine, single-threaded and without IO, and what runs around it.

pub mod engine;
pub mod frame;
pub mod functions;
pub mod inline;
pub mod kvs;
pub mod pool;
pub mod runner;
pub mod worker;

pub use engine::{Call, CallResult, Engine, EventType, FunctionId, FunctionSource, LoadError, Outcome};
