//! One process at a time on a run.
//!
//! The lock is the operating system's, on the file `lock` in the run folder: it goes with the process that holds it, however that ends. What the
//! file says is for the message alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};

use crate::error::{Error, Result};
use crate::run::RunFolder;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a run folder.
    ///
    /// # Errors
    /// [`Error::Run`] naming the process that holds it, [`Error::Io`] when the file cannot be opened.
    pub fn take(run: &RunFolder) -> Result<Self> {
        let path = run.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(Error::Run(format!(
                    "{} is at work: {holder} holds it. Wait until it ends, or stop it; what it has saved stays.",
                    run.path().display()
                )));
            }
            // A file system without locks: better a run than none.
            Err(TryLockError::Error(e)) => tracing::warn!("{}: cannot be locked ({e})", path.display()),
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let text = format!("process {} on {}\n", std::process::id(), host.trim());
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(Error::io("write", &path))?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock of a run folder; nothing is changed.
    pub fn is_held(run: &RunFolder) -> bool {
        File::open(run.lock()).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

/// "process 4711 on gpu03".
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default();
    if read.is_ok() && line.starts_with("process ") { line.into() } else { "another process".into() }
}
