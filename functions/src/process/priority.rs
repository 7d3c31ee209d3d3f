//! The priority of a session. Many kernels divide the processors between sessions before they divide them between processes
//! (`CONFIG_SCHED_AUTOGROUP`, sched(7)): the nice value of a process then counts within its session only, and a child with a
//! session of its own has as much as the whole node.

use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

const NICE_MAX: i32 = 19;
/// Who is not root may change one session in so long, in the whole system.
const PAUSE: Duration = Duration::from_millis(120);
const TRIES_MAX: u32 = 50;

/// Adds `nice` to the node's own for the session that `process` leads; where the kernel does not schedule sessions nothing
/// happens. Needs a tokio runtime.
pub(super) fn lower(process: u32, nice: i32) {
    if nice == 0 {
        return;
    }
    let Some(own) = of("self") else { return };
    let target = (own + nice).min(NICE_MAX);
    if !is_to_wait(set(process, target)) {
        return;
    }
    tokio::spawn(async move {
        for _ in 0..TRIES_MAX {
            tokio::time::sleep(PAUSE).await;
            if !is_to_wait(set(process, target)) {
                return;
            }
        }
        tracing::debug!(process, "the priority of a session could not be lowered");
    });
}

fn is_to_wait(set: io::Result<()>) -> bool {
    set.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn set(process: u32, nice: i32) -> io::Result<()> {
    fs::write(format!("/proc/{process}/autogroup"), nice.to_string())
}

/// The nice value of the session of a process; `None` where sessions have none.
fn of(process: &str) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/{process}/autogroup")).ok()?;
    // `/autogroup-25 nice 0`
    text.trim_end().rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::of;
    use crate::process::{Launch, Spawner};

    #[tokio::test]
    async fn where_sessions_have_priorities_a_childs_is_lowered() {
        let launch = Launch { nice: 3, ..Launch::new("/bin/sleep", vec!["1000".into()]) };
        let child = Spawner::start(None).unwrap().spawn(launch).await.unwrap();
        let Some(own) = of("self") else { return };
        // At once for root; others may have to wait for their turn.
        while of(&child.id().to_string()) != Some((own + 3).min(19)) {
            tokio::task::yield_now().await;
        }
    }
}
