//! The defaults that the schema and the reference tell are the ones that hold.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::Path;

/// One of every table, with no key that has a default.
const BARE: &str = r#"
[listen]
[cache]
[log]
access = { path = "stdout" }

[[distribution]]
  [[distribution.origin]]
  id = "app"
  domain_name = "app.internal"
    [distribution.origin.tls]
  [distribution.default_behavior]
  target_origin = "app"
  viewer_request = { function = "f" }
  origin_request = { lambda = "l" }
  authorize = { jwt = "j" }
  split = { experiment = "e" }
  cache_policy = "p"
  origin_request_policy = "q"
  response_headers_policy = "r"
  [[distribution.behavior]]
  path_pattern = "/a"
  target_origin = "app"
  [[distribution.custom_error_response]]
  error_code = 404

[[function]]
name = "f"
code = "files/rewrite.js"

[[lambda]]
name = "l"
runtime = "python3"
handler = "authorize.lambda_handler"
code = "files/package"

[[cache_policy]]
name = "p"

[[origin_request_policy]]
name = "q"

[[response_headers_policy]]
name = "r"
custom_headers = [{ header = "X-A", value = "1" }]
server_timing_headers = { sampling_rate = 1.5 }
  [response_headers_policy.cors]
  access_control_allow_origins = ["*"]
  access_control_allow_headers = ["*"]
  access_control_allow_methods = ["ALL"]
  [response_headers_policy.security_headers]
  content_security_policy = { content_security_policy = "default-src 'self'" }
  content_type_options = {}
  frame_options = { frame_option = "DENY" }
  referrer_policy = { referrer_policy = "origin" }
  strict_transport_security = { access_control_max_age_s = 1 }
  xss_protection = { protection = true }

[[response_headers_policy]]
name = "s"

[[jwt]]
name = "j"
secret_file = "files/secret.txt"
algorithms = ["HS256"]

[[experiment]]
name = "e"
variants = [{ name = "a", weight = 1 }, { name = "b", weight = 1 }]
"#;

fn config(text: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    match homefront_config::parse("bare.toml", text, &folder, &|_| None) {
        // Where a key stands in the file is no setting.
        Ok((config, _)) => {
            let lines = format!("{config:#?}");
            lines.lines().filter(|line| !line.trim_start().starts_with("place: ")).collect::<Vec<_>>().join("\n")
        }
        Err(report) => panic!("{report}"),
    }
}

/// Writes every default of the schema into the document; says how many.
fn fill(document: &mut toml::Value, schema: &Value, root: &Value) -> usize {
    if let Some(name) = schema["$ref"].as_str() {
        return fill(document, root.pointer(&name[1..]).unwrap(), root);
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        return forms.iter().map(|form| fill(document, form, root)).sum();
    }
    match document {
        toml::Value::Array(items) => items.iter_mut().map(|item| fill(item, &schema["items"], root)).sum(),
        toml::Value::Table(table) => {
            let Some(properties) = schema["properties"].as_object() else { return 0 };
            let mut filled = 0;
            for (key, property) in properties {
                match table.get_mut(key) {
                    Some(value) => filled += fill(value, property, root),
                    None if !property["default"].is_null() => {
                        table.insert(key.clone(), toml::Value::try_from(&property["default"]).unwrap());
                        filled += 1;
                    }
                    None => {}
                }
            }
            filled
        }
        _ => 0,
    }
}

#[test]
fn writing_out_every_default_changes_nothing() {
    let schema: Value = serde_json::from_str(&homefront_config::schema::json_schema()).unwrap();
    let mut document: toml::Value = toml::from_str(BARE).unwrap();
    let filled = fill(&mut document, &schema, &schema);
    // The policy of the default behavior is given, so that the experiment's own policies are reached.
    let defaults = schema.to_string().matches("\"default\":").count();
    assert!(filled >= defaults, "{filled} of {defaults} defaults were tried: add the missing tables above");
    let written = toml::to_string(&document).unwrap();
    assert_eq!(config(BARE), config(&written), "{written}");
}
