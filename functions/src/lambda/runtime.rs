//! What runs a function's code: an interpreter with our bootstrap, or the package's own program.

use super::{node, python};
use crate::edge_code::{StartError, Workers};
use crate::process::Spawner;
use homefront_config::Lambda;
use homefront_config::lambda::LambdaRuntime;
use homefront_config::limits::{LAMBDA_CODE_RANGES_BYTES, LAMBDA_MEMORY_HEADROOM_BYTES, LAMBDA_RUNTIME_RESERVE_BYTES};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A program that speaks the Lambda Runtime API, found and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// What is started.
    pub(super) path: PathBuf,
    /// With what.
    pub(super) arguments: Vec<OsString>,
    /// Lambda's name of the runtime, as in `nodejs22.x`; `None` for `provided`, which has none.
    pub(super) runtime: Option<String>,
    /// Bytes of private memory it may reserve beyond what the function may use.
    pub(super) reserve_bytes: u64,
}

/// An interpreter's own path, and which it is; or why it cannot be used.
pub(super) type Found<Which> = Result<(PathBuf, Which), String>;

/// Interpreters that were asked, each once however many functions name it.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pythons: Asked<String>,
    nodes: Asked<node::Version>,
}

/// By the name in the configuration.
#[derive(Debug)]
struct Asked<Which>(Vec<(PathBuf, PathBuf, Which)>);

impl<Which> Default for Asked<Which> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Program {
    /// Finds what runs `lambda`.
    pub(super) async fn find(
        lambda: &Lambda,
        checked: &mut Checked,
        workers: &Workers,
        spawner: &Spawner,
    ) -> Result<Self, StartError> {
        let refused = |interpreter: &Path, reason| StartError::Interpreter {
            place: lambda.place.clone(),
            lambda: lambda.name.clone(),
            interpreter: interpreter.display().to_string(),
            reason,
            hint: if matches!(lambda.runtime, LambdaRuntime::Provided) {
                "install it, or write the path of another one, in a line that ends with LF alone, at the top of bootstrap"
            } else {
                "install it so that it is on PATH, give its path as `interpreter`, or name another runtime"
            },
        };
        match &lambda.runtime {
            LambdaRuntime::Python { interpreter } => {
                let Some(module) = &workers.python_module else {
                    return Err(StartError::PythonModule { place: lambda.place.clone(), lambda: lambda.name.clone() });
                };
                let found = checked.pythons.find(interpreter, python::check(spawner, interpreter, module)).await;
                let (path, runtime) = found.map_err(|reason| refused(interpreter, reason))?;
                Ok(Self::python(path, module, runtime))
            }
            LambdaRuntime::Node { interpreter, major } => {
                let found = checked.nodes.find(interpreter, node::check(spawner, interpreter)).await;
                let (path, version) = found.map_err(|reason| refused(interpreter, reason))?;
                Ok(Self::node(path, lambda.memory_mb, version, major.unwrap_or(version.major)))
            }
            LambdaRuntime::Provided => {
                let program = Self::provided(&lambda.code);
                script_interpreter(&program.path).map_err(|(interpreter, reason)| refused(&interpreter, reason))?;
                Ok(program)
            }
        }
    }

    /// Whether part of it lies in a folder.
    pub(super) fn lies_in(&self, folder: &Path) -> bool {
        let is_below =
            |path: &Path| path.starts_with(folder) || path.canonicalize().is_ok_and(|path| path.starts_with(folder));
        is_below(&self.path) || self.arguments.iter().any(|argument| is_below(Path::new(argument)))
    }

    /// Our loop in an extension module that `interpreter` loads.
    pub(super) fn python(interpreter: PathBuf, module: &Path, runtime: String) -> Self {
        let arguments = python::arguments(module);
        Self { path: interpreter, arguments, runtime: Some(runtime), reserve_bytes: LAMBDA_MEMORY_HEADROOM_BYTES }
    }

    /// Our bootstrap in `interpreter`, which does as Lambda's runtime of the version `profile`.
    pub(super) fn node(interpreter: PathBuf, memory_mb: u32, version: node::Version, profile: u8) -> Self {
        let arguments = node::arguments(memory_mb, version, profile);
        let code_ranges_bytes = if version.counts_its_code_ranges() { LAMBDA_CODE_RANGES_BYTES } else { 0 };
        let reserve_bytes = LAMBDA_RUNTIME_RESERVE_BYTES + code_ranges_bytes;
        Self { path: interpreter, arguments, runtime: Some(format!("nodejs{profile}.x")), reserve_bytes }
    }

    /// The package's own program.
    pub(super) fn provided(package: &Path) -> Self {
        let path = package.join("bootstrap");
        // It may be a Node.js of its own.
        let reserve_bytes = LAMBDA_RUNTIME_RESERVE_BYTES + LAMBDA_CODE_RANGES_BYTES;
        Self { path, arguments: Vec::new(), runtime: None, reserve_bytes }
    }
}

/// Whether the interpreter that a script names in its first line is there, as `#!/usr/bin/env node` does in a container without
/// Node.js. `Err` names it and says why it cannot run, or names the file that is neither a script nor an ELF program, as the system
/// and Lambda have it. For which machine a program is, and that of a .zip file, the system tells.
fn script_interpreter(script: &Path) -> Result<(), (PathBuf, String)> {
    /// What Linux reads of it.
    const LINE_BYTES_MAX: usize = 256;
    let mut start = Vec::with_capacity(LINE_BYTES_MAX);
    let read = File::open(script).and_then(|file| file.take(LINE_BYTES_MAX as u64).read_to_end(&mut start));
    if read.is_err() || start.starts_with(b"\x7fELF") {
        return Ok(());
    }
    let no_program =
        || (script.to_owned(), "it is neither an ELF program nor a script that begins with `#!`".to_owned());
    let rest = start.strip_prefix(b"#!").ok_or_else(no_program)?;
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words =
        line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).map(OsStr::from_bytes);
    let interpreter = words.next().map(Path::new).ok_or_else(no_program)?;
    if let Err(error) = interpreter.metadata() {
        let bytes = interpreter.as_os_str().as_bytes();
        let (named, hint) = match bytes.strip_suffix(b"\r") {
            Some(named) => (named, ", as the line ends with CR LF"),
            None => (bytes, ""),
        };
        let reason = format!("bootstrap names it in its first line: {error}{hint}");
        return Err((OsStr::from_bytes(named).into(), reason));
    }
    let by_name =
        (interpreter.file_name() == Some(OsStr::new("env"))).then(|| words.find(|word| *word != "-S")).flatten();
    let Some(name) = by_name.filter(|name| !name.as_bytes().starts_with(b"-") && !name.as_bytes().contains(&b'='))
    else {
        return Ok(());
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        name.as_bytes().contains(&b'/') || std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if found {
        return Ok(());
    }
    Err((name.into(), "bootstrap names it in its first line: it is not on PATH".to_owned()))
}

impl<Which: Clone> Asked<Which> {
    /// What `check` tells of `interpreter`; it runs only when nobody has asked before.
    async fn find(&mut self, interpreter: &Path, check: impl Future<Output = Found<Which>>) -> Found<Which> {
        if let Some((_, path, which)) = self.0.iter().find(|(known, _, _)| known == interpreter) {
            return Ok((path.clone(), which.clone()));
        }
        let (path, which) = check.await?;
        self.0.push((interpreter.to_owned(), path.clone(), which.clone()));
        Ok((path, which))
    }
}

#[cfg(test)]
#[path = "runtime/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "runtime/hostile_tests.rs"]
mod hostile_tests;
