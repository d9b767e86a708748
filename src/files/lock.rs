//! One process at a time on a run, a name or a folder.
//!
//! The lock is the operating system's, on a file called `lock`: it goes with the process that holds it, however that
//! ends. What the file says is for the message alone. On Linux it is a lock of an open file description
//! (`F_OFD_SETLK`), which others can look at without taking it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::files::reading;
use crate::system::signals::Stop;

/// What a lock's file is called in the folder that it locks.
pub(crate) const NAME: &str = "lock";

/// How often a lock that is waited for is tried.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// How long the name of who holds a lock is waited for, and how often it is looked for.
const TIME_TO_WRITE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Given back by name: closing the file would not do, as long as a process that another thread is starting just then
/// has its copy of it, between `fork` and `exec`.
impl Drop for Lock {
    fn drop(&mut self) {
        // A file system without locks has none to give back.
        let _ = system::unlock(&self.file);
    }
}

impl Lock {
    /// Takes the lock at `path`, of `what`.
    ///
    /// # Errors
    /// [`Error::Busy`] naming the process that holds it, [`Error::Io`] when the file cannot be opened.
    pub fn take(path: &Path, what: &Path) -> Result<Self> {
        let mut file = open(path).map_err(Error::io("open", path))?;
        match try_lock(&file) {
            Ok(true) => {}
            Ok(false) => {
                let (what, holder) = (what.display(), holder(&mut file));
                return Err(Error::Busy(format!(
                    "{what} is at work: {holder} holds it. Wait until it ends, or stop it; what it has saved stays."
                )));
            }
            // A file system without locks: better a run than none.
            Err(e) => tracing::warn!("{}: cannot be locked ({e})", path.display()),
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let text = format!("process {} on {}\n", std::process::id(), host.trim());
        // Written before the rest is cut off, so that whoever reads meanwhile finds a whole first line.
        let named = file.write_all(text.as_bytes()).and_then(|()| file.set_len(text.len() as u64));
        named.map_err(Error::io("write", path))?;
        Ok(Self { file })
    }

    /// The same, waiting while another process holds it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop meanwhile, [`Error::Io`] when the file cannot be opened.
    pub fn wait(path: &Path, what: &Path, stop: &Stop) -> Result<Self> {
        let mut told = false;
        loop {
            match Self::take(path, what) {
                Err(Error::Busy(problem)) if !told => {
                    tracing::info!("waiting: {problem}");
                    told = true;
                }
                Err(Error::Busy(_)) => {}
                other => return other,
            }
            if let Some(reason) = stop.requested() {
                return Err(Error::Interrupted(reason));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
}

/// Opens a lock's file, which is made where it is missing. Links are not followed, pipes not waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    reading::own(options.read(true).write(true).create(true).truncate(false).mode(0o666), path)
}

/// "process 4711 on gpu03". Who has just taken a new lock may not have written its name yet, and is given
/// [`TIME_TO_WRITE`] for it.
fn holder(file: &mut File) -> String {
    let asked = Instant::now();
    loop {
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.take(200).read_to_string(&mut text));
        match text.lines().next() {
            Some(line) if read.is_ok() && line.starts_with("process ") => return line.into(),
            _ if asked.elapsed() > TIME_TO_WRITE => return "another process".into(),
            _ => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
}

/// Locks a file that is open for writing, until its last clone is closed; `false` where another has it.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    system::try_lock(file)
}

/// Whether somebody has locked a file; nothing is changed, and nobody is hindered. What is no file, or cannot be
/// opened, is not locked.
pub(crate) fn is_held(path: &Path) -> bool {
    let file = reading::own(OpenOptions::new().read(true), path);
    file.is_ok_and(|file| system::is_locked(&file))
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    /// The whole file, to be locked exclusively (`F_WRLCK`) or given back (`F_UNLCK`).
    fn whole_file(kind: libc::c_int) -> libc::flock {
        // SAFETY: a `flock` is plain numbers, for which zeros are valid; they stand for the whole file, as `fcntl(2)`
        // has it.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock
    }

    fn call(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
        // SAFETY: the descriptor is open as long as `file` lives, and both commands take a pointer to a `flock` that is
        // whole and ours alone.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(lock)) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    pub fn try_lock(file: &File) -> io::Result<bool> {
        match call(file, libc::F_OFD_SETLK, &mut whole_file(libc::F_WRLCK)) {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whoever else has a copy of the file.
    pub fn unlock(file: &File) -> io::Result<()> {
        call(file, libc::F_OFD_SETLK, &mut whole_file(libc::F_UNLCK))
    }

    pub fn is_locked(file: &File) -> bool {
        let mut lock = whole_file(libc::F_WRLCK);
        call(file, libc::F_OFD_GETLK, &mut lock).is_ok() && lock.l_type != libc::F_UNLCK as libc::c_short
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::{File, TryLockError};
    use std::io;

    pub fn try_lock(file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Whoever else has a copy of the file.
    pub fn unlock(file: &File) -> io::Result<()> {
        file.unlock()
    }

    /// Others who look are not in the way; one who takes it just then may be refused.
    pub fn is_locked(file: &File) -> bool {
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_looked_at_without_being_taken_and_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!is_held(&path), "there is none");
        let [first, second] = [open(&path).unwrap(), open(&path).unwrap()];
        assert!(!is_held(&path));
        // As many look at once as like to: none of them hinders another, or the one who takes it.
        let lookers: Vec<File> = (0..20).map(|_| File::open(&path).unwrap()).collect();
        assert!(lookers.iter().all(|file| !system::is_locked(file)));
        assert!(try_lock(&first).unwrap());
        assert!(is_held(&path) && !try_lock(&second).unwrap());
        let clone = first.try_clone().unwrap();
        drop(first);
        assert!(is_held(&path), "a clone keeps it");
        system::unlock(&clone).unwrap();
        assert!(!is_held(&path) && try_lock(&second).unwrap());
    }

    #[test]
    fn a_lock_is_free_when_dropped_though_a_process_being_started_still_has_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, folder.path()).unwrap();
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(!is_held(&path));
        Lock::take(&path, folder.path()).unwrap();
        drop(copy);
    }

    #[test]
    fn who_holds_a_lock_is_named_though_the_name_is_written_after_it_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut file = open(&path).unwrap();
        assert!(try_lock(&file).unwrap());
        let refused = || Lock::take(&path, folder.path()).unwrap_err().to_string();
        assert!(refused().contains("another process holds it"), "no name comes");
        let error = std::thread::scope(|scope| {
            let second = scope.spawn(refused);
            std::thread::sleep(Duration::from_millis(50));
            file.write_all(b"process 4711 on gpu03\n").unwrap();
            second.join().unwrap()
        });
        assert!(error.contains("process 4711 on gpu03 holds it"), "{error}");
    }

    #[test]
    fn the_name_in_a_lock_that_an_earlier_process_left_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, format!("process 1 on {}\n", "elsewhere".repeat(30))).unwrap();
        let _lock = Lock::take(&path, folder.path()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("process {} on ", std::process::id())), "{text}");
        assert!(text.ends_with('\n') && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn a_link_or_a_pipe_in_a_locks_place_is_refused_and_what_the_link_names_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [other, link, pipe] = ["other", "link", "pipe"].map(|name| folder.path().join(name));
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&link, &pipe] {
            let error = Lock::take(path, folder.path()).unwrap_err().to_string();
            assert!(error.contains("a regular file was expected"), "{error}");
            assert!(!is_held(path));
        }
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
    }
}
