//! `[[lambda]]`.

use super::code::number;
use super::names::{Names, plain};
use crate::lambda::{Lambda, LambdaRuntime};
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::package::{Archive, PackageError, weigh};
use crate::raw::code;
use crate::report::reason;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// MB of an environment when the file does not say.
const MEMORY_MB: u64 = 128;
/// Seconds of a call when the file does not say.
const TIMEOUT_S: u64 = 5;
/// Environments when the file does not say.
const CONCURRENCY: u64 = 8;

/// Lambda's names of the Node.js versions that Lambda@Edge has run since callbacks and promises both exist.
const NODE_MAJORS: [u8; 4] = [18, 20, 22, 24];
/// Names of the runtimes that bring their own program.
const PROVIDED: [&str; 3] = ["provided", "provided.al2", "provided.al2023"];
/// What a package of theirs must have.
const BOOTSTRAP: &str = "bootstrap";

pub(crate) fn all(raw: Vec<At<code::Lambda>>, reading: &mut Reading<'_>) -> Names<Lambda> {
    let mut names = Names::new("lambda");
    for mut each in raw {
        let name = plain(each.value.name.take());
        let place = each.at(());
        let built = lambda(name.as_ref(), &place, each.value, reading);
        names.add(name, built, reading);
    }
    names
}

fn lambda(name: Option<&At<String>>, place: &At<()>, raw: code::Lambda, reading: &mut Reading<'_>) -> Option<Lambda> {
    let what_runs_it = raw.interpreter.as_ref().map(|at| &at.span).or(raw.runtime.as_ref().map(|at| &at.span));
    let place_of_runtime = reading.place(what_runs_it.unwrap_or(&place.span));
    let runtime = raw.runtime.and_then(|text| runtime(&text, raw.interpreter, reading));
    let function = name.map_or("", |name| name.value.as_str());
    let code = raw.code.and_then(|code| Package::find(function, code, reading));
    let handler = match (raw.handler, &runtime) {
        (Some(text), Some(runtime)) => handler(&text, runtime, code.as_ref(), reading).then_some(text.value.0),
        (None, Some(LambdaRuntime::Python { .. } | LambdaRuntime::Node { .. })) => {
            let problem = reading.error(place.span.clone(), "`lambda` needs the key `handler`");
            problem.hint("`handler`: the module's path and the function, as in \"authorize.lambda_handler\"");
            None
        }
        (None, Some(LambdaRuntime::Provided)) => Some(BOOTSTRAP.to_owned()),
        (_, None) => None,
    };
    if let (Some(code), Some(LambdaRuntime::Provided)) = (&code, &runtime) {
        bootstrap(code, reading)?;
    }
    let concurrency_max = number(raw.concurrency_max, CONCURRENCY);
    if let Some(provisioned) = raw.provisioned_concurrency.as_ref().filter(|at| at.value.0 > concurrency_max) {
        let message = format!("`provisioned_concurrency` is more than `concurrency_max`, which is {concurrency_max}");
        reading.error(provisioned.span.clone(), message).hint("at most as many can be kept as there may be");
        return None;
    }
    Some(Lambda {
        name: name?.value.clone(),
        place: place_of_runtime,
        runtime: runtime?,
        handler: handler?,
        code: code?.path.value,
        memory_mb: number(raw.memory_mb, MEMORY_MB) as u32,
        timeout: Duration::from_secs(number(raw.timeout_s, TIMEOUT_S)),
        concurrency_max: concurrency_max as usize,
        provisioned_concurrency: number(raw.provisioned_concurrency, 0) as usize,
    })
}

fn runtime(text: &At<Text>, interpreter: Option<At<PathBuf>>, reading: &mut Reading<'_>) -> Option<LambdaRuntime> {
    let word = text.value.0.as_str();
    let python_minor = word.strip_prefix("python3.").map(|minor| minor.len() <= 2 && minor.parse::<u8>().is_ok());
    let node_major = word.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")?.parse::<u8>().ok());
    let interpreter = match interpreter {
        Some(path) if !is_program(&path, reading) => return None,
        other => other,
    };
    let named = |program: &str, at: Option<At<PathBuf>>| at.map_or_else(|| program.into(), |at| at.value);
    if word == "python3" || python_minor == Some(true) {
        return Some(LambdaRuntime::Python { interpreter: named(word, interpreter) });
    }
    if word == "nodejs" || node_major.is_some_and(|major| NODE_MAJORS.contains(&major)) {
        return Some(LambdaRuntime::Node { interpreter: named("node", interpreter), major: node_major });
    }
    if PROVIDED.contains(&word) {
        if let Some(interpreter) = interpreter {
            reading
                .error(interpreter.span, format!("the runtime {word} has no interpreter"))
                .hint("its package's own `bootstrap` is what runs");
            return None;
        }
        return Some(LambdaRuntime::Provided);
    }
    let versions = NODE_MAJORS.map(|major| format!("nodejs{major}.x")).join(", ");
    reading.error(text.span.clone(), format!("there is no Lambda runtime {word:?}")).hint(format!(
        "the runtimes are python3 and python3.X, as in \"python3.12\"; nodejs, {versions}; and \
         provided, provided.al2, provided.al2023"
    ));
    None
}

fn is_program(path: &At<PathBuf>, reading: &mut Reading<'_>) -> bool {
    let why = match path.value.metadata() {
        Ok(found) if !found.is_file() => "it is not a file".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => "it is not executable".to_owned(),
        Ok(_) => return true,
        Err(error) => reason(&error),
    };
    reading.error(path.span.clone(), format!("cannot run the interpreter {}: {why}", path.value.display()));
    false
}

/// A deployment package that is there.
struct Package {
    path: At<PathBuf>,
    /// `None` = it is a folder.
    archive: Option<Archive>,
}

impl Package {
    fn find(function: &str, path: At<PathBuf>, reading: &mut Reading<'_>) -> Option<Self> {
        let opened = if path.value.is_file() {
            Archive::open(&path.value).map(Some)
        } else if reading.folder(&path, "deployment package") {
            weigh(&path.value).map(|()| None)
        } else {
            return None;
        };
        let error = match opened {
            Ok(archive) => return Some(Self { path, archive }),
            Err(error) => error,
        };
        let message = match error {
            PackageError::CodeSize { .. } => format!("{error} Function: {function}"),
            _ => format!("cannot use the deployment package {}: {error}", path.value.display()),
        };
        let hint = match error {
            PackageError::UnpackedSize | PackageError::FolderEntries => {
                "leave out what the function does not need: tests, caches, tools of the build"
            }
            _ => "a package is a folder or a .zip file",
        };
        reading.error(path.span, message).hint(hint);
        None
    }

    /// The permissions of a file in it.
    fn mode(&self, file: &str) -> Option<u32> {
        if let Some(archive) = &self.archive {
            return archive.mode(file);
        }
        let found = self.path.value.join(file).metadata().ok()?;
        found.is_file().then(|| found.permissions().mode())
    }

    fn file(&self, name: &str) -> String {
        self.path.value.join(name).display().to_string()
    }
}

/// `None` when the package has no program to run.
fn bootstrap(package: &Package, reading: &mut Reading<'_>) -> Option<()> {
    let file = package.file(BOOTSTRAP);
    let hint = match package.mode(BOOTSTRAP) {
        Some(mode) if mode & 0o111 != 0 => return Some(()),
        Some(_) if package.archive.is_some() => {
            "it is there and not executable: chmod +x it, and pack the .zip file anew".to_owned()
        }
        Some(_) => format!("it is there and not executable: chmod +x {file}"),
        None => format!("it is looked for as {file}"),
    };
    reading.error(package.path.span.clone(), "the deployment package has no executable `bootstrap`").hint(hint);
    None
}

/// Whether it names a file of the package, in the runtime's own way.
fn handler(text: &At<Text>, runtime: &LambdaRuntime, code: Option<&Package>, reading: &mut Reading<'_>) -> bool {
    let (split, example) = match runtime {
        LambdaRuntime::Python { .. } => (python_handler(&text.value.0), "authorize.lambda_handler"),
        LambdaRuntime::Node { .. } => (node_handler(&text.value.0), "index.handler"),
        LambdaRuntime::Provided => return true,
    };
    let Some((module, function)) = split else {
        reading
            .error(text.span.clone(), format!("{:?} is not a handler", text.value.0))
            .hint(format!("the module and the function, as in \"{example}\""));
        return false;
    };
    let Some(code) = code else { return true };
    let files = match runtime {
        LambdaRuntime::Python { .. } => python_files(&module),
        _ => node_files(&module),
    };
    if files.iter().any(|file| code.mode(file).is_some()) {
        return true;
    }
    reading
        .error(text.span.clone(), format!("the deployment package has no module {module:?}"))
        .hint(format!("`{function}` is looked for in {}", code.file(&files[0])));
    false
}

/// `module.function`, where the module may have dots and slashes.
fn python_handler(text: &str) -> Option<(String, String)> {
    let (module, function) = text.rsplit_once('.')?;
    let named = module.split(['.', '/']).all(is_name) && is_name(function);
    named.then(|| (module.to_owned(), function.to_owned()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn python_files(module: &str) -> Vec<String> {
    let path = module.replace('.', "/");
    vec![format!("{path}.py"), format!("{path}/__init__.py")]
}

/// `folder/file.export`, where the export may be nested.
fn node_handler(text: &str) -> Option<(String, String)> {
    let start = text.rfind('/').map_or(0, |slash| slash + 1);
    let (file, export) = text[start..].split_once('.')?;
    let named = !file.is_empty() && export.split('.').all(|name| !name.is_empty());
    (named && !text.contains("..")).then(|| (format!("{}{file}", &text[..start]), export.to_owned()))
}

/// As Lambda's runtime looks for it; the most usual first.
fn node_files(module: &str) -> Vec<String> {
    let endings = [".js", ".mjs", ".cjs", "", "/index.js", "/package.json"];
    let mut files: Vec<_> = endings.iter().map(|ending| format!("{module}{ending}")).collect();
    files.extend(["/package.json", "/index.js", ".js"].iter().map(|ending| format!("node_modules/{module}{ending}")));
    files
}
