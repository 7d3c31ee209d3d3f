//! A cache key for people: the components read back out of the framed bytes.

use super::Key;
use std::fmt;

/// The components of a key, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The distribution's own name.
    pub distribution_domain_name: String,
    /// `GET` also stands for HEAD.
    pub method: String,
    /// As received.
    pub path: String,
    /// The selected parameters; empty when there are none.
    pub query: String,
    /// Normalised; empty when it plays no part.
    pub accept_encoding: String,
    /// Each header of the policy with its values; none when the viewer sent none.
    pub headers: Vec<(String, Vec<String>)>,
    /// The selected cookies, sorted by name.
    pub cookies: Vec<(String, String)>,
}

impl Key {
    /// Reads the components back; bytes that are not UTF-8 are shown as U+FFFD. `None` for bytes that
    /// [`build`](super::build) did not make.
    pub fn explain(&self) -> Option<Explained> {
        let mut reader = Reader(&self.primary);
        let explained = Explained {
            distribution_domain_name: reader.text()?,
            method: reader.text()?,
            path: reader.text()?,
            query: reader.text()?,
            accept_encoding: reader.text()?,
            headers: reader.list(|reader| Some((reader.text()?, reader.list(Reader::text)?)))?,
            cookies: reader.list(|reader| Some((reader.text()?, reader.text()?)))?,
        };
        reader.0.is_empty().then_some(explained)
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.distribution_domain_name, self.path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if !self.accept_encoding.is_empty() {
            write!(f, "\naccept-encoding: {} (normalised)", self.accept_encoding)?;
        }
        for (name, values) in &self.headers {
            if values.is_empty() {
                write!(f, "\n{name} (absent)")?;
            }
            for value in values {
                write!(f, "\n{name}: {value}")?;
            }
        }
        for (name, value) in &self.cookies {
            write!(f, "\ncookie {name}={value}")?;
        }
        Ok(())
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn count(&mut self) -> Option<usize> {
        let (count, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*count) as usize)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| item(self)).collect()
    }
}
