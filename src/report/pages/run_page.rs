//! The page of one run.

use super::page::{details, facts, figures, page, paragraph, section, verbatim};
use super::series::ReadResult;
use super::{RunReport, series::Record};
use crate::report::table::Table;
use crate::report::table::html::rows as table;
use crate::run::metrics::{ChosenOn, SplitMetrics};
use crate::run::provenance::{Git, Outcome, Provenance, SessionRecord, SweepMembership};
use crate::terminal::amounts::duration;

/// A longer table of epochs is folded.
const LONGEST: usize = 30;

/// One HTML file with everything about a run.
pub fn run_page(report: &RunReport) -> String {
    let RunReport { record, layers, figures: shown } = report;
    let summary = &record.summary;
    let title = format!("{} v{:04}", summary.name, summary.version);
    let mut body = format!("<h1>{}</h1>\n", crate::report::table::html::escape(&title));
    body += &facts(&head(record));
    body += &section("Figures", &figures(shown));
    body += &section("Layers", &or_sentence(layers, layer_table));
    body += &section("Epochs", &epochs(record));
    body += &section("Provenance", &or_sentence(&record.provenance, provenance));
    body += &section("Config", &or_sentence(&record.config, |text| verbatim(text)));
    page(&title, &body)
}

fn or_sentence<T>(read: &ReadResult<T>, show: impl FnOnce(&T) -> String) -> String {
    match read {
        Ok(value) => show(value),
        Err(reason) => paragraph(reason),
    }
}

fn head(record: &Record) -> Vec<(&'static str, String)> {
    let summary = &record.summary;
    let mut pairs = vec![("state", state(record))];
    if let Some(SweepMembership { name, variant, settings, .. }) = &summary.sweep {
        let variant = variant.iter().map(|variant| format!("variant {variant}"));
        let settings = settings.iter().map(|(key, value)| format!("{key} {value}"));
        pairs.push(("sweep", [name.clone()].into_iter().chain(variant).chain(settings).collect::<Vec<_>>().join(", ")));
    }
    let requested = summary.epochs.map_or(String::new(), |epochs| format!(" of {epochs}"));
    let seconds: f64 = record.epochs().iter().map(|line| line.seconds).sum();
    let trained = match summary.is_untrained {
        true => "none: its weights come from elsewhere".to_string(),
        false => format!("{}{requested}, in {}", summary.epochs_done, duration(seconds)),
    };
    pairs.push(("epochs", trained));
    pairs.extend(summary.ended_early.clone().map(|why| ("ended", why)));
    if let (Some(top1), Some(epoch)) = (summary.best_accuracy, summary.best_epoch) {
        let how = match summary.chosen_on {
            ChosenOn::Test => "chosen on the test images",
            ChosenOn::Validation => "chosen on the validation images; the test images were read once, with its weights",
        };
        pairs.push(("best top-1 accuracy", format!("{top1:.2} %, epoch {epoch}, {how}")));
    }
    if let (Some(top1), Some(epoch)) = (summary.validation_accuracy, summary.best_epoch) {
        pairs.push(("validation top-1 accuracy", format!("{top1:.2} %, epoch {epoch}, the highest")));
    }
    if let Some((epoch, test)) = record.epochs().iter().rev().find_map(|line| Some((line.epoch, line.test?))) {
        pairs.push(("last top-1 accuracy", format!("{:.2} %, epoch {epoch}", test.top1)));
    }
    if let Ok(checked) = &record.experiment {
        let (plan, experiment) = (&checked.plan, &checked.experiment);
        let network = format!(
            "{} layers, {} time-steps, batches of {}, seed {}",
            plan.layers.len(),
            plan.time_steps,
            experiment.data.batch_size,
            experiment.seed
        );
        pairs.push(("network", network));
    }
    pairs.push(("folder", summary.path.display().to_string()));
    if !summary.labels.tags.is_empty() {
        pairs.push(("tags", summary.labels.tags.iter().cloned().collect::<Vec<_>>().join(" ")));
    }
    pairs.extend(summary.labels.note.clone().map(|note| ("note", note)));
    pairs
}

fn state(record: &Record) -> String {
    match &record.provenance {
        Ok(Provenance { outcome: Outcome::Failed(message), .. }) => format!("failed: {message}"),
        _ => record.summary.state.to_string(),
    }
}

fn layer_table(layers: &Table) -> String {
    let note = "MACs are multiply-accumulates per image and time-step, dense. \"kept\" is what a training step keeps for its backward pass.";
    table(&layers.lines(), layers.left, true) + &paragraph(note)
}

fn epochs(record: &Record) -> String {
    if let Err(reason) = &record.metrics {
        return paragraph(reason);
    }
    let of_held = ["loss", "top-1", "top-5"].map(|what| format!("{} {what}", record.summary.chosen_on.name()));
    let head = [["epoch", "train loss", "train top-1"].map(String::from).to_vec(), of_held.to_vec()];
    let mut rows = vec![[head.concat(), ["learning rate", "images/s"].map(String::from).to_vec()].concat()];
    for line in record.epochs() {
        let held = |value: fn(&SplitMetrics) -> String| line.evaluated().as_ref().map_or(String::new(), value);
        rows.push(vec![
            line.epoch.to_string(),
            format!("{:.4}", line.train.loss),
            format!("{:.2} %", line.train.top1),
            held(|scores| format!("{:.4}", scores.loss)),
            held(|scores| format!("{:.2} %", scores.top1)),
            held(|scores| format!("{:.2} %", scores.top5)),
            // As metrics.jsonl has it, but not 17 digits.
            format!("{:.4e}", line.lr).parse::<f64>().map_or(String::new(), |lr| format!("{lr:?}")),
            format!("{:.0}", line.images_per_second),
        ]);
    }
    match rows.len().saturating_sub(1) {
        0 => paragraph("No epoch is complete yet."),
        epochs if epochs > LONGEST => details(&format!("All {epochs} epochs"), &table(&rows, 0, false)),
        _ => table(&rows, 0, false),
    }
}

fn provenance(provenance: &Provenance) -> String {
    let Provenance { outcome, started, ended, seed, data, sessions, .. } = provenance;
    let outcome = match outcome {
        Outcome::Running => "no end recorded".to_string(),
        Outcome::Completed => "completed".into(),
        Outcome::Converted => "converted from another run".into(),
        Outcome::Imported => "imported from a file of weights".into(),
        Outcome::Interrupted => "interrupted".into(),
        Outcome::Failed(message) => format!("failed: {message}"),
    };
    let mut html = facts(&[
        ("outcome", outcome),
        ("started", started.clone()),
        ("ended", ended.clone().unwrap_or_else(|| "not recorded".into())),
        ("seed", seed.to_string()),
    ]);
    let of_first = sessions.first().and_then(|session| session.git.as_ref()?.diff_sha256.as_deref());
    for (number, session) in sessions.iter().enumerate() {
        let title =
            if sessions.len() == 1 { "Session".to_string() } else { format!("Session {}", number.saturating_add(1)) };
        html += &format!("<h3>{title}</h3>\n{}", facts(&of_session(session, of_first)));
    }
    let mut rows = vec![vec!["data".to_string(), "SHA-256".to_string()]];
    rows.extend(data.iter().map(|(name, sum)| vec![name.clone(), sum.clone()]));
    html + "<h3>Data</h3>\n" + &table(&rows, 2, false)
}

/// `of_first`: the checksum of what the first session's repository had not committed, which is in the run's folder.
fn of_session(session: &SessionRecord, of_first: Option<&str>) -> Vec<(&'static str, String)> {
    let host = &session.host;
    let git = session.git.as_ref().map_or("not recorded".to_string(), |git| {
        format!("{}{}", git.commit.as_deref().unwrap_or("no commit"), uncommitted(git, of_first))
    });
    let facts = vec![
        ("command", command(&session.command)),
        ("bntt", session.bntt_version.clone()),
        ("git commit", git),
        ("host", format!("{}: {}, {} cores, {}", host.name, host.cpu, host.cores, host.operating_system)),
        ("device", format!("{}, {} threads", session.computed_on(), session.threads)),
        ("after epoch", session.from_epoch.to_string()),
        ("started", session.started.clone()),
        ("ended", session.ended.clone().unwrap_or_else(|| "not recorded".into())),
    ];
    let longer = (!session.longer.is_empty()).then(|| ("made longer", session.longer.join("; ")));
    facts.into_iter().chain(longer).collect()
}

/// What follows the commit where something differs from it.
fn uncommitted(git: &Git, of_first: Option<&str>) -> String {
    let changes = match (git.diff.lines().count(), git.diff_sha256.as_deref()) {
        _ if !git.dirty => return String::new(),
        (0, Some(sum)) if of_first == Some(sum) => format!("in uncommitted.diff, SHA-256 {sum}"),
        (0, Some(sum)) => format!("not those of the first session, SHA-256 {sum}"),
        // What commit and dirty alone tell may be either.
        (0, None) if git.untracked.is_empty() => "which are not recorded".into(),
        (0, None) => return ", with files that git does not track".into(),
        (lines, _) => format!("{lines} lines of diff in provenance.json"),
    };
    format!(", with uncommitted changes: {changes}")
}

/// Words as a shell takes them.
fn command(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_committed_is_said_with_the_place_where_it_is() {
        let git = |dirty: bool, sum: Option<&str>, diff: &str, untracked: &[&str]| Git {
            commit: Some("c0ffee".into()),
            dirty,
            diff_sha256: sum.map(Into::into),
            diff: diff.into(),
            untracked: untracked.iter().map(ToString::to_string).collect(),
        };
        let described = |git: &Git| uncommitted(git, Some("ab12"));
        assert_eq!(described(&git(false, None, "", &[])), "");
        let first = described(&git(true, Some("ab12"), "", &["a"]));
        assert_eq!(first, ", with uncommitted changes: in uncommitted.diff, SHA-256 ab12");
        let other = described(&git(true, Some("cd34"), "", &[]));
        assert_eq!(other, ", with uncommitted changes: not those of the first session, SHA-256 cd34");
        assert_eq!(described(&git(true, None, "", &["a"])), ", with files that git does not track");
        assert_eq!(described(&git(true, None, "", &[])), ", with uncommitted changes: which are not recorded");
        // As older versions recorded it.
        let old = described(&git(true, None, "-a\n+b\n", &[]));
        assert_eq!(old, ", with uncommitted changes: 2 lines of diff in provenance.json");
    }

    #[test]
    fn commands_are_written_as_people_read_them() {
        let words = ["bntt", "run", "a.toml", "network.layers=['lif']"].map(String::from);
        assert_eq!(command(&words), r"bntt run a.toml 'network.layers=['\''lif'\'']'");
    }
}
