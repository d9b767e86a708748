//! What is seen of a repository is what git would say of it, although its settings are not used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use bntt::experiment::GitRecord;
use bntt::run::provenance::Git;

use crate::repository::{Repository, git_in};

/// What is recorded, and the diff that is written.
fn seen(folder: &Path) -> (Git, String) {
    let (git, uncommitted) = Git::read(folder, GitRecord::Diff);
    let beside = tempfile::tempdir().unwrap();
    let path = beside.path().join("uncommitted.diff");
    uncommitted.write(&path).unwrap();
    (git.expect("a repository"), fs::read_to_string(path).unwrap_or_default())
}

fn is_clean(folder: &Path) {
    let (git, diff) = seen(folder);
    assert!(!git.dirty && diff.is_empty() && git.diff_sha256.is_none(), "{git:?} {diff}");
}

#[test]
fn the_commit_and_what_was_not_committed_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Git::read(folder.path(), GitRecord::Diff), (None, Default::default()));
    let empty = Repository::empty(&[]);
    assert_eq!(seen(&empty.path("")).0.commit, None);
    empty.write("a.toml", "leak = 0.9\n");
    empty.git(&["add", "a.toml"]);
    let (git, diff) = seen(&empty.path(""));
    assert!(git.dirty && diff.contains("+leak = 0.9\n"), "what would be committed first: {diff}");

    let repository = Repository::new();
    let (clean, diff) = seen(&repository.path(""));
    let commit = Some(repository.git(&["rev-parse", "HEAD"]));
    let nothing = Git { commit, dirty: false, diff_sha256: None, diff: String::new(), untracked: vec![] };
    assert_eq!((clean, diff.as_str()), (nothing, ""));

    // As long as it was, and as new.
    repository.write("a.toml", "leak = 0.5\n");
    repository.write("sub/b.toml", "");
    let (dirty, diff) = seen(&repository.path("sub"));
    assert_eq!(diff.trim_end(), repository.git(&["diff", "HEAD"]));
    assert!(diff.contains("-leak = 0.9\n+leak = 0.5\n"), "{diff}");
    assert!(dirty.dirty && dirty.diff.is_empty());
    assert_eq!(dirty.untracked, ["sub/b.toml"]);
    repository.git(&["add", "a.toml"]);
    assert_eq!(seen(&repository.path("")).1, diff, "in the index or not");
}

#[test]
fn the_diff_is_its_owners_alone_and_its_checksum_is_recorded() {
    let repository = Repository::new();
    repository.write("a.toml", "leak = 0.5\n");
    let (git, uncommitted) = Git::read(&repository.path(""), GitRecord::Diff);
    let path = repository.beside("uncommitted.diff");
    uncommitted.write(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let sum = Command::new("sha256sum").arg(&path).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(git.unwrap().diff_sha256.as_deref(), sum.split(' ').next());
    // It can be applied.
    repository.git(&["checkout", "--quiet", "a.toml"]);
    repository.git(&["apply", path.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(repository.path("a.toml")).unwrap(), "leak = 0.5\n");
}

#[test]
fn a_long_diff_and_many_names_are_cut() {
    let repository = Repository::new();
    // Three bytes a character: the cut falls into one, or after it, wherever the diff's head ends.
    for shift in ["", "x", "xx"] {
        repository.write("a.toml", &format!("{shift}{}\n", "→".repeat(300_000)));
        let (git, diff) = seen(&repository.path(""));
        let kept = diff.strip_suffix("\n[cut here: the diff is longer than 256 KiB]\n").expect("a note");
        assert!((256 << 10) - kept.len() < 3 && kept.ends_with('→'), "{} bytes", kept.len());
        assert!(git.dirty);
    }
    // What lies behind the cut is in the checksum.
    let before = seen(&repository.path("")).0.diff_sha256;
    repository.write("a.toml", &format!("xx{}!\n", "→".repeat(300_000)));
    assert_ne!(seen(&repository.path("")).0.diff_sha256, before);

    for number in 0..120 {
        repository.write(&format!("untracked/{number:03}"), "");
    }
    let (git, _) = seen(&repository.path(""));
    assert_eq!(git.untracked.len(), 100);
    assert_eq!(git.untracked[99], "untracked/099");
    for number in 0..100 {
        repository.write(&format!("a/{number:03}{}", "x".repeat(240)), "");
    }
    let (git, _) = seen(&repository.path(""));
    let bytes: usize = git.untracked.iter().map(String::len).sum();
    assert!((15 << 10..=16 << 10).contains(&bytes), "{bytes}");
}

#[test]
fn less_is_recorded_where_less_is_asked_for() {
    let repository = Repository::new();
    let commit = Some(repository.git(&["rev-parse", "HEAD"]));
    let read = |recorded| Git::read(&repository.path(""), recorded);
    let alone =
        |dirty| Git { commit: commit.clone(), dirty, diff_sha256: None, diff: String::new(), untracked: vec![] };
    assert_eq!(read(GitRecord::Commit), (Some(alone(false)), Default::default()));
    repository.write("secret.toml", "");
    assert_eq!(read(GitRecord::Commit), (Some(alone(true)), Default::default()));
    fs::remove_file(repository.path("secret.toml")).unwrap();
    repository.write("a.toml", "secret");
    assert_eq!(read(GitRecord::Commit), (Some(alone(true)), Default::default()));
    assert_eq!(read(GitRecord::None), (None, Default::default()));
}

#[test]
fn files_that_were_touched_or_are_ignored_are_clean() {
    let repository = Repository::new();
    repository.touch("a.toml", 5000);
    repository.write(".git/info/exclude", "by-exclude\n");
    repository.write("ignored-by-a-list", "by-list\n");
    repository.write("by-exclude", "");
    repository.write("by-list", "");
    repository.write(".gitignore", "/.gitignore\nignored-by-a-list\n");
    repository.git(&["config", "core.excludesFile", "ignored-by-a-list"]);
    is_clean(&repository.path(""));
    // Nothing was written to the index.
    let before = fs::read(repository.path(".git/index")).unwrap();
    is_clean(&repository.path(""));
    assert_eq!(fs::read(repository.path(".git/index")).unwrap(), before);
    assert!(!repository.path(".git/index.lock").exists());
}

#[test]
fn settings_that_decide_whether_a_file_has_changed_are_used() {
    let repository = Repository::new();
    repository.git(&["config", "core.autocrlf", "true"]);
    repository.git(&["config", "core.fileMode", "false"]);
    fs::remove_file(repository.path("a.toml")).unwrap();
    repository.git(&["checkout", "a.toml"]);
    assert_eq!(fs::read(repository.path("a.toml")).unwrap(), b"leak = 0.9\r\n");
    fs::set_permissions(repository.path("a.toml"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    repository.touch("a.toml", 5000);
    is_clean(&repository.path(""));
    repository.git(&["config", "core.autocrlf", "false"]);
    assert!(seen(&repository.path("")).0.dirty);
}

/// A filter as that for large files: what is committed is another text than what lies in the work tree.
fn with_filter() -> Repository {
    let repository = Repository::new();
    repository.git(&["config", "filter.large.clean", "sed s/content/pointer/"]);
    repository.git(&["config", "filter.large.smudge", "sed s/pointer/content/"]);
    repository.write(".gitattributes", "*.bin filter=large\n");
    repository.write("x.bin", "content\n");
    repository.git(&["add", "."]);
    repository.commit();
    assert_eq!(repository.git(&["show", "HEAD:x.bin"]), "pointer");
    repository
}

#[test]
fn a_file_whose_filter_is_not_run_is_clean_as_long_as_length_and_time_say_so() {
    // As new as the index: git would compare the content.
    let repository = with_filter();
    is_clean(&repository.path(""));
    // Beside one that has changed.
    repository.write("a.toml", "leak = 0.5\n");
    let (git, diff) = seen(&repository.path(""));
    assert!(git.dirty && diff.contains("+leak = 0.5") && !diff.contains("x.bin"), "{diff}");
    repository.write("x.bin", "another content\n");
    let (_, diff) = seen(&repository.path(""));
    assert!(diff.contains("+leak = 0.5") && diff.contains("+another content"), "{diff}");

    // Older than the index.
    let repository = with_filter();
    repository.touch("x.bin", 5000);
    repository.git(&["status"]);
    is_clean(&repository.path(""));
}

#[test]
fn repositories_of_every_shape_are_seen() {
    // A linked work tree, of another branch.
    let repository = Repository::new();
    let linked = repository.beside("linked");
    repository.git(&["worktree", "add", "--quiet", linked.to_str().unwrap()]);
    is_clean(&linked);
    fs::write(linked.join("a.toml"), "leak = 0.1\n").unwrap();
    assert!(seen(&linked).1.contains("+leak = 0.1"));
    is_clean(&repository.path(""));

    // An index in two files.
    repository.git(&["update-index", "--split-index"]);
    assert!(
        fs::read_dir(repository.path(".git"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("sharedindex.") })
    );
    is_clean(&repository.path(""));
    repository.write("a.toml", "leak = 0.2\n");
    assert!(seen(&repository.path("")).1.contains("+leak = 0.2"));

    // Objects that lie in another repository; a branch whose name is packed.
    let clone = repository.beside("clone");
    repository.git(&["clone", "--quiet", "--shared", ".", clone.to_str().unwrap()]);
    assert!(git_in(&clone, &["pack-refs", "--all"]).status.success());
    is_clean(&clone);
    fs::write(clone.join("a.toml"), "leak = 0.3\n").unwrap();
    assert!(seen(&clone).1.contains("-leak = 0.9\n+leak = 0.3"));

    // A git folder that lies elsewhere, as that of a submodule does.
    let elsewhere = repository.beside("git-folder");
    repository.git(&["init", "--quiet", "--separate-git-dir", elsewhere.to_str().unwrap()]);
    assert!(repository.path(".git").is_file());
    assert!(seen(&repository.path("")).1.contains("+leak = 0.2"));
    repository.git(&["config", "core.worktree", repository.path("").to_str().unwrap()]);
    assert!(seen(&repository.path("")).1.contains("+leak = 0.2"));

    // Longer names of objects; branches in a table.
    for options in [["--object-format=sha256"], ["--ref-format=reftable"]] {
        let repository = Repository::empty(&options);
        repository.write("a.toml", "leak = 0.9\n");
        repository.git(&["add", "."]);
        repository.commit();
        is_clean(&repository.path(""));
        assert_eq!(seen(&repository.path("")).0.commit, Some(repository.git(&["rev-parse", "HEAD"])));
        repository.write("a.toml", "leak = 0.4\n");
        assert!(seen(&repository.path("")).1.contains("-leak = 0.9\n+leak = 0.4"));
    }
}

#[test]
fn a_submodule_at_another_commit_is_seen() {
    let repository = Repository::new();
    let sub = repository.path("sub");
    repository.git(&["init", "--quiet", "sub"]);
    let in_sub = |arguments: &[&str]| assert!(git_in(&sub, arguments).status.success());
    in_sub(&["commit", "--quiet", "--allow-empty", "-m", "one"]);
    repository.git(&["add", "sub"]);
    repository.commit();
    is_clean(&repository.path(""));
    in_sub(&["commit", "--quiet", "--allow-empty", "-m", "two"]);
    let (git, diff) = seen(&repository.path(""));
    assert!(git.dirty && diff.contains("+Subproject commit "), "{diff}");
}

#[test]
fn a_work_tree_that_lies_elsewhere_is_not_looked_into() {
    let repository = Repository::new();
    fs::write(repository.beside("letter"), "private").unwrap();
    repository.git(&["config", "core.worktree", repository.beside("").to_str().unwrap()]);
    assert_eq!(Git::read(&repository.path(""), GitRecord::Diff), (None, Default::default()));
}
