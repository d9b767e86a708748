//! A model card: the README.md of a trained network on the Hugging Face hub.
//!
//! It begins with the hub's front matter (YAML: tags, data set, results) and goes on with what the network is, how it
//! was trained, what it reached, what was measured, how to use it and where it comes from. What was not measured is not
//! in it.

mod facts;
mod front_matter;
mod usage;

use crate::experiment::{CheckedExperiment, ChosenOn};
use crate::run::analyses::{AnalysedCheckpoint, RecordedAnalysis};
use crate::run::provenance::Provenance;
use crate::run::results::{AccuracyAt, Results};
use crate::terminal::amounts::significant;

use super::table::Table;

/// All that a card says.
#[derive(Clone, Copy)]
pub struct ModelCard<'a> {
    pub checked: &'a CheckedExperiment,
    pub results: &'a Results,
    /// The weights that the card is of.
    pub checkpoint: &'a AnalysedCheckpoint,
    pub provenance: &'a Provenance,
    /// All of the run, of which those of these weights are shown.
    pub analyses: &'a [RecordedAnalysis],
    /// A row a layer: name, kind, output, parameters, multiply-accumulates.
    pub layers: &'a Table,
    /// As the hub abbreviates it.
    pub license: Option<&'a str>,
}

/// An accuracy on the test images, in percent, and how it came about.
#[derive(Debug, Clone, PartialEq)]
struct Reached {
    how: String,
    top1: f64,
    /// Whether it is that of the card's weights.
    own: bool,
}

impl ModelCard<'_> {
    /// The whole README.md.
    pub fn render(&self) -> String {
        let name = &self.checked.experiment.name;
        let mut text = self.front_matter();
        text += &format!("\n# {name}\n\n{}\n", self.opening());
        for (title, body) in [
            ("Network", self.network()),
            ("Training", self.training()),
            ("Results", self.reached_text()),
            ("Measured", self.measured()),
            ("Use", self.usage()),
            ("Provenance", self.provenance()),
        ] {
            text += &format!("\n## {title}\n\n{body}");
        }
        text
    }

    /// Of the last epoch, of the best, and what `bntt eval` found of these weights.
    fn reached(&self) -> Vec<Reached> {
        let Self { results, checkpoint, .. } = self;
        let AnalysedCheckpoint { which, epoch, .. } = checkpoint;
        let at = |at: &AccuracyAt, how: String| {
            // Both checkpoints hold the same weights where the last epoch is the best.
            let own = ["best", "last"].contains(&which.as_str()) && at.epoch == *epoch;
            Reached { how, top1: at.top1, own }
        };
        let last = results.last.map(|last| at(&last, format!("last epoch ({})", last.epoch)));
        let chosen = match results.chosen_on {
            ChosenOn::Test => "chosen on the test images themselves",
            ChosenOn::Validation => "chosen on the validation images",
        };
        let best = results.best.map(|best| at(&best, format!("best epoch ({}), {chosen}", best.epoch)));
        let evaluated = self.of_these_weights().filter(|analysis| analysis.overrides.is_empty());
        let evaluated = evaluated.filter_map(|analysis| {
            let top1 = *analysis.measures.get("eval.top1")?;
            let how = [vec!["bntt eval".to_string()], analysis.conditions.clone()].concat().join(", ");
            Some(Reached { how, top1, own: true })
        });
        last.into_iter().chain(best).chain(evaluated).collect()
    }

    fn of_these_weights(&self) -> impl Iterator<Item = &RecordedAnalysis> {
        let own = &self.checkpoint.model_sha256;
        self.analyses.iter().filter(move |analysis| analysis.checkpoint.model_sha256 == *own)
    }

    fn reached_text(&self) -> String {
        let reached = self.reached();
        if reached.is_empty() {
            return "No accuracy of these weights has been measured.\n".into();
        }
        let yes = |own: bool| if own { "yes" } else { "no" }.to_string();
        let row = |found: &Reached| vec![found.how.clone(), yes(found.own), format!("{:.2} %", found.top1)];
        let rows = reached.iter().map(row).collect();
        let text = super::table::markdown::render(&Table::new(&["epoch", "these weights", "top-1"], rows, 2));
        let note = match self.results.chosen_on {
            _ if self.results.best.is_none() => String::new(),
            ChosenOn::Test => "\nThe best epoch was chosen on the test images: images that were never seen may have \
                               a lower accuracy. The last epoch is not chosen by any images.\n"
                .into(),
            ChosenOn::Validation => {
                "\nThe best epoch was chosen on training images that were held out; the test images \
                                     were read once, with its weights.\n"
                    .into()
            }
        };
        let split = self.test_images().map_or(String::new(), |images| format!(" on {images} test images"));
        format!("Top-1 accuracy{split}.\n\n{text}{note}")
    }

    /// How many test images there are, where it is known without reading them.
    fn test_images(&self) -> Option<usize> {
        let CheckedExperiment { experiment, shape, .. } = self.checked;
        let most = experiment.data.limit.as_ref().and_then(|limit| limit.test);
        match (shape.test, most) {
            (0, _) => None,
            (all, most) => Some(most.map_or(all, |most| most.min(all))),
        }
    }

    fn measured(&self) -> String {
        let mut rows = Vec::new();
        for analysis in self.of_these_weights() {
            let with = [analysis.overrides.clone(), analysis.conditions.clone()].concat().join(", ");
            let row = |(name, value): (&String, &f64)| vec![name.clone(), with.clone(), significant(*value, 4)];
            rows.extend(analysis.measures.iter().map(row));
        }
        if rows.is_empty() {
            return "Nothing beyond accuracy has been measured of these weights.\n".into();
        }
        let table = super::table::markdown::render(&Table::new(&["measure", "with", "value"], rows, 2));
        format!("By `bntt` of these weights. Accuracies are in percent, energies in microjoule an image.\n\n{table}")
    }
}
