//! `bntt rm`, which asks on a terminal.

use crate::terminal::{said, terminal};
use crate::workspace::Workspace;
use std::io::Write;

/// What is said on a terminal where `answer` is typed, and whether the command succeeds.
fn asked(workspace: &Workspace, arguments: &[&str], answer: &str) -> (bool, String) {
    let [mut master, slave] = terminal();
    let mut command = workspace.command(arguments);
    command.stdin(slave.try_clone().expect("a clone")).stderr(slave);
    let mut child = command.spawn().expect("the program");
    drop(command);
    master.write_all(answer.as_bytes()).expect("an answer");
    let status = child.wait().expect("an end");
    (status.success(), said(master))
}

#[test]
fn a_run_is_removed_only_where_it_is_said_or_answered_so() {
    let workspace = Workspace::new();
    for _ in 0..3 {
        workspace.ok(&["run", "tiny.toml"]);
    }
    let runs = ["runs/tiny/v0001", "runs/tiny/v0002", "runs/tiny/v0003"];
    let told = workspace.refused(&["rm", runs[0], runs[1]]);
    assert!(told.contains("there is no terminal to ask on, and --yes was not given"), "{told}");
    assert!(told.contains("runs/tiny/v0001  completed     2/2") && told.contains("total"), "{told}");
    assert_eq!(workspace.folders(&[]), runs);

    for answer in ["n\n", "\n", "\u{4}", "yeah\n"] {
        let (succeeded, said) = asked(&workspace, &["rm", runs[0]], answer);
        assert!(succeeded && said.contains("Remove this run for good? [y/N]"), "{said}");
        assert!(said.contains("runs/tiny/v0001  completed     2/2") && said.contains("nothing was removed"), "{said}");
    }
    assert_eq!(workspace.folders(&[]), runs);
    let (succeeded, said) = asked(&workspace, &["rm", runs[0], runs[1], runs[0]], "y\n");
    assert!(
        succeeded && said.contains("Remove these 2 runs for good?") && said.contains("removed runs/tiny/v0002, "),
        "{said}"
    );
    assert_eq!(workspace.folders(&[]), runs[2..]);

    // One that is refused keeps all.
    workspace.write("notes", "");
    for (arguments, expected) in [
        (["rm", "--yes", runs[2], "notes"], "expected one version of a run"),
        (["rm", "--yes", runs[2], "runs/tiny"], "expected one version of a run"),
        (["rm", "--yes", runs[2], "runs/tiny/v0009"], "expected a run folder, found nothing"),
    ] {
        let told = workspace.refused(&arguments);
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(workspace.folders(&[]), runs[2..]);
    // What a removal that was killed left goes with the next.
    std::fs::create_dir_all(workspace.path("runs/tiny/.removed-v0001-0/checkpoints")).expect("a folder");
    let told = workspace.told(&["rm", "--yes", runs[2]]);
    assert!(told.contains("removed 1 folders in runs that a removal before had left"), "{told}");
    assert_eq!(std::fs::read_dir(workspace.path("runs/tiny")).expect("a folder").count(), 0);
}

#[test]
fn a_run_at_work_is_neither_removed_nor_archived() {
    let workspace = Workspace::new();
    let mut child =
        workspace.command(&["-q", "run", "tiny.toml", "training.epochs=100000"]).spawn().expect("the program");
    let run = workspace.path("runs/tiny/v0001/checkpoints/last.previous");
    while !run.exists() {
        assert!(child.try_wait().expect("a status").is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let refused = [["rm", "--yes"], ["archive", "--"]]
        .map(|[command, option]| workspace.refused(&[command, option, "runs/tiny/v0001"]));
    // A note may be written all the same.
    workspace.ok(&["note", "runs/tiny", "at work"]);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    for told in refused {
        assert!(told.contains("runs/tiny/v0001 is at work: process "), "{told}");
    }
    assert_eq!(workspace.folders(&["--state", "killed"]), ["runs/tiny/v0001"]);
    workspace.ok(&["rm", "--yes", "runs/tiny/v0001"]);
    assert_eq!(workspace.folders(&[]), [""; 0]);
}
