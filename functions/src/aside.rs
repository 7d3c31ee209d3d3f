//! What would keep a thread of tokio's waiting: reading files, unpacking.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tokio::task::JoinError;

/// Runs it on a thread of its own. A node that stops begins nothing more: its tasks, this one with them, are dropped where they wait.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_stopped)) => std::future::pending().await,
    }
}

/// Opens a file to be read. What is none, a pipe in its place for example, would keep whoever opens it waiting for ever.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::aside;
    use std::sync::mpsc::channel;

    #[test]
    fn a_node_that_stops_while_it_looks_at_its_files_ends_without_a_panic() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (looks, is_looking) = channel();
        let (stopped, is_stopped) = channel();
        let look = runtime.spawn(async move {
            looks.send(()).unwrap();
            is_stopped.recv().unwrap();
            aside(|| "code").await
        });
        is_looking.recv().unwrap();
        runtime.shutdown_background();
        stopped.send(()).unwrap();

        let waits = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(waits.block_on(look).unwrap_err().is_cancelled());
    }
}
