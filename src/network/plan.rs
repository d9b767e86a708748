//! What a network file describes, worked out without weights: shapes, parameters, multiply-accumulates, memory.

use super::NetworkConfig;
use crate::data::DataShape;
use crate::encoders::EncoderConfig;
use crate::layers::{LayerConfig, LayerKind, LayerPlan, SequenceSpec, numbers, plan_chain};
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
        if !config.layers.iter().any(|layer| matches!(layer, LayerConfig::Lif(_))) {
            let problem = "there is no \"lif\" layer: a spiking network needs at least one".to_string();
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
            Err((index, problem)) => {
                let kind = config.layers.get(index).map_or("", |layer| layer.kind().name());
                mistakes.push((format!("network.layers[{index}]"), format!("layer {index} {kind}: {problem}")));
                return Err(mistakes);
            }
        };
        let output = layers.last().map_or(&input, |layer| &layer.output);
        mistakes.extend(readout_mistake(config, output, data.classes));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let kinds = config.layers.iter().map(LayerConfig::kind).collect();
        Ok(Self { time_steps: config.time_steps, classes: data.classes, precision, input, kinds, layers })
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

    /// Every layer, fused ones as one, with what it puts out.
    fn units(&self) -> impl DoubleEndedIterator<Item = (&LayerPlan, &SequenceSpec)> {
        let next = self.layers.iter().skip(1).map(Some).chain(std::iter::once(None));
        let pairs: Vec<_> = self.layers.iter().zip(next).filter(|(layer, _)| !layer.fused).collect();
        pairs.into_iter().map(|(layer, next)| match next {
            Some(next) if next.fused => (layer, &next.output),
            _ => (layer, &layer.output),
        })
    }

    /// Bytes of the largest sequence between two layers.
    pub fn largest_signal(&self, batch: usize) -> usize {
        let bytes = |signal: &SequenceSpec| signal.bytes(self.time_steps, batch, self.precision);
        self.units().map(|(layer, output)| bytes(&layer.input).max(bytes(output))).max().unwrap_or(0)
    }

    /// Bytes that an evaluation of `together` images at once holds at least when it computes `time_steps`: the weights,
    /// and what the widest layer reads and puts out.
    pub fn evaluation_bytes(&self, time_steps: usize, together: usize) -> usize {
        let bytes = |signal: &SequenceSpec| signal.bytes(time_steps, together, self.precision);
        let widest = self.units().map(|(layer, output)| bytes(&layer.input).saturating_add(bytes(output))).max();
        widest.unwrap_or(0).saturating_add(self.parameters().saturating_mul(4))
    }

    /// Largest number of bytes that a training step holds at once, besides the program and the data set: parameters
    /// with gradients and `moments` optimizer moments each, what is kept for backward, and the tensors that one layer
    /// reads and writes.
    pub fn peak_bytes(&self, batch: usize, moments: usize) -> usize {
        let bytes = |signal: &SequenceSpec| signal.bytes(self.time_steps, batch, self.precision);
        let currents = |signal: &SequenceSpec| bytes(&SequenceSpec { spikes: false, ..signal.clone() });
        let (mut kept, mut peak) = (0usize, 0usize);
        for (layer, output) in self.units() {
            peak = peak.max(kept.saturating_add(bytes(&layer.input)).saturating_add(bytes(output)));
            kept = kept.saturating_add(layer.kept_bytes(self.time_steps, batch, self.precision));
        }
        for (layer, output) in self.units().rev() {
            peak = peak.max(kept.saturating_add(currents(&layer.input)).saturating_add(currents(output)));
            kept = kept.saturating_sub(layer.kept_bytes(self.time_steps, batch, self.precision));
        }
        peak.saturating_add(self.parameters().saturating_mul(moments.saturating_add(2).saturating_mul(4)))
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
    let problem = if output.spikes {
        "gives spikes, but the last layer must give currents: end with { linear = { features = \"classes\" } }"
            .to_string()
    } else if output.shape != [classes] {
        format!("gives {} as logits, but the data has {classes} classes: use features = \"classes\"", output.describe())
    } else {
        return None;
    };
    Some((format!("network.layers[{index}]"), format!("layer {index} {kind}: {problem}")))
}
