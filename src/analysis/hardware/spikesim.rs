//! The lists of SpikeSim (<https://github.com/Intelligent-Computing-Lab-Yale/SpikeSim>, `ela_spikesim.py`): of every
//! convolution its channels and the sides of its input and of what the next one receives, pools included.
//!
//! It takes no sparsity: its energy is that of every crossbar's cycles, whatever the spikes. Linear layers have no
//! place in its lists.

use super::{MappedLayer, image};
use crate::error::{Error, Result};
use crate::layers::{LayerConfig, LayerPlan};
use crate::network::{NetworkConfig, NetworkPlan};

/// Its script has so many shares of a layer that the next waits for.
const MOST_LAYERS: usize = 12;
/// The side of a crossbar in its script.
const CROSSBAR: usize = 64;

/// A Python file of assignments under the script's own names.
///
/// # Errors
/// [`Error::Run`] for a network that its lists cannot say, or that its script stops at.
pub fn lists(layers: &[MappedLayer], config: &NetworkConfig, plan: &NetworkPlan, of: &str) -> Result<String> {
    let refuse = |problem: String| Err(Error::Run(format!("{problem} Nothing is written.")));
    if let Some(index) = config.layers.iter().position(|layer| matches!(layer, LayerConfig::Residual(_))) {
        return refuse(format!(
            "layers.{index}: expected a chain of convolutions, as SpikeSim's lists say it, found a residual layer."
        ));
    }
    let convolutions: Vec<_> = layers.iter().filter_map(|layer| Some((layer, layer.conv.as_ref()?))).collect();
    let Some((first, of_first)) = convolutions.first() else {
        return refuse("expected a network with convolutions, of which SpikeSim's lists are, found none.".into());
    };
    if convolutions.len() > MOST_LAYERS {
        let found = convolutions.len();
        return refuse(format!(
            "expected at most {MOST_LAYERS} convolutions, as SpikeSim's script has it, found {found}."
        ));
    }
    for (layer, conv) in &convolutions {
        let name = &layer.name;
        let [_, height, width] = image(&layer.input);
        if height != width {
            return refuse(format!(
                "{name}: expected square images, as SpikeSim takes them, found {height} x {width}."
            ));
        }
        if conv.kernel != of_first.kernel || conv.groups != 1 {
            return refuse(format!(
                "{name}: expected a kernel of {} as in {} and groups = 1, since SpikeSim takes one kernel for all, found \
                 {} and groups = {}.",
                of_first.kernel, first.name, conv.kernel, conv.groups
            ));
        }
    }
    let in_channels: Vec<usize> = convolutions.iter().map(|(layer, _)| image(&layer.input)[0]).collect();
    let out_channels: Vec<usize> = convolutions.iter().map(|(layer, _)| image(&layer.output)[0]).collect();
    let in_sides: Vec<usize> = convolutions.iter().map(|(layer, _)| image(&layer.input)[1]).collect();
    let out_sides: Vec<usize> = in_sides.iter().skip(1).copied().chain([last_side(&plan.layers)]).collect();
    let products = in_channels.iter().zip(&out_channels);
    let crossbars = |(inputs, outputs): (&usize, &usize)| {
        (inputs.div_ceil(CROSSBAR).saturating_mul(outputs.div_ceil(CROSSBAR)), inputs.saturating_mul(*outputs))
    };
    let needed: Vec<(usize, usize)> = products.map(crossbars).collect();
    if !(needed.is_sorted_by_key(|need| need.0) && needed.is_sorted_by_key(|need| need.1)) {
        return refuse(format!(
            "expected convolutions none of which has fewer weights than the one before, in crossbars of {CROSSBAR} x {CROSSBAR} \
             too, since SpikeSim's script stops at others; found {in_channels:?} channels in and {out_channels:?} out."
        ));
    }
    if needed.iter().all(|need| need.1 < CROSSBAR.saturating_mul(CROSSBAR)) {
        return refuse(format!(
            "expected a convolution that fills a crossbar of {CROSSBAR} x {CROSSBAR}, channels in by channels out, since \
             SpikeSim's script never ends where there is none; found {in_channels:?} in and {out_channels:?} out."
        ));
    }
    Ok(format!(
        "# {of}\n# Written by bntt {}: the lists of SpikeSim's ela_spikesim.py.\n\
         in_ch_list = {in_channels:?}\nout_ch_list = {out_channels:?}\nin_dim_list = {in_sides:?}\n\
         out_dim_list = {out_sides:?}\nkernel_size = {}\ntime_steps = {}\n",
        env!("CARGO_PKG_VERSION"),
        of_first.kernel,
        plan.time_steps,
    ))
}

/// The side of the last image of a network: behind the last pool.
fn last_side(layers: &[LayerPlan]) -> usize {
    let images = layers.iter().rev().filter(|layer| layer.output.shape.len() == 3);
    images.map(|layer| image(&layer.output.shape)[1]).next().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::hardware::mapped_layers;
    use crate::experiment::Experiment;

    fn listed(layers: &str) -> Result<String> {
        let text = format!(
            "name = 'a'\ndata = {{ dataset = {{ cifar10 = {{ path = 'none' }} }}, batch_size = 8 }}\n\
             optimizer = {{ sgd = {{ lr = 0.1 }} }}\ntraining = {{ epochs = 1 }}\n\
             [network]\ntime_steps = 5\nencoder = 'direct'\nlayers = [{layers}]"
        );
        let checked = Experiment::parse(&text, "a", &[])?;
        let (network, plan) = (&checked.experiment.network, &checked.plan);
        lists(&mapped_layers(network, plan), network, plan, "a")
    }

    fn convolution(channels: usize) -> String {
        format!("{{ conv = {{ channels = {channels} }} }}, 'lif', ")
    }

    const POOL: &str = "{ pool = { average = 2 } }, ";
    const READOUT: &str = "'flatten', { linear = { features = 'classes' } }";

    /// The lists of the VGG9 that SpikeSim's script comes with.
    #[test]
    fn the_lists_of_a_vgg9_are_those_of_spikesims_own_script() {
        let [a, b, c] = [64, 128, 256].map(convolution);
        let text = listed(&format!("{a}{a}{POOL}{b}{b}{POOL}{c}{c}{c}{POOL}{READOUT}")).unwrap();
        for line in [
            "in_ch_list = [3, 64, 64, 128, 128, 256, 256]",
            "out_ch_list = [64, 64, 128, 128, 256, 256, 256]",
            "in_dim_list = [32, 32, 16, 16, 8, 8, 8]",
            "out_dim_list = [32, 16, 16, 8, 8, 8, 4]",
            "kernel_size = 3",
            "time_steps = 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn networks_that_the_script_stops_at_are_refused() {
        let [few, a, b] = [16, 64, 128].map(convolution);
        let other = "{ conv = { channels = 128, kernel = 5, padding = 2 } }, 'lif', ";
        for (layers, expected) in [
            (few.repeat(2), "never ends where there is none; found [3, 16] in and [16, 16] out."),
            (format!("{b}{a}{few}"), "none of which has fewer weights than the one before"),
            (a.repeat(13), "expected at most 12 convolutions"),
            (format!("{a}{other}"), "layers.2.conv: expected a kernel of 3 as in layers.0.conv"),
        ] {
            let error = listed(&format!("{layers}{READOUT}")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
