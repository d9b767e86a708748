//! The workloads of SATA_Sim (<https://github.com/RuokaiYin/SATA_Sim>): `inference-energy-cal/workload.yaml`, and the
//! network that `training_energy_cal` reads.
//!
//! Its reader takes one length and one sparsity for the whole network, and of every layer the size of its input, its
//! kernel, its channels and its stride. It tells layers by name: those that hold `Conv` are padded by one pixel, those
//! that hold `FC` have one place. It counts, of the layers of both kinds,
//! `(1 - sparsity) T k^2 C_in C_out H_out W_out` sums.

use super::{GradientSparsity, InputSparsity, MappedLayer, gradient_sparsity, image, sparsity};
use crate::error::{Error, Result};

/// The file's text. With the sparsity of [`sparsity`] the sums that it counts are those that were counted here.
///
/// # Errors
/// [`Error::Run`] for a convolution that its reader would take for another: of another padding, or in groups.
pub fn workload(layers: &[MappedLayer], counted: &[InputSparsity], time_steps: usize, of: &str) -> Result<String> {
    let mut text = format!("# {of}\n# Written by bntt {}.\n", env!("CARGO_PKG_VERSION"));
    text += "# sparsity: the share of all multiply-accumulates whose input was zero. By layer:\n";
    for layer in counted {
        text += &format!("#   {}: {:.6}\n", layer.layer, sparsity(std::slice::from_ref(layer)));
    }
    text += &format!("General:\n  timestep: {time_steps}\n  sparsity: {:.12}\n\nLayers:\n", sparsity(counted));
    let [mut convolutions, mut others] = [0usize, 0];
    for layer in layers {
        let ([channels, height, width], [outputs, ..]) = (image(&layer.input), image(&layer.output));
        let (name, kernel, stride) = match &layer.conv {
            Some(conv) => {
                if conv.padding != 1 || conv.groups != 1 {
                    return Err(unfit(layer, conv.padding, conv.groups));
                }
                convolutions = convolutions.saturating_add(1);
                (format!("Conv{convolutions}"), conv.kernel, conv.stride)
            }
            None => {
                others = others.saturating_add(1);
                (format!("FC{others}"), 1, 1)
            }
        };
        // A linear layer of an image is one of all its values.
        let [channels, height, width] = match layer.conv {
            Some(_) => [channels, height, width],
            None => [layer.input.iter().product(), 1, 1],
        };
        text += &format!("  - name: {name}  # {}\n    attributes:\n", layer.name);
        for (attribute, value) in [
            ("IFMAP Height", height),
            ("IFMAP Width", width),
            ("Filter Height", kernel),
            ("Filter Width", kernel),
            ("Channels", channels),
            ("Num Filter", outputs),
            ("Strides", stride),
        ] {
            text += &format!("      {attribute}: {value}\n");
        }
    }
    Ok(text)
}

/// The file of a network for its model of training. What else that model is told stands in its own source,
/// `energy_cal.py`: here it is said in the head, of convolutions alone, as its sums of linear layers take no sparsity.
/// `counted` and `gradients` are those of `layers`, in their order.
pub fn training(
    layers: &[MappedLayer],
    counted: &[InputSparsity],
    gradients: &[GradientSparsity],
    time_steps: usize,
    of: &str,
) -> String {
    let convolutions = || layers.iter().map(|layer| layer.conv.is_some());
    let received: Vec<InputSparsity> =
        counted.iter().zip(convolutions()).filter(|(_, conv)| *conv).map(|(layer, _)| layer.clone()).collect();
    let going_back = gradients.iter().zip(convolutions()).filter(|(_, conv)| *conv).map(|(layer, _)| layer);
    let mut text = format!("# {of}\n# Written by bntt {}.\n", env!("CARGO_PKG_VERSION"));
    text += "# For energy_cal.py; sp_df is not read there. Of all convolutions:\n";
    text += &format!("#   T = {time_steps}\n#   sp_s = {:.6}\n", sparsity(&received));
    text += &format!("#   sp_du = {:.6}\n", gradient_sparsity(going_back));
    text += "# Zeros among the gradients that a layer receives in a training step:\n";
    for layer in gradients {
        text += &format!("#   {}: {:.6}\n", layer.layer, gradient_sparsity(std::iter::once(layer)));
    }
    for (place, layer) in (1usize..).zip(layers) {
        let ([channels, height, width], [outputs, rows, columns]) = (image(&layer.input), image(&layer.output));
        let (name, kind, values) = match &layer.conv {
            Some(conv) => {
                let kernel = conv.kernel;
                let sizes = [("H_h", height), ("H_w", width), ("C", channels), ("R_h", kernel), ("R_w", kernel)];
                let values = [&sizes[..], &[("K", outputs), ("E_h", rows), ("E_w", columns)]].concat();
                ("conv", "2dconv", values)
            }
            None => {
                let kind = if place == layers.len() { "out_linear" } else { "linear" };
                ("lin", kind, vec![("in", layer.input.iter().product()), ("out", layer.output.iter().product())])
            }
        };
        text += &format!("\n{name}{place}:  # {}\n  type: {kind}\n", layer.name);
        values.iter().for_each(|(key, value)| text += &format!("  {key}: {value}\n"));
    }
    text
}

fn unfit(layer: &MappedLayer, padding: usize, groups: usize) -> Error {
    Error::Run(format!(
        "{}: expected a convolution with padding = 1 and groups = 1, as SATA_Sim takes every convolution to be, found padding = \
         {padding} and groups = {groups}: its sums would be counted wrong. Nothing is written.",
        layer.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::ConvConfig;

    fn convolution(padding: usize) -> MappedLayer {
        let conv = ConvConfig { channels: 4, kernel: 3, stride: 2, padding, groups: 1, bias: false, init: None };
        MappedLayer { name: "layers.0.conv".into(), conv: Some(conv), input: vec![2, 8, 6], output: vec![4, 4, 3] }
    }

    #[test]
    fn a_layer_has_the_attributes_that_its_reader_asks_for() {
        let linear = MappedLayer { name: "layers.3.linear".into(), conv: None, input: vec![48], output: vec![10] };
        let counted = InputSparsity { layer: "layers.0.conv".into(), macs: 1000, operations: 250 };
        let text = workload(&[convolution(1), linear], &[counted], 7, "a run").unwrap();
        let yaml = text.split("General:").nth(1).unwrap();
        let expected = "\n  timestep: 7\n  sparsity: 0.750000000000\n\nLayers:\n  - name: Conv1  # layers.0.conv\n    \
            attributes:\n      IFMAP Height: 8\n      IFMAP Width: 6\n      Filter Height: 3\n      Filter Width: 3\n      \
            Channels: 2\n      Num Filter: 4\n      Strides: 2\n  - name: FC1  # layers.3.linear\n    attributes:\n      \
            IFMAP Height: 1\n      IFMAP Width: 1\n      Filter Height: 1\n      Filter Width: 1\n      \
            Channels: 48\n      Num Filter: 10\n      Strides: 1\n";
        assert_eq!(yaml, expected);
    }

    #[test]
    fn the_model_of_training_is_told_the_convolutions_sparsities() {
        let linear = |outputs| MappedLayer {
            name: "layers.3.linear".into(),
            conv: None,
            input: vec![4, 4, 3],
            output: vec![outputs],
        };
        let counted = |macs, operations| InputSparsity { layer: String::new(), macs, operations };
        let back = |layer: &str, zeros| GradientSparsity { layer: layer.into(), fan_in: 18, gradients: 10, zeros };
        let text = training(
            &[convolution(1), linear(20), linear(10)],
            &[counted(100, 25), counted(100, 100), counted(100, 100)],
            &[back("a", 6), back("b", 0), back("c", 1)],
            7,
            "a run",
        );
        let (head, layers) = text.split_once("\n\n").unwrap();
        assert!(head.contains("#   T = 7\n#   sp_s = 0.750000\n#   sp_du = 0.600000\n"), "{head}");
        assert!(head.ends_with("#   a: 0.600000\n#   b: 0.000000\n#   c: 0.100000"), "{head}");
        let expected = "conv1:  # layers.0.conv\n  type: 2dconv\n  H_h: 8\n  H_w: 6\n  C: 2\n  R_h: 3\n  R_w: 3\n  \
            K: 4\n  E_h: 4\n  E_w: 3\n\nlin2:  # layers.3.linear\n  type: linear\n  in: 48\n  out: 20\n\n\
            lin3:  # layers.3.linear\n  type: out_linear\n  in: 48\n  out: 10\n";
        assert_eq!(layers, expected);
    }

    #[test]
    fn a_convolution_that_its_reader_would_take_for_another_is_refused() {
        let error = workload(&[convolution(0)], &[], 7, "a run").unwrap_err().to_string();
        assert!(error.starts_with("layers.0.conv: expected a convolution with padding = 1 and groups = 1"), "{error}");
    }
}
