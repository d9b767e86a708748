//! How long a training step and an evaluation take, and where: the measurements of `bntt bench`.
//!
//! Images are random, so no data set is needed; the batches, the network and the step are those of a run. Two steps
//! warm up before any is measured. Times are wall-clock seconds of single steps.

use crate::data::{Batches, DataShape, DeviceDataset, Split, SplitValues};
use crate::error::Result;
use crate::experiment::CheckedExperiment;
use crate::network::{LayerIo, Network, Observer};
use crate::ops::machine_rates::{self, MachineRates};
use crate::optimizers::{Optimizer, TrainingPosition};
use crate::rng::{Purpose, Stream};
use crate::train::evaluate::{EvaluationOptions, logits};
use crate::train::step;
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::time::Instant;

const WARM_UP: usize = 2;

/// Seconds of a part over all repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PhaseTiming {
    pub median: f64,
    pub minimum: f64,
    /// Distance between the quartiles.
    pub spread: f64,
}

impl PhaseTiming {
    /// Of at least one measurement.
    fn from_seconds(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        // The value at a share of the way through the sorted ones, between neighbours in proportion.
        let at = |share: f64| {
            let place = share * seconds.len().saturating_sub(1) as f64;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            let value = |i: usize| seconds.get(i).copied().unwrap_or(f64::NAN);
            value(low) + (value(high) - value(low)) * place.fract()
        };
        Self { median: at(0.5), minimum: at(0.0), spread: at(0.75) - at(0.25) }
    }
}

/// One layer, or a norm with the neurons it is fused with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// `layers.3`.
    pub layer: String,
    pub kind: String,
    pub forward: PhaseTiming,
    pub backward: PhaseTiming,
    /// Multiply-accumulates of a forward pass over the batch, dense.
    pub macs: u64,
    pub kept_bytes: usize,
    /// Spikes per neuron and time-step in the last step.
    pub firing_rate: Option<f64>,
}

/// What was measured. All numbers are of one batch unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    pub name: String,
    pub device: String,
    pub threads: usize,
    pub batch_size: usize,
    pub time_steps: usize,
    pub repeats: usize,
    /// Making the batch: decoding, augmentation, normalisation. In a run a thread of its own does it meanwhile.
    pub data: PhaseTiming,
    /// Encoder, layers and loss.
    pub forward: PhaseTiming,
    pub backward: PhaseTiming,
    /// Norm of the gradients and the move of the weights.
    pub optimizer: PhaseTiming,
    /// Forward, backward and optimizer.
    pub step: PhaseTiming,
    /// A forward pass with running statistics that keeps nothing.
    pub evaluation: PhaseTiming,
    pub images_per_second: f64,
    pub evaluation_images_per_second: f64,
    pub milliseconds_per_image_and_time_step: f64,
    /// Operations of dense products (two a multiply-accumulate, three products a layer) over the step's median.
    pub gflops: f64,
    pub kept_bytes: usize,
    /// Of the process so far.
    pub peak_memory_bytes: Option<u64>,
    /// What the processor does at most; nothing where a GPU does the work.
    pub machine: Option<MachineRates>,
    /// Of a GPU's memory, by this process's tensors so far.
    pub device_peak_bytes: Option<u64>,
    pub layers: Vec<LayerReport>,
}

/// Times the parts of one step by the moments at which they end, on a GPU by those at which it has done them.
struct Stopwatch {
    device: Device,
    last: Instant,
    encoded_and_scored: f64,
    optimizer: f64,
    forward: Vec<(String, f64, usize)>,
    backward: Vec<f64>,
}

impl Stopwatch {
    fn start(device: &Device) -> Self {
        let (device, none) = (device.clone(), Vec::new());
        Self {
            device,
            last: Instant::now(),
            encoded_and_scored: 0.0,
            optimizer: 0.0,
            forward: Vec::new(),
            backward: none,
        }
    }

    fn forward_seconds(&self) -> f64 {
        self.encoded_and_scored + self.forward.iter().map(|(_, seconds, _)| seconds).sum::<f64>()
    }

    fn backward_seconds(&self) -> f64 {
        self.backward.iter().sum()
    }
}

impl Stopwatch {
    /// Seconds since the part before has ended.
    fn lap(&mut self) -> f64 {
        // What fails on the device fails the next thing that is asked of it too.
        let _ = self.device.synchronize();
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        seconds
    }
}

impl Observer for Stopwatch {
    fn encoded(&mut self) {
        self.encoded_and_scored += self.lap();
    }

    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        if io.nested {
            // Its time is that of the layer that holds it.
            return Ok(());
        }
        let seconds = self.lap();
        self.forward.push((io.name.to_string(), seconds, io.saved_bytes));
        Ok(())
    }

    fn scored(&mut self) {
        self.encoded_and_scored += self.lap();
    }

    fn backward(&mut self, _: &str) {
        // From the last layer to the first.
        let seconds = self.lap();
        self.backward.insert(0, seconds);
    }

    fn updated(&mut self) {
        self.optimizer += self.lap();
    }
}

/// Measures `repeats` training steps and as many evaluations of `checked`'s network on random images.
pub fn measure(checked: &CheckedExperiment, device: &Device, repeats: usize) -> Result<BenchReport> {
    let CheckedExperiment { experiment, shape, plan } = checked;
    let batch_size = experiment.data.batch_size;
    let split = random_split(shape, batch_size);
    let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, device)?;
    let mut optimizer = Optimizer::new(&experiment.optimizer);
    let resident = DeviceDataset::upload(&split, &experiment.data, device)?;
    let batches =
        Batches::train(&split, &experiment.data, experiment.seed, 0, device)?.with_device_cache(resident.as_ref());
    let (mut data, mut steps, mut evaluations, mut watches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for repeat in 0..WARM_UP + repeats {
        let started = Instant::now();
        let batch = batches.batch(0)?;
        device.synchronize()?;
        let data_seconds = started.elapsed().as_secs_f64();

        let now = TrainingPosition { epoch: 0, epochs: 1, step: repeat, steps: WARM_UP + repeats };
        // A learning rate of next to nothing: the weights, and with them the firing rates, stay those of the first
        // step.
        let (lr, training) = (1e-12, &experiment.training);
        let (mut profiler, started) = (Stopwatch::start(device), Instant::now());
        let seen = step(&mut network, &mut optimizer, &batch, now, lr, training, &mut profiler)?;
        let mut step_seconds = started.elapsed().as_secs_f64();
        if !device.is_cpu() {
            // Parts are waited for one by one, which a run does not do: the whole is a step of its own.
            let started = Instant::now();
            step(&mut network, &mut optimizer, &batch, now, lr, training, &mut ())?;
            device.synchronize()?;
            step_seconds = started.elapsed().as_secs_f64();
        }

        let started = Instant::now();
        logits(&network, &batch, EvaluationOptions { draws: 1, time_steps: plan.time_steps })?;
        device.synchronize()?;
        if repeat >= WARM_UP {
            evaluations.push(started.elapsed().as_secs_f64());
            data.push(data_seconds);
            steps.push(step_seconds);
            watches.push(profiler);
        }
        last = Some(seen);
    }

    let layers =
        layer_reports(checked, &watches, &last.as_ref().map_or(Ok(Vec::new()), |seen| seen.activity.firing_rates())?);
    let over = |part: fn(&Stopwatch) -> f64| PhaseTiming::from_seconds(watches.iter().map(part).collect());
    let (step, evaluation) = (PhaseTiming::from_seconds(steps), PhaseTiming::from_seconds(evaluations));
    let images = batch_size as f64;
    let operations = 6.0 * plan.macs() as f64 * images * plan.time_steps as f64;
    Ok(BenchReport {
        name: experiment.name.clone(),
        device: crate::ops::device::name(device),
        threads: rayon::current_num_threads(),
        batch_size,
        time_steps: plan.time_steps,
        repeats,
        data: PhaseTiming::from_seconds(data),
        forward: over(Stopwatch::forward_seconds),
        backward: over(Stopwatch::backward_seconds),
        optimizer: over(|profiler| profiler.optimizer),
        step,
        evaluation,
        images_per_second: images / step.median,
        evaluation_images_per_second: images / evaluation.median,
        milliseconds_per_image_and_time_step: 1e3 * step.median / images / plan.time_steps as f64,
        gflops: operations / step.median / 1e9,
        kept_bytes: last.map_or(0, |seen| seen.kept_bytes),
        peak_memory_bytes: crate::system::memory::peak(),
        // After the peak is read, which its arrays would raise.
        machine: device.is_cpu().then(machine_rates::measure),
        device_peak_bytes: crate::ops::device::peak_memory(device),
        layers,
    })
}

fn layer_reports(checked: &CheckedExperiment, watches: &[Stopwatch], rates: &[(String, f64)]) -> Vec<LayerReport> {
    let plan = &checked.plan;
    let firing_rate = |index: usize| {
        let label = format!("layers.{index}.lif");
        rates.iter().find(|(layer, _)| *layer == label).map(|(_, rate)| *rate)
    };
    let report = |(place, (layer, _, kept)): (usize, &(String, f64, usize))| {
        let index: usize = layer.strip_prefix("layers.").and_then(|index| index.parse().ok())?;
        let fused = plan.layers.get(index + 1).is_some_and(|next| next.fused);
        let own = plan.layers.get(index)?;
        let steps = if own.output.constant { 1 } else { plan.time_steps };
        Some(LayerReport {
            layer: layer.clone(),
            kind: format!("{}{}", plan.kinds.get(index)?, if fused { " lif" } else { "" }),
            forward: PhaseTiming::from_seconds(
                watches.iter().filter_map(|watch| watch.forward.get(place).map(|(_, seconds, _)| *seconds)).collect(),
            ),
            backward: PhaseTiming::from_seconds(
                watches.iter().filter_map(|watch| watch.backward.get(place).copied()).collect(),
            ),
            macs: own.macs * (steps * checked.experiment.data.batch_size) as u64,
            kept_bytes: *kept,
            firing_rate: firing_rate(if fused { index + 1 } else { index }),
        })
    };
    watches.first().map_or(Vec::new(), |watch| watch.forward.iter().enumerate().filter_map(report).collect())
}

/// A batch of random images, or sequences, with random labels.
pub(super) fn random_split(shape: &DataShape, items: usize) -> Split {
    let stream = Stream::new(0, Purpose::Synthetic, 0, 0, 0);
    let mut item = vec![shape.channels, shape.height, shape.width];
    item.splice(0..0, shape.time_steps);
    let values = (items * item.iter().product::<usize>()) as u64;
    let items_in = match shape.time_steps {
        None => SplitValues::Bytes((0..values).map(|i| stream.u32(i) as u8).collect()),
        Some(_) => SplitValues::Floats((0..values).map(|i| f32::from(u8::from(stream.uniform(i) < 0.1))).collect()),
    };
    let labels = (0..items as u64).map(|i| stream.below(values + i, shape.classes as u32)).collect();
    Split { items: items_in, labels, shape: item }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timing_is_the_median_the_minimum_and_the_distance_between_quartiles() {
        let timing = PhaseTiming::from_seconds(vec![4.0, 1.0, 2.0, 3.0, 10.0]);
        assert_eq!(timing, PhaseTiming { median: 3.0, minimum: 1.0, spread: 2.0 });
        assert_eq!(PhaseTiming::from_seconds(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(PhaseTiming::from_seconds(vec![7.0]), PhaseTiming { median: 7.0, minimum: 7.0, spread: 0.0 });
    }
}
