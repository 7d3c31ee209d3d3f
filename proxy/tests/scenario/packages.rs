//! Deployment packages with their dependencies inside, and the interpreters that a name stands for.

use crate::harness::binary::setup_python;
use crate::harness::{Code, Edge, Language, Reply, in_every_language};
use std::path::{Path, PathBuf};
use std::process::Command;

in_every_language! {
    dependencies_inside_a_package_are_found_in_a_folder_and_in_a_zip_file,
}

const LAMBDA: &str = "\n[[lambda]]\nname = \"l\"\nhandler = \"main.handler\"\ntimeout_s = 30\n";

/// Its last printed line.
fn told(program: &Path, arguments: &[&str]) -> Option<String> {
    let told = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    told.status.success().then(|| text.lines().next_back().map(str::to_owned)).flatten()
}

/// All of a folder as a `.zip` file beside it.
fn zip(folder: &Path) {
    let script = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[1])";
    assert!(told_at(Path::new("python3"), script, folder).is_some(), "{} becomes an archive", folder.display());
}

fn told_at(python: &Path, script: &str, folder: &Path) -> Option<String> {
    let script = format!("{script}; print('done')");
    told(python, &["-c", &script, folder.to_str().unwrap()])
}

async fn dependencies_inside_a_package_are_found_in_a_folder_and_in_a_zip_file(language: Language) {
    let code = Code::around(
        r#"import greeting, hooks.texts
    return {"status": "200", "body": hooks.texts.polite(greeting.HELLO)}"#,
        r#"const { hello } = require("greeting");
    return { status: "200", body: require("./hooks/texts").polite(hello) };"#,
    );
    for packed in [false, true] {
        // A package of its own, with a module that is the dependency's, and modules of the function's own.
        let files: &[(&str, &str)] = match language {
            Language::Python | Language::Provided => &[
                ("greeting/__init__.py", "from ._words import HELLO"),
                ("greeting/_words.py", "HELLO = 'hello'"),
                ("greeting-1.0.dist-info/METADATA", "Name: greeting\nVersion: 1.0\n"),
                ("hooks/texts.py", "def polite(text): return text.capitalize() + ', please'"),
            ],
            Language::Node => &[
                ("package.json", r#"{ "name": "l", "dependencies": { "greeting": "1.0.0" } }"#),
                (
                    "node_modules/greeting/package.json",
                    r#"{ "name": "greeting", "version": "1.0.0", "main": "lib/index.js" }"#,
                ),
                ("node_modules/greeting/lib/index.js", r#"exports.hello = require("words").hello;"#),
                ("node_modules/greeting/node_modules/words/index.js", r#"exports.hello = "hello";"#),
                ("hooks/texts.js", r"exports.polite = (text) => text[0].toUpperCase() + text.slice(1) + ', please';"),
            ],
        };
        let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("unused"));
        let edge = files
            .iter()
            .fold(edge.package(language, "l", &code), |edge, (file, text)| edge.file(&format!("l/{file}"), text));
        if packed {
            zip(&edge.folder().join("l"));
        }
        let (runtime, suffix) = (language.runtime(), if packed { ".zip" } else { "" });
        let edge = edge.configured(&format!("{LAMBDA}runtime = \"{runtime}\"\ncode = \"l{suffix}\"\n")).start().await;
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text()), (200, "Hello, please"), "{suffix:?}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_python_package_with_native_code_runs_from_a_zip_file() {
    // What `pip install --target` puts beside a handler; the interpreter behind that environment does not have it.
    let script = "import markupsafe, os; print(os.path.dirname(markupsafe.__file__))";
    let installed = told(&setup_python(), &["-c", script]).expect("markupsafe is there");
    let interpreter = told(&setup_python(), &["-c", "import sys; print(sys._base_executable)"]).unwrap();
    let code = Code::around(
        r#"import markupsafe, os
    from markupsafe import _speedups
    inside = [module.__file__.startswith(os.environ["LAMBDA_TASK_ROOT"]) for module in (markupsafe, _speedups)]
    return {"status": "200", "body": "%s %s %s" % (markupsafe.escape("<a>"), inside, _speedups.__file__.endswith(".so"))}"#,
        "",
    );
    let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("unused"));
    let edge = edge.package(Language::Python, "l", &code);
    let package = edge.folder().join("l");
    let copy = format!("import shutil, sys; shutil.copytree({installed:?}, sys.argv[1] + '/markupsafe')");
    assert!(told_at(Path::new("python3"), &copy, &package).is_some());
    zip(&package);
    let lambda = format!("{LAMBDA}runtime = \"python3\"\ninterpreter = \"{interpreter}\"\ncode = \"l.zip\"\n");
    let edge = edge.configured(&lambda).start().await;
    assert_eq!(edge.get("/x").await.text(), "&lt;a&gt; [True, True] True");
    edge.stop().await;
}

/// Minor versions of Python that the worker's stable ABI takes.
const MINORS: std::ops::RangeInclusive<u32> = 9..=30;

/// The minor version of a Python, where there is one that runs.
fn minor(python: &Path) -> Option<u32> {
    told(python, &["-c", "import sys; print(sys.version_info[1])"])?.parse().ok()
}

/// Every `python3.X` of this machine that the worker takes: on the search path by its name, and what pyenv has installed.
fn pythons() -> Vec<(u32, PathBuf)> {
    let on_path = MINORS.map(|minor| PathBuf::from(format!("python3.{minor}")));
    let home = std::env::var_os("HOME").unwrap_or_default();
    let pyenv = std::env::var_os("PYENV_ROOT").map_or_else(|| Path::new(&home).join(".pyenv"), PathBuf::from);
    let versions = std::fs::read_dir(pyenv.join("versions")).into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin/python3"));
    let runs = |python: PathBuf| minor(&python).filter(|minor| MINORS.contains(minor)).map(|minor| (minor, python));
    on_path.chain(installed).filter_map(runs).collect()
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "a machine may have one Python or many: `--nocapture` says which were tried")]
async fn one_worker_module_runs_in_every_python_of_this_machine_from_3_9_on() {
    let pythons = pythons();
    assert!(!pythons.is_empty(), "no python3.X on PATH and none of pyenv");
    let code = Code::around(
        r#"import decimal, sys
    if request["uri"].endswith("raise"): raise ValueError("boom")
    print("printed in 3.%d" % sys.version_info[1])
    told = ["3.%d" % sys.version_info[1], context.aws_request_id.count("-"), request["headers"]["x-text"][0]["value"], calls]
    response = {"status": decimal.Decimal("200"), "body": " ".join(map(str, told)), "headers": {"x-calls": header(calls, "X-Calls")}}
    return response"#,
        "",
    );
    let mut edge = Edge::before("", |_| Reply::ok("unused")).package(Language::Python, "l", &code);
    for (place, (minor, python)) in pythons.iter().enumerate() {
        // By name where it is on the search path.
        let (runtime, interpreter) = match python.to_str().unwrap() {
            name if name == format!("python3.{minor}") => (name, String::new()),
            path => ("python3", format!("interpreter = \"{path}\"\n")),
        };
        edge = edge.configured(&format!(
            "\n[[distribution.behavior]]\npath_pattern = \"/{place}/*\"\ntarget_origin = \"app\"\n\
             origin_request = {{ lambda = \"l{place}\" }}\norigin_request_policy = \"AllViewer\"\n"
        ));
        let lambda = LAMBDA.replace("\"l\"", &format!("\"l{place}\""));
        edge = edge
            .configured(&format!("{lambda}runtime = \"{runtime}\"\n{interpreter}code = \"l\"\nconcurrency_max = 1\n"));
    }
    let edge = edge.start().await;
    for (place, (minor, python)) in pythons.iter().enumerate() {
        let answer = edge.get_with(&format!("/{place}/x"), &[("X-Text", "\u{fc}ber")]).await;
        let expected = format!("3.{minor} 4 \u{fc}ber 1");
        assert_eq!((answer.status, answer.text()), (200, expected.as_str()), "{}", python.display());
        let answer = edge.get(&format!("/{place}/raise")).await;
        assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"), "{}", python.display());
        let answer = edge.get_with(&format!("/{place}/y"), &[("X-Text", "on")]).await;
        assert_eq!(answer.text(), format!("3.{minor} 4 on 3"), "the environment lives on in {}", python.display());
        println!("the worker runs in Python 3.{minor}: {}", python.display());
    }
    let log = edge.stop_and_read("functions.log").await;
    for (minor, python) in &pythons {
        assert!(log.contains(&format!("printed in 3.{minor}\n")), "{}: {log}", python.display());
    }
    assert_eq!(log.matches("[ERROR] ValueError: boom").count(), pythons.len(), "{log}");
}
