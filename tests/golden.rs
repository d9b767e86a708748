//! Losses of small runs that a change of the code must not move.
//!
//! Products of floats are summed in an order that depends on the vector instructions and on the caches of the machine,
//! and one spike more or less moves a loss: the losses of the first steps are compared within 1e-4, and those of all
//! steps with what the scalar kernels give. `BNTT_GOLDEN=write` writes the file anew: only for a change that is meant
//! to move them.

use std::fs;
use std::path::Path;
use std::process::Command;

const FILE: &str = "tests/fixtures/golden_losses.json";

/// Poisson, convolution, BNTT, pools, dropout, momentum; and direct coding, shared norms, hard reset, Adam.
const RUNS: [(&str, &str); 2] = [
    (
        "rate",
        "name = 'rate'\nseed = 5\ndata = { dataset = 'digits', batch_size = 32, limit = { train = 640, test = 64 }, \
         augment = { crop_padding = 1 } }\noptimizer = { sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 } }\n\
         training = { epochs = 2 }\n[network]\ntime_steps = 5\nencoder = 'poisson'\nlayers = [ { conv = { channels = 8 } }, \
         'bntt', 'lif', { pool = { average = 2 } }, { conv = { channels = 12 } }, 'bntt', 'lif', 'flatten', \
         { dropout = { probability = 0.1 } }, { linear = { features = 'classes' } } ]",
    ),
    (
        "direct",
        "name = 'direct'\nseed = 6\ndata = { dataset = 'digits', batch_size = 32, limit = { train = 640, test = 64 } }\n\
         optimizer = { adam = { lr = 1e-3 } }\nschedule = { cosine = {} }\ntraining = { epochs = 2, label_smoothing = 0.1 }\n\
         [network]\ntime_steps = 4\nencoder = 'direct'\nlif = { leak = 0.5, input = 'one_minus_leak', reset = 'hard' }\n\
         layers = [ { conv = { channels = 8, bias = true } }, { batch_norm = { beta = true } }, 'lif', { pool = { max = 2 } }, \
         { conv = { channels = 12 } }, 'tdbn', 'lif', 'flatten', { linear = { features = 'classes', bias = true } } ]",
    ),
];

/// The loss of every step.
fn losses(name: &str, text: &str, instructions: &str, threads: &str) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("golden.toml"), text).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_bntt"))
        .args(["run", "golden.toml", threads])
        .env("BNTT_INSTRUCTIONS", instructions)
        .current_dir(folder.path())
        .output()
        .expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps = fs::read_to_string(folder.path().join(format!("runs/{name}/v0001/steps.jsonl"))).expect("steps");
    let loss = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["loss"].as_f64();
    steps.lines().map(|line| loss(line).expect("a loss")).collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max)
}

#[test]
fn losses_are_those_that_were_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let found = RUNS.map(|(name, text)| (name, losses(name, text, "scalar", "training.threads=1")));
    if std::env::var("BNTT_GOLDEN").is_ok_and(|value| value == "write") {
        let all: serde_json::Map<_, _> =
            found.iter().map(|(name, all)| (name.to_string(), serde_json::json!(all))).collect();
        fs::write(&path, serde_json::to_string_pretty(&all).expect("JSON") + "\n").expect("a file");
    }
    let golden: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).expect("the file")).expect("JSON");
    for ((name, scalar), (_, text)) in found.iter().zip(RUNS) {
        let expected: Vec<f64> = serde_json::from_value(golden[name].clone()).expect("numbers");
        assert_eq!(scalar.len(), 40, "{name}");
        let apart = largest_difference(scalar, &expected);
        println!("{name}, scalar: {apart:e} of the recorded losses");
        assert!(apart <= SCALAR, "{name}: the losses moved by {apart:e}");
        let widest = losses(name, text, "widest", "training.threads=2");
        let (first, all) = (largest_difference(&widest[..5], &expected[..5]), largest_difference(&widest, &expected));
        println!("{name}, widest: {first:e} in the first steps, {all:e} in all");
        assert!(first <= FIRST, "{name}: with vectors the first losses are {first:e} away");
        assert_eq!(widest, losses(name, text, "widest", "training.threads=1"), "{name}: the same bits for any threads");
    }
}

/// Of scalar kernels only the products' library may sum in another order on another machine.
const SCALAR: f64 = 1e-4;
/// Before a spike more or less has moved the weights.
const FIRST: f64 = 1e-4;
