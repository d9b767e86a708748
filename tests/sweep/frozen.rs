//! What a sweep trains is what its files said when it began.

use super::copied_program::copy_program;
use super::workspace::{BASE, Workspace, rows};
use bntt::experiment::Experiment;
use bntt::optimizers::OptimizerConfig;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const TWO: &str = "base = 'base.toml'\nzip = { 'training.epochs' = [400, 2], 'network.time_steps' = [2, 3] }\n";

#[test]
fn files_and_the_program_that_change_in_mid_sweep_change_no_run() {
    let workspace = Workspace::new(TWO);
    // What two sweeps left that were killed, long ago and just now.
    let [old, new] = [".sweep-long-ago", ".sweep-just-now"].map(|name| workspace.path("runs").join(name));
    for left in [&old, &new] {
        fs::create_dir_all(left).expect("a folder");
        fs::write(left.join("lock"), "process 1 on nowhere\n").expect("a file");
    }
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    File::open(&old).and_then(|folder| folder.set_modified(long_ago)).expect("a time");
    let program = workspace.path("bntt");
    copy_program(env!("CARGO_BIN_EXE_bntt"), &program);

    let mut sweep = Command::new(&program)
        .args(["sweep", "trial.toml"])
        .current_dir(workspace.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    workspace.wait(&mut sweep, || workspace.path("runs/trial.epochs400-time_steps2/v0001").exists());
    let second = workspace.path("runs/trial.epochs2-time_steps3");
    assert!(!second.exists(), "the second run has not begun");
    fs::write(workspace.path("base.toml"), BASE.replace("lr = 0.1", "lr = 0.7")).expect("a file");
    fs::write(workspace.path("trial.toml"), "base = 'absent.toml'\nseeds = [1, 2, 3]\n").expect("a file");
    fs::remove_file(&program).expect("a file");
    let (code, said, errors) = workspace.end(sweep);
    assert_eq!(code, Some(0), "{errors}");
    assert!(rows(&said).iter().all(|row| row[4] == "completed"), "{said}");

    for (name, time_steps) in [("epochs400-time_steps2", 2), ("epochs2-time_steps3", 3)] {
        let name = format!("runs/trial.{name}");
        let trained = Experiment::load(&workspace.run(&name).config(), &[]).expect("a config").experiment;
        assert!(
            matches!(&trained.optimizer, OptimizerConfig::Sgd(sgd) if sgd.lr as f32 == 0.1),
            "{:?}",
            trained.optimizer
        );
        assert_eq!(trained.network.time_steps, time_steps);
        // The record tells the sweep, of which nothing else is left.
        let command = workspace.provenance(&name).sessions[0].command.clone();
        let sweep = workspace.path("trial.toml").display().to_string();
        assert_eq!(command[command.len() - 2..], ["--of-sweep".to_string(), sweep.clone()]);
        assert!(command[0].contains("/bntt"), "{command:?}");
        let log = fs::read_to_string(workspace.run(&name).log()).expect("a log");
        assert!(log.contains(&format!("a run of the sweep {sweep}\n")), "{log}");
    }
    assert!(!old.exists() && new.exists());
    fs::remove_dir_all(new).expect("a folder");
    assert_eq!(fs::read_dir(workspace.path("runs")).expect("a folder").count(), 2, "the runs alone are left");
}
