//! How sparse the gradients are that convolutions and linear layers receive in a training step.

use super::MappedLayer;
use crate::layers::Observer;
use crate::ops::nonzero;
use candle_core::{Result, Tensor};

/// The gradients of what one layer has put out, of all steps that were observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradientSparsity {
    /// `layers.0.conv`.
    pub layer: String,
    /// Multiply-accumulates of its input's gradient that one of them sets off: k^2 C_in, or C_in of a linear layer.
    pub fan_in: u64,
    pub gradients: u64,
    pub zeros: u64,
}

/// The share of the layers' multiply-accumulates on the way back whose gradient was zero; 0 of no layers.
pub fn gradient_sparsity<'a>(layers: impl Iterator<Item = &'a GradientSparsity>) -> f64 {
    let (mut zeros, mut all) = (0.0, 0.0);
    for layer in layers {
        zeros += layer.fan_in as f64 * layer.zeros as f64;
        all += layer.fan_in as f64 * layer.gradients as f64;
    }
    if all > 0.0 { zeros / all } else { 0.0 }
}

/// An observer that counts.
pub struct GradientMeter {
    pub layers: Vec<GradientSparsity>,
}

impl GradientMeter {
    pub fn new(layers: &[MappedLayer]) -> Self {
        let of = |layer: &MappedLayer| {
            let inputs = match &layer.conv {
                Some(conv) => layer.input.first().map_or(1, |channels| channels * conv.kernel * conv.kernel),
                None => layer.input.iter().product(),
            };
            GradientSparsity { layer: layer.name.clone(), fan_in: inputs as u64, gradients: 0, zeros: 0 }
        };
        Self { layers: layers.iter().map(of).collect() }
    }
}

impl Observer for GradientMeter {
    fn gradient(&mut self, name: &str, grad: &Tensor) -> Result<()> {
        let here = |found: &&mut GradientSparsity| found.layer.rsplit_once('.').is_some_and(|(place, _)| place == name);
        let Some(layer) = self.layers.iter_mut().find(here) else { return Ok(()) };
        let others: u64 = nonzero::count(grad, &[1])?.iter().flatten().sum();
        let all = grad.elem_count() as u64;
        layer.gradients = layer.gradients.saturating_add(all);
        layer.zeros = layer.zeros.saturating_add(all.saturating_sub(others));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn zeros_are_counted_by_layer_and_weigh_as_many_sums_as_they_save() -> Result<()> {
        let linear = |name: &str, inputs| MappedLayer {
            name: format!("{name}.linear"),
            conv: None,
            input: vec![inputs],
            output: vec![2],
        };
        let mut meter = GradientMeter::new(&[linear("layers.1", 30), linear("layers.3", 10)]);
        let grad = |values: [f32; 4]| Tensor::from_slice(&values, (2, 1, 2), &Device::Cpu);
        meter.gradient("layers.3", &grad([0.0, -1.0, 2.0, 1.0])?)?;
        meter.gradient("layers.2", &grad([0.0; 4])?)?;
        meter.gradient("layers.1", &grad([0.0, 0.0, 0.0, 1.0])?)?;
        meter.gradient("layers.1", &grad([0.0, 1e-30, 0.0, 1.0])?)?;
        let counts: Vec<_> = meter.layers.iter().map(|layer| (layer.gradients, layer.zeros)).collect();
        assert_eq!(counts, [(8, 5), (4, 1)]);
        let expected = (30.0 * 5.0 + 10.0) / (30.0 * 8.0 + 10.0 * 4.0);
        assert!((gradient_sparsity(meter.layers.iter()) - expected).abs() < 1e-12);
        assert!(gradient_sparsity([].iter()).abs() < 1e-12);
        Ok(())
    }
}
