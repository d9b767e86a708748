//! The weights of a network whose neurons give rates in the place of activations.

use crate::error::{Error, Result};
use crate::layers::LayerConfig;
use crate::network::NetworkConfig;
use candle_core::Tensor;
use std::collections::BTreeMap;

/// Tensors by name, and the thresholds of neurons by their places.
pub struct ScaledNetwork {
    pub model: BTreeMap<String, Tensor>,
    pub thresholds: Vec<(usize, f64)>,
}

/// The tensors for neurons that fire at every time-step for the activation `lambdas`, and the neurons' thresholds, by
/// place. `input` is the value that a constant input of 1 stands for.
///
/// With s the value that 1 stands for: `conv` and `linear` multiply their weights by s, and give currents as they were;
/// `batch_norm` multiplies gamma by s and divides its running mean by it; neurons have the threshold lambda / s, and
/// hand on s = lambda.
pub fn scaled(
    network: &NetworkConfig,
    model: &BTreeMap<String, Tensor>,
    lambdas: &BTreeMap<usize, f64>,
    input: f64,
) -> Result<ScaledNetwork> {
    let (mut scaled, mut thresholds, mut s) = (model.clone(), Vec::new(), input);
    for (index, layer) in network.layers.iter().enumerate() {
        let mut multiply = |name: &str, by: f64| -> Result<()> {
            let name = format!("layers.{index}.{name}");
            let Some(tensor) = scaled.get_mut(&name).filter(|_| by != 1.0) else { return Ok(()) };
            *tensor = tensor.affine(by, 0.0).map_err(Error::from)?;
            Ok(())
        };
        match layer {
            LayerConfig::Conv(_) | LayerConfig::Linear(_) => {
                multiply("weight", s)?;
                s = 1.0;
            }
            LayerConfig::BatchNorm(_) => {
                multiply("gamma", s)?;
                multiply("running_mean", 1.0 / s)?;
                s = 1.0;
            }
            LayerConfig::Relu(_) => {
                if let Some(&lambda) = lambdas.get(&index) {
                    thresholds.push((index, lambda / s));
                    s = lambda;
                }
            }
            _ => {}
        }
    }
    Ok(ScaledNetwork { model: scaled, thresholds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn what_follows_neurons_is_multiplied_by_what_a_spike_of_theirs_stands_for() -> Result<()> {
        let network: NetworkConfig = toml::from_str(
            "time_steps = 1\nencoder = { direct = {} }\nlayers = [{ linear = { features = 2, bias = true } }, { relu = {} }, \
             { batch_norm = { beta = true } }, { relu = {} }, { linear = { features = 2 } }]",
        )
        .map_err(|e| Error::Run(e.to_string()))?;
        let one = |value: f32| Tensor::new(&[[value]], &Device::Cpu);
        let names = ["0.weight", "0.bias", "2.gamma", "2.beta", "2.running_mean", "2.running_var", "4.weight"];
        let mut model = BTreeMap::new();
        for (number, name) in names.iter().enumerate() {
            model.insert(format!("layers.{name}"), one(number as f32 + 1.0)?);
        }
        let ScaledNetwork { model: scaled, thresholds } =
            scaled(&network, &model, &BTreeMap::from([(1, 4.0), (3, 0.5)]), 2.0)?;
        // The input's 1 stands for 2, a spike of the first neurons for 4 and of the second for 0.5.
        let expected = [2.0, 2.0, 12.0, 4.0, 1.25, 6.0, 3.5];
        for (name, expected) in names.iter().zip(expected) {
            assert_eq!(scaled[&format!("layers.{name}")].to_vec2::<f32>()?, [[expected]], "{name}");
        }
        assert_eq!(thresholds, [(1, 4.0), (3, 0.5)]);
        Ok(())
    }
}
