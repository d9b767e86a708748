//! Going on with a run for longer than its config says: with more epochs, or more patience.
//!
//! What comes of it is the run that would have been begun so, to the last bit; where its past would have been another,
//! it is refused. `config.toml` is replaced by one that says the new length, and the one before stays beside it as
//! `config.1.toml` and so on: checkpoints of before say by their checksum which they belong to.

use crate::config;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, SHARED};
use crate::files::atomic::{sha256_hex, write_atomically};
use crate::files::reading;
use crate::optimizers::{MilestonesConfig, ScheduleConfig, TrainingPosition};
use crate::run::checkpoint::TrainingProgress;
use crate::run::metrics::{self, EpochMetrics};
use crate::run::{RunFolder, identity};
use std::fs;
use std::path::Path;

/// A run's experiment, of another length.
#[derive(Debug)]
pub struct Longer {
    own: Experiment,
    /// What config.toml becomes.
    pub experiment: Experiment,
    /// `training.epochs: 100, here 200`.
    pub changes: Vec<String>,
}

/// `own` as long as `asked`: what may be changed of a run.
fn as_long_as(own: &Experiment, asked: &Experiment) -> Experiment {
    let mut longer = own.clone();
    longer.training.epochs = asked.training.epochs;
    longer.training.early_stopping = asked.training.early_stopping;
    longer.schedule = asked.schedule.clone();
    longer
}

impl Longer {
    /// What `asked` changes of the length of the run of `own`; nothing where it changes none.
    pub fn between(own: &Experiment, asked: &Experiment) -> Result<Option<Self>> {
        let experiment = as_long_as(own, asked);
        let changes = identity::differences(own, &experiment)?;
        Ok((!changes.is_empty()).then(|| Self { own: own.clone(), experiment, changes }))
    }

    /// Whether the run could have been begun so, as far as it has come: `epochs` are those that are done.
    ///
    /// # Errors
    /// [`Error::Run`] with a sentence that says what would have been another.
    pub fn check(&self, run: &RunFolder, done: usize, is_inside_epoch: bool) -> Result<()> {
        let refuse = |problem: String| Err(Error::Run(format!("{} cannot go on so: {problem}", run.path().display())));
        let (before, now) = (&self.own, &self.experiment);
        if now.training.epochs <= done {
            return refuse(format!(
                "it has done {done} epochs; expected more for training.epochs, found {}.",
                now.training.epochs
            ));
        }
        let begun = if is_inside_epoch { done.saturating_add(1) } else { done };
        if let Some((epoch, [was, would])) = first_other_rate(before, now, begun) {
            return refuse(format!(
                "in epoch {epoch} the schedule's factor of the learning rate was {was}, and with {} epochs it would have been {would}: \
                 it would be another run. {}",
                now.training.epochs,
                advice(before, now, run.path())
            ));
        }
        let lines = metrics::so_far(run)?.epochs;
        match first_early_end(now, lines.get(..done).unwrap_or(&lines)) {
            Some(why) => refuse(format!(
                "it would have {why}; expected a larger training.early_stopping.patience, or training.early_stopping=none."
            )),
            None => Ok(()),
        }
    }

    /// Replaces config.toml; the one that was there stays beside it.
    ///
    /// # Errors
    /// [`Error::Io`] when one of them cannot be written; config.toml is then as it was.
    pub fn write(&self, run: &RunFolder) -> Result<()> {
        let config = run.config();
        let before = fs::read(&config).map_err(Error::io("read", &config))?;
        let kept = run.earlier_configs();
        // One that was kept just before the program was killed.
        let is_kept = kept.last().is_some_and(|last| fs::read(last).is_ok_and(|bytes| bytes == before));
        if !is_kept {
            write_atomically(&run.earlier_config(kept.len().saturating_add(1)), &before)?;
        }
        write_atomically(&config, self.experiment.to_toml()?.as_bytes())
    }
}

/// The first epoch, counted from 1, of those that were begun in which the rates differ, and both factors.
fn first_other_rate(before: &Experiment, now: &Experiment, begun: usize) -> Option<(usize, [f64; 2])> {
    // A warmup rises from step to step: two tell it from what does not.
    let places = (0..begun).flat_map(|epoch| [(epoch, 0), (epoch, 1)]);
    let factors = |(epoch, step)| {
        [before, now].map(|of: &Experiment| {
            let position = TrainingPosition { epoch, epochs: of.training.epochs, step, steps: 2 };
            of.schedule.factor(position)
        })
    };
    let mut found = places.map(|place| (place.0.saturating_add(1), factors(place)));
    found.find(|(_, [was, would])| was != would)
}

fn advice(before: &Experiment, now: &Experiment, run: &Path) -> String {
    let epochs = [before, now].map(|of| of.training.epochs as f64);
    match (&before.schedule, &now.schedule) {
        (ScheduleConfig::Milestones(MilestonesConfig { at, .. }), ScheduleConfig::Milestones(_)) => {
            let moved = |at: &f64| ((at * epochs[0]).round() / epochs[1] * 1e6).round() / 1e6;
            let moved: Vec<String> = at.iter().map(|at| moved(at).to_string()).collect();
            format!("schedule.milestones.at=[{}] leaves the milestones where they were.", moved.join(", "))
        }
        _ => format!(
            "A schedule over all epochs cannot be longer afterwards: begin a new run, perhaps with \
             training.initial_weights={}.",
            run.join("checkpoints/last/model.safetensors").display()
        ),
    }
}

/// Why a run of these epochs would have ended before what comes now.
fn first_early_end(experiment: &Experiment, lines: &[EpochMetrics]) -> Option<String> {
    let ends = |done: usize| {
        let best = metrics::best(lines.get(..done)?).map(|(epoch, _)| epoch);
        experiment.training.early_end(done, best)
    };
    (1..=lines.len()).find_map(ends)
}

/// Whether a checkpoint belongs to the config that `run` had before it went on for longer as `now` says.
pub(super) fn is_of_earlier_config(run: &RunFolder, progress: &TrainingProgress, now: &Experiment) -> bool {
    run.earlier_configs().iter().any(|path| {
        let text = reading::bytes(path, config::LARGEST_FILE).unwrap_or_default();
        if sha256_hex(&text) != progress.config_sha256 {
            return false;
        }
        let earlier = config::load::<Experiment>(path, &[], &SHARED).map(|loaded| loaded.value);
        let others = earlier.and_then(|earlier| identity::differences(&as_long_as(&earlier, now), now));
        others.is_ok_and(|others| others.is_empty())
    })
}
