//! What `bntt`, `batch_norm` and `tdbn` share: batch statistics in training, running ones in evaluation.

use super::plan::{PlanResult, SavedForBackward, numbers};
use super::{BuildContext, ForwardContext, Layer, LayerPlan, LayerSpec, Output, Parameter, SavedTensors, SequenceSpec};
use super::{SequenceSizes, Traffic};
use crate::ops::batch_norm::{self, Gradients, Groups, Normalization, Statistics};
use crate::ops::sequence::once;
use candle_core::{DType, Result, Tensor};

/// Normalisation in groups of time-steps, the equation of [`crate::ops::batch_norm`]. `bntt` has a group per time-step,
/// the others have one.
///
/// Running statistics r follow the batch's b as r = (1 - momentum) r + momentum b, with the unbiased variance.
pub struct Norm {
    /// [G, C].
    gamma: Parameter,
    /// [C].
    beta: Option<Parameter>,
    running_mean: Tensor,
    running_var: Tensor,
    /// Fixed factor of gamma: 1, or alpha times the threshold for `tdbn`.
    factor: f64,
    eps: f64,
    momentum: f64,
}

/// What tells the norms apart.
pub struct NormSettings {
    pub groups: usize,
    pub beta: bool,
    pub factor: f64,
    pub eps: f64,
    pub momentum: f64,
}

/// The config of a norm: [`LayerSpec`] follows from it.
pub trait NormSpec {
    /// What it computes in a network of `context`.
    fn settings(&self, context: &BuildContext) -> NormSettings;

    /// The norm with its initial gamma 1, beta 0 and running statistics 0 and 1.
    fn build_norm(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Norm> {
        Norm::new(self.settings(context), plan, context)
    }
}

impl<N: NormSpec> LayerSpec for N {
    fn plan(&self, input: &SequenceSpec, context: &BuildContext) -> PlanResult {
        let NormSettings { groups, beta, .. } = self.settings(context);
        plan(groups, beta, input)
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.build_norm(plan, context)?))
    }

    fn as_norm(&self) -> Option<&dyn NormSpec> {
        Some(self)
    }

    fn traffic(&self, sizes: &SequenceSizes<'_>, spikes: Option<&SequenceSpec>) -> Traffic {
        spikes.map_or_else(|| sizes.norm(), |spikes| sizes.norm_and_neurons(spikes))
    }
}

/// The plan of every norm: the shape stays, gamma is [G, C], beta [C].
fn plan(groups: usize, beta: bool, input: &SequenceSpec) -> PlanResult {
    if input.spikes {
        return Err(
            "normalises currents, but the layer before gives spikes: put it between a conv or linear and its lif"
                .into(),
        );
    }
    let channels = input.shape.first().copied().unwrap_or(1);
    let output = SequenceSpec { constant: false, ..input.clone() };
    let plan = LayerPlan::free(input, output, SavedForBackward::Input);
    let parameters = numbers("gamma", &[groups, channels])?.saturating_add(if beta { channels } else { 0 });
    Ok(LayerPlan { parameters, ..plan })
}

impl Norm {
    pub fn new(settings: NormSettings, plan: &LayerPlan, shared: &BuildContext) -> Result<Self> {
        let channels = plan.input.shape.first().copied().unwrap_or(1);
        let table = (settings.groups, channels);
        let beta = || Tensor::zeros(channels, DType::F32, shared.device);
        Ok(Self {
            gamma: Parameter::new("gamma", Tensor::ones(table, DType::F32, shared.device)?),
            beta: settings.beta.then(beta).transpose()?.map(|value| Parameter::new("beta", value)),
            running_mean: Tensor::zeros(table, DType::F32, shared.device)?,
            running_var: Tensor::ones(table, DType::F32, shared.device)?,
            factor: settings.factor,
            eps: settings.eps,
            momentum: settings.momentum,
        })
    }

    fn scale(&self) -> Result<Tensor> {
        if self.factor == 1.0 { Ok(self.gamma.value.clone()) } else { &self.gamma.value * self.factor }
    }

    /// What turns currents into the layer's output, given statistics.
    pub(super) fn normalization(&self, with: &Statistics) -> Result<Normalization> {
        Ok(Normalization {
            with: with.clone(),
            scale: self.scale()?,
            shift: self.beta.as_ref().map(|beta| beta.value.clone()),
            eps: self.eps,
        })
    }

    /// The batch's statistics, which the running ones follow.
    pub(super) fn batch_statistics(&mut self, x: &Tensor) -> Result<Statistics> {
        let groups = self.gamma.value.dim(0)?;
        let batch = match once(x)? {
            // Every time-step's statistics are those of the one that stands for all.
            Some(step) => {
                let Statistics { mean, variance } = batch_norm::statistics(&step, 1)?;
                Statistics { mean: mean.repeat((groups, 1))?, variance: variance.repeat((groups, 1))? }
            }
            None => batch_norm::statistics(x, groups)?,
        };
        self.update_running(&batch, Groups::from_tensor(x, groups)?.count())?;
        Ok(batch)
    }

    /// What the first `time_steps` steps are normalised with in evaluation: running statistics.
    pub(super) fn running_normalization(&self, time_steps: usize) -> Result<Normalization> {
        let groups = self.gamma.value.dim(0)?;
        // A group a time-step, of which the first are wanted; or one group for all.
        let first = |table: &Tensor| table.narrow(0, 0, groups.min(time_steps));
        let with = Statistics { mean: first(&self.running_mean)?, variance: first(&self.running_var)? };
        let all = self.normalization(&with)?;
        Ok(Normalization { scale: first(&all.scale)?, ..all })
    }

    /// The gradient of the input that [`Norm::running_normalization`] normalises: it is a line, whose slope is left.
    pub(super) fn running_gradient(&self, grad: &Tensor) -> Result<Tensor> {
        let line = self.running_normalization(grad.dim(0)?)?;
        let with = Statistics { mean: line.with.mean.zeros_like()?, ..line.with };
        batch_norm::normalize(grad, &Normalization { with, shift: None, ..line })
    }

    /// Adds to the parameters' gradients and hands on the input's.
    pub(super) fn accumulate(&mut self, found: Gradients, wanted: bool) -> Result<Option<Tensor>> {
        self.gamma.accumulate(if self.factor == 1.0 { found.scale } else { (found.scale * self.factor)? })?;
        if let (Some(beta), Some(shift)) = (&mut self.beta, found.shift) {
            beta.accumulate(shift)?;
        }
        Ok(wanted.then_some(found.input))
    }

    fn update_running(&mut self, batch: &Statistics, count: usize) -> Result<()> {
        let running = Statistics { mean: self.running_mean.clone(), variance: self.running_var.clone() };
        let followed = batch_norm::follow(&running, batch, self.momentum, count)?;
        (self.running_mean, self.running_var) = (followed.mean, followed.variance);
        Ok(())
    }
}

impl Layer for Norm {
    fn forward(&mut self, x: Tensor, _: &ForwardContext<'_>) -> Result<(Output, SavedTensors)> {
        let batch = self.batch_statistics(&x)?;
        let y = batch_norm::normalize(&x, &self.normalization(&batch)?)?;
        Ok((y.into(), SavedTensors::new([x, batch.mean, batch.variance])))
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        let [x, mean, variance] = saved.take()?;
        let batch = Statistics { mean, variance };
        let found = batch_norm::gradients(&x, &grad, &self.normalization(&batch)?)?;
        self.accumulate(found, wanted)
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(batch_norm::normalize(x, &self.running_normalization(x.dim(0)?)?)?.into())
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        Ok((self.evaluate(&x)?, SavedTensors::nothing()))
    }

    fn input_gradient(&self, _: SavedTensors, grad: Tensor) -> Result<Tensor> {
        self.running_gradient(&grad)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        [&self.gamma].into_iter().chain(&self.beta).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        [&mut self.gamma].into_iter().chain(&mut self.beta).collect()
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        let learned = self.parameters().into_iter().map(|p| (p.name, &p.value));
        learned.chain([("running_mean", &self.running_mean), ("running_var", &self.running_var)]).collect()
    }

    fn state_mut(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        let learned = [&mut self.gamma].into_iter().chain(&mut self.beta).map(|p| (p.name, &mut p.value));
        learned.chain([("running_mean", &mut self.running_mean), ("running_var", &mut self.running_var)]).collect()
    }
}
