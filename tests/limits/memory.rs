//! Limits of memory that a process has for itself. Those of control groups are trees of files in the tests of
//! `src/system/memory`.

use super::workspace::{Workspace, said};
use std::os::unix::process::ExitStatusExt;

/// KiB of address space, of which the program itself takes about 30 MiB.
const TOO_LITTLE: &str = "ulimit -v 102400";
const ENOUGH: &str = "ulimit -v 262144";

#[cfg(not(feature = "cuda"))]
#[test]
fn a_step_that_the_limits_do_not_hold_is_refused_before_anything_is_made_and_a_smaller_one_is_trained() {
    let workspace = Workspace::new();
    for limit in [TOO_LITTLE, "ulimit -d 102400"] {
        let (code, said) = workspace.run_after(limit, &["run", "large.toml"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.starts_with("error: cpu: there are ") && said.contains(" MiB of memory, and a training step of 20"),
            "{said}"
        );
        assert!(said.contains("data.batch_size=") && said.contains("network.time_steps="), "{said}");
        assert!(!workspace.path("runs").exists());
    }
    // All threads share one heap: each one's own would take 64 MiB in advance.
    let (code, said) = workspace.run_after(ENOUGH, &["run", "large.toml"]);
    assert!(code == Some(0) && said.contains("done: runs/large/v0001"), "{said}");
    // What the network is evaluated with does not fit into 68 MiB.
    for arguments in [&["eval", "runs/large"][..], &["energy", "runs/large"], &["early-exit", "runs/large"]] {
        let (code, said) = workspace.run_after("ulimit -v 69632", arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains("error: cpu: there are ") && said.contains(" takes at least "), "{arguments:?}: {said}");
    }
    let (code, said) = workspace.run_after("ulimit -v 102400", &["attack", "runs/large", "--fgsm", "--draws", "1"]);
    assert!(code == Some(2) && said.contains(" and a gradient by 64 images over 20 time-steps is predicted"), "{said}");
    let (code, said) = workspace.run_after("ulimit -v 69632", &["eval", "runs/large", "--time-steps", "1"]);
    assert!(code == Some(0) && said.contains("1 of 20 time-steps"), "{said}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn memory_that_runs_out_all_the_same_ends_the_run_with_a_sentence() {
    let workspace = Workspace::new();
    let (code, said) = workspace.run_after(TOO_LITTLE, &["run", "large.toml", "--insist"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("\nerror: memory ran out: the system refused ") && said.ends_with("container's memory).\n"),
        "{said}"
    );
    let (code, said) = workspace.run(&["list"]);
    assert!(code == Some(0) && said.contains("runs/large/v0001"), "{said}");
}

#[test]
fn a_process_that_is_aborted_for_another_reason_ends_as_ever() {
    let workspace = Workspace::new();
    let mut run = workspace.command(&["run", "tiny.toml", "training.epochs=100000"]);
    let mut run = run.stderr(std::process::Stdio::piped()).spawn().expect("the program");
    while !workspace.path("runs/tiny/v0001/log.txt").exists() {
        assert!(run.try_wait().expect("a status").is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // SAFETY: a child that has not been waited for keeps its number.
    assert_eq!(unsafe { libc::kill(run.id() as libc::pid_t, libc::SIGABRT) }, 0);
    let output = run.wait_with_output().expect("an output");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    assert!(!said(output).1.contains("memory"));
}
