//! Becoming a program by the system alone. Where the system refuses a file, because it is for another machine or a script without
//! `#!`, the C library hands it to `/bin/sh`, which takes its bytes for commands.

use std::ffi::{CString, OsStr, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Makes a command fail where the system refuses its program. To be called when it has all its arguments and variables, and after
/// any other `pre_exec`. Names that are looked up on `PATH` stay the C library's.
pub(super) fn without_shell(command: &mut Command) -> io::Result<()> {
    if !command.get_program().as_bytes().contains(&b'/') {
        return Ok(());
    }
    let program = Program::of(command)?;
    #[allow(unsafe_code, reason = "only a forked child can become another program")]
    // SAFETY: the closure makes one system call; it neither allocates nor takes locks.
    unsafe {
        command.pre_exec(move || Err(program.execute()));
    }
    Ok(())
}

/// The words of `execve`.
struct Program {
    path: CString,
    arguments: Words,
    environment: Words,
}

impl Program {
    fn of(command: &Command) -> io::Result<Self> {
        let path = command.get_program();
        let arguments = std::iter::once(path).chain(command.get_args()).map(OsStr::as_bytes).map(<[u8]>::to_vec);
        let environment = command
            .get_envs()
            .filter_map(|(name, value)| value.map(|value| [name.as_bytes(), b"=", value.as_bytes()].concat()));
        Ok(Self {
            path: CString::new(path.as_bytes())?,
            arguments: Words::new(arguments)?,
            environment: Words::new(environment)?,
        })
    }

    /// Returns why it is not executed.
    fn execute(&self) -> io::Error {
        #[allow(unsafe_code, reason = "no safe crate of ours has execve")]
        // SAFETY: the path ends with NUL, both lists with a null pointer, and all live until the call returns, if it does.
        unsafe {
            libc::execve(self.path.as_ptr(), self.arguments.pointers.as_ptr(), self.environment.pointers.as_ptr());
        }
        io::Error::last_os_error()
    }
}

/// Words that end with NUL, and pointers to them, the last of which is null.
struct Words {
    /// Owns what the pointers point to.
    _words: Vec<CString>,
    pointers: Vec<*const c_char>,
}

#[allow(unsafe_code, reason = "the pointers are to what goes with them")]
// SAFETY: the words are never changed, and are freed with the pointers; where they lie does not depend on the thread.
unsafe impl Send for Words {}

#[allow(unsafe_code, reason = "as above")]
// SAFETY: nothing behind a shared reference changes.
unsafe impl Sync for Words {}

impl Words {
    fn new(words: impl Iterator<Item = Vec<u8>>) -> io::Result<Self> {
        let words = words.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(Self { _words: words, pointers })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn run(program: &Path, folder: &Path) -> io::Result<String> {
        let mut command = Command::new(program);
        command.args(["one", "two words"]).env_clear().env("NAME", "a value").current_dir(folder);
        without_shell(&mut command)?;
        Ok(String::from_utf8(command.output()?.stdout).unwrap())
    }

    #[test]
    fn a_program_gets_its_arguments_and_variables_and_what_the_system_refuses_is_no_script() {
        let folder = tempfile::tempdir().unwrap();
        // A shell is told to write it: were this process to, another thread's fork could have it open for writing.
        let written = |name: &str, text: &str| {
            let path = folder.path().join(name);
            let mut shell = Command::new("sh");
            shell.args(["-c", "printf %s \"$1\" > \"$2\"", "sh", text]).arg(&path);
            assert!(shell.status().unwrap().success());
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let script = written("script", "#!/bin/sh\necho \"$0 $# $2 $NAME $PWD\"");
        let told = run(&script, folder.path()).unwrap();
        let folder_path = folder.path().canonicalize().unwrap();
        assert_eq!(told, format!("{} 2 two words a value {}\n", script.display(), folder_path.display()));
        for refused in ["echo run by a shell", "\u{7f}ELF of another machine"] {
            let error = run(&written("refused", refused), folder.path()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENOEXEC), "{refused}");
        }
    }
}
