//! BNTT's gamma by layer and time-step.

use candle_core::{DType, Result, Tensor};

/// Mean gamma over the channels of a BNTT layer at every time-step, by the layer's name: `layers.1.bntt`.
pub type Gammas = Vec<(String, Vec<f64>)>;

/// The mean gammas of a model's tensors (`layers.1.gamma` [T, C]), in the order of the layers. `is_bntt` tells by a
/// layer's place and its gamma whether it is a BNTT layer: other norms have a gamma too.
pub fn gammas<'a>(
    model: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    is_bntt: impl Fn(usize, &Tensor) -> bool,
) -> Result<Gammas> {
    let mut layers = Vec::new();
    for (name, tensor) in model {
        if let Some(index) = index_of_gamma(name).filter(|&index| is_bntt(index, tensor)) {
            layers.push((index, means(tensor)?));
        }
    }
    layers.sort_by_key(|&(index, _)| index);
    Ok(layers.into_iter().map(|(index, means)| (format!("layers.{index}.bntt"), means)).collect())
}

/// The layer's place, from `layers.3.gamma`.
fn index_of_gamma(name: &str) -> Option<usize> {
    name.strip_prefix("layers.")?.strip_suffix(".gamma")?.parse().ok()
}

/// [T, C] to the mean over C at every T.
fn means(gamma: &Tensor) -> Result<Vec<f64>> {
    gamma.to_dtype(DType::F64)?.mean(1)?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn gammas_are_averaged_over_channels_for_every_time_step() -> Result<()> {
        let gamma = Tensor::new(&[[1f32, 3.0], [0.5, 0.0], [-1.0, 1.0]], &Device::Cpu)?;
        assert_eq!(means(&gamma)?, [2.0, 0.25, 0.0]);
        assert_eq!(index_of_gamma("layers.12.gamma"), Some(12));
        assert_eq!([index_of_gamma("layers.12.weight"), index_of_gamma("gamma")], [None, None]);
        Ok(())
    }

    #[test]
    fn layers_come_in_the_order_of_the_network_and_other_norms_are_left_out() -> Result<()> {
        let gamma = |value: f32| Tensor::new(&[[value]], &Device::Cpu);
        let names = ["layers.10.gamma", "layers.2.gamma", "layers.4.gamma"].map(String::from);
        let tensors = [gamma(1.0)?, gamma(2.0)?, gamma(3.0)?];
        let found = gammas(names.iter().zip(&tensors), |index, _| index != 4)?;
        assert_eq!(found, [("layers.2.bntt".to_string(), vec![2.0]), ("layers.10.bntt".into(), vec![1.0])]);
        Ok(())
    }
}
