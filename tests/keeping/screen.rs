//! What the program says on which of its outputs.

use crate::workspace::Workspace;

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
