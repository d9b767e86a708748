//! What `bntt report` and `bntt plot` are about: a run or a sweep, with its figures.

use super::check;
use super::path_argument::path;
use super::trained::{CheckpointChoice, Trained};
use crate::config::read_table;
use crate::encoders::EncoderConfig;
use crate::error::{Error, Result};
use crate::report::compare::{ComparedRun, Filter, keep_planned};
use crate::report::pages::series::{self, CheckpointLabel, Record, choose, error_text};
use crate::report::pages::{Confusion, RunReport, SweepRecord, SweepReport, run_figures, sweep_figures};
use crate::run::{self, RunFolder};
use crate::sweep::Sweep;
use crate::terminal::logging::Log;
use crate::train::evaluate;
use std::path::{Path, PathBuf};
use tracing::info;

#[derive(clap::Args)]
pub struct RunOrSweep {
    /// Run folder, or a sweep's file.
    #[arg(value_name = "RUN|SWEEP.toml", value_parser = path())]
    path: PathBuf,
    /// Values that replace the run's where it is evaluated, as in `data.dataset.cifar10.path=/data/cifar10`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Of a sweep, only the runs with this value, as in `variant=BNTT`; all of several conditions.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    filters: Vec<Filter>,
    /// Where a sweep's run folders are.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    /// Which weights gamma and the confusion matrix are of.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: CheckpointChoice,
    /// Leave out the confusion matrix, which needs the data set.
    #[arg(long)]
    no_evaluation: bool,
}

/// The figures, and what stands around them.
pub enum SubjectFigures {
    Run(Box<RunReport>),
    Sweep(SweepReport),
}

impl RunOrSweep {
    /// The files that are read, which nothing may be written over.
    pub fn inputs(&self) -> Vec<PathBuf> {
        RunFolder::open(&self.path).map_or_else(|_| vec![self.path.clone()], |run| run.own_files())
    }

    /// Reads everything and draws the figures; what cannot be had is a sentence in its place.
    pub fn read(&self, log: &Log) -> Result<SubjectFigures> {
        if self.path.is_file() {
            self.read_sweep().map(SubjectFigures::Sweep)
        } else {
            self.read_run(log).map(Box::new).map(SubjectFigures::Run)
        }
    }

    /// The runs of a sweep that --where keeps, and what they differ in.
    pub fn sweeps_runs(&self) -> Result<(Vec<ComparedRun>, Vec<String>)> {
        let sweep = self.sweep()?;
        Ok((ComparedRun::of_planned(&sweep, &self.runs)?, sweep.axes))
    }

    fn read_run(&self, log: &Log) -> Result<RunReport> {
        if let Some(filter) = self.filters.first() {
            return Err(Error::Run(format!(
                "--where {}: it chooses runs of a sweep, and {} is a run.",
                filter.key,
                self.path.display()
            )));
        }
        let run = RunFolder::open(&self.path)?;
        let record = Record::read(&run);
        let requested = run::CheckpointKind::from(self.checkpoint);
        let gamma = series::gamma(&run, requested, &record.experiment);
        let confusion =
            (!self.no_evaluation).then(|| confusion(&run, requested, &self.overrides, log).map_err(error_text));
        let figures = run_figures(&record, gamma, confusion)?;
        let sessions = record.provenance.as_ref().map(|provenance| provenance.sessions.as_slice()).unwrap_or_default();
        let on_gpu = sessions.last().is_some_and(|session| session.device.starts_with("cuda"));
        let layers =
            record.experiment.as_ref().map(|checked| check::layers(checked, on_gpu, None)).map_err(Clone::clone);
        Ok(RunReport { record, layers, figures })
    }

    fn read_sweep(&self) -> Result<SweepReport> {
        let record = SweepRecord::read(self.sweep()?, &self.runs)?;
        let figures = sweep_figures(&record)?;
        Ok(SweepReport { record, figures })
    }

    fn sweep(&self) -> Result<Sweep> {
        if let Some(first) = self.overrides.first() {
            return Err(Error::Run(format!("{first}: values belong to a run; a sweep's stand in its file.")));
        }
        let sweep = Sweep::load(&self.path).map_err(|error| match is_experiment(&self.path) {
            true => Error::Run(format!(
                "{} is an experiment's file. Name the folder of its run, such as runs/<name>/v0001, or a sweep's file.",
                self.path.display()
            )),
            false => error,
        })?;
        keep_planned(sweep, &self.filters)
    }
}

fn is_experiment(path: &Path) -> bool {
    let keys = ["network", "training", "data", "optimizer"];
    read_table(path).is_ok_and(|table| keys.iter().any(|key| table.contains_key(*key)))
}

/// The checkpoint on the test images, and what was evaluated, in words.
fn confusion(
    run: &RunFolder,
    requested: run::CheckpointKind,
    overrides: &[String],
    log: &Log,
) -> Result<(Confusion, String)> {
    let (which, of_checkpoint) = match choose(run, requested) {
        run::CheckpointKind::Best => (run::CheckpointKind::Best, CheckpointChoice::Best),
        run::CheckpointKind::Recalibrated => (run::CheckpointKind::Recalibrated, CheckpointChoice::Recalibrated),
        run::CheckpointKind::Last => (run::CheckpointKind::Last, CheckpointChoice::Last),
    };
    let epoch = crate::run::checkpoint::load(&run.checkpoint(which), &candle_core::Device::Cpu)?.progress.epoch;
    let trained = Trained::open(run.path(), overrides, of_checkpoint, log)?;
    let options = evaluate::evaluation_options(&trained.checked.experiment, &trained.network)?;
    info!("evaluating on {} test images; --no-evaluation leaves this out", trained.dataset.test.len());
    let mut confusion =
        trained.on_test_images(options.time_steps, |network, batches| Confusion::measure(network, batches, options))?;
    confusion.names = trained.checked.experiment.data.dataset.spec().class_names();
    let drawn = match (&trained.checked.experiment.network.encoder, options.draws) {
        (EncoderConfig::Poisson(_), 1) => ", one Poisson draw".to_string(),
        (EncoderConfig::Poisson(_), draws) => format!(", logits averaged over {draws} Poisson draws"),
        _ => String::new(),
    };
    let CheckpointLabel { words, .. } = CheckpointLabel::new(which, epoch, trained.checked.experiment.chosen_on());
    let words = format!("{words} {} images{drawn}: {:.2} % are right.", confusion.images(), confusion.top1_percent());
    Ok((confusion, words))
}
