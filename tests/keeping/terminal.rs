//! A terminal that a command is run on.

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::ptr::null_mut;

/// Both ends: what a person sees, and what a program has.
pub fn terminal() -> [File; 2] {
    let (mut master, mut slave) = (0, 0);
    // SAFETY: both numbers are written to, and nothing else is given.
    let opened = unsafe { libc::openpty(&mut master, &mut slave, null_mut(), null_mut(), null_mut()) };
    assert_eq!(opened, 0, "a terminal");
    // SAFETY: both were just opened, and are nobody else's.
    [master, slave].map(|end| unsafe { File::from_raw_fd(end) })
}

/// All that is said until nobody has the other end any more.
pub fn said(mut master: File) -> String {
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    // Linux ends it with an error.
    while let Ok(count @ 1..) = master.read(&mut piece) {
        said.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&said).replace("\r\n", "\n")
}
