//! State dictionaries of PyTorch that become runs, and runs that become modules of PyTorch.

mod hostile;

use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::network::Network;
use bntt::pytorch::{MOST_LINES, assign, module, read, to_archive};
use bntt::run::checkpoint;
use candle_core::{Device, Tensor, safetensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The network of `fixtures/state_dict.py`.
const TEXT: &str = "name = 'net'\nseed = 3\n\
    [data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 40 }\n\
    [network]\ntime_steps = 6\nencoder = 'direct'\nlayers = [ { conv = { channels = 4 } }, 'bntt', 'lif', { pool = { average = 2 } },\n\
    { conv = { channels = 6 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', { linear = { features = 16 } }, 'bntt', 'lif',\n\
    { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[training]\nepochs = 2\ndevice = 'cpu'\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn parse(overrides: &[&str]) -> Result<CheckedExperiment> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Ok(Experiment::parse(TEXT, "net.toml", &overrides)?)
}

fn network(checked: &CheckedExperiment) -> Result<Network> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    Ok(Network::build(&experiment.network, plan.clone(), experiment.seed, &Device::Cpu)?)
}

fn bntt(folder: &Path, words: &[&str]) -> Result<std::process::Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_bntt")).args(words).current_dir(folder).output()?)
}

fn said(folder: &Path, words: &[&str]) -> Result<String> {
    let output = bntt(folder, words)?;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn refused(folder: &Path, words: &[&str]) -> Result<String> {
    let output = bntt(folder, words)?;
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stderr)?)
}

fn logits(network: &Network, images: &Tensor) -> Result<Vec<Vec<f32>>> {
    let indices: Vec<u32> = (0..images.dim(0)? as u32).collect();
    let time_steps = network.plan().time_steps;
    Ok(network.evaluate(images, 0, &indices, time_steps)?.0.to_vec2()?)
}

/// The fixture's tensors under this program's names: a row of gamma and statistics for every time-step.
fn by_hand() -> Result<BTreeMap<String, Tensor>> {
    let theirs = safetensors::load(fixture("state_dict_logits.safetensors"), &Device::Cpu)?;
    let mut ours = BTreeMap::new();
    for (index, name) in [(0, "conv1"), (4, "conv2"), (9, "fc1"), (12, "fc2")] {
        ours.insert(format!("layers.{index}.weight"), theirs[&format!("{name}.weight")].clone());
    }
    for (index, name) in [(1, "bntt1"), (5, "bntt2"), (10, "bntt_fc")] {
        for (own, other) in [("gamma", "weight"), ("running_mean", "running_mean"), ("running_var", "running_var")] {
            let rows: Vec<_> = (0..6).map(|t| theirs[&format!("{name}.{t}.{other}")].clone()).collect();
            ours.insert(format!("layers.{index}.{own}"), Tensor::stack(&rows, 0)?);
        }
    }
    Ok(ours)
}

/// The file's network gives what PyTorch gave, and the bits of a run whose weights were put in place by hand; in the
/// older form of the file too.
#[test]
fn a_state_dictionary_of_the_public_code_becomes_a_run_that_eval_takes() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    std::fs::write(path.join("net.toml"), TEXT)?;
    let checked = parse(&[])?;
    let mut expected = network(&checked)?;
    expected.load_state(&by_hand()?)?;
    let of_pytorch = safetensors::load(fixture("state_dict_logits.safetensors"), &Device::Cpu)?;
    let images = &of_pytorch["images"];

    let own = path.join("own.safetensors");
    bntt::files::weights::save_tensors(&own, &by_hand()?)?;
    let mut evaluated = Vec::new();
    let files = [fixture("state_dict.pth.tar"), fixture("state_dict_legacy.pth.tar"), own];
    for (number, file) in (1..).zip(&files) {
        let told = said(path, &["import", file.to_str().ok_or("a path")?, "--config", "net.toml"])?;
        if number < 3 {
            assert!(
                told.lines().any(|line| line.split_whitespace().eq("layers.5.gamma bntt2.0 to 5.weight".split(' '))),
                "{told}"
            );
        }
        let run = format!("runs/net/v000{number}");
        for which in ["last", "best"] {
            let found = checkpoint::load(&path.join(&run).join("checkpoints").join(which), &Device::Cpu)?.model;
            let mut network = network(&checked)?;
            network.load_state(&found)?;
            assert_eq!(logits(&network, images)?, logits(&expected, images)?);
            for (found, pytorch) in logits(&network, images)?.iter().zip(of_pytorch["logits"].to_vec2::<f32>()?) {
                for (found, pytorch) in found.iter().zip(pytorch) {
                    assert!((found - pytorch).abs() < 1e-5, "{found} and PyTorch's {pytorch}");
                }
            }
        }
        assert!(of_pytorch["logits"].abs()?.max_all()?.to_scalar::<f32>()? > 0.5, "neurons that fire");
        // All but which run it was.
        let mut found: serde_json::Value = serde_json::from_str(&said(path, &["eval", &run, "--format", "json"])?)?;
        let of_run = found.as_object_mut().and_then(|found| found.remove("run"));
        assert_eq!(of_run, Some(run.as_str().into()));
        evaluated.push(found);
    }
    assert!(evaluated.iter().all(|text| *text == evaluated[0]), "{evaluated:?}");
    let provenance = std::fs::read_to_string(path.join("runs/net/v0001/provenance.json"))?;
    for part in ["\"outcome\": \"imported\"", "state_dict.pth.tar", "sha256", "bntt2.0 to 5.weight"] {
        assert!(provenance.contains(part), "{part}: {provenance}");
    }
    assert_eq!(said(path, &["list"])?.matches("imported").count(), 3);
    let resume = refused(path, &["resume", "runs/net/v0001"])?;
    assert!(resume.contains("was imported from a file of weights: there is no training to go on with"), "{resume}");
    assert!(said(path, &["doctor", "runs/net/v0001"])?.contains("complete: it was imported from a file of weights"));
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_with_tensor_expected_and_found() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    std::fs::write(path.join("net.toml"), TEXT)?;
    let file = fixture("state_dict.pth.tar");
    let file = file.to_str().ok_or("a path")?;
    for (value, expected) in [
        (
            "network.time_steps=5",
            "a norm for each of 5 time-steps was expected, and bntt1 has 6: set network.time_steps",
        ),
        (
            "network.layers[4].conv.channels=7",
            "layers.4.weight was expected to be [7, 4, 3, 3], and conv2.weight in the file is [6, 4, 3, 3]",
        ),
        (
            "network.layers[12]={ linear = { features = 10, bias = true } }",
            "layers.12.bias [10]: the file has no fc2.bias",
        ),
        ("network.layers[1]=tebn", "layers.1.gamma [1, 4]: one norm of all time-steps was expected, and bntt1 has 6"),
        (
            "network.layers=['flatten', { linear = { features = 16 } }, 'lif', { linear = { features = 10 } }]",
            "the file has 2 convolutions (conv1, conv2), and the network 0 ()",
        ),
    ] {
        let told = refused(path, &["import", file, "--config", "net.toml", value])?;
        assert!(told.contains(expected) && told.contains("state_dict.pth.tar does not fit"), "{value}: {told}");
    }
    let other = fixture("state_dict_logits.safetensors");
    let told = refused(path, &["import", other.to_str().ok_or("a path")?, "--config", "net.toml"])?;
    assert!(told.contains("a safetensors file does not keep the order of layers"), "{told}");
    std::fs::write(path.join("text.pt"), "no weights")?;
    for (words, expected) in [
        (&["import", "none.pt", "--config", "net.toml"][..], "none.pt"),
        (&["import", "text.pt", "--config", "net.toml"], "expected a file that torch.save wrote"),
        (&["import", file], "--config"),
    ] {
        let told = refused(path, words)?;
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    assert!(!path.join("runs").exists(), "a refusal leaves no run");
    Ok(())
}

/// All kinds of layers: norms, learned neurons, residuals, pools.
const EVERYTHING: [&str; 2] = [
    "network.layers=[{ conv = { channels = 4, bias = true } }, 'tebn', { lif = { leak = { start = 0.8, learn = 'channel' }, \
     threshold = { start = 0.5, learn = 'layer' }, input = 'one_minus_leak', reset = 'hard' } }, { residual = { join = 'iand', \
     layers = [{ conv = { channels = 4 } }, 'tab', { lif = { reset = 'none', fire_before_integrate = true } }], shortcut = \
     [{ conv = { channels = 4, kernel = 1, padding = 0 } }, { tdbn = { alpha = 0.7 } }, 'lif'] } }, { residual = { layers = \
     [{ conv = { channels = 4 } }, 'bntt'] } }, 'lif', { pool = { max = 2 } }, { conv = { channels = 5, stride = 2 } }, 'relu', \
     { pool = 'global_average' }, 'flatten', { dropout = { probability = 0.3 } }, { linear = { features = 12, bias = true } }, \
     { batch_norm = { beta = true } }, 'lif', { linear = { features = 20 } }]",
    "network.readout={ vote = { per_class = 2 } }",
];

/// State as training might leave it: no two numbers alike.
fn trained(checked: &CheckedExperiment) -> Result<Network> {
    let mut network = network(checked)?;
    let mut state = network.state();
    for (number, (name, tensor)) in state.iter_mut().enumerate() {
        let wave: Vec<f32> = (0..tensor.elem_count()).map(|i| ((i * 7 + number) as f32 * 0.37).sin()).collect();
        let wave = Tensor::from_vec(wave, tensor.dims(), &Device::Cpu)?;
        if name.ends_with("running_mean") || name.ends_with("bias") || name.ends_with("beta") {
            *tensor = wave.affine(0.2, 0.0)?;
        } else if !name.ends_with("weight") {
            *tensor = wave.affine(0.2, 0.8)?;
        }
    }
    network.load_state(&state)?;
    Ok(network)
}

#[test]
fn what_is_exported_is_read_again_to_the_bit_and_a_module_has_at_most_eighty_lines() -> Result {
    let folder = tempfile::tempdir()?;
    let deep = format!(
        "network.layers=[{{ conv = {{ channels = 4 }} }}, {{ repeat = {{ times = 60, layers = [{{ residual = {{ layers = ['lif', \
         {{ conv = {{ channels = 4 }} }}, {{ tdbn = {{ alpha = 0.7071 }} }}] }} }}] }} }}, {}",
        "'lif', 'flatten', { linear = { features = 10 } }]"
    );
    for overrides in [&[][..], &EVERYTHING, &[&deep]] {
        let checked = parse(overrides)?;
        let network = trained(&checked)?;
        let path = folder.path().join("weights.pt");
        std::fs::write(&path, to_archive(&network.state())?)?;
        let again = assign(&network.ordered_shapes(), read(&path)?, &path)?.model;
        for (name, tensor) in network.state() {
            let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
            assert_eq!((again[&name].dims(), values(&again[&name])?), (tensor.dims(), values(&tensor)?), "{name}");
        }
        let text = module(&checked, "A network \"\"\" of\nnobody")?;
        assert!(text.lines().count() <= MOST_LINES, "{} lines", text.lines().count());
        assert!(
            !text.contains('{') || !["{layers}", "{encoder}", "{readout}", "{title}"].iter().any(|p| text.contains(p))
        );
    }
    Ok(())
}

/// A python with PyTorch: `BNTT_PYTHON`, or `python3`.
fn python() -> Option<String> {
    let python = std::env::var("BNTT_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success());
    found.then_some(python)
}

const SCRIPT: &str = "import json, sys, torch; from network import Network\n\
    with torch.no_grad(): print(json.dumps(Network().eval()(torch.tensor(json.load(open('images.json')))).tolist()))";

#[test]
fn the_module_gives_the_networks_logits_in_pytorch() -> Result {
    let Some(python) = python() else {
        eprintln!("left out: there is no python3 with torch (BNTT_PYTHON names another)");
        return Ok(());
    };
    let images = &safetensors::load(fixture("state_dict_logits.safetensors"), &Device::Cpu)?["images"];
    let flat = [
        "network.layers=['flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 10 } }, 'lif']",
    ];
    let flat = [flat[0], "network.readout={ spikes = {} }", "network.lif.threshold=0.3"];
    for overrides in [&[][..], &EVERYTHING, &flat, &["network.readout=last"], &["network.neuron=relu"]] {
        let folder = tempfile::tempdir()?;
        let checked = parse(overrides)?;
        let network = trained(&checked)?;
        std::fs::write(folder.path().join("weights.pt"), to_archive(&network.state())?)?;
        std::fs::write(folder.path().join("network.py"), module(&checked, "A network")?)?;
        let rows: Vec<Vec<Vec<f32>>> = images.squeeze(1)?.to_vec3()?;
        let rows: Vec<Vec<_>> = rows.into_iter().map(|image| vec![image]).collect();
        std::fs::write(folder.path().join("images.json"), serde_json::to_string(&rows)?)?;
        let output = Command::new(&python).args(["-c", SCRIPT]).current_dir(folder.path()).output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Vec<Vec<f32>> = serde_json::from_slice(&output.stdout)?;
        let expected = logits(&network, images)?;
        let pairs = || found.iter().flatten().zip(expected.iter().flatten());
        let largest = pairs().map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let magnitude = expected.iter().flatten().fold(0f32, |m, v| m.max(v.abs()));
        assert!(magnitude > 0.05 && found.len() == 20, "logits of {magnitude}");
        assert!(largest < 1e-5 * magnitude.max(1.0), "{overrides:?}: logits differ by {largest}");
    }
    Ok(())
}

#[test]
fn export_writes_both_files_and_refuses_what_is_no_run_or_folder() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    std::fs::write(path.join("net.toml"), TEXT)?;
    let file = fixture("state_dict.pth.tar");
    said(path, &["import", file.to_str().ok_or("a path")?, "--config", "net.toml"])?;
    let told = said(path, &["export", "runs/net/v0001", "--pytorch", "a/b"])?;
    assert!(told.contains("a/b/weights.pt: 13 tensors"), "{told}");
    assert!(std::fs::read_to_string(path.join("a/b/network.py"))?.contains("class Network(nn.Module):"));
    said(path, &["import", "a/b/weights.pt", "--config", "net.toml"])?;
    let model = |run: &str| std::fs::read(path.join(format!("runs/net/{run}/checkpoints/last/model.safetensors")));
    assert_eq!(model("v0001")?, model("v0002")?);
    for (words, expected) in [
        (&["export", "net.toml", "--pytorch", "c"][..], "expected a run folder such as"),
        (&["export", "runs/net/v0001", "--pytorch", "net.toml"], "--pytorch net.toml: expected a folder, found a file"),
        (&["export", "runs/net/v0001"], "--pytorch"),
        (&["export", "runs/net/v0001", "--pytorch", "runs/net/v0001/checkpoints"], "these are the run's checkpoints"),
    ] {
        let told = refused(path, words)?;
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    Ok(())
}
