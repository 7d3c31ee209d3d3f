//! Lambda@Edge functions of a node under test, the same one in each language.

use super::{Edge, Reply, one_origin};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What CloudFront's page says of a function that failed.
pub(crate) const EXECUTION: &str = "The Lambda function associated with the CloudFront distribution is invalid or doesn't have the required permissions.";

/// What a scenario runs a function in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `python3`
    Python,
    /// `nodejs`
    Node,
    /// `provided`: a loop of Python's standard library around the Python source.
    Provided,
}

impl Language {
    /// The runtime in the configuration.
    pub(crate) const fn runtime(self) -> &'static str {
        match self {
            Self::Python => "python3",
            Self::Node => "nodejs",
            Self::Provided => "provided",
        }
    }

    /// The file of a package that holds the handler.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Python | Self::Provided => "main.py",
            Self::Node => "main.js",
        }
    }
}

/// The function in each: whole modules with a `handler`.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) python: String,
    pub(crate) node: String,
}

impl Code {
    /// Handlers around these lines; `cf`, `request` and `calls` are there, and `header(value, name)`.
    pub(crate) fn around(python: &str, node: &str) -> Self {
        Self {
            python: format!(
                r#"
calls = 0

def header(value, name="x"):
    return [{{"key": name, "value": str(value)}}]

def handler(event, context):
    global calls
    calls += 1
    cf = event["Records"][0]["cf"]
    request = cf["request"]
    {python}
"#
            ),
            node: format!(
                r#"
let calls = 0;
const header = (value, key = "x") => [{{ key, value: String(value) }}];
exports.handler = async (event, context) => {{
    calls += 1;
    const {{ cf }} = event.Records[0];
    const {{ request }} = cf;
    {node}
}};
"#
            ),
        }
    }

    /// The source of [`Language::file`].
    pub(crate) fn of(&self, language: Language) -> &str {
        match language {
            Language::Python | Language::Provided => &self.python,
            Language::Node => &self.node,
        }
    }
}

/// Runs scenarios that take a [`Language`] once in each.
macro_rules! in_every_language {
    ($($test:ident),+ $(,)?) => {
        $crate::harness::in_every_language!(@ python Python $($test)+);
        $crate::harness::in_every_language!(@ node Node $($test)+);
        $crate::harness::in_every_language!(@ provided Provided $($test)+);
    };
    (@ $module:ident $language:ident $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::harness::Language::$language).await;
                }
            )+
        }
    };
}
pub(crate) use in_every_language;

impl Edge {
    /// A node whose default behavior has this function as `l`, whose behavior `/brief/*` has it as `brief`, with settings of its own, and
    /// whose behavior `/other/*` has none. It has both logs, and its origin answers with what it was asked for.
    pub(crate) fn with_and_without(language: Language, code: &Code, settings: &str, brief_settings: &str) -> Self {
        let behaviors = r#"origin_request = { lambda = "l" }
[[distribution.behavior]]
path_pattern = "/brief/*"
target_origin = "app"
origin_request = { lambda = "brief" }
[[distribution.behavior]]
path_pattern = "/other/*"
target_origin = "app""#;
        let logs = "[log]\naccess = { path = \"access.log\" }\nfunction = \"functions.log\"\n";
        Self::with(format!("{logs}{}", one_origin(behaviors)))
            .origin("app", |asked| Reply::ok(asked.target).closing())
            .lambda(language, "l", code, settings)
            .lambda(language, "brief", code, brief_settings)
    }

    /// A Lambda@Edge function `name`; its configuration is added.
    pub(crate) fn lambda(self, language: Language, name: &str, code: &Code, settings: &str) -> Self {
        let runtime = language.runtime();
        self.package(language, name, code).configured(&format!(
            "\n[[lambda]]\nname = \"{name}\"\nruntime = \"{runtime}\"\nhandler = \"main.handler\"\ncode = \"{name}\"\n{settings}\n"
        ))
    }

    /// The files of a package in this folder, without a configuration.
    pub(crate) fn package(self, language: Language, folder: &str, code: &Code) -> Self {
        let edge = self.file(&format!("{folder}/{}", language.file()), code.of(language));
        if language == Language::Provided {
            let text = include_str!("../../../../functions/src/lambda/fixture/bootstrap.py");
            executable(&edge.folder().join(folder), &format!("#!/usr/bin/env -S python3 -u\n{text}"));
        }
        edge
    }
}

/// A package's `bootstrap`. Another process writes it: a child of this one that is just being started would keep the file open
/// for writing, and the system starts no such file.
fn executable(package: &Path, text: &str) {
    let script = "cat > bootstrap && chmod 755 bootstrap";
    let mut write = Command::new("sh").args(["-c", script]).current_dir(package).stdin(Stdio::piped()).spawn().unwrap();
    write.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(write.wait().unwrap().success());
}
