//! Which cores serve and which ask: a generator that shares its core with the server measures the scheduler.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// The cores of this machine that this process may use, in two halves. With one core the halves are the same.
#[derive(Debug, Clone)]
pub struct Cores {
    /// For the server under test and its workers.
    pub servers: Vec<usize>,
    /// For the load generator and the origin.
    pub load: Vec<usize>,
}

impl Cores {
    /// Asks the system.
    pub fn of_this_machine() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let (servers, load) = cores.split_at(cores.len() / 2);
        Ok(if servers.is_empty() {
            Self { servers: cores.clone(), load: cores }
        } else {
            Self { servers: servers.to_vec(), load: load.to_vec() }
        })
    }
}

/// Keeps the calling thread, and what it starts from now on, on these cores.
pub fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    Ok(sched_setaffinity(None, &set)?)
}
