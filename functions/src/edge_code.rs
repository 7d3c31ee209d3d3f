//! All loaded edge code of a node, by name: started at boot, stopped with the node.

use crate::function_log::FunctionLog;
use crate::js::functions::{Functions, FunctionsError, Reloaded};
use crate::js::pool::Figures;
use crate::js::{Call, CallResult, EventType, Outcome};
use crate::lambda::Lambdas;
use crate::process::Spawner;
use crate::{Called, EventContext, Failure, FailureKind, Request, RequestEdit, Response, ResponseEdit, Verdict};
use homefront_config::{Config, Function};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The functions of a node, ready to be called.
#[derive(Debug)]
pub struct EdgeCode {
    spawner: Spawner,
    functions: Functions,
    lambdas: Lambdas,
}

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
    #[error("{place}: lambda \"{lambda}\": cannot run \"{interpreter}\": {reason}\n  hint: {hint}")]
    Interpreter {
        /// File, line and column of what names it.
        place: String,
        /// Name of the function.
        lambda: String,
        /// What was started.
        interpreter: String,
        /// Why it failed.
        reason: String,
        /// The way out.
        hint: &'static str,
    },
    /// The extension module that runs Python functions is not there.
    #[error(
        "{place}: lambda \"{lambda}\": libhomefront_python.so, which runs Python functions, is not beside the executable\n  hint: install it with the executable, or build it: cargo build -p homefront-python"
    )]
    PythonModule {
        /// File, line and column of what asks for Python.
        place: String,
        /// Name of the function.
        lambda: String,
    },
    /// A deployment package cannot be unpacked.
    #[error("{place}: lambda \"{lambda}\": cannot use the deployment package {}: {reason}", package.display())]
    Package {
        /// File, line and column of the function.
        place: String,
        /// Name of the function.
        lambda: String,
        /// The .zip file.
        package: PathBuf,
        /// Why it failed.
        reason: String,
    },
    /// A CloudFront Function's source or store cannot be read, or there are no workers for it.
    #[error(transparent)]
    Functions(#[from] FunctionsError),
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
    /// Starts workers and environments for everything `config` associates with a behavior. Needs a tokio runtime. A CloudFront
    /// Function that does not compile is not an error, see [`EdgeCode::faults`].
    pub async fn start(config: &Config, workers: Workers, log: FunctionLog) -> Result<Self, StartError> {
        let refused = |source| StartError::System { what: "cannot start a thread".to_owned(), source };
        let spawner = Spawner::start(Some(workers.executable.clone())).map_err(refused)?;
        let lambdas = Lambdas::start(config, &workers, &spawner, &log).await?;
        let functions =
            Functions::start(config, &spawner, workers.executable, workers.function_workers, log.clone()).await?;
        Ok(Self { spawner, functions, lambdas })
    }

    /// Texts for each CloudFront Function that answers no request: what, where, why, and the way out. CloudFront would not compile
    /// it, and every request gets 503 `FunctionThrottledError`; or its top level throws, and it is `FunctionExecutionError`.
    pub fn faults(&self) -> Vec<String> {
        self.functions.faults()
    }

    /// One text for each thing in a CloudFront Function that is called though it fails on CloudFront, or might: where, what,
    /// what CloudFront does, and the way out.
    pub fn findings(&self) -> Vec<String> {
        self.functions.findings()
    }

    /// What each CloudFront Function did: distribution id, name of the function, CloudWatch's figures.
    pub fn function_figures(&self) -> Vec<(&str, &str, Figures)> {
        self.functions.figures()
    }

    /// Lets functions and stores that are saved serve, for as long as it is polled, and tells of each; what cannot serve leaves
    /// the last good version serving, but that a Lambda@Edge function is tried as it is. It returns only when it cannot begin.
    pub async fn keep_current(&self, tell: impl Fn(Reloaded) + Send + Sync + 'static) -> std::io::Error {
        let tell: Arc<dyn Fn(Reloaded) + Send + Sync> = Arc::new(tell);
        let heard = tell.clone();
        let functions = self.functions.keep_current(move |news| heard(news));
        tokio::select! {
            error = functions => error,
            never = self.lambdas.keep_current(&tell) => match never {},
        }
    }

    /// CloudFront Function on viewer request. It runs among the workers of the distribution that `context` names.
    pub async fn function_viewer_request(
        &self,
        function: &Function,
        context: &EventContext,
        request: &Request,
    ) -> Called<RequestEdit> {
        let call = call(EventType::ViewerRequest, context, request, None);
        let CallResult { outcome, log_data, .. } = self.functions.call(function, &call).await;
        let verdict = match outcome {
            Outcome::Request(verdict) => verdict,
            Outcome::Response(_) => Verdict::Fail(other_event(function)),
        };
        Called { verdict, log_data }
    }

    /// CloudFront Function on viewer response; `request` is as the viewer-request function left it.
    pub async fn function_viewer_response(
        &self,
        function: &Function,
        context: &EventContext,
        request: &Request,
        response: &Response,
    ) -> Called<ResponseEdit> {
        let call = call(EventType::ViewerResponse, context, request, Some(response));
        let CallResult { outcome, log_data, .. } = self.functions.call(function, &call).await;
        let verdict = match outcome {
            Outcome::Response(verdict) => verdict,
            Outcome::Request(_) => Verdict::Fail(other_event(function)),
        };
        Called { verdict, log_data }
    }

    /// The Lambda@Edge functions.
    pub fn lambdas(&self) -> &Lambdas {
        &self.lambdas
    }

    /// Ends every child process; returns when they are gone.
    pub async fn stop(&self) {
        self.functions.stop();
        self.lambdas.stop().await;
        self.spawner.all_gone().await;
    }
}

#[allow(clippy::disallowed_methods, reason = "a function's `Date` is the system's; nothing is decided by it")]
fn call<'a>(
    event_type: EventType,
    context: &'a EventContext,
    request: &'a Request,
    response: Option<&'a Response>,
) -> Call<'a> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    Call { event_type, context, request, response, now_ms, random_seed: rand::random() }
}

fn other_event(function: &Function) -> Failure {
    let detail = format!("function \"{}\": its worker answered another event", function.name);
    Failure { kind: FailureKind::FunctionExecution, sentence: None, detail }
}
