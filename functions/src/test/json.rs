//! JSON values compared: all of one, or a part of one.

use super::{Mismatch, diff};
use serde_json::{Map, Value};

/// All of it must be equal; the order of members does not count.
pub(super) fn whole(what: &str, expected: &Value, found: &Value) -> Option<Mismatch> {
    let (expected, found) = (sorted(expected), sorted(found));
    (expected != found).then(|| Mismatch::new(what, diff(&pretty(&expected), &pretty(&found))))
}

/// Objects may have members beyond the expected ones; everything else is equal.
pub(super) fn part(what: &str, expected: &Value, found: &Value) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    differences(what, "", expected, found, &mut mismatches);
    mismatches
}

fn differences(what: &str, path: &str, expected: &Value, found: &Value, mismatches: &mut Vec<Mismatch>) {
    let place = || if path.is_empty() { what.to_owned() } else { format!("{what}: {path}") };
    match (expected, found) {
        (Value::Object(expected), Value::Object(members)) => {
            for (name, expected) in expected {
                let path = member_path(path, name);
                match members.get(name) {
                    Some(found) => differences(what, &path, expected, found, mismatches),
                    None => mismatches.push(Mismatch::values(format!("{what}: {path}"), expected, "nothing")),
                }
            }
        }
        _ if equal(expected, found) => {}
        _ => mismatches.push(Mismatch::values(place(), expected, found)),
    }
}

/// TOML has integers and floats, JSON has numbers.
fn equal(expected: &Value, found: &Value) -> bool {
    sorted(expected) == sorted(found)
}

fn member_path(path: &str, name: &str) -> String {
    let word = !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    match (path.is_empty(), word) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (false, false) => format!("{path}[{name:?}]"),
    }
}

/// The same with members in the order of their names, and whole floats as integers.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 9e15 => Value::from(whole as i64),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// As a person reads it.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_may_leave_members_out_and_nothing_else() {
        let found = json!({"request": {"uri": "/a", "headers": {"x-a": {"value": "1"}}, "list": [{"a": 1, "b": 2}]}});
        assert_eq!(part("output_contains", &json!({"request": {"uri": "/a"}}), &found), []);
        assert_eq!(part("output_contains", &json!({}), &found), []);
        let expected = json!({"request": {
            "uri": "/b", "headers": {"x-a": {"value": 1}, "x-b": {}}, "list": [{"a": 1}], "method": "GET",
        }});
        let told: Vec<_> = part("output_contains", &expected, &found).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        output_contains: request.uri: expected "/b", found "/a"
        output_contains: request.headers["x-a"].value: expected 1, found "1"
        output_contains: request.headers["x-b"]: expected {}, found nothing
        output_contains: request.list: expected [{"a":1}], found [{"a":1,"b":2}]
        output_contains: request.method: expected "GET", found nothing
        "#);
    }

    #[test]
    fn a_whole_is_equal_but_for_the_order_of_members_and_the_form_of_numbers() {
        let found = json!({"a": 1, "b": [1.0, {"c": 2, "d": null}]});
        assert_eq!(whole("output", &json!({"b": [1, {"d": null, "c": 2.0}], "a": 1.0}), &found), None);
        let told = whole("output", &json!({"a": 1, "b": [1, {"c": 3}]}), &found).map(|mismatch| mismatch.to_string());
        insta::assert_snapshot!(told.unwrap_or_default(), @r#"
        output:
        - expected, + found
            "b": [
              1,
              {
        -       "c": 3
        +       "c": 2,
        +       "d": null
              }
            ]
          }
        "#);
    }
}
