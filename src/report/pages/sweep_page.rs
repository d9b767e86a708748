//! The page of a sweep.

use super::SweepReport;
use super::page::{facts, figures, page, paragraph, section};
use super::sweep::{Seeded, SweepRecord};
use crate::analysis::statistic::Statistic;
use crate::report::table::html::{escape, rows as table};

/// One HTML file with all runs of a sweep.
pub fn sweep_page(report: &SweepReport) -> String {
    let SweepReport { record, figures: shown } = report;
    let title = format!("Sweep {}", record.name);
    let complete = record.runs.iter().filter(|run| run.state() == "completed").count();
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    body += &facts(&[
        ("runs", format!("{complete} of {} completed", record.runs.len())),
        ("differ in", if record.axes.is_empty() { "nothing but the seed".into() } else { record.axes.join(", ") }),
        ("file", record.path.display().to_string()),
        ("run folders below", record.folder.display().to_string()),
    ]);
    body += &section("Settings", &(settings(record) + &paragraph(SETTINGS)));
    body += &section("Figures", &figures(shown));
    body += &section("Runs", &runs(record));
    page(&title, &body)
}

const SETTINGS: &str = "Top-1 accuracy on the test images in percent: mean ± sample standard deviation over the n seeds whose runs are \
                        completed. \"last\" is after the last epoch; \"best\" is the highest of all epochs of a run, chosen on the test \
                        images; of a run with validation images it is that of the epoch chosen there, and there is no \"last\".";

fn settings(record: &SweepRecord) -> String {
    let mut rows = vec![[record.axes.clone(), ["n", "last", "best"].map(String::from).to_vec()].concat()];
    for setting in record.settings() {
        let mut row: Vec<String> = setting.values.iter().map(|(_, value)| value.clone()).collect();
        let [last, best] = [setting.of_complete(Seeded::last_top1), setting.of_complete(Seeded::best_top1)];
        let planned = setting.runs.len();
        row.push(match best.map_or(0, |best| best.n) {
            n if n == planned => n.to_string(),
            n => format!("{n} of {planned}"),
        });
        let shown =
            |statistic: Option<Statistic>| statistic.map_or("–".to_string(), |statistic| statistic.to_string());
        row.extend([shown(last), shown(best)]);
        rows.push(row);
    }
    table(&rows, record.axes.len(), false)
}

fn runs(record: &SweepRecord) -> String {
    let head = ["run", "version", "seed", "state", "epochs", "last top-1", "best top-1", "at epoch"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for run in &record.runs {
        let percent = |top1: Option<f64>| top1.map_or(String::new(), |top1| format!("{top1:.2} %"));
        let summary = run.record.as_ref().map(|record| &record.summary);
        let epochs = summary.map_or(String::new(), |summary| match summary.epochs {
            Some(requested) => format!("{} of {requested}", summary.epochs_done),
            None => summary.epochs_done.to_string(),
        });
        let epoch = summary.and_then(|summary| summary.best_epoch);
        rows.push(vec![
            run.name.clone(),
            summary.map_or(String::new(), |summary| format!("v{:04}", summary.version)),
            run.seed.to_string(),
            run.state().to_string(),
            epochs,
            percent(run.last_top1()),
            percent(run.best_top1()),
            epoch.map_or(String::new(), |epoch| epoch.to_string()),
        ]);
    }
    table(&rows, 4, false)
}
