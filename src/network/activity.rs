//! How often neurons fire.

use crate::layers::{LayerIo, Observer};
use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

/// Spikes and chances to spike of every LIF layer, in order.
#[derive(Debug, Clone, Default)]
pub struct Activity(pub Vec<LayerActivity>);

#[derive(Debug, Clone)]
pub struct LayerActivity {
    /// `layers.2.lif`.
    pub layer: String,
    /// [1] `i64`, on the device of the network: reading it would make a GPU wait.
    spikes: Tensor,
    /// Neurons x time-steps x images.
    chances: u64,
}

/// How often the neurons of a layer fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpikeCount {
    pub layer: String,
    pub spikes: i64,
    /// Neurons x time-steps x images.
    pub chances: u64,
}

impl LayerActivity {
    /// The numbers behind the rate.
    pub fn counts(&self) -> Result<SpikeCount> {
        let spikes = self.spikes.to_vec1::<i64>()?.iter().sum();
        Ok(SpikeCount { layer: self.layer.clone(), spikes, chances: self.chances })
    }

    /// Spikes per neuron and time-step.
    pub fn firing_rate(&self) -> Result<f64> {
        Ok(self.counts()?.spikes as f64 / self.chances.max(1) as f64)
    }
}

/// Counts what every layer of neurons fires.
impl Observer for Activity {
    fn layer(&mut self, io: &LayerIo<'_>) -> Result<()> {
        if let (Some(layer), Some(spikes)) = (io.neurons, &io.output.fired) {
            let chances = io.output.sequence.elem_count() as u64;
            self.0.push(LayerActivity { layer: layer.to_string(), spikes: spikes.clone(), chances });
        }
        Ok(())
    }
}

impl Activity {
    /// What was counted before, on `device`.
    pub fn of_counts(counts: &[SpikeCount], device: &Device) -> Result<Self> {
        let layer = |fired: &SpikeCount| {
            let spikes = Tensor::new(&[fired.spikes], device)?;
            Ok(LayerActivity { layer: fired.layer.clone(), spikes, chances: fired.chances })
        };
        Ok(Self(counts.iter().map(layer).collect::<Result<_>>()?))
    }

    pub fn add(&mut self, other: &Self) -> Result<()> {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return Ok(());
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.spikes = (&mine.spikes + &theirs.spikes)?;
            mine.chances = mine.chances.saturating_add(theirs.chances);
        }
        Ok(())
    }

    /// Every layer's name and firing rate.
    pub fn firing_rates(&self) -> Result<Vec<(String, f64)>> {
        self.0.iter().map(|layer| Ok((layer.layer.clone(), layer.firing_rate()?))).collect()
    }
}
