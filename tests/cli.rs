//! The program as a user meets it: what it prints, its exit codes, what it leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TEXT: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 2\n";

/// A folder with `tiny.toml` in which the program runs.
struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        workspace.write("tiny.toml", TEXT);
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    fn bntt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.0.path()).output().expect("the program")
    }

    /// Standard output of a command that must succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Standard error of a command that must end with exit code 2 and leave no run folder.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(!message.contains("panicked"), "{message}");
        message
    }
}

fn exists(folder: &Path, names: &[&str]) {
    for name in names {
        assert!(folder.join(name).is_file(), "{name} is missing in {}", folder.display());
    }
}

#[test]
fn a_run_leaves_a_complete_folder_that_evaluates_lists_predicts_and_repeats() {
    let workspace = Workspace::new();
    let output = workspace.bntt(&["run", "tiny.toml", "training.epochs=3"]);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success() && said.contains("epoch 3/3"), "{said}");
    assert!(
        !said.contains('\x1b') && !said.contains('\r'),
        "plain lines where standard error is no terminal: {said:?}"
    );
    let run = workspace.path("runs/tiny/v0001");
    exists(&run, &["config.toml", "provenance.json", "metrics.jsonl", "metrics.csv", "steps.jsonl", "log.txt"]);
    for checkpoint in ["last", "best"] {
        let folder = run.join("checkpoints").join(checkpoint);
        exists(&folder, &["model.safetensors", "optimizer.safetensors", "progress.toml"]);
    }
    assert_eq!(workspace.read("runs/tiny/v0001/metrics.jsonl").lines().count(), 3);
    assert_eq!(workspace.read("runs/tiny/v0001/steps.jsonl").lines().count(), 3 * 4);
    let provenance: serde_json::Value =
        serde_json::from_str(&workspace.read("runs/tiny/v0001/provenance.json")).expect("JSON");
    assert_eq!(provenance["outcome"], "completed");
    assert_eq!(provenance["sessions"][0]["command"][1], "run");
    assert_eq!(provenance["data"].as_object().map(serde_json::Map::len), Some(1));

    let evaluated = workspace.ok(&[
        "eval",
        "runs/tiny",
        "--checkpoint",
        "last",
        "--draws",
        "2",
        "data.limit.test=20",
        "data.batch_size=7",
    ]);
    let said = "runs/tiny/v0001, checkpoint last (epoch 3), with data.limit.test=20 data.batch_size=7\n20 images, 2 draws: loss";
    assert!(evaluated.starts_with(said), "{evaluated}");
    let evaluated = workspace.ok(&["eval", "runs/tiny/v0001", "--format", "json", "data.batch_size=7"]);
    let evaluated: serde_json::Value = serde_json::from_str(&evaluated).expect("JSON");
    let of = |key: &str| evaluated[key].to_string();
    assert_eq!(
        ["run", "checkpoint", "overrides"].map(of),
        ["\"runs/tiny/v0001\"", "\"best\"", "[\"data.batch_size=7\"]"]
    );
    let list = workspace.ok(&["list"]);
    assert!(list.contains("runs/tiny/v0001  completed"), "{list}");
    assert_eq!(workspace.ok(&["resume", "runs/tiny/v0001"]), "runs/tiny/v0001\n");

    // The resolved config repeats the run, to the last bit.
    workspace.ok(&["run", "runs/tiny/v0001/config.toml"]);
    let model = |version: &str| {
        std::fs::read(workspace.path(&format!("runs/tiny/{version}/checkpoints/last/model.safetensors")))
            .expect("weights")
    };
    assert!(model("v0001") == model("v0002"), "a repeated run has other weights");

    // Predictions are the evaluation's: same draws, same weights.
    let images =
        candle_core::Tensor::zeros((3, 1, 8, 8), candle_core::DType::U8, &candle_core::Device::Cpu).expect("images");
    images.save_safetensors("images", workspace.path("in.safetensors")).expect("a file");
    workspace.ok(&["predict", "runs/tiny/v0001", "--input", "in.safetensors", "--output", "out.safetensors"]);
    let out =
        candle_core::safetensors::load(workspace.path("out.safetensors"), &candle_core::Device::Cpu).expect("a file");
    assert_eq!((out["logits"].dims(), out["labels"].dims()), (&[3, 10][..], &[3][..]));
}

#[test]
fn check_needs_no_data_and_shows_every_layer() {
    let workspace = Workspace::new();
    let report = workspace.ok(&["check", "tiny.toml", "data.dataset={ cifar100 = { path = 'nowhere' } }"]);
    assert!(report.starts_with("tiny: 3 x 32 x 32, 100 classes; 2 time-steps, batches of 16; on cpu\n"), "{report}");
    // 3072 x 16 weights, 2 x 16 gammas, 16 x 100 weights.
    assert!(report.contains("50,784"), "{report}");
    assert!(report.contains("Predicted peak memory"), "{report}");
}

#[test]
fn check_names_the_way_of_every_layer() {
    let workspace = Workspace::new();
    let layers = "network.layers=[{ conv = { channels = 16 } }, 'bntt', 'lif', { conv = { channels = 16 } }, \
                  { conv = { channels = 4, kernel = 5 } }, 'flatten', { linear = { features = 'classes' } }]";
    let report = workspace.ok(&["check", "tiny.toml", layers]);
    let ways = [
        "sparse / patches",
        "own kernel",
        "fused with 1",
        "sparse / Winograd",
        "  patches  ",
        "own kernel",
        "products",
    ];
    for (line, algorithm) in report.lines().skip(3).zip(ways) {
        assert!(line.contains(algorithm), "expected {algorithm:?} in {line:?} of\n{report}");
    }
    let report = workspace.ok(&["check", "tiny.toml", layers, "training.device=cuda:7"]);
    assert!(report.contains("; on cuda:7, which cannot be used here: ") && report.contains("cuBLAS"), "{report}");
}

#[test]
fn a_layer_that_hardly_fires_is_warned_of_by_name() {
    let workspace = Workspace::new();
    let output = workspace.bntt(&["run", "tiny.toml", "network.lif.threshold=1000", "training.epochs=1"]);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("warning: epoch 1: layers.3.lif hardly fires: 0.000 %"), "{said}");
    assert!(workspace.read("runs/tiny/v0001/log.txt").contains("WARN  epoch 1: layers.3.lif hardly fires"));
    // Of 64 images none is a 2, which would be warned of.
    let quiet =
        workspace.bntt(&["run", "tiny.toml", "network.lif.threshold=0.2", "training.epochs=1", "data.limit.train=128"]);
    assert!(!String::from_utf8(quiet.stderr).expect("UTF-8").contains("warning"));
}

#[test]
fn a_doctor_finds_what_is_damaged_and_says_what_can_be_resumed() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    let said = workspace.ok(&["doctor", "runs/tiny"]);
    assert!(said.contains("complete: all 2 epochs are done") && !said.contains("WRONG"), "{said}");
    let run = workspace.path("runs/tiny/v0001");
    let damage = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let whole = std::fs::read(run.join(file)).expect(file);
        let mut damaged = whole.clone();
        change(&mut damaged);
        std::fs::write(run.join(file), damaged).expect(file);
        let output = workspace.bntt(&["doctor", "runs/tiny"]);
        std::fs::write(run.join(file), whole).expect(file);
        assert_eq!(output.status.code(), Some(2), "{file}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let last_byte = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("a byte") ^= 1;
    for (file, expected) in [
        ("checkpoints/last/model.safetensors", "`bntt resume runs/tiny/v0001` goes on after epoch 1"),
        ("checkpoints/last/optimizer.safetensors", "`bntt resume runs/tiny/v0001` goes on after epoch 1"),
        ("checkpoints/best/model.safetensors", "it cannot be resumed: "),
    ] {
        let said = damage(file, &last_byte);
        assert!(said.contains("WRONG") && said.contains("SHA-256") && said.contains(expected), "{file}: {said}");
    }
    let said = damage("checkpoints/last/progress.toml", &|bytes| bytes.truncate(40));
    assert!(said.contains("progress.toml is malformed") && said.contains("goes on after epoch 1"), "{said}");
    for file in ["metrics.jsonl", "steps.jsonl"] {
        let said = damage(file, &|bytes| drop(bytes.drain(..1)));
        assert!(
            said.contains("has lost its last 1 bytes") && said.contains("it cannot be resumed: "),
            "{file}: {said}"
        );
        let said = damage(file, &|bytes| bytes[30] ^= 1);
        assert!(said.contains("is damaged: its first") && said.contains("--accept-damaged-records"), "{file}: {said}");
    }
    let said = damage("config.toml", &|bytes| bytes.truncate(20));
    assert!(said.contains("config.toml cannot be used"), "{said}");
    assert!(workspace.ok(&["doctor", "runs/tiny"]).contains("complete"), "nothing was changed by looking");

    // The run falls back to the checkpoint before, says so, and comes to the same end.
    let model = run.join("checkpoints/last/model.safetensors");
    let whole = std::fs::read(&model).expect("a model");
    std::fs::write(&model, &whole[..100]).expect("a model");
    std::fs::write(run.join("provenance.json"), "{").expect("a file");
    let output = workspace.bntt(&["resume", "runs/tiny"]);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success() && said.contains("last.previous is used instead"), "{said}");
    assert!(said.contains("resuming runs/tiny/v0001 after epoch 1 of 2"), "{said}");
    assert!(std::fs::read(&model).expect("a model") == whole);
    // The record of where it came from begins again.
    assert!(said.contains("provenance.json.damaged") && run.join("provenance.json.damaged").is_file(), "{said}");
    assert!(workspace.ok(&["doctor", "runs/tiny"]).contains("complete"));
}

#[test]
fn a_selftest_without_a_gpu_says_so() {
    let workspace = Workspace::new();
    let message = workspace.refused(&["selftest", "--device", "cpu"]);
    assert!(message.contains("the CPU is what GPUs are compared with"), "{message}");
    if !candle_core::utils::cuda_is_available() {
        assert!(workspace.refused(&["selftest"]).contains("--device cuda:0: this build of bntt has no GPU kernels"));
    }
}

#[test]
fn the_schema_is_the_one_that_ships_and_help_shows_examples() {
    let workspace = Workspace::new();
    let shipped = std::fs::read_to_string("configs/bntt.schema.json").expect("the schema");
    assert!(workspace.ok(&["schema"]) == shipped, "run: bntt schema > configs/bntt.schema.json");
    for command in [
        "run", "check", "resume", "eval", "predict", "list", "bench", "configs", "schema", "selftest", "doctor",
        "data", "rm", "man",
    ] {
        assert!(workspace.ok(&[command, "--help"]).contains("Example"), "{command}");
    }
}

#[test]
fn the_shipped_configs_are_inside_the_program() {
    let workspace = Workspace::new();
    let missing = workspace.refused(&["check", "configs/quickstart.toml"]);
    assert!(missing.contains("\"bntt configs --copy configs\" writes the shipped configs."), "{missing}");
    let told = workspace.ok(&["configs", "--copy", "configs"]);
    assert!(told.starts_with("configs: ") && told.ends_with(" files written\n"), "{told}");
    let quickstart = workspace.path("configs/quickstart.toml");
    let shipped = std::fs::read_to_string("configs/quickstart.toml").expect("the quickstart");
    assert_eq!(std::fs::read_to_string(&quickstart).expect("the quickstart"), shipped);
    workspace.ok(&["check", "configs/field/resnet19_cifar10_tet.toml", "--no-timing"]);

    workspace.write("configs/quickstart.toml", "name = 'mine'\n");
    std::fs::remove_file(workspace.path("configs/base/mnist.toml")).expect("a base");
    let told = workspace.ok(&["configs", "--copy", "configs"]);
    assert!(told.contains("configs/quickstart.toml: left as it is") && told.contains("configs: 1 of "), "{told}");
    assert_eq!(std::fs::read_to_string(&quickstart).expect("a file"), "name = 'mine'\n");
    let message = workspace.refused(&["configs", "--copy", "tiny.toml"]);
    assert!(message.contains("--copy tiny.toml: expected a folder, found a file"), "{message}");
    let list = workspace.ok(&["configs"]);
    assert!(list.contains("\nquickstart.toml ") && !list.contains("\nbase/"), "{list}");
}

#[test]
fn mistakes_are_reported_all_at_once_with_their_places_and_no_folder_appears() {
    let workspace = Workspace::new();
    workspace.write(
        "bad.toml",
        &TEXT.replace("batch_size = 16", "batchsize = 16").replace("time_steps = 2", "time_steps = 0"),
    );
    let message = workspace.refused(&["run", "bad.toml", "optimizer.adam.lr=-1", "network.lif.leek=0.9"]);
    for expected in [
        "bad.toml:4:1: data.batchsize: unknown key; did you mean `batch_size`?",
        "bad.toml:7:14: network.time_steps: expected",
        "command line: network.lif.leek: unknown key; did you mean `leak`?",
        "command line: optimizer.adam.lr: expected",
    ] {
        assert!(message.contains(expected), "expected {expected:?} in:\n{message}");
    }
    assert!(!message.contains("this key is missing"), "batch_size is there, under a wrong name:\n{message}");
    assert!(message.contains("\n4 | batchsize = 16\n  | ^^^^^^^^^\n"), "{message}");
    assert!(!workspace.path("runs").exists());

    // What does not fit together is told in the same breath, unless it hangs on what is wrong.
    workspace.write(
        "bad.toml",
        &TEXT.replace("batch_size = 16", "batchsize = 600").replace("'tiny'", "'a/b'").replace("adam", "adan"),
    );
    let message = workspace.refused(&["check", "bad.toml"]);
    for expected in [
        "bad.toml:1:8: name: ",
        "bad.toml:4:1: data.batchsize: unknown key; did you mean `batch_size`?",
        "bad.toml:4:13: data.batch_size: a batch of 600 is larger than the 64 training images",
        "bad.toml:11:1: optimizer.adan: unknown name \"adan\"; did you mean \"adam\"?",
    ] {
        assert_eq!(message.matches(expected).count(), 1, "expected {expected:?} in:\n{message}");
    }
}

#[test]
fn settings_written_as_options_are_answered_with_what_to_write() {
    let workspace = Workspace::new();
    assert_eq!(
        workspace.refused(&["run", "tiny.toml", "--epochs", "5", "--lr", "0.1", "--seed=3"]),
        "error: --epochs is no option; write training.epochs=5\n\
         error: --lr is no option; write optimizer.adam.lr=0.1\n\
         error: --seed is no option; write seed=3\n\
         Settings have no dashes: bntt run --help lists the options.\n"
    );
    assert_eq!(
        workspace.refused(&["check", "tiny.toml", "--network.lif.leak=0.5", "--batch-size", "8"]),
        "error: --network.lif.leak is no option; write network.lif.leak=0.5\n\
         error: --batch-size is no option; write data.batch_size=8\n\
         Settings have no dashes: bntt check --help lists the options.\n"
    );
    // What is neither is the command line's own business.
    let message = workspace.refused(&["run", "tiny.toml", "--colour"]);
    assert!(message.contains("unexpected argument '--colour' found"), "{message}");
    let message = workspace.refused(&["list", "--epochs", "5"]);
    assert!(message.contains("unexpected argument '--epochs' found"), "{message}");
}

#[test]
fn a_file_of_another_kind_is_answered_with_the_command_that_takes_it() {
    let workspace = Workspace::new();
    workspace.write("sweep.toml", "base = 'tiny.toml'\ngrid = { 'network.lif.leak' = [0.5, 0.9] }\n");
    workspace.write("table.toml", "[[rows]]\nlabel = 'r'\nconfig = 'tiny.toml'\n");
    for (command, file, expected) in [
        ("run", "sweep.toml", "error: sweep.toml is a sweep: bntt sweep sweep.toml\n"),
        ("check", "sweep.toml", "error: sweep.toml is a sweep: bntt sweep sweep.toml\n"),
        ("bench", "sweep.toml", "error: sweep.toml is a sweep: bntt sweep sweep.toml\n"),
        ("run", "table.toml", "error: table.toml is a table: bntt table table.toml\n"),
        ("sweep", "table.toml", "error: table.toml is a table: bntt table table.toml\n"),
        ("sweep", "tiny.toml", "error: tiny.toml is an experiment: bntt run tiny.toml\n"),
        ("table", "tiny.toml", "error: tiny.toml is an experiment: bntt run tiny.toml\n"),
        ("compare", "tiny.toml", "error: tiny.toml is an experiment: bntt run tiny.toml\n"),
    ] {
        assert_eq!(workspace.refused(&[command, file]), expected, "{command} {file}");
    }
}

#[test]
fn the_command_that_fetches_missing_data_comes_first() {
    let workspace = Workspace::new();
    let dataset = "data.dataset={ cifar10 = { path = 'data/cifar10' } }";
    let message = workspace.refused(&["run", "tiny.toml", dataset]);
    let expected = "error: `bntt data cifar10` fetches it: the folder ";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("data/cifar10 does not exist. The CIFAR-10 folder holds the official files"), "{message}");
}

#[test]
fn layers_that_do_not_fit_are_named_with_what_to_do() {
    let workspace = Workspace::new();
    let cases = [
        (
            "'flatten', ",
            "",
            "layer 0 linear: expects a vector of features, but the layer before gives 1 x 8 x 8: put \"flatten\" before it",
        ),
        (
            "'flatten', ",
            "'flatten', { conv = { channels = 4 } }, ",
            "layer 1 conv: expects images (channels x height x width), but the layer before gives 64 features",
        ),
        (
            "'bntt', 'lif', ",
            "",
            "there is no \"lif\" layer: a spiking network needs at least one, and \"relu\" stands for it in a network without spikes",
        ),
        (
            "features = 'classes'",
            "features = 7",
            "layer 4 linear: gives 7 features as logits, but the data has 10 classes",
        ),
        (
            ", { linear = { features = 'classes' } }",
            "",
            "layer 3 lif: gives spikes, but the last layer must give currents",
        ),
        (
            "'bntt', 'lif', ",
            "'lif', 'bntt', 'lif', ",
            "layer 3 bntt: normalises currents, but the layer before gives spikes",
        ),
        (
            "'flatten', ",
            "{ pool = { average = 9 } }, 'flatten', ",
            "layer 0 pool: a window of 9 does not fit an image of 8 x 8",
        ),
        (
            "'flatten', ",
            "{ conv = { channels = 2, kernel = 11 } }, 'flatten', ",
            "layer 0 conv: a kernel of 11 does not fit an image of 10 (with padding)",
        ),
    ];
    for (from, to, expected) in cases {
        workspace.write("bad.toml", &TEXT.replace(from, to));
        let message = workspace.refused(&["check", "bad.toml"]);
        assert!(message.contains(expected), "expected {expected:?} in:\n{message}");
        assert!(message.contains("bad.toml:9:"), "the list stands in line 9:\n{message}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let workspace = Workspace::new();
    for (overrides, expected) in [
        (
            &["network.encoder=none"][..],
            "network.encoder: \"none\" needs a data set of sequences, and this one has images",
        ),
        (
            &["network.encoder={ sequential = { order = 'rows' } }"],
            "network.time_steps: the encoder shows the 8 rows of an image of 8x8 one after another, but time_steps is 2: write \
             time_steps = 8",
        ),
        (
            &["network.encoder={ sequential = { order = 'pixels' } }"],
            "network.time_steps: the encoder shows the 64 pixels of an image of 8x8 one after another",
        ),
        (&["data.batch_size=1"], "data.batch_size: layer 2 bntt needs batches of at least 2 images to have a variance"),
        (
            &["training.device=gpu"],
            "training.device: expected \"auto\", \"cpu\" or \"cuda:0\" (any number), found \"gpu\"",
        ),
        (&["training.precision=bf16", "training.device=cpu"], "training.precision: the CPU computes in f32 only"),
        (&["training.checkpoint_every={ steps = 0 }"], "training.checkpoint_every.steps: expected at least 1, found 0"),
        (
            &["training.checkpoint_every={ minutes = -1 }"],
            "training.checkpoint_every.minutes: expected a number above 0",
        ),
        (
            &["data.augment.affine.scale=[1.2, 0.8]"],
            "data.augment.affine.scale: expected the smallest factor, then the largest, found 1.2, then 0.8",
        ),
        (
            &["data.augment.affine.degrees=200"],
            "data.augment.affine.degrees: expected a number from 0 to 180, found 200",
        ),
        (
            &["data.augment.auto_augment=cifar10"],
            "data.augment.auto_augment: the policy changes the colours of images of bytes in 3 channels, and these are \
             images of 1 channel: remove it",
        ),
        (&["data.augment.auto_augment=cifar"], "data.augment.auto_augment: "),
        (&["data.augment.roll=2"], "data.augment.roll: frames of sequences are rolled"),
        (&["data.augment.mixup=-1"], "data.augment.mixup: expected a number from 0 to 1000, found -1"),
        (&["data.augment.mixup=0.2", "data.batch_size=1"], "data.augment.mixup: a batch of 1 image has none"),
        (&["data.augment.affine.scale=[0, 1]"], "data.augment.affine.scale[0]: expected a number above 0, found 0"),
        (&["network.time_steps=1000000000"], "--insist trains all the same"),
        (&["name=../up"], "name: \"../up\" cannot be the name of a run: it starts with a dot"),
        (&["data.batch_size=65"], "batch_size"),
        (&["network.layers.9=lif"], "network.layers"),
        (&["oops"], "command line: "),
    ] {
        let message = workspace.refused(&[&["run", "tiny.toml"], overrides].concat());
        assert!(message.contains(expected), "expected {expected:?} in:\n{message}");
    }
    if !candle_core::utils::cuda_is_available() {
        let message = workspace.refused(&["run", "tiny.toml", "training.device=cuda:0"]);
        assert!(message.contains("this build of bntt has no GPU kernels"), "{message}");
    }
    assert!(!workspace.path("runs").exists());
}

#[test]
fn files_that_are_missing_or_of_another_kind_are_named() {
    let workspace = Workspace::new();
    workspace.write("empty.toml", "# nothing\n");
    workspace.write("weights.safetensors", "not tensors");
    candle_core::Tensor::zeros(3, candle_core::DType::F32, &candle_core::Device::Cpu)
        .and_then(|tensor| tensor.save_safetensors("other", workspace.path("other.safetensors")))
        .expect("a file");
    for (arguments, expected) in [
        (&["run", "missing.toml"][..], "missing.toml"),
        (&["run", "empty.toml"], "empty.toml"),
        (&["run", "tiny.toml", "data.dataset={ mnist = { path = 'nowhere' } }"], "train-images-idx3-ubyte"),
        (
            &["run", "tiny.toml", "training.initial_weights=weights.safetensors"],
            "weights.safetensors is not a whole safetensors file",
        ),
        (
            &["run", "tiny.toml", "training.initial_weights=other.safetensors"],
            "other.safetensors do not fit the network: missing: layers.1.weight",
        ),
        (&["eval", "runs/none/v0001"], "runs/none/v0001 is not a run folder: there is nothing there"),
        (&["resume", "."], ". is not a run folder"),
        (
            &["predict", "tiny.toml", "--input", "in.safetensors", "--output", "out.safetensors"],
            "name them with --weights FILE",
        ),
    ] {
        let message = workspace.refused(arguments);
        assert!(message.contains(expected), "{arguments:?}: expected {expected:?} in:\n{message}");
    }
    assert!(!workspace.path("runs").exists());
}

#[test]
fn a_run_that_diverges_keeps_its_folder_its_reason_and_no_weights_that_are_not_finite() {
    let workspace = Workspace::new();
    let message = workspace.refused(&[
        "run",
        "tiny.toml",
        "optimizer={ sgd = { lr = 1e38 } }",
        "network.layers=['flatten', { linear = { features = 16 } }, 'lif', { linear = { features = 'classes' } }]",
    ]);
    assert!(message.contains("stopped before the weights moved"), "{message}");
    assert!(workspace.read("runs/tiny/v0001/provenance.json").contains("stopped before the weights moved"));
    assert!(workspace.ok(&["list"]).contains("failed"));
}

#[test]
fn a_checkpoint_of_another_config_is_not_resumed() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    let config = workspace.read("runs/tiny/v0001/config.toml").replace("epochs = 2", "epochs = 5");
    workspace.write("runs/tiny/v0001/config.toml", &config);
    let message = workspace.refused(&["resume", "runs/tiny/v0001"]);
    assert!(message.contains("the checkpoint belongs to another config"), "{message}");
}

/// Two convolutional blocks of 16 channels on the digits: every fast kernel takes part.
const SPIKING: &str = "name = 'spiking'\nseed = 1\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 20 }\n\
    [network]\ntime_steps = 3\nencoder = 'poisson'\n\
    layers = [ { conv = { channels = 16 } }, 'bntt', 'lif', { conv = { channels = 32 } }, 'bntt', 'lif', { pool = { average = 2 } },\n\
    { conv = { channels = 16 } }, 'batch_norm', 'lif', 'flatten', { linear = { features = 64 } }, 'bntt', 'lif',\n\
    { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.02, momentum = 0.9 }\n[training]\nepochs = 1\n";

#[test]
fn every_instruction_set_trains_the_same_network_but_for_rounding() {
    let workspace = Workspace::new();
    workspace.write("spiking.toml", SPIKING);
    let losses = |instructions: &str, version: &str| -> Vec<f64> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(["run", "spiking.toml"]).env("BNTT_INSTRUCTIONS", instructions).current_dir(workspace.0.path());
        let output = command.output().expect("the program");
        assert!(output.status.success(), "{instructions}: {}", String::from_utf8_lossy(&output.stderr));
        let steps = workspace.read(&format!("runs/spiking/{version}/steps.jsonl"));
        let loss = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["loss"].as_f64();
        steps.lines().map(|line| loss(line).expect("a loss")).collect()
    };
    let widest = losses("widest", "v0001");
    assert_eq!(widest.len(), 6);
    let scalar = losses("scalar", "v0002");
    for (step, (a, b)) in widest.iter().zip(&scalar).enumerate() {
        // A spike or two may fall to the other side of the threshold.
        assert!((a - b).abs() < 0.02 * a, "step {step}: {a} with the widest vectors, {b} without any");
    }
    let message = {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        let output = command.arg("list").env("BNTT_INSTRUCTIONS", "mmx").output().expect("the program");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(message.contains("BNTT_INSTRUCTIONS is \"mmx\"; expected \"widest\""), "{message}");
}

#[test]
fn bench_needs_no_data_and_says_where_the_time_goes() {
    let workspace = Workspace::new();
    workspace.write("spiking.toml", SPIKING);
    let arguments = ["bench", "spiking.toml", "data.dataset={cifar10={path='none'}}", "--repeats", "2"];
    let text = workspace.ok(&[&arguments[..], &["--layers"]].concat());
    for expected in
        ["3 time-steps, batches of 16, 2 repeats", "\noptimizer ", "images a second", "bntt lif", "firing rate"]
    {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
    let line = workspace.ok(&[&arguments[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
    assert_eq!(line.lines().count(), 1);
    assert_eq!((&report["batch_size"], &report["time_steps"], &report["repeats"]), (&16.into(), &3.into(), &2.into()));
    let layers = report["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 11, "norms are fused with their neurons: {line}");
    // 3 x 3 x 16 x 32 products for each of 32 x 32 pixels, 3 time-steps and 16 images.
    assert_eq!(layers[2]["macs"].as_u64(), Some(9 * 16 * 32 * 1024 * 3 * 16));
    let kept: u64 = layers.iter().filter_map(|layer| layer["kept_bytes"].as_u64()).sum();
    assert_eq!(report["kept_bytes"].as_u64(), Some(kept));
    let firing = layers[1]["firing_rate"].as_f64().expect("a firing rate");
    assert!(firing > 0.01 && firing < 0.9, "{firing}");
    for part in ["data", "forward", "backward", "optimizer", "step", "evaluation"] {
        assert!(report[part]["median"].as_f64().expect(part) > 0.0, "{part}");
    }
    assert!(
        workspace.refused(&["bench", "spiking.toml", "network.time_step=3"]).contains("did you mean `time_steps`?")
    );
}

#[test]
fn bench_measures_with_each_number_of_threads_and_says_why_it_could_not() {
    let workspace = Workspace::new();
    workspace.write("spiking.toml", SPIKING);
    let arguments = ["bench", "spiking.toml", "training.threads=3", "--repeats", "2", "--threads", "1,2"];
    let text = workspace.ok(&[&arguments[..], &["--format", "json"]].concat());
    let reports: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let threads: Vec<_> = reports.iter().map(|report| report["threads"].as_u64()).collect();
    assert_eq!(threads, [Some(1), Some(2)]);
    assert!(reports.iter().all(|report| report["repeats"] == 2 && report["step"]["median"].as_f64() > Some(0.0)));
    assert!(workspace.ok(&arguments).contains("Amdahl's law"));
    let refused = workspace.refused(&[&arguments[..], &["network.time_steps=1000000"]].concat());
    assert!(refused.contains("bench with 1 threads") && refused.contains("--insist"), "{refused}");
    assert_eq!(refused.matches("error:").count(), 1, "{refused}");
}

#[test]
fn a_layer_is_replaced_from_the_command_line() {
    let workspace = Workspace::new();
    workspace.write("with_pool.toml", &TEXT.replace("'flatten', {", "{ pool = { average = 2 } }, 'flatten', {"));
    let replaced = "network.layers[0]={dropout={probability=0.5}}";
    let report = workspace.ok(&["check", "with_pool.toml", replaced]);
    // 8 x 8 pixels are not pooled any more: 64 x 16 weights.
    assert!(report.contains("0      dropout  1 x 8 x 8") && report.contains("1,024"), "{report}");
    let message = workspace.refused(&["check", "with_pool.toml", "network.layers[0].dropout.probability=0.5"]);
    assert!(message.contains("both \"dropout\" and \"pool\" are given; keep one of them."), "{message}");
    let message = workspace.refused(&["check", "with_pool.toml", "network.layers]0={dropout={probability=0.5}}"]);
    assert!(message.contains("`network.layers]0` is not a key like `a.b` or `a[2].b`"), "{message}");
}

#[test]
fn none_takes_away_what_a_base_gave_and_the_run_repeats_that() {
    let workspace = Workspace::new();
    let given = "augment = { crop_padding = 2, flip = true }\nnormalize = { mean = [0.5], std = [0.2] }\n";
    let trained =
        "early_exit = { threshold = 0.2 }\nclip = 1.0\nthreads = 1\ninitial_weights = 'nowhere.safetensors'\n";
    workspace.write("base.toml", &(TEXT.replace("batch_size = 16\n", &format!("batch_size = 16\n{given}")) + trained));
    let none = "base = 'base.toml'\ntraining = { epochs = 1, initial_weights = 'none', early_exit = 'none', clip = 'none' }\n\
                [data]\naugment = 'none'\nlimit = { train = 64, test = 'none' }\n";
    workspace.write("none.toml", none);
    workspace.ok(&["run", "none.toml", "training.threads=none", "data.normalize=none", "data.augment.crop_padding=4"]);
    let config = workspace.read("runs/tiny/v0001/config.toml");
    let expected = "[data]\nbatch_size = 16\ndataset = \"digits\"\naugment = { crop_padding = 4, flip = false }\nlimit = { train = 64 }\n";
    assert!(config.contains(expected), "{config}");
    for word in ["none", "early_exit", "clip", "threads", "initial_weights", "normalize"] {
        assert!(!config.contains(word), "{word} stands in\n{config}");
    }
    let message = workspace.refused(&["check", "none.toml", "data.augment=false", "data.limit.train=all"]);
    for expected in [
        "command line: data.augment: expected a table or \"none\", found false; write augment = { flip = false }.",
        "command line: data.limit.train: expected a whole number of at least 1 or \"none\", found the string \"all\".",
    ] {
        assert!(message.contains(expected), "expected {expected:?} in\n{message}");
    }
    // Words of their own stay what they are.
    let message = workspace.refused(&["check", "none.toml", "network.encoder=none"]);
    assert!(message.contains("\"none\" needs a data set of sequences"), "{message}");
    assert!(workspace.ok(&["check", "none.toml", "network.lif.reset=none"]).contains("Predicted peak memory"));
}

#[test]
fn what_cannot_happen_is_warned_of_below_the_report_and_before_training() {
    let workspace = Workspace::new();
    let arguments = ["tiny.toml", "schedule={ milestones = { at = [0.9] } }", "seed=1", "seed=2"];
    let expected = [
        "`seed=1` is overruled by `seed=2`, which stands after it; leave one of them out.",
        "schedule.milestones.at[0]: 0.9 of the 2 epochs that the schedule has is reached as the last of them ends: the learning rate \
         never changes for it. Expected less than 0.25; leave it out or train longer.",
    ];
    let report = workspace.ok(&[&["check"], &arguments[..]].concat());
    assert!(report.ends_with(&format!("\n\nwarning: {}\nwarning: {}\n", expected[0], expected[1])), "{report}");
    assert!(!workspace.ok(&["check", "tiny.toml"]).contains("warning"));
    let output = workspace.bntt(&[&["run"], &arguments[..]].concat());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let log = workspace.read("runs/tiny/v0001/log.txt");
    for warning in expected {
        let line = format!("warning: {warning}\n");
        let before = said.find(&line).expect("a warning") < said.find("epoch 1/2").expect("an epoch");
        assert!(output.status.success() && before, "{said}");
        assert!(log.contains(&format!("WARN  {warning}\n")), "{log}");
    }
}

#[test]
fn a_pool_that_drops_pixels_is_warned_of_below_the_report_and_before_training() {
    let workspace = Workspace::new();
    workspace.write("pooled.toml", &TEXT.replace("'flatten', {", "{ pool = { average = 3 } }, 'flatten', {"));
    let expected = "warning: network.layers[0].pool: of 8 x 8 pixels 2 rows and 2 columns are dropped, the last: its windows do not divide them.";
    let report = workspace.ok(&["check", "pooled.toml"]);
    assert!(report.contains(expected) && report.contains("1 x 2 x 2"), "{report}");
    let told = String::from_utf8(workspace.bntt(&["run", "pooled.toml"]).stderr).expect("UTF-8");
    assert!(told.contains(expected), "{told}");
    assert!(!workspace.ok(&["check", "pooled.toml", "network.layers[0].pool.average=4"]).contains("warning"));
}

#[test]
fn a_path_that_only_a_shell_could_have_expanded_is_refused_wherever_it_stands() {
    let workspace = Workspace::new();
    workspace.write("sweep.toml", "base = '~/tiny.toml'\n");
    workspace.write("variants.toml", "base = 'tiny.toml'\n[variants]\na = { base = '~/tiny.toml' }\n");
    workspace.write("runs.toml", "runs = '~/runs'\n[[rows]]\nlabel = 'a'\nconfig = 'tiny.toml'\n");
    workspace.write("config.toml", "[[rows]]\nlabel = 'a'\nconfig = '~/tiny.toml'\n");
    workspace.write("column.toml", "[[rows]]\nlabel = 'a'\n[[columns]]\nlabel = 'b'\nsweep = '~/sweep.toml'\n");
    for (arguments, expected) in [
        (
            &["run", "tiny.toml", "--runs=~/x"][..],
            "invalid value '~/x' for '--runs <DIR>': nothing expands the \"~\" of ~/x here",
        ),
        (&["check", "~/tiny.toml"], "invalid value '~/tiny.toml' for '<CONFIG>': nothing expands"),
        (
            &["check", "tiny.toml", "data.dataset={ cifar10 = { path = '~/data' } }"],
            "command line: data.dataset.cifar10.path: nothing expands",
        ),
        (
            &["check", "tiny.toml", "training.initial_weights=~/w"],
            "command line: training.initial_weights: nothing expands",
        ),
        (&["sweep", "sweep.toml", "--dry-run"], "sweep.toml:1:8: base: nothing expands"),
        (&["sweep", "variants.toml", "--dry-run"], "variants.toml:3:14: base: nothing expands"),
        (&["table", "runs.toml"], "runs.toml:1:8: runs: nothing expands"),
        (&["table", "config.toml"], "config.toml:3:10: a: config: nothing expands"),
        (&["table", "column.toml"], ": b: sweep: nothing expands"),
    ] {
        let message = workspace.refused(arguments);
        assert!(message.contains(expected), "{arguments:?}: expected {expected:?} in:\n{message}");
        assert!(message.contains("what is really called so"), "{message}");
    }
    assert!(!workspace.path("~").exists() && !workspace.path("runs").exists());
    workspace.ok(&["run", "tiny.toml", "training.epochs=1", "--runs=./~"]);
    assert!(workspace.path("~/tiny/v0001/config.toml").is_file());
}

#[test]
fn an_experiment_that_could_not_be_read_again_is_refused_everywhere() {
    let workspace = Workspace::new();
    let layers = "{ linear = { features = 16 } }, 'bntt', 'lif', ".repeat(4_000);
    workspace.write("long.toml", &TEXT.replace("'flatten', ", &format!("'flatten', {layers}")));
    workspace.write("sweep.toml", "base = 'long.toml'\nseeds = [1]\n");
    for arguments in [&["check", "long.toml"][..], &["run", "long.toml"], &["sweep", "sweep.toml"]] {
        let message = workspace.refused(arguments);
        let expected = "and no more than 262144 are read again: the run could not be resumed. Name fewer layers";
        assert!(
            message.contains("long.toml: with every setting written out") && message.contains(expected),
            "{message}"
        );
    }
    assert!(!workspace.path("runs").exists());
}

#[test]
fn files_of_other_editors_are_read_or_named() {
    let workspace = Workspace::new();
    workspace.write("tiny.toml", &format!("\u{feff}{}", TEXT.replace('\n', "\r\n")));
    workspace.write("sweep.toml", "\u{feff}base = 'tiny.toml'\r\nseeds = [3]\r\n");
    assert!(workspace.ok(&["sweep", "sweep.toml", "--dry-run"]).contains("1 runs"));
    workspace.write("slip.toml", "\u{feff}base = = 'tiny.toml'\r\n");
    assert!(workspace.refused(&["sweep", "slip.toml"]).contains("slip.toml:1:8: "));
    let units: Vec<u8> = "base = 'tiny.toml'".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(workspace.path("wide.toml"), units).expect("a file");
    for command in ["check", "sweep", "table"] {
        let message = workspace.refused(&[command, "wide.toml"]);
        assert!(message.contains("wide.toml") && message.contains("it is UTF-16 text"), "{message}");
    }
}
