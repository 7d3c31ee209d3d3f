//! The groups of a regular expression that are open at a place, and how many characters their ways match: PCRE looks behind for what has
//! one length.

/// What a bracket opens.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// A group, be it named, captured or neither; and the expression itself.
    Plain,
    Ahead,
    /// With the sign that opens it.
    Behind(&'a str),
}

struct Group<'a> {
    kind: Kind<'a>,
    /// That the way so far matches.
    characters: usize,
    /// Of them, what was added last.
    last: usize,
    /// Characters of a way before.
    way: Option<usize>,
}

/// The innermost last. Where something looks behind for what has no one length, the error is the sign that opens it.
pub(super) struct OpenGroups<'a>(Vec<Group<'a>>);

impl<'a> OpenGroups<'a> {
    /// Of an expression that begins.
    pub(super) fn new() -> Self {
        let mut groups = Self(Vec::new());
        groups.open(Kind::Plain);
        groups
    }

    pub(super) fn open(&mut self, kind: Kind<'a>) {
        self.0.push(Group { kind, characters: 0, last: 0, way: None });
    }

    /// What matches one after the other has their lengths together.
    pub(super) fn add(&mut self, characters: usize) {
        if let Some(group) = self.0.last_mut() {
            group.characters = group.characters.saturating_add(characters);
            group.last = characters;
        }
    }

    /// So many times what was added last.
    pub(super) fn repeat(&mut self, times: usize) {
        if let Some(group) = self.0.last_mut() {
            let repeated = group.last.saturating_mul(times);
            group.characters = group.characters.saturating_sub(group.last).saturating_add(repeated);
            group.last = repeated;
        }
    }

    /// What matches more than one length.
    pub(super) fn varies(&self) -> Result<(), &'a str> {
        let nearest = self.0.iter().rev().find(|group| !matches!(group.kind, Kind::Plain));
        match nearest.map(|group| group.kind) {
            Some(Kind::Behind(sign)) => Err(sign),
            _ => Ok(()),
        }
    }

    /// A way ends. Those of what looks behind itself may have lengths of their own, those of groups within may not.
    pub(super) fn next_way(&mut self) -> Result<(), &'a str> {
        let Some(group) = self.0.last_mut() else { return Ok(()) };
        let before = group.way.replace(group.characters);
        let differs = before.is_some_and(|before| before != group.characters);
        (group.characters, group.last) = (0, 0);
        if differs && matches!(group.kind, Kind::Plain) { self.varies() } else { Ok(()) }
    }

    /// The innermost ends, and is a part of the one around it.
    pub(super) fn close(&mut self) -> Result<(), &'a str> {
        self.next_way()?;
        let closed = if self.0.len() > 1 { self.0.pop() } else { None };
        let characters = closed.filter(|group| matches!(group.kind, Kind::Plain)).and_then(|group| group.way);
        self.add(characters.unwrap_or(0));
        Ok(())
    }
}
