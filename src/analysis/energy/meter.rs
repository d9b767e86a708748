//! Counting spikes and synaptic operations while a network is evaluated.

use super::product::{CostedLayer, Operands, OperationProbe};
use crate::layers::LayerKind;
use crate::network::{LayerIo, NetworkPlan, Observer};
use crate::ops::nonzero;
use candle_core::Result;

/// Counts at every time-step, over all images that were evaluated.
pub type SpikesByStep = Vec<u64>;

/// What one product has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpikes {
    /// Operations set off by values of the layer's input that are not zero.
    pub operations: SpikesByStep,
    /// Operations set off by the spikes before average pools; the same where there are none.
    pub before_pooling: SpikesByStep,
}

/// Spikes of the neurons of one LIF layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSpikes {
    /// `layers.2.lif`.
    pub layer: String,
    /// Neurons of the layer.
    pub neurons: u64,
    pub spikes: SpikesByStep,
}

/// An observer that counts.
pub struct Meter<'a> {
    products: &'a [CostedLayer],
    pub received: Vec<ReceivedSpikes>,
    pub spikes: Vec<LayerSpikes>,
}

impl<'a> Meter<'a> {
    /// For a network of these products, evaluated for `time_steps`.
    pub fn new(products: &'a [CostedLayer], plan: &NetworkPlan, time_steps: usize) -> Self {
        let none = vec![0; time_steps];
        let received = ReceivedSpikes { operations: none.clone(), before_pooling: none.clone() };
        let neurons = plan.kinds.iter().zip(&plan.layers).enumerate().filter(|(_, (kind, _))| **kind == LayerKind::Lif);
        let spikes = |(index, (_, layer)): (usize, (_, &crate::layers::LayerPlan))| LayerSpikes {
            layer: format!("layers.{index}.lif"),
            neurons: layer.output.elements() as u64,
            spikes: none.clone(),
        };
        Self { products, received: vec![received; products.len()], spikes: neurons.map(spikes).collect() }
    }
}

/// Adds the counts of `x` over its images.
fn add(counts: &mut SpikesByStep, x: &candle_core::Tensor, fan_out: &[u32]) -> Result<()> {
    for (sum, images) in counts.iter_mut().zip(nonzero::count(x, fan_out)?) {
        *sum += images.iter().sum::<u64>();
    }
    Ok(())
}

impl Observer for Meter<'_> {
    fn layer(&mut self, io: &LayerIo<'_>) -> Result<()> {
        let Some(input) = io.input else { return Ok(()) };
        let here = |probe: &OperationProbe| probe.layer == io.index;
        for (product, received) in self.products.iter().zip(&mut self.received) {
            if product.operands == Operands::Constant {
                // It computes once, with every value.
                continue;
            }
            if here(&product.received) {
                add(&mut received.operations, input, &product.received.fan_out)?;
            }
            let before = product.before_pooling.as_ref().unwrap_or(&product.received);
            if here(before) {
                add(&mut received.before_pooling, input, &before.fan_out)?;
            }
        }
        if let Some(name) = io.neurons
            && let Some(spikes) = self.spikes.iter_mut().find(|spikes| spikes.layer == name)
        {
            add(&mut spikes.spikes, &io.output.sequence, &[1])?;
        }
        Ok(())
    }
}
