//! One line of text that says how far a run is, for any width.

use crate::terminal::amounts::short_duration;
/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarState {
    pub epoch: usize,
    pub epochs: usize,
    pub step: usize,
    pub steps: usize,
    pub loss: f64,
    pub accuracy: f64,
    /// Seconds left of the epoch and of the run; unknown before the first step.
    pub left: Option<(f64, f64)>,
}

/// Seconds left of the epoch and of the run.
///
/// The epoch's pace is that of its steps so far. A whole epoch takes as long as the `whole_epochs` before took on
/// average, evaluation included, and as long as its steps while there are none.
pub fn left(state: &BarState, skipped: usize, in_epoch: f64, whole_epochs: usize, whole: f64) -> (f64, f64) {
    let a_step = in_epoch / state.step.saturating_sub(skipped).max(1) as f64;
    let of_epoch = a_step * state.steps.saturating_sub(state.step) as f64;
    let an_epoch = match whole_epochs {
        0 => a_step * state.steps as f64,
        count => whole / count as f64,
    };
    (of_epoch, of_epoch + an_epoch * state.epochs.saturating_sub(state.epoch) as f64)
}

/// One line of at most `width` characters: as much of the state as fits, with a bar of at most `cells` cells.
pub fn line(state: &BarState, width: usize, cells: usize) -> String {
    let BarState { epoch, epochs, step, steps, accuracy, .. } = *state;
    let percent = step.min(steps).saturating_mul(100).checked_div(steps).unwrap_or(100);
    let Some((of_epoch, of_run)) = state.left else {
        return fitting(&[format!("epoch {epoch}/{epochs} step {step}/{steps}"), format!("{epoch}/{epochs}")], width);
    };
    let (of_epoch, of_run) = (short_duration(of_epoch), short_duration(of_run));
    let (loss, short_loss) = (number(state.loss, 4), number(state.loss, 3));
    let tail = format!("loss {loss} accuracy {accuracy:.1} % {of_epoch} left, run {of_run}");
    let without_bar = format!("epoch {epoch}/{epochs} step {step}/{steps} {tail}");
    let room = width.saturating_sub(without_bar.len()).saturating_sub(3).min(cells);
    if room >= 10 {
        let full = room.saturating_mul(percent).checked_div(100).unwrap_or_default();
        let bar = format!("{}{}", "=".repeat(full), " ".repeat(room.saturating_sub(full)));
        return format!("epoch {epoch}/{epochs} [{bar}] step {step}/{steps} {tail}");
    }
    let variants = [
        without_bar,
        format!("{epoch}/{epochs} {step}/{steps} loss {short_loss} {accuracy:.1}% {of_epoch}/{of_run}"),
        format!("{epoch}/{epochs} {step}/{steps} {short_loss} {accuracy:.1}% {of_epoch}/{of_run}"),
        format!("{epoch}/{epochs} {percent}% {short_loss} {accuracy:.1}% {of_epoch}/{of_run}"),
        format!("{epoch}/{epochs} {percent}% {short_loss} {accuracy:.1}%"),
        format!("{epoch}/{epochs} {percent}%"),
    ];
    fitting(&variants, width)
}

/// The first text that fits; all are ASCII, one column a character.
fn fitting(variants: &[String], width: usize) -> String {
    let fits = variants.iter().find(|text| text.len() <= width).or(variants.last());
    fits.map_or_else(String::new, |text| text.chars().take(width).collect())
}

/// A number with so many decimals, or in short scientific form when that would be long.
fn number(value: f64, decimals: usize) -> String {
    if value.abs() < 1000.0 { format!("{value:.decimals$}") } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_forty_columns_still_tells_loss_accuracy_and_times() {
        let mut state = BarState {
            epoch: 3,
            epochs: 100,
            step: 120,
            steps: 390,
            loss: 1.23456,
            accuracy: 45.64,
            left: Some((65.0, 7800.0)),
        };
        assert_eq!(line(&state, 39, 30), "3/100 120/390 1.235 45.6% 1m05s/2h10m");
        let wide = line(&state, 119, 30);
        assert_eq!(
            wide,
            "epoch 3/100 [=========                     ] step 120/390 loss 1.2346 accuracy 45.6 % 1m05s left, run 2h10m"
        );
        state =
            BarState { epoch: 100, step: 1000, steps: 1563, accuracy: 100.0, left: Some((3599.0, 356_400.0)), ..state };
        assert_eq!(line(&state, 39, 30), "100/100 63% 1.235 100.0% 59m59s/4d03h");
    }

    #[test]
    fn the_time_left_is_that_of_the_steps_and_epochs_so_far() {
        let state = BarState { epoch: 2, epochs: 5, step: 30, steps: 100, loss: 0.0, accuracy: 0.0, left: None };
        // No whole epoch yet: 10 s for 30 - 10 steps are 0.5 s a step, 35 s for the rest, 50 s for each of 3 more
        // epochs.
        assert_eq!(left(&state, 10, 10.0, 0, 0.0), (35.0, 185.0));
        // Two whole epochs took 140 s together.
        assert_eq!(left(&state, 0, 15.0, 2, 140.0), (35.0, 35.0 + 3.0 * 70.0));
        assert_eq!(short_duration(59.4), "59s");
        assert_eq!(short_duration(3599.6), "1h00m");
        assert_eq!(short_duration(180_000.0), "2d02h");
        assert_eq!(short_duration(f64::INFINITY), "999d07h");
    }
}
