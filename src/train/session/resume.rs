//! A run that goes on from its last checkpoint.

use super::damaged::{keep_what_is_damaged, put_aside};
use super::{SessionEnd, SessionOptions, let_go, train_to_end};
use crate::error::{Error, Result};
use crate::files::atomic::sha256_hex;
use crate::files::lock::Lock;
use crate::ops::device;
use crate::run::checkpoint;
use crate::run::metrics::{self, FinalTest, Metrics};
use crate::run::provenance::{Git, Outcome, Provenance};
use crate::run::{CheckpointKind, RunFolder};
use crate::system::threads;
use crate::train::Trainer;
use crate::train::longer::Longer;
use crate::train::memory_check::refuse_what_does_not_fit;
use crate::train::resumption::{self, Continuation, Examination, ResumePoint, Verdict};
use std::fs;
use std::path::Path;
use tracing::{info, warn};

/// Continues the run in `folder` (the newest version where it is the folder of a name) with `overrides` that change no
/// number. The continued run is the one that was never stopped, to the last bit.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) when it was asked to stop: all is saved then. A config,
/// records, data or checkpoints that are not those of the run, unless `options` accept them; nothing is changed then.
pub fn resume(folder: &Path, overrides: &[String], options: SessionOptions<'_>) -> Result<SessionEnd> {
    let folder = RunFolder::open(folder)?;
    let continued = resumption::load(&folder, overrides)?;
    let threads = threads::start(continued.checked.experiment.training.threads);
    let lock = folder.take_lock()?;
    go_on(&folder, lock, &continued, threads, options)
}

/// Continues the run in `folder`, which is locked, as `continued` says.
pub(super) fn go_on(
    folder: &RunFolder,
    _lock: Lock,
    continued: &Continuation,
    threads: usize,
    options: SessionOptions<'_>,
) -> Result<SessionEnd> {
    let SessionOptions { insist, accepted, ref sweep, log, ref stop, .. } = options;
    let Continuation { checked, longer } = continued;
    let experiment = &checked.experiment;
    let device = experiment.training.open_device()?;
    let Examination { verdict, .. } = resumption::examine(folder, checked, accepted, &device);
    let verdict = verdict?;
    if let Some(longer) = longer {
        verdict.check_longer(folder, longer)?;
    }
    let tested = metrics::so_far(folder).ok().and_then(|found| found.test);
    let ResumePoint { mut checkpoint, records, mut losses } = match verdict {
        Verdict::Complete { epochs, ended_early, untidy } => {
            mend_checkpoints(folder)?;
            untidy.map(|keep| Metrics::open(folder, *keep)).transpose()?;
            record_completion(folder, ended_early.clone())?;
            let_go(folder, experiment.training.keep);
            options.tell(folder);
            return Ok(SessionEnd::WasComplete { run: folder.clone(), epochs, ended_early });
        }
        Verdict::Untrained(origin) => {
            return Err(Error::Run(format!(
                "{} was {origin}: there is no training to go on with. To train from its weights, name its \
                 checkpoint as training.initial_weights.",
                folder.path().display()
            )));
        }
        Verdict::GoesOn(point) => *point,
    };
    refuse_what_does_not_fit(checked, &device, insist)?;
    let dataset = experiment.load_data()?;
    match resumption::check_data(folder, &checkpoint, &dataset.checksums) {
        Err(problem) if accepted.data => losses.push(problem.to_string()),
        checked => checked?,
    }

    // Everything that can be wrong has been read; from here on files change.
    options.tell(folder);
    let (epoch, step) = (checkpoint.progress.epoch, checkpoint.progress.step);
    let device_name = device::name(&device);
    let (git, _) = Git::read(Path::new("."), experiment.provenance.git);
    let mut provenance = match Provenance::load(&folder.provenance()) {
        Ok(mut provenance) => {
            warn_of_another_kind_of_device(&provenance, &device_name);
            provenance.resume(epoch, &device_name, threads, git);
            provenance
        }
        Err(error) => {
            // The record is not the run: it begins again, beside what is left of the old one.
            let old = put_aside(&folder.provenance())?;
            warn!("{error} A new one is begun, and the old one kept as {}.", old.display());
            Provenance::begin(experiment.seed, &device_name, threads, dataset.checksums.clone(), git)
        }
    };
    provenance.accept(&losses);
    // One that began by itself, or with an older version, is a sweep's from here on.
    provenance.sweep = sweep.clone().or(provenance.sweep);
    if let Some(Longer { changes, .. }) = longer {
        let read = |test: FinalTest| {
            format!(
                "the test images had been read, with the weights of epoch {}: top-1 {} %",
                test.of_epoch, test.test.top1
            )
        };
        provenance.lengthen(&[changes.clone(), tested.map(read).into_iter().collect()].concat());
    }
    provenance.save(&folder.provenance())?;
    log.write_to(&folder.log())?;
    if !losses.is_empty() {
        keep_what_is_damaged(folder, &losses)?;
    }
    mend_checkpoints(folder)?;
    if let Some(longer) = longer {
        longer.write(folder)?;
        info!("going on for longer: {}", longer.changes.join("; "));
    }
    // That of before, where the run was killed as it was made longer.
    let config = fs::read(folder.config()).map_err(Error::io("read", folder.config()))?;
    checkpoint.progress.config_sha256 = sha256_hex(&config);
    let inside = if step > 0 { format!(" and {step} steps") } else { String::new() };
    info!("resuming {} after epoch {epoch}{inside} of {}", folder.path().display(), experiment.training.epochs);
    let trainer =
        || Ok(Trainer::resume(checked, &dataset, folder, (checkpoint, records), device.clone())?.until(stop.clone()));
    train_to_end(trainer, checked, &device, &mut provenance, folder, log)
}

/// Completes saves that were cut short.
fn mend_checkpoints(folder: &RunFolder) -> Result<()> {
    [CheckpointKind::Best, CheckpointKind::Last]
        .into_iter()
        .try_for_each(|which| checkpoint::mend(&folder.checkpoint(which)))
}

/// A run that was killed after its last checkpoint has no end in its record, and would be taken up again by a sweep for
/// ever.
fn record_completion(folder: &RunFolder, ended_early: Option<String>) -> Result<()> {
    match Provenance::load(&folder.provenance()) {
        Ok(mut provenance) if provenance.outcome != Outcome::Completed => {
            // When it ended stays unrecorded where it is: it was not now.
            provenance.outcome = Outcome::Completed;
            provenance.ended_early = ended_early;
            provenance.save(&folder.provenance())
        }
        _ => Ok(()),
    }
}

/// The CPU and a GPU round differently.
fn warn_of_another_kind_of_device(provenance: &Provenance, now: &str) {
    let kind = |name: &str| name.split([':', ' ']).next().unwrap_or_default().to_string();
    if let Some(before) = provenance.sessions.last().filter(|session| kind(&session.device) != kind(now)) {
        warn!(
            "the run was computed on {} and goes on on {now}: it will not have the bits of an undisturbed run",
            before.device
        );
    }
}
