//! Numbers that are not finite: nothing scores, saves, predicts or begins with them.

use bntt::run::checkpoint::{self, CheckpointContents};
use bntt::run::{CheckpointKind, RunFolder};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

const TEXT: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'direct'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 2\n";

struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(workspace.path("tiny.toml"), TEXT).expect("a file");
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bntt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.0.path()).output().expect("the program")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        message
    }

    /// A trained run whose best checkpoint has other weights, with right checksums.
    fn with_weights(change: impl Fn(&mut BTreeMap<String, Tensor>)) -> Self {
        let workspace = Self::new();
        workspace.ok(&["run", "tiny.toml"]);
        let folder = RunFolder::open(&workspace.path("runs/tiny")).expect("a run").checkpoint(CheckpointKind::Best);
        let mut found = checkpoint::load(&folder, &Device::Cpu).expect("a checkpoint");
        change(&mut found.model);
        let (model, optimizer, progress) = (&found.model, &found.optimizer, &found.progress);
        checkpoint::save(&folder, CheckpointContents { model, optimizer, progress, records: None }).expect("a save");
        let images = Tensor::zeros((3, 1, 8, 8), DType::U8, &Device::Cpu).expect("images");
        images.save_safetensors("images", workspace.path("in.safetensors")).expect("a file");
        workspace
    }
}

/// Every command that computes with a run's network.
const COMMANDS: [&[&str]; 7] = [
    &["eval", "runs/tiny"],
    &["eval", "runs/tiny", "--time-steps", "1"],
    &["attack", "runs/tiny", "--gaussian", "0.1"],
    &["attack", "runs/tiny", "--fgsm", "--pgd"],
    &["early-exit", "runs/tiny"],
    &["energy", "runs/tiny"],
    &["predict", "runs/tiny", "--input", "in.safetensors", "--output", "out.safetensors"],
];

fn full(value: f32, dims: &[usize]) -> Tensor {
    Tensor::full(value, dims, &Device::Cpu).expect("a tensor")
}

#[test]
fn a_learning_rate_beyond_all_bounds_stops_the_run_before_any_checkpoint_of_it_and_its_metrics_can_be_read() {
    for encoder in ["direct", "poisson"] {
        for optimizer in ["sgd={lr=1e30}", "sgd={lr=1e38, momentum=0.9}", "adam={lr=1e38}", "adamw={lr=1e38}"] {
            let workspace = Workspace::new();
            let arguments =
                ["run", "tiny.toml", &format!("optimizer.{optimizer}"), &format!("network.encoder={encoder}")];
            let message = workspace.refused(&arguments);
            let last = message.lines().last().expect("a line");
            let named = ["stopped before the weights moved", "stopped before any checkpoint of it"];
            assert!(last.starts_with("error: ") && named.iter().any(|words| last.contains(words)), "{message}");
            assert!(last.contains("epoch 1"), "{last}");
            assert!(!message.contains("100.00 %"), "{message}");
            // Only the checkpoint that it began with is there, and it is finite.
            let run = RunFolder::open(&workspace.path("runs/tiny")).expect("a run");
            let last = checkpoint::load(&run.checkpoint(CheckpointKind::Last), &Device::Cpu).expect("a checkpoint");
            assert_eq!((last.progress.epoch, last.progress.step), (0, 0));
            assert!(!run.checkpoint(CheckpointKind::Best).exists());
            let list = workspace.ok(&["list"]);
            assert!(
                list.contains("failed") && list.lines().last().is_some_and(|why| why.contains("epoch 1")),
                "{list}"
            );
            let metrics = std::fs::read_to_string(run.metrics_jsonl()).expect("metrics");
            assert_eq!(metrics, "", "no epoch is done");
        }
    }
}

#[test]
fn weights_and_statistics_that_are_not_finite_are_refused_by_name_by_every_command() {
    for (name, dims) in [("layers.1.weight", [16, 64]), ("layers.2.gamma", [2, 16]), ("layers.2.running_var", [2, 16])]
    {
        let workspace = Workspace::with_weights(|model| {
            assert_eq!(model[name].dims(), dims);
            model.insert(name.into(), full(f32::NAN, &dims));
        });
        for command in COMMANDS {
            let message = workspace.refused(command);
            let expected = format!("model.safetensors: {name}[0, 0] is NaN; expected finite numbers.");
            assert!(message.contains(&expected), "{command:?}: {message}");
            assert!(!message.contains('%'), "{command:?}: {message}");
        }
        assert!(!workspace.path("out.safetensors").exists());
        // A page says so in the place of what cannot be shown.
        workspace.ok(&["report", "runs/tiny", "-o", "report.html"]);
        let page = std::fs::read_to_string(workspace.path("report.html")).expect("a page");
        assert!(page.contains(&format!("{name}[0, 0] is NaN")) && !page.contains("are right"));

        let weights = workspace.path("runs/tiny/v0001/checkpoints/best/model.safetensors");
        let weights = weights.to_str().expect("UTF-8");
        let initial = format!("training.initial_weights={weights}");
        let predict =
            ["predict", "tiny.toml", "--weights", weights, "--input", "in.safetensors", "--output", "out.safetensors"];
        for arguments in [&["run", "tiny.toml", &initial][..], &predict] {
            let message = workspace.refused(arguments);
            assert!(message.contains(&format!("{name}[0, 0] is NaN; expected finite numbers.")), "{message}");
        }
        assert!(!workspace.path("runs/tiny/v0002").exists());
    }
}

#[test]
fn weights_whose_sums_are_beyond_all_bounds_have_no_accuracy_and_the_layer_is_named() {
    // 16 neurons of 3e38 each: their sum is no 32-bit number.
    let workspace = Workspace::with_weights(|model| {
        model.insert("layers.2.gamma".into(), full(1e4, &[2, 16]));
        model.insert("layers.4.weight".into(), full(3e38, &[10, 16]));
    });
    for command in COMMANDS {
        let message = workspace.refused(command);
        let last = message.lines().last().expect("a line");
        let expected = ["has no accuracy: layers.4 gives inf", "the network gives inf as a logit"];
        assert!(expected.iter().any(|expected| last.contains(expected)), "{command:?}: {message}");
        assert!(!message.contains('%'), "{command:?}: {message}");
    }
    workspace.ok(&["report", "runs/tiny", "-o", "report.html"]);
    let page = std::fs::read_to_string(workspace.path("report.html")).expect("a page");
    assert!(page.contains("the network gives inf as a logit") && !page.contains("are right"));
    // A run that would begin there stops before its first checkpoint, be it in the first step or the evaluation.
    let weights = workspace.path("runs/tiny/v0001/checkpoints/best/model.safetensors");
    let message = workspace.refused(&["run", "tiny.toml", &format!("training.initial_weights={}", weights.display())]);
    assert!(message.contains("epoch 1") && message.contains("stopped before"), "{message}");
}

#[test]
fn weights_of_16_and_64_bits_are_read_as_the_numbers_of_32_bits_that_they_are() {
    let workspace = Workspace::with_weights(|_| {});
    let weights = workspace.path("runs/tiny/v0001/checkpoints/best/model.safetensors");
    let whole = candle_core::safetensors::load(&weights, &Device::Cpu).expect("weights");
    let predicted = |weights: &str| {
        workspace.ok(&[
            "predict",
            "tiny.toml",
            "--weights",
            weights,
            "--input",
            "in.safetensors",
            "--output",
            "out.safetensors",
        ]);
        let out = candle_core::safetensors::load(workspace.path("out.safetensors"), &Device::Cpu).expect("predictions");
        out["logits"].to_vec2::<f32>().expect("logits")
    };
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let rounded: BTreeMap<_, _> =
            whole.iter().map(|(name, w)| (name.clone(), w.to_dtype(dtype).expect("a type"))).collect();
        let exact = rounded.iter().map(|(name, w)| (name.clone(), w.to_dtype(DType::F32).expect("a type"))).collect();
        for (name, tensors) in [("rounded.safetensors", rounded.clone()), ("exact.safetensors", exact)] {
            checkpoint::save_tensors(&workspace.path(name), &tensors).expect("a file");
        }
        assert_eq!(predicted("rounded.safetensors"), predicted("exact.safetensors"), "{dtype:?}");
        workspace.ok(&["run", "tiny.toml", "training.initial_weights=rounded.safetensors", "training.epochs=1"]);
    }
    // Beyond what 32 bits hold, and of a type that no weight has.
    let mut large: BTreeMap<_, _> = whole.clone().into_iter().collect();
    large.insert("layers.4.weight".into(), Tensor::full(1e300f64, (10, 16), &Device::Cpu).expect("a tensor"));
    checkpoint::save_tensors(&workspace.path("large.safetensors"), &large).expect("a file");
    let message = workspace.refused(&["run", "tiny.toml", "training.initial_weights=large.safetensors"]);
    assert!(message.contains("large.safetensors: layers.4.weight[0, 0] is inf"), "{message}");
    large.insert("layers.4.weight".into(), Tensor::zeros((10, 16), DType::I64, &Device::Cpu).expect("a tensor"));
    checkpoint::save_tensors(&workspace.path("whole.safetensors"), &large).expect("a file");
    let message = workspace.refused(&["run", "tiny.toml", "training.initial_weights=whole.safetensors"]);
    assert!(message.contains("layers.4.weight should be [10, 16] f32, found [10, 16] I64"), "{message}");
}
