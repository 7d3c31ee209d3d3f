//! A node that cannot run does not start, and says why in one message.

use crate::harness::{Authority, Code, Edge, Language, PATIENCE, Reply, binary, in_every_language, one_origin};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, BufReader};

in_every_language! {
    a_package_that_lambda_would_not_take_is_refused_before_anything_starts,
}

/// A path of this run, and a port, made into what every run has.
fn settled(text: &str, folder: &Path) -> String {
    let text = text.replace(folder.to_str().unwrap(), "[folder]");
    let words = text.split_inclusive(' ').map(|word| match word.split_once("127.0.0.1:") {
        Some((before, after)) => {
            format!("{before}127.0.0.1:[port]{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => word.to_owned(),
    });
    words.collect()
}

async fn serve(edge: Edge) -> (Option<i32>, String) {
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["serve", "homefront.toml"])).await;
    assert_eq!(ended.stdout, "", "nothing is listening");
    (ended.code, settled(&ended.stderr, folder.path()))
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let edge =
        Edge::before("", |_| Reply::ok("hello")).listen(&format!("http = [\"{}\"]", taken.local_addr().unwrap()));
    let (code, message) = serve(edge).await;
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(message);
}

fn with_certificate() -> Edge {
    let toml = one_origin("").replace(
        "domain_name = \"dtest123456789.cloudfront.net\"",
        "domain_name = \"dtest123456789.cloudfront.net\"\n\
         viewer_certificate = { certificate = \"cert.pem\", private_key = \"key.pem\" }",
    );
    Edge::with(toml).origin("app", |_| Reply::ok("hello")).listen("https = [\"127.0.0.1:0\"]")
}

#[tokio::test]
async fn a_missing_certificate_is_one_clear_line() {
    let (code, message) = serve(with_certificate()).await;
    assert_eq!(code, Some(2));
    insta::assert_snapshot!(message);
}

#[tokio::test]
async fn a_certificate_with_another_key_is_one_clear_line() {
    let authority = Authority::new();
    let edge = with_certificate()
        .file("cert.pem", &authority.issue(&["a.test"]).certificate)
        .file("key.pem", &authority.issue(&["a.test"]).private_key);
    let (code, message) = serve(edge).await;
    assert_eq!(code, Some(2));
    insta::assert_snapshot!(message);
}

#[tokio::test]
async fn what_is_no_certificate_is_one_clear_line() {
    let (code, message) = serve(with_certificate().file("cert.pem", "not PEM").file("key.pem", "not PEM")).await;
    assert!(matches!(code, Some(1 | 2)));
    insta::assert_snapshot!(message);
}

/// What a node says that finds no interpreter for a function.
async fn without_interpreters(language: Language) -> String {
    let code = Code::around("return request", "return request;");
    let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("hello")).lambda(
        language,
        "l",
        &code,
        "timeout_s = 5",
    );
    let (folder, _origins) = edge.written();
    let mut command = binary::command(folder.path(), &["serve", "homefront.toml"]);
    command.env("PATH", "/nowhere");
    let ended = binary::run(command).await;
    assert_eq!(ended.code, Some(1));
    settled(&ended.stderr, folder.path())
}

#[tokio::test]
async fn a_missing_python_is_one_clear_line() {
    insta::assert_snapshot!(without_interpreters(Language::Python).await);
}

#[tokio::test]
async fn a_missing_node_is_one_clear_line() {
    insta::assert_snapshot!(without_interpreters(Language::Node).await);
}

#[tokio::test]
async fn a_bootstrap_without_its_interpreter_is_one_clear_line() {
    insta::assert_snapshot!(without_interpreters(Language::Provided).await);
}

#[tokio::test]
async fn a_python_of_a_version_that_is_not_there_is_one_clear_line() {
    let toml = one_origin("origin_request = { lambda = \"l\" }")
        + "\n[[lambda]]\nname = \"l\"\nruntime = \"python3.99\"\nhandler = \"main.handler\"\ncode = \"l\"\n";
    let edge =
        Edge::with(toml).origin("app", |_| Reply::ok("hello")).file("l/main.py", "def handler(event, context): pass");
    let (code, message) = serve(edge).await;
    assert!(matches!(code, Some(1 | 2)));
    insta::assert_snapshot!(message);
}

const WRONG: &str = r#"
[listen]
http = ["127.0.0.1:0"]
[[distribution]]
[[distribution.origin]]
id = "app"
domain_name = "127.0.0.1"
conection_attempts = 9
[distribution.default_behavior]
target_origin = "ap"
cache_policy = "CachingOptimised"
"#;

#[tokio::test]
async fn a_wrong_configuration_never_starts_and_tells_every_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("homefront.toml"), WRONG).unwrap();
    let mut messages = Vec::new();
    for words in [["serve", "homefront.toml"], ["check", "homefront.toml"]] {
        let ended = binary::run(binary::command(folder.path(), &words)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{words:?}");
        messages.push(ended.stderr);
    }
    assert_eq!(messages[0], messages[1]);
    insta::assert_snapshot!(messages[0]);
}

#[tokio::test]
async fn check_tells_of_functions_that_do_not_compile() {
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello"))
        .function("f", "function handler(event) {\n  return event.request\n");
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
}

/// Answers 503 on CloudFront.
const UNKNOWN_TO_CLOUDFRONT: &str = "function handler(event) {
  var request = event.request;
  if (request.headers.host?.value === 'a.test') {
    request.uri = '/a';
  }
  for (const name of Object.keys(request.headers)) {
    delete request.headers[name];
  }
  return request;
}
";

#[tokio::test]
async fn check_tells_of_what_only_cloudfronts_engine_rejects() {
    for settings in ["", "isolation = \"inline\"\n"] {
        let toml = one_origin("viewer_request = { function = \"f\" }")
            + "\n[[function]]\nname = \"f\"\ncode = \"f.js\"\n"
            + settings;
        let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).file("f.js", UNKNOWN_TO_CLOUDFRONT);
        let (folder, _origins) = edge.written();
        let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
        }
    }
}

#[tokio::test]
async fn check_warns_of_what_relaxed_functions_do_and_of_objects_that_are_not_there() {
    let toml = one_origin("viewer_request = { function = \"f\" }\nviewer_response = { function = \"g\" }")
        + "\n[[function]]\nname = \"f\"\ncode = \"f.js\"\nfidelity = \"relaxed\"\n"
        + "\n[[function]]\nname = \"g\"\ncode = \"g.js\"\n";
    let absent = "function handler(event) {\n  console.error(new Map());\n  return event.response;\n}\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).file("f.js", UNKNOWN_TO_CLOUDFRONT);
    let (folder, _origins) = edge.file("g.js", absent).written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "homefront.toml: ok\n"));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
}

#[tokio::test]
async fn check_refuses_a_function_without_a_handler() {
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello"))
        .function("f", "function hanlder(event) {\n  return event.request;\n}\n");
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
}

#[tokio::test]
async fn check_warns_of_what_is_wrong_with_a_function_that_no_behavior_runs() {
    let toml = one_origin("viewer_request = { function = \"f\" }")
        + "\n[[function]]\nname = \"f\"\ncode = \"f.js\"\n"
        + "\n[[function]]\nname = \"unused\"\ncode = \"unused.js\"\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello"));
    let edge = edge.file("f.js", "function handler(event) {\n  return event.request;\n}\n");
    let (folder, _origins) =
        edge.file("unused.js", "function handler(event) {\n  return event?.request;\n}\n").written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "homefront.toml: ok\n"));
    let said = settled(&ended.stderr, folder.path());
    let (of_configuration, of_functions) = said.split_once("warning: ").expect(&said);
    assert!(of_configuration.contains("the function \"unused\" is not used"), "{said}");
    insta::assert_snapshot!(of_functions, @r#"
    function "unused": [folder]/unused.js:2:15: CloudFront's engine does not know optional chaining (?.): it answers 503 to every request
      hint: test for undefined first: a && a.b
    "#);
}

#[tokio::test]
async fn an_error_of_the_configuration_hides_none_of_its_functions() {
    let toml = one_origin(
        "viewer_request = { function = \"f\" }\nviewer_response = { function = \"large\" }\nprice_class = 1",
    ) + "\n[[function]]\nname = \"f\"\ncode = \"f.js\"\n"
        + "\n[[function]]\nname = \"large\"\ncode = \"large.js\"\n"
        + "\n[[function]]\nname = \"unused\"\ncode = \"unused.js\"\n";
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("hello"))
        .file("f.js", UNKNOWN_TO_CLOUDFRONT)
        .file("large.js", " ".repeat(10_241))
        .file("unused.js", "function handler(");
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let said = settled(&ended.stderr, folder.path());
    let (of_configuration, of_functions) = said.split_once("2 errors in homefront.toml\n").expect(&said);
    assert!(of_configuration.contains("price_class") && of_configuration.contains("large.js"), "{said}");
    insta::assert_snapshot!(of_functions, @r#"
    error: function "f": [folder]/f.js:3:27: CloudFront's engine does not know optional chaining (?.): it answers 503 to every request
      hint: test for undefined first: a && a.b
    error: function "f": [folder]/f.js:6:19: CloudFront's engine does not know for (… of …): it answers 503 to every request (SyntaxError: Token "of" not supported in this version in 6)
      hint: count: for (var i = 0; i < list.length; i++), or use list.forEach
    2 errors in its functions
    "#);
}

#[tokio::test]
async fn check_refuses_a_function_whose_top_level_throws_and_serve_says_so() {
    let code =
        "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nfunction handler(event) {\n  return event.request;\n}\n";
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello")).function("f", code);
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()), @r#"
    error: function "f": [folder]/f.js:2: its top level throws, in every call before the handler is reached: KVSNamespaceNotFound: no KeyValueStore is associated with this function
    1 error in homefront.toml
    "#);
    let mut child = binary::command(folder.path(), &["serve", "homefront.toml"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = tokio::time::timeout(PATIENCE, log.next_line()).await.expect("a line").unwrap().expect("a log");
        if line.contains("ERROR") && line.contains("its top level throws") && line.contains("KVSNamespaceNotFound") {
            break;
        }
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn check_tells_the_errors_of_a_function_in_the_order_of_its_source() {
    let code =
        format!("{}function handler(event) {{\n  return event?.request;\n}}\nclass A {{}}\n", "a?.b;\n".repeat(2))
            + &"\n".repeat(4)
            + "class B {}\n";
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello")).function("f", &code);
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    let errors = ended.stderr.lines().filter_map(|line| line.strip_prefix("error: ")?.split("f.js:").nth(1));
    let lines: Vec<_> = errors.filter_map(|place| place.split(':').next()?.parse::<u32>().ok()).collect();
    assert_eq!(lines, [1, 2, 4, 6, 11], "{}", ended.stderr);
}

#[tokio::test]
async fn an_export_is_one_error_with_a_way_out() {
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello"))
        .function("f", "function handler(event) {\n  return event.request;\n}\nexport { handler };\n");
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
}

#[tokio::test]
async fn serve_says_what_only_cloudfronts_engine_rejects_and_serves_503() {
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello"))
        .function("f", UNKNOWN_TO_CLOUDFRONT);
    let (folder, _origins) = edge.written();
    let mut child = binary::command(folder.path(), &["serve", "homefront.toml"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut errors = 0;
    while errors < 2 {
        let line = tokio::time::timeout(PATIENCE, log.next_line()).await.expect("a line").unwrap().expect("a log");
        errors += u32::from(line.contains("ERROR") && line.contains("CloudFront's engine does not know"));
    }
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, stdout.next_line()).await.expect("a line").unwrap().expect("a port");
    assert!(line.starts_with("listening on http://"), "{line}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn check_says_that_it_does_not_tell_all() {
    let code = format!("function handler(event) {{\n{}return event.request;\n}}\n", "  event?.a;\n".repeat(40));
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("hello")).function("f", &code);
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    let (_, end) = ended.stderr.split_once("f.js:33:").expect(&ended.stderr);
    insta::assert_snapshot!(end, @r"
    8: CloudFront's engine does not know optional chaining (?.): it answers 503 to every request
      hint: test for undefined first: a && a.b
      there may be more in it: the first 32 are told
    32 errors in homefront.toml
    ");
}

#[tokio::test]
async fn check_of_a_good_configuration_is_one_word() {
    let (folder, _origins) = Edge::before("", |_| Reply::ok("hello")).written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout);
}

#[tokio::test]
async fn a_folder_stands_for_the_configuration_in_it() {
    let (folder, _origins) = Edge::before("", |_| Reply::ok("hello")).written();
    let ended = binary::run(binary::command(folder.path(), &["check", "."])).await;
    assert_eq!((ended.code, ended.stderr.as_str(), ended.stdout.as_str()), (Some(0), "", "./homefront.toml: ok\n"));
    let empty = tempfile::tempdir_in(folder.path()).unwrap();
    let ended = binary::run(binary::command(empty.path(), &["check", "."])).await;
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(settled(&ended.stderr, empty.path()), @"
      × cannot read ./homefront.toml: No such file or directory
      help: give the path of a TOML file; `homefront serve --origin URL` needs none

    1 error in ./homefront.toml
    ");
}

async fn a_package_that_lambda_would_not_take_is_refused_before_anything_starts(language: Language) {
    let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("hello"));
    let edge = edge.lambda(language, "l", &Code::around("return request", "return request;"), "");
    let model = std::fs::File::create(edge.folder().join("l/model.bin")).unwrap();
    // None of it is on the disk.
    model.set_len(homefront_config::limits::LAMBDA_UNPACKED_BYTES_MAX).unwrap();
    let (folder, _origins) = edge.written();
    let mut told = Vec::new();
    for word in ["check", "serve"] {
        let ended = binary::run(binary::command(folder.path(), &[word, "homefront.toml"])).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{word}");
        told.push(settled(&ended.stderr, folder.path()));
    }
    assert_eq!(told[0], told[1]);
    insta::allow_duplicates! {
        insta::assert_snapshot!(told[0], @r#"
          × cannot use the deployment package [folder]/l: Unzipped size must be smaller than 262144000 bytes
            ╭─[homefront.toml:22:8]
         22 │ code = "l"
            ·        ───
            ╰────
          help: leave out what the function does not need: tests, caches, tools of the build

        1 error in homefront.toml
        "#);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let ended = binary::run(binary::command(folder.path(), &["serve", "nothing.toml"])).await;
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(settled(&ended.stderr, folder.path()));
}

#[tokio::test]
async fn help_reads_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for words in [
        &["--help"][..],
        &["serve", "--help"],
        &["check", "--help"],
        &["invoke", "--help"],
        &["test", "--help"],
        &["schema", "--help"],
    ] {
        let ended = binary::run(binary::command(folder.path(), words)).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{words:?}");
        text.push_str(&format!("$ homefront {}\n{}\n", words.join(" "), ended.stdout));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn an_unknown_word_is_exit_2_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    let ended = binary::run(binary::command(folder.path(), &["serv"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ended.stderr);
}

#[tokio::test]
async fn the_schema_is_json_schema() {
    let folder = tempfile::tempdir().unwrap();
    let ended = binary::run(binary::command(folder.path(), &["schema"])).await;
    assert_eq!(ended.code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
}

#[tokio::test]
async fn check_finds_what_would_keep_a_node_from_starting() {
    let authority = Authority::new();
    let edge = with_certificate()
        .file("cert.pem", &authority.issue(&["a.test"]).certificate)
        .file("key.pem", &authority.issue(&["a.test"]).private_key);
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["check", "homefront.toml"])).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("is it the key of this certificate?"), "{}", ended.stderr);
}
