//! What is printed when a sweep has ended: all of it where that is short, and a few lines of one that was stopped.

use super::{SweepArguments, tables};
use crate::analysis::statistic::Statistic;
use crate::error::Result;
use crate::report::table::Table;
use crate::report::table::text::{self, terminal_width};
use crate::run::results::Results;
use crate::sweep::{Sweep, by_setting};
use std::ffi::OsString;

/// More rows than these are not printed for a sweep that has ended.
const MOST_ROWS: usize = 20;
/// More names than these are not listed.
const MOST_NAMES: usize = 5;

/// The table of `--status`, or of a large sweep that of its settings, with means over seeds.
pub fn of_end(sweep: &Sweep, arguments: &SweepArguments) -> Result<String> {
    if sweep.runs.len() <= MOST_ROWS {
        return Ok(tables::states(sweep, arguments)?.text);
    }
    let path = arguments.sweep.display();
    let folders = sweep.folders(&arguments.runs)?;
    let runs: Vec<_> = sweep.runs.iter().zip(folders).collect();
    let mut rows = Vec::new();
    for group in by_setting(&runs, |(run, _)| &run.settings) {
        let results: Vec<Results> =
            group.iter().filter_map(|(_, folder)| Some(Results::read(folder.as_ref()?))).collect();
        let of = |which: fn(&Results) -> Option<f64>| {
            let complete = results.iter().filter(|results| results.state == "completed");
            let values: Vec<f64> = complete.filter_map(which).collect();
            Statistic::from_values(&values).map_or(String::new(), |statistic| statistic.to_string())
        };
        let settings = group.first().map_or(&[][..], |(run, _)| &run.settings);
        let cells = [
            group.len().to_string(),
            of(|results| results.last.map(|last| last.top1)),
            of(|results| results.best.map(|best| best.top1)),
        ];
        rows.push(settings.iter().map(|(_, value)| value.clone()).chain(cells).collect::<Vec<String>>());
    }
    let hint = format!("`bntt compare {path}` shows every run, `bntt sweep {path} --status` how each stands.\n");
    let head = format!("{}: {} runs of {} settings\n", sweep.name, sweep.runs.len(), rows.len());
    if rows.len() > MOST_ROWS {
        return Ok(head + &hint);
    }
    let header = sweep.axes.iter().map(String::as_str).chain(["runs", "final top-1 %", "best top-1 %"]);
    let header = header.map(String::from).collect();
    let table = Table { header, rows, left: sweep.axes.len(), ..Table::default() };
    Ok(format!(
        "{head}\n{}\nMean and sample standard deviation over seeds, on the test images.\n{hint}",
        text::in_parts(&table, terminal_width())
    ))
}

/// A few lines: how many runs are complete, stopped, failed and not begun, which they are, and how to go on.
pub fn of_stop(sweep: &Sweep, arguments: &SweepArguments, failed: &[(String, String)]) -> Result<String> {
    let standings = sweep.standings(&arguments.runs)?;
    let (mut completed, mut at_work, mut not_begun, mut stopped) = (0usize, 0usize, 0usize, Vec::new());
    for (run, standing) in sweep.runs.iter().zip(&standings) {
        match standing {
            _ if failed.iter().any(|(name, _)| *name == run.name) => {}
            None => not_begun = not_begun.saturating_add(1),
            Some(found) if found.state == "completed" => completed = completed.saturating_add(1),
            Some(found) if found.state == "running" => at_work = at_work.saturating_add(1),
            Some(found) => {
                stopped.push(format!("{} ({} of {} epochs)", run.name, found.epochs_done, found.epochs.unwrap_or(0)));
            }
        }
    }
    Ok(lines(&SweepEnd {
        name: &sweep.name,
        completed,
        stopped,
        failed,
        at_work,
        not_begun,
        command: command(std::env::args_os()),
    }))
}

/// How a sweep ended.
struct SweepEnd<'a> {
    name: &'a str,
    completed: usize,
    /// Names, with how far each has come.
    stopped: Vec<String>,
    /// With their errors.
    failed: &'a [(String, String)],
    at_work: usize,
    not_begun: usize,
    command: String,
}

fn lines(end: &SweepEnd<'_>) -> String {
    let counts = [
        (end.stopped.len(), "stopped and saved"),
        (end.failed.len(), "failed"),
        (end.at_work, "at work in another process"),
        (end.not_begun, "not begun"),
    ];
    let all = counts.iter().map(|(count, _)| count).fold(end.completed, |sum, count| sum.saturating_add(*count));
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
    let mut text = format!("{}: {} of {all} runs completed{}\n", end.name, end.completed, counts.collect::<String>());
    let more = |count: usize| match count.saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !end.stopped.is_empty() {
        let names: Vec<&str> = end.stopped.iter().take(MOST_NAMES).map(String::as_str).collect();
        text += &format!("stopped: {}{}\n", names.join(", "), more(end.stopped.len()));
    }
    for (name, error) in end.failed.iter().take(MOST_NAMES) {
        text += &format!("failed: {name}: {}\n", error.replace('\n', "\n    "));
    }
    if end.failed.len() > MOST_NAMES {
        text += &format!("failed:{}\n", more(end.failed.len()));
    }
    format!("{text}`{}` goes on\n", end.command)
}

/// This process's command line, as a shell takes it.
fn command(arguments: impl Iterator<Item = OsString>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    let quoted = |text: String| match text.chars().all(plain) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    let arguments = arguments.skip(1).map(|argument| quoted(argument.to_string_lossy().into_owned()));
    std::iter::once("bntt".to_string()).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_was_stopped_is_a_few_lines_however_many_runs_it_has() {
        let failed: Vec<(String, String)> =
            [("norms.a", "no\nfile"), ("norms.b", "no")].map(|(a, b)| (a.into(), b.into())).into();
        let end = SweepEnd {
            name: "norms",
            completed: 11,
            stopped: vec!["norms.x (3 of 8 epochs)".into(), "norms.y (0 of 8 epochs)".into()],
            failed: &failed,
            at_work: 0,
            not_begun: 33,
            command: "bntt sweep norms.toml --jobs 2".into(),
        };
        assert_eq!(
            lines(&end),
            "norms: 11 of 48 runs completed, 2 stopped and saved, 2 failed, 33 not begun\n\
             stopped: norms.x (3 of 8 epochs), norms.y (0 of 8 epochs)\n\
             failed: norms.a: no\n    file\nfailed: norms.b: no\n`bntt sweep norms.toml --jobs 2` goes on\n"
        );
        let many: Vec<(String, String)> = (0..48).map(|i| (format!("r{i}"), "no".to_string())).collect();
        let text = lines(&SweepEnd { stopped: vec!["s".into(); 48], failed: &many, ..end });
        assert!(
            text.contains("stopped: s, s, s, s, s and 43 more\n") && text.contains("failed: and 43 more\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 9);
    }

    #[test]
    fn the_command_that_goes_on_can_be_given_to_a_shell() {
        let words = ["/usr/bin/bntt", "sweep", "my sweep's.toml", "--jobs", "2", ""].map(OsString::from);
        assert_eq!(command(words.into_iter()), r"bntt sweep 'my sweep'\''s.toml' --jobs 2 ''");
    }
}
