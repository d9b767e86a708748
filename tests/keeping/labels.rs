//! `bntt note` and `bntt tag`.

use crate::trained::files;
use crate::workspace::Workspace;

/// A file's name and content.
type NamedBytes = (String, Vec<u8>);

#[test]
fn notes_and_tags_are_listed_and_reported_and_the_run_stays_what_it_is() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    workspace.ok(&["run", "tiny.toml", "seed=7"]);
    let before = files(&workspace.path("runs/tiny/v0001"));
    assert!(!workspace.ok(&["list"]).contains("note"));

    assert_eq!(workspace.ok(&["note", "runs/tiny/v0001", "-1 is the label; a note that goes on for longer"]), "");
    assert_eq!(workspace.ok(&["tag", "runs/tiny/v0001", "paper", "+good", "+draft"]), "");
    assert_eq!(workspace.ok(&["tag", "runs/tiny/v0001", "-draft", "-absent"]), "");
    assert_eq!(workspace.ok(&["note", "runs/tiny/v0001"]), "-1 is the label; a note that goes on for longer\n");
    assert_eq!(workspace.ok(&["tag", "runs/tiny/v0001"]), "good\npaper\n");
    // Of a run's name, the newest version.
    workspace.ok(&["tag", "runs/tiny", "good"]);
    assert_eq!(workspace.ok(&["tag", "runs/tiny/v0002"]), "good\n");
    assert_eq!(workspace.ok(&["note", "runs/tiny/v0002"]), "");

    let list = workspace.ok(&["list"]);
    let lines: Vec<Vec<&str>> =
        list.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    assert_eq!(lines[0][..5], ["run", "state", "started", "tags", "note"], "{list}");
    assert_eq!(lines[1][3], "good paper", "{list}");
    assert_eq!(lines[1][4], "-1 is the label; a note that goes on for ...", "{list}");
    let json = workspace.listed(&[]);
    assert_eq!(json[0]["note"], "-1 is the label; a note that goes on for longer");
    assert_eq!(
        (&json[0]["tags"], &json[1]["tags"]),
        (&serde_json::json!(["good", "paper"]), &serde_json::json!(["good"]))
    );
    assert_eq!(json[1]["note"], serde_json::Value::Null);
    assert_eq!(workspace.folders(&["--tag", "good"]), ["runs/tiny/v0001", "runs/tiny/v0002"]);
    assert_eq!(workspace.folders(&["--tag", "good", "--tag", "paper"]), ["runs/tiny/v0001"]);
    workspace.ok(&["report", "runs/tiny/v0001", "--no-evaluation", "-o", "page.html"]);
    let page = workspace.read("page.html");
    assert!(page.contains("good paper") && page.contains("-1 is the label; a note that goes on for longer"));

    let after: Vec<_> =
        files(&workspace.path("runs/tiny/v0001")).into_iter().filter(|(name, _)| name != "labels.toml").collect();
    assert!(before == after, "a file of the run changed");
    assert!(workspace.ok(&["doctor", "runs/tiny/v0001"]).contains("complete: all 2 epochs are done"));
    assert!(
        workspace.told(&["run", "tiny.toml", "--resume-or-start"]).contains("runs/tiny/v0001: all 2 epochs are done")
    );

    workspace.ok(&["note", "runs/tiny/v0001", ""]);
    workspace.ok(&["tag", "runs/tiny/v0001", "-good", "-paper"]);
    let left = files(&workspace.path("runs/tiny/v0001"));
    // The lock names the last process that held it.
    let is_same = |(a, b): (&NamedBytes, &NamedBytes)| a == b || (a.0 == "lock" && b.0 == "lock");
    assert!(left.len() == before.len() && left.iter().zip(&before).all(is_same), "nothing of them is left");
}

#[test]
fn what_is_no_tag_no_run_or_no_label_is_said() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml", "training.epochs=1"]);
    let told = workspace.refused(&["tag", "runs/tiny", "good", "--format", "json"]);
    assert!(told.contains("\"--format\": expected a tag of at most 50 letters"), "{told}");
    assert_eq!(workspace.ok(&["tag", "runs/tiny"]), "");
    assert!(workspace.refused(&["note", "runs/none", "x"]).contains("there is nothing there"));
    workspace.write("runs/tiny/v0001/labels.toml", "tags = 3\n");
    let list = workspace.ok(&["list"]);
    assert!(list.contains("completed") && list.contains("labels.toml:1:8: expected note and tags"), "{list}");
    assert!(list.ends_with("\n    1 | tags = 3\n      |        ^\n"), "{list}");
    assert!(workspace.refused(&["tag", "runs/tiny", "good"]).contains("Mend it, or remove it."));
}
