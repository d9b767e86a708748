//! A network as public simulators of neuromorphic hardware read it: shapes of what multiplies, and how sparse its input
//! was.
//!
//! Both list convolutions and linear layers alone. Pools are in the shapes that the next layer receives; norms and
//! neurons belong to the layer before them.

mod gradients;
mod sata;
mod sparsity;
mod spikesim;

pub use gradients::{GradientMeter, GradientSparsity, gradient_sparsity};
pub use sata::{training, workload};
pub use sparsity::{InputSparsity, sparsity};
pub use spikesim::lists;

use crate::layers::{ConvConfig, LayerConfig, LayerPlan};
use crate::network::{NetworkConfig, NetworkPlan};

/// A convolution or linear layer with what it receives and gives, channels first.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedLayer {
    /// `layers.0.conv`, `layers.3.residual.0.conv`.
    pub name: String,
    /// Nothing of a linear layer.
    pub conv: Option<ConvConfig>,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
}

/// Those of a network, in the order of [`crate::analysis::energy::products`].
pub fn mapped_layers(config: &NetworkConfig, plan: &NetworkPlan) -> Vec<MappedLayer> {
    of_list(&config.layers, &plan.layers, "layers")
}

fn of_list(layers: &[LayerConfig], plans: &[LayerPlan], prefix: &str) -> Vec<MappedLayer> {
    let mut found = Vec::new();
    for (index, (layer, plan)) in layers.iter().zip(plans).enumerate() {
        let name = format!("{prefix}.{index}");
        for ((side, layers), plans) in layer.spec().lists().into_iter().zip(&plan.lists) {
            found.extend(of_list(layers, plans, &format!("{name}.{side}")));
        }
        let conv = match layer {
            LayerConfig::Conv(conv) => Some(conv.clone()),
            LayerConfig::Linear(_) => None,
            _ => continue,
        };
        let name = format!("{name}.{}", layer.kind());
        found.push(MappedLayer { name, conv, input: plan.input.shape.clone(), output: plan.output.shape.clone() });
    }
    found
}

/// Channels, height and width; features are channels of one place.
fn image(shape: &[usize]) -> [usize; 3] {
    match *shape {
        [channels, height, width] => [channels, height, width],
        ref features => [features.iter().product(), 1, 1],
    }
}
