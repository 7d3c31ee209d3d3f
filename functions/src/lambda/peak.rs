//! How much memory a program held at its highest, as the kernel remembers it.

use crate::process::Child;
use std::fs::File;
use std::os::unix::fs::FileExt;

const MIB: u64 = 1_048_576;
/// Of the kernel's page about a process, which grows with the number of cores: the lines we look for stand among the first.
const STATUS_BYTES: usize = 1_536;

/// The kernel's page about a program, kept open: it is read after each call.
#[derive(Debug)]
pub(super) struct Peak(Option<File>);

impl Peak {
    pub(super) fn of(child: &Child) -> Self {
        Self(File::open(format!("/proc/{}/status", child.program())).ok())
    }

    /// Resident memory at its highest, in MiB. 0 when the process is gone, and nobody can say any more.
    pub(super) fn resident_mib(&self, child: &Child) -> u64 {
        child.memory_used_bytes_max().unwrap_or_else(|| self.read(resident_bytes)).div_ceil(MIB)
    }

    /// Whether a living program has held more than this for certain, of what no file backs.
    pub(super) fn is_above(&self, bytes: u64) -> bool {
        self.read(anonymous_bytes) > bytes
    }

    fn read(&self, what: impl FnOnce(&str) -> u64) -> u64 {
        let mut page = [0; STATUS_BYTES];
        let length = self.0.as_ref().and_then(|status| status.read_at(&mut page, 0).ok()).unwrap_or(0);
        what(&String::from_utf8_lossy(&page[..length]))
    }
}

fn resident_bytes(status: &str) -> u64 {
    line_bytes(status, "VmHWM:")
}

/// The kernel remembers no such figure: what files back now is taken from the highest sum of both, which is at most too much.
fn anonymous_bytes(status: &str) -> u64 {
    resident_bytes(status).saturating_sub(line_bytes(status, "RssFile:"))
}

/// Of a line of the kernel's pages about a process; 0 where it has none.
pub(super) fn line_bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0_u64) * 1_024
}

#[cfg(test)]
mod tests {
    use super::{anonymous_bytes, resident_bytes};

    #[test]
    fn what_files_back_is_not_the_functions_own() {
        let status = "Name:\tpython3\nVmPeak:\t  999999 kB\nVmHWM:\t  150000 kB\nVmRSS:\t   20000 kB\n\
                      RssAnon:\t   11000 kB\nRssFile:\t    8000 kB\nRssShmem:\t    1000 kB\n";
        assert_eq!(resident_bytes(status), 150_000 * 1_024);
        assert_eq!(anonymous_bytes(status), 142_000 * 1_024, "what processes share is");
    }

    #[test]
    fn of_a_process_that_is_gone_nothing_is_known() {
        assert_eq!((resident_bytes(""), anonymous_bytes("")), (0, 0));
        assert_eq!(anonymous_bytes("VmHWM:\t 5 kB\nRssFile:\t 9 kB\n"), 0);
    }
}
