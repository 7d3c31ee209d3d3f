//! Things that other parts of the file refer to by name.

use crate::language::reading::nearest;
use crate::language::scalar::Name;
use crate::language::{At, Reading};
use std::cell::Cell;
use std::sync::Arc;

/// All of one kind. A thing that is named but wrong is known, so that its users are not blamed for it.
pub(crate) struct Names<T> {
    /// As a person calls one: "function".
    kind: &'static str,
    rows: Vec<Row<T>>,
}

struct Row<T> {
    name: At<String>,
    item: Option<Arc<T>>,
    used: Cell<bool>,
}

impl<T> Names<T> {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, rows: Vec::new() }
    }

    /// Adds one; a name that is taken is noted.
    pub(crate) fn add(&mut self, name: Option<At<String>>, item: Option<T>, reading: &mut Reading<'_>) {
        let Some(name) = name else { return };
        if let Some(first) = self.row(&name.value) {
            reading
                .error(name.span, format!("the {} {:?} is defined twice", self.kind, name.value))
                .label("again here")
                .related(first.name.span.clone(), "first here");
            return;
        }
        self.rows.push(Row { name, item: item.map(Arc::new), used: Cell::new(false) });
    }

    fn row(&self, name: &str) -> Option<&Row<T>> {
        self.rows.iter().find(|row| row.name.value == name)
    }

    /// Whether one has this name, be it right or wrong.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.row(name).is_some()
    }

    /// The one of this name; that there is none is noted.
    pub(crate) fn find(&self, name: &At<String>, reading: &mut Reading<'_>) -> Option<Arc<T>> {
        let Some(row) = self.row(&name.value) else {
            unknown(self.kind, name, self.names(), reading);
            return None;
        };
        row.used.set(true);
        row.item.clone()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.rows.iter().map(|row| row.name.value.as_str())
    }

    /// Notes what nothing refers to.
    pub(crate) fn warn_unused(&self, reading: &mut Reading<'_>) {
        for row in self.rows.iter().filter(|row| !row.used.get()) {
            reading.warn(row.name.span.clone(), format!("the {} {:?} is not used", self.kind, row.name.value));
        }
    }

    /// Those that something refers to and that are not wrong.
    pub(crate) fn used(&self) -> impl Iterator<Item = &Arc<T>> {
        self.rows.iter().filter(|row| row.used.get()).filter_map(|row| row.item.as_ref())
    }

    /// All of them; `None` when one is wrong.
    pub(crate) fn into_items(self) -> Option<Vec<Arc<T>>> {
        self.rows.into_iter().map(|row| row.item).collect()
    }
}

/// The name as the public types hold it.
pub(crate) fn plain(name: Option<At<Name>>) -> Option<At<String>> {
    name.map(|at| At { value: at.value.0, span: at.span })
}

/// Notes that a name is not known, and which one was meant.
pub(crate) fn unknown<'n>(
    kind: &str,
    name: &At<String>,
    known: impl Iterator<Item = &'n str> + Clone,
    reading: &mut Reading<'_>,
) {
    let hint = match nearest(&name.value, known.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => match known.map(|name| format!("{name:?}")).collect::<Vec<_>>().as_slice() {
            [] => format!("this file has no {kind}"),
            names => format!("known: {}", names.join(", ")),
        },
    };
    reading.error(name.span.clone(), format!("there is no {kind} {:?}", name.value)).hint(hint);
}
