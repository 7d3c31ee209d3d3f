//! A `/tmp` of its own for a child: a mount namespace in which a folder lies over the machine's.
//!
//! It needs no root where the system lets users make namespaces of their own; some do not (containers, AppArmor), so it is tried
//! before anybody relies on it.

use super::{Descendants, Launch, Limits, Spawner};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is covered.
pub const TMP: &str = "/tmp";

/// What the forked child needs, made before the fork: it must not allocate.
#[derive(Debug)]
pub(super) struct Cover {
    folder: CString,
    users: Vec<u8>,
    groups: Vec<u8>,
}

impl Cover {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let folder = CString::new(folder.as_os_str().as_bytes()).map_err(io::Error::other)?;
        // In its own namespace a process is who it was; nobody else is there.
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let only = |id: u32| format!("{id} {id} 1").into_bytes();
        Ok(Self { folder, users: only(user), groups: only(group) })
    }

    /// Runs in the child, between fork and exec: system calls only.
    pub(super) fn lay(&self) -> io::Result<()> {
        // Root, or who may do as much, needs no users of its own.
        if unshare(libc::CLONE_NEWNS).is_err() {
            unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
            write(c"/proc/self/setgroups", b"deny")?;
            write(c"/proc/self/uid_map", &self.users)?;
            write(c"/proc/self/gid_map", &self.groups)?;
        }
        // What is mounted from here on is seen by this child and its descendants only.
        mount(None, c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        mount(Some(&self.folder), c"/tmp", libc::MS_BIND)
    }
}

/// Whether a child can be given a `/tmp` of its own here. Needs a tokio runtime.
pub async fn is_possible(spawner: &Spawner, folder: &Path) -> bool {
    let launch = Launch {
        program: "true".into(),
        arguments: Vec::new(),
        environment: std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect(),
        folder: "/".into(),
        stdin: None,
        output: None,
        limits: Limits::default(),
        nice: 0,
        descendants: Descendants::None,
        private_tmp: Some(folder.to_owned()),
    };
    match spawner.spawn(launch).await {
        Ok(child) => child.wait().await.success(),
        Err(_) => false,
    }
}

fn unshare(namespaces: libc::c_int) -> io::Result<()> {
    #[allow(unsafe_code, reason = "rustix's unshare is unsafe, too, for threads that share what is taken apart")]
    // SAFETY: the child has one thread; file descriptors and memory stay as they are.
    let done = unsafe { libc::unshare(namespaces) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn mount(source: Option<&CString>, target: &std::ffi::CStr, flags: libc::c_ulong) -> io::Result<()> {
    let source = source.map_or(std::ptr::null(), |source| source.as_ptr());
    #[allow(unsafe_code, reason = "no safe crate of ours mounts")]
    // SAFETY: the strings end with NUL and live until the call returns; neither flag needs a type or data.
    let done = unsafe { libc::mount(source, target.as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One write, as the kernel wants it for these files.
fn write(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
    rustix::io::write(&file, text)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_sees_its_folder_as_tmp_and_nobody_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let spawner = Spawner::start(None).unwrap();
        if !is_possible(&spawner, folder.path()).await {
            return;
        }
        let script = "[ -z \"$(ls -A /tmp)\" ] && echo x >/tmp/made && setsid sleep 1000 & wait $!; ls /tmp";
        let child = spawner
            .spawn(Launch {
                program: "/bin/sh".into(),
                arguments: vec!["-c".into(), script.into()],
                environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
                folder: "/".into(),
                stdin: None,
                output: None,
                limits: Limits::default(),
                nice: 0,
                descendants: Descendants::Swept,
                private_tmp: Some(folder.path().to_owned()),
            })
            .await
            .unwrap();
        let made = folder.path().join("made");
        let comes = async {
            while !made.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), comes).await.expect("it writes");
        assert!(!Path::new("/tmp/made").exists());
        child.kill();
        assert_eq!(child.wait().await.to_string(), "signal: killed", "and is killed as any other");
    }
}
