//! How sparse the input of every product was.

use crate::analysis::energy::{CostedLayer, Meter, Operands};

/// Multiply-accumulates of a layer, and those that had an input that was not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSparsity {
    /// `layers.0.conv`.
    pub layer: String,
    /// Dense, of all images and time-steps: k^2 C_in C_out H_out W_out each.
    pub macs: u64,
    /// Counted from what the layer received, a mean behind an average pool counting as one value; zeros of the border
    /// are zeros.
    pub operations: u64,
}

/// The share of `layers`' multiply-accumulates whose input was zero.
pub fn sparsity(layers: &[InputSparsity]) -> f64 {
    let sum = |count: fn(&InputSparsity) -> u64| layers.iter().map(count).fold(0, u64::saturating_add) as f64;
    1.0 - sum(|layer| layer.operations) / sum(|layer| layer.macs).max(1.0)
}

impl InputSparsity {
    /// The products as a meter has to have them that counts every layer at every time-step: a direct-coded first layer
    /// too, which hardware of time-steps computes as often as the others.
    pub fn counted(products: &[CostedLayer]) -> Vec<CostedLayer> {
        let every = |operands| if operands == Operands::Constant { Operands::Numbers } else { operands };
        products.iter().map(|product| CostedLayer { operands: every(product.operands), ..product.clone() }).collect()
    }

    /// What a meter of [`InputSparsity::counted`] has found on so many images.
    pub fn read(counted: &[CostedLayer], meter: &Meter<'_>, images: u64, time_steps: usize) -> Vec<Self> {
        let dense = images.saturating_mul(time_steps as u64);
        let of = |(product, received): (&CostedLayer, &crate::analysis::energy::ReceivedSpikes)| Self {
            layer: product.name.clone(),
            macs: product.macs.saturating_mul(dense),
            operations: received.operations.iter().sum(),
        };
        counted.iter().zip(&meter.received).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_zeros_is_that_of_all_products_not_the_mean_over_layers() {
        let layer = |macs, operations| InputSparsity { layer: String::new(), macs, operations };
        assert!((sparsity(&[layer(900, 90), layer(100, 60)]) - 0.85).abs() < 1e-12);
        assert!((sparsity(&[layer(900, 0)]) - 1.0).abs() < 1e-12);
    }
}
