//! BNTT's gamma by layer and time-step.

use candle_core::{DType, Result, Tensor};

/// Mean gamma over the channels of a BNTT layer at every time-step, by the layer's name: `layers.1.bntt`.
pub type Gammas = Vec<(String, Vec<f64>)>;

/// Gamma of every channel of a BNTT layer at every time-step, `[T, C]`, by the layer's name.
pub type ChannelGammas = Vec<(String, Vec<Vec<f64>>)>;

/// The mean gammas of a model's tensors (`layers.1.gamma` [T, C]), in the order of the layers. `is_bntt` tells by a
/// layer's name (`layers.1`, `layers.3.residual.1`) and its gamma whether it is a BNTT layer: other norms have a gamma
/// too.
pub fn gammas<'a>(
    model: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    is_bntt: impl Fn(&str, &Tensor) -> bool,
) -> Result<Gammas> {
    Ok(mean_gammas(&gammas_by_channel(model, is_bntt)?))
}

/// The means of gammas over the channels.
pub fn mean_gammas(channels: &[(String, Vec<Vec<f64>>)]) -> Gammas {
    let mean = |gammas: &Vec<f64>| gammas.iter().sum::<f64>() / gammas.len() as f64;
    channels.iter().map(|(layer, steps)| (layer.clone(), steps.iter().map(mean).collect())).collect()
}

/// The gammas of all channels, as [`gammas`] has their means.
pub fn gammas_by_channel<'a>(
    model: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    is_bntt: impl Fn(&str, &Tensor) -> bool,
) -> Result<ChannelGammas> {
    let channels = |gamma: &Tensor| gamma.to_dtype(DType::F64)?.to_vec2();
    tensors(model, is_bntt).into_iter().map(|(layer, gamma)| Ok((layer, channels(gamma)?))).collect()
}

/// The gammas themselves, in the order of the layers.
fn tensors<'a>(
    model: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    is_bntt: impl Fn(&str, &Tensor) -> bool,
) -> Vec<(String, &'a Tensor)> {
    let mut layers: Vec<(&str, &Tensor)> = Vec::new();
    for (name, tensor) in model {
        layers.extend(layer_of_gamma(name).filter(|layer| is_bntt(layer, tensor)).map(|layer| (layer, tensor)));
    }
    layers.sort_by_key(|&(layer, _)| places(layer));
    layers.into_iter().map(|(layer, tensor)| (format!("{layer}.bntt"), tensor)).collect()
}

/// The layer's name, from `layers.3.gamma`.
fn layer_of_gamma(name: &str) -> Option<&str> {
    name.strip_suffix(".gamma").filter(|layer| layer.starts_with("layers."))
}

/// A layer's place in its list, in that of the layer that holds the list, and so on: a branch before its shortcut.
fn places(layer: &str) -> Vec<(usize, &str)> {
    layer.split('.').map(|part| (part.parse().unwrap_or_default(), part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn gammas_are_averaged_over_channels_for_every_time_step() -> Result<()> {
        let gamma = Tensor::new(&[[1f32, 3.0], [0.5, 0.0], [-1.0, 1.0]], &Device::Cpu)?;
        let found = gammas([(&"layers.1.gamma".to_string(), &gamma)], |_, _| true)?;
        assert_eq!(found, [("layers.1.bntt".to_string(), vec![2.0, 0.25, 0.0])]);
        assert_eq!(layer_of_gamma("layers.12.gamma"), Some("layers.12"));
        assert_eq!(layer_of_gamma("layers.3.residual.1.gamma"), Some("layers.3.residual.1"));
        assert_eq!([layer_of_gamma("layers.12.weight"), layer_of_gamma("gamma")], [None, None]);
        Ok(())
    }

    #[test]
    fn layers_come_in_the_order_of_the_network_and_other_norms_are_left_out() -> Result<()> {
        let gamma = |value: f32| Tensor::new(&[[value]], &Device::Cpu);
        let names =
            ["10", "2", "4", "3.shortcut.0", "3.residual.11", "3.residual.4"].map(|at| format!("layers.{at}.gamma"));
        let tensors = [gamma(1.0)?, gamma(2.0)?, gamma(3.0)?, gamma(4.0)?, gamma(5.0)?, gamma(6.0)?];
        let found = gammas(names.iter().zip(&tensors), |layer, _| layer != "layers.4")?;
        let expected = [("2", 2.0), ("3.residual.4", 6.0), ("3.residual.11", 5.0), ("3.shortcut.0", 4.0), ("10", 1.0)];
        assert_eq!(found, expected.map(|(at, mean)| (format!("layers.{at}.bntt"), vec![mean])));
        Ok(())
    }
}
