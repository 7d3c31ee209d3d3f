//! The Python worker of Homefront: the loop of a Lambda runtime as an extension module for whichever `python3` loads it.
//!
//! The interpreter imports it from its file and calls `run()`. Events become Python objects straight from the bytes on the
//! wire and results become bytes the same way, so that a call costs little more than the handler itself.

mod channel;
mod read;
mod trace;
mod write;

use channel::{Channel, Next};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};
use std::env;
use std::io;
use std::mem::ManuallyDrop;

/// Loaded from its file by name, so it needs no installing.
#[pymodule(name = "homefront_python")]
mod homefront_python {
    #[pymodule_export]
    use super::run;
}

/// Imports the handler and answers events until the node goes away or the process is told to end.
#[pyfunction]
fn run(py: Python<'_>) -> PyResult<()> {
    // The end of the process closes it. A function may have closed it before, and to close it twice would close something else.
    let mut channel = ManuallyDrop::new(Channel::inherited()?);
    let runtime = PyModule::from_code(
        py,
        const { c_str(concat!(include_str!("runtime.py"), "\0")) },
        c"<homefront>",
        c"homefront_runtime",
    )?;
    runtime.setattr("__file__", "<homefront>")?;
    let handler = match runtime.call_method1("load", (env::var("_HANDLER").unwrap_or_default(),)) {
        Ok(handler) => handler,
        Err(error) if error.is_instance_of::<PyException>(py) => {
            return init_failed(py, &runtime, &mut channel, &error);
        }
        Err(error) => return Err(error),
    };
    let runtime = Runtime { begin: runtime.getattr("begin")?, module: runtime };
    let mut next = py.detach(|| channel.next()).map_err(|error| lost(&runtime.module, error))?;
    loop {
        let answer = answer(py, &runtime, &handler, &next, channel.body(&next))?;
        let id = std::mem::take(&mut next.request_id);
        next = py
            .detach(|| match &answer {
                Answer::Result(body) => channel.answer(&id, body),
                Answer::Error { error_type, body } => channel.answer_with_error(&id, error_type, body),
            })
            .map_err(|error| lost(&runtime.module, error))?;
    }
}

/// What `runtime.py` made.
struct Runtime<'py> {
    module: Bound<'py, PyModule>,
    /// Its function that is called for each event.
    begin: Bound<'py, PyAny>,
}

/// What ends the process when the node cannot be heard or reached any more.
fn lost(runtime: &Bound<'_, PyModule>, error: io::Error) -> PyErr {
    // What is no error of the system's says all there is to say.
    if error.kind() == io::ErrorKind::Other {
        return error.into();
    }
    match runtime.call_method1("lost", (error.to_string(),)) {
        Ok(exit) => PyErr::from_value(exit),
        Err(error) => error,
    }
}

enum Answer {
    Result(Vec<u8>),
    Error { error_type: String, body: Vec<u8> },
}

/// Calls the handler. `Err` is what must end the process: `SystemExit` and its like.
fn answer(
    py: Python<'_>,
    Runtime { module: runtime, begin }: &Runtime<'_>,
    handler: &Bound<'_, PyAny>,
    next: &Next,
    body: &[u8],
) -> PyResult<Answer> {
    let Next { request_id, deadline_ms, function_arn, trace_id, .. } = next;
    trace::tell(trace_id);
    let context = begin.call1((request_id, deadline_ms, function_arn, trace_id))?;
    let called = read::object(py, body)
        .map_err(|error| fault(runtime, "Runtime.UnmarshalError", &format!("Unable to unmarshal input: {error}")))
        .and_then(|event| handler.call1((event, context)));
    let result = called.and_then(|result| {
        if let Ok(bytes) = result.cast::<PyBytes>() {
            // They are posted as they are.
            return Ok(Answer::Result(bytes.as_bytes().to_vec()));
        }
        write::bytes(&result).map(Answer::Result).map_err(|error| {
            let message = format!("Unable to marshal response: {}", error.value(py));
            fault(runtime, "Runtime.MarshalError", &message)
        })
    });
    match result {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_instance_of::<PyException>(py) => {
            let (error_type, body) = describe(runtime, "error_object", &error)?;
            Ok(Answer::Error { error_type, body })
        }
        Err(error) => Err(error),
    }
}

fn init_failed(py: Python<'_>, runtime: &Bound<'_, PyModule>, channel: &mut Channel, error: &PyErr) -> PyResult<()> {
    let (error_type, body) = describe(runtime, "init_error_object", error)?;
    py.detach(|| channel.report_failed_start(&error_type, &body)).map_err(|error| lost(runtime, error))?;
    Err(pyo3::exceptions::PySystemExit::new_err(1))
}

fn describe(runtime: &Bound<'_, PyModule>, function: &str, error: &PyErr) -> PyResult<(String, Vec<u8>)> {
    let py = runtime.py();
    let value = error.value(py);
    if let Some(trace) = error.traceback(py) {
        value.setattr("__traceback__", trace)?;
    }
    let object = runtime.call_method1(function, (value,))?;
    Ok((object.get_item("errorType")?.extract()?, write::bytes(&object)?))
}

fn fault(runtime: &Bound<'_, PyModule>, error_type: &str, message: &str) -> PyErr {
    match runtime.call_method1("Fault", (error_type, message)) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

const fn c_str(text: &str) -> &std::ffi::CStr {
    match std::ffi::CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("runtime.py has a NUL"),
    }
}
