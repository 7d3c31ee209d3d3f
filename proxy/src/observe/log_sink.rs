//! What a log is written to: a standard stream, or a file that may be rotated under our hands.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use homefront_config::log::LogTarget;

/// An open target.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout,
    Stderr,
    File(LogFile),
    /// Whatever a test wants to see or to hold up.
    #[cfg(test)]
    Test(TestSink),
}

#[cfg(test)]
pub(super) struct TestSink(pub(super) Box<dyn Write + Send>);

#[cfg(test)]
impl fmt::Debug for TestSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestSink")
    }
}

impl Sink {
    pub(super) fn open(target: &LogTarget, header: String, check_interval: Duration) -> io::Result<Self> {
        Ok(match target {
            LogTarget::Stdout => Self::Stdout,
            LogTarget::Stderr => Self::Stderr,
            LogTarget::File(path) => Self::File(LogFile::open(path.clone(), header, check_interval)?),
        })
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(lines),
            Self::File(file) => file.write(lines),
            #[cfg(test)]
            Self::Test(sink) => sink.0.write_all(lines),
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(file) => file.path.display().fmt(f),
            #[cfg(test)]
            Self::Test(_) => f.write_str("test"),
        }
    }
}

/// A file that is appended to. When its path no longer leads to it (a rotation renamed or removed it), the path is
/// opened anew; no signal is needed.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    header: String,
    file: File,
    check_interval: Duration,
    checked_at: Instant,
}

impl LogFile {
    fn open(path: PathBuf, header: String, check_interval: Duration) -> io::Result<Self> {
        let file = append(&path, &header)?;
        Ok(Self { path, header, file, check_interval, checked_at: Instant::now() })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.checked_at.elapsed() >= self.check_interval {
            self.checked_at = Instant::now();
            if self.was_rotated()? {
                self.file = append(&self.path, &self.header)?;
            }
        }
        self.file.write_all(lines)
    }

    fn was_rotated(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        Ok(match self.path.metadata() {
            Ok(there) => (there.dev(), there.ino()) != (ours.dev(), ours.ino()),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        })
    }
}

fn append(path: &Path, header: &str) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    if file.metadata()?.len() == 0 {
        file.write_all(header.as_bytes())?;
    }
    Ok(file)
}
