//! The forms a value can have, and how they are called.

use std::fmt;

/// The form of a value.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Boolean,
    Integer {
        min: u64,
        max: u64,
    },
    Number {
        min: u64,
        max: u64,
    },
    /// A string with a meaning: what it is, and the pattern the schema gives to editors.
    Text {
        what: &'static str,
        pattern: Option<&'static str>,
    },
    Choice(&'static [&'static str]),
    List(Box<Shape>),
    Map(Box<Shape>),
    Table(fn() -> Table),
    /// Anything JSON can say.
    Json,
    /// Any one of these.
    Either(Vec<Shape>),
}

/// A TOML table: what the file can say in one place.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// As in its TOML header, `distribution.origin`; for inline tables the key.
    pub(crate) name: &'static str,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) doc: String,
    pub(crate) presence: Presence,
    pub(crate) shape: Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// What it is when it is not there, as a person reads it.
    Default(&'static str),
}

impl Table {
    /// The same table without a key.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.fields.retain(|field| field.key != key);
        self
    }

    /// The same table with a key made required.
    pub(crate) fn requiring(mut self, key: &str) -> Self {
        self.fields.iter_mut().filter(|field| field.key == key).for_each(|field| field.presence = Presence::Required);
        self
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { min, max } => write!(f, "an integer from {min} to {max}"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Text { what, .. } => f.write_str(what),
            Self::Choice(texts) => {
                let (last, others) = texts.split_last().expect("a choice has texts");
                let quoted: Vec<_> = others.iter().map(|text| format!("\"{text}\"")).collect();
                let or = if others.is_empty() { "" } else { " or " };
                write!(f, "{}{or}\"{last}\"", quoted.join(", "))
            }
            Self::List(item) => write!(f, "a list, each {item}"),
            Self::Map(item) => write!(f, "a table from names, each to {item}"),
            Self::Table(table) => match table().fields.as_slice() {
                [only] => write!(f, "a table with `{}`", only.key),
                [first, second] => write!(f, "a table with `{}` and `{}`", first.key, second.key),
                _ => f.write_str("a table"),
            },
            Self::Json => f.write_str("what JSON can say"),
            Self::Either(shapes) => {
                let texts: Vec<_> = shapes.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join("; or "))
            }
        }
    }
}
