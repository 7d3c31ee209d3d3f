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

/// Has `set` lower the priority of a session to the node's own and `nice` more; where the kernel does not schedule sessions it is
/// not asked. Needs a tokio runtime.
pub(super) fn lower(nice: i32, set: impl Fn(i32) -> io::Result<()> + Send + 'static) {
    if nice == 0 {
        return;
    }
    let Some(own) = of("self") else { return };
    let target = (own + nice).min(NICE_MAX);
    let is_to_wait = move || set(target).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    if !is_to_wait() {
        return;
    }
    tokio::spawn(async move {
        for _ in 0..TRIES_MAX {
            tokio::time::sleep(PAUSE).await;
            if !is_to_wait() {
                return;
            }
        }
        tracing::debug!("the priority of a session could not be lowered");
    });
}

/// Sets the nice value of the session that `process` leads.
pub(super) fn set(process: u32, nice: i32) -> io::Result<()> {
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
        // Nothing to lower where the kernel's sessions have none.
        let Some(own) = of("self") else { return };
        // At once for root; others may have to wait for their turn.
        let lowered = async {
            while of(&child.id().to_string()) != Some((own + 3).min(19)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), lowered).await.expect("its turn comes");
    }
}
