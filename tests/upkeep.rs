//! The library behind notes, the archive and removal: what is refused, and what a killed removal leaves.
//!
//! No test here starts a process, which would have the locks of the others for a moment.

use bntt::run::archive::{self, archive, restore};
use bntt::run::labels::Labels;
use bntt::run::listing::folders;
use bntt::run::removal::{RemovableRun, clear_leftovers};
use bntt::run::{CheckpointKind, RunFolder};
use std::fs;
use std::path::{Path, PathBuf};

/// A run folder with a config of five bytes and a file of three.
fn new(root: &Path, name: &str) -> PathBuf {
    let run = RunFolder::create(root, name).unwrap();
    fs::write(run.config(), "12345").unwrap();
    fs::write(run.checkpoint(CheckpointKind::Last), "123").unwrap();
    run.path().to_path_buf()
}

fn labelled() -> (tempfile::TempDir, RunFolder) {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    (root, run)
}

#[test]
fn tags_are_added_and_taken_away_and_the_file_goes_with_the_last_word() {
    let (_root, run) = labelled();
    let tag = |changes: &[&str]| {
        Labels::change(&run, |labels| changes.iter().try_for_each(|change| labels.change_tag(change)))
    };
    assert_eq!(Labels::load(&run).unwrap(), Labels::default());
    assert_eq!(tag(&["paper", "+good", "good", "-absent"]).unwrap().tags, ["good", "paper"].map(String::from).into());
    Labels::change(&run, |labels| labels.set_note(" two\nlines ")).unwrap();
    let text = fs::read_to_string(run.labels()).unwrap();
    assert_eq!(text, "note = \"\"\"\ntwo\nlines\"\"\"\ntags = [\"good\", \"paper\"]\n");
    tag(&["-good", "-paper"]).unwrap();
    assert_eq!(Labels::load(&run).unwrap().note.as_deref(), Some("two\nlines"));
    Labels::change(&run, |labels| labels.set_note("  ")).unwrap();
    assert!(!run.labels().exists());
}

#[test]
fn what_is_no_tag_is_refused_and_changes_nothing() {
    let (_root, run) = labelled();
    Labels::change(&run, |labels| labels.change_tag("kept")).unwrap();
    for wrong in ["", "+", "-", "--all", "a b", "a=b", ".a", "a/b", &"x".repeat(51)] {
        let told = Labels::change(&run, |labels| {
            labels.change_tag("other")?;
            labels.change_tag(wrong)
        });
        let told = told.unwrap_err().to_string();
        assert!(told.starts_with(&format!("{wrong:?}: expected a tag")), "{told}");
    }
    let told = Labels::change(&run, |labels| (0..100).try_for_each(|n| labels.change_tag(&n.to_string())));
    assert_eq!(told.unwrap_err().to_string(), "tags: expected at most 100 of a run, found 101.");
    let told = Labels::change(&run, |labels| labels.set_note(&"x".repeat(20_000))).unwrap_err().to_string();
    assert_eq!(told, "a note: expected at most 16384 bytes, found 20000.");
    assert_eq!(Labels::load(&run).unwrap().tags, ["kept"].map(String::from).into());
}

#[test]
fn words_that_are_written_at_once_all_stay() {
    let (_root, run) = labelled();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let run = &run;
            scope.spawn(move || Labels::change(run, |labels| labels.change_tag(&format!("t{n}"))).unwrap());
        }
    });
    assert_eq!(Labels::load(&run).unwrap().tags.len(), 8);
}

#[test]
fn a_file_that_others_wrote_is_named_and_stays() {
    let (_root, run) = labelled();
    for wrong in ["note = 3", "tag = ['a']", "note"] {
        fs::write(run.labels(), wrong).unwrap();
        let told = Labels::change(&run, |labels| labels.set_note("new")).unwrap_err().to_string();
        assert!(
            told.contains("labels.toml:1:") && told.contains("expected note and tags") && told.contains("Mend it"),
            "{told}"
        );
        assert_eq!(fs::read_to_string(run.labels()).unwrap(), wrong);
    }
    fs::remove_file(run.labels()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", run.labels()).unwrap();
    assert!(Labels::load(&run).is_err());
}

#[test]
fn an_archived_run_keeps_its_number_and_comes_back_to_its_place() {
    let root = tempfile::tempdir().unwrap();
    let [first, second] = [new(root.path(), "a"), new(root.path(), "a")];
    let there = archive(&second).unwrap();
    assert_eq!(there, root.path().join(".archive/a/v0002"));
    assert!(!second.exists() && there.join("config.toml").is_file());
    assert_eq!(RunFolder::newest(root.path(), "a").unwrap().unwrap().path(), first);
    let listed: Vec<PathBuf> = folders(root.path()).unwrap().into_iter().map(|run| run.2).collect();
    assert_eq!(listed, std::slice::from_ref(&first));
    let archived: Vec<_> = folders(&archive::folder(root.path())).unwrap();
    assert_eq!(archived, [("a".to_string(), 2, there.clone())]);
    assert!(new(root.path(), "a").ends_with("v0003"), "its number is not given away");
    assert_eq!(restore(&there).unwrap(), second);
    archive(&first).unwrap();
    assert_eq!(restore(&first).unwrap(), first, "by its path of before");
}

#[test]
fn what_cannot_be_archived_is_refused_and_stays() {
    let root = tempfile::tempdir().unwrap();
    let run = new(root.path(), "a");
    let refused = |path: &Path| archive(path).unwrap_err().to_string();
    assert!(refused(&root.path().join("a")).contains("expected one version of a run"));
    assert!(refused(&root.path().join("a/v0009")).contains("there is nothing there"));
    let link = root.path().join("a/v0002");
    std::os::unix::fs::symlink(&run, &link).unwrap();
    assert!(refused(&link).contains("found a link"));
    let lock = RunFolder::open(&run).unwrap().take_lock().unwrap();
    assert!(refused(&run).contains("is at work"));
    drop(lock);
    fs::create_dir_all(root.path().join(".archive/a/v0001")).unwrap();
    assert!(refused(&run).contains("v0001 is there"));
    fs::remove_dir(root.path().join(".archive/a/v0001")).unwrap();
    assert!(run.join("config.toml").is_file());
    assert!(restore(&run).unwrap_err().to_string().contains("expected an archived run, found none"));
    let there = archive(&run).unwrap();
    assert!(refused(&there).contains("is archived already"));
    new(root.path(), "b");
    fs::create_dir_all(&run).unwrap();
    assert!(restore(&there).unwrap_err().to_string().contains("is there"));
}

#[test]
fn a_run_is_removed_with_its_links_and_what_these_name_stays() {
    let root = tempfile::tempdir().unwrap();
    let run = new(root.path(), "a");
    let other = root.path().join("precious");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "1234567").unwrap();
    std::os::unix::fs::symlink(&other, run.join("link")).unwrap();
    let found = RemovableRun::find(&run).unwrap();
    let of_lock = fs::metadata(run.join("lock")).unwrap().len();
    let of_link = fs::symlink_metadata(run.join("link")).unwrap().len();
    assert_eq!(found.bytes, 5 + 3 + of_lock + of_link);
    found.remove().unwrap();
    assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(other.join("file")).unwrap(), "1234567");
}

#[test]
fn what_is_no_run_or_at_work_is_refused_and_stays() {
    let root = tempfile::tempdir().unwrap();
    let run = new(root.path(), "a");
    let refused = |path: &Path| RemovableRun::find(path).err().expect("a refusal").to_string();
    assert!(refused(&root.path().join("a")).contains("expected one version of a run"));
    assert!(refused(&root.path().join("a/v0007")).contains("expected a run folder, found nothing"));
    let empty = root.path().join("a/v0002");
    fs::create_dir(&empty).unwrap();
    assert!(refused(&empty).contains("neither config.toml nor provenance.json"));
    let link = root.path().join("a/v0003");
    std::os::unix::fs::symlink(&run, &link).unwrap();
    assert!(refused(&link).contains("found a link"));
    let held = RunFolder::open(&run).unwrap().take_lock().unwrap();
    assert!(refused(&run).contains("is at work"));
    drop(held);
    // A damaged run can be removed.
    fs::rename(run.join("config.toml"), run.join("provenance.json")).unwrap();
    assert_eq!(RemovableRun::find(&run).unwrap().summary.state, "damaged");
}

#[test]
fn what_a_killed_removal_left_is_cleared_by_the_next_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let [first, second] = [new(root.path(), "a"), new(root.path(), "a")];
    // As it is called while it is being removed.
    let left = root.path().join("a/.removed-v0001-0");
    fs::rename(&first, &left).unwrap();
    // The lock of a program that is removing it just now.
    let held = RunFolder::open(&left).unwrap().take_lock().unwrap();
    assert_eq!(clear_leftovers(root.path()).unwrap(), 0);
    drop(held);
    fs::remove_file(left.join("config.toml")).unwrap();
    std::os::unix::fs::symlink(&second, root.path().join("a/.removed-link")).unwrap();
    assert_eq!(clear_leftovers(root.path()).unwrap(), 1);
    assert!(!left.exists() && second.join("config.toml").is_file());
    assert_eq!(clear_leftovers(root.path()).unwrap(), 0);
    // One of a version whose first removal was killed.
    fs::create_dir_all(root.path().join("a/.removed-v0002-0/x")).unwrap();
    RemovableRun::find(&second).unwrap().remove().unwrap();
    assert!(!second.exists() && root.path().join("a/.removed-v0002-0/x").is_dir());
}
