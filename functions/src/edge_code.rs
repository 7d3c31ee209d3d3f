//! All loaded edge code of a node, by name: started at boot, stopped with the node.

use crate::function_log::FunctionLog;
use crate::{EventContext, OriginProtocol, Request, RequestEdit, Response, ResponseEdit, Verdict};
use homefront_config::{Config, Function, Lambda};
use std::path::PathBuf;

/// The functions of a node, ready to be called.
pub struct EdgeCode {}

/// How to start worker processes.
#[derive(Debug, Clone)]
pub struct Workers {
    /// Our own binary; started as `<executable> function-worker`.
    pub executable: PathBuf,
    /// The Python worker, `libhomefront_python.so`; `None` = not found, which is an error only when a Python function is there.
    pub python_module: Option<PathBuf>,
    /// Worker processes for the CloudFront Functions of one distribution, the spare not counted.
    pub function_workers: usize,
}

/// Why edge code could not be started. Messages say what, where and the way out.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The interpreter a function names is not there.
    #[error(
        "lambda \"{lambda}\": cannot run \"{interpreter}\": {reason}\n  hint: install it, or name another runtime (python3, python3.X)"
    )]
    Interpreter {
        /// Name of the function.
        lambda: String,
        /// What was started.
        interpreter: String,
        /// Why it failed.
        reason: String,
    },
    /// Something of the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl EdgeCode {
    /// Starts workers and environments for everything `config` associates with a behavior. Needs a tokio runtime.
    pub async fn start(_config: &Config, _workers: Workers, _log: FunctionLog) -> Result<Self, StartError> {
        Ok(Self {})
    }

    /// CloudFront Function on viewer request.
    pub async fn function_viewer_request(
        &self,
        _function: &Function,
        _context: &EventContext,
        _request: &Request,
    ) -> Verdict<RequestEdit> {
        Verdict::Continue(RequestEdit::default())
    }

    /// CloudFront Function on viewer response; `request` is as the viewer-request function left it.
    pub async fn function_viewer_response(
        &self,
        _function: &Function,
        _context: &EventContext,
        _request: &Request,
        _response: &Response,
    ) -> Verdict<ResponseEdit> {
        Verdict::Continue(ResponseEdit::default())
    }

    /// Lambda@Edge on origin request; `request` is what is about to go to the origin, over `protocol`.
    pub async fn lambda_origin_request(
        &self,
        _lambda: &Lambda,
        _context: &EventContext,
        _origin: &homefront_config::Origin,
        _protocol: OriginProtocol,
        _request: &Request,
    ) -> Verdict<RequestEdit> {
        Verdict::Continue(RequestEdit::default())
    }

    /// Lambda@Edge on origin response, before the cache stores it.
    pub async fn lambda_origin_response(
        &self,
        _lambda: &Lambda,
        _context: &EventContext,
        _origin: &homefront_config::Origin,
        _protocol: OriginProtocol,
        _request: &Request,
        _response: &Response,
    ) -> Verdict<ResponseEdit> {
        Verdict::Continue(ResponseEdit::default())
    }

    /// Ends every child process; returns when they are gone.
    pub async fn stop(&self) {}
}
