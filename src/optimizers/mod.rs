//! Optimizers: from gradients to new weights.
//!
//! [`OptimizerConfig`] is the list of them. An optimizer's moments are named tensors that a checkpoint holds. Updates
//! are in place and need no graph: see [`crate::ops::update`].

mod adam;
mod decay;
mod schedule;
mod sgd;

pub use adam::{AdamConfig, AdamwConfig};
pub use decay::DecayedParameters;
pub use schedule::{ConstantConfig, CosineConfig, MilestonesConfig, ScheduleConfig, TrainingPosition, WarmupConfig};
pub use sgd::SgdConfig;

use crate::config::registry;
use crate::error::{Error, Result};
use crate::layers::Parameter;
use crate::ops::update::{self, ParameterUpdate, StepGuard};
use candle_core::{DType, Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an optimizer does: the one thing to write for a new one.
pub trait OptimizerSpec {
    /// The learning rate that the schedule multiplies.
    fn lr(&self) -> f64;

    /// Names of the moments kept for every parameter, which begin at 0.
    fn moments(&self) -> &'static [&'static str];

    /// The same without weight decay, for parameters that it does not act on; nothing where it acts on all.
    fn without_decay(&self) -> Option<OptimizerConfig> {
        None
    }

    /// Moves every parameter against its gradient at learning rate `lr`, and its moments, in place; `step` counts from
    /// 1. Nothing moves where `step_guard` says so.
    fn update(
        &self,
        items: &[ParameterUpdate<'_>],
        lr: f64,
        step: u64,
        step_guard: &StepGuard,
    ) -> candle_core::Result<()>;
}

registry! {
    // A new optimizer is one file, its `mod` line above, and a line here.
    /// How weights follow gradients. Weight decay applies to every parameter, gamma too, as in the papers' code, unless
    /// `decay` says otherwise.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    OptimizerConfig, OptimizerKind, dyn OptimizerSpec {
        "sgd" => Sgd(SgdConfig),
        "adam" => Adam(AdamConfig),
        "adamw" => Adamw(AdamwConfig),
    }
}

impl OptimizerConfig {
    /// The learning rate that the schedule multiplies.
    pub fn lr(&self) -> f64 {
        self.spec().lr()
    }

    /// How many moments are kept for every parameter.
    pub fn moment_count(&self) -> usize {
        self.spec().moments().len()
    }
}

fn update_of<'a>(parameter: &'a Parameter, gradient: &'a Tensor, moments: &'a [Tensor]) -> ParameterUpdate<'a> {
    ParameterUpdate { w: &parameter.value, gradient, moments }
}

/// An optimizer with its moments.
pub struct Optimizer {
    config: OptimizerConfig,
    /// By parameter name, in the order of [`OptimizerSpec::moments`].
    moments: BTreeMap<String, Vec<Tensor>>,
    /// Steps taken.
    steps: u64,
    /// Whether a step was not finite: see [`StepGuard`].
    halted: Option<Tensor>,
}

impl Optimizer {
    pub fn new(config: &OptimizerConfig) -> Self {
        Self { config: config.clone(), moments: BTreeMap::new(), steps: 0, halted: None }
    }

    /// Moves every parameter against its gradient at learning rate `lr`, gradients scaled down where their common norm
    /// is above `clip`, and clears the gradients. Returns the norm, `[1]` `f64`, before clipping. Nothing moves, now or
    /// later, once the norm or the loss in `score` is not finite.
    pub fn step(
        &mut self,
        parameters: Vec<(String, &mut Parameter)>,
        lr: f64,
        clip: Option<f64>,
        score: &Tensor,
    ) -> Result<Tensor> {
        self.steps = self.steps.saturating_add(1);
        let mut moved = Vec::with_capacity(parameters.len());
        for (name, parameter) in parameters {
            let Some(gradient) = parameter.gradient.take() else { continue };
            if !self.moments.contains_key(&name) {
                let zeros = |_: &&str| parameter.value.zeros_like();
                let moments = self.config.spec().moments().iter().map(zeros).collect::<candle_core::Result<_>>()?;
                self.moments.insert(name.clone(), moments);
            }
            moved.push((name, &*parameter, gradient));
        }
        let moments = |name: &str| self.moments.get(name).map_or(&[][..], Vec::as_slice);
        let items: Vec<ParameterUpdate<'_>> =
            moved.iter().map(|(name, parameter, gradient)| update_of(parameter, gradient, moments(name))).collect();
        let norm = update::gradient_norm(&items)?;
        let halted = match self.halted.take() {
            Some(halted) => halted,
            None => Tensor::zeros(1, DType::F32, score.device())?,
        };
        let step_guard = StepGuard::new(score, &norm, clip, halted)?;
        match self.config.spec().without_decay() {
            None => self.config.spec().update(&items, lr, self.steps, &step_guard)?,
            Some(plain) => {
                let (mut decayed, mut others) = (Vec::new(), Vec::new());
                for ((_, parameter, _), item) in moved.iter().zip(items) {
                    if decay::is_weight(parameter.name) { decayed.push(item) } else { others.push(item) }
                }
                self.config.spec().update(&decayed, lr, self.steps, &step_guard)?;
                plain.spec().update(&others, lr, self.steps, &step_guard)?;
            }
        }
        self.halted = Some(step_guard.halted);
        Ok(norm)
    }

    /// Everything a checkpoint needs: `momentum.layers.0.weight` and so on, and the number of steps.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::from([("steps".to_string(), Tensor::new(&[self.steps as i64], &Device::Cpu)?)]);
        for (parameter, moments) in &self.moments {
            for (moment, tensor) in self.config.spec().moments().iter().zip(moments) {
                state.insert(format!("{moment}.{parameter}"), tensor.clone());
            }
        }
        Ok(state)
    }

    /// Takes up a state written by [`Optimizer::state`] for parameters of these names and shapes.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>, parameters: &[(String, Vec<usize>)]) -> Result<()> {
        let steps = state.get("steps").map(|t| t.to_vec1::<i64>()).transpose()?;
        let Some(&[steps]) = steps.as_deref() else {
            return Err(Error::Weights("optimizer state: expected one number \"steps\", found none".into()));
        };
        let expected =
            if steps == 0 { 1 } else { parameters.len().saturating_mul(self.config.moment_count()).saturating_add(1) };
        if state.len() != expected {
            let problem = format!("optimizer state: expected {expected} tensors, found {}", state.len());
            return Err(Error::Weights(format!("{problem}: it belongs to another optimizer or network")));
        }
        let mut moments = BTreeMap::new();
        for (parameter, shape) in parameters.iter().filter(|_| steps > 0) {
            let moment = |moment: &&str| {
                let name = format!("{moment}.{parameter}");
                match state.get(&name) {
                    Some(tensor) if tensor.dims() == shape => Ok(tensor.copy()?),
                    Some(tensor) => {
                        let found = tensor.dims();
                        Err(Error::Weights(format!("optimizer state: {name} should be {shape:?}, found {found:?}")))
                    }
                    None => Err(Error::Weights(format!("optimizer state: {name} is missing"))),
                }
            };
            moments.insert(parameter.clone(), self.config.spec().moments().iter().map(moment).collect::<Result<_>>()?);
        }
        (self.moments, self.steps) = (moments, steps as u64);
        Ok(())
    }
}
