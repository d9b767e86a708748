//! The energy account: counted operations times their cost, layer by layer.

use super::constants::Constants;
use super::meter::{Meter, SpikesByStep};
use super::product::{CostedLayer, Operands};
use serde::Serialize;

/// What one convolution or linear layer takes per image, in picojoule.
///
/// With T the time-steps that were computed, MACs the dense multiply-accumulates of one step, E_MAC, E_AC and E_mem the
/// costs of [`Constants`]:
///
/// | field | energy |
/// |---|---|
/// | `formula` | R MACs E_AC, with R the spikes per neuron over all T of the layer's own neurons (Kim & Panda 2021); the readout, which has none, has the R of the neurons before it. Of a direct-coded first layer MACs E_MAC |
/// | `counted` | a sum (E_AC) for every connection of every spike that the layer really received, spikes before average pooling being passed on one by one |
/// | `pooled` | the same where the means themselves are passed on: fewer values, but each a product too (E_MAC) |
/// | `with_memory` | `counted`, and for each sum a weight read and a current read and written, for each product a weight and an input read; at every step each output's membrane potential read and written (3, 2 and 2 E_mem) |
/// | `ann` | MACs E_MAC: the same layers without time |
/// | `ann_with_memory` | `ann`, with a weight and an input read for each product and each output written |
///
/// Nothing is reused between operations, in either network: an upper bound for both. Norms count for nothing, since
/// running statistics can be folded into weights and thresholds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerEnergy {
    /// `layers.0.conv`.
    pub layer: String,
    pub macs: u64,
    /// R.
    pub spikes_per_neuron: f64,
    /// Synaptic operations per image of what the layer received, and of the spikes before average pooling.
    pub operations: f64,
    pub operations_before_pooling: f64,
    pub formula: f64,
    pub counted: f64,
    pub pooled: f64,
    pub with_memory: f64,
    pub ann: f64,
    pub ann_with_memory: f64,
}

/// The energy of each layer for each of `images`, over the first `time_steps` that were counted.
pub fn account(
    products: &[CostedLayer],
    meter: &Meter<'_>,
    images: u64,
    time_steps: usize,
    costs: &Constants,
) -> Vec<LayerEnergy> {
    let per_image = |counts: &SpikesByStep| counts.iter().take(time_steps).sum::<u64>() as f64 / images.max(1) as f64;
    let rate = |name: &str| {
        let spikes = meter.spikes.iter().find(|spikes| spikes.layer == name);
        spikes.map(|spikes| per_image(&spikes.spikes) / spikes.neurons.max(1) as f64)
    };
    let mut before = 0.0;
    products
        .iter()
        .zip(&meter.received)
        .map(|(product, received)| {
            let spikes_per_neuron = product.neurons.as_deref().and_then(rate).unwrap_or(before);
            before = spikes_per_neuron;
            let (macs, outputs) = (product.macs as f64, product.outputs as f64);
            let constant = product.operands == Operands::Constant;
            let operations = |counts: &SpikesByStep| if constant { macs } else { per_image(counts) };
            let (operations, sums) = (operations(&received.operations), operations(&received.before_pooling));
            let spikes = product.operands == Operands::Spikes;
            let (each, accesses) = if spikes { (costs.accumulate, 3.0) } else { (costs.multiply_accumulate, 2.0) };
            let pooled_each = if product.before_pooling.is_some() { costs.multiply_accumulate } else { each };
            let ann = macs * costs.multiply_accumulate;
            let counted = sums * each;
            let potentials = 2.0 * outputs * time_steps as f64;
            LayerEnergy {
                layer: product.name.clone(),
                macs: product.macs,
                spikes_per_neuron,
                operations,
                operations_before_pooling: sums,
                formula: if constant { ann } else { spikes_per_neuron * macs * costs.accumulate },
                counted,
                pooled: operations * pooled_each,
                with_memory: counted + (sums * accesses + potentials) * costs.memory_access,
                ann,
                ann_with_memory: ann + (2.0 * macs + outputs) * costs.memory_access,
            }
        })
        .collect()
}

/// The sum of one column.
pub fn total(layers: &[LayerEnergy], column: impl Fn(&LayerEnergy) -> f64) -> f64 {
    layers.iter().map(column).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::energy::meter::{LayerSpikes, ReceivedSpikes};
    use crate::analysis::energy::product::products;
    use crate::experiment::Experiment;

    const COSTS: Constants = Constants { multiply_accumulate: 4.6, accumulate: 0.9, memory_access: 5.0 };

    /// 64 pixels, 20 neurons, 10 classes; counts of two images over two steps, made up.
    fn layers(encoder: &str, time_steps: usize) -> Vec<LayerEnergy> {
        let text = format!(
            "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 8 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
             training = {{ epochs = 1 }}\n[network]\ntime_steps = 2\nencoder = '{encoder}'\n\
             layers = ['flatten', {{ linear = {{ features = 20 }} }}, 'lif', {{ linear = {{ features = 'classes' }} }}]"
        );
        let checked = Experiment::parse(&text, "a", &[]).unwrap();
        let products = products(&checked.experiment.network, &checked.plan);
        let mut meter = Meter::new(&products, 2);
        let received = |counts: [u64; 2]| ReceivedSpikes { operations: counts.into(), before_pooling: counts.into() };
        // 30 and 40 pixels fired, 20 sums each; 6 and 10 neurons, 10 sums each.
        meter.received = vec![received([600, 800]), received([60, 100])];
        meter.spikes = vec![LayerSpikes { layer: "layers.2.lif".into(), neurons: 20, spikes: vec![6, 10] }];
        account(&products, &meter, 2, time_steps, &COSTS)
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found}, expected {expected}");
    }

    #[test]
    fn the_formula_and_the_count_are_those_computed_by_hand() {
        let [first, readout] = &layers("poisson", 2)[..] else { panic!("two layers") };
        // 16 spikes of 2 images and 20 neurons: R = 0.4 for both.
        close(first.formula, 0.4 * 1280.0 * 0.9);
        close(readout.formula, 0.4 * 200.0 * 0.9);
        close(first.counted, 700.0 * 0.9);
        close(readout.counted, 80.0 * 0.9);
        close(readout.with_memory, 80.0 * 0.9 + (3.0 * 80.0 + 2.0 * 10.0 * 2.0) * 5.0);
        close(first.ann, 1280.0 * 4.6);
        close(first.ann_with_memory, 1280.0 * 4.6 + (2.0 * 1280.0 + 20.0) * 5.0);
    }

    #[test]
    fn a_direct_coded_first_layer_is_multiplied_once_for_all_time_steps() {
        for time_steps in [1, 2] {
            let [first, ..] = &layers("direct", time_steps)[..] else { panic!("two layers") };
            close(first.formula, 1280.0 * 4.6);
            close(first.counted, 1280.0 * 4.6);
            close(first.operations, 1280.0);
        }
    }

    #[test]
    fn fewer_time_steps_take_what_was_counted_until_then() {
        let [first, ..] = &layers("poisson", 1)[..] else { panic!("two layers") };
        close(first.counted, 300.0 * 0.9);
        close(first.spikes_per_neuron, 0.15);
    }
}
