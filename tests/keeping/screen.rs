//! What the program says on which of its outputs.

use crate::terminal::{said, terminal};
use crate::workspace::Workspace;
use std::process::Stdio;

#[test]
fn the_folder_of_a_run_is_all_that_goes_to_standard_output() {
    let workspace = Workspace::new();
    assert_eq!(workspace.ok(&["run", "tiny.toml"]), "runs/tiny/v0001\n");
    assert_eq!(workspace.ok(&["run", "tiny.toml", "--runs", "elsewhere/runs"]), "elsewhere/runs/tiny/v0001\n");
    for again in [&["resume", "runs/tiny"][..], &["run", "tiny.toml", "--resume-or-start"]] {
        assert_eq!(workspace.ok(again), "runs/tiny/v0001\n");
        assert_eq!(workspace.told(again), "runs/tiny/v0001: all 2 epochs are done\n");
    }
    assert_eq!(workspace.ok(&["resume", "runs/tiny", "training.epochs=3"]), "runs/tiny/v0001\n");
    // A run that fails has a folder; what is refused before has none.
    let failed = workspace.bntt(&["run", "tiny.toml", "optimizer={ sgd = { lr = 1e38 } }"]);
    assert_eq!((failed.status.code(), failed.stdout.as_slice()), (Some(2), &b"runs/tiny/v0002\n"[..]));
    for refused in [&["run", "none.toml"][..], &["resume", "runs/tiny/v0001", "seed=9"]] {
        let output = workspace.bntt(refused);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    }
}

#[test]
fn a_terminal_that_shows_the_log_is_told_once_where_a_run_is() {
    let workspace = Workspace::new();
    let on_terminal = |arguments: &[&str], errors: Option<Stdio>| {
        let [master, slave] = terminal();
        let mut command = workspace.command(arguments);
        let beside = Stdio::from(slave.try_clone().expect("a clone"));
        command.env("TERM", "xterm").stdout(slave).stderr(errors.unwrap_or(beside));
        let mut child = command.spawn().expect("the program");
        drop(command);
        let said = said(master);
        assert!(child.wait().expect("an end").success(), "{said}");
        said
    };
    let (run, again) = (&["run", "tiny.toml"][..], &["run", "tiny.toml", "--resume-or-start"]);
    let told = on_terminal(run, None);
    let ends: Vec<&str> = told.lines().filter(|line| line.ends_with("runs/tiny/v0001")).collect();
    assert!(
        ends.len() == 2 && ends[0].starts_with("tiny.toml -> ") && ends[1].ends_with("done: runs/tiny/v0001"),
        "{told}"
    );
    assert_eq!(on_terminal(again, None), "runs/tiny/v0001: all 2 epochs are done\n");
    // Elsewhere the log is no reason to leave the folder out, and a quiet one has not named it.
    assert_eq!(on_terminal(again, Some(Stdio::null())), "runs/tiny/v0001\n");
    assert_eq!(on_terminal(&[again, &["-q"][..]].concat(), None), "runs/tiny/v0001\n");
}

#[test]
fn a_quiet_screen_has_warnings_and_errors_and_the_log_has_all() {
    let workspace = Workspace::new();
    let log = |version: usize| workspace.read(&format!("runs/tiny/v000{version}/log.txt"));
    assert_eq!(workspace.told(&["-q", "run", "tiny.toml"]), "");
    assert!(log(1).contains("INFO  epoch 2/2"), "{}", log(1));
    let told = workspace.told(&["run", "tiny.toml", "network.lif.threshold=1000", "training.epochs=1", "--quiet"]);
    assert!(told.starts_with("warning: epoch 1: layers.3.lif hardly fires") && told.lines().count() == 1, "{told}");
    assert!(log(2).contains("INFO  epoch 1/1"));

    let told = workspace.told(&["run", "tiny.toml", "-v"]);
    assert!(told.contains("debug: checkpoint last after epoch 2") && told.contains("epoch 2/2"), "{told}");
    assert!(log(3).contains("DEBUG checkpoint last after epoch 2"), "the log has what the screen had");
    for (level, expected) in
        [("debug", true), ("bntt::train=debug", true), ("error", false), ("bntt::data=debug", false)]
    {
        let output = workspace.command(&["run", "tiny.toml"]).env("RUST_LOG", level).output().expect("the program");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(told.contains("debug: checkpoint last"), expected, "{level}: {told}");
    }
    let output = workspace.command(&["-q", "list"]).env("RUST_LOG", "bntt=loud").output().expect("the program");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let output = workspace.command(&["list"]).env("RUST_LOG", "bntt=loud").output().expect("the program");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.starts_with("warning: RUST_LOG: expected levels such as debug"), "{told}");
    assert!(workspace.refused(&["-q", "-v", "list"]).contains("cannot be used with"));
}
