//! The CPU time of a process and all that descend from it, from `/proc`.

use std::collections::HashMap;
use std::time::Duration;
use std::{fs, io};

/// What one process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time, in clock ticks.
    own_ticks: u64,
    /// The same of children that have ended.
    ended_children_ticks: u64,
}

/// CPU time used so far by `root` and its living descendants, and by those that have ended and were waited for.
pub fn of_tree(root: u32) -> io::Result<Duration> {
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // One that has just ended has no file any more.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|line| parse(&line));
        if let Some(stat) = stat {
            processes.insert(id, stat);
        }
    }
    if !processes.contains_key(&root) {
        return Err(io::Error::other(format!("process {root} has ended")));
    }
    let in_tree =
        |id: &u32| std::iter::successors(Some(*id), |id| Some(processes.get(id)?.parent)).any(|id| id == root);
    let ticks: u64 = processes
        .iter()
        .filter(|(id, _)| in_tree(id))
        .map(|(_, stat)| stat.own_ticks + stat.ended_children_ticks)
        .sum();
    Ok(Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second()))
}

/// The name, in parentheses, may hold anything; the fields after it are numbers.
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own_ticks: number(11)? + number(12)?,
        ended_children_ticks: number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces_and_parentheses() {
        let line = "42 (a) (b c) S 7 42 42 0 -1 4194304 1 0 0 0 11 22 33 44 20 0 1 0 5 0 0";
        let expected = Stat { parent: 7, own_ticks: 33, ended_children_ticks: 77 };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn this_process_uses_time_and_a_process_that_is_not_there_is_an_error() {
        assert!(of_tree(std::process::id()).is_ok());
        assert!(of_tree(u32::MAX).is_err());
    }
}
