//! A request to stop is heard wherever a fetch waits. Every server here would wait for ever; what is measured is that
//! the fetch does not.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bntt::data::download::{ArchiveFormat, DownloadRequest, PublishedDataset, RetryPolicy, verify};
use bntt::error::Error;
use bntt::error::StopReason;
use bntt::system::signals::Stop;
use bntt::terminal::logging::Log;

use crate::archives::{gzip, tar_of};
use crate::server::{Answer, Server, ranged};
use crate::{fetch, holds, holds_data, names, noise, set};

/// Longer than anything here could take: who waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(120);

const PATIENT: RetryPolicy = RetryPolicy { attempts: 3, wait: FOR_EVER, silence: Duration::from_secs(3600) };

/// Fetches with all the patience in the world; the error is that of the request to stop.
fn stopped(set: &PublishedDataset, folder: &Path, url: &str, stop: Stop) -> StopReason {
    let (ended, end) = channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let fetched =
                DownloadRequest { set, folder, url: Some(url), patience: PATIENT, log: Log::silent(), stop }.fetch();
            let _ = ended.send(fetched);
        });
        match end.recv_timeout(FOR_EVER) {
            Ok(Err(Error::Interrupted(reason))) => reason,
            Ok(other) => panic!("{other:?}"),
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("the request to stop was not heard");
                std::process::abort();
            }
            Err(RecvTimeoutError::Disconnected) => panic!("it ended without a word"),
        }
    })
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Answer::silence());
    let set = set("one.gz", ArchiveFormat::Gzip, &gzip(b"unpacked"));
    assert_eq!(stopped(&set, folder.path(), &server.url, Stop::after(3)), StopReason::Term);
    holds_data(folder.path(), &[]);
}

#[test]
fn a_server_that_cannot_be_connected_to_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: the descriptor is that of a socket which listens, and lives on; listening again shortens its queue.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().unwrap();
    // Nobody accepts: when the queue is full, connecting takes for ever.
    let mut queue = Vec::new();
    while let Ok(waiting) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        queue.push(waiting);
    }
    let set = set("one.gz", ArchiveFormat::Gzip, &gzip(b"unpacked"));
    assert_eq!(stopped(&set, folder.path(), &format!("http://{address}"), Stop::after(3)), StopReason::Term);
}

#[test]
fn the_wait_between_two_tries_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Answer::new(503, b"busy").header("Retry-After", "60"));
    let set = set("one.gz", ArchiveFormat::Gzip, &gzip(b"unpacked"));
    // More often than there are tries: only the wait asks so often.
    assert_eq!(stopped(&set, folder.path(), &server.url, Stop::after(20)), StopReason::Term);
    assert_eq!(server.requested().len(), 1);
}

#[test]
fn a_request_to_stop_keeps_what_has_come_and_the_next_call_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(&noise());
    let (served, half) = (content.clone(), content.len() / 2);
    let server = Server::start(move |number, request| {
        let answer = ranged(&served, "\"1\"", request);
        if number == 0 { answer.held_after(half) } else { answer }
    });
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    let part = folder.path().join("noise.gz.part");
    let stop = Stop::on_signals().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            while fs::metadata(&part).map_or(0, |about| about.len()) < half as u64 && began.elapsed() < FOR_EVER {
                std::thread::sleep(Duration::from_millis(2));
            }
            // SAFETY: a signal that this process handles.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        });
        assert_eq!(stopped(&set, folder.path(), &server.url, stop), StopReason::Usr1);
    });
    holds_data(folder.path(), &["noise.gz.part", "noise.gz.part.from"]);
    assert_eq!(fs::read(&part).unwrap(), content[..half]);
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(server.requested()[1].from, Some(half));
    assert_eq!(fs::read(folder.path().join("noise")).unwrap(), noise());
    holds_data(folder.path(), &["SHA256SUMS", "noise"]);
}

#[test]
fn wherever_it_is_stopped_the_next_call_ends_well() {
    let noise = noise();
    let files: [(&str, &[u8]); 4] = [("a", b"a"), ("sub/b", &noise), ("sub/deep/c", b"c"), ("z", &noise)];
    let content = tar_of(&files);
    let server = Server::serving(vec![("x.tar.gz", content.clone())]);
    let set = set("x.tar.gz", ArchiveFormat::TarGzip { inside: "" }, &content);
    let mut stops = 0;
    for times in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::after(times);
        let order = DownloadRequest {
            set: &set,
            folder: folder.path(),
            url: Some(&server.url),
            ..order(&set, folder.path(), stop)
        };
        let undisturbed = match order.fetch() {
            Ok(()) => true,
            Err(Error::Interrupted(_)) => false,
            Err(error) => panic!("{error}"),
        };
        fetch(&set, folder.path(), &server.url).unwrap();
        // A slow machine has had no time to take away what was unpacked.
        let names: Vec<_> = names(folder.path()).into_iter().filter(|name| !name.starts_with(".unpacking-")).collect();
        assert_eq!(names, [".lock", "SHA256SUMS", "a", "sub", "z"]);
        for (name, content) in files {
            assert_eq!(fs::read(folder.path().join(name)).unwrap(), content, "{name} after {times}");
        }
        assert_eq!(verify(&set, folder.path(), &Stop::never()).unwrap().recorded, files.len());
        if undisturbed {
            break;
        }
        stops += 1;
    }
    assert!(stops > 20, "{stops}");
}

fn order<'a>(set: &'a PublishedDataset, folder: &'a Path, stop: Stop) -> DownloadRequest<'a> {
    DownloadRequest { set, folder, url: None, patience: PATIENT, log: Log::silent(), stop }
}

#[test]
fn checking_what_is_there_is_stopped_too() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(&noise());
    let server = Server::serving(vec![("noise.gz", content.clone())]);
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, folder.path(), &server.url).unwrap();
    for times in 1..=2 {
        assert!(matches!(order(&set, folder.path(), Stop::after(times)).fetch(), Err(Error::Interrupted(_))));
        assert!(matches!(verify(&set, folder.path(), &Stop::after(times)), Err(Error::Interrupted(_))));
    }
    // An archive that was put there by hand.
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("noise.gz"), &content).unwrap();
    assert!(matches!(order(&set, other.path(), Stop::after(1)).fetch(), Err(Error::Interrupted(_))));
    holds(other.path(), &[".lock", "noise.gz"]);
}

#[test]
fn the_command_ends_at_the_first_ctrl_c_although_the_server_never_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Answer::silence());
    let mut child = Command::new(env!("CARGO_BIN_EXE_bntt"))
        .args(["data", "cifar10", "--url", &server.url])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    // Half the silence after which it would ask again by itself.
    let hangs = || assert!(began.elapsed() < Duration::from_secs(30), "it hangs");
    while server.requested().is_empty() {
        hangs();
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: a child that has not been waited for keeps its number.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() >= Duration::from_secs(30) {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped by SIGINT; what has come is kept, and the same command goes on"), "{said}");
}
