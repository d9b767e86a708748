//! How far a run is: on a terminal one bar for the steps of an epoch, elsewhere a plain line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::logging::Log;

mod batches;
mod bytes;
mod line;
mod terminal;

pub use batches::BatchBar;
pub use bytes::ByteBar;
pub(crate) use terminal::standard_error;

pub use line::EvaluationBatches;

use line::{BarPhase, BarState, Pace, left, line};

/// Elsewhere than on a terminal a line is written this often at most.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Shows the steps of one epoch after the other, and the batches of its evaluation. The bar vanishes with each epoch;
/// the epoch's result is the caller's to log.
pub struct EpochBar {
    log: Log,
    bar: Option<ProgressBar>,
    state: BarState,
    pace: Pace,
    began: Instant,
    /// When the current epoch began.
    epoch_began: Instant,
    /// Steps of it that had been done by then.
    skipped: usize,
    /// Seconds of evaluations since `began`.
    evaluating: f64,
    evaluation_began: Option<Instant>,
    last_line: Instant,
}

impl EpochBar {
    pub fn new(log: &Log) -> Self {
        let now = Instant::now();
        let state = BarState {
            phase: BarPhase::Training,
            epoch: 0,
            epochs: 0,
            step: 0,
            steps: 0,
            loss: 0.0,
            accuracy: 0.0,
            evaluation: EvaluationBatches::default(),
            evaluated: 0,
            left: None,
        };
        Self {
            log: log.clone(),
            bar: None,
            state,
            pace: Pace::default(),
            began: now,
            epoch_began: now,
            skipped: 0,
            evaluating: 0.0,
            evaluation_began: None,
            last_line: now,
        }
    }

    /// Begins `epoch` (from 1) of `epochs`, which has `steps` steps; `evaluation` are the batches that are evaluated
    /// then and later.
    pub fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize, evaluation: EvaluationBatches) {
        self.resume_epoch(epoch, epochs, (steps, 0), evaluation);
    }

    /// Begins an epoch, of whose `steps` as many as `done` were done before.
    pub fn resume_epoch(
        &mut self,
        epoch: usize,
        epochs: usize,
        (steps, done): (usize, usize),
        evaluation: EvaluationBatches,
    ) {
        self.finish_epoch();
        self.epoch_began = Instant::now();
        if self.state.epoch == 0 || self.skipped > 0 {
            // The pace is that of whole epochs.
            (self.began, self.evaluating) = (self.epoch_began, 0.0);
        } else {
            self.pace.epochs = self.pace.epochs.saturating_add(1);
            self.pace.in_epochs = self.epoch_began.duration_since(self.began).as_secs_f64() - self.evaluating;
        }
        (self.pace.steps, self.pace.in_steps) = (0, 0.0);
        self.skipped = done;
        let phase = BarPhase::Training;
        self.state =
            BarState { phase, epoch, epochs, step: done, steps, evaluation, evaluated: 0, left: None, ..self.state };
        self.show();
    }

    /// Shows that a step is done. `loss` and `accuracy` (percent) are shown as they are: pass the epoch's means so far.
    pub fn step(&mut self, loss: f64, accuracy: f64) {
        let step = self.state.step.saturating_add(1);
        self.state = BarState { step, loss, accuracy, ..self.state };
        self.pace.steps = step.saturating_sub(self.skipped);
        self.pace.in_steps = self.epoch_began.elapsed().as_secs_f64();
        self.state.left = left(&self.state, &self.pace);
        self.tell();
    }

    /// Goes on to the evaluation after the epoch.
    pub fn start_evaluation(&mut self) {
        self.evaluate(BarPhase::Evaluating);
    }

    /// Goes on to the test at the end of the run, of `batches` batches.
    pub fn start_test(&mut self, batches: usize) {
        self.finish_epoch();
        self.state.evaluation = EvaluationBatches { after_epoch: batches, later: 0 };
        self.evaluate(BarPhase::Testing);
    }

    fn evaluate(&mut self, phase: BarPhase) {
        self.evaluation_began = Some(Instant::now());
        self.state = BarState { phase, evaluated: 0, ..self.state };
        self.state.left = left(&self.state, &self.pace);
        self.show();
    }

    /// Shows that a batch of the evaluation is done. Where a GPU works ahead of the program it is only asked for.
    pub fn evaluated(&mut self) {
        self.state.evaluated = self.state.evaluated.saturating_add(1);
        let in_this = self.evaluation_began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        let pace = Pace {
            batches: self.pace.batches.saturating_add(self.state.evaluated),
            in_batches: self.pace.in_batches + in_this,
            ..self.pace
        };
        self.state.left = left(&self.state, &pace);
        self.tell();
    }

    /// Takes the bar away, so that the epoch's result can be shown.
    pub fn finish_epoch(&mut self) {
        if let Some(began) = self.evaluation_began.take() {
            let seconds = began.elapsed().as_secs_f64();
            self.evaluating += seconds;
            self.pace.batches = self.pace.batches.saturating_add(self.state.evaluated);
            self.pace.in_batches += seconds;
        }
        self.clear();
    }

    /// Puts the bar on a terminal, where it is not there.
    fn show(&mut self) {
        if self.bar.is_none() && self.log.style().terminal {
            let bar = self.log.bars().add(ProgressBar::new(0));
            // `wide_msg` cuts the line at the terminal's width even when that changes.
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar = Some(bar);
        }
        self.draw();
    }

    /// Draws the bar anew, or elsewhere than on a terminal writes a line where one is due.
    fn tell(&mut self) {
        if self.bar.is_some() {
            self.draw();
        } else if !self.log.style().terminal && self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            self.log.say(&line(&self.state, usize::MAX, 0));
        }
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            let columns = self.log.columns().unwrap_or(80);
            // Some terminals wrap as soon as the last column is filled.
            bar.set_message(line(&self.state, columns.saturating_sub(1), 30));
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.log.bars().remove(&bar);
        }
    }
}

impl Drop for EpochBar {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};
    use tracing::Level;

    use super::*;
    use crate::terminal::logging::Style;

    const EVALUATION: EvaluationBatches = EvaluationBatches { after_epoch: 4, later: 8 };

    /// A terminal that wraps, as far as a progress bar can tell.
    #[derive(Debug, Clone)]
    struct Screen(Arc<Mutex<Grid>>);

    #[derive(Debug)]
    struct Grid {
        columns: usize,
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
        wrapped: bool,
    }

    impl Screen {
        fn new(columns: usize) -> Self {
            Self(Arc::new(Mutex::new(Grid { columns, rows: vec![vec![]], row: 0, column: 0, wrapped: false })))
        }

        fn rows(&self) -> Vec<String> {
            let grid = self.0.lock().unwrap();
            let rows = grid.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_string());
            rows.filter(|row| !row.is_empty()).collect()
        }

        fn change(&self, change: impl FnOnce(&mut Grid)) -> io::Result<()> {
            change(&mut self.0.lock().unwrap());
            Ok(())
        }
    }

    impl Grid {
        fn put(&mut self, text: &str) {
            for c in text.chars() {
                match c {
                    '\r' => self.column = 0,
                    '\n' => (self.row, self.column) = (self.row + 1, 0),
                    _ => {
                        if self.column == self.columns {
                            (self.row, self.column, self.wrapped) = (self.row + 1, 0, true);
                        }
                        self.reach();
                        self.rows[self.row][self.column] = c;
                        self.column += 1;
                    }
                }
                self.rows.resize(self.rows.len().max(self.row + 1), vec![]);
            }
        }

        fn reach(&mut self) {
            self.rows.resize(self.rows.len().max(self.row + 1), vec![]);
            let row = &mut self.rows[self.row];
            row.resize(row.len().max(self.column + 1), ' ');
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.0.lock().unwrap().columns as u16
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.change(|grid| grid.row = grid.row.saturating_sub(n))
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.change(|grid| grid.row += n)
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.change(|grid| grid.column += n)
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.change(|grid| grid.column = grid.column.saturating_sub(n))
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.change(|grid| grid.put(&format!("{text}\n")))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.change(|grid| grid.put(text))
        }
        fn clear_line(&self) -> io::Result<()> {
            self.change(|grid| {
                grid.column = 0;
                let row = grid.row;
                if let Some(row) = grid.rows.get_mut(row) {
                    row.clear();
                }
            })
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.change(|grid| grid.put(std::str::from_utf8(bytes).unwrap()))?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on_terminal(columns: usize) -> (Log, Screen) {
        let screen = Screen::new(columns);
        let style = Style { terminal: true, colour: false, columns: Some(columns) };
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        (Log::new(Level::INFO, Box::new(screen.clone()), style, target), screen)
    }

    #[test]
    fn log_lines_stand_above_the_bar_and_the_bar_vanishes_with_its_epoch() {
        for columns in [40, 80] {
            let (log, screen) = on_terminal(columns);
            let long = "x".repeat(columns + 5);
            tracing::subscriber::with_default(log.subscriber(), || {
                let mut bar = EpochBar::new(&log);
                tracing::info!("before");
                bar.start_epoch(1, 3, 10, EVALUATION);
                bar.step(2.5, 10.0);
                tracing::warn!("in between");
                bar.step(2.25, 12.5);
                tracing::info!("{long}");
                bar.step(2.0, 25.0);
                tracing::info!("after");
                let rows = screen.rows();
                let expected = ["before", "warning: in between", &long[..columns], &long[columns..], "after"];
                assert_eq!(rows[..5], expected);
                assert_eq!(rows.len(), 6, "{rows:?}");
                assert!(rows[5].contains("1/3") && rows[5].contains("3/10") && rows[5].len() < columns, "{}", rows[5]);
                bar.start_evaluation();
                bar.evaluated();
                let rows = screen.rows();
                assert_eq!(rows.len(), 6, "{rows:?}");
                assert!(rows[5].contains("1/3") && rows[5].contains("evaluating 1/4"), "{}", rows[5]);
                bar.finish_epoch();
                tracing::info!("epoch 1 done");
                assert_eq!(screen.rows()[5..], ["epoch 1 done"]);
                bar.start_epoch(2, 3, 10, EVALUATION);
                drop(bar);
                assert_eq!(screen.rows().len(), 6);
            });
        }
    }

    #[test]
    fn the_bar_never_wraps_on_any_width() {
        for columns in [2, 10, 20, 40, 41, 63, 80, 120, 200] {
            let (log, screen) = on_terminal(columns);
            let mut bar = EpochBar::new(&log);
            bar.start_epoch(999, 1000, 100_000, EVALUATION);
            for loss in [0.0, 123_456_789.0, -1e300, f64::NAN] {
                bar.step(loss, 100.0);
            }
            bar.start_evaluation();
            bar.evaluated();
            bar.start_test(100_000);
            bar.evaluated();
            bar.finish_epoch();
            assert!(!screen.0.lock().unwrap().wrapped, "{columns} columns");
        }
    }

    #[test]
    fn the_batches_of_a_command_have_a_bar_after_a_second_which_vanishes_with_them() {
        let (log, screen) = on_terminal(60);
        let mut bar = BatchBar::new(&log, "test images", 80);
        bar.done(1);
        assert_eq!(screen.rows(), [""; 0], "it is over before anybody has read it");
        bar.began -= Duration::from_secs(10);
        bar.done(20);
        // 10 s for 20 batches are 30 s for 60 more.
        assert_eq!(screen.rows(), ["test images [=======                       ] 20/80 30s left"]);
        drop(bar);
        assert_eq!(screen.rows(), [""; 0]);
        let quiet = Log::new(Level::WARN, Box::new(screen.clone()), Style { terminal: false, ..log.style() }, {
            ProgressDrawTarget::term_like(Box::new(screen.clone()))
        });
        let mut bar = BatchBar::new(&quiet, "test images", 80);
        bar.began -= Duration::from_secs(10);
        bar.done(20);
        assert_eq!(screen.rows(), [""; 0]);
    }

    #[test]
    fn elsewhere_than_on_a_terminal_no_bar_is_drawn() {
        let screen = Screen::new(1000);
        let style = Style { terminal: false, colour: false, columns: None };
        let log = Log::new(Level::INFO, Box::new(screen.clone()), style, ProgressDrawTarget::hidden());
        let mut bar = EpochBar::new(&log);
        bar.start_epoch(1, 2, 4, EVALUATION);
        bar.step(1.0, 50.0);
        assert!(screen.rows().is_empty(), "a line is due after half a minute");
        bar.last_line -= BETWEEN_LINES;
        bar.step(1.25, 60.0);
        bar.step(1.25, 60.0);
        let rows = screen.rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(rows[0].starts_with("epoch 1/2 step 2/4 loss 1.2500 accuracy 60.0 % 0s left, run 0s"), "{}", rows[0]);
        bar.start_evaluation();
        bar.last_line -= BETWEEN_LINES;
        bar.evaluated();
        assert_eq!(screen.rows()[1..], ["epoch 1/2 evaluating 1/4 0s left, run 0s"]);
    }
}
