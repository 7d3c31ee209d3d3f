//! What a node tells about the requests it served.

pub mod access_log;
pub(crate) mod charges;
pub(crate) mod finished;
mod log_line;
mod log_sink;
pub mod log_writer;
pub(crate) mod metrics;
pub(crate) mod sparing;
