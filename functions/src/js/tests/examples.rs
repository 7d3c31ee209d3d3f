//! The functions of the examples, as files.

use super::*;

#[test]
fn every_example_function_answers_the_event_it_is_for() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut run = 0;
    for example in std::fs::read_dir(examples).unwrap() {
        let Ok(functions) = std::fs::read_dir(example.unwrap().path().join("functions")) else { continue };
        for file in
            functions.map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|end| end == "js"))
        {
            let code = std::fs::read_to_string(&file).unwrap();
            let mut function = Function::with(&code, FunctionRuntime::CloudfrontJs2_0, Some(store()));
            assert!(!function.engine.modifies_built_ins(function.id), "{}", file.display());
            let given = request(
                "/a/?b=c&a=d",
                &[("Host", "example.com"), ("X-Variant", "a"), ("X-Language", "de"), ("Cookie", "variant=a")],
            );
            let answered = response(200, &[("Content-Type", "text/html"), ("Via", "1.1 x")]);
            let on_request = function.on_request(&given);
            let on_response = function.on_response(&given, &answered);
            assert!(
                !matches!(on_request, Verdict::Fail(_)) || !matches!(on_response, Verdict::Fail(_)),
                "{}\n{on_request:?}\n{on_response:?}",
                file.display()
            );
            run += 1;
        }
    }
    assert!(run >= 8, "{run} example functions found");
}
