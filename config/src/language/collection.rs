//! Lists and tables with free names.

use super::{At, Node, Reading, Shape, Value};
use toml::de::DeValue;

impl<T: Value> Value for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    /// Items that cannot be read are left out, their problems noted.
    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Array(items) = node.get_ref() else {
            reading.wrong_type(node, &Self::shape());
            return None;
        };
        Some(items.iter().filter_map(|item| T::read(item, reading)).collect())
    }
}

/// `{ "X-A" = "1", "X-B" = "2" }`, in the order of the file.
#[derive(Debug)]
pub(crate) struct Map<T>(pub(crate) Vec<(At<String>, At<T>)>);

impl<T: Value> Value for Map<T> {
    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else {
            reading.wrong_type(node, &Self::shape());
            return None;
        };
        let mut rows: Vec<_> = table
            .iter()
            .filter_map(|(key, value)| {
                let key = At { value: key.get_ref().to_string(), span: key.span() };
                Some((key, At::read(value, reading)?))
            })
            .collect();
        rows.sort_by_key(|(key, _)| key.span.start);
        Some(Self(rows))
    }
}
