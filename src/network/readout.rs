//! What logits are made of.

use crate::layers::SequenceSpec;
use crate::ops::cast;
use crate::ops::loss::LossConfig;
use candle_core::{DType, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the last layer's sequence X [T, B, F] becomes logits Z [B, K]: by way of R [T', B, K], whose mean over time they
/// are, and of whose steps losses are made.
///
/// | `network.readout` | R | Z |
/// |---|---|---|
/// | `"mean"` | `R[t] = X[t]`, currents, F = K | `(1 / T) sum over t of X[t]` |
/// | `"last"` | `R[0] = X[T - 1]`, currents, F = K | `X[T - 1]` |
/// | `{ spikes = {} }` | `R[t] = X[t]`, spikes of a list that ends with neurons, F = K | the firing rates |
/// | `{ vote = { per_class = P } }` | `R[t, b, k]` = the mean of the P features `X[t, b, k P]` to `X[t, b, k P + P - 1]`, currents or spikes, F = K P | the mean of a class's features over time |
///
/// Nothing is detached: through spikes the gradient is the surrogate's. Of a sequence that ends early T is the number
/// of its steps. Sources: accumulated currents: Kim & Panda 2021; voting of neurons: Fang et al. 2021 (arXiv
/// 2007.05785).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutConfig {
    /// The mean over time of the last layer's currents.
    #[default]
    Mean,
    /// The last layer's currents at the last time-step.
    Last,
    /// How often the last layer's neurons fire.
    Spikes(SpikesReadoutConfig),
    /// The mean over time of what the features of a class give.
    Vote(VoteConfig),
}

/// Nothing to set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikesReadoutConfig {}

/// Several features a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteConfig {
    /// Features of every class: the last layer has as many times the classes.
    #[schemars(range(min = 1))]
    pub per_class: usize,
}

impl ReadoutConfig {
    /// What every time-step of the last layer's sequence says of the classes: [T, B, K].
    pub fn steps(&self, x: &Tensor) -> Result<Tensor> {
        // Spikes of bf16 currents are bf16 too, and losses read f32.
        let x = cast::currents(x)?.to_dtype(DType::F32)?;
        match *self {
            Self::Vote(VoteConfig { per_class }) => {
                let (time_steps, batch, features) = x.dims3()?;
                let classes = features.checked_div(per_class).unwrap_or(features);
                x.reshape((time_steps, batch, classes, per_class))?.mean(3)
            }
            _ => Ok(x),
        }
    }

    /// R: those of the `steps` [T, B, K] whose mean are the logits.
    pub fn counted(&self, steps: &Tensor) -> Result<Tensor> {
        match self {
            Self::Last => steps.narrow(0, steps.dim(0)?.saturating_sub(1), 1),
            _ => Ok(steps.clone()),
        }
    }

    /// The logits [B, K] of all `steps` [T, B, K].
    pub fn logits(&self, steps: &Tensor) -> Result<Tensor> {
        self.counted(steps)?.mean(0)
    }

    /// The gradient of the last layer's sequence, of `time_steps`, from that of R.
    pub fn gradient(&self, grad: Tensor, time_steps: usize) -> Result<Tensor> {
        match *self {
            Self::Mean | Self::Spikes(_) => Ok(grad),
            Self::Last => match time_steps.saturating_sub(1) {
                0 => Ok(grad),
                before => {
                    let (_, batch, classes) = grad.dims3()?;
                    let none = Tensor::zeros((before, batch, classes), grad.dtype(), grad.device())?;
                    Tensor::cat(&[none, grad], 0)
                }
            },
            Self::Vote(VoteConfig { per_class }) => {
                let (steps, batch, classes) = grad.dims3()?;
                let each = (grad / per_class as f64)?.unsqueeze(3)?;
                each.broadcast_as((steps, batch, classes, per_class))?.reshape((steps, batch, ()))
            }
        }
    }

    /// Whether the logits are those of the latest time-step alone.
    pub fn is_latest(&self) -> bool {
        matches!(self, Self::Last)
    }

    /// What keeps the sequence `output` of the last layer from being read, as a sentence that its name begins.
    pub fn mistake(&self, output: &SequenceSpec, classes: usize) -> Option<String> {
        let found = output.describe();
        match *self {
            Self::Mean | Self::Last if output.spikes => Some(
                "gives spikes, but the last layer must give currents: end with { linear = { features = \"classes\" } }, or set \
                 network.readout = { spikes = {} }"
                    .into(),
            ),
            Self::Spikes(_) if !output.spikes => Some(
                "gives currents, and network.readout = { spikes = {} } counts spikes: end with a lif, or leave readout out".into(),
            ),
            Self::Vote(VoteConfig { per_class }) => {
                let features = classes.saturating_mul(per_class);
                (output.shape != [features]).then(|| {
                    format!(
                        "gives {found}, and network.readout = {{ vote = {{ per_class = {per_class} }} }} reads {per_class} of each of \
                         the data's {classes} classes: use features = {features}"
                    )
                })
            }
            _ if output.shape != [classes] => {
                Some(format!("gives {found} as logits, but the data has {classes} classes: use features = \"classes\""))
            }
            _ => None,
        }
    }

    /// What keeps a loss from being made of it: a key below `training.loss`, and a sentence.
    pub fn loss_mistake(&self, loss: &LossConfig) -> Option<(&'static str, String)> {
        let problem = "it is a loss of every time-step, and network.readout = \"last\" reads one alone: use \"cross_entropy\" or \
                       another readout";
        (self.is_latest() && matches!(loss, LossConfig::Tet(_))).then(|| ("tet", problem.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const VOTE: ReadoutConfig = ReadoutConfig::Vote(VoteConfig { per_class: 2 });

    /// Two time-steps, one image, four features.
    fn currents() -> Result<Tensor> {
        Tensor::new(&[[[1f32, 3.0, 5.0, -1.0]], [[0.0, 2.0, 4.0, 8.0]]], &Device::Cpu)
    }

    #[test]
    fn logits_are_those_computed_by_hand() -> Result<()> {
        let logits = |readout: ReadoutConfig| -> Result<Vec<f32>> {
            readout.logits(&readout.steps(&currents()?)?)?.flatten_all()?.to_vec1()
        };
        assert_eq!(logits(ReadoutConfig::Mean)?, [0.5, 2.5, 4.5, 3.5]);
        assert_eq!(logits(ReadoutConfig::Last)?, [0.0, 2.0, 4.0, 8.0]);
        // Classes of two features: means (2, 2) and (1, 6).
        assert_eq!(logits(VOTE)?, [1.5, 4.0]);
        let spikes = Tensor::new(&[[[1u8, 0]], [[1, 1]]], &Device::Cpu)?;
        let readout = ReadoutConfig::Spikes(SpikesReadoutConfig {});
        assert_eq!(readout.logits(&readout.steps(&spikes)?)?.to_vec2::<f32>()?, [[1.0, 0.5]]);
        Ok(())
    }

    #[test]
    fn gradients_go_back_to_what_was_read() -> Result<()> {
        let grad = |readout: ReadoutConfig, grad: Tensor| readout.gradient(grad, 2)?.to_vec3::<f32>();
        let one = Tensor::new(&[[[2f32, 4.0]]], &Device::Cpu)?;
        assert_eq!(grad(ReadoutConfig::Last, one.clone())?, [[[0.0, 0.0]], [[2.0, 4.0]]]);
        let two = Tensor::cat(&[&one, &(one.clone() * 10.0)?], 0)?;
        assert_eq!(grad(VOTE, two.clone())?, [[[1.0, 1.0, 2.0, 2.0]], [[10.0, 10.0, 20.0, 20.0]]]);
        assert_eq!(grad(ReadoutConfig::Mean, two)?, [[[2.0, 4.0]], [[20.0, 40.0]]]);
        Ok(())
    }
}
