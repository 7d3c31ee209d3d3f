//! The neutral request and response that hooks see: multi-value headers, wire case kept, nothing decoded.

use bytes::Bytes;

/// A request, without its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Upper case, as on the wire.
    pub method: String,
    /// The path as received, not decoded, without the query.
    pub uri: Bytes,
    /// The query without `?`; `None` when there is no `?` at all.
    pub querystring: Option<Bytes>,
    /// All lines, `Cookie` and `Host` included (for h2 the proxy puts `:authority` there).
    pub headers: Headers,
}

/// A response, with a body only when a hook made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// The reason phrase; `None` = the standard one.
    pub status_description: Option<String>,
    /// All lines, `Set-Cookie` included.
    pub headers: Headers,
    /// What a hook gave; `None` on a response an origin made.
    pub body: Option<Bytes>,
}

/// Header lines in order, in one flat buffer, so that a message goes to a worker process without being taken apart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Line {
    name_start: u32,
    value_start: u32,
    end: u32,
}

impl Headers {
    /// Room for `lines` lines of `bytes` bytes in all.
    pub fn with_capacity(lines: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), lines: Vec::with_capacity(lines) }
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let name_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        let value_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.lines.push(Line { name_start, value_start, end: self.bytes.len() as u32 });
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// `(name, value)` of each line, in order, wire case.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.lines.iter().map(|line| {
            let (name, value, end) = (line.name_start as usize, line.value_start as usize, line.end as usize);
            (&self.bytes[name..value], &self.bytes[value..end])
        })
    }

    /// The values of all lines of that name, case ignored.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first line of that name, case ignored.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The flat form: all bytes, and of each line the length of its name and of its value.
    pub(crate) fn flat(&self) -> (&[u8], impl ExactSizeIterator<Item = [u32; 2]>) {
        let lines = self.lines.iter().map(|line| [line.value_start - line.name_start, line.end - line.value_start]);
        (&self.bytes, lines)
    }

    /// From the flat form; `None` when the lengths do not add up to the bytes.
    pub(crate) fn from_flat(bytes: Vec<u8>, lengths: &[[u32; 2]]) -> Option<Self> {
        let mut lines = Vec::with_capacity(lengths.len());
        let mut name_start = 0_u32;
        for [name, value] in lengths {
            let value_start = name_start.checked_add(*name)?;
            let end = value_start.checked_add(*value)?;
            lines.push(Line { name_start, value_start, end });
            name_start = end;
        }
        (name_start as usize == bytes.len()).then_some(Self { bytes, lines })
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        f.debug_list().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in lines {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}
