//! Data sets from a server inside the test to a folder.

mod archives;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod crashes;
mod prepared;
mod server;
mod stopping;

use archives::{gzip, tar_of, tar_with_link, zip_of, zip_with_link};
use bntt::data::download::{
    Archive, ArchiveFormat, Checksum, DownloadRequest, PublishedDataset, RetryPolicy, VerifiedDataset, verify,
};
use bntt::error::Error;
use bntt::system::signals::Stop;
use bntt::terminal::logging::Log;
use md5::{Digest, Md5};
use server::{Answer, Server, ranged};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn md5_of(bytes: &[u8]) -> Checksum {
    let digits: String = Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Checksum::Md5(digits.leak())
}

/// A set of one archive with this content.
fn set(file: &'static str, packing: ArchiveFormat, content: &[u8]) -> PublishedDataset {
    let archive = Archive {
        file,
        urls: &["http://127.0.0.1:9/nobody-listens"],
        bytes: Some(content.len() as u64),
        checksum: Some(md5_of(content)),
        packing,
    };
    PublishedDataset {
        name: "example",
        title: "Example",
        page: "https://example.org",
        licence: "none",
        archives: vec![archive].leak(),
        files: &[],
    }
}

const IMPATIENT: RetryPolicy =
    RetryPolicy { attempts: 3, wait: Duration::from_millis(1), silence: Duration::from_secs(20) };

fn fetch_until(set: &PublishedDataset, folder: &Path, url: &str, stop: Stop) -> Result<(), Error> {
    DownloadRequest { set, folder, url: Some(url), patience: IMPATIENT, log: Log::silent(), stop }.fetch()
}

fn fetch(set: &PublishedDataset, folder: &Path, url: &str) -> Result<(), String> {
    // A process that another test starts has the files of this one, and so its locks, until it has become the other
    // program.
    for _ in 0..500 {
        match fetch_until(set, folder, url, Stop::never()) {
            Err(Error::Busy(_)) => std::thread::sleep(Duration::from_millis(10)),
            fetched => return fetched.map_err(|error| error.to_string()),
        }
    }
    Err("somebody is at work for ever".into())
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// These and nothing else.
fn holds(folder: &Path, expected: &[&str]) {
    assert_eq!(names(folder), expected.iter().map(ToString::to_string).collect());
}

/// These and the lock, which stays in every folder into which something was fetched.
fn holds_data(folder: &Path, expected: &[&str]) {
    holds(folder, &[expected, &[".lock"]].concat());
}

/// So long that it comes in several pieces, and cannot be packed.
fn noise() -> Vec<u8> {
    let stream = bntt::rng::Stream::new(5, bntt::rng::Purpose::Synthetic, 0, 0, 0);
    (0..100_000).flat_map(|i| stream.u32(i).to_le_bytes()).collect()
}

#[test]
fn a_whole_set_is_fetched_unpacked_recorded_and_not_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/example");
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", content.clone())]);
    let set = set("one.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, &folder, &server.url).unwrap();
    holds_data(&folder, &["SHA256SUMS", "one"]);
    assert_eq!(fs::read(folder.join("one")).unwrap(), b"unpacked");
    assert_eq!(
        verify(&set, &folder, &Stop::never()).unwrap(),
        VerifiedDataset { published: 0, recorded: 1, images: None }
    );
    // The same list for everybody's tool.
    let checked = Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(&folder).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");

    fetch(&set, &folder, &server.url).unwrap();
    assert_eq!(server.requested().len(), 1);
    fs::write(folder.join("one"), "changed").unwrap();
    let error = fetch(&set, &folder, &server.url).unwrap_err();
    assert!(error.contains("SHA256SUMS lists: one has changed"), "{error}");
}

#[test]
fn a_cut_connection_is_taken_up_where_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(&noise());
    let (served, half) = (content.clone(), content.len() / 2);
    let server = Server::start(move |number, request| {
        let answer = ranged(&served, "\"1\"", request);
        if number == 0 { answer.cut(half) } else { answer }
    });
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(fs::read(folder.path().join("noise")).unwrap(), noise());
    let requested = server.requested();
    assert_eq!(requested.len(), 2);
    assert_eq!((requested[0].from, requested[0].if_range.as_deref()), (None, None));
    assert_eq!((requested[1].from, requested[1].if_range.as_deref()), (Some(half), Some("\"1\"")));
    holds_data(folder.path(), &["SHA256SUMS", "noise"]);
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(&noise());
    let (served, half) = (content.clone(), content.len() / 2);
    let server = Server::start(move |number, _| {
        let answer = Answer::new(200, &served).header("Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT");
        if number == 0 { answer.cut(half) } else { answer }
    });
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(fs::read(folder.path().join("noise")).unwrap(), noise());
    assert_eq!(server.requested()[1].from, Some(half));
}

#[test]
fn a_file_that_changed_on_the_server_is_not_put_together_from_two() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(&noise());
    let (old, new) = (vec![7; content.len()], content.clone());
    let server = Server::start(move |number, request| {
        if number == 0 { ranged(&old, "\"old\"", request).cut(1000) } else { ranged(&new, "\"new\"", request) }
    });
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(fs::read(folder.path().join("noise")).unwrap(), noise());
    assert_eq!(server.requested().len(), 2);
}

#[test]
fn a_part_that_was_whole_already_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", content.clone())]);
    fs::write(folder.path().join("one.gz.part"), &content).unwrap();
    fs::write(folder.path().join("one.gz.part.from"), format!("{}/one.gz\n\"1\"\n", server.url)).unwrap();
    fetch(&set("one.gz", ArchiveFormat::Gzip, &content), folder.path(), &server.url).unwrap();
    assert_eq!(server.requested().len(), 1);
    holds_data(folder.path(), &["SHA256SUMS", "one"]);
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", gzip(b"somethin"))]);
    let mut wrong = set("one.gz", ArchiveFormat::Gzip, &content);
    wrong.archives = vec![Archive { bytes: None, ..archive_of(&wrong) }].leak();
    let error = fetch(&wrong, folder.path(), &server.url).unwrap_err();
    assert!(error.contains("what came is not what was published: its checksum is "), "{error}");
    assert!(error.contains(&md5_of(&content).to_string()), "{error}");
    holds_data(folder.path(), &[]);
}

fn archive_of(set: &PublishedDataset) -> Archive {
    let Archive { file, urls, bytes, checksum, packing } = set.archives[0];
    Archive { file, urls, bytes, checksum, packing }
}

#[test]
fn more_bytes_than_the_file_has_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", noise())]);
    let error = fetch(&set("one.gz", ArchiveFormat::Gzip, &content), folder.path(), &server.url).unwrap_err();
    let expected = format!("it offers 400000 bytes, and at most {} were expected", content.len());
    assert!(error.contains(&expected), "{error}");
    holds_data(folder.path(), &[]);
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_stays_busy_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let served = content.clone();
    let server = Server::start(move |number, request| match number {
        0 => Answer::new(503, b"busy").header("Retry-After", "0"),
        1 => Answer::new(429, b"busy"),
        _ => ranged(&served, "\"1\"", request),
    });
    let set = set("one.gz", ArchiveFormat::Gzip, &content);
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(server.requested().len(), 3);

    let other = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Answer::new(503, b"busy"));
    let error = fetch(&set, other.path(), &server.url).unwrap_err();
    assert!(error.contains("one.gz: it answered with status 503"), "{error}");
    assert_eq!(server.requested().len(), 3);
    // What is not there is not asked for again.
    let server = Server::start(|_, _| Answer::new(404, b"no"));
    assert!(fetch(&set, other.path(), &server.url).unwrap_err().contains("status 404"));
    assert_eq!(server.requested().len(), 1);
}

#[test]
fn the_next_mirror_is_tried_and_offline_the_message_says_what_to_do_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("there/one.gz", content.clone())]);
    let good: &'static str = format!("{}/there/one.gz", server.url).leak();
    let mut set = set("one.gz", ArchiveFormat::Gzip, &content);
    let of_urls = |urls: &'static [&'static str]| vec![Archive { urls, ..archive_of(&set) }].leak();
    let (both, absent) =
        (of_urls(vec!["http://127.0.0.1:9/one.gz", good].leak()), of_urls(&["http://127.0.0.1:9/one.gz"]));
    let order = |set: &PublishedDataset| {
        let folder = folder.path();
        let (log, stop) = (Log::silent(), Stop::never());
        DownloadRequest { set, folder, url: None, patience: IMPATIENT, log, stop }
            .fetch()
            .map_err(|error| error.to_string())
    };
    set.archives = absent;
    let error = order(&set).unwrap_err();
    for expected in [
        "cannot fetch one.gz:\n  http://127.0.0.1:9/one.gz: it cannot be reached: ".to_string(),
        format!(
            "By hand: fetch these files and put them into {} (published at https://example.org):",
            folder.path().display()
        ),
        format!("\n  http://127.0.0.1:9/one.gz as one.gz ({})\n", md5_of(&content)),
        "Then give the same command again, which checks and unpacks them.".to_string(),
    ] {
        assert!(error.contains(&expected), "expected {expected:?} in {error}");
    }
    // As the message says: what was put there by hand is used, and left where it is.
    fs::write(folder.path().join("one.gz"), &content).unwrap();
    order(&set).unwrap();
    holds_data(folder.path(), &["SHA256SUMS", "one", "one.gz"]);

    fs::remove_dir_all(folder.path()).unwrap();
    set.archives = both;
    order(&set).unwrap();
    holds_data(folder.path(), &["SHA256SUMS", "one"]);
}

#[test]
fn an_archive_by_hand_that_is_not_the_published_one_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    fs::write(folder.path().join("one.gz"), "other").unwrap();
    let error = fetch(&set("one.gz", ArchiveFormat::Gzip, &content), folder.path(), "http://127.0.0.1:9").unwrap_err();
    assert!(error.contains("one.gz is not what was published: its checksum is"), "{error}");
    assert_eq!(fs::read(folder.path().join("one.gz")).unwrap(), b"other");
}

#[test]
fn what_lies_inside_a_folder_of_the_archive_comes_to_the_top() {
    let files: &[(&str, &[u8])] = &[("top/a.bin", b"a"), ("./top/sub/b.bin", b"b")];
    for (file, packing, content) in [
        ("x.tar.gz", ArchiveFormat::TarGzip { inside: "top" }, tar_of(files)),
        ("x.zip", ArchiveFormat::Zip { inside: "top" }, zip_of(files)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::serving(vec![(file, content.clone())]);
        let set = set(file, packing, &content);
        fetch(&set, folder.path(), &server.url).unwrap();
        holds_data(folder.path(), &["SHA256SUMS", "a.bin", "sub"]);
        assert_eq!(fs::read(folder.path().join("sub/b.bin")).unwrap(), b"b");
        assert_eq!(verify(&set, folder.path(), &Stop::never()).unwrap().recorded, 2);
    }
}

/// The archive is refused with this in the message, and nothing but the archive itself is left, inside the folder or
/// beside it.
fn refused(file: &'static str, packing: ArchiveFormat, content: &[u8], expected: &str) {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("data");
    let server = Server::serving(vec![(file, content.to_vec())]);
    let error = fetch(&set(file, packing, content), &folder, &server.url).unwrap_err();
    assert!(error.contains(expected), "expected {expected:?} in {error}");
    holds_data(&folder, &[file]);
    holds(outer.path(), &["data"]);
}

#[test]
fn archives_that_reach_out_of_their_folder_are_refused() {
    let tar = ArchiveFormat::TarGzip { inside: "" };
    let zip = ArchiveFormat::Zip { inside: "" };
    let outside = "would lie outside of the data set's folder; nothing was unpacked.";
    for name in ["../evil", "a/../../evil", "/tmp/evil-of-bntt", "a/../b"] {
        refused("x.tar.gz", tar, &tar_of(&[("good", b"good"), (name, b"evil")]), outside);
        refused("x.zip", zip, &zip_of(&[("good", b"good"), (name, b"evil")]), outside);
    }
    assert!(!Path::new("/tmp/evil-of-bntt").exists());
    let link = "way is a link or a device; nothing was unpacked.";
    for target in ["..", "/tmp"] {
        refused("x.tar.gz", tar, &tar_with_link(tar::EntryType::Symlink, target), link);
        refused("x.zip", zip, &zip_with_link(target), link);
    }
    refused("x.tar.gz", tar, &tar_with_link(tar::EntryType::Link, "/etc/passwd"), link);
    refused("x.tar.gz", tar, &tar_with_link(tar::EntryType::Fifo, ""), link);
}

#[test]
fn archives_that_are_broken_or_a_trap_are_refused() {
    let zeros = vec![0; 100 << 20];
    refused("bomb.gz", ArchiveFormat::Gzip, &gzip(&zeros), "far more than a data set that is packed into so few bytes");
    let mut cut = tar_of(&[("a", &noise())]);
    cut.truncate(cut.len() / 2);
    refused("x.tar.gz", ArchiveFormat::TarGzip { inside: "" }, &cut, "it cannot be unpacked: ");
    refused("x.zip", ArchiveFormat::Zip { inside: "" }, b"no zip at all", "it cannot be unpacked: ");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", content.clone())]);
    fs::write(folder.path().join("one"), "mine").unwrap();
    let set = set("one.gz", ArchiveFormat::Gzip, &content);
    let error = fetch(&set, folder.path(), &server.url).unwrap_err();
    assert!(error.contains("one is there already and is not what the archive holds; move it away"), "{error}");
    assert_eq!(fs::read(folder.path().join("one")).unwrap(), b"mine");
    // The same file is none in the way.
    fs::write(folder.path().join("one"), "unpacked").unwrap();
    fetch(&set, folder.path(), &server.url).unwrap();
}

fn bntt(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn the_command_lists_refuses_wrong_files_and_verifies_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (code, list) = bntt(folder.path(), &["data", "--list"]);
    assert_eq!(code, Some(0));
    for expected in
        ["cifar10\n", "cifar-10-binary.tar.gz  MD5 c32a1d4ab5d03f1284b67883e8d87530  https://www.cs.toronto.edu"]
    {
        assert!(list.contains(expected), "expected {expected:?} in {list}");
    }
    let server = Server::serving(vec![("t/cifar-10-binary.tar.gz", tar_of(&[("a", b"a")]))]);
    let url = format!("{}/t/", server.url);
    let (code, text) = bntt(folder.path(), &["data", "cifar10", "--url", &url]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("published is MD5 c32a1d4ab5d03f1284b67883e8d87530"), "{text}");
    holds_data(&folder.path().join("data/cifar10"), &[]);

    let (code, text) = bntt(folder.path(), &["data", "cifar10", "--verify"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("data/cifar10 is not what was published: data_batch_1.bin is missing; data_batch_2.bin"),
        "{text}"
    );
    let (code, text) = bntt(folder.path(), &["data", "mnist", "--verify"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("data/mnist is no folder; `bntt data mnist --path data/mnist` fetches mnist into it."),
        "{text}"
    );
    let (code, text) = bntt(folder.path(), &["data", "cifar"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("cifar10"), "{text}");
}
