//! The schema and the reference page in `docs/` are what the types say now.
//!
//! `UPDATE=1 cargo test -p homefront-config --test generated` writes them.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::fs;
use std::path::Path;

fn check(file: &str, current: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/{file} is stale; renew it: UPDATE=1 cargo test -p homefront-config --test generated"
    );
}

#[test]
fn the_schema_is_current() {
    check("homefront.schema.json", &homefront_config::schema::json_schema());
}

#[test]
fn the_reference_is_current() {
    check("reference.md", &homefront_config::reference::markdown());
}

#[test]
fn the_schema_of_case_files_is_current() {
    check("cases.schema.json", &homefront_config::schema::case_schema());
}

#[test]
fn the_reference_of_case_files_is_current() {
    check("case-reference.md", &homefront_config::reference::case_markdown());
}

/// As much of JSON Schema as the schema uses, but for most patterns.
fn accepts(schema: &Value, value: &Value, root: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str() {
        return accepts(root.pointer(&name[1..]).unwrap(), value, root);
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        return forms.iter().any(|form| accepts(form, value, root));
    }
    match schema["type"].as_str().unwrap() {
        "boolean" => value.is_boolean(),
        "integer" => value.as_u64().is_some_and(|number| {
            number >= schema["minimum"].as_u64().unwrap() && number <= schema["maximum"].as_u64().unwrap()
        }),
        "string" => value.as_str().is_some_and(|text| {
            let variable = schema["pattern"] != r"\$\{" || text.contains("${");
            variable && schema["enum"].as_array().is_none_or(|words| words.contains(value))
        }),
        "array" => value.as_array().is_some_and(|items| items.iter().all(|item| accepts(&schema["items"], item, root))),
        "object" => value.as_object().is_some_and(|object| {
            let known = |key: &String, value: &Value| match &schema["properties"][key] {
                Value::Null if schema["additionalProperties"].is_object() => {
                    accepts(&schema["additionalProperties"], value, root)
                }
                Value::Null => false,
                property => accepts(property, value, root),
            };
            let required = schema["required"].as_array().into_iter().flatten();
            required.map(|key| key.as_str().unwrap()).all(|key| object.contains_key(key))
                && object.iter().all(|(key, value)| known(key, value))
        }),
        other => panic!("a type the schema did not use before: {other}"),
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses() {
    let schema: Value = serde_json::from_str(&homefront_config::schema::json_schema()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let document = |name: &str| -> Value {
        let text = fs::read_to_string(folder.join(name).with_extension("toml.golden")).unwrap();
        serde_json::to_value(toml::from_str::<toml::Table>(text.split("\n----------\n").next().unwrap()).unwrap())
            .unwrap()
    };
    for name in ["full", "smallest", "tls_only", "policy_defaults", "quotas", "shadowed_behaviors", "unused"] {
        assert!(accepts(&schema, &document(name), &schema), "{name}");
    }
    for name in ["unknown_keys", "later_keys", "missing_keys", "wrong_types", "unknown_words"] {
        assert!(!accepts(&schema, &document(name), &schema), "{name}");
    }
}
