//! How many files the node may have open: a viewer and an origin have one each.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit that most systems begin with, 1,024, to the most they allow.
pub(crate) fn allow_all() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?current, ?maximum, "the limit of open files is raised"),
        Err(error) => tracing::warn!(%error, ?current, "the limit of open files stays as it is"),
    }
}
