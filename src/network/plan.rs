//! What a network file describes, worked out without weights: shapes, parameters, multiply-accumulates, memory.

use super::NetworkConfig;
use crate::data::DataShape;
use crate::encoders::EncoderConfig;
use crate::layers::{LayerConfig, LayerKind, LayerPlan, PlanMistake, SequenceSpec, numbers, plan_chain};
use crate::ops::Precision;
use candle_core::Device;

/// Shapes and costs of a network on given data.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkPlan {
    pub time_steps: usize,
    pub classes: usize,
    pub precision: Precision,
    pub input: SequenceSpec,
    pub kinds: Vec<LayerKind>,
    pub layers: Vec<LayerPlan>,
    /// The names of all BNTT layers: `layers.1`, `layers.3.residual.1`.
    bntt: Vec<String>,
}

/// A mistake in a network: the key it hangs on and a sentence.
pub type NetworkMistake = (String, String);

impl NetworkPlan {
    /// Infers all shapes. Errors with every mistake that can be found: shapes after a layer that does not fit are
    /// unknown.
    pub fn new(config: &NetworkConfig, data: &DataShape, precision: Precision) -> Result<Self, Vec<NetworkMistake>> {
        let mut mistakes = encoder_mistakes(config, data);
        let constant = config.encoder.spec().is_constant() && config.time_steps > 1;
        let input = SequenceSpec {
            shape: config.encoder.spec().signal(image_of(data)),
            spikes: false,
            multiplied: false,
            constant,
        };
        if !config.has(|layer| matches!(layer, LayerConfig::Lif(_) | LayerConfig::Relu(_))) {
            let problem =
                "there is no \"lif\" layer: a spiking network needs at least one, and \"relu\" stands for it in a \
                           network without spikes"
                    .to_string();
            mistakes.push(("network.layers".into(), problem));
        }
        let sizes = [&[config.time_steps], input.shape.as_slice()].concat();
        if let Err(problem) = numbers("the input of all time-steps", &sizes) {
            mistakes.push(("network.time_steps".into(), problem));
            return Err(mistakes);
        }
        let context = config.context(data.classes, precision, 0, &Device::Cpu);
        let layers = match plan_chain(&config.layers, &input, &context) {
            Ok(layers) => layers,
            Err((index, PlanMistake { inside, problem })) => {
                let kind = config.layers.get(index).map_or("", |layer| layer.kind().name());
                mistakes.push((format!("network.layers[{index}]{inside}"), format!("layer {index} {kind}: {problem}")));
                return Err(mistakes);
            }
        };
        let output = layers.last().map_or(&input, |layer| &layer.output);
        mistakes.extend(readout_mistake(config, output, data.classes));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let kinds = config.layers.iter().map(LayerConfig::kind).collect();
        let bntt = bntt_layers(&config.layers, "layers");
        Ok(Self { time_steps: config.time_steps, classes: data.classes, precision, input, kinds, layers, bntt })
    }

    /// Whether the layer of this name is BNTT, at any depth.
    pub fn has_bntt(&self, layer: &str) -> bool {
        self.bntt.iter().any(|name| name == layer)
    }

    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).fold(0, usize::saturating_add)
    }

    /// Multiply-accumulates per image and time-step, dense.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.macs).fold(0, u64::saturating_add)
    }

    /// Bytes that one training step keeps for backward.
    pub fn kept_bytes(&self, batch: usize) -> usize {
        self.layers
            .iter()
            .map(|layer| layer.kept_bytes(self.time_steps, batch, self.precision))
            .fold(0, usize::saturating_add)
    }

    /// What is in memory at once, layer by layer.
    fn units(&self) -> Vec<Unit<'_>> {
        Unit::of_list(&self.layers, &[])
    }

    /// Bytes of the largest sequence between two layers.
    pub fn largest_signal(&self, batch: usize) -> usize {
        let bytes = |signal: &&SequenceSpec| signal.bytes(self.time_steps, batch, self.precision);
        self.units().iter().flat_map(|unit| &unit.sequences).map(bytes).max().unwrap_or(0)
    }

    /// Bytes that an evaluation of `together` images at once holds at least when it computes `time_steps`: the weights,
    /// and what the widest layer reads and puts out.
    pub fn evaluation_bytes(&self, time_steps: usize, together: usize) -> usize {
        let bytes = |signal: &&SequenceSpec| signal.bytes(time_steps, together, self.precision);
        let of_unit = |unit: &Unit<'_>| unit.sequences.iter().map(bytes).fold(0, usize::saturating_add);
        let widest = self.units().iter().map(of_unit).max();
        widest.unwrap_or(0).saturating_add(self.parameters().saturating_mul(4))
    }

    /// Largest number of bytes that a training step holds at once, besides the program and the data set: parameters
    /// with gradients and `moments` optimizer moments each, what is kept for backward, and the tensors that one layer
    /// reads and writes.
    pub fn peak_bytes(&self, batch: usize, moments: usize) -> usize {
        let bytes = |signal: &SequenceSpec| signal.bytes(self.time_steps, batch, self.precision);
        let currents = |signal: &SequenceSpec| bytes(&SequenceSpec { spikes: false, ..signal.clone() });
        let (mut kept, mut peak) = (0usize, 0usize);
        let units = self.units();
        for unit in &units {
            peak = peak.max(unit.sequences.iter().map(|signal| bytes(signal)).fold(kept, usize::saturating_add));
            kept = kept.saturating_add(unit.kept_bytes(self.time_steps, batch, self.precision));
        }
        for unit in units.iter().rev() {
            peak = peak.max(unit.sequences.iter().map(|signal| currents(signal)).fold(kept, usize::saturating_add));
            kept = kept.saturating_sub(unit.kept_bytes(self.time_steps, batch, self.precision));
        }
        peak.saturating_add(self.parameters().saturating_mul(moments.saturating_add(2).saturating_mul(4)))
    }
}

/// The names of the BNTT layers of a list, whose names begin with `prefix`, and of the lists in it.
fn bntt_layers(layers: &[LayerConfig], prefix: &str) -> Vec<String> {
    let names = |(index, layer): (usize, &LayerConfig)| {
        let name = format!("{prefix}.{index}");
        let lists = layer.spec().lists().into_iter();
        let inside: Vec<String> =
            lists.flat_map(|(list, layers)| bntt_layers(layers, &format!("{name}.{list}"))).collect();
        matches!(layer, LayerConfig::Bntt(_)).then_some(name).into_iter().chain(inside)
    };
    layers.iter().enumerate().flat_map(names).collect()
}

/// A layer, fused ones as one, or the join of a residual, while it works.
struct Unit<'a> {
    layer: &'a LayerPlan,
    /// What it reads and puts out, and what waits for the other side of a residual around it; for the way back their
    /// gradients.
    sequences: Vec<&'a SequenceSpec>,
}

impl<'a> Unit<'a> {
    /// Those of a list, first to last; `waiting` are there all the time.
    fn of_list(layers: &'a [LayerPlan], waiting: &[&'a SequenceSpec]) -> Vec<Self> {
        let mut units = Vec::new();
        for (index, layer) in layers.iter().enumerate().filter(|(_, layer)| !layer.fused) {
            let next = layers.get(index.saturating_add(1)).filter(|next| next.fused);
            let output = next.map_or(&layer.output, |next| &next.output);
            let mut ends = waiting.to_vec();
            for (side, (list, end)) in layer.lists.iter().zip(layer.list_outputs()).enumerate() {
                // The input waits for the sides that follow, and what earlier ones put out for the join.
                let input = (side.saturating_add(1) < layer.lists.len()).then_some(&layer.input);
                units.extend(Self::of_list(list, &ends.iter().copied().chain(input).collect::<Vec<_>>()));
                ends.push(end);
            }
            if layer.lists.is_empty() {
                ends.push(&layer.input);
            }
            ends.push(output);
            units.push(Self { layer, sequences: ends });
        }
        units
    }

    /// What it keeps for backward, without what layers inside keep.
    fn kept_bytes(&self, time_steps: usize, batch: usize, precision: Precision) -> usize {
        let inside = self.layer.lists.iter().flatten().map(|layer| layer.kept_bytes(time_steps, batch, precision));
        self.layer.kept_bytes(time_steps, batch, precision).saturating_sub(inside.fold(0, usize::saturating_add))
    }
}

fn encoder_mistakes(config: &NetworkConfig, data: &DataShape) -> Vec<NetworkMistake> {
    let coded = matches!(config.encoder, EncoderConfig::None(_));
    let problem = match (data.time_steps, coded) {
        (None, true) => {
            "\"none\" needs a data set of sequences, and this one has images: use \"poisson\" or \"direct\"".into()
        }
        (Some(_), false) => "the data set holds sequences that are coded already: use encoder = \"none\"".into(),
        (Some(found), true) if found != config.time_steps => {
            let requested = config.time_steps;
            let problem = format!("the data set's sequences have {found} time-steps, but time_steps is {requested}");
            return vec![("network.time_steps".into(), problem)];
        }
        _ => {
            let problem = config.encoder.spec().mistake(image_of(data), config.time_steps);
            return problem.into_iter().map(|problem| ("network.time_steps".into(), problem)).collect();
        }
    };
    vec![("network.encoder".into(), problem)]
}

fn image_of(data: &DataShape) -> [usize; 3] {
    [data.channels, data.height, data.width]
}

fn readout_mistake(config: &NetworkConfig, output: &SequenceSpec, classes: usize) -> Option<NetworkMistake> {
    let (index, last) = config.layers.iter().enumerate().next_back()?;
    let kind = last.kind();
    let problem = config.readout.mistake(output, classes)?;
    Some((format!("network.layers[{index}]"), format!("layer {index} {kind}: {problem}")))
}
