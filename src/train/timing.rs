//! How long a run will take on this machine: some training steps and an evaluation are timed, on random images.
//!
//! What is timed is what a run does, with the network as it is initialised: its spikes are about as dense as those of a
//! trained one. Where a step of a whole batch on the CPU takes more than [`PATIENCE`], fewer images are timed, and the
//! time goes by their number.

use super::bench::random_split;
use super::evaluate::{evaluation_options, logits};
use super::memory_check::{refuse_what_does_not_fit, with_memory_explained};
use super::step;
use crate::data::{Batch, Batches, DataConfig, DeviceDataset};
use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::network::Network;
use crate::optimizers::{Optimizer, TrainingPosition};
use candle_core::Device;
use serde::Serialize;
use std::time::{Duration, Instant};

/// About so long is timed.
pub const PATIENCE: Duration = Duration::from_millis(1500);
/// Of it, what a step of a whole batch may take.
const LONGEST_STEP: f64 = 0.75;
/// More steps tell no more.
const MOST_STEPS: usize = 5;

/// What was timed, and what a run makes of it. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunTiming {
    pub device: String,
    pub threads: usize,
    /// Images of a step that were timed; fewer than a batch where that took too long.
    pub images_timed: usize,
    pub step_seconds: f64,
    /// Of all images that are evaluated after an epoch; absent where nobody knows how many there are.
    pub evaluation_seconds: Option<f64>,
    pub epochs: usize,
    pub steps_per_epoch: Option<usize>,
    /// Of all epochs, with their evaluations; absent where nobody knows how many images there are.
    pub seconds: Option<f64>,
    #[serde(skip)]
    measured: Measured,
}

impl RunTiming {
    /// The same of another run whose steps cost the same, with its own length.
    pub fn for_run(&self, checked: &CheckedExperiment) -> Self {
        run_timing(checked, self.device.clone(), self.measured)
    }
}

/// The images of a run as its config and its data set's published size say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ImageCounts {
    training: usize,
    /// After an epoch.
    evaluated: usize,
    /// At the end, of a run with validation images.
    tested: usize,
}

impl ImageCounts {
    /// Nothing where the data set's size is not known before it is read.
    fn of_run(checked: &CheckedExperiment) -> Option<Self> {
        let CheckedExperiment { experiment, shape, .. } = checked;
        let limit = experiment.data.limit.as_ref();
        let at_most = |count: usize, most: Option<usize>| count.min(most.unwrap_or(count));
        let train = at_most(shape.train, limit.and_then(|limit| limit.train));
        let test = at_most(shape.test, limit.and_then(|limit| limit.test));
        if train == 0 || test == 0 {
            return None;
        }
        Some(match &experiment.data.validation {
            None => Self { training: train, evaluated: test, tested: 0 },
            Some(validation) => {
                let held = (train as f64 * validation.share).round() as usize;
                Self { training: train.saturating_sub(held), evaluated: held, tested: test }
            }
        })
    }
}

/// Seconds of one batch, and of an image that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    images: usize,
    step: f64,
    evaluated_image: f64,
}

/// Times some steps and an evaluation of a batch.
///
/// # Errors
/// [`Error::Device`] where the device cannot be used or a step needs more memory than there is; those of candle.
pub fn time(checked: &CheckedExperiment) -> Result<RunTiming> {
    let device = checked.experiment.training.open_device()?;
    refuse_what_does_not_fit(checked, &device, false)?;
    let measured = with_memory_explained(&device, checked, || measure(checked, &device))?;
    Ok(run_timing(checked, crate::ops::device::name(&device), measured))
}

fn run_timing(checked: &CheckedExperiment, device: String, measured: Measured) -> RunTiming {
    let (training, batch) = (&checked.experiment.training, checked.experiment.data.batch_size);
    let counts = ImageCounts::of_run(checked);
    let steps = counts.map(|counts| counts.training / batch);
    let evaluation = counts.map(|counts| measured.evaluated_image * counts.evaluated as f64);
    let whole = |counts: ImageCounts| {
        let steps = (counts.training / batch * training.epochs) as f64;
        let images = counts.evaluated * training.evaluations_after(0) + counts.tested;
        steps * measured.step + images as f64 * measured.evaluated_image
    };
    RunTiming {
        device,
        threads: rayon::current_num_threads(),
        images_timed: measured.images,
        step_seconds: measured.step,
        evaluation_seconds: evaluation,
        epochs: training.epochs,
        steps_per_epoch: steps,
        seconds: counts.map(whole),
        measured,
    }
}

/// A network that is timed.
struct TimedNetwork<'a> {
    checked: &'a CheckedExperiment,
    device: &'a Device,
    network: Network,
    optimizer: Optimizer,
}

impl TimedNetwork<'_> {
    /// A batch of so many images, and the seconds that it takes to make one.
    fn batch(&self, images: usize) -> Result<(Batch, f64)> {
        let CheckedExperiment { experiment, shape, .. } = self.checked;
        let data = DataConfig { batch_size: images, ..experiment.data.clone() };
        let split = random_split(shape, images);
        let resident = DeviceDataset::upload(&split, &data, self.device)?;
        let batches = Batches::train(&split, &data, experiment.seed, 0, self.device)?;
        let batches = batches.with_device_cache(resident.as_ref());
        let started = Instant::now();
        let batch = batches.batch(0)?;
        self.device.synchronize()?;
        Ok((batch, started.elapsed().as_secs_f64()))
    }

    fn step(&mut self, batch: &Batch) -> Result<f64> {
        let position = TrainingPosition { epoch: 0, epochs: 1, step: 0, steps: 1 };
        let started = Instant::now();
        // A learning rate of next to nothing: the weights, and with them the firing rates, stay as they are.
        let training = &self.checked.experiment.training;
        let seen = step(&mut self.network, &mut self.optimizer, batch, position, 1e-12, training, &mut ())?;
        seen.read_score()?;
        self.device.synchronize()?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn evaluation(&self, batch: &Batch) -> Result<f64> {
        let options = evaluation_options(&self.checked.experiment, &self.network)?;
        let started = Instant::now();
        logits(&self.network, batch, options)?.0.to_vec2::<f32>()?;
        Ok(started.elapsed().as_secs_f64())
    }
}

fn measure(checked: &CheckedExperiment, device: &Device) -> Result<Measured> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let network = Network::build(&experiment.network, plan.clone(), experiment.seed, device)?;
    let mut timed = TimedNetwork { checked, device, network, optimizer: Optimizer::new(&experiment.optimizer) };
    let whole = experiment.data.batch_size;
    let mut images = if device.is_cpu() { whole.min(2) } else { whole };
    let (mut batch, mut making) = timed.batch(images)?;
    if !device.is_cpu() {
        // A GPU's first step prepares its kernels, and tells nothing of the next.
        timed.step(&batch)?;
    }
    let began = Instant::now();
    let mut first = timed.step(&batch)?;
    while let Some(more) = more_images(images, whole, first) {
        images = more;
        (batch, making) = timed.batch(images)?;
        first = timed.step(&batch)?;
    }
    let mut steps = Vec::new();
    while steps.len() < MOST_STEPS && began.elapsed() + Duration::from_secs_f64(first) < PATIENCE {
        steps.push(timed.step(&batch)?);
    }
    let evaluation = match timed.evaluation(&batch)? {
        // The first prepares, as a step does.
        seconds if seconds < LONGEST_STEP => timed.evaluation(&batch)?,
        seconds => seconds,
    };
    let of_batch = whole as f64 / images as f64;
    // A thread of its own makes the next batch meanwhile: the slower of both is waited for.
    let step = median(steps).unwrap_or(first).max(making);
    Ok(Measured { images, step: step * of_batch, evaluated_image: evaluation / images as f64 })
}

/// How many images to time next, where a step of `images` took so many seconds: as many as are not too many, if that
/// are many more.
fn more_images(images: usize, whole: usize, seconds: f64) -> Option<usize> {
    let fit = (images as f64 * LONGEST_STEP / seconds.max(1e-9)) as usize;
    let more = fit.min(whole);
    (more == whole && images < whole || more >= images.saturating_mul(2)).then_some(more)
}

fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

/// Why nothing was timed, for what goes on all the same.
pub fn why_not(error: &Error) -> String {
    let text = error.to_string();
    text.split("; --insist").next().unwrap_or(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    fn checked(overrides: &[&str]) -> CheckedExperiment {
        let text = "name = 'a'\ndata = { dataset = { cifar10 = { path = 'absent' } }, batch_size = 128 }\n\
                    optimizer = { sgd = { lr = 0.1 } }\ntraining = { epochs = 8, evaluate_every = 3 }\n\
                    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
                    layers = ['flatten', { linear = { features = 20 } }, 'lif', { linear = { features = 'classes' } }]";
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        Experiment::parse(text, "a.toml", &overrides).unwrap()
    }

    #[test]
    fn a_run_takes_its_steps_and_evaluations() {
        let measured = Measured { images: 128, step: 0.5, evaluated_image: 0.001 };
        let timing = |overrides: &[&str]| run_timing(&checked(overrides), "cpu".into(), measured);
        // 390 steps of 128 of the 50,000 images; 10,000 are evaluated after epochs 3, 6 and 8.
        let of_all = timing(&[]);
        assert_eq!((of_all.steps_per_epoch, of_all.evaluation_seconds), (Some(390), Some(10.0)));
        assert_eq!(of_all.seconds, Some(8.0 * 390.0 * 0.5 + 3.0 * 10.0));
        let limited = timing(&["data.limit={ train = 1300, test = 200 }"]);
        assert_eq!((limited.steps_per_epoch, limited.seconds), (Some(10), Some(8.0 * 10.0 * 0.5 + 3.0 * 0.2)));
        // A tenth is evaluated three times, and the test images once.
        let held = timing(&["data.validation={ share = 0.1 }", "data.limit={ train = 1300 }"]);
        assert_eq!((held.steps_per_epoch, held.evaluation_seconds), (Some(9), Some(0.13)));
        assert!((held.seconds.unwrap() - (8.0 * 9.0 * 0.5 + 3.0 * 0.13 + 10.0)).abs() < 1e-9);
        assert_eq!(of_all.for_run(&checked(&["training.epochs=3"])).seconds, Some(3.0 * 390.0 * 0.5 + 10.0));
    }

    #[test]
    fn as_many_images_are_timed_as_are_not_too_long() {
        // 2 of 128 take 10 ms: all may take 0.64 s. Of 100 ms, 15 are what 0.75 s hold; of 0.4 s, no more than 2.
        assert_eq!(more_images(2, 128, 0.01), Some(128));
        assert_eq!(more_images(2, 128, 0.1), Some(15));
        assert_eq!(more_images(2, 128, 0.4), None);
        assert_eq!(more_images(100, 128, 0.5), Some(128));
        assert_eq!(more_images(128, 128, 0.1), None);
        assert_eq!(more_images(1, 1, 0.1), None);
    }

    #[test]
    fn a_step_is_timed_without_the_data_set_and_what_does_not_fit_is_said() {
        let timing = time(&checked(&["training.device=cpu"])).unwrap();
        assert!(timing.step_seconds > 0.0 && timing.images_timed >= 2 && timing.seconds.is_some(), "{timing:?}");
        let refused = time(&checked(&["network.time_steps=100000000"])).unwrap_err();
        let why = why_not(&refused);
        assert!(why.starts_with("cpu: there are ") && !why.contains("--insist"), "{why}");
    }
}
