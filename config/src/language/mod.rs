//! The grammar of the language as data: one declaration of a TOML table gives its reader, its schema and its reference.
//!
//! [`table!`] declares a struct whose fields are the keys. Reading never stops at the first error: a key that cannot be read is
//! `None` and its problem is noted, so all problems of a file come out of one pass. A key that is declared and never looked
//! at is a field that is never read, which the compiler reports; nothing can be accepted and ignored.

pub(crate) mod choice;
pub(crate) mod collection;
pub(crate) mod expand;
pub(crate) mod later;
pub(crate) mod reading;
pub(crate) mod scalar;
pub(crate) mod shape;
pub(crate) mod table;

pub(crate) use reading::Reading;
pub(crate) use shape::{Field, Presence, Shape, Table};

use std::ops::Range;
use toml::Spanned;
use toml::de::DeValue;

/// A value of the file with its place.
pub(crate) type Node<'i> = Spanned<DeValue<'i>>;

/// What was read, and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// Something that can stand behind a key.
pub(crate) trait Value: Sized {
    /// Its form, for the schema, the reference and the words "expected …".
    fn shape() -> Shape;

    /// Reads it; on failure every problem has been noted.
    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self>;
}

impl<T> At<T> {
    /// The same place, another value.
    pub(crate) fn at<U>(&self, value: U) -> At<U> {
        At { value, span: self.span.clone() }
    }
}

impl<T: Value> Value for At<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        Some(At { value: T::read(node, reading)?, span: node.span() })
    }
}
