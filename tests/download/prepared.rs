//! Folders in which somebody has prepared what a fetch would stumble over, and two who fetch into one.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bntt::data::download::{ArchiveFormat, PublishedDataset};
use bntt::error::Error;
use bntt::files::lock::Lock;
use bntt::system::signals::Stop;

use crate::archives::{gzip, tar_of};
use crate::server::Server;
use crate::{archive_of, bntt, fetch, fetch_until, holds, holds_data, noise, set};

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn one() -> (PublishedDataset, Server) {
    let content = gzip(b"unpacked");
    let server = Server::serving(vec![("one.gz", content.clone())]);
    (set("one.gz", ArchiveFormat::Gzip, &content), server)
}

#[test]
fn a_link_or_a_pipe_in_the_place_of_a_part_is_refused_and_what_the_link_names_stays() {
    let (set, server) = one();
    for (name, file) in [("link", true), ("pipe", false)] {
        let outer = tempfile::tempdir().unwrap();
        let (folder, precious) = (outer.path().join("data"), outer.path().join("precious"));
        fs::create_dir(&folder).unwrap();
        fs::write(&precious, "precious").unwrap();
        let part = folder.join("one.gz.part");
        if file {
            symlink(&precious, &part).unwrap()
        } else {
            pipe(&part)
        }
        let error = fetch(&set, &folder, &server.url).unwrap_err();
        let expected = format!("cannot open {}: it is a {name}, and a regular file was expected", part.display());
        assert_eq!(error, expected);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
}

#[test]
fn a_part_that_has_another_name_too_is_refused_and_its_other_name_keeps_its_content() {
    let (set, server) = one();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious"), "precious").unwrap();
    fs::hard_link(folder.path().join("precious"), folder.path().join("one.gz.part")).unwrap();
    let error = fetch(&set, folder.path(), &server.url).unwrap_err();
    assert!(error.ends_with("one.gz.part is a file that has another name too (a hard link). Remove it."), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("precious")).unwrap(), "precious");
}

#[test]
fn a_link_or_a_pipe_in_the_place_of_a_note_is_neither_followed_nor_waited_for() {
    let (set, server) = one();
    for file in [true, false] {
        let outer = tempfile::tempdir().unwrap();
        let (folder, precious) = (outer.path().join("data"), outer.path().join("precious"));
        fs::create_dir(&folder).unwrap();
        // As if all but a byte had come.
        let note = format!("{}/one.gz\n\"1\"\n", server.url);
        fs::write(&precious, &note).unwrap();
        fs::write(folder.join("one.gz.part"), &gzip(b"unpacked")[1..]).unwrap();
        let place = folder.join("one.gz.part.from");
        if file {
            symlink(&precious, &place).unwrap()
        } else {
            pipe(&place)
        }
        fetch(&set, &folder, &server.url).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), note);
        assert_eq!(server.requested().last().unwrap().from, None, "what the link says was not believed");
        holds_data(&folder, &["SHA256SUMS", "one"]);
    }
}

#[test]
fn an_archive_that_is_a_pipe_is_refused_whether_its_checksum_is_known_or_not() {
    let (mut set, server) = one();
    for checksum in [archive_of(&set).checksum, None] {
        set.archives = vec![bntt::data::download::Archive { checksum, ..archive_of(&set) }].leak();
        let folder = tempfile::tempdir().unwrap();
        pipe(&folder.path().join("one.gz"));
        let error = fetch(&set, folder.path(), &server.url).unwrap_err();
        assert!(error.ends_with("one.gz: it is a pipe, and a regular file was expected"), "{error}");
    }
    assert!(server.requested().is_empty());
}

#[test]
fn nothing_is_put_behind_a_link() {
    let content = tar_of(&[("sub/a", b"a")]);
    let server = Server::serving(vec![("x.tar.gz", content.clone())]);
    let set = set("x.tar.gz", ArchiveFormat::TarGzip { inside: "" }, &content);
    let outer = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (outer.path().join("data"), outer.path().join("elsewhere"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, folder.join("sub")).unwrap();
    let error = fetch(&set, &folder, &server.url).unwrap_err();
    assert!(error.contains("data/sub is there already and is not what the archive holds"), "{error}");
    holds(&elsewhere, &[]);
    // What has come is not fetched again when the link is gone.
    fs::remove_file(folder.join("sub")).unwrap();
    fetch(&set, &folder, &server.url).unwrap();
    assert_eq!(server.requested().len(), 1);
    holds_data(&folder, &["SHA256SUMS", "sub"]);
}

#[test]
fn names_that_no_list_can_hold_are_refused() {
    let content = tar_of(&[("a\nb", b"a")]);
    let server = Server::serving(vec![("x.tar.gz", content.clone())]);
    let folder = tempfile::tempdir().unwrap();
    let set = set("x.tar.gz", ArchiveFormat::TarGzip { inside: "" }, &content);
    let error = fetch(&set, folder.path(), &server.url).unwrap_err();
    assert!(error.ends_with("is a name that no list of files can hold; nothing was unpacked."), "{error}");
    holds_data(folder.path(), &["x.tar.gz"]);
}

#[test]
fn a_whole_part_that_was_damaged_since_is_fetched_again() {
    let (set, server) = one();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one"), "in the way").unwrap();
    fetch(&set, folder.path(), &server.url).unwrap_err();
    holds_data(folder.path(), &["one", "one.gz.part", "one.gz.part.from"]);
    fs::remove_file(folder.path().join("one")).unwrap();
    fs::write(folder.path().join("one.gz.part"), "damaged").unwrap();
    fetch(&set, folder.path(), &server.url).unwrap();
    assert_eq!(server.requested().len(), 2);
    holds_data(folder.path(), &["SHA256SUMS", "one"]);
}

#[test]
fn an_archive_by_hand_stays_whatever_had_been_fetched_of_it() {
    let (set, server) = one();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.gz"), gzip(b"unpacked")).unwrap();
    fs::write(folder.path().join("one.gz.part"), gzip(b"unpacked")).unwrap();
    fs::write(folder.path().join("one.gz.part.from"), format!("{}/one.gz\n\"1\"\nwhole\n", server.url)).unwrap();
    fetch(&set, folder.path(), &server.url).unwrap();
    assert!(server.requested().is_empty());
    holds_data(folder.path(), &["SHA256SUMS", "one", "one.gz"]);
    let sums = fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
    assert!(sums.lines().next().unwrap().ends_with(" from this folder"), "{sums}");
}

#[test]
fn the_second_who_fetches_into_a_folder_is_told_who_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data/cifar10");
    fs::create_dir_all(&data).unwrap();
    let lock = Lock::take(&data.join(".lock"), &data).unwrap();
    let (code, said) = bntt(folder.path(), &["data", "cifar10", "--url", "http://127.0.0.1:9"]);
    assert_eq!(code, Some(2), "{said}");
    let expected = format!("data/cifar10 is at work: process {} on ", std::process::id());
    assert!(said.contains(&expected), "expected {expected:?} in {said}");
    drop(lock);
    holds(&data, &[".lock"]);
}

#[test]
fn two_who_fetch_into_one_folder_at_once_both_end_well() {
    let content = gzip(&noise());
    let server = Server::serving(vec![("noise.gz", content.clone())]);
    let set = set("noise.gz", ArchiveFormat::Gzip, &content);
    let folder = tempfile::tempdir().unwrap();
    let ends: Vec<_> = std::thread::scope(|scope| {
        let fetches: Vec<_> =
            (0..8).map(|_| scope.spawn(|| fetch_until(&set, folder.path(), &server.url, Stop::never()))).collect();
        fetches.into_iter().map(|fetch| fetch.join().unwrap()).collect()
    });
    assert!(ends.iter().any(Result::is_ok));
    for end in ends.into_iter().filter_map(Result::err) {
        assert!(matches!(&end, Error::Busy(problem) if problem.contains("is at work: process ")), "{end}");
    }
    assert_eq!(server.requested().len(), 1);
    assert_eq!(fs::read(folder.path().join("noise")).unwrap(), noise());
    holds_data(folder.path(), &["SHA256SUMS", "noise"]);
}

#[test]
fn a_complete_folder_that_cannot_be_written_to_is_checked_without_a_lock() {
    let (set, server) = one();
    let folder = tempfile::tempdir().unwrap();
    fetch(&set, folder.path(), &server.url).unwrap();
    fs::remove_file(folder.path().join(".lock")).unwrap();
    fetch(&set, folder.path(), &server.url).unwrap();
    holds(folder.path(), &["SHA256SUMS", "one"]);
}

#[test]
fn what_dead_processes_left_is_taken_away_after_an_hour() {
    let (set, server) = one();
    let folder = tempfile::tempdir().unwrap();
    let old = SystemTime::now() - Duration::from_secs(3700);
    // The first is as older versions called it.
    for name in [".unpacking-1", ".unpacking-Ab12"] {
        fs::create_dir_all(folder.path().join(name).join("files/sub")).unwrap();
    }
    fs::write(folder.path().join(".unpacking-Ab12/lock"), "process 1 on elsewhere\n").unwrap();
    let young = [".unpacking-2", "SHA256SUMS.0.tmp"];
    fs::create_dir(folder.path().join(young[0])).unwrap();
    for name in ["SHA256SUMS.1.tmp", "one.gz.part.from.2.tmp", young[1]] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    for name in [".unpacking-1", ".unpacking-Ab12", "SHA256SUMS.1.tmp", "one.gz.part.from.2.tmp"] {
        let file = File::open(folder.path().join(name)).unwrap();
        file.set_times(FileTimes::new().set_modified(old)).unwrap();
    }
    fetch(&set, folder.path(), &server.url).unwrap();
    holds_data(folder.path(), &["SHA256SUMS", "one", young[0], young[1]]);
}
