//! `bntt recalibrate`: statistics of a checkpoint's weights, estimated again.

use crate::workspace::{HELD, Workspace, bits};
use bntt::data::{Batches, DataConfig, SplitImages};
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::run::checkpoint::load_tensors;
use candle_core::{DType, Device, Tensor};
use std::path::Path;

/// The first norm stands behind a linear layer of the images themselves, so that its statistics can be told by hand.
const DIRECT: [&str; 3] = ["network.encoder=direct", "network.layers[2]=batch_norm", HELD];

fn tensor(run: &Path, checkpoint: &str, name: &str) -> Tensor {
    let path = run.join("checkpoints").join(checkpoint).join("model.safetensors");
    load_tensors(&path, &Device::Cpu).expect("a model").remove(name).expect("a tensor")
}

/// Mean and unbiased variance of x W^T over a batch of images, over the batches' mean, in double precision.
fn by_hand(run: &Path, checkpoint: &str, epoch: usize, most: usize) -> candle_core::Result<[Vec<f64>; 2]> {
    let CheckedExperiment { experiment, .. } = Experiment::load(&run.join("config.toml"), &[]).expect("a config");
    let dataset = experiment.load_data().expect("digits");
    let holdout = experiment.holdout(&dataset).expect("a holdout").expect("images");
    let data = DataConfig { augment: None, ..experiment.data.clone() };
    let images = SplitImages::at(&dataset.train, &holdout.training);
    let batches = Batches::train(images, &data, experiment.seed, epoch, &Device::Cpu).expect("batches");
    let weight = tensor(run, checkpoint, "layers.1.weight").to_dtype(DType::F64)?;
    let (mut mean, mut variance, mut count) = (weight.sum(1)?.zeros_like()?, weight.sum(1)?.zeros_like()?, 0.0);
    for batch in batches.iter_from(0).take(most) {
        let x = batch.expect("a batch").inputs.to_dtype(DType::F64)?.flatten_from(1)?;
        let y = x.matmul(&weight.t()?)?;
        // Each image stands at 3 time-steps, so that the unbiased variance is over three times as many values.
        let n = 3.0 * y.dim(0)? as f64;
        let of_batch = y.mean(0)?;
        let biased = y.broadcast_sub(&of_batch)?.sqr()?.mean(0)?;
        mean = (mean + of_batch)?;
        variance = (variance + (biased * (n / (n - 1.0)))?)?;
        count += 1.0;
    }
    Ok([(mean / count)?.to_vec1()?, (variance / count)?.to_vec1()?])
}

fn close(found: &Tensor, expected: &[f64]) {
    let found = found.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("values");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found}, expected {expected}");
    }
}

#[test]
fn statistics_are_the_mean_over_batches_of_training_images_and_the_runs_own_checkpoints_stay() {
    let workspace = Workspace::new();
    workspace.ok(&[&["run", "own.toml"], &DIRECT[..]].concat());
    let run = workspace.run(1);
    let before = ["last", "best"].map(|checkpoint| bits(&run, checkpoint));
    for (most, checkpoint) in [(1, "last"), (5, "last"), (200, "last")] {
        let batches = most.to_string();
        let said = workspace.ok(&["recalibrate", "runs/own", "--checkpoint", checkpoint, "--batches", &batches]);
        assert!(said.contains("validation images") && said.contains("before") && said.contains("after"), "{said}");
        let [mean, variance] = by_hand(&run, checkpoint, 4, most).expect("statistics");
        close(&tensor(&run, "recalibrated", "layers.2.running_mean"), &mean);
        close(&tensor(&run, "recalibrated", "layers.2.running_var"), &variance);
        for name in ["layers.1.weight", "layers.2.gamma", "layers.4.weight"] {
            let [own, found] = [checkpoint, "recalibrated"].map(|which| tensor(&run, which, name));
            assert_eq!(
                own.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                found.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            );
        }
    }
    assert!(before == ["last", "best"].map(|checkpoint| bits(&run, checkpoint)), "a checkpoint of the run has changed");
    assert!(workspace.ok(&["doctor", "runs/own"]).contains("complete"));

    // What was printed is what an evaluation of both finds.
    let json = |arguments: &[&str]| -> serde_json::Value {
        let said = workspace.ok(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&said[said.find('{').expect("JSON")..]).expect("JSON")
    };
    let printed = json(&["recalibrate", "runs/own"]);
    for (when, checkpoint) in [("before", "best"), ("after", "recalibrated")] {
        let found = json(&["eval", "runs/own", "--images", "validation", "--checkpoint", checkpoint]);
        for number in ["loss", "top1", "top5"] {
            assert_eq!(printed[when][number], found[number], "{when} {number}");
        }
    }
    assert_ne!(printed["before"]["loss"], printed["after"]["loss"]);
}

#[test]
fn what_has_no_statistics_or_is_no_run_is_refused() {
    let workspace = Workspace::new();
    let plain =
        "network.layers=['flatten', { linear = { features = 8 } }, 'lif', { linear = { features = 'classes' } }]";
    workspace.ok(&["run", "own.toml", plain, "training.epochs=1"]);
    let message = workspace.refused(&["recalibrate", "runs/own"]);
    assert!(message.contains("no norm of the network has running statistics"), "{message}");
    assert!(workspace.refused(&["recalibrate", "own.toml"]).contains("expected a run folder"));
    assert!(
        workspace
            .refused(&["eval", "runs/own", "--checkpoint", "recalibrated"])
            .contains("there is no checkpoint folder")
    );
    assert!(workspace.refused(&["recalibrate", "runs/own", "--batches", "0"]).contains("0 is not in 1.."));
}
