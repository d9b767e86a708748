//! How much of a file has come: a bar on a terminal, elsewhere a line now and then.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::terminal::logging::Log;
use crate::terminal::printing::visible;

/// Elsewhere than on a terminal a line is written this often at most.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Shows the bytes of one file. The bar vanishes when it is dropped.
pub struct ByteBar {
    log: Log,
    what: String,
    bar: Option<ProgressBar>,
    done: u64,
    total: Option<u64>,
    last_line: Instant,
}

impl ByteBar {
    /// `what` the bytes are, in a few words.
    pub fn new(log: &Log, what: &str) -> Self {
        let what = visible(what).into_owned();
        let bar = log.style().terminal.then(|| {
            let bar = log.bars().add(ProgressBar::no_length());
            let template = "{msg} {bytes} of {total_bytes} {bytes_per_sec} {eta} left";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what.clone());
            bar
        });
        Self { log: log.clone(), what, bar, done: 0, total: None, last_line: Instant::now() }
    }

    /// Begins at byte `done` of `total`, where that is known.
    pub fn begin(&mut self, done: u64, total: Option<u64>) {
        (self.done, self.total) = (done, total);
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
            bar.reset_eta();
        }
    }

    /// So many bytes more.
    pub fn add(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if !self.log.style().terminal && self.last_line.elapsed() >= BETWEEN_LINES => {
                self.last_line = Instant::now();
                self.log.say(&self.line());
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.log.bars().remove(&bar);
        }
    }

    fn line(&self) -> String {
        let total = self.total.map_or(String::new(), |total| format!(" of {}", HumanBytes(total)));
        format!("{}: {}{total}", self.what, HumanBytes(self.done))
    }
}

impl Drop for ByteBar {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_of_what_has_come() {
        let mut bar = ByteBar::new(&Log::silent(), "a.zip");
        bar.begin(1024, Some(4096));
        bar.add(1024);
        assert_eq!(bar.line(), "a.zip: 2.00 KiB of 4.00 KiB");
        bar.begin(0, None);
        assert_eq!(bar.line(), "a.zip: 0 B");
        assert_eq!(ByteBar::new(&Log::silent(), "a\x1b[2J.zip").line(), "a\u{fffd}[2J.zip: 0 B");
    }
}
