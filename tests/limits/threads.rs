//! A system that gives a user no threads. Root is given as many as it likes, so that the program runs as somebody else.

use super::copied_program::copy_program;
use super::workspace::{PROGRAM, Workspace, said};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Runs the program as a user of whom nobody else is there, who may have so many processes and threads. Nothing where
/// this is not root.
fn with_at_most(tasks: u64, user: u32, workspace: &Workspace, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    // SAFETY: a plain call.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: running as somebody else needs root");
        return None;
    }
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("a mode");
    let program = workspace.path("bntt");
    if !program.exists() {
        copy_program(PROGRAM, &program);
    }
    open(workspace.folder());
    open(&program);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace.folder()).env_remove("RAYON_NUM_THREADS").uid(user).gid(user);
    let limit = move || {
        let limit = libc::rlimit { rlim_cur: tasks, rlim_max: tasks };
        // SAFETY: the call reads the structure that it is given.
        match unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes one system call, and allocates nothing.
    let output = unsafe { command.pre_exec(limit) }.output().expect("the program");
    Some(said(output))
}

fn model(workspace: &Workspace, version: &str) -> Vec<u8> {
    std::fs::read(workspace.path(&format!("runs/tiny/{version}/checkpoints/last/model.safetensors"))).expect("weights")
}

#[test]
fn where_there_are_no_threads_one_does_all_work_and_the_bits_are_the_same() {
    let (workspace, usual) = (Workspace::new(), Workspace::new());
    let user = 100_000 + std::process::id() % 50_000;
    let (code, text) = usual.run(&["run", "tiny.toml"]);
    assert_eq!(code, Some(0), "{text}");
    for (tasks, version) in [(0, "v0001"), (1, "v0002")] {
        let Some((code, said)) = with_at_most(tasks, user, &workspace, &["run", "tiny.toml"]) else { return };
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("warning: the system gives no threads (") && said.contains("1 threads\n"), "{said}");
        assert!(said.contains(&format!("done: runs/tiny/{version}")), "{said}");
        assert_eq!(said.matches("warning").count(), 1, "{said}");
        assert!(model(&workspace, version) == model(&usual, "v0001"), "{tasks} tasks give other bits");
    }
    for arguments in [
        &["eval", "runs/tiny"][..],
        &["list"],
        &["bench", "tiny.toml", "--repeats", "1"],
        &["report", "runs/tiny", "-o", "page.html"],
        &["attack", "runs/tiny", "--draws", "1"],
    ] {
        let Some((code, said)) = with_at_most(1, user, &workspace, arguments) else { return };
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    // Its runs are processes of their own, which there are none of.
    workspace.write("trial.toml", "base = 'tiny.toml'\nseeds = [7]\n");
    let Some((code, said)) = with_at_most(1, user, &workspace, &["sweep", "trial.toml"]) else { return };
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn where_there_are_too_few_threads_those_that_there_are_work() {
    let (workspace, usual) = (Workspace::new(), Workspace::new());
    let user = 150_000 + std::process::id() % 50_000;
    let (code, text) = usual.run(&["run", "tiny.toml"]);
    assert_eq!(code, Some(0), "{text}");
    // Three work, of which the program's main thread is one: nobody is left to make batches ahead.
    let run = ["run", "tiny.toml", "training.threads=8"];
    let Some((code, said)) = with_at_most(3, user, &workspace, &run) else { return };
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning: the system gives 3 threads of 8 (") && said.contains(" 3 threads\n"), "{said}");
    assert_eq!(said.matches("the system gives no thread to make batches ahead").count(), 1, "{said}");
    assert!(model(&workspace, "v0001") == model(&usual, "v0001"), "three threads give other bits");
}
