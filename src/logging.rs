//! What a run says while it works: log lines on standard error and in the run's `log.txt`, and progress bars on a terminal.

mod line;

use crate::error::{Error, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// The log of this process.
pub struct Logging {
    screen: Screen,
    file: LogFile,
}

impl Logging {
    /// Starts logging to standard error. Where it is no terminal there are plain lines: no colours, no bars.
    pub fn start() -> Self {
        let (screen, file) = (Screen(MultiProgress::new()), LogFile::default());
        if !stderr().is_terminal() {
            screen.0.set_draw_target(ProgressDrawTarget::hidden());
        }
        let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let on_screen = fmt::layer().event_format(line::Line).with_writer(screen.clone()).with_ansi(colours);
        let in_file = fmt::layer().with_writer(file.clone()).with_ansi(false).with_target(false);
        let layers = Registry::default().with(on_screen.with_filter(LevelFilter::INFO));
        // A second subscriber in one process, as tests have, changes nothing.
        let _ = tracing::subscriber::set_global_default(layers.with(in_file.with_filter(LevelFilter::INFO)));
        Self { screen, file }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        let screen = Screen(MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));
        Self { screen, file: LogFile::default() }
    }

    /// From now on every line goes to `path` as well.
    pub fn to_file(&self, path: &Path) -> Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("write", path))?;
        *self.file.0.lock() = Some(file);
        Ok(())
    }

    /// Progress bars for a run of `epochs`, of which `done` are behind.
    pub fn bars(&self, epochs: usize, done: usize) -> Bars {
        Bars {
            screen: self.screen.clone(),
            bar: ProgressBar::hidden(),
            epochs,
            done,
            first: done,
            started: Instant::now(),
        }
    }
}

/// The bar of an epoch's steps.
pub struct Bars {
    screen: Screen,
    bar: ProgressBar,
    epochs: usize,
    done: usize,
    first: usize,
    started: Instant,
}

impl Bars {
    /// Begins epoch `epoch` (counted from 1) of `steps` steps.
    pub fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize) {
        self.epochs = epochs;
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}");
        self.bar = self.screen.0.add(ProgressBar::new(steps as u64));
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_prefix(format!("{epoch}/{epochs}"));
    }

    /// One more step; `loss` and `accuracy` (percent) are the epoch's so far.
    pub fn step(&mut self, loss: f64, accuracy: f64) {
        self.bar.inc(1);
        let share = self.bar.position() as f64 / self.bar.length().unwrap_or(1).max(1) as f64;
        let trained = (self.done - self.first) as f64 + share;
        let left = (self.epochs - self.first) as f64 - trained;
        let left =
            Duration::try_from_secs_f64(self.started.elapsed().as_secs_f64() / trained * left).unwrap_or_default();
        self.bar.set_message(format!("{loss:.3} {accuracy:.1}% {}", short(left)));
    }

    /// Ends the epoch and takes its bar away: the epoch's line stays in the log.
    pub fn finish_epoch(&mut self) {
        self.done += 1;
        self.bar.finish_and_clear();
    }
}

/// "59s", "12m", "3h05m", "2d04h".
fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// Standard error, shared with the bars: a line written while a bar is drawn goes above it.
#[derive(Clone)]
struct Screen(MultiProgress);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The run's log, once there is a run.
#[derive(Clone, Default)]
struct LogFile(Arc<Mutex<Option<File>>>);

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(file) = self.0.lock().as_mut() {
            file.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_enough_for_a_narrow_terminal() {
        let times = [59, 61, 3900, 86400 + 4 * 3600].map(|s| short(Duration::from_secs(s)));
        assert_eq!(times, ["59s", "1m01s", "1h05m", "1d04h"]);
    }
}
