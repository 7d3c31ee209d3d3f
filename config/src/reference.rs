//! The reference page of the language, from the tables of [`crate::raw`]: one table of keys for each table of the file.

use crate::cases;
use crate::language::{Field, Presence, Shape, Table};
use crate::raw::Root;
use std::fmt::Write as _;

const HEAD: &str = "\
# Configuration reference

One TOML file describes a node. This page is made from the types that read the file, and so is `homefront.schema.json`, which
editors use for completion (`homefront schema` prints it). A key that is not here is refused, with file, line and column.

- Sizes are strings with a unit: `\"256MiB\"`, `\"1GB\"`. Durations end in `_s` or `_ms`. Counts that bound something end in `_max`.
- Relative paths start at the folder of the file.
- `${NAME}` and `${NAME:-default}` in strings are replaced from the environment; `$${` stands for a literal `${`.
";

const CASES_HEAD: &str = "\
# Case file reference

What `homefront test` reads; [testing.md](testing.md) says how it is used. This page is made from the types that read the files,
and so is `cases.schema.json`, which editors use for completion (`homefront schema --cases` prints it). A key that is not here is
refused, with file, line and column. Paths and `${NAME}` are as in the [configuration](reference.md).
";

/// The page of the configuration, in Markdown.
pub fn markdown() -> String {
    of(&Root::table(), HEAD)
}

/// The page of case files.
pub fn case_markdown() -> String {
    of(&cases::raw::Root::table(), CASES_HEAD)
}

fn of(file: &Table, head: &str) -> String {
    let mut page = head.to_owned();
    let mut told = Vec::new();
    tell(file, "The file", &mut told, &mut page);
    page
}

/// A section for a table, then one for each table inside it that has none yet.
fn tell(table: &Table, title: &str, told: &mut Vec<&'static str>, page: &mut String) {
    told.push(table.name);
    // Writing to a string cannot fail.
    let _ =
        writeln!(page, "\n## {title}\n\n{}\n\n| key | type | default | meaning |\n|---|---|---|---|", cell(&table.doc));
    for field in &table.fields {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            field.key,
            cell(&form(&field.shape)),
            default(field),
            cell(&field.doc)
        );
    }
    for field in &table.fields {
        inside(&field.shape, table, field, told, page);
    }
}

fn inside(shape: &Shape, around: &Table, field: &Field, told: &mut Vec<&'static str>, page: &mut String) {
    match shape {
        Shape::Table(described) => {
            let table = described();
            // A table of one key inside another is told in full by its row there.
            let is_row = !around.name.is_empty() && table.fields.len() == 1;
            if !is_row && !told.contains(&table.name) {
                tell(&table, &heading(around, field), told, page);
            }
        }
        Shape::List(item) | Shape::Map(item) => inside(item, around, field, told, page),
        Shape::Either(forms) => forms.iter().for_each(|form| inside(form, around, field, told, page)),
        Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Text { .. }
        | Shape::Choice(_)
        | Shape::Json => {}
    }
}

/// As a person writes the table into a file.
fn heading(around: &Table, field: &Field) -> String {
    let path = match around.name {
        "" => field.key.to_owned(),
        "distribution" | "case" | "response_headers_policy" => format!("{}.{}", around.name, field.key),
        _ => return format!("`{}` of `{}`", field.key, around.name),
    };
    match &field.shape {
        Shape::List(_) => format!("`[[{path}]]`"),
        _ => format!("`[{path}]`"),
    }
}

/// The form in the reference's words.
fn form(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "boolean".to_owned(),
        Shape::Integer { min, max } => format!("integer, {min} to {max}"),
        Shape::Number { min, max } => format!("number, {min} to {max}"),
        Shape::Text { what, .. } => what.trim_start_matches("a ").trim_start_matches("an ").to_owned(),
        Shape::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Shape::Json => "anything JSON can say".to_owned(),
        Shape::List(item) if matches!(**item, Shape::Table(_)) => "list of tables".to_owned(),
        Shape::List(item) => format!("list of: {}", form(item)),
        Shape::Map(item) => format!("table of names, each with: {}", form(item)),
        Shape::Table(described) => {
            let table = described();
            match table.fields.as_slice() {
                [only] => format!("`{{ {} = … }}`", only.key),
                _ => "table".to_owned(),
            }
        }
        Shape::Either(forms) => forms.iter().map(form).collect::<Vec<_>>().join("; or "),
    }
}

fn default(field: &Field) -> String {
    match field.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional => String::new(),
        Presence::Default(text) => format!("`{text}`"),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
