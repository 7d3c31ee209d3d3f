//! Declares tables, and reads the keys of one.

use super::reading::nearest;
use super::{At, Field, Node, Presence, Reading, Shape, Value, later};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Declares a TOML table: `table! { /// doc  Name "header" { /// doc  key: Type, required; … } }`.
///
/// Every field is `Option<At<Type>>`: `None` when the key is absent, or present and wrong (then the problem is noted).
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $name:ident $header:literal {
            $( $(#[doc = $key_doc:literal])+ $key:ident: $value:ty, $presence:ident $($default:literal)?; )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            $( $(#[doc = $key_doc])+ pub(crate) $key: Option<$crate::language::At<$value>>, )+
        }

        impl $name {
            /// Its keys, as data.
            pub(crate) fn table() -> $crate::language::Table {
                $crate::language::Table {
                    name: $header,
                    doc: $crate::language::table::prose(&[$($doc),+]),
                    fields: vec![$( $crate::language::Field {
                        key: $crate::language::table::bare(stringify!($key)),
                        doc: $crate::language::table::prose(&[$($key_doc),+]),
                        presence: $crate::language::table::presence!($presence $($default)?),
                        shape: <$value as $crate::language::Value>::shape(),
                    } ),+],
                }
            }

            /// Reads it by a table that is this one with some keys more or less.
            fn read_as(
                table: fn() -> $crate::language::Table,
                node: &$crate::language::Node<'_>,
                reading: &mut $crate::language::Reading<'_>,
            ) -> Option<Self> {
                let rows = $crate::language::table::Rows::open(node, table, reading)?;
                Some(Self { $( $key: rows.key($crate::language::table::bare(stringify!($key)), reading), )+ })
            }
        }

        impl $crate::language::Value for $name {
            fn shape() -> $crate::language::Shape {
                $crate::language::Shape::Table(Self::table)
            }

            fn read(
                node: &$crate::language::Node<'_>,
                reading: &mut $crate::language::Reading<'_>,
            ) -> Option<Self> {
                Self::read_as(Self::table, node, reading)
            }
        }
    };
}

/// The last words of a key's declaration.
macro_rules! presence {
    (required) => {
        $crate::language::Presence::Required
    };
    (optional) => {
        $crate::language::Presence::Optional
    };
    (default $text:literal) => {
        $crate::language::Presence::Default($text)
    };
}

pub(crate) use {presence, table};

/// The keys of one table of the file; unknown and missing ones are noted when it is opened.
pub(crate) struct Rows<'n, 'i> {
    table: &'n DeTable<'i>,
}

impl<'n, 'i> Rows<'n, 'i> {
    /// `None` when the value is no table.
    pub(crate) fn open(node: &'n Node<'i>, shape: fn() -> super::Table, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else {
            reading.wrong_type(node, &Shape::Table(shape));
            return None;
        };
        let described = shape();
        let mut meant = Vec::new();
        for key in table.keys() {
            if !described.fields.iter().any(|field| field.key == key.get_ref().as_ref()) {
                meant.extend(unknown_key(&described, key.get_ref(), key.span(), reading));
            }
        }
        for field in described.fields.iter().filter(|field| field.presence == Presence::Required) {
            // A required key that is misspelt is one problem, not two.
            if !table.contains_key(field.key) && !meant.contains(&field.key) {
                missing_key(&described, field, node.span(), reading);
            }
        }
        Some(Self { table })
    }

    /// Reads the value of a key.
    pub(crate) fn key<T: Value>(&self, key: &str, reading: &mut Reading<'_>) -> Option<At<T>> {
        At::read(self.table.get(key)?, reading)
    }
}

/// Notes it; gives the key that was meant, if there is one.
fn unknown_key(table: &super::Table, key: &str, span: Range<usize>, reading: &mut Reading<'_>) -> Option<&'static str> {
    let keys = || table.fields.iter().map(|field| field.key);
    let only = if table.fields.len() == 1 { keys().next() } else { None };
    let (meant, hint) = match (later::reason(table.name, key), only.or_else(|| nearest(key, keys()))) {
        (Some(reason), _) => (only, reason),
        (None, Some(near)) => (Some(near), format!("did you mean `{near}`?")),
        (None, None) => {
            let keys: Vec<_> = keys().map(|key| format!("`{key}`")).collect();
            (None, format!("the keys here are {}", keys.join(", ")))
        }
    };
    let place = if table.name.is_empty() { "at the top level".to_owned() } else { format!("in `{}`", table.name) };
    reading.error(span, format!("unknown key `{key}` {place}")).hint(hint);
    meant
}

fn missing_key(table: &super::Table, field: &Field, span: Range<usize>, reading: &mut Reading<'_>) {
    let place = if table.name.is_empty() { "the file".to_owned() } else { format!("`{}`", table.name) };
    reading
        .error(span, format!("{place} needs the key `{}`", field.key))
        .hint(format!("`{}`: {}", field.key, field.doc));
}

/// A key that is a word of Rust's is declared as `r#override`.
pub(crate) fn bare(identifier: &'static str) -> &'static str {
    identifier.trim_start_matches("r#")
}

/// Joins the lines of a doc comment.
pub(crate) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
