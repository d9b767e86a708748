//! The early-exit curve: accuracy, firing rate, operations and energy after every number of time-steps.

use crate::analysis::energy::{self, Constants, CostedLayer, Meter};
use crate::data::Batches;
use crate::error::Result;
use crate::network::Network;
use crate::ops::finite;
use crate::train::evaluate::EvaluationOptions;
use candle_core::{DType, Device, Tensor};
use serde::Serialize;

/// A network that computes so many time-steps of every image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtStep {
    pub time_steps: usize,
    /// Top-1 accuracy in percent, of the logits that these time-steps give.
    pub top1: f64,
    /// Spikes per neuron and time-step: the mean over the LIF layers, each of which counts once.
    pub firing_rate: f64,
    /// Synaptic operations per image: spikes before average pooling, passed on one by one.
    pub operations: f64,
    /// Of these operations, per image in picojoule ([`energy::LayerEnergy::counted`]).
    pub energy: f64,
}

/// A network that stops for each image by itself, after the first time-step at which the softmax of the logits averaged
/// so far gives some class the probability `confidence` or more; at the last in any case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtConfidence {
    pub confidence: f64,
    /// In percent.
    pub top1: f64,
    /// The mean over the images.
    pub time_steps: f64,
}

/// Both on a whole split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EarlyExitCurve {
    pub images: u64,
    /// From one time-step on.
    pub steps: Vec<AtStep>,
    pub confidences: Vec<AtConfidence>,
}

/// What is summed over batches.
struct EarlyExitSums {
    images: u64,
    /// Right after so many time-steps.
    right: Vec<u64>,
    /// For each confidence: right, and time-steps in all.
    exits: Vec<(u64, u64)>,
}

/// Computes the first `effort.time_steps` steps of every image, once for each draw, and none after them.
pub fn curve(
    network: &Network,
    batches: &Batches<'_>,
    options: EvaluationOptions,
    confidences: &[f64],
    (products, costs): (&[CostedLayer], &Constants),
) -> Result<EarlyExitCurve> {
    let EvaluationOptions { draws, time_steps } = options;
    let mut meter = Meter::new(products, time_steps);
    let mut tally = EarlyExitSums { images: 0, right: vec![0; time_steps], exits: vec![(0, 0); confidences.len()] };
    for batch in batches.iter_from(0) {
        let batch = batch?;
        let mut currents: Option<Tensor> = None;
        for draw in 0..draws {
            let (inputs, indices) = (&batch.inputs, &batch.indices);
            let (more, _) = network.evaluate_steps(inputs, draw, indices, time_steps, &mut meter)?;
            currents = Some(match currents {
                Some(sum) => (sum + more)?,
                None => more,
            });
        }
        if let Some(sum) = currents {
            let currents = (sum / draws as f64)?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            finite::check_logits(&currents)?;
            let latest = network.readout().is_latest();
            tally.add(&currents.to_vec3()?, latest, &batch.labels.to_vec1()?, confidences);
        }
    }
    let seen = tally.images * draws as u64;
    let at = |(t, right): (usize, &u64)| at_step(t + 1, *right, &tally, &meter, seen, (products, costs));
    Ok(EarlyExitCurve {
        images: tally.images,
        steps: tally.right.iter().enumerate().map(at).collect(),
        confidences: confidences.iter().zip(&tally.exits).map(|(&p, exits)| tally.at_confidence(p, *exits)).collect(),
    })
}

fn at_step(
    time_steps: usize,
    right: u64,
    tally: &EarlyExitSums,
    meter: &Meter<'_>,
    seen: u64,
    (products, costs): (&[CostedLayer], &Constants),
) -> AtStep {
    let layers = energy::account(products, meter, seen, time_steps, costs);
    let rate = |layer: &energy::LayerSpikes| {
        let spikes: u64 = layer.spikes.iter().take(time_steps).sum();
        spikes as f64 / (layer.neurons * seen.max(1) * time_steps as u64).max(1) as f64
    };
    AtStep {
        time_steps,
        top1: tally.percent(right),
        firing_rate: meter.spikes.iter().map(rate).sum::<f64>() / meter.spikes.len().max(1) as f64,
        operations: energy::total(&layers, |layer| layer.operations_before_pooling),
        energy: energy::total(&layers, |layer| layer.counted),
    }
}

impl EarlyExitSums {
    /// `currents` [T][B][K], of which those up to a step are averaged, or the `latest` alone is read.
    fn add(&mut self, currents: &[Vec<Vec<f32>>], latest: bool, labels: &[u32], confidences: &[f64]) {
        for (image, &label) in labels.iter().enumerate() {
            self.images += 1;
            let mut sum: Vec<f64> = Vec::new();
            let mut open: Vec<bool> = vec![true; confidences.len()];
            for (t, step) in currents.iter().enumerate() {
                let Some(step) = step.get(image) else { continue };
                if latest {
                    sum.clear();
                }
                sum.resize(step.len(), 0.0);
                sum.iter_mut().zip(step).for_each(|(sum, &current)| *sum += f64::from(current));
                let (class, probability) = likeliest(&sum, if latest { 1.0 } else { (t + 1) as f64 });
                let right = u64::from(class == label as usize);
                if let Some(count) = self.right.get_mut(t) {
                    *count += right;
                }
                let last = t + 1 == currents.len();
                for ((open, exits), &confidence) in open.iter_mut().zip(&mut self.exits).zip(confidences) {
                    if *open && (last || probability >= confidence) {
                        (*open, exits.0, exits.1) = (false, exits.0 + right, exits.1 + t as u64 + 1);
                    }
                }
            }
        }
    }

    fn percent(&self, right: u64) -> f64 {
        100.0 * right as f64 / self.images.max(1) as f64
    }

    fn at_confidence(&self, confidence: f64, (right, time_steps): (u64, u64)) -> AtConfidence {
        let time_steps = time_steps as f64 / self.images.max(1) as f64;
        AtConfidence { confidence, top1: self.percent(right), time_steps }
    }
}

/// The class with the largest of `sum` / `count`, of equal ones the lowest, and its softmax probability.
fn likeliest(sum: &[f64], count: f64) -> (usize, f64) {
    let (class, largest) = sum
        .iter()
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |(class, largest), (k, &z)| if z > largest { (k, z) } else { (class, largest) });
    let all: f64 = sum.iter().map(|z| ((z - largest) / count).exp()).sum();
    (class, 1.0 / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_exits_are_those_counted_by_hand() {
        // Two images of class 1 and three time-steps. Averages of image 0: (1, 0), (0, 1), (0, 5/3); of image 1: (2,
        // 0), (2, 0), (2, 0).
        let currents = [
            vec![vec![1.0, 0.0], vec![2.0, 0.0]],
            vec![vec![-1.0, 2.0], vec![2.0, 0.0]],
            vec![vec![0.0, 3.0], vec![2.0, 0.0]],
        ];
        let mut tally = EarlyExitSums { images: 0, right: vec![0; 3], exits: vec![(0, 0); 3] };
        // Softmax of (1, 0): .731; of (5/3, 0): .841; of (2, 0): .881.
        tally.add(&currents, false, &[1, 1], &[0.5, 0.85, 0.99]);
        assert_eq!((tally.images, &tally.right[..]), (2, &[0, 1, 1][..]));
        assert_eq!(tally.exits, [(0, 2), (1, 4), (1, 6)]);
        assert_eq!(tally.at_confidence(0.85, (1, 4)), AtConfidence { confidence: 0.85, top1: 50.0, time_steps: 2.0 });
    }

    #[test]
    fn where_the_last_step_is_read_every_step_counts_by_itself() {
        // Image 0: (1, 0), (-1, 2), (0, 3), of class 1; softmax of (1, 0): .731, of (-1, 2) and (0, 3): .953.
        let currents = [vec![vec![1.0, 0.0]], vec![vec![-1.0, 2.0]], vec![vec![0.0, 3.0]]];
        let mut tally = EarlyExitSums { images: 0, right: vec![0; 3], exits: vec![(0, 0); 2] };
        tally.add(&currents, true, &[1], &[0.9, 0.99]);
        assert_eq!((&tally.right[..], &tally.exits[..]), (&[0, 1, 1][..], &[(1, 2), (1, 3)][..]));
    }

    #[test]
    fn of_equal_logits_the_lower_class_is_predicted_as_in_training_scores() {
        assert_eq!(likeliest(&[1.0, 1.0], 1.0), (0, 0.5));
    }
}
