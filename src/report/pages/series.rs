//! Reads a run folder for a page. What cannot be read becomes a sentence in its place, and the rest is still shown.

use crate::config::LARGEST_FILE;
use crate::error::Error;
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::reading;
use crate::network::{self, ChannelGammas, Gammas};
use crate::run::checkpoint;
use crate::run::listing::{self, RunSummary};
use crate::run::metrics::{self, ChosenOn, EpochMetrics};
use crate::run::provenance::Provenance;
use crate::run::{CheckpointKind, RunFolder};
use candle_core::{Device, Tensor};

/// What was read, or a sentence that says why it could not be.
pub type ReadResult<T> = Result<T, String>;

/// A run, without its weights.
pub struct Record {
    pub summary: RunSummary,
    pub metrics: ReadResult<Vec<EpochMetrics>>,
    /// The text of config.toml.
    pub config: ReadResult<String>,
    pub experiment: ReadResult<CheckedExperiment>,
    pub provenance: ReadResult<Provenance>,
}

/// Gamma of every BNTT layer at every time-step, in the order of the layers.
pub struct Gamma {
    /// Over the channels.
    pub means: Gammas,
    pub channels: ChannelGammas,
    /// The checkpoint that it is from.
    pub of: CheckpointLabel,
}

/// Which checkpoint a figure is about, in words: "The best checkpoint, epoch 9, chosen on the test images."
pub struct CheckpointLabel {
    pub which: CheckpointKind,
    pub words: String,
}

impl Record {
    /// Reads everything but the checkpoints.
    pub fn read(run: &RunFolder) -> Self {
        let config = run.config();
        Self {
            summary: listing::summarize(run),
            metrics: metrics::so_far(run).map(|found| found.epochs).map_err(error_text),
            config: reading::text(&config, LARGEST_FILE).map_err(|e| error_text(Error::io("read", &config)(e))),
            experiment: Experiment::load(&config, &[]).map_err(error_text),
            provenance: Provenance::load(&run.provenance()).map_err(error_text),
        }
    }

    /// The metrics, where there are any.
    pub fn epochs(&self) -> &[EpochMetrics] {
        self.metrics.as_deref().unwrap_or_default()
    }
}

/// The checkpoint that was asked for; the last where the run has no best.
pub fn choose(run: &RunFolder, requested: CheckpointKind) -> CheckpointKind {
    if run.checkpoint(requested).exists() { requested } else { CheckpointKind::Last }
}

impl CheckpointLabel {
    pub fn new(which: CheckpointKind, epoch: usize, on: ChosenOn) -> Self {
        let words = match which {
            CheckpointKind::Best => {
                format!("The best checkpoint, epoch {epoch}, chosen on the {} images.", on.name())
            }
            CheckpointKind::Recalibrated => {
                format!("The weights of epoch {epoch}, with running statistics estimated again.")
            }
            CheckpointKind::Last => format!("The last checkpoint, after epoch {epoch}."),
        };
        Self { which, words }
    }
}

/// The gammas of a run's checkpoint.
///
/// # Errors
/// A sentence when there is no whole checkpoint or no BNTT layer.
pub fn gamma(
    run: &RunFolder,
    requested: CheckpointKind,
    experiment: &ReadResult<CheckedExperiment>,
) -> ReadResult<Gamma> {
    let which = choose(run, requested);
    let checkpoint = checkpoint::load(&run.checkpoint(which), &Device::Cpu).map_err(error_text)?;
    let is_bntt = |layer: &str, gamma: &Tensor| match experiment {
        Ok(checked) => checked.plan.has_bntt(layer),
        // Without a config it is told by its shape: other norms have one group for all time-steps.
        Err(_) => gamma.dims().first().is_some_and(|&groups| groups > 1),
    };
    let channels = network::gammas_by_channel(&checkpoint.model, is_bntt).map_err(|e| format!("gamma: {e}"))?;
    let means = network::mean_gammas(&channels);
    if means.is_empty() {
        return Err("The network has no BNTT layer, and so no gamma by time-step.".into());
    }
    let on = experiment.as_ref().map_or_else(|_| ChosenOn::default(), |checked| checked.experiment.chosen_on());
    Ok(Gamma { means, channels, of: CheckpointLabel::new(which, checkpoint.progress.epoch, on) })
}

/// An error as a sentence of the page.
pub fn error_text(error: Error) -> String {
    let text = error.to_string();
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}
