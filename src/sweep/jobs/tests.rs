//! Programs that end in every way, and what is made of that.

use super::*;
use crate::files::lock::Lock;
use crate::run::RunFolder;
use crate::run::metrics::{EpochMetrics, SplitMetrics};
use crate::run::provenance::{Outcome, Provenance};
use crate::system::written_program::write_program;
use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;

const BASE: &str = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                    training = { epochs = 1 }\n[network]\ntime_steps = 2\nencoder = 'poisson'\n\
                    layers = ['flatten', 'lif', { linear = { features = 'classes' } }]";

pub struct Workspace(tempfile::TempDir);

impl Workspace {
    pub fn new() -> Self {
        let workspace = Self(tempfile::tempdir().unwrap());
        std::fs::write(workspace.path("base.toml"), BASE).unwrap();
        std::fs::write(workspace.path("trial.toml"), "base = 'base.toml'\nseeds = [0, 1]").unwrap();
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A shell's script in this program's place.
    pub fn program(&self, script: &str) -> PathBuf {
        let path = self.path("program");
        write_program(&path, script);
        path
    }

    /// A run in a state, as another process would leave it; that of a run at work is held as long as its lock.
    fn leave(&self, run: &SweepRun, outcome: Outcome) -> Lock {
        let (_, lock) = RunFolder::create_with(&self.path("runs"), &run.name, |folder| {
            std::fs::write(folder.config(), run.checked.experiment.to_toml()?).unwrap();
            let data = run.checked.experiment.load_data()?.checksums;
            let mut provenance = Provenance::begin(0, "cpu", 1, data, None);
            if outcome == Outcome::Completed {
                std::fs::write(folder.metrics_jsonl(), metrics()).unwrap();
            }
            provenance.outcome = outcome;
            provenance.save(&folder.provenance())
        })
        .unwrap();
        lock
    }

    /// What is told of the first run, and how all ended, where the script is the program and `meanwhile` happens as the
    /// first begins.
    fn told(&self, program: &Path, meanwhile: impl Fn(&SweepRun) -> Option<Lock>) -> (Vec<String>, JobsOutcome) {
        let sweep = Sweep::load(&self.path("trial.toml")).unwrap();
        let (runs, gpus, stop) = (self.path("runs"), GpuSlots::default(), Stop::never());
        let jobs = Jobs { sweep: &sweep, runs: &runs, at_a_time: 1, gpus: &gpus, stop: &stop };
        let due = IncompleteRuns { to_train: vec![&sweep.runs[0]], at_work: Vec::new() };
        let (told, held) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let ended = jobs.train_with(program, &due, &mut |event| {
            if let JobEvent::Started { run, .. } = event {
                held.borrow_mut().extend(meanwhile(run));
            }
            told.borrow_mut().push(words(&event));
        });
        (told.into_inner(), ended.unwrap())
    }
}

/// Those of the one epoch that is asked for.
fn metrics() -> String {
    let scores = SplitMetrics { loss: 1.0, top1: 50.0, top5: 90.0 };
    let epoch = EpochMetrics {
        epoch: 1,
        train: scores,
        validation: None,
        test: Some(scores),
        lr: 0.1,
        firing_rates: Vec::new(),
        images_per_second: 1.0,
        seconds: 1.0,
        peak_memory_bytes: None,
    };
    serde_json::to_string(&epoch).unwrap() + "\n"
}

fn words(event: &JobEvent<'_>) -> String {
    match event {
        JobEvent::Started { .. } => "started".into(),
        JobEvent::Warned { warnings, .. } => format!("warned: {}", warnings.join(" | ")),
        JobEvent::Completed { .. } => "completed".into(),
        JobEvent::Stopped { .. } => "stopped".into(),
        JobEvent::Failed { said, .. } => format!("failed: {said}"),
        JobEvent::AtWork { .. } => "at work".into(),
        JobEvent::CompletedElsewhere { .. } => "completed elsewhere".into(),
    }
}

#[test]
fn an_outcome_is_the_exit_code_and_the_folders_state() {
    let busy = "echo 'error: runs/a is at work: stopped by SIGTERM' >&2; exit 2";
    let failed = || Outcome::Failed("x".into());
    let unsaid = |status: &str, state: &str| format!("failed: its process ended with {status}, and left it {state}");
    let held = true;
    for (script, outcome, is_held, expected) in [
        ("exit 0", Some(Outcome::Completed), !held, "completed".to_string()),
        ("echo 'stopped by SIGINT' >&2", Some(Outcome::Completed), !held, "completed".into()),
        ("exit 0", Some(Outcome::Interrupted), !held, "stopped".into()),
        ("exit 130", Some(Outcome::Interrupted), !held, "stopped".into()),
        ("exit 143", Some(Outcome::Interrupted), !held, "stopped".into()),
        // Another has it.
        (busy, Some(Outcome::Running), held, "at work".into()),
        (busy, Some(Outcome::Interrupted), held, "at work".into()),
        (busy, Some(failed()), held, "at work".into()),
        (busy, Some(Outcome::Completed), !held, "completed elsewhere".into()),
        // Failures, whatever is said.
        ("echo 'stopped by SIGTERM' >&2; exit 2", Some(failed()), !held, unsaid("exit status: 2", "failed")),
        (
            "echo 'a warning: y\nerror: first\nerror: last\nand more' >&2; exit 1",
            Some(failed()),
            !held,
            "failed: last\nand more".into(),
        ),
        ("exit 143", None, !held, unsaid("exit status: 143", "not run")),
        ("exit 0", None, !held, unsaid("exit status: 0", "not run")),
        ("kill -9 $$", Some(Outcome::Running), !held, unsaid("signal: 9 (SIGKILL)", "killed")),
    ] {
        let workspace = Workspace::new();
        // The script waits until the folder says what it is to say.
        let program = workspace
            .program(&format!("while [ ! -e '{}' ]; do sleep 0.01; done\n{script}", workspace.path("go").display()));
        let (told, ended) = workspace.told(&program, |run| {
            let lock = outcome.clone().map(|outcome| workspace.leave(run, outcome));
            std::fs::write(workspace.path("go"), "").unwrap();
            lock.filter(|_| is_held)
        });
        assert_eq!(told, ["started", &expected], "{script}");
        let counts = (usize::from(expected.starts_with("failed")), usize::from(expected == "at work"));
        assert_eq!((ended.failed, ended.at_work), counts, "{script}");
    }
}

#[test]
fn a_run_that_has_done_all_its_epochs_is_complete_though_nobody_recorded_it() {
    for outcome in [Outcome::Running, Outcome::Interrupted] {
        let workspace = Workspace::new();
        let program =
            workspace.program(&format!("while [ ! -e '{}' ]; do sleep 0.01; done", workspace.path("go").display()));
        let (told, ended) = workspace.told(&program, |run| {
            drop(workspace.leave(run, outcome.clone()));
            std::fs::write(run.run(&workspace.path("runs")).unwrap().unwrap().metrics_jsonl(), metrics()).unwrap();
            std::fs::write(workspace.path("go"), "").unwrap();
            None
        });
        assert_eq!((told, ended), (vec!["started".into(), "completed".into()], JobsOutcome::default()));
    }
}

#[test]
fn a_process_that_cannot_be_started_is_a_failed_run_and_the_others_are_tried() {
    let workspace = Workspace::new();
    let sweep = Sweep::load(&workspace.path("trial.toml")).unwrap();
    let (runs, gpus, stop) = (workspace.path("runs"), GpuSlots::default(), Stop::never());
    let jobs = Jobs { sweep: &sweep, runs: &runs, at_a_time: 2, gpus: &gpus, stop: &stop };
    let mut told = Vec::new();
    let due = sweep.due(&runs).unwrap();
    let ended = jobs.train_with(&workspace.path("absent"), &due, &mut |event| told.push(words(&event))).unwrap();
    assert_eq!(ended, JobsOutcome { failed: 2, at_work: 0, stopped: None });
    let expected = "failed: cannot start a process for the run: No such file or directory (os error 2).";
    assert_eq!(told, [expected, expected]);
}

#[test]
fn a_process_that_talks_on_and_on_is_heard_to_its_end() {
    let workspace = Workspace::new();
    let script = "i=0; while [ $i -lt 20000 ]; do echo 'error: not the last, and forty characters long' >&2; i=$((i+1)); done\n\
                  echo 'error: end' >&2; exit 1";
    let (told, _) = workspace.told(&workspace.program(script), |_| None);
    assert_eq!(told, ["started", "failed: end"]);
    // What it started may hold its standard error, and is not waited for.
    let (told, _) = workspace
        .told(&workspace.program("sleep 600 & echo $! > \"$0.child\"; echo 'error: end' >&2; exit 1"), |_| None);
    assert_eq!(told, ["started", "failed: end"]);
    let id = std::fs::read_to_string(workspace.path("program.child")).unwrap();
    assert!(Command::new("kill").arg(id.trim()).status().unwrap().success());
}

#[test]
fn warnings_are_passed_on_once_those_of_a_process_that_has_ended_too() {
    let workspace = Workspace::new();
    let script = "echo 'warning: epoch 1: layers.1.lif hardly fires: 0.0 %; a\nwarning: epoch 2: layers.1.lif hardly fires: 0.0 %; a' >&2\n\
                  echo 'error: end' >&2; exit 1";
    let (told, _) = workspace.told(&workspace.program(script), |_| None);
    assert_eq!(told, ["started", "warned: epoch 1: layers.1.lif hardly fires: 0.0 %", "failed: end"]);
}

#[test]
fn a_run_is_told_to_stop_once_and_one_that_had_not_begun_has_not_failed() {
    let workspace = Workspace::new();
    let sweep = Sweep::load(&workspace.path("trial.toml")).unwrap();
    let (runs, gpus, stop) = (workspace.path("runs"), GpuSlots::default(), Stop::after(2));
    let jobs = Jobs { sweep: &sweep, runs: &runs, at_a_time: 1, gpus: &gpus, stop: &stop };
    let mut told = Vec::new();
    let program = workspace.program("exec sleep 600");
    let ended = jobs.train_with(&program, &sweep.due(&runs).unwrap(), &mut |event| told.push(words(&event))).unwrap();
    assert_eq!(told, ["started", "stopped"]);
    assert_eq!(ended, JobsOutcome { failed: 0, at_work: 0, stopped: Some(StopReason::Term) });
}
