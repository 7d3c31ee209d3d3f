//! The JSON Schema of the language, for editors and for `homefront schema`, from the tables of [`crate::raw`].

use crate::cases;
use crate::language::{Field, Presence, Shape, Table};
use crate::raw::Root;
use serde_json::{Map, Value, json};

/// The schema of a configuration, draft 2020-12, as indented JSON with a line end.
pub fn json_schema() -> String {
    of(&Root::table(), "Homefront configuration")
}

/// The same of a case file.
pub fn case_schema() -> String {
    of(&cases::raw::Root::table(), "Homefront test cases")
}

fn of(file: &Table, title: &str) -> String {
    let mut definitions = Map::new();
    let root = table(file, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(title));
    schema.extend(root);
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    format!("{:#}\n", Value::Object(schema))
}

fn table(table: &Table, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let required: Vec<_> = table.fields.iter().filter(|field| field.presence == Presence::Required).collect();
    let required: Vec<_> = required.iter().map(|field| field.key).collect();
    let properties: Map<String, Value> =
        table.fields.iter().map(|each| (each.key.to_owned(), field(each, definitions))).collect();
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(table.doc));
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

fn field(field: &Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = shape(&field.shape, definitions);
    schema.insert("description".to_owned(), json!(field.doc));
    if let Presence::Default(text) = field.presence
        && let Some(value) = toml_value(text)
    {
        schema.insert("default".to_owned(), value);
    }
    Value::Object(schema)
}

/// A default, written as in the file, as JSON.
fn toml_value(text: &str) -> Option<Value> {
    let document: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(document.get("value")?).ok()
}

fn shape(form: &Shape, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let schema = match form {
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Shape::Text { pattern: None, .. } => json!({ "type": "string" }),
        Shape::Text { pattern: Some(pattern), .. } => json!({ "type": "string", "pattern": pattern }),
        Shape::Choice(words) => json!({ "anyOf": [
            { "type": "string", "enum": words },
            { "type": "string", "pattern": VARIABLE },
        ] }),
        Shape::Json => json!({}),
        Shape::List(item) => json!({ "type": "array", "items": shape(item, definitions) }),
        Shape::Map(item) => json!({ "type": "object", "additionalProperties": shape(item, definitions) }),
        Shape::Either(forms) => {
            let forms: Vec<_> = forms.iter().map(|each| shape(each, definitions)).collect();
            json!({ "anyOf": forms })
        }
        Shape::Table(described) => {
            let described = described();
            let name = definition_name(described.name);
            if !definitions.contains_key(&name) {
                // Held before it is filled, so that a table that contained itself would end here too.
                definitions.insert(name.clone(), Value::Null);
                let filled = Value::Object(table(&described, definitions));
                definitions.insert(name.clone(), filled);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => unreachable!("every form above is an object"),
    }
}

/// A string with a variable in it can become any word.
const VARIABLE: &str = r"\$\{";

fn definition_name(table: &str) -> String {
    table.replace("{ ", "").replace(" }", "").replace('.', "_")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn schema() -> Value {
        serde_json::from_str(&json_schema()).unwrap()
    }

    fn cases() -> Value {
        serde_json::from_str(&case_schema()).unwrap()
    }

    #[test]
    fn unknown_keys_are_refused_everywhere() {
        for schema in [schema(), cases()] {
            let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
            for table in tables {
                assert_eq!(table["additionalProperties"], json!(false), "{table}");
            }
        }
    }

    #[test]
    fn every_default_is_written_as_toml() {
        fn walk(table: &Table) {
            for field in &table.fields {
                if let Presence::Default(text) = field.presence {
                    assert!(toml_value(text).is_some(), "{}: {text}", field.key);
                }
                tables_in(&field.shape).iter().for_each(walk);
            }
        }
        fn tables_in(shape: &Shape) -> Vec<Table> {
            match shape {
                Shape::Table(described) => vec![described()],
                Shape::List(item) | Shape::Map(item) => tables_in(item),
                Shape::Either(shapes) => shapes.iter().flat_map(tables_in).collect(),
                _ => Vec::new(),
            }
        }
        walk(&Root::table());
        walk(&crate::cases::raw::Root::table());
    }

    #[test]
    fn bounds_and_words_are_in_the_schema() {
        let schema = schema();
        let origin = &schema["$defs"]["distribution_origin"]["properties"];
        assert_eq!(origin["connection_attempts"]["maximum"], json!(3));
        assert_eq!(origin["connection_attempts"]["default"], json!(3));
        assert_eq!(origin["protocol_policy"]["anyOf"][0]["enum"][0], json!("http-only"));
        let behavior = &schema["$defs"]["distribution_behavior"];
        assert!(behavior["required"].as_array().unwrap().contains(&json!("path_pattern")));
        assert!(schema["$defs"]["distribution_default_behavior"]["properties"]["path_pattern"].is_null());
    }
}
