//! A network as a module of PyTorch: one file of Python that anyone can read.

use crate::encoders::{EncoderConfig, PartOrder};
use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::layers::{BuildContext, LayerConfig, LifConfig, NormSettings, PoolConfig, SequenceSpec};
use crate::network::ReadoutConfig;
use crate::ops::join::Join;
use crate::ops::lif::{InputFactor, Leak, Reset, Threshold};
use candle_core::Device;
use serde_json::Value;

/// The module has no more lines than these.
pub const MOST_LINES: usize = 80;

/// Columns of a line of the list of layers; more where the list would have too many lines.
const COLUMNS: usize = 116;

const TEMPLATE: &str = include_str!("module.py");

/// The text of a module `Network` that gives the logits [B, K] of the network as `Network::evaluate` does, of images
/// [B, C, H, W] or of their coded sequence [T, B, C, H, W]. It reads `weights.pt` beside it, which holds
/// [`Network::state`](crate::network::Network::state) under its names. `title` says where the network is from.
///
/// # Errors
/// A layer that has no counterpart there.
pub fn module(checked: &CheckedExperiment, title: &str) -> Result<String> {
    let network = &checked.experiment.network;
    let context = network.context(checked.plan.classes, checked.plan.precision, checked.experiment.seed, &Device::Cpu);
    let layers = list(&network.layers, &context)?;
    let mut kinds = Vec::new();
    layers.iter().for_each(|layer| layer.kinds(&mut kinds));
    let body = with_methods_of(&kinds);
    let classes = checked.plan.classes.to_string();
    let title = title.replace(['\\', '"'], "'").replace(char::is_control, " ");
    let fill = |layers: &str| {
        body.replace("{layers}", layers)
            .replace("{encoder}", &encoder(network.encoder, network.time_steps))
            .replace("{readout}", &readout(network.readout))
            .replace("{input}", &input(checked))
            .replace("{classes}", &classes)
            .replace("{version}", env!("CARGO_PKG_VERSION"))
            .replace("{title}", &title)
    };
    let room = MOST_LINES.saturating_sub(fill("").lines().count());
    Ok(fill(&wrapped(&layers, room)))
}

/// One entry of the list: a method's name and its settings, or the lists of a residual.
struct Entry {
    kind: &'static str,
    settings: Vec<(String, String)>,
    lists: Vec<(&'static str, Vec<Entry>)>,
}

impl Entry {
    fn kinds(&self, found: &mut Vec<&'static str>) {
        found.push(self.kind);
        self.lists.iter().flat_map(|(_, list)| list).for_each(|entry| entry.kinds(found));
    }

    /// The pieces between which a line may end.
    fn pieces(&self, end: &str) -> Vec<String> {
        let settings: Vec<String> = self.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut pieces = vec![format!("(\"{}\", dict({}", self.kind, settings.join(", "))];
        for (name, list) in &self.lists {
            pieces.push(format!("{name}=["));
            if let Some(before) = pieces.iter_mut().rev().nth(1) {
                before.push(',');
            }
            pieces.extend(entries(list));
            if let Some(last) = pieces.last_mut() {
                last.push(']');
            }
        }
        if let Some(last) = pieces.last_mut() {
            last.push_str(&format!(")){end}"));
        }
        pieces
    }
}

fn entries(list: &[Entry]) -> Vec<String> {
    let last = list.len().saturating_sub(1);
    list.iter().enumerate().flat_map(|(at, entry)| entry.pieces(if at < last { "," } else { "" })).collect()
}

/// The list in at most `room` lines more than the one that it begins on, however long they must be.
fn wrapped(layers: &[Entry], room: usize) -> String {
    let pieces = entries(layers);
    let mut columns = COLUMNS;
    loop {
        let mut lines = vec![String::new()];
        for piece in &pieces {
            match lines.last_mut() {
                Some(line) if line.len().saturating_add(piece.len()) < columns && !line.is_empty() => {
                    line.push_str(if line.ends_with('[') { "" } else { " " });
                    line.push_str(piece);
                }
                Some(line) if line.is_empty() => line.push_str(piece),
                _ => lines.push(piece.clone()),
            }
        }
        if lines.len().saturating_add(1) <= room || lines.len() == 1 {
            return format!("[\n    {},\n]", lines.join("\n    "));
        }
        columns = columns.saturating_mul(2);
    }
}

/// The template without the methods that no layer calls.
fn with_methods_of(kinds: &[&str]) -> String {
    let (mut body, mut left_out) = (String::new(), false);
    let used = |method: &str| ["__init__", "forward"].contains(&method) || kinds.contains(&method);
    for line in TEMPLATE.lines() {
        if let Some(method) = line.strip_prefix("    def ").and_then(|rest| rest.split_once('(')) {
            left_out = !used(method.0);
        } else if !line.starts_with("        ") && !line.is_empty() {
            left_out = false;
        }
        // Methods that are left out leave no blank lines.
        if !(left_out || line.is_empty() && body.ends_with("\n\n")) {
            body.push_str(line);
            body.push('\n');
        }
    }
    body
}

/// The layers of a list, and inside of its residuals.
fn list(layers: &[LayerConfig], context: &BuildContext<'_>) -> Result<Vec<Entry>> {
    layers.iter().enumerate().map(|(index, layer)| entry(layer, &context.at(index, layers))).collect()
}

fn entry(layer: &LayerConfig, context: &BuildContext<'_>) -> Result<Entry> {
    let mut lists = Vec::new();
    let (kind, settings) = match layer {
        LayerConfig::Conv(conv) => {
            let written = serde_json::to_value(conv).unwrap_or_default();
            // What PyTorch has by itself is not said.
            let usual = [("stride", 1), ("padding", 0), ("groups", 1)];
            let said = |(key, usual): (&str, u64)| {
                let value = written.get(key).and_then(Value::as_u64).filter(|&value| value != usual)?;
                Some((key.to_string(), value.to_string()))
            };
            ("conv2d", usual.into_iter().filter_map(said).collect())
        }
        LayerConfig::Linear(_) => ("linear", Vec::new()),
        LayerConfig::Lif(lif) => ("lif", neurons(lif)),
        LayerConfig::Relu(_) => ("relu", Vec::new()),
        LayerConfig::Pool(PoolConfig::Average(side)) => ("average_pool", setting("side", side)),
        LayerConfig::Pool(PoolConfig::Max(side)) => ("max_pool", setting("side", side)),
        LayerConfig::Pool(PoolConfig::GlobalAverage) => ("global_average_pool", Vec::new()),
        LayerConfig::Flatten(_) => ("flatten", Vec::new()),
        LayerConfig::Dropout(_) => ("dropout", Vec::new()),
        LayerConfig::Residual(residual) => {
            let nested = BuildContext { neurons_behind: context.next_lif(), ..*context };
            for (name, layers) in layer.spec().lists() {
                lists.push((name, list(layers, &nested)?));
            }
            ("join", vec![("how".to_string(), format!("\"{}\"", Join::name(residual.join)))])
        }
        other => match other.spec().as_norm() {
            Some(norm) => ("norm", normalization(&norm.settings(context), other)),
            None => {
                let kind = other.kind();
                return Err(Error::Run(format!("a layer \"{kind}\" cannot be exported: PyTorch's module has none.")));
            }
        },
    };
    Ok(Entry { kind, settings, lists })
}

fn setting(key: &str, value: impl std::fmt::Debug) -> Vec<(String, String)> {
    vec![(key.to_string(), format!("{value:?}"))]
}

fn neurons(lif: &LifConfig) -> Vec<(String, String)> {
    let mut said = Vec::new();
    if let Leak::Fixed(leak) = lif.leak {
        said.extend(setting("leak", leak));
    }
    if let Threshold::Fixed(threshold) = lif.threshold {
        said.extend(setting("threshold", threshold));
    }
    if lif.input == InputFactor::OneMinusLeak {
        said.extend(setting("input", "one_minus_leak"));
    }
    match lif.reset {
        Reset::Soft => {}
        Reset::Hard => said.extend(setting("reset", "hard")),
        Reset::None => said.extend(setting("reset", "none")),
    }
    if lif.fire_before_integrate {
        said.push(("fire_before_integrate".into(), "True".into()));
    }
    said
}

fn normalization(settings: &NormSettings, layer: &LayerConfig) -> Vec<(String, String)> {
    let mut said = setting("eps", settings.eps);
    if settings.factor != 1.0 {
        said.extend(setting("factor", settings.factor));
    }
    if settings.step.is_some() {
        said.extend(setting("power", if matches!(layer, LayerConfig::Tab(_)) { 2 } else { 1 }));
    }
    said
}

/// The lines that make a sequence of images.
fn encoder(encoder: EncoderConfig, time_steps: usize) -> String {
    let images = |made: String| {
        format!(
            "        if x.dim() == 4:  # images [B, C, H, W]; a coded sequence is taken as it is\n            x = {made}"
        )
    };
    match encoder {
        EncoderConfig::Direct(_) => images(format!("x.expand({time_steps}, *x.shape)")),
        EncoderConfig::Poisson(poisson) => {
            let rate = if poisson.signed { "x.abs()" } else { "x" };
            let (scale, sign) = (poisson.scale, if poisson.signed { " * x.sign()" } else { "" });
            images(format!("({scale:?} * torch.rand({time_steps}, *x.shape) <= {rate}).to(x.dtype){sign}"))
        }
        EncoderConfig::Sequential(sequential) => images(match sequential.order {
            PartOrder::Rows => "x.permute(2, 0, 1, 3).flatten(2)".into(),
            PartOrder::Pixels => "x.flatten(2).permute(2, 0, 1)".into(),
        }),
        EncoderConfig::None(_) => "        # x is a sequence [T, B, C, H, W]".into(),
    }
}

fn readout(readout: ReadoutConfig) -> String {
    match readout {
        ReadoutConfig::Mean => "x.mean(0)  # currents of the last layer".into(),
        ReadoutConfig::Last => "x[-1]  # currents of the last layer".into(),
        ReadoutConfig::Spikes(_) => "x.mean(0)  # firing rates".into(),
        ReadoutConfig::Vote(vote) => {
            format!("x.unflatten(2, (-1, {})).mean(3).mean(0)  # features vote", vote.per_class)
        }
    }
}

/// What `forward` takes, in words.
fn input(checked: &CheckedExperiment) -> String {
    let shape = &checked.shape;
    let image = format!("{}, {}, {}", shape.channels, shape.height, shape.width);
    let SequenceSpec { shape: signal, .. } = &checked.plan.input;
    let signal: Vec<String> = signal.iter().map(ToString::to_string).collect();
    let sequence = format!("[{}, B, {}]", checked.plan.time_steps, signal.join(", "));
    match checked.experiment.network.encoder {
        EncoderConfig::None(_) => format!("normalised sequences {sequence}"),
        _ => format!("normalised [B, {image}], or coded {sequence}"),
    }
}
