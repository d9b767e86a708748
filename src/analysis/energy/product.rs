//! The layers that multiply, and how many operations each value that they receive sets off.

use crate::encoders::EncoderConfig;
use crate::layers::{ConvConfig, LayerConfig, LayerPlan, PoolConfig};
use crate::network::{NetworkConfig, NetworkPlan};

/// A convolution or linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct CostedLayer {
    /// Its place in `network.layers`.
    pub index: usize,
    /// `layers.0.conv`.
    pub name: String,
    /// Multiply-accumulates per image and time-step, dense: k^2 C_in C_out H_out W_out with zeros at the border
    /// counted, as is usual.
    pub macs: u64,
    /// What it puts out per image and time-step.
    pub outputs: u64,
    pub operands: Operands,
    /// What it receives.
    pub received: OperationProbe,
    /// The spikes that average pools before it have averaged, where there are such pools: as if each went on to the
    /// product by itself.
    pub before_pooling: Option<OperationProbe>,
    /// The neurons that it feeds: `layers.2.lif`, and their number. None of the readout.
    pub neurons: Option<String>,
}

/// What a layer multiplies with its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    /// Spikes of neurons or of the Poisson encoder, signed or not: a sum each.
    Spikes,
    /// Numbers, fresh at every time-step: a product and a sum each.
    Numbers,
    /// The same numbers at every time-step (direct coding), so that the layer computes once for all of them: a product
    /// and a sum each.
    Constant,
}

/// A layer's input, and how many operations a value of it that is not zero sets off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationProbe {
    /// The layer whose input it is.
    pub layer: usize,
    /// For each pixel, or one number for all places.
    pub fan_out: Vec<u32>,
    /// Height and width of the pixels; 1 x 1 of features.
    image: (usize, usize),
}

/// All products of a network, first to last.
pub fn products(config: &NetworkConfig, plan: &NetworkPlan) -> Vec<CostedLayer> {
    let layers = config.layers.iter().zip(&plan.layers).enumerate();
    let multiplying = layers.filter_map(|(index, (layer, plan))| Some((index, layer, plan, fan_out(layer, plan)?)));
    multiplying
        .map(|(index, layer, layer_plan, fan_out)| {
            let received = OperationProbe { layer: index, fan_out, image: image(&layer_plan.input.shape) };
            let after = config.layers.iter().enumerate().skip(index.saturating_add(1));
            let feeds =
                after.take_while(|(_, layer)| !multiplies(layer)).find(|(_, l)| matches!(l, LayerConfig::Lif(_)));
            CostedLayer {
                index,
                name: format!("layers.{index}.{}", layer.kind()),
                macs: layer_plan.macs,
                outputs: layer_plan.output.elements() as u64,
                operands: operands(config, plan, index),
                before_pooling: before_pooling(config, plan, &received),
                received,
                neurons: feeds.map(|(place, _)| format!("layers.{place}.lif")),
            }
        })
        .collect()
}

fn multiplies(layer: &LayerConfig) -> bool {
    matches!(layer, LayerConfig::Conv(_) | LayerConfig::Linear(_))
}

/// Where a layer's input comes from: neurons or an encoder, through layers that do not compute with weights.
fn operands(config: &NetworkConfig, plan: &NetworkPlan, index: usize) -> Operands {
    let before = config.layers.iter().take(index).rev();
    let source = before
        .into_iter()
        .find(|layer| !matches!(layer, LayerConfig::Pool(_) | LayerConfig::Flatten(_) | LayerConfig::Dropout(_)));
    let constant = plan.layers.get(index).is_some_and(|layer| layer.input.constant);
    match (source, &config.encoder) {
        (Some(LayerConfig::Lif(_)), _) | (None, EncoderConfig::Poisson(_)) => Operands::Spikes,
        _ if constant => Operands::Constant,
        _ => Operands::Numbers,
    }
}

fn image(shape: &[usize]) -> (usize, usize) {
    match shape {
        &[_, height, width] => (height, width),
        _ => (1, 1),
    }
}

/// How many operations a value at each place of a layer's input sets off; nothing of a layer that does not multiply.
fn fan_out(layer: &LayerConfig, plan: &LayerPlan) -> Option<Vec<u32>> {
    match (layer, plan.input.shape.as_slice(), plan.output.shape.as_slice()) {
        (LayerConfig::Conv(conv), &[_, height, width], &[channels, out_height, out_width]) => {
            let [rows, columns] = [(height, out_height), (width, out_width)].map(|(from, to)| windows(conv, from, to));
            let of_row = |row: &u32| columns.iter().map(|column| row * column * channels as u32).collect::<Vec<_>>();
            Some(rows.iter().flat_map(of_row).collect())
        }
        (LayerConfig::Linear(_), _, &[outputs]) => Some(vec![outputs as u32]),
        _ => None,
    }
}

/// For each of `length` places along a side, how many of the `outputs` windows see it: fewer at a border, fewer with a
/// stride.
fn windows(conv: &ConvConfig, length: usize, outputs: usize) -> Vec<u32> {
    let sees = |place: usize, output: usize| {
        let start = output * conv.stride;
        (start..start + conv.kernel).contains(&(place + conv.padding))
    };
    (0..length).map(|place| (0..outputs).filter(|&output| sees(place, output)).count() as u32).collect()
}

/// Follows the layers back through average pools, which spread what a value sets off over those that it is the mean of.
fn before_pooling(config: &NetworkConfig, plan: &NetworkPlan, received: &OperationProbe) -> Option<OperationProbe> {
    let (mut probe, mut pooled) = (received.clone(), false);
    for (index, (layer, layer_plan)) in config.layers.iter().zip(&plan.layers).enumerate().take(received.layer).rev() {
        match layer {
            LayerConfig::Pool(pool @ (PoolConfig::Average(_) | PoolConfig::GlobalAverage)) => {
                let (height, width) = image(&layer_plan.input.shape);
                let side = |all: usize| if let PoolConfig::Average(side) = *pool { side } else { all };
                probe = spread(&probe, (height, width), (side(height), side(width)), image(&layer_plan.output.shape));
                (probe.layer, pooled) = (index, true);
            }
            LayerConfig::Flatten(_) | LayerConfig::Dropout(_) => {}
            _ => break,
        }
    }
    pooled.then_some(probe)
}

/// The fan-out of a pool's input; places that no window covers have none.
fn spread(
    after: &OperationProbe,
    (height, width): (usize, usize),
    window: (usize, usize),
    pooled: (usize, usize),
) -> OperationProbe {
    let fan_out_at = |y: usize, x: usize| {
        let (row, column) = (y / window.0.max(1), x / window.1.max(1));
        let inside = row < pooled.0 && column < pooled.1;
        let place = if after.fan_out.len() == 1 { 0 } else { row * after.image.1 + column };
        if inside { after.fan_out.get(place).copied().unwrap_or_default() } else { 0 }
    };
    let fan_out = (0..height).flat_map(|y| (0..width).map(move |x| fan_out_at(y, x))).collect();
    OperationProbe { layer: after.layer, fan_out, image: (height, width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    /// The network of a text's layers on digits, 1 x 8 x 8.
    fn costed(encoder: &str, layers: &str) -> Vec<CostedLayer> {
        let text = format!(
            "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 8 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
             training = {{ epochs = 1 }}\n[network]\ntime_steps = 3\nencoder = '{encoder}'\nlayers = [{layers}]"
        );
        let checked = Experiment::parse(&text, "a", &[]).unwrap();
        products(&checked.experiment.network, &checked.plan)
    }

    const LAYERS: &str = "{ conv = { channels = 2 } }, 'bntt', 'lif', { pool = { average = 2 } }, { conv = { channels = 3, stride = 2, padding = 0 } }, \
                          'lif', { pool = 'global_average' }, 'flatten', { linear = { features = 'classes' } }";

    #[test]
    fn a_pixel_sets_off_a_sum_for_every_window_that_sees_it_and_every_output_channel() {
        let products = costed("poisson", LAYERS);
        let first = &products[0];
        // 3 x 3 with padding: corners are seen by 4 windows, edges by 6, the rest by 9; two channels.
        assert_eq!(first.received.fan_out[..8], [8, 12, 12, 12, 12, 12, 12, 8]);
        assert_eq!(first.received.fan_out[8..10], [12, 18]);
        // 4 x 4 without padding and stride 2: one output, which sees rows and columns 0 to 2.
        assert_eq!(products[1].received.fan_out, [3, 3, 3, 0, 3, 3, 3, 0, 3, 3, 3, 0, 0, 0, 0, 0]);
        assert_eq!(products[2].received.fan_out, [10]);
        let places = products.iter().map(|product| product.index).collect::<Vec<_>>();
        assert_eq!((places, products[1].macs), (vec![0, 4, 8], 9 * 2 * 3));
    }

    #[test]
    fn spikes_before_a_pool_set_off_what_their_mean_would() {
        let products = costed("poisson", LAYERS);
        assert_eq!(products[0].before_pooling, None);
        let before = products[1].before_pooling.as_ref().unwrap();
        assert_eq!((before.layer, &before.fan_out[..8]), (3, &[3, 3, 3, 3, 3, 3, 0, 0][..]));
        assert_eq!(before.fan_out[6 * 8..], [0; 16]);
        let before = products[2].before_pooling.as_ref().unwrap();
        assert_eq!((before.layer, &before.fan_out[..]), (6, &[10][..]));
    }

    #[test]
    fn what_is_multiplied_depends_on_where_it_comes_from() {
        let operands = |encoder, layers| costed(encoder, layers).iter().map(|p| p.operands).collect::<Vec<_>>();
        assert_eq!(operands("poisson", LAYERS), [Operands::Spikes; 3]);
        assert_eq!(operands("direct", LAYERS), [Operands::Constant, Operands::Spikes, Operands::Spikes]);
        let two = "{ conv = { channels = 2 } }, { conv = { channels = 2 } }, 'lif', 'flatten', { linear = { features = 'classes' } }";
        assert_eq!(operands("poisson", two), [Operands::Spikes, Operands::Numbers, Operands::Spikes]);
        let names: Vec<_> = costed("poisson", LAYERS).into_iter().map(|product| product.neurons).collect();
        assert_eq!(names, [Some("layers.2.lif".to_string()), Some("layers.5.lif".into()), None]);
    }
}
