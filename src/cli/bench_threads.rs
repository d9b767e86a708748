//! `bntt bench --threads`: the same step with several numbers of worker threads.

use super::bench::BenchArguments;
use crate::error::{Error, Result};
use crate::report::table::{Printout, Table, json, text};
use crate::system::program;
use crate::terminal::logging;
use crate::train::bench::BenchReport;
use std::process::{Command, Stdio};

/// Measures with each number of threads, in turn, each in a process of its own: its main thread is then one of the
/// workers, and memory comes from the same heap, as in training.
pub fn scaling(arguments: &BenchArguments) -> Result<Printout> {
    let reports = arguments.threads.iter().map(|&number| measured(arguments, number)).collect::<Result<Vec<_>>>()?;
    let table = table(&reports);
    let mut text = match reports.first() {
        Some(first) => format!(
            "{}: {}; {} time-steps, batches of {}, {} repeats\n\n",
            first.name, first.device, first.time_steps, first.batch_size, first.repeats
        ),
        None => String::new(),
    };
    text += &text::render(&table, None);
    if let Some(share) = serial_share(&reports) {
        text += &format!(
            "\nOf a step by {} thread, {:.1} % is not faster by more: the share s for which\n\
             s + (1 - s) / threads is closest to these times (Amdahl's law, least squares).\n",
            reports.first().map_or(1, |first| first.threads),
            100.0 * share
        );
    }
    Ok(Printout::new(text, vec![table]).with_json(json::value(&reports)?))
}

/// What this program says of the same experiment with `number` threads.
fn measured(arguments: &BenchArguments, number: u16) -> Result<BenchReport> {
    let program = program::itself()?;
    let mut command = Command::new(&program);
    command.arg("bench").arg(&arguments.config).args(&arguments.overrides);
    command.arg(format!("training.threads={number}"));
    command.arg(format!("--repeats={}", arguments.repeats)).arg("--json");
    command.args(arguments.insist.then_some("--insist"));
    // It may leave out the error that is read.
    command.env_remove(logging::VARIABLE);
    let output = command.stdin(Stdio::null()).output().map_err(Error::io("start", &program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = program::last_error(&said).unwrap_or_else(|| said.trim_end().into());
        return Err(Error::Run(format!("bench with {number} threads ended with {}: {why}", output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|why| Error::Run(format!("bench with {number} threads: expected a line of JSON: {why}")))
}

fn table(reports: &[BenchReport]) -> Table {
    let first = reports.first();
    let row = |report: &BenchReport| {
        let times = |part: fn(&BenchReport) -> f64| {
            first.map_or(String::new(), |first| format!("{:.2}", part(first) / part(report)))
        };
        vec![
            report.threads.to_string(),
            format!("{:.2}", report.step.median * 1e3),
            times(|report| report.step.median),
            format!("{:.2}", report.evaluation.median * 1e3),
            times(|report| report.evaluation.median),
        ]
    };
    let head = ["threads", "step ms", "times as fast", "evaluation ms", "times as fast"];
    Table::new(&head, reports.iter().map(row).collect(), 0)
}

/// The share of a step that threads do not divide, where the first report has one thread and others have more.
fn serial_share(reports: &[BenchReport]) -> Option<f64> {
    let (first, others) = reports.split_first().filter(|(first, _)| first.threads == 1)?;
    // With x = 1 - 1/n and y = t/t1 - 1/n, y = s x.
    let (mut products, mut squares) = (0.0, 0.0);
    for report in others.iter().filter(|report| report.threads > 1) {
        let part = 1.0 / report.threads as f64;
        products += (report.step.median / first.step.median - part) * (1.0 - part);
        squares += (1.0 - part) * (1.0 - part);
    }
    (squares > 0.0).then(|| (products / squares).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::bench::PhaseTiming;

    fn report(threads: usize, seconds: f64) -> BenchReport {
        let timing = PhaseTiming { median: seconds, minimum: seconds, spread: 0.0 };
        BenchReport {
            name: "n".into(),
            device: "cpu".into(),
            threads,
            batch_size: 1,
            time_steps: 1,
            repeats: 1,
            data: timing,
            forward: timing,
            backward: timing,
            optimizer: timing,
            step: timing,
            evaluation: timing,
            images_per_second: 1.0,
            evaluation_images_per_second: 1.0,
            milliseconds_per_image_and_time_step: 1.0,
            gflops: 1.0,
            kept_bytes: 0,
            peak_memory_bytes: None,
            machine: None,
            device_peak_bytes: None,
            layers: Vec::new(),
        }
    }

    #[test]
    fn the_serial_share_is_that_of_amdahls_law() {
        // A tenth by one thread: 1, .55, .325.
        let share = serial_share(&[report(1, 2.0), report(2, 1.1), report(4, 0.65)]).unwrap();
        assert!((share - 0.1).abs() < 1e-12, "{share}");
        assert_eq!(serial_share(&[report(2, 1.0), report(4, 0.5)]), None);
        assert_eq!(serial_share(&[report(1, 1.0)]), None);
    }
}
