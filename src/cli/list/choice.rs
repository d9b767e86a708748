//! Which runs `bntt list` shows, and in which order.

use crate::error::Result;
use crate::report::compare::{ComparedRun, Filter, refuse_unknown};
use crate::run::listing::{RunSummary, STATES};
use crate::run::removal;
use std::cmp::Ordering;

#[derive(clap::Args)]
pub struct RunChoice {
    /// Only runs with this value in their config or their sweep (`variant=BNTT`), compared as TOML (0.50 is 0.5); all
    /// of several conditions.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    filters: Vec<Filter>,
    /// Only runs in one of these states.
    #[arg(long, value_name = "STATE,..", value_delimiter = ',', value_parser = STATES)]
    state: Vec<String>,
    /// Only runs with this tag; with all of several.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// What decides the order.
    #[arg(long, value_enum, value_name = "BY", default_value = "name")]
    pub sort: ListOrder,
}

/// Runs that lack what decides come last; equal ones go by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListOrder {
    /// By name and version.
    Name,
    /// The newest first.
    Started,
    /// The highest accuracy first.
    Best,
    /// The most epochs first.
    Epochs,
    /// The largest folder first.
    Size,
}

/// A run with the bytes of its folder.
pub struct ListedRun {
    pub summary: RunSummary,
    pub bytes: u64,
}

impl RunChoice {
    /// Those of `runs` that are asked for, in order.
    ///
    /// # Errors
    /// [`Error::Run`] for a key that no run has.
    pub fn apply(&self, runs: Vec<RunSummary>) -> Result<Vec<ListedRun>> {
        let known: Vec<ComparedRun> =
            if self.filters.is_empty() { Vec::new() } else { runs.iter().map(ComparedRun::listed).collect() };
        self.filters.iter().try_for_each(|filter| refuse_unknown(&known, &filter.key, "--where"))?;
        let fulfils = |run: &ComparedRun| self.filters.iter().all(|filter| filter.keeps(run));
        let is_asked_for = |(place, run): &(usize, RunSummary)| {
            (self.filters.is_empty() || known.get(*place).is_some_and(fulfils))
                && (self.state.is_empty() || self.state.iter().any(|state| state == run.state))
                && self.tag.iter().all(|tag| run.labels.tags.contains(tag))
        };
        let chosen = runs.into_iter().enumerate().filter(is_asked_for);
        let mut listed: Vec<ListedRun> =
            chosen.map(|(_, summary)| ListedRun { bytes: removal::bytes(&summary.path), summary }).collect();
        // They come by name and version, which a stable order keeps.
        listed.sort_by(|a, b| self.sort.compare(a, b));
        Ok(listed)
    }
}

impl ListOrder {
    fn compare(self, a: &ListedRun, b: &ListedRun) -> Ordering {
        // What is absent is less than all else, and so comes last.
        let descending = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let (of_a, of_b) = (&a.summary, &b.summary);
        match self {
            Self::Name => Ordering::Equal,
            Self::Started => of_b.started.cmp(&of_a.started),
            Self::Best => descending(of_a.best_accuracy, of_b.best_accuracy),
            Self::Epochs => of_b.epochs_done.cmp(&of_a.epochs_done),
            Self::Size => b.bytes.cmp(&a.bytes),
        }
    }
}
