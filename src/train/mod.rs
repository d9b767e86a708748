//! The training loop.

mod config;
mod epoch;
mod step;

pub use config::TrainingConfig;
pub use step::{Step, step};

use crate::checkpoint::{self, Checkpoint, Progress};
use crate::data::{Batches, Dataset, Resident};
use crate::durable::sha256_hex;
use crate::error::Result;
use crate::evaluate::evaluate;
use crate::experiment::{Checked, Experiment};
use crate::metrics::{EpochMetrics, Metrics};
use crate::network::Network;
use crate::optimizers::{Moment, Optimizer};
use crate::progress::EpochBar;
use crate::run::{RunFolder, Which};
use candle_core::Device;
use epoch::Epoch;
use tracing::info;

/// Steps whose losses are read from a GPU together.
const READ_EVERY: usize = 25;

/// Everything that moves while a run trains.
pub struct Trainer<'a> {
    experiment: &'a Experiment,
    dataset: &'a Dataset,
    /// The training and the test images on the device, where batches are made there.
    resident: [Option<Resident>; 2],
    folder: &'a RunFolder,
    device: Device,
    network: Network,
    optimizer: Optimizer,
    metrics: Metrics,
    progress: Progress,
}

/// A network with the weights that its run starts from.
///
/// # Errors
/// When `training.initial_weights` does not fit.
pub fn start(checked: &Checked, device: &Device) -> Result<Network> {
    let Checked { experiment, plan, .. } = checked;
    let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, device)?;
    if let Some(path) = &experiment.training.initial_weights {
        let weights = checkpoint::load_tensors(path, device)?;
        checkpoint::matching(&network.state_shapes(), &weights, path)?;
        network.load_state(&weights)?;
    }
    Ok(network)
}

/// Both splits on `device`, where it is a GPU with room for them.
fn resident(experiment: &Experiment, dataset: &Dataset, device: &Device) -> Result<[Option<Resident>; 2]> {
    let of = |split| Resident::of(split, &experiment.data, device);
    Ok([of(&dataset.train)?, of(&dataset.test)?])
}

impl<'a> Trainer<'a> {
    /// A run from its beginning.
    pub fn begin(
        experiment: &'a Experiment,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        network: Network,
        device: Device,
    ) -> Result<Self> {
        let optimizer = Optimizer::new(&experiment.optimizer);
        let progress = Progress::new(&experiment.name, &sha256_hex(experiment.to_toml()?.as_bytes()));
        let metrics = Metrics::open(folder, 0, 0)?;
        let resident = resident(experiment, dataset, &device)?;
        Ok(Self { experiment, dataset, resident, folder, device, network, optimizer, metrics, progress })
    }

    /// A run from `checkpoint`.
    pub fn resume(
        checked: &'a Checked,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        checkpoint: Checkpoint,
        device: Device,
    ) -> Result<Self> {
        let Checked { experiment, plan, .. } = checked;
        let Checkpoint { model, optimizer: moments, progress, folder: path } = checkpoint;
        let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &device)?;
        checkpoint::matching(&network.state_shapes(), &model, &path.join("model.safetensors"))?;
        network.load_state(&model)?;
        let mut optimizer = Optimizer::new(&experiment.optimizer);
        let shapes = network.parameters().into_iter().map(|(name, p)| (name, p.value.dims().to_vec()));
        optimizer.load_state(&moments, &shapes.collect::<Vec<_>>())?;
        let metrics = Metrics::open(folder, progress.epoch, 0)?;
        let resident = resident(experiment, dataset, &device)?;
        Ok(Self { experiment, dataset, resident, folder, device, network, optimizer, metrics, progress })
    }

    /// Epochs completed.
    pub fn epochs_done(&self) -> usize {
        self.progress.epoch
    }

    /// Trains to the last epoch. Weights are on disk after every epoch.
    pub fn train(&mut self, bar: &mut EpochBar) -> Result<()> {
        self.train_until(self.experiment.training.epochs, bar)
    }

    /// Trains until `end` epochs are done.
    pub fn train_until(&mut self, end: usize, bar: &mut EpochBar) -> Result<()> {
        let epochs = self.experiment.training.epochs;
        while self.progress.epoch < end.min(epochs) {
            let epoch = self.progress.epoch;
            let started = std::time::Instant::now();
            let seen = self.train_epoch(epoch, bar)?;
            let training_seconds = started.elapsed().as_secs_f64();
            bar.finish_epoch();

            let due = (epoch + 1).is_multiple_of(self.experiment.training.evaluate_every) || epoch + 1 == epochs;
            let test = if due { Some(self.evaluate()?) } else { None };
            self.progress.epoch += 1;
            let better = test.as_ref().is_some_and(|test| self.progress.best_top1.is_none_or(|best| test.top1 > best));
            if let (true, Some(test)) = (better, &test) {
                (self.progress.best_top1, self.progress.best_epoch) = (Some(test.top1), Some(epoch + 1));
            }

            let mut line = seen.metrics(epoch + 1, test, training_seconds)?;
            line.seconds = started.elapsed().as_secs_f64();
            self.metrics.epoch(&line)?;
            // `last` comes last: a run that dies in between repeats the epoch and writes the same `best` again.
            if better {
                self.save(Which::Best)?;
            }
            self.save(Which::Last)?;
            info!("{}", describe(&line, epochs));
        }
        Ok(())
    }

    /// Highest top-1 accuracy on the test images in percent, and its epoch counted from 1.
    pub fn best(&self) -> Option<(f64, usize)> {
        self.progress.best_top1.zip(self.progress.best_epoch)
    }

    fn train_epoch(&mut self, epoch: usize, bar: &mut EpochBar) -> Result<Epoch> {
        let Experiment { data, training, optimizer, schedule, seed, .. } = self.experiment;
        let batches = Batches::train(&self.dataset.train, data, *seed, epoch, &self.device)?;
        let batches = batches.out_of(self.resident[0].as_ref());
        let steps = batches.steps();
        // A GPU works ahead of the program; asking it for a loss makes both wait.
        let read_every = if self.device.is_cpu() { 1 } else { READ_EVERY };
        let mut seen = Epoch::default();
        bar.start_epoch(epoch + 1, training.epochs, steps);
        batches.ahead(0, |batches| {
            let mut unread = Vec::new();
            for (number, batch) in batches.enumerate() {
                let now = Moment { epoch, epochs: training.epochs, step: number, steps };
                let lr = optimizer.lr() * schedule.factor(now);
                let step = step(&mut self.network, &mut self.optimizer, &batch?, now, lr, training, &mut ())?;
                seen.fired(&step.activity, lr)?;
                unread.push(step);
                if unread.len() == read_every || number + 1 == steps {
                    for step in unread.drain(..) {
                        let score = step.settle()?;
                        seen.score.add(&score);
                        self.metrics.step(epoch + 1, step.now.step + 1, score.loss())?;
                        self.progress.global_step += 1;
                        bar.step(seen.score.loss(), seen.score.top1_percent());
                    }
                }
            }
            Ok(seen)
        })
    }

    fn evaluate(&self) -> Result<crate::metrics::Scores> {
        let batches = Batches::evaluate(&self.dataset.test, &self.experiment.data, &self.device)?;
        let batches = batches.out_of(self.resident[1].as_ref());
        let draws = self.experiment.training.evaluation_draws;
        Ok(epoch::scores(&evaluate(&self.network, &batches, draws)?.score))
    }

    fn save(&mut self, which: Which) -> Result<()> {
        let directory = self.folder.checkpoint(which);
        checkpoint::save(&directory, &self.network.state(), &self.optimizer.state()?, &self.progress)
    }
}

fn describe(line: &EpochMetrics, epochs: usize) -> String {
    let test = line.test.as_ref().map_or(String::new(), |test| {
        format!("  test loss {:.4} top-1 {:.2} % top-5 {:.2} %", test.loss, test.top1, test.top5)
    });
    format!(
        "epoch {}/{epochs}  train loss {:.4} top-1 {:.2} %{test}  lr {:.2e}  {:.0} images/s",
        line.epoch, line.train.loss, line.train.top1, line.lr, line.images_per_second
    )
}
