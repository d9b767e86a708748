//! What the network is, how it was trained, and where it comes from.

use super::ModelCard;
use crate::experiment::{CheckedExperiment, ChosenOn};
use crate::layers::LayerConfig;
use crate::report::table::markdown;
use crate::run::provenance::{Outcome, Provenance};
use crate::terminal::amounts::{count, grouped};
use serde::Serialize;

/// A value as an experiment file writes it, on one line.
fn inline(value: &impl Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}

/// A list.
fn facts(pairs: Vec<(&str, String)>) -> String {
    pairs.into_iter().map(|(name, value)| format!("- {name}: {value}\n")).collect()
}

/// Text that Markdown leaves as it is.
fn code(text: String) -> String {
    format!("`{}`", text.replace('`', "'"))
}

impl ModelCard<'_> {
    /// What it is, in two sentences.
    pub(super) fn opening(&self) -> String {
        let CheckedExperiment { experiment, plan, .. } = self.checked;
        let kind = experiment.network.without_spikes().unwrap_or("a spiking neural network");
        let mut letters = kind.chars();
        let kind: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        let dataset = experiment.data.dataset.kind().name();
        let epoch = self.checkpoint.epoch;
        let trained = match self.provenance.outcome {
            Outcome::Converted => "made by `bntt convert` of a network of rectified linear units".to_string(),
            Outcome::Imported => "made by `bntt import` of a file of weights".into(),
            _ => format!("trained for {epoch} epochs"),
        };
        format!(
            "{kind} for {dataset}, {} time-steps and {} parameters, {trained}. The weights are those of the checkpoint \
             `{}`.",
            plan.time_steps,
            grouped(plan.parameters() as u64),
            self.checkpoint.which,
        )
    }

    /// The kinds of norms in the network, each with its settings.
    pub(super) fn norms(&self) -> Vec<(&'static str, String)> {
        let layers = self.checked.experiment.network.layers.iter().flat_map(LayerConfig::all);
        let norms = layers.filter(|layer| layer.spec().as_norm().is_some());
        let mut found: Vec<(&'static str, String)> = norms.map(|layer| (layer.kind().name(), inline(&layer))).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The settings of all LIF layers, each once.
    fn neurons(&self) -> Vec<String> {
        let layers = self.checked.experiment.network.layers.iter().flat_map(LayerConfig::all);
        let neurons =
            layers.filter_map(|layer| if let LayerConfig::Lif(lif) = layer { Some(inline(lif)) } else { None });
        let mut found: Vec<String> = neurons.collect();
        found.sort();
        found.dedup();
        found
    }

    pub(super) fn network(&self) -> String {
        let CheckedExperiment { experiment, plan, .. } = self.checked;
        let mut pairs = vec![
            ("time-steps T", plan.time_steps.to_string()),
            ("encoder", code(inline(&experiment.network.encoder))),
            ("input [C, H, W]", code(format!("{:?}", plan.input.shape))),
        ];
        pairs.extend(self.neurons().into_iter().map(|neurons| ("neurons", code(neurons))));
        pairs.extend(self.norms().into_iter().map(|(_, norm)| ("norm", code(norm))));
        pairs.push(("readout", code(inline(&experiment.network.readout))));
        pairs.push(("multiply-accumulates", format!("{} per image and time-step, dense", count(plan.macs()))));
        format!("{}\n{}", facts(pairs), markdown::render(self.layers))
    }

    pub(super) fn training(&self) -> String {
        let CheckedExperiment { experiment, .. } = self.checked;
        let (data, training) = (&experiment.data, &experiment.training);
        let mut pairs = vec![("data", data.dataset.kind().name().to_string())];
        pairs.extend(data.limit.as_ref().map(|limit| ("fewer images than there are", code(inline(limit)))));
        pairs.extend(data.validation.as_ref().map(|held| ("held out for validation", code(inline(held)))));
        pairs.extend(data.augment.as_ref().map(|augment| ("augmentation", code(inline(augment)))));
        pairs.extend(data.normalize.as_ref().map(|normalize| ("normalisation", code(inline(normalize)))));
        pairs.push(("batch size", data.batch_size.to_string()));
        pairs.push(("optimizer", code(inline(&experiment.optimizer))));
        pairs.push(("learning rate", code(inline(&experiment.schedule))));
        pairs.push(("loss", code(inline(&training.loss))));
        pairs.push(("label smoothing", training.label_smoothing.to_string()));
        pairs.push(("precision", code(inline(&training.precision))));
        let done = self.results.epochs_done;
        pairs.push(("epochs", format!("{done} of {}", training.epochs)));
        pairs.extend(self.provenance.ended_early.clone().map(|why| ("ended", why)));
        if let Some(sum) = &self.provenance.initial_weights {
            pairs.push(("began with weights", format!("SHA-256 {sum}")));
        }
        let chosen = match self.results.chosen_on {
            ChosenOn::Test => "the test images",
            ChosenOn::Validation => "validation images",
        };
        pairs.push(("best epoch chosen on", chosen.into()));
        format!("{}\nEvery setting stands in `config.toml`.\n", facts(pairs))
    }

    pub(super) fn provenance(&self) -> String {
        let Provenance { seed, started, data, sessions, converted, imported, .. } = self.provenance;
        let mut pairs = vec![("seed", seed.to_string()), ("started", started.clone())];
        for session in sessions {
            pairs.push(("bntt", session.bntt_version.clone()));
            pairs.extend(session.git.as_ref().and_then(|git| {
                let changed = if git.dirty { ", with uncommitted changes" } else { "" };
                Some(("git commit of the working folder", format!("{}{changed}", git.commit.as_deref()?)))
            }));
            pairs.push(("device", session.device.clone()));
            pairs.extend(session.accepted.iter().map(|accepted| ("accepted", accepted.clone())));
        }
        pairs.extend(converted.as_ref().map(|record| ("converted from weights", record.model_sha256.clone())));
        pairs.extend(imported.as_ref().map(|record| ("imported from a file", record.sha256.clone())));
        pairs.push(("checkpoint, SHA-256", self.checkpoint.model_sha256.clone()));
        pairs.extend(data.values().map(|sum| ("data, SHA-256", sum.clone())));
        let version = env!("CARGO_PKG_VERSION");
        format!("{}\nThis card was written by bntt {version}.\n", facts(pairs))
    }
}
