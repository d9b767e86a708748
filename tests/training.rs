//! Properties of whole runs: the same seed gives the same bits, a resumed run is the same run, losses do not move by
//! accident.

use bntt::error::Error;
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::files::atomic;
use bntt::run::records::Records;
use bntt::run::{CheckpointKind, RunFolder};
use bntt::run::{checkpoint, metrics};
use bntt::system::signals::Stop;
use bntt::terminal::logging::Log;
use bntt::terminal::progress::EpochBar;
use bntt::train::session::{self, SessionEnd, SessionOptions};
use bntt::train::{self, Trainer, TrainingEnd};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Poisson coding, augmentation, dropout, BNTT, max and average pools, momentum, a moving learning rate.
const TEXT: &str = "name = 'small'\nseed = 3\n\
    [data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 40 }\naugment = { crop_padding = 1, flip = true }\n\
    normalize = { mean = [0.3], std = [0.4] }\n\
    [network]\ntime_steps = 3\nencoder = 'poisson'\nlayers = [ { conv = { channels = 6 } }, 'bntt', 'lif', { pool = { max = 2 } },\n\
    { conv = { channels = 8 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', { dropout = { probability = 0.2 } },\n\
    { linear = { features = 24, bias = true } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }\n[schedule]\ncosine = { last = 0.1 }\n\
    [training]\nepochs = 3\n";

fn parse(overrides: &[&str]) -> Result<CheckedExperiment> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Ok(Experiment::parse(TEXT, "small.toml", &overrides)?)
}

/// Trains `epochs` of an experiment's epochs and stops as a crash would.
fn train(checked: &CheckedExperiment, root: &Path, epochs: usize) -> Result<RunFolder> {
    let folder = RunFolder::create(root, &checked.experiment.name)?;
    let dataset = checked.experiment.load_data()?;
    let network = train::initial_network(checked, &Device::Cpu)?;
    let mut trainer = Trainer::begin(&checked.experiment, &dataset, &folder, network, Device::Cpu)?;
    trainer.train_until(epochs, &mut EpochBar::new(&Log::silent()))?;
    Ok(folder)
}

fn resume(checked: &CheckedExperiment, folder: &RunFolder, stop: Stop) -> Result<TrainingEnd> {
    let dataset = checked.experiment.load_data()?;
    let checkpoint = checkpoint::load(&folder.checkpoint(CheckpointKind::Last), &Device::Cpu)?;
    let records = Records::load(&checkpoint.folder)?.verify(folder)?;
    let trainer = Trainer::resume(checked, &dataset, folder, (checkpoint, records), Device::Cpu)?;
    Ok(trainer.until(stop).train(&mut EpochBar::new(&Log::silent()))?)
}

/// What `bntt run` and then `bntt resume` do to the end, asked to stop again and again: the `n`th time that they ask,
/// for every `n` in turn. How often it stopped.
fn train_with_stops(overrides: &[String], root: &Path, stops: &[u64]) -> Result<(RunFolder, usize)> {
    let (config, log) = (root.join("small.toml"), Log::silent());
    std::fs::write(&config, TEXT)?;
    let options = |n: u64| SessionOptions { stop: Stop::after(n), ..SessionOptions::new(root, &log) };
    let mut end = session::start(&config, overrides, options(stops[0]));
    let folder = RunFolder::open(&root.join("small"))?;
    let mut count = 0;
    while let Err(Error::Interrupted(_)) = end {
        count += 1;
        end = session::resume(folder.path(), &[], options(stops[count % stops.len()]));
    }
    assert_eq!(end?, SessionEnd::Completed);
    Ok((folder, count))
}

fn bits(tensors: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Vec<u32>>> {
    let of = |(name, tensor): (&String, &Tensor)| {
        let values = tensor.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        Ok((name.clone(), values.iter().map(|v| v.to_bits()).collect()))
    };
    tensors.iter().map(of).collect()
}

/// Everything of a run that must not depend on how it came about: weights, moments, metrics without times, steps.
fn comparable(folder: &RunFolder) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    for which in [CheckpointKind::Last, CheckpointKind::Best] {
        let found = checkpoint::load(&folder.checkpoint(which), &Device::Cpu)?;
        parts.push(format!("{:?} {:?} {:?}", bits(&found.model)?, bits(&found.optimizer)?, found.progress));
    }
    for line in metrics::read(&folder.metrics_jsonl())? {
        parts.push(format!("{} {:?} {:?} {} {:?}", line.epoch, line.train, line.test, line.lr, line.firing_rates));
    }
    parts.push(std::fs::read_to_string(folder.steps())?);
    Ok(parts)
}

#[test]
fn a_resumed_run_is_the_run_that_was_never_stopped_to_the_last_bit() -> Result {
    for optimizer in ["sgd={lr=0.1, momentum=0.9}", "adam={lr=1e-2}", "adamw={lr=1e-2}"] {
        let checked = parse(&[&format!("optimizer.{optimizer}")])?;
        let root = tempfile::tempdir()?;
        let whole = train(&checked, root.path(), 3)?;
        let stopped = train(&checked, root.path(), 1)?;
        assert_eq!(metrics::read(&stopped.metrics_jsonl())?.len(), 1);
        resume(&checked, &stopped, Stop::never())?;
        assert_eq!(comparable(&whole)?, comparable(&stopped)?, "{optimizer}");
    }
    Ok(())
}

#[test]
fn a_run_stopped_inside_its_epochs_and_evaluations_is_the_same_run() -> Result {
    let schedules = [
        "'constant'",
        "{ milestones = { at = [0.3, 0.7], factor = 0.1 } }",
        "{ warmup = { epochs = 1, then = { cosine = { last = 0.1 } } } }",
    ];
    let optimizers =
        ["sgd={lr=0.1, momentum=0.9, weight_decay=1e-4}", "adam={lr=1e-2}", "adamw={lr=1e-2, weight_decay=0.1}"];
    let mut all = 0;
    for (number, optimizer) in optimizers.iter().enumerate() {
        for (other, schedule) in schedules.iter().enumerate() {
            let encoder = if (number + other) % 2 == 0 { "poisson" } else { "direct" };
            let overrides = [
                format!("optimizer.{optimizer}"),
                format!("schedule={schedule}"),
                format!("network.encoder={encoder}"),
                "training.evaluation_draws=2".into(),
                "training.checkpoint_every={steps = 2}".into(),
                // 0 mixes nothing.
                format!("data.augment.mixup={}", if number == other { 0.4 } else { 0.0 }),
            ];
            let root = tempfile::tempdir()?;
            let with = |threads: usize, stops: &[u64]| -> Result<_> {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                let trained =
                    pool.install(|| train_with_stops(&overrides, root.path(), stops).map_err(|e| e.to_string()));
                let (folder, count) = trained?;
                Ok((comparable(&folder)?, count))
            };
            // An epoch asks 1 + 6 + 3 times: at its beginning, after each step, before each batch of the evaluation.
            let (whole, none) = with(1, &[u64::MAX])?;
            let (stopped, count) = with(1 + number % 2, &[4, 2, 3, 9, 7, 8 + other as u64])?;
            assert_eq!(whole, stopped, "{overrides:?}");
            assert_eq!(none, 0);
            all += count;
        }
    }
    assert!(all > 9 * 4, "stopped {all} times");
    Ok(())
}

#[test]
fn checkpoints_inside_an_epoch_come_after_so_many_steps() -> Result {
    let checked = parse(&["training.checkpoint_every={steps = 4}"])?;
    let root = tempfile::tempdir()?;
    let folder = RunFolder::create(root.path(), "small")?;
    let dataset = checked.experiment.load_data()?;
    let network = train::initial_network(&checked, &Device::Cpu)?;
    let mut trainer = Trainer::begin(&checked.experiment, &dataset, &folder, network, Device::Cpu)?;
    trainer.train_until(1, &mut EpochBar::new(&Log::silent()))?;
    // Six steps an epoch: saved after the fourth, and after the epoch.
    let before =
        checkpoint::load(&atomic::beside(&folder.checkpoint(CheckpointKind::Last), ".previous"), &Device::Cpu)?;
    assert_eq!((before.progress.epoch, before.progress.step, before.progress.global_step), (0, 4, 4));
    assert_eq!(before.progress.partial.expect("sums").images, 64);
    let last = checkpoint::load(&folder.checkpoint(CheckpointKind::Last), &Device::Cpu)?.progress;
    assert_eq!((last.epoch, last.step, last.global_step, last.partial), (1, 0, 6, None));
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bits_with_one_thread_and_with_three() -> Result {
    let checked = parse(&[])?;
    let root = tempfile::tempdir()?;
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            train(&checked, root.path(), 3).and_then(|folder| comparable(&folder)).map_err(|e| e.to_string())
        })
    };
    let one = with(1)?;
    assert_eq!(one, with(3)?);
    let other = train(&parse(&["seed=4"])?, root.path(), 3)?;
    assert_ne!(one, comparable(&other)?, "another seed must give another run");
    Ok(())
}

/// Losses of this very file when it was written. A refactoring moves them by rounding at most.
#[test]
fn losses_are_the_golden_ones() -> Result {
    let root = tempfile::tempdir()?;
    let folder = train(&parse(&[])?, root.path(), 3)?;
    let found: Vec<f64> = metrics::read(&folder.metrics_jsonl())?.iter().map(|line| line.train.loss).collect();
    let golden = [2.831_742_6, 2.431_318_3, 2.512_274_5];
    let close = found.iter().zip(golden).all(|(found, golden): (&f64, f64)| (found - golden).abs() < 1e-4);
    assert!(close && found.len() == golden.len(), "found {found:?}, golden {golden:?}");
    assert!(found[2] < found[0], "the loss falls");
    Ok(())
}

#[test]
fn the_memory_that_check_predicts_for_backward_is_what_a_step_keeps() -> Result {
    for encoder in ["network.encoder=poisson", "network.encoder=direct"] {
        let CheckedExperiment { experiment, plan, .. } = parse(&[encoder])?;
        let predicted = plan.kept_bytes(16) as f64;
        let mut network = bntt::network::Network::build(&experiment.network, plan, 0, &Device::Cpu)?;
        let images = Tensor::zeros((16, 1, 8, 8), candle_core::DType::F32, &Device::Cpu)?;
        let (_, tape, _) = network.forward(&images, 0, &(0..16).collect::<Vec<u32>>(), &mut ())?;
        let ratio = tape.bytes() as f64 / predicted;
        // Means and variances of the batch norms are not worth predicting.
        assert!((1.0..1.05).contains(&ratio), "{encoder}: kept {} bytes, predicted {predicted}", tape.bytes());
    }
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_stops_before_the_weights_move() -> Result {
    let checked = parse(&["optimizer.sgd.lr=1e30", "training.epochs=1"])?;
    let root = tempfile::tempdir()?;
    let error = train(&checked, root.path(), 1).expect_err("a loss that is not finite").to_string();
    assert!(error.contains("in epoch 1 at step 3 (learning rate 1e30): stopped before"), "{error}");
    Ok(())
}
