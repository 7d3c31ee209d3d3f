//! §5.1 of the specification, row by row: what a function reads of its KeyValueStore.

use super::*;

const HEAD: &str = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\n";

/// What an async expression comes to, printed by `JSON.stringify`; `kvs` is the store's handle, made at the top level.
fn read(expression: &str) -> String {
    read_of(&format!("{HEAD}{}", handler(expression)), Some(store()))
}

fn handler(expression: &str) -> String {
    format!(
        "async function handler(event) {{ let value; try {{ value = await (async () => {expression})(); \
         value = JSON.stringify(value); }} catch (error) {{ value = 'throws ' + error.name; }} \
         console.log(String(value)); return event.request; }}"
    )
}

fn read_of(code: &str, store: Option<Arc<Snapshot>>) -> String {
    let result = Function::with(code, FunctionRuntime::CloudfrontJs2_0, store).call(&request("/", &[]), None);
    result.logs.first().cloned().unwrap_or_else(|| format!("{:?}", result.outcome))
}

#[test]
fn get_gives_a_string_by_default() {
    assert_eq!(read("kvs.get('key')"), "\"value\"");
    assert_eq!(read("kvs.get('key', {})"), "\"value\"");
    assert_eq!(read("kvs.get('accent', {format: 'string'})"), "\"é\"");
    assert_eq!(read("kvs.get('json')"), r#""{\"a\":[1,2]}""#, "as it is stored");
}

#[test]
fn get_gives_parsed_json() {
    assert_eq!(read("kvs.get('json', {format: 'json'})"), r#"{"a":[1,2]}"#);
    assert_eq!(read("kvs.get('key', {format: 'json'})"), "throws SyntaxError");
}

#[test]
fn get_gives_bytes() {
    assert_eq!(
        read("kvs.get('accent', {format: 'bytes'}).then(bytes => [bytes[0], bytes[1], bytes.length])"),
        "[195,169,2]"
    );
    assert_eq!(read("kvs.get('accent', {format: 'bytes'}).then(bytes => Buffer.isBuffer(bytes))"), "true");
}

#[test]
fn get_refuses_other_formats() {
    assert_eq!(read("kvs.get('key', {format: 'xml'})"), "throws TypeError");
}

#[test]
fn get_of_a_missing_key_gives_a_promise_that_is_rejected_with_key_not_found() {
    assert_eq!(read("kvs.get('nope')"), "throws KeyNotFound");
    assert_eq!(
        read("kvs.get('nope').then(() => 'found', error => [error instanceof Error, error.name])"),
        r#"[true,"KeyNotFound"]"#
    );
    let result = Function::with(
        &format!("{HEAD}async function handler(event) {{ await kvs.get('nope'); return event.request; }}"),
        FunctionRuntime::CloudfrontJs2_0,
        Some(store()),
    )
    .on_request(&request("/", &[]));
    let Verdict::Fail(failure) = result else { panic!("{result:?}") };
    assert_eq!(failure.kind, FailureKind::FunctionExecution);
    assert!(failure.detail.contains("KeyNotFound"), "{}", failure.detail);
}

#[test]
fn exists_is_a_boolean() {
    assert_eq!(read("[await kvs.exists('key'), await kvs.exists('nope')]"), "[true,false]");
}

#[test]
fn meta_has_the_dates_and_the_number_of_keys() {
    assert_eq!(
        read("kvs.meta()"),
        r#"{"creationDateTime":"2024-01-01T00:00:00Z","lastUpdatedDateTime":"2024-02-01T00:00:00Z","keyCount":3}"#
    );
}

#[test]
fn count_is_the_number_of_keys() {
    assert_eq!(read("kvs.count()"), "3");
}

#[test]
fn every_method_gives_a_promise() {
    let promises =
        "[kvs.get('key'), kvs.exists('key'), kvs.meta(), kvs.count()].every(value => value instanceof Promise)";
    assert_eq!(read(promises), "true");
}

#[test]
fn a_function_without_a_store_gets_kvs_namespace_not_found() {
    let code = format!("import cf from 'cloudfront';\n{}", handler("cf.kvs().get('key')"));
    assert_eq!(read_of(&code, None), "throws KVSNamespaceNotFound");
}

#[test]
fn the_id_of_a_store_is_its_uuid_and_nothing_else() {
    let with = |id: &str| {
        read_of(
            &format!("import cf from 'cloudfront';\n{}", handler(&format!("cf.kvs('{id}').get('key')"))),
            Some(store()),
        )
    };
    assert_eq!(with("a1b2"), "\"value\"");
    assert_eq!(with("c3d4"), "throws KVSNamespaceNotFound");
    assert_eq!(with("arn:aws:cloudfront::123456789012:key-value-store/a1b2"), "throws KVSNamespaceNotFound");
    assert_eq!(with(""), "throws KVSNamespaceNotFound");
}

#[test]
fn keys_that_are_no_strings_are_taken_as_strings() {
    let numbers = Snapshot::new(About::default(), [("1", "one"), ("null", "nothing")]).unwrap();
    let code = format!("{HEAD}{}", handler("[await kvs.get(1), await kvs.get(null)]"));
    assert_eq!(read_of(&code, Some(Arc::new(numbers))), r#"["one","nothing"]"#);
}

#[test]
fn keys_of_objects_are_keys_like_others() {
    assert_eq!(
        read("[await kvs.exists('constructor'), await kvs.exists('__proto__'), await kvs.exists('')]"),
        "[false,false,false]"
    );
}

#[test]
fn runtime_1_0_has_no_store() {
    let code = "var cf = require('cloudfront'); function handler(event) { return event.request; }";
    let verdict = Function::load(code, FunctionRuntime::CloudfrontJs1_0, Fidelity::Strict, Some(store()))
        .map(|mut function| function.on_request(&request("/", &[])));
    assert!(!matches!(verdict, Ok(Verdict::Continue(_))), "{verdict:?}");
}
