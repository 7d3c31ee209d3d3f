//! Frames from a worker to the node. Whoever took a worker over writes them, so they are checked as strictly as anything
//! a viewer sends.

use super::fields::{put_length, put_response};
use super::origin::{put_origin, take_origin};
use super::{Fields, FrameError, put_bytes, put_frame, put_option};
use crate::js::lint::{Finding, Rejected};
use crate::js::{CallResult, LoadError, Outcome, Proof};
use crate::rules::{header_name_valid, header_value_valid, querystring_valid, uri_valid};
use crate::test_function::TestResult;
use crate::{Failure, FailureKind, HeaderEdit, RequestEdit, Response, ResponseEdit, Verdict};
use bytes::Bytes;
use homefront_config::limits::{
    FUNCTION_ANSWER_BYTES_MAX, FUNCTION_BODY_BYTES_MAX, FUNCTION_FINDING_TEXT_BYTES_MAX, FUNCTION_FINDINGS_MAX,
    FUNCTION_LOG_BYTES_MAX, FUNCTION_LOG_DATA_BYTES_MAX,
};

const READY: u8 = 1;
const LOADED: u8 = 2;
const CALLED: u8 = 3;
const TESTED: u8 = 4;
const FORKED: u8 = 5;

const CONTINUE: u8 = 0;
const RESPOND: u8 = 1;
const FAIL: u8 = 2;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has locked itself in and takes orders.
    Ready(Sandbox),
    /// To `Load` and `LoadProven`: the function's number, whether it compiles, and what CloudFront's engine would reject in it.
    Loaded(u32, Result<Proof, LoadError>, Vec<Finding>),
    /// To `Call`: the call's id and what came of it.
    Called(u64, CallResult),
    /// To `Fork`: the process id of the new worker, or the number of the system's error.
    Forked(Result<u32, i32>),
    /// To `Test`; the error is about the event object.
    Tested(Result<TestResult, String>),
}

/// What holds a worker in beside its process: each is what the kernel granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox {
    /// System calls beyond computing, memory and the two sockets are refused.
    pub seccomp: bool,
    /// Files and TCP are out of reach.
    pub landlock: bool,
}

impl Answer {
    /// Appends one frame. `false`: it would be beyond `FUNCTION_ANSWER_BYTES_MAX`, and nothing was appended.
    pub fn put(&self, out: &mut Vec<u8>) -> bool {
        put_frame(out, FUNCTION_ANSWER_BYTES_MAX, |out| match self {
            Self::Ready(sandbox) => out.extend([READY, u8::from(sandbox.seccomp), u8::from(sandbox.landlock)]),
            Self::Loaded(function, result, findings) => {
                out.push(LOADED);
                out.extend_from_slice(&function.to_le_bytes());
                put_option(out, result.as_ref().err(), put_error);
                out.push(result.as_ref().map_or(0, |proof| u8::from(proof.modifies_built_ins)));
                put_option(out, result.as_ref().ok().and_then(|proof| proof.throws.as_ref()), put_error);
                put_findings(out, findings);
            }
            Self::Called(id, result) => {
                out.push(CALLED);
                out.extend_from_slice(&id.to_le_bytes());
                out.extend_from_slice(&result.cpu_us.to_le_bytes());
                put_texts(out, &result.logs);
                put_option(out, result.log_data.as_deref().map(str::as_bytes), put_bytes);
                put_outcome(out, &result.outcome);
            }
            Self::Forked(result) => {
                out.push(FORKED);
                out.extend_from_slice(&result.unwrap_or(0).to_le_bytes());
                out.extend_from_slice(&result.err().unwrap_or(0).to_le_bytes());
            }
            Self::Tested(result) => {
                out.push(TESTED);
                put_tested(out, result);
            }
        })
    }

    /// The answer a frame holds.
    pub fn take(frame: &[u8]) -> Result<Self, FrameError> {
        let mut fields = Fields::new(frame);
        let answer = match fields.u8()? {
            READY => Self::Ready(Sandbox { seccomp: fields.u8()? == 1, landlock: fields.u8()? == 1 }),
            LOADED => {
                let function = fields.u32()?;
                let error = fields.option(take_error)?;
                let proof = Proof { modifies_built_ins: fields.u8()? != 0, throws: fields.option(take_error)? };
                Self::Loaded(function, error.map_or(Ok(proof), Err), take_findings(&mut fields)?)
            }
            CALLED => {
                let (id, cpu_us) = (fields.u64()?, fields.u64()?);
                let logs = take_texts(&mut fields, FUNCTION_LOG_BYTES_MAX)?;
                let within = |text: &String| text.len() <= FUNCTION_LOG_DATA_BYTES_MAX;
                let log_data = checked(take_text(&mut fields)?, "log data", within)?.map(Into::into);
                Self::Called(id, CallResult { outcome: take_outcome(&mut fields)?, logs, log_data, cpu_us })
            }
            FORKED => match (fields.u32()?, fields.u32()?.cast_signed()) {
                (0, error) => Self::Forked(Err(error)),
                (process, _) => Self::Forked(Ok(process)),
            },
            TESTED => Self::Tested(take_tested(&mut fields)?),
            _ => return Err(FrameError::Impossible("answer")),
        };
        fields.end()?;
        Ok(answer)
    }
}

fn put_error(out: &mut Vec<u8>, error: &LoadError) {
    put_bytes(out, error.message.as_bytes());
    for number in [error.line, error.column] {
        put_option(out, number, |out, number| out.extend_from_slice(&number.to_le_bytes()));
    }
}

fn take_error(fields: &mut Fields<'_>) -> Result<LoadError, FrameError> {
    let message = fields.text()?.to_owned();
    let (line, column) = (fields.option(Fields::u32)?, fields.option(Fields::u32)?);
    Ok(LoadError { message, line, column })
}

fn put_findings(out: &mut Vec<u8>, findings: &[Finding]) {
    put_length(out, findings.len());
    for finding in findings {
        out.extend_from_slice(&finding.line.to_le_bytes());
        out.extend_from_slice(&finding.column.to_le_bytes());
        out.push(Rejected::ALL.iter().position(|what| *what == finding.what).unwrap_or(0) as u8);
        put_option(out, finding.sentence.as_deref().map(str::as_bytes), put_bytes);
    }
}

fn take_findings(fields: &mut Fields<'_>) -> Result<Vec<Finding>, FrameError> {
    const FINDING_BYTES_MIN: usize = 10;
    let count = fields.count(FINDING_BYTES_MIN)?;
    if count > FUNCTION_FINDINGS_MAX {
        return Err(FrameError::Impossible("number of findings"));
    }
    let mut findings = Vec::with_capacity(count);
    for _ in 0..count {
        let (line, column) = (fields.u32()?, fields.u32()?);
        let what = *Rejected::ALL.get(usize::from(fields.u8()?)).ok_or(FrameError::Impossible("finding"))?;
        let plain = |text: &String| text.len() <= FUNCTION_FINDING_TEXT_BYTES_MAX && !text.contains(char::is_control);
        let sentence = checked(take_text(fields)?, "finding", plain)?;
        findings.push(Finding { line, column, what, sentence });
    }
    Ok(findings)
}

fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    put_length(out, texts.len());
    for text in texts {
        put_bytes(out, text.as_bytes());
    }
}

fn take_texts(fields: &mut Fields<'_>, bytes_max: usize) -> Result<Vec<String>, FrameError> {
    let count = fields.count(4)?;
    let mut texts = Vec::with_capacity(count);
    let mut bytes = 0;
    for _ in 0..count {
        let text = fields.text()?;
        bytes += text.len();
        if bytes > bytes_max {
            return Err(FrameError::Impossible("log"));
        }
        texts.push(text.to_owned());
    }
    Ok(texts)
}

fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Request(verdict) => {
            out.push(0);
            put_verdict(out, verdict, |out, edit| {
                put_option(out, edit.uri.as_deref(), put_bytes);
                put_option(out, edit.querystring.as_deref(), put_bytes);
                put_edits(out, &edit.headers);
                put_option(out, edit.origin.as_deref(), put_origin);
            });
        }
        Outcome::Response(verdict) => {
            out.push(1);
            put_verdict(out, verdict, |out, edit| {
                put_option(out, edit.status, |out, status| out.extend_from_slice(&status.to_le_bytes()));
                put_option(out, edit.status_description.as_deref().map(str::as_bytes), put_bytes);
                put_edits(out, &edit.headers);
                put_option(out, edit.body.as_deref(), put_bytes);
            });
        }
    }
}

fn take_outcome(fields: &mut Fields<'_>) -> Result<Outcome, FrameError> {
    Ok(match fields.u8()? {
        0 => Outcome::Request(take_verdict(fields, |fields| {
            Ok(RequestEdit {
                uri: checked(take_body(fields)?, "uri", |uri| uri_valid(uri))?,
                querystring: checked(take_body(fields)?, "query string", |query| querystring_valid(query))?,
                headers: take_edits(fields)?,
                origin: fields.option(take_origin)?.map(Box::new),
            })
        })?),
        1 => Outcome::Response(take_verdict(fields, |fields| {
            Ok(ResponseEdit {
                status: checked(fields.option(Fields::u16)?, "status", |status| status_valid(*status))?,
                status_description: checked(take_text(fields)?, "reason phrase", |text| header_value_valid(text))?,
                headers: take_edits(fields)?,
                body: checked(take_body(fields)?, "body", |body| body.len() <= FUNCTION_BODY_BYTES_MAX)?,
            })
        })?),
        _ => return Err(FrameError::Impossible("outcome")),
    })
}

fn put_verdict<Edit>(out: &mut Vec<u8>, verdict: &Verdict<Edit>, put_edit: impl FnOnce(&mut Vec<u8>, &Edit)) {
    match verdict {
        Verdict::Continue(edit) => {
            out.push(CONTINUE);
            put_edit(out, edit);
        }
        Verdict::Respond(response) => {
            out.push(RESPOND);
            put_response(out, response, response.body.as_deref());
        }
        Verdict::Fail(failure) => {
            out.push(FAIL);
            put_failure(out, failure);
        }
    }
}

fn take_verdict<Edit>(
    fields: &mut Fields<'_>,
    take_edit: impl FnOnce(&mut Fields<'_>) -> Result<Edit, FrameError>,
) -> Result<Verdict<Edit>, FrameError> {
    Ok(match fields.u8()? {
        CONTINUE => Verdict::Continue(take_edit(fields)?),
        RESPOND => Verdict::Respond(take_generated(fields)?),
        FAIL => Verdict::Fail(take_failure(fields)?),
        _ => return Err(FrameError::Impossible("verdict")),
    })
}

fn take_generated(fields: &mut Fields<'_>) -> Result<Response, FrameError> {
    let response = fields.response()?;
    let lines_valid = response.headers.iter().all(|(name, value)| header_name_valid(name) && header_value_valid(value));
    let body_bytes = response.body.as_ref().map_or(0, Bytes::len);
    let phrase_valid = response.status_description.as_ref().is_none_or(header_value_valid);
    if status_valid(response.status) && lines_valid && phrase_valid && body_bytes <= FUNCTION_BODY_BYTES_MAX {
        Ok(response)
    } else {
        Err(FrameError::Impossible("response"))
    }
}

fn put_edits(out: &mut Vec<u8>, edits: &[HeaderEdit]) {
    put_length(out, edits.len());
    for edit in edits {
        put_bytes(out, edit.name.as_bytes());
        put_length(out, edit.values.len());
        for value in &edit.values {
            put_bytes(out, value);
        }
    }
}

fn take_edits(fields: &mut Fields<'_>) -> Result<Vec<HeaderEdit>, FrameError> {
    let count = fields.count(8)?;
    let mut edits = Vec::with_capacity(count);
    for _ in 0..count {
        let name = fields.text()?;
        let count = fields.count(4)?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Bytes::copy_from_slice(fields.bytes()?));
        }
        if !header_name_valid(name) || !values.iter().all(header_value_valid) {
            return Err(FrameError::Impossible("header"));
        }
        edits.push(HeaderEdit { name: name.to_owned(), values });
    }
    Ok(edits)
}

const KINDS: [FailureKind; 3] =
    [FailureKind::FunctionExecution, FailureKind::FunctionValidation, FailureKind::FunctionThrottled];

fn put_failure(out: &mut Vec<u8>, failure: &Failure) {
    let kind = KINDS.iter().position(|kind| *kind == failure.kind).unwrap_or(0);
    out.push(kind as u8);
    put_option(out, failure.sentence.as_deref().map(str::as_bytes), put_bytes);
    put_bytes(out, failure.detail.as_bytes());
}

fn take_failure(fields: &mut Fields<'_>) -> Result<Failure, FrameError> {
    let kind = *KINDS.get(usize::from(fields.u8()?)).ok_or(FrameError::Impossible("kind of failure"))?;
    let sentence = take_text(fields)?.map(Into::into);
    Ok(Failure { kind, sentence, detail: fields.text()?.to_owned() })
}

fn put_tested(out: &mut Vec<u8>, result: &Result<TestResult, String>) {
    match result {
        Ok(result) => {
            out.push(0);
            put_bytes(out, result.function_output.as_bytes());
            put_texts(out, &result.logs);
            put_bytes(out, result.error_message.as_bytes());
            put_option(out, result.error_line, |out, line| out.extend_from_slice(&line.to_le_bytes()));
            put_texts(out, &result.faults);
            out.push(result.compute_utilization);
            put_option(out, result.failure.as_ref(), put_failure);
            put_option(out, result.origin.as_deref(), put_origin);
        }
        Err(error) => {
            out.push(1);
            put_bytes(out, error.as_bytes());
        }
    }
}

fn take_tested(fields: &mut Fields<'_>) -> Result<Result<TestResult, String>, FrameError> {
    Ok(match fields.u8()? {
        0 => Ok(TestResult {
            function_output: fields.text()?.to_owned(),
            logs: take_texts(fields, FUNCTION_LOG_BYTES_MAX)?,
            error_message: fields.text()?.to_owned(),
            error_line: fields.option(Fields::u32)?,
            faults: take_texts(fields, FUNCTION_LOG_BYTES_MAX)?,
            compute_utilization: fields.u8()?,
            failure: fields.option(take_failure)?,
            origin: fields.option(take_origin)?.map(Box::new),
        }),
        1 => Err(fields.text()?.to_owned()),
        _ => return Err(FrameError::Impossible("test result")),
    })
}

fn take_text(fields: &mut Fields<'_>) -> Result<Option<String>, FrameError> {
    fields.option(|fields| Ok(fields.text()?.to_owned()))
}

fn take_body(fields: &mut Fields<'_>) -> Result<Option<Bytes>, FrameError> {
    fields.option(|fields| Ok(Bytes::copy_from_slice(fields.bytes()?)))
}

fn checked<T>(value: Option<T>, what: &'static str, valid: impl FnOnce(&T) -> bool) -> Result<Option<T>, FrameError> {
    if value.as_ref().is_none_or(valid) { Ok(value) } else { Err(FrameError::Impossible(what)) }
}

fn status_valid(status: u16) -> bool {
    (100..=599).contains(&status)
}
