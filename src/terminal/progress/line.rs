//! One line of text that says how far a run is, for any width.

use crate::terminal::amounts::short_duration;

/// What a run does just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarPhase {
    /// The steps of an epoch.
    Training,
    /// The evaluation after an epoch.
    Evaluating,
    /// The test images at the end of a run with validation images.
    Testing,
}

/// Batches that are evaluated after an epoch and later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvaluationBatches {
    /// After this epoch: none where it is not evaluated.
    pub after_epoch: usize,
    /// After those that follow, and at the end of the run.
    pub later: usize,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarState {
    pub phase: BarPhase,
    pub epoch: usize,
    pub epochs: usize,
    pub step: usize,
    pub steps: usize,
    pub loss: f64,
    pub accuracy: f64,
    pub evaluation: EvaluationBatches,
    /// Batches of the evaluation that is at work.
    pub evaluated: usize,
    /// Seconds left of the epoch and of the run; unknown before the first step.
    pub left: Option<(f64, f64)>,
}

/// How fast it went so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// Steps of the epoch, and their seconds.
    pub steps: usize,
    pub in_steps: f64,
    /// Epochs before that were seen whole, and their seconds without their evaluations.
    pub epochs: usize,
    pub in_epochs: f64,
    /// Batches that were evaluated, and their seconds.
    pub batches: usize,
    pub in_batches: f64,
}

/// A batch is evaluated without a reverse, and nothing is kept for one: so much of a step, as long as none was seen.
const OF_A_STEP: f64 = 1.0 / 3.0;

/// Seconds left of the epoch and of the run, evaluations included; nothing before anything was seen.
///
/// The epoch's pace is that of its steps so far. A whole epoch takes as long as those before took on average, and as
/// long as its steps while there are none.
pub fn left(state: &BarState, pace: &Pace) -> Option<(f64, f64)> {
    let each = |seconds: f64, count: usize| (count > 0).then(|| seconds / count as f64);
    let a_step = each(pace.in_steps, pace.steps);
    let an_epoch = each(pace.in_epochs, pace.epochs).or(a_step.map(|step| step * state.steps as f64));
    let a_batch = each(pace.in_batches, pace.batches).or(a_step.map(|step| step * OF_A_STEP));
    let batches = |count: usize| if count == 0 { Some(0.0) } else { Some(a_batch? * count as f64) };
    let of_evaluation = batches(state.evaluation.after_epoch.saturating_sub(state.evaluated))?;
    if state.phase == BarPhase::Testing {
        return Some((of_evaluation, of_evaluation));
    }
    let of_steps = match state.steps.saturating_sub(state.step) {
        0 => 0.0,
        steps => a_step? * steps as f64,
    };
    let of_epochs = match state.epochs.saturating_sub(state.epoch) {
        0 => 0.0,
        epochs => an_epoch? * epochs as f64,
    };
    let of_epoch = of_steps + of_evaluation;
    Some((of_epoch, of_epoch + of_epochs + batches(state.evaluation.later)?))
}

/// One line of at most `width` characters: as much of the state as fits, with a bar of at most `cells` cells.
pub fn line(state: &BarState, width: usize, cells: usize) -> String {
    match state.phase {
        BarPhase::Training => training(state, width, cells),
        BarPhase::Evaluating => evaluating(state, width, cells),
        BarPhase::Testing => testing(state, width, cells),
    }
}

fn training(state: &BarState, width: usize, cells: usize) -> String {
    let BarState { epoch, epochs, step, steps, accuracy, .. } = *state;
    let Some((of_epoch, of_run)) = state.left else {
        return fitting(&[format!("epoch {epoch}/{epochs} step {step}/{steps}"), format!("{epoch}/{epochs}")], width);
    };
    let percent = percent(step, steps);
    let (of_epoch, of_run) = (short_duration(of_epoch), short_duration(of_run));
    let (loss, short_loss) = (number(state.loss, 4), number(state.loss, 3));
    let tail = format!("step {step}/{steps} loss {loss} accuracy {accuracy:.1} % {of_epoch} left, run {of_run}");
    let variants = [
        with_bar(&format!("epoch {epoch}/{epochs}"), percent, &tail, width, cells),
        Some(format!("epoch {epoch}/{epochs} {tail}")),
        Some(format!("{epoch}/{epochs} {step}/{steps} loss {short_loss} {accuracy:.1}% {of_epoch}/{of_run}")),
        Some(format!("{epoch}/{epochs} {step}/{steps} {short_loss} {accuracy:.1}% {of_epoch}/{of_run}")),
        Some(format!("{epoch}/{epochs} {percent}% {short_loss} {accuracy:.1}% {of_epoch}/{of_run}")),
        Some(format!("{epoch}/{epochs} {percent}% {short_loss} {accuracy:.1}%")),
        Some(format!("{epoch}/{epochs} {percent}%")),
    ];
    fitting(&variants.into_iter().flatten().collect::<Vec<_>>(), width)
}

fn evaluating(state: &BarState, width: usize, cells: usize) -> String {
    let BarState { epoch, epochs, evaluated, evaluation: EvaluationBatches { after_epoch, .. }, .. } = *state;
    let percent = percent(evaluated, after_epoch);
    let left = state.left.map(|(of_epoch, of_run)| (short_duration(of_epoch), short_duration(of_run)));
    let long = left.as_ref().map_or(String::new(), |(epoch, run)| format!(" {epoch} left, run {run}"));
    let short = left.map_or(String::new(), |(epoch, run)| format!(" {epoch}/{run}"));
    let tail = format!("evaluating {evaluated}/{after_epoch}{long}");
    let variants = [
        with_bar(&format!("epoch {epoch}/{epochs}"), percent, &tail, width, cells),
        Some(format!("epoch {epoch}/{epochs} {tail}")),
        Some(format!("{epoch}/{epochs} evaluating {evaluated}/{after_epoch}{short}")),
        Some(format!("{epoch}/{epochs} evaluating {percent}%{short}")),
        Some(format!("{epoch}/{epochs} evaluating {percent}%")),
        Some(format!("{epoch}/{epochs} {percent}%")),
    ];
    fitting(&variants.into_iter().flatten().collect::<Vec<_>>(), width)
}

fn testing(state: &BarState, width: usize, cells: usize) -> String {
    let BarState { evaluated, evaluation: EvaluationBatches { after_epoch, .. }, .. } = *state;
    batches(["test images", "test"], (evaluated, after_epoch), state.left.map(|(left, _)| left), width, cells)
}

/// As [`line`], of batches that are `done` of `all` in the seconds `left`: of `what` in words, and shorter.
pub fn batches(
    [what, short]: [&str; 2],
    (done, all): (usize, usize),
    left: Option<f64>,
    width: usize,
    cells: usize,
) -> String {
    let percent = percent(done, all);
    let left = left.map_or(String::new(), |left| format!(" {} left", short_duration(left)));
    let tail = format!("{done}/{all}{left}");
    let variants = [
        with_bar(what, percent, &tail, width, cells),
        Some(format!("{what} {tail}")),
        Some(format!("{short} {done}/{all}")),
        Some(format!("{short} {percent}%")),
    ];
    fitting(&variants.into_iter().flatten().collect::<Vec<_>>(), width)
}

fn percent(done: usize, all: usize) -> usize {
    done.min(all).saturating_mul(100).checked_div(all).unwrap_or(100)
}

/// Text before and behind a bar, where there is room for one of ten cells.
fn with_bar(head: &str, percent: usize, tail: &str, width: usize, cells: usize) -> Option<String> {
    // Of the brackets, and of the blanks on both sides.
    let room = width.saturating_sub(head.len()).saturating_sub(tail.len()).saturating_sub(4).min(cells);
    let full = room.saturating_mul(percent).checked_div(100).unwrap_or_default();
    let bar = || format!("{}{}", "=".repeat(full), " ".repeat(room.saturating_sub(full)));
    (room >= 10).then(|| format!("{head} [{}] {tail}", bar()))
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

    const STATE: BarState = BarState {
        phase: BarPhase::Training,
        epoch: 3,
        epochs: 100,
        step: 120,
        steps: 390,
        loss: 1.23456,
        accuracy: 45.64,
        evaluation: EvaluationBatches { after_epoch: 79, later: 0 },
        evaluated: 0,
        left: Some((65.0, 7800.0)),
    };

    #[test]
    fn a_line_of_forty_columns_still_tells_loss_accuracy_and_times() {
        assert_eq!(line(&STATE, 39, 30), "3/100 120/390 1.235 45.6% 1m05s/2h10m");
        let wide = line(&STATE, 119, 30);
        assert_eq!(
            wide,
            "epoch 3/100 [=========                     ] step 120/390 loss 1.2346 accuracy 45.6 % 1m05s left, run 2h10m"
        );
        let late =
            BarState { epoch: 100, step: 1000, steps: 1563, accuracy: 100.0, left: Some((3599.0, 356_400.0)), ..STATE };
        assert_eq!(line(&late, 39, 30), "100/100 63% 1.235 100.0% 59m59s/4d03h");
    }

    #[test]
    fn an_evaluation_has_a_line_of_its_own_and_so_has_the_test_at_the_end() {
        let state = BarState { phase: BarPhase::Evaluating, evaluated: 20, left: Some((5.0, 7800.0)), ..STATE };
        for (columns, expected) in [
            (119, "epoch 3/100 [=======                       ] evaluating 20/79 5s left, run 2h10m"),
            (79, "epoch 3/100 [=======                      ] evaluating 20/79 5s left, run 2h10m"),
            (60, "epoch 3/100 [==        ] evaluating 20/79 5s left, run 2h10m"),
            (59, "epoch 3/100 evaluating 20/79 5s left, run 2h10m"),
            (45, "3/100 evaluating 20/79 5s/2h10m"),
            (20, "3/100 evaluating 25%"),
            (10, "3/100 25%"),
        ] {
            assert_eq!(line(&state, columns, 30), expected);
        }
        assert_eq!(line(&BarState { left: None, ..state }, 40, 0), "epoch 3/100 evaluating 20/79");
        let test = BarState { phase: BarPhase::Testing, left: Some((65.0, 65.0)), ..state };
        assert_eq!(line(&test, 59, 30), "test images [=======                     ] 20/79 1m05s left");
        assert_eq!(line(&test, 20, 30), "test 20/79");
    }

    #[test]
    fn the_time_left_is_that_of_the_steps_epochs_and_evaluations_so_far() {
        let state =
            BarState { epoch: 2, epochs: 5, step: 30, steps: 100, evaluation: EvaluationBatches::default(), ..STATE };
        // No whole epoch yet: 10 s for 30 - 10 steps are 0.5 s a step, 35 s for the rest, 50 s for each of 3 more
        // epochs.
        let pace = Pace { steps: 20, in_steps: 10.0, ..Pace::default() };
        assert_eq!(left(&state, &pace), Some((35.0, 185.0)));
        // Two whole epochs took 140 s together.
        let later = Pace { steps: 30, in_steps: 15.0, epochs: 2, in_epochs: 140.0, ..Pace::default() };
        assert_eq!(left(&state, &later), Some((35.0, 35.0 + 3.0 * 70.0)));
        // Of 12 batches now, and 24 in two evaluations later, none was seen: each a third of half a second. Then 2 s
        // each.
        let state = BarState { evaluation: EvaluationBatches { after_epoch: 12, later: 24 }, ..state };
        assert_eq!(left(&state, &pace), Some((35.0 + 2.0, 35.0 + 2.0 + 150.0 + 4.0)));
        let seen = Pace { batches: 12, in_batches: 24.0, ..later };
        assert_eq!(left(&state, &seen), Some((35.0 + 24.0, 35.0 + 24.0 + 210.0 + 48.0)));
        // In the middle of an evaluation, at half a second a batch.
        let evaluating = BarState { phase: BarPhase::Evaluating, step: 100, evaluated: 4, ..state };
        let seen = Pace { batches: 4, in_batches: 2.0, ..later };
        assert_eq!(left(&evaluating, &seen), Some((4.0, 4.0 + 210.0 + 12.0)));
        assert_eq!(left(&BarState { phase: BarPhase::Testing, ..evaluating }, &seen), Some((4.0, 4.0)));
        // A run that was resumed at an evaluation has seen no step.
        let seen = Pace { batches: 4, in_batches: 2.0, ..Pace::default() };
        assert_eq!(left(&evaluating, &seen), None);
        assert_eq!(left(&BarState { epochs: 2, ..evaluating }, &seen), Some((4.0, 16.0)));
        assert_eq!(left(&state, &Pace::default()), None);
        assert_eq!(short_duration(59.4), "59s");
        assert_eq!(short_duration(3599.6), "1h00m");
        assert_eq!(short_duration(180_000.0), "2d02h");
        assert_eq!(short_duration(f64::INFINITY), "999d07h");
    }
}
