//! What `bntt`, `batch_norm` and `tdbn` share: batch statistics in training, running ones in evaluation.

use super::plan::{PlanResult, SavedForBackward, numbers};
use super::{BuildContext, ForwardContext, Layer, LayerPlan, LayerSpec, Output, Parameter, SavedTensors, SequenceSpec};
use super::{SequenceSizes, Traffic};
use crate::ops::batch_norm::{self, Gradients, Groups, Normalization, Over, Statistics};
use crate::ops::sequence::once;
use candle_core::{DType, Result, Tensor};

/// Normalisation in groups of time-steps, the equation of [`crate::ops::batch_norm`]: Y = w (gamma h + beta), with h the
/// currents by their statistics. `bntt` has a group per time-step, `batch_norm` and `tdbn` have one, without w; `tebn`
/// and `tab` have a group per time-step whose statistics are over more than it, and a weight w of every time-step.
///
/// Running statistics r follow the batch's b as r = (1 - momentum) r + momentum b, with the unbiased variance.
pub struct Norm {
    /// [G, C]; [1, C] for `tebn`.
    gamma: Parameter,
    /// [C]; [T, C] for `tab`.
    beta: Option<Parameter>,
    /// p `[T]`, of which w is made.
    step: Option<Parameter>,
    running_mean: Tensor,
    running_var: Tensor,
    settings: NormSettings,
}

/// What tells the norms apart.
#[derive(Debug, Clone, Copy)]
pub struct NormSettings {
    /// Rows of gamma and of the running statistics: T or 1.
    pub groups: usize,
    pub beta: bool,
    /// Fixed factor of gamma: 1, or alpha times the threshold for `tdbn`.
    pub factor: f64,
    pub eps: f64,
    pub momentum: f64,
    /// What statistics are over, and so what a group is.
    pub over: Over,
    /// How a learned p of every time-step, which begins at 1, weighs it: not at all, as p, or as its square.
    pub step: Option<StepWeight>,
}

/// The weight w of a time-step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepWeight {
    /// w = p.
    Plain,
    /// w = p^2.
    Square,
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
        plan(&self.settings(context), context.time_steps, input)
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

/// The plan of every norm: the shape stays.
fn plan(settings: &NormSettings, time_steps: usize, input: &SequenceSpec) -> PlanResult {
    if input.spikes {
        return Err(
            "normalises currents, but the layer before gives spikes: put it between a conv or linear and its lif"
                .into(),
        );
    }
    let channels = input.channels();
    let output = SequenceSpec { constant: false, ..input.clone() };
    let plan = LayerPlan::free(input, output, SavedForBackward::Input);
    let beta = if settings.beta { settings.beta_rows().saturating_mul(channels) } else { 0 };
    let steps = if settings.step.is_some() { time_steps } else { 0 };
    let gamma = numbers("gamma", &[settings.groups, channels])?;
    Ok(LayerPlan { parameters: gamma.saturating_add(beta).saturating_add(steps), ..plan })
}

impl NormSettings {
    /// The time-steps that the statistics are over which are over the fewest of `time_steps`.
    pub fn fewest_steps(&self, time_steps: usize) -> usize {
        match self.over {
            Over::Group => time_steps.checked_div(self.groups).unwrap_or(time_steps),
            Over::Prefix => 1,
            Over::Sequence => time_steps,
        }
    }

    /// Rows of beta: `tab` has one of every time-step.
    fn beta_rows(&self) -> usize {
        if self.over == Over::Prefix { self.groups } else { 1 }
    }
}

impl Norm {
    pub fn new(settings: NormSettings, plan: &LayerPlan, shared: &BuildContext) -> Result<Self> {
        let channels = plan.input.channels();
        let table = (settings.groups, channels);
        let beta = || match settings.beta_rows() {
            1 if settings.over != Over::Prefix => Tensor::zeros(channels, DType::F32, shared.device),
            rows => Tensor::zeros((rows, channels), DType::F32, shared.device),
        };
        let step = || Tensor::ones(shared.time_steps, DType::F32, shared.device);
        Ok(Self {
            gamma: Parameter::new("gamma", Tensor::ones(table, DType::F32, shared.device)?),
            beta: settings.beta.then(beta).transpose()?.map(|value| Parameter::new("beta", value)),
            step: settings.step.map(|_| step()).transpose()?.map(|value| Parameter::new("p", value)),
            running_mean: Tensor::zeros(table, DType::F32, shared.device)?,
            running_var: Tensor::ones(table, DType::F32, shared.device)?,
            settings,
        })
    }

    /// Time-steps' weights w [T, 1], where there are any.
    fn weights(&self) -> Result<Option<Tensor>> {
        let of = |step: &Parameter| match self.settings.step {
            Some(StepWeight::Square) => step.value.sqr()?.unsqueeze(1),
            _ => step.value.unsqueeze(1),
        };
        self.step.as_ref().map(of).transpose()
    }

    /// What turns currents into the layer's output, given statistics.
    pub(super) fn normalization(&self, with: &Statistics) -> Result<Normalization> {
        let factor = self.settings.factor;
        let scale = if factor == 1.0 { self.gamma.value.clone() } else { (&self.gamma.value * factor)? };
        let shift = self.beta.as_ref().map(|beta| beta.value.clone());
        let (with, over, eps) = (with.clone(), self.settings.over, self.settings.eps);
        let Some(weights) = self.weights()? else {
            return Ok(Normalization { with, over, scale, shift, eps });
        };
        let weighted = |of: Tensor| of.broadcast_mul(&weights);
        let rows = |beta: Tensor| if beta.rank() == 1 { beta.unsqueeze(0) } else { Ok(beta) };
        let shift = shift.map(|beta| weighted(rows(beta)?)).transpose()?;
        Ok(Normalization { with, over, scale: weighted(scale)?, shift, eps })
    }

    /// The batch's statistics, a row for every group, which the running ones follow.
    pub(super) fn batch_statistics(&mut self, x: &Tensor) -> Result<Statistics> {
        let (groups, time_steps) = (self.gamma.value.dim(0)?, x.dim(0)?);
        let count = Groups::from_tensor(x, groups)?.count();
        let batch = match (once(x)?, self.settings.over) {
            // Every time-step's statistics are those of the one that stands for all.
            (Some(step), _) => batch_norm::statistics(&step, 1)?.repeated(groups)?,
            (None, Over::Prefix) => batch_norm::accumulated(&batch_norm::statistics(x, groups)?)?,
            (None, _) => batch_norm::statistics(x, groups)?,
        };
        let running = Statistics { mean: self.running_mean.clone(), variance: self.running_var.clone() };
        let followed = match self.settings.over {
            Over::Prefix => {
                // The variance of group g is over g + 1 as many values: made unbiased before it is followed.
                let unbiased = |group: usize| {
                    let values = (count as f64) * (group as f64 + 1.0);
                    (values / (values - 1.0).max(1.0)) as f32
                };
                let unbiased: Vec<f32> = (0..groups).map(unbiased).collect();
                let unbiased = Tensor::from_vec(unbiased, (groups, 1), x.device())?;
                let variance = batch.variance.broadcast_mul(&unbiased)?;
                let batch = Statistics { mean: batch.mean.clone(), variance };
                batch_norm::follow(&running, &batch, self.settings.momentum, usize::MAX)?
            }
            _ => batch_norm::follow(&running, &batch, self.settings.momentum, count)?,
        };
        (self.running_mean, self.running_var) = (followed.mean, followed.variance);
        // A weight of every time-step makes a group of it, with the sequence's statistics.
        if self.step.is_some() && groups == 1 { batch.repeated(time_steps) } else { Ok(batch) }
    }

    /// What the first `time_steps` steps are normalised with in evaluation: running statistics.
    pub(super) fn running_normalization(&self, time_steps: usize) -> Result<Normalization> {
        // A group a time-step, of which the first are wanted; or one group for all.
        let first = |table: &Tensor| table.narrow(0, 0, table.dim(0)?.min(time_steps));
        let with = Statistics { mean: first(&self.running_mean)?, variance: first(&self.running_var)? };
        let with = match &self.step {
            Some(_) if with.mean.dim(0)? == 1 => with.repeated(time_steps)?,
            _ => with,
        };
        let all = self.normalization(&with)?;
        let shift = match all.shift {
            Some(shift) if shift.rank() == 2 => Some(first(&shift)?.contiguous()?),
            shift => shift,
        };
        Ok(Normalization { scale: first(&all.scale)?.contiguous()?, shift, ..all })
    }

    /// The gradient of the input that [`Norm::running_normalization`] normalises: it is a line, whose slope is left.
    pub(super) fn running_gradient(&self, grad: &Tensor) -> Result<Tensor> {
        let line = self.running_normalization(grad.dim(0)?)?;
        let with = Statistics { mean: line.with.mean.zeros_like()?, ..line.with };
        batch_norm::normalize(grad, &Normalization { with, shift: None, ..line })
    }

    /// Adds to the parameters' gradients and hands on the input's.
    pub(super) fn accumulate(&mut self, found: Gradients, wanted: bool) -> Result<Option<Tensor>> {
        let Gradients { input, scale, shift } = found;
        let factor = self.settings.factor;
        let scale = if factor == 1.0 { scale } else { (scale * factor)? };
        if let Some(weights) = self.weights()? {
            self.accumulate_weighted(&scale, shift.as_ref(), &weights)?;
        } else {
            self.gamma.accumulate(scale)?;
            if let (Some(beta), Some(shift)) = (&mut self.beta, shift) {
                beta.accumulate(shift)?;
            }
        }
        Ok(wanted.then_some(input))
    }

    /// The gradients of gamma, beta and p from those of w gamma and w beta [T, C].
    fn accumulate_weighted(&mut self, scale: &Tensor, shift: Option<&Tensor>, weights: &Tensor) -> Result<()> {
        // Of p: through both products, and through the square.
        let mut by_weight = scale.broadcast_mul(&self.gamma.value)?.sum(1)?;
        let like = |gradient: Tensor, value: &Tensor| match value.dims() {
            &[rows, _] if rows > 1 => Ok(gradient),
            dims => gradient.sum(0)?.reshape(dims),
        };
        let gamma = like(scale.broadcast_mul(weights)?, &self.gamma.value)?;
        self.gamma.accumulate(gamma)?;
        if let (Some(beta), Some(shift)) = (&mut self.beta, shift) {
            by_weight = (by_weight + shift.broadcast_mul(&beta.value)?.sum(1)?)?;
            let gradient = like(shift.broadcast_mul(weights)?, &beta.value)?;
            beta.accumulate(gradient)?;
        }
        if let Some(step) = &mut self.step {
            let gradient = match self.settings.step {
                Some(StepWeight::Square) => ((by_weight * &step.value)? * 2.0)?,
                _ => by_weight,
            };
            step.accumulate(gradient)?;
        }
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

    fn set_momentum(&mut self, momentum: f64) {
        self.settings.momentum = momentum;
    }

    fn parameters(&self) -> Vec<&Parameter> {
        [&self.gamma].into_iter().chain(&self.beta).chain(&self.step).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        [&mut self.gamma].into_iter().chain(&mut self.beta).chain(&mut self.step).collect()
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        let learned = self.parameters().into_iter().map(|p| (p.name, &p.value));
        learned.chain([("running_mean", &self.running_mean), ("running_var", &self.running_var)]).collect()
    }

    fn state_mut(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        let learned = [&mut self.gamma].into_iter().chain(&mut self.beta).chain(&mut self.step);
        let learned = learned.map(|p| (p.name, &mut p.value));
        learned.chain([("running_mean", &mut self.running_mean), ("running_var", &mut self.running_var)]).collect()
    }
}
