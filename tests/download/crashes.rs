//! A process that fetches is killed before each of its system calls that changes a file. What the same order makes of
//! it afterwards must be what an undisturbed one leaves.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bntt::data::download::{Archive, ArchiveFormat, PublishedDataset};

use crate::archives::{gzip, tar_of, zip_of};
use crate::server::Server;
use crate::{fetch, md5_of, noise};

const URL: &str = "BNTT_TEST_URL";
const FOLDER: &str = "BNTT_TEST_FOLDER";
const CHILD: &str = "crashes::fetch_in_a_process_of_its_own";

fn archives() -> Vec<(&'static str, ArchiveFormat, Vec<u8>)> {
    let noise = noise();
    let tar: [(&str, &[u8]); 4] = [("x/a", b"a"), ("x/sub/b", &noise), ("x/sub/deep/c", b"c"), ("x/z", b"")];
    // Goes into folders that the first has made.
    let zip: [(&str, &[u8]); 3] = [("sub/d", b"d"), ("sub/deep/e", b"e"), ("y/f", b"f")];
    vec![
        ("x.tar.gz", ArchiveFormat::TarGzip { inside: "x" }, tar_of(&tar)),
        ("y.zip", ArchiveFormat::Zip { inside: "" }, zip_of(&zip)),
        ("one.gz", ArchiveFormat::Gzip, gzip(b"unpacked")),
    ]
}

fn example() -> PublishedDataset {
    let archive = |(file, packing, content): (&'static str, ArchiveFormat, Vec<u8>)| Archive {
        file,
        urls: &["http://127.0.0.1:9/nobody-listens"],
        bytes: Some(content.len() as u64),
        checksum: Some(md5_of(&content)),
        packing,
    };
    let archives = archives().into_iter().map(archive).collect::<Vec<_>>().leak();
    PublishedDataset { archives, ..crate::set("one.gz", ArchiveFormat::Gzip, b"") }
}

#[test]
#[ignore = "the process that the other test kills"]
fn fetch_in_a_process_of_its_own() {
    if let (Ok(url), Ok(folder)) = (std::env::var(URL), std::env::var(FOLDER)) {
        fetch(&example(), Path::new(&folder), &url).unwrap();
    }
}

/// All files below `folder` but for the lock and what killed processes leave for an hour.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let left = name.starts_with(".unpacking-") || path.extension() == Some(OsStr::new("tmp"));
            match path.is_dir() {
                _ if left || name == ".lock" => {}
                true => folders.push(path),
                false => drop(found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// A folder that is flushed in no time, where there is one.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn a_fetch_that_is_killed_at_any_step_is_followed_by_one_that_ends_well() {
    let server = Server::serving(archives().into_iter().map(|(file, _, content)| (file, content)).collect());
    let set = example();
    let undisturbed = in_memory();
    fetch(&set, undisturbed.path(), &server.url).unwrap();
    let expected = content(undisturbed.path());
    assert_eq!(expected.len(), 9, "eight files and their list: {:?}", expected.keys());
    let mut steps = 0;
    loop {
        let outer = in_memory();
        let folder = outer.path().join("data");
        let end = match run_until(steps, &folder, &server.url) {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return eprintln!("skipped: this system lets no process trace another");
            }
            Err(error) => panic!("{error}"),
        };
        fetch(&set, &folder, &server.url).unwrap_or_else(|error| panic!("killed before step {steps}: {error}"));
        assert_eq!(content(&folder), expected, "killed before step {steps}");
        if let End::ByItself = end {
            break;
        }
        steps += 1;
    }
    assert!(steps > 60, "{steps} steps were seen");
    println!("killed before each of {steps} system calls");
}

enum End {
    Killed,
    ByItself,
}

/// Fetches in another process, which is killed before its step `last` (from 0) that changes something in `folder`.
fn run_until(last: usize, folder: &Path, url: &str) -> io::Result<End> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", CHILD, "--ignored", "--test-threads=1"]).env(URL, url).env(FOLDER, folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: between fork and exec there is one system call, which touches no memory.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn()?;
    let main = child.id() as libc::pid_t;
    let mut steps = 0;
    let (mut options_set, mut killed) = (false, false);
    loop {
        let mut status = 0;
        // SAFETY: `status` is a number of ours. Only children of this very thread are waited for: other tests have
        // theirs.
        let thread = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
        if thread < 0 {
            return Err(io::Error::last_os_error());
        }
        if !libc::WIFSTOPPED(status) {
            if thread != main {
                continue;
            }
            return match libc::WIFEXITED(status) {
                true if libc::WEXITSTATUS(status) == 0 => Ok(End::ByItself),
                false if killed => Ok(End::Killed),
                _ => Err(io::Error::other(format!("the process ended with {status:#x}"))),
            };
        }
        if !options_set {
            trace(libc::PTRACE_SETOPTIONS, thread, OPTIONS)?;
            options_set = true;
        }
        let signal = match libc::WSTOPSIG(status) {
            SYSCALL_STOP => {
                if entered(thread)?.is_some_and(|call| changes(&call, main, folder)) {
                    if steps == last {
                        killed = true;
                        // SAFETY: the main thread has not been waited for to its end, so that the number is its
                        // process's.
                        unsafe { libc::kill(main, libc::SIGKILL) };
                        continue;
                    }
                    steps += 1;
                }
                0
            }
            // Those of tracing itself: of an event, and of a thread that begins.
            libc::SIGTRAP | libc::SIGSTOP => 0,
            signal => signal,
        };
        // A process that was killed meanwhile is waited for above.
        let _ = trace(libc::PTRACE_SYSCALL, thread, signal);
    }
}

const OPTIONS: libc::c_int = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
const SYSCALL_STOP: libc::c_int = libc::SIGTRAP | 0x80;

fn trace(request: libc::c_uint, thread: libc::pid_t, data: libc::c_int) -> io::Result<()> {
    // SAFETY: these requests take numbers, no pointers.
    match unsafe { libc::ptrace(request, thread, 0, libc::c_long::from(data)) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Number and arguments of a system call.
struct Call {
    number: i64,
    arguments: [u64; 6],
}

/// The call that a stopped thread is about to make; none where it comes back from one.
fn entered(thread: libc::pid_t) -> io::Result<Option<Call>> {
    // SAFETY: registers are plain numbers, for which zeros are valid.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the system fills the whole structure, which is ours.
    if unsafe { libc::ptrace(libc::PTRACE_GETREGS, thread, 0, &raw mut registers) } == -1 {
        return Ok(None);
    }
    // At the entry the result is "no such call".
    let entry = registers.rax == (-i64::from(libc::ENOSYS)) as u64;
    let libc::user_regs_struct { rdi, rsi, rdx, r10, r8, r9, .. } = registers;
    let arguments = [rdi, rsi, rdx, r10, r8, r9];
    Ok(entry.then_some(Call { number: registers.orig_rax as i64, arguments }))
}

/// Whether a call changes files: in `folder`, where it says so by a descriptor.
fn changes(call: &Call, process: libc::pid_t, folder: &Path) -> bool {
    let [first, second, third, ..] = call.arguments;
    let creates = |flags: u64| flags & (libc::O_CREAT | libc::O_TRUNC) as u64 != 0;
    match call.number {
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_ftruncate => {
            fs::read_link(format!("/proc/{process}/fd/{first}")).is_ok_and(|path| path.starts_with(folder))
        }
        libc::SYS_open => creates(second),
        libc::SYS_openat => creates(third),
        libc::SYS_rename | libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_unlink | libc::SYS_unlinkat => true,
        libc::SYS_rmdir | libc::SYS_mkdir | libc::SYS_mkdirat | libc::SYS_link | libc::SYS_linkat => true,
        _ => false,
    }
}
