//! Python objects to JSON bytes, as Lambda's Python runtime writes them.

use pyo3::exceptions::{PyRecursionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// Python's own recursion limit; a list that contains itself ends here.
const DEPTH_MAX: usize = 1_000;

/// Writes one object as JSON without spaces.
pub(crate) fn bytes(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(1_024);
    write(&mut out, object, 0)?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    if depth > DEPTH_MAX {
        return Err(PyRecursionError::new_err("maximum recursion depth exceeded while encoding a JSON object"));
    }
    if let Ok(text) = object.cast::<PyString>() {
        string(out, text)
    } else if let Ok(dict) = object.cast::<PyDict>() {
        out.push(b'{');
        for (index, (key, value)) in dict.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_key(out, &key)?;
            out.push(b':');
            write(out, &value, depth + 1)?;
        }
        out.push(b'}');
        Ok(())
    } else if let Ok(list) = object.cast::<PyList>() {
        array(out, list.iter(), depth)
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        array(out, tuple.iter(), depth)
    } else if let Some(word) = scalar(object)? {
        out.extend_from_slice(word.as_bytes());
        Ok(())
    } else {
        let name = object.get_type().name()?;
        Err(PyTypeError::new_err(format!("Object of type {name} is not JSON serializable")))
    }
}

fn array<'py>(out: &mut Vec<u8>, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> PyResult<()> {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, &item, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn write_key(out: &mut Vec<u8>, key: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = key.cast::<PyString>() {
        return string(out, text);
    }
    let Some(word) = scalar(key)? else {
        let name = key.get_type().name()?;
        return Err(PyTypeError::new_err(format!("keys must be str, int, float, bool or None, not {name}")));
    };
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
    Ok(())
}

/// `None`, a truth value or a number; an enum's or subclass's own `repr` is not asked.
fn scalar(object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = object.py();
    if object.is_none() {
        return Ok(Some("null".to_owned()));
    }
    if let Ok(truth) = object.cast::<PyBool>() {
        return Ok(Some(truth.is_true().to_string()));
    }
    if object.is_instance_of::<PyInt>() {
        let text = py.get_type::<PyInt>().call_method1("__repr__", (object,))?;
        return Ok(Some(text.extract()?));
    }
    if let Ok(float) = object.cast::<PyFloat>() {
        let value = float.value();
        return Ok(Some(match value {
            value if value.is_nan() => "NaN".to_owned(),
            value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            _ => py.get_type::<PyFloat>().call_method1("__repr__", (object,))?.extract()?,
        }));
    }
    let kind = object.get_type();
    if kind.name()? == "Decimal" && kind.module()? == "decimal" {
        return Ok(Some(object.str()?.extract()?));
    }
    Ok(None)
}

fn string(out: &mut Vec<u8>, text: &Bound<'_, PyString>) -> PyResult<()> {
    let text = match text.to_cow() {
        Ok(text) => return append(out, &text),
        // Python's strings may hold half a surrogate pair, which only an escape can say.
        Err(_) => text.call_method1("encode", ("utf-16-le", "surrogatepass"))?.extract::<Vec<u8>>()?,
    };
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut quoted = String::new();
    out.push(b'"');
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => {
                let mut piece = Vec::new();
                quoted.clear();
                quoted.push(character);
                append(&mut piece, &quoted)?;
                out.extend_from_slice(&piece[1..piece.len() - 1]);
            }
            Err(half) => out.extend_from_slice(format!("\\u{:04x}", half.unpaired_surrogate()).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

fn append(out: &mut Vec<u8>, text: &str) -> PyResult<()> {
    serde_json::to_writer(out, text).map_err(|error| PyTypeError::new_err(error.to_string()))
}
