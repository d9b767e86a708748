//! TensorBoard's own reader, from PyPI, on a run's event file. `BNTT_PYTHON` names a Python that has it; otherwise
//! `python3` is tried.

use std::process::Command;

const TEXT: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 3\ntensorboard = true\nevaluate_every = 2\n";

const READ: &str = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0}).Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}))
";

#[test]
fn its_own_reader_finds_every_number_once_after_a_resume_too() -> Result<(), Box<dyn std::error::Error>> {
    let python = std::env::var("BNTT_PYTHON").unwrap_or("python3".into());
    if !Command::new(&python).args(["-c", "import tensorboard"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no tensorboard: pip install tensorboard, and name the Python in BNTT_PYTHON");
        return Ok(());
    }
    let workspace = tempfile::tempdir()?;
    std::fs::write(workspace.path().join("tiny.toml"), TEXT)?;
    let bntt = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(arguments).current_dir(workspace.path()).output();
        output.map(|output| assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)))
    };
    bntt(&["run", "tiny.toml"])?;
    // Back to the checkpoint before, as after a kill: the last epoch is trained again.
    let run = workspace.path().join("runs/tiny/v0001");
    std::fs::remove_dir_all(run.join("checkpoints/last"))?;
    bntt(&["resume", "runs/tiny"])?;

    let output = Command::new(&python).args(["-c", READ]).arg(run.join("tensorboard")).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let lines = bntt::run::metrics::read(&run.join("metrics.jsonl"))?;
    let expected = |of: fn(&bntt::run::metrics::EpochMetrics) -> Option<f64>| {
        let values = lines.iter().filter_map(|line| Some(serde_json::json!([line.epoch, f64::from(of(line)? as f32)])));
        serde_json::Value::Array(values.collect())
    };
    assert_eq!(found["train/loss"], expected(|line| Some(line.train.loss)));
    assert_eq!(found["test/top1"], expected(|line| Some(line.test?.top1)));
    assert_eq!(found["lr"], expected(|line| Some(line.lr)));
    assert_eq!(found["firing_rate/layers.3.lif"], expected(|line| Some(line.firing_rates.first()?.1)));
    assert_eq!(found["test/top1"].as_array().map(Vec::len), Some(2), "epochs 2 and 3 are evaluated");
    assert_eq!(found.as_object().map(serde_json::Map::len), Some(9));
    Ok(())
}
