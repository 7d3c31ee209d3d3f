//! How a hook can fail. What a viewer sees of it is the proxy's business.

use std::borrow::Cow;

/// A failed hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct Failure {
    /// Which of CloudFront's classes.
    pub kind: FailureKind,
    /// CloudFront's own sentence for the page, where the class has several; `None` = the class's standard sentence.
    pub sentence: Option<Cow<'static, str>>,
    /// For the log and the author, never for a viewer: what happened, to which function, and the way out.
    pub detail: String,
}

/// CloudFront's classes of failure; each has a status and an `X-Cache` value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// 503 `FunctionExecutionError`: threw, timed out, ran out of memory, returned nonsense.
    FunctionExecution,
    /// 502 `FunctionValidationError`: returned something CloudFront does not accept.
    FunctionValidation,
    /// 503 `FunctionThrottledError`: does not compile, or kills its workers again and again.
    FunctionThrottled,
    /// 503 `LambdaExecutionError`: error, timeout, crash.
    LambdaExecution,
    /// 502 `LambdaValidationError`
    LambdaValidation,
    /// 503 `LambdaLimitExceeded`: every environment is busy and the queue is full.
    LambdaLimitExceeded,
}
