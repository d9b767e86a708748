//! A norm and the LIF neurons after it, fused.

use super::neurons::LearnedNeurons;
use super::{ForwardContext, Layer, Norm, Output, Parameter, SavedTensors};
use crate::ops::batch_norm::Statistics;
use crate::ops::lif::{self, SpikeGradient, SpikeStorage};
use crate::ops::norm_lif;
use crate::ops::pool::Window;
use candle_core::{Result, Tensor};

/// What a norm and the `lif` that follows it do one after the other, as the one op [`crate::ops::norm_lif`]: normalised
/// currents take no memory. The list in the file keeps its two layers, and tensors the name of the one they belong to.
pub struct NormLif {
    pub norm: Norm,
    pub neurons: LearnedNeurons,
    pub storage: SpikeStorage,
}

impl NormLif {
    fn backward_of(&mut self, saved: SavedTensors, grad: SpikeGradient<'_>, wanted: bool) -> Result<Option<Tensor>> {
        let [x, mean, variance] = saved.take()?;
        let norm = self.norm.normalization(&Statistics { mean, variance })?;
        let neurons = self.neurons.now()?;
        let found = norm_lif::gradients(&x, grad, &norm, &neurons)?;
        self.neurons.accumulate(found.learned, &neurons)?;
        self.norm.accumulate(found.norm, wanted)
    }
}

impl Layer for NormLif {
    fn forward(&mut self, x: Tensor, _: &ForwardContext<'_>) -> Result<(Output, SavedTensors)> {
        let batch = self.norm.batch_statistics(&x)?;
        let spikes = norm_lif::forward(&x, &self.norm.normalization(&batch)?, &self.neurons.now()?, self.storage)?;
        Ok((spikes.into(), SavedTensors::new([x, batch.mean, batch.variance])))
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        self.backward_of(saved, (&grad).into(), wanted)
    }

    fn reads_means(&self) -> bool {
        true
    }

    fn backward_of_means(
        &mut self,
        saved: SavedTensors,
        grad: &Tensor,
        window: Window,
        wanted: bool,
    ) -> Result<Option<Tensor>> {
        self.backward_of(saved, SpikeGradient::of_means(grad, window), wanted)
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        let norm = self.norm.running_normalization(x.dim(0)?)?;
        Ok(norm_lif::forward(x, &norm, &self.neurons.now()?, self.storage)?.into())
    }

    /// One after the other: with statistics that are constants, the fused op's gradient would be another.
    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        let currents = self.norm.evaluate(&x)?.sequence;
        let spikes = lif::forward(&currents, &self.neurons.now()?, self.storage)?;
        Ok((spikes.into(), SavedTensors::new([currents])))
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let [currents] = saved.take()?;
        self.norm.running_gradient(&lif::gradients(&currents, &grad, &self.neurons.now()?)?.currents)
    }

    fn set_momentum(&mut self, momentum: f64) {
        self.norm.set_momentum(momentum);
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.norm.parameters().into_iter().chain(self.neurons.parameters()).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.norm.parameters_mut().into_iter().chain(self.neurons.parameters_mut()).collect()
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        let neurons = self.neurons.parameters().map(|parameter| (parameter.name, &parameter.value));
        self.norm.state().into_iter().chain(neurons).collect()
    }

    fn state_mut(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        let neurons = self.neurons.parameters_mut().map(|parameter| (parameter.name, &mut parameter.value));
        self.norm.state_mut().into_iter().chain(neurons).collect()
    }
}
