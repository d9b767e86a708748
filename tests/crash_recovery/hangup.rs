//! The terminal is closed, or the connection to it breaks.

use super::workspace::{Running, Workspace, comparable};
use super::{assert_same, undisturbed};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// `program` with these arguments, SIGHUP ending it as usual, whatever the tests themselves were told.
fn start(workspace: &Workspace, program: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace.path("")).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let usual = || {
        // SAFETY: a plain call.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one system call, and allocates nothing.
    Running::new(unsafe { command.pre_exec(usual) }.spawn().expect("the program"))
}

const BNTT: &str = env!("CARGO_BIN_EXE_bntt");

#[test]
fn a_run_whose_terminal_is_closed_saves_and_goes_on_later() {
    for _ in 0..20 {
        let workspace = Workspace::new();
        let mut program = start(&workspace, BNTT, &["run", "long.toml"]);
        program.wait_for(&workspace.path("runs/long/v0001/checkpoints/last.previous"));
        program.signal(libc::SIGHUP);
        let (code, said) = program.wait();
        if said.contains("done: ") {
            // It was over before the signal came.
            continue;
        }
        assert!(code == Some(129) && said.contains("stopped by SIGHUP after "), "{code:?}: {said}");
        let (code, said) = workspace.run(&["resume", "runs/long"]);
        assert_eq!(code, Some(0), "{said}");
        assert_same(&undisturbed().0, &comparable(&workspace.path("runs/long/v0001")), "after SIGHUP");
        return;
    }
    panic!("every run was over before the signal came");
}

#[test]
fn under_nohup_a_run_outlives_its_terminal() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, "nohup", &[BNTT, "run", "long.toml", "training.epochs=100000"]);
    program.wait_for(&workspace.path("runs/long/v0001/checkpoints/last.previous"));
    program.signal(libc::SIGHUP);
    // It takes no notice: the next checkpoint comes.
    let steps = || std::fs::read_to_string(workspace.path("runs/long/v0001/steps.jsonl")).unwrap_or_default().len();
    let before = steps();
    while steps() == before {
        std::thread::sleep(std::time::Duration::from_millis(2));
        program.assert_at_work();
    }
    program.signal(libc::SIGTERM);
    let (code, said) = program.wait();
    assert!(code == Some(143) && said.contains("stopped by SIGTERM after "), "{code:?}: {said}");
}

#[test]
fn a_sweep_whose_terminal_is_closed_tells_its_runs() {
    let workspace = Workspace::new();
    std::fs::write(
        workspace.path("trial.toml"),
        "base = 'long.toml'\nseeds = [0, 1]\nset = { 'training.epochs' = 100000 }\n",
    )
    .expect("a file");
    let mut program = start(&workspace, BNTT, &["sweep", "trial.toml", "--jobs", "2"]);
    for seed in 0..2 {
        program.wait_for(&workspace.path(&format!("runs/trial.seed{seed}/v0001/checkpoints/last.previous")));
    }
    program.signal(libc::SIGHUP);
    let (code, said) = program.wait();
    assert!(code == Some(129) && said.contains("stopped by SIGHUP: the same command goes on"), "{code:?}: {said}");
    for seed in 0..2 {
        let log =
            std::fs::read_to_string(workspace.path(&format!("runs/trial.seed{seed}/v0001/log.txt"))).expect("a log");
        assert!(log.contains("stopped by SIGHUP after "), "{log}");
    }
}
