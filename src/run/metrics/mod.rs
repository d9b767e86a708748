//! The numbers of a run: a line an epoch in `metrics.jsonl` and `metrics.csv`, a line a step in `steps.jsonl`.
//!
//! Lines are only added at the end. A checkpoint knows how much there was of both `.jsonl` files
//! ([`Records`](crate::run::records::Records)): a resumed run takes away what lies beyond, and writes it again, so that
//! no line is doubled or lost. `metrics.csv` says the same of all epochs as `metrics.jsonl` and is made anew from it.
//!
//! A run with validation images has their scores in place of those of the test images, and in `metrics.jsonl` one line
//! more, its last: [`FinalTest`].

mod lines;
mod reader;
mod table;
mod writer;

pub use crate::experiment::ChosenOn;
pub use lines::{EpochMetrics, FinalTest, RunMetrics, SplitMetrics};
pub use reader::{is_table_current, read, read_whole, readable, so_far, without_final_test};
pub(crate) use table::cell;
pub use writer::Metrics;

/// By which images the epochs of a run are chosen.
pub fn chosen_on(epochs: &[EpochMetrics]) -> ChosenOn {
    if epochs.iter().any(|line| line.validation.is_some()) { ChosenOn::Validation } else { ChosenOn::Test }
}

/// The epoch with the highest top-1 on the images that it is chosen by ([`EpochMetrics::evaluated`]), the first of
/// several, and that accuracy in percent.
pub fn best(metrics: &[EpochMetrics]) -> Option<(usize, f64)> {
    let evaluated = metrics.iter().filter_map(|line| Some((line.epoch, line.evaluated()?.top1)));
    evaluated.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

/// The last epoch that was evaluated, counted from 1, and its scores on the test split.
pub fn last_evaluated(lines: &[EpochMetrics]) -> Option<(usize, SplitMetrics)> {
    lines.iter().rev().find_map(|line| Some((line.epoch, line.test?)))
}
