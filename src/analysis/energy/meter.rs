//! Counting spikes and synaptic operations while a network is evaluated.

use super::product::{CostedLayer, Operands, OperationProbe};
use crate::network::{LayerIo, Observer};
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
    time_steps: usize,
}

impl<'a> Meter<'a> {
    /// For a network of these products, evaluated for `time_steps`. Neurons are met as they fire, in their order.
    pub fn new(products: &'a [CostedLayer], time_steps: usize) -> Self {
        let none = vec![0; time_steps];
        let received = ReceivedSpikes { operations: none.clone(), before_pooling: none };
        Self { products, received: vec![received; products.len()], spikes: Vec::new(), time_steps }
    }

    /// The counts of the neurons `layer`, whose spikes are `x` [T, B, ...].
    fn neurons(&mut self, layer: &str, x: &candle_core::Tensor) -> Option<&mut LayerSpikes> {
        let known = self.spikes.iter().position(|spikes| spikes.layer == layer).unwrap_or(self.spikes.len());
        if known == self.spikes.len() {
            let neurons = x.dims().iter().skip(2).product::<usize>() as u64;
            self.spikes.push(LayerSpikes { layer: layer.into(), neurons, spikes: vec![0; self.time_steps] });
        }
        self.spikes.get_mut(known)
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
        let here = |probe: &OperationProbe| probe.layer == io.name;
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
            && let Some(spikes) = self.neurons(name, &io.output.sequence)
        {
            add(&mut spikes.spikes, &io.output.sequence, &[1])?;
        }
        Ok(())
    }
}
