//! How many batches of an evaluation are done: a bar on a terminal, nothing elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::line;
use crate::terminal::logging::Log;

/// What is done sooner needs no bar.
const BEFORE_SHOWN: Duration = Duration::from_secs(1);

/// Shows the batches that a command goes through once. The bar vanishes when it is dropped.
pub struct BatchBar {
    log: Log,
    what: &'static str,
    batches: usize,
    pub(super) began: Instant,
    bar: Mutex<Option<ProgressBar>>,
}

impl BatchBar {
    /// `what` the `batches` are of: "test images".
    pub fn new(log: &Log, what: &'static str, batches: usize) -> Self {
        Self { log: log.clone(), what, batches, began: Instant::now(), bar: Mutex::new(None) }
    }

    /// Shows that so many batches are done.
    pub fn done(&self, done: usize) {
        let elapsed = self.began.elapsed();
        if done == 0 || elapsed < BEFORE_SHOWN || !self.log.style().terminal {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = self.log.bars().add(ProgressBar::new(0));
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let left = elapsed.as_secs_f64() / done as f64 * self.batches.saturating_sub(done) as f64;
        // Some terminals wrap as soon as the last column is filled.
        let columns = self.log.columns().unwrap_or(80).saturating_sub(1);
        bar.set_message(line::batches([self.what; 2], (done, self.batches), Some(left), columns, 30));
    }
}

impl Drop for BatchBar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
            self.log.bars().remove(&bar);
        }
    }
}
