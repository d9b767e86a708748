//! Going on with a run: with what, and with what not.

use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Slow enough to be stopped in its midst, on data of its own.
const TEXT: &str = "name = 'own'\n[data]\ndataset = { tensors = { train = 'data/train.safetensors', test = 'data/test.safetensors' } }\n\
    batch_size = 8\n[network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 12 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 3\ncheckpoint_every = { steps = 1 }\n";

struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        workspace.write("own.toml", TEXT);
        std::fs::create_dir(workspace.path("data")).expect("a folder");
        workspace.images("data/train.safetensors", 1.0);
        workspace.images("data/test.safetensors", 0.5);
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// 24 images of 3 classes, of which the first pixel is `first`.
    fn images(&self, name: &str, first: f32) {
        let pixel = |i: usize| if i == 0 { first } else { (i * 37 % 101) as f32 / 101.0 };
        let images = Tensor::from_vec((0..24 * 16).map(pixel).collect::<Vec<_>>(), (24, 1, 4, 4), &Device::Cpu);
        let labels = Tensor::from_vec((0..24u32).map(|i| i % 3).collect::<Vec<_>>(), 24, &Device::Cpu);
        let tensors = [("images", images.expect("images")), ("labels", labels.expect("labels"))];
        candle_core::safetensors::save(&HashMap::from(tensors), self.path(name)).expect("a file");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The exit code, and what was said.
    fn bntt(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.command(arguments).output().expect("the program"))
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, said) = self.bntt(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        said
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let (code, said) = self.bntt(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        said
    }

    /// A run in whose midst the program was killed, as far as its files tell: the checkpoint of epoch 2, with the files
    /// of all three epochs.
    fn killed(&self) -> PathBuf {
        self.ok(&["run", "own.toml"]);
        let run = self.path("runs/own/v0001");
        // The checkpoint of a step or two before the end, as a kill while the last was written leaves it.
        std::fs::remove_dir_all(run.join("checkpoints/last")).expect("a checkpoint");
        run
    }

    fn model(&self, run: &Path) -> Vec<u8> {
        std::fs::read(run.join("checkpoints/last/model.safetensors")).expect("a model")
    }

    fn provenance(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.path("runs/own/v0001/provenance.json")).expect("a record");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

#[test]
fn data_that_changed_since_a_run_began_are_refused_by_name_and_accepted_only_when_asked_for() {
    let workspace = Workspace::new();
    let run = workspace.killed();
    workspace.images("data/train.safetensors", 0.25);
    for command in [&["resume", "runs/own"][..], &["doctor", "runs/own"]] {
        let message = workspace.refused(command);
        let expected = ["the data are not those that", "train", "has changed", "--accept-changed-data"];
        assert!(expected.iter().all(|expected| message.contains(expected)), "{message}");
    }
    // A job that is queued again does not begin anew beside it either, as if it were another experiment, without a
    // word.
    let (_, message) = workspace.bntt(&["run", "own.toml", "--resume-or-start"]);
    assert!(message.contains("is another experiment (the data"), "{message}");
    assert!(!run.join("checkpoints/last").exists(), "nothing was done");

    let message = workspace.ok(&["resume", "runs/own/v0001", "--accept-changed-data"]);
    assert!(message.contains("warning: accepted: the data are not those"), "{message}");
    let record = workspace.provenance();
    let accepted = record["sessions"][1]["accepted"][0].as_str().expect("a sentence");
    assert!(accepted.contains("has changed"), "{record}");
}

#[test]
fn data_that_moved_are_the_same_data_and_other_values_that_change_no_number_may_be_given() {
    let workspace = Workspace::new();
    let run = workspace.killed();
    let whole = Workspace::new();
    whole.ok(&["run", "own.toml"]);
    std::fs::rename(workspace.path("data"), workspace.path("elsewhere")).expect("a move");
    let message = workspace.refused(&["resume", "runs/own"]);
    assert!(message.contains("train.safetensors does not exist"), "{message}");
    let moved = [
        "data.dataset.tensors.train=elsewhere/train.safetensors",
        "data.dataset.tensors.test=elsewhere/test.safetensors",
        "training.threads=1",
        "training.checkpoint_every={minutes=3}",
        "training.tensorboard=true",
        "training.device=cpu",
    ];
    let doctor = workspace.ok(&[&["doctor", "runs/own"], &moved[..]].concat());
    assert!(doctor.contains("goes on after epoch 2 and 2 steps"), "{doctor}");
    workspace.ok(&[&["resume", "runs/own"], &moved[..]].concat());
    assert!(workspace.model(&run) == whole.model(&whole.path("runs/own/v0001")), "other bits");
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a config");
    assert!(config.contains("data/train.safetensors") && !config.contains("elsewhere"), "{config}");

    for (value, named) in [
        ("training.clip=4", "training.clip: nothing, here 4.0"),
        ("network.lif.leak=0.5", "network.lif.leak: "),
        ("seed=1", "seed: 0, here 1"),
        ("name=other", "name: own, here other"),
        ("data.batch_size=4", "data.batch_size: 8, here 4"),
        ("optimizer.sgd.lr=0.2", "optimizer.sgd.lr: 0.1, here 0.2"),
    ] {
        for command in ["resume", "doctor"] {
            let [train, test, ..] = moved;
            let message = workspace.bntt(&[command, "runs/own", train, test, value]).1;
            assert!(
                (message.contains("cannot be continued as another experiment") && message.contains(named)),
                "{message}"
            );
        }
    }
}

#[test]
fn a_run_without_its_checkpoints_or_records_is_refused_and_loses_nothing() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml"]);
    let run = workspace.path("runs/own/v0001");
    let metrics = std::fs::read(run.join("metrics.jsonl")).expect("metrics");
    std::fs::rename(run.join("checkpoints"), workspace.path("gone")).expect("a move");
    for command in [&["resume", "runs/own"][..], &["run", "own.toml", "--resume-or-start"]] {
        let message = workspace.refused(command);
        assert!(message.contains("there is no checkpoint folder "), "{message}");
        assert_eq!(std::fs::read(run.join("metrics.jsonl")).expect("metrics"), metrics);
    }
    std::fs::rename(workspace.path("gone"), run.join("checkpoints")).expect("a move");

    // What a user accepts is kept beside what is left of it.
    std::fs::write(run.join("steps.jsonl"), "").expect("a file");
    std::fs::write(run.join("checkpoints/best/model.safetensors"), "half").expect("a file");
    let message = workspace.refused(&["resume", "runs/own"]);
    assert!(
        message.contains("steps.jsonl has lost its last") && message.contains("--accept-damaged-records"),
        "{message}"
    );
    workspace.ok(&["resume", "runs/own", "--accept-damaged-records"]);
    assert_eq!(std::fs::read(run.join("metrics.jsonl.damaged")).expect("a copy"), metrics);
    assert!(run.join("checkpoints/best.damaged/model.safetensors").is_file());
    let record = workspace.provenance();
    assert!(record["sessions"][1]["accepted"].as_array().is_some_and(|accepted| accepted.len() == 2), "{record}");
}

#[test]
fn a_damaged_checkpoint_is_never_replaced_by_another_epochs_where_it_is_used() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml"]);
    let images = Tensor::zeros((3, 1, 4, 4), DType::U8, &Device::Cpu).expect("images");
    images.save_safetensors("images", workspace.path("in.safetensors")).expect("a file");
    for which in ["best", "last"] {
        let model = workspace.path("runs/own/v0001/checkpoints").join(which).join("model.safetensors");
        let whole = std::fs::read(&model).expect("a model");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("a byte") ^= 1;
        std::fs::write(&model, flipped).expect("a model");
        for command in ["eval", "attack", "energy", "early-exit"] {
            let message = workspace.refused(&[command, "runs/own", "--checkpoint", which]);
            assert!(
                message.contains(&format!("checkpoints/{which} cannot be used: model.safetensors has the SHA-256")),
                "{message}"
            );
        }
        workspace.ok(&["report", "runs/own", "-o", "report.html", "--checkpoint", which]);
        let page = std::fs::read_to_string(workspace.path("report.html")).expect("a page");
        assert!(page.contains("model.safetensors has the SHA-256") && !page.contains("are right"), "{which}");
        if which == "best" {
            let arguments = ["predict", "runs/own", "--input", "in.safetensors", "--output", "out.safetensors"];
            assert!(workspace.refused(&arguments).contains("checkpoints/best cannot be used"));
        }
        std::fs::write(&model, whole).expect("a model");
    }
    assert!(!workspace.path("runs/own/v0001/checkpoints/best.previous").exists(), "it would be another epoch's");
}

#[test]
fn a_job_that_is_queued_again_with_other_threads_goes_on_and_with_another_leak_says_what_differs() {
    let workspace = Workspace::new();
    workspace.killed();
    let message =
        workspace.ok(&["run", "own.toml", "--resume-or-start", "training.threads=1", "training.tensorboard=true"]);
    assert!(message.contains("resuming runs/own/v0001 after epoch 2 and 2 steps"), "{message}");
    let message = workspace.ok(&["run", "own.toml", "--resume-or-start", "network.lif.leak=0.5", "seed=3"]);
    let expected = "runs/own/v0001 is another experiment (";
    assert!(message.contains(expected) && message.contains("seed: 0, here 3; network.lif.leak: "), "{message}");
    assert!(message.contains("own.toml -> runs/own/v0002"), "{message}");
    // Version 1 is found behind version 2.
    let message = workspace.ok(&["run", "own.toml", "--resume-or-start"]);
    assert!(message.contains("runs/own/v0001: all 3 epochs are done"), "{message}");
}

#[test]
fn two_jobs_of_one_name_at_once_train_one_run() {
    let workspace = Workspace::new();
    let long = ["run", "own.toml", "--resume-or-start", "training.epochs=300", "training.checkpoint_every={minutes=1}"];
    let jobs = [(); 4].map(|()| workspace.command(&long).spawn().expect("the program"));
    let ended = jobs.map(|job| said(job.wait_with_output().expect("an output")));
    assert!(!workspace.path("runs/own/v0002").exists(), "{ended:?}");
    let trained = ended.iter().filter(|(code, said)| *code == Some(0) && said.contains("done: runs/own/v0001"));
    assert_eq!(trained.count(), 1, "{ended:?}");
    for (code, said) in &ended {
        let at_work = *code == Some(2) && said.contains("runs/own/v0001 is at work: process ");
        assert!(at_work || (*code == Some(0) && said.contains("done")), "{said}");
    }
}

#[test]
fn those_who_look_at_a_run_never_hinder_one_who_goes_on_with_it() {
    let workspace = Workspace::new();
    workspace.killed();
    let kept = workspace.path("kept");
    assert!(
        Command::new("cp")
            .arg("-a")
            .args([workspace.path("runs/own/v0001"), kept.clone()])
            .status()
            .expect("cp")
            .success()
    );
    let looking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for command in [&["list"][..], &["doctor", "runs/own/v0001"], &["compare", "runs/own/v0001"]] {
            let (workspace, looking) = (&workspace, &looking);
            scope.spawn(move || {
                while looking.load(std::sync::atomic::Ordering::Relaxed) {
                    workspace.bntt(command);
                }
            });
        }
        let refused: Vec<String> = (0..15)
            .filter_map(|_| {
                std::fs::remove_dir_all(workspace.path("runs/own/v0001")).expect("a folder");
                let copied = Command::new("cp").arg("-a").args([&kept, &workspace.path("runs/own/v0001")]).status();
                assert!(copied.expect("cp").success());
                let (code, said) = workspace.bntt(&["resume", "runs/own/v0001"]);
                (code != Some(0)).then_some(said)
            })
            .collect();
        looking.store(false, std::sync::atomic::Ordering::Relaxed);
        assert!(refused.is_empty(), "{refused:?}");
    });
}

#[test]
fn a_log_has_the_error_that_ended_its_run_and_the_list_says_why_it_failed() {
    let workspace = Workspace::new();
    let message = workspace.refused(&["run", "own.toml", "optimizer.sgd.lr=1e30"]);
    let why = message.lines().last().and_then(|line| line.strip_prefix("error: ")).expect("an error");
    let log = std::fs::read_to_string(workspace.path("runs/own/v0001/log.txt")).expect("a log");
    assert!(log.lines().last().is_some_and(|line| line.ends_with(&format!("ERROR {why}"))), "{log}");
    let list = workspace.ok(&["list"]);
    assert!(list.contains("runs/own/v0001  failed") && list.contains(&format!("\n    {why}\n")), "{list}");
}
