//! The experiment that a run goes on with: its own, but for what changes nothing that was computed.

use crate::config;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment, SHARED};
use crate::run::RunFolder;
use crate::run::identity;
use crate::train::longer::Longer;

/// A run's experiment with values in place of its own.
pub struct Continuation {
    pub checked: CheckedExperiment,
    /// Where these values make it longer.
    pub longer: Option<Longer>,
}

/// The run's experiment with values in place of its own, none of which may change what was computed.
///
/// # Errors
/// [`Error::Run`] naming the keys that would; those of [`Experiment::load`].
pub fn load(run: &RunFolder, overrides: &[String]) -> Result<Continuation> {
    // Its data may be where the values say, and no more where it says itself.
    let own = config::load::<Experiment>(&run.config(), &[], &SHARED)?.value;
    let mut checked = Experiment::load(&run.config(), overrides)?;
    checked.experiment.make_paths_absolute();
    let longer = Longer::between(&own, &checked.experiment)?;
    let expected = longer.as_ref().map_or(&own, |longer| &longer.experiment);
    let mut others = identity::differences(expected, &checked.experiment)?;
    // A name is no part of what is computed, but the folder has it.
    if checked.experiment.name != own.name {
        others.push(format!("name: {}, here {}", own.name, checked.experiment.name));
    }
    if checked.experiment.training.initial_weights != own.training.initial_weights {
        others.push("training.initial_weights, which the run has taken".into());
    }
    match others.is_empty() {
        true => Ok(Continuation { checked, longer }),
        false => Err(Error::Run(format!(
            "{} cannot be continued as another experiment ({}). What may be changed: where the data lie, training.threads, training.device, \
             training.checkpoint_every, training.keep, training.tensorboard and provenance; to train for longer, training.epochs, \
             training.early_stopping and schedule. For anything else start a new run, perhaps with training.initial_weights.",
            run.path().display(),
            others.join("; ")
        ))),
    }
}
