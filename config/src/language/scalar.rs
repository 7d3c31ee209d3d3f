//! Values without parts: strings, numbers, sizes, addresses, paths, secrets.

use super::{At, Node, Reading, Shape, Value, table::table};
use crate::limits::SECRET_BYTES_MAX;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use toml::de::DeValue;

impl Value for bool {
    fn shape() -> Shape {
        Shape::Boolean
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if let DeValue::Boolean(value) = node.get_ref() {
            return Some(*value);
        }
        reading.wrong_type(node, &Self::shape());
        None
    }
}

/// An integer with its bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Int<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Value for Int<MIN, MAX> {
    fn shape() -> Shape {
        Shape::Integer { min: MIN, max: MAX }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Integer(integer) = node.get_ref() else {
            reading.wrong_type(node, &Self::shape());
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if (MIN..=MAX).contains(&value) => Some(Self(value)),
            _ => {
                reading.error(node.span(), format!("expected {}, found {integer}", Self::shape()));
                None
            }
        }
    }
}

/// A port CloudFront connects to: 80, 443, 1024 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u16);

impl Value for Port {
    fn shape() -> Shape {
        Shape::Integer { min: 80, max: u64::from(u16::MAX) }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Integer(integer) = node.get_ref() else {
            reading.wrong_type(node, &Self::shape());
            return None;
        };
        if let Ok(port @ (80 | 443 | 1024..)) = u16::from_str_radix(integer.as_str(), integer.radix()) {
            return Some(Self(port));
        }
        let message = format!("an origin cannot listen on port {integer}");
        reading.error(node.span(), message).hint("CloudFront takes 80, 443 and 1024 to 65535");
        None
    }
}

/// A percentage with up to four decimals, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Percent(pub(crate) u32);

impl Value for Percent {
    fn shape() -> Shape {
        Shape::Number { min: 0, max: 100 }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = match node.get_ref() {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => {
                reading.wrong_type(node, &Self::shape());
                return None;
            }
        };
        let millionths = text.parse::<f64>().ok().map(|percent| percent * 10_000.0);
        let in_range = millionths.filter(|millionths| (0.0..=1_000_000.0).contains(millionths));
        let Some(millionths) = in_range else {
            reading.error(node.span(), format!("expected {}, found {text}", Self::shape()));
            return None;
        };
        if (millionths - millionths.round()).abs() > 1e-6 {
            reading.error(node.span(), format!("{text} has more than four decimals"));
            return None;
        }
        Some(Self(millionths.round() as u32))
    }
}

/// Any string, the empty one too.
impl Value for String {
    fn shape() -> Shape {
        Shape::Text { what: "a string", pattern: None }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        reading.text(node, &Self::shape())
    }
}

/// A string that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl Value for Text {
    fn shape() -> Shape {
        Shape::Text { what: "a string", pattern: Some(".") }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = reading.text(node, &Self::shape())?;
        if text.is_empty() {
            reading.error(node.span(), "the string is empty");
            return None;
        }
        Some(Self(text))
    }
}

/// A name other parts of the file refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

/// Characters of a name. CloudFront: 64 for functions and stores.
const NAME_CHARS_MAX: usize = 64;

impl Value for Name {
    fn shape() -> Shape {
        Shape::Text { what: "a name", pattern: Some("^([A-Za-z0-9_-]{1,64}|.*\\$\\{.*)$") }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let name = reading.text(node, &Self::shape())?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(legal) {
            reading
                .error(node.span(), format!("{name:?} cannot be a name"))
                .hint(format!("1 to {NAME_CHARS_MAX} of A-Z a-z 0-9 - _"));
            return None;
        }
        Some(Self(name))
    }
}

/// Bytes, written with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const SIZE_UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl Value for Size {
    fn shape() -> Shape {
        Shape::Text { what: "a size with its unit", pattern: Some("^([0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)|.*\\$\\{.*)$") }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        const HINT: &str = "a whole number and B, KB, MB, GB, KiB, MiB or GiB, as in \"256MiB\"";
        if let DeValue::Integer(number) = node.get_ref() {
            reading.error(node.span(), format!("the size {number} has no unit")).hint(HINT);
            return None;
        }
        let text = reading.text(node, &Self::shape())?;
        let bytes = SIZE_UNITS
            .iter()
            .find_map(|(unit, factor)| text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*factor));
        if bytes.is_none() {
            reading.error(node.span(), format!("{text:?} is not a size")).hint(HINT);
        }
        bytes.map(Self)
    }
}

impl Value for SocketAddr {
    fn shape() -> Shape {
        Shape::Text { what: "an address with its port", pattern: None }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = reading.text(node, &Self::shape())?;
        let address = text.replace("localhost:", "127.0.0.1:").parse().ok();
        if address.is_none() {
            reading
                .error(node.span(), format!("{text:?} is not an address with a port"))
                .hint("as in \"127.0.0.1:8080\", \"0.0.0.0:80\" or \"[::]:8080\"");
        }
        address
    }
}

/// A path, made absolute.
impl Value for PathBuf {
    fn shape() -> Shape {
        Shape::Text { what: "a path", pattern: Some(".") }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = reading.text(node, &Self::shape())?;
        path(&text, node.span(), reading)
    }
}

/// The absolute path that a text stands for.
pub(crate) fn path(text: &str, span: Range<usize>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        reading.error(span, format!("{text:?} is not a path"));
        return None;
    }
    Some(reading.resolve(text))
}

/// A string, or a file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

table! {
    /// A secret kept out of the configuration file.
    SecretFile "{ file }" {
        /// The file whose text, less one trailing line end, is the value.
        file: PathBuf, required;
    }
}

impl Value for Secret {
    fn shape() -> Shape {
        Shape::Either(vec![String::shape(), SecretFile::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if !node.get_ref().is_table() {
            return reading.text(node, &Self::shape()).map(Self);
        }
        let path = SecretFile::read(node, reading)?.file?;
        let bytes = reading.file(&path, "secret", SECRET_BYTES_MAX)?;
        let Ok(mut text) = String::from_utf8(bytes) else {
            reading.error(path.span, format!("the secret {} is not UTF-8 text", path.value.display()));
            return None;
        };
        if text.ends_with('\n') {
            text.pop();
            text.truncate(text.strip_suffix('\r').unwrap_or(&text).len());
        }
        Some(Self(text))
    }
}

/// The value alone, for keys whose place matters no more.
pub(crate) fn value<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}
