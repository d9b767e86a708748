//! The layers that multiply, and how many operations each value that they receive sets off.

use crate::encoders::EncoderConfig;
use crate::layers::{ConvConfig, LayerConfig, LayerPlan, PoolConfig};
use crate::network::{NetworkConfig, NetworkPlan};

/// A convolution or linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct CostedLayer {
    /// `layers.0.conv`, `layers.3.residual.0.conv`.
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
    /// The name of the layer whose input it is.
    pub layer: String,
    /// For each pixel, or one number for all places.
    pub fan_out: Vec<u32>,
    /// Height and width of the pixels; 1 x 1 of features.
    image: (usize, usize),
}

/// A layer where it stands.
#[derive(Clone)]
struct Neighbour<'a> {
    /// `layers.3.residual.0`.
    name: String,
    layer: &'a LayerConfig,
    plan: &'a LayerPlan,
}

/// All products of a network, first to last: those in the lists of a layer before what comes after it, as they compute.
pub fn products(config: &NetworkConfig, plan: &NetworkPlan) -> Vec<CostedLayer> {
    of_list(&config.encoder, &neighbours(&config.layers, &plan.layers, "layers"), (&[], &[]))
}

fn neighbours<'a>(layers: &'a [LayerConfig], plans: &'a [LayerPlan], prefix: &str) -> Vec<Neighbour<'a>> {
    let layers = layers.iter().zip(plans).enumerate();
    layers.map(|(index, (layer, plan))| Neighbour { name: format!("{prefix}.{index}"), layer, plan }).collect()
}

/// The products of a list, before and behind which stand the layers around it.
fn of_list(
    encoder: &EncoderConfig,
    list: &[Neighbour<'_>],
    (before, behind): (&[Neighbour<'_>], &[Neighbour<'_>]),
) -> Vec<CostedLayer> {
    let mut found = Vec::new();
    for (index, Neighbour { name, layer, plan }) in list.iter().enumerate() {
        let before = [before, list.get(..index).unwrap_or_default()].concat();
        let behind = [list.get(index + 1..).unwrap_or_default(), behind].concat();
        for ((side, layers), plans) in layer.spec().lists().into_iter().zip(&plan.lists) {
            let inside = neighbours(layers, plans, &format!("{name}.{side}"));
            found.extend(of_list(encoder, &inside, (&before, &behind)));
        }
        let Some(fan_out) = fan_out(layer, plan) else { continue };
        let received = OperationProbe { layer: name.clone(), fan_out, image: image(&plan.input.shape) };
        found.push(CostedLayer {
            name: format!("{name}.{}", layer.kind()),
            macs: plan.macs,
            outputs: plan.output.elements() as u64,
            operands: operands(encoder, &before, plan),
            before_pooling: before_pooling(&before, &received),
            received,
            neurons: neurons(&behind),
        });
    }
    found
}

fn multiplies(layer: &LayerConfig) -> bool {
    matches!(layer, LayerConfig::Conv(_) | LayerConfig::Linear(_))
}

/// The next neurons of the layers `behind` a product, be they in a branch: none behind another product.
fn neurons(behind: &[Neighbour<'_>]) -> Option<String> {
    for Neighbour { name, layer, plan } in behind {
        match layer {
            LayerConfig::Lif(_) => return Some(format!("{name}.lif")),
            layer if multiplies(layer) => return None,
            layer => {
                if let Some(((side, layers), plans)) = layer.spec().lists().into_iter().zip(&plan.lists).next() {
                    return neurons(&neighbours(layers, plans, &format!("{name}.{side}")));
                }
            }
        }
    }
    None
}

/// Where a layer's input comes from: neurons or an encoder, through layers that do not compute with weights. What a
/// residual adds are numbers: two spikes may fall on one another.
fn operands(encoder: &EncoderConfig, before: &[Neighbour<'_>], plan: &LayerPlan) -> Operands {
    let passes =
        |layer: &LayerConfig| matches!(layer, LayerConfig::Pool(_) | LayerConfig::Flatten(_) | LayerConfig::Dropout(_));
    let source = before.iter().rev().find(|neighbour| !passes(neighbour.layer));
    match source {
        Some(Neighbour { plan, .. }) if plan.output.spikes => Operands::Spikes,
        None if matches!(encoder, EncoderConfig::Poisson(_)) => Operands::Spikes,
        _ if plan.input.constant => Operands::Constant,
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
            let seen_by = channels / conv.groups.max(1);
            let [rows, columns] = [(height, out_height), (width, out_width)].map(|(from, to)| windows(conv, from, to));
            let of_row = |row: &u32| columns.iter().map(|column| row * column * seen_by as u32).collect::<Vec<_>>();
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
fn before_pooling(before: &[Neighbour<'_>], received: &OperationProbe) -> Option<OperationProbe> {
    let (mut probe, mut pooled) = (received.clone(), false);
    for Neighbour { name, layer, plan } in before.iter().rev() {
        match layer {
            LayerConfig::Pool(pool @ (PoolConfig::Average(_) | PoolConfig::GlobalAverage)) => {
                let (height, width) = image(&plan.input.shape);
                let side = |all: usize| if let PoolConfig::Average(side) = *pool { side } else { all };
                probe = spread(&probe, (height, width), (side(height), side(width)), image(&plan.output.shape));
                (probe.layer, pooled) = (name.clone(), true);
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
    OperationProbe { layer: after.layer.clone(), fan_out, image: (height, width) }
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
        let places = products.iter().map(|product| product.name.as_str()).collect::<Vec<_>>();
        assert_eq!((places, products[1].macs), (vec!["layers.0.conv", "layers.4.conv", "layers.8.linear"], 9 * 2 * 3));
    }

    #[test]
    fn spikes_before_a_pool_set_off_what_their_mean_would() {
        let products = costed("poisson", LAYERS);
        assert_eq!(products[0].before_pooling, None);
        let before = products[1].before_pooling.as_ref().unwrap();
        assert_eq!((before.layer.as_str(), &before.fan_out[..8]), ("layers.3", &[3, 3, 3, 3, 3, 3, 0, 0][..]));
        assert_eq!(before.fan_out[6 * 8..], [0; 16]);
        let before = products[2].before_pooling.as_ref().unwrap();
        assert_eq!((before.layer.as_str(), &before.fan_out[..]), ("layers.6", &[10][..]));
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

    #[test]
    fn products_of_residuals_are_found_with_their_neurons_and_what_they_receive() {
        let conv = "{ conv = { channels = 2 } }";
        let layers = format!(
            "{conv}, 'lif', {{ pool = {{ average = 2 }} }}, {{ residual = {{ layers = [{conv}, 'lif', {conv}], shortcut = [{conv}] }} }}, \
             'lif', {{ residual = {{ join = 'and', layers = [{conv}, 'lif'] , shortcut = ['dropout', {conv}, 'lif'] }} }}, {conv}, \
             {{ residual = {{ layers = ['lif', {conv}] }} }}, 'flatten', {{ linear = {{ features = 'classes' }} }}"
        )
        .replace("'dropout'", "{ dropout = { probability = 0.5 } }");
        let found: Vec<_> = costed("poisson", &layers).into_iter().map(|p| (p.name, p.operands, p.neurons)).collect();
        let lif = |place: &str| Some(format!("layers.{place}.lif"));
        let expected = [
            ("0.conv", Operands::Spikes, lif("1")),
            ("3.residual.0.conv", Operands::Spikes, lif("3.residual.1")),
            ("3.residual.2.conv", Operands::Spikes, lif("4")),
            ("3.shortcut.0.conv", Operands::Spikes, lif("4")),
            ("5.residual.0.conv", Operands::Spikes, lif("5.residual.1")),
            ("5.shortcut.1.conv", Operands::Spikes, lif("5.shortcut.2")),
            ("6.conv", Operands::Spikes, lif("7.residual.0")),
            ("7.residual.1.conv", Operands::Spikes, None),
            // What is added before are currents.
            ("9.linear", Operands::Numbers, None),
        ];
        assert_eq!(found, expected.map(|(name, operands, neurons)| (format!("layers.{name}"), operands, neurons)));
        // The pool in front of the residual is that of both its sides.
        for place in [1, 3] {
            let products = costed("poisson", &layers);
            assert_eq!(products[place].before_pooling.as_ref().map(|probe| probe.layer.as_str()), Some("layers.2"));
        }
    }
}
