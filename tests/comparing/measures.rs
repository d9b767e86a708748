//! Tables of measures: numbers of training, and what commands left in the runs' folders.

use crate::workspace::Workspace;
use bntt::report::table::{Table, csv, markdown};
use bntt::report::tables::{FilledTable, Measure, RunMeasures, grid, records};
use bntt::run::analyses::{AnalysedCheckpoint, RecordedAnalysis};
use bntt::run::checkpoint::{self, CheckpointContents, TrainingProgress};
use bntt::run::results::Results;
use bntt::run::{CheckpointKind, RunFolder};
use std::collections::BTreeMap;

const TABLE: &str = "\
head = 'coding'
[[rows]]
label = 'poisson'
config = 'base.toml'
[[rows]]
label = 'direct'
config = 'base.toml'
set = { 'network.encoder' = 'direct' }
[[columns]]
label = 'gain'
measure = 'energy.ratio'
[[columns]]
label = 'attacked'
measure = 'attack.fgsm@8/255'
[[columns]]
label = 'accuracy'
[[cells]]
row = 'poisson'
column = 'gain'
paper = { value = 250, evidence = 'Q', source = 'a talk' }
";

/// A checkpoint without a tensor, whose weights are of this epoch.
fn checkpoint(run: &RunFolder, which: CheckpointKind, epoch: usize) -> AnalysedCheckpoint {
    let nothing = BTreeMap::new();
    // Other weights have another checksum: one tensor more each.
    let weight = |i: usize| (format!("w{i}"), candle_core::Tensor::new(0.5f32, &candle_core::Device::Cpu).unwrap());
    let model: BTreeMap<_, _> = (0..epoch).map(weight).collect();
    let progress = TrainingProgress { epoch, ..TrainingProgress::new("a", "config", "data") };
    let contents = CheckpointContents { model: &model, optimizer: &nothing, progress: &progress, records: None };
    checkpoint::save(&run.checkpoint(which), contents).expect("a checkpoint");
    AnalysedCheckpoint::read(run, which).expect("a checkpoint")
}

fn analysis(run: &RunFolder, of: AnalysedCheckpoint, overrides: &[&str], measures: &[(&str, f64)]) {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let mut analysis = RecordedAnalysis::new("energy", of, &overrides);
    analysis.measures = measures.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    analysis.save(run).expect("a file");
}

fn filled(workspace: &Workspace) -> FilledTable {
    FilledTable::load(&workspace.path("table.toml"), Some(&workspace.path("runs"))).expect("a table")
}

/// The cells of a laid out table, without its labels.
fn texts(table: &Table) -> Vec<Vec<String>> {
    table.rows.iter().map(|row| row[table.left..].to_vec()).collect()
}

#[test]
fn a_column_shows_its_measure_of_every_seed_and_the_best_stands_out() {
    let workspace = Workspace::new();
    workspace.write("table.toml", TABLE);
    for (seed, ratio, attacked) in [("seed=0", 2.0, 30.0), ("seed=1", 3.0, 40.0)] {
        let run = workspace.run(&[seed], &[89.0, 90.0]);
        let best = checkpoint(&run, CheckpointKind::Best, 1);
        // The strength may be written as a share of one, and another command's numbers lie beside it.
        analysis(&run, best.clone(), &[], &[("energy.ratio", ratio)]);
        analysis(&run, best, &["data.limit.test=100"], &[("attack.fgsm@0.03137254901960784", attacked)]);
    }
    let direct = workspace.run(&["network.encoder=direct"], &[91.0, 92.0]);
    let best = checkpoint(&direct, CheckpointKind::Best, 1);
    analysis(&direct, best, &[], &[("energy.ratio", 1.25)]);
    let table = grid(&filled(&workspace));
    // Of 2 and 3 the mean is 2.5, the sample deviation sqrt(0.5); of 30 and 40 ten times as much.
    let expected = [
        ["2.50 ± 0.71 (n 2)", "35.00 ± 7.07 (n 2)", "90.00 ± 0.00 (n 2)"],
        ["250 (Q)", "", ""],
        ["−247.50", "", ""],
        ["1.25 (n 1)", "not measured", "92.00 (n 1)"],
    ];
    assert_eq!(texts(&table), expected.map(|row| row.map(String::from).to_vec()));
    assert_eq!(table.bold, [(0, 2), (3, 4)].into());
    let notes = table.notes.join("\n");
    assert!(notes.contains("poisson, attacked: attack.fgsm@8/255 with data.limit.test=100."), "{notes}");
    let how = format!("has no attack.fgsm@8/255; `bntt attack {}` measures it.", direct.path().display());
    assert!(notes.contains(&how), "{how} in {notes}");
    assert!(markdown::render(&table).contains("| **2.50 ± 0.71 (n 2)** |"));
    let text = csv::lines(&records(&filled(&workspace)));
    let record = text.lines().nth(1).unwrap_or_default();
    assert!(
        record.contains("poisson,gain,2,") && record.ends_with(",energy.ratio,2.5,0.7071067811865476,-247.5"),
        "{record}"
    );
}

#[test]
fn what_was_measured_on_other_weights_does_not_count_and_the_newest_of_the_best_does() {
    let workspace = Workspace::new();
    workspace.write("table.toml", TABLE);
    let run = workspace.run(&[], &[89.0, 90.0]);
    let old = checkpoint(&run, CheckpointKind::Best, 1);
    analysis(&run, old, &[], &[("energy.ratio", 1.0)]);
    let of_gain = || {
        let table = filled(&workspace);
        let cell = &table.rows[0].cells[0];
        (cell.measured.map(|measured| measured.mean), cell.notes.join(" "))
    };
    assert_eq!(of_gain(), (Some(1.0), String::new()));
    // The run went on, and its best weights are others now.
    let new = checkpoint(&run, CheckpointKind::Best, 2);
    let (mean, notes) = of_gain();
    assert!(mean.is_none() && notes.contains("has a energy.ratio of weights that it no longer has"), "{notes}");
    let last = checkpoint(&run, CheckpointKind::Last, 3);
    analysis(&run, last, &["seed=1"], &[("energy.ratio", 2.0)]);
    assert_eq!(of_gain(), (Some(2.0), "poisson, gain: energy.ratio of the checkpoint last, with seed=1.".into()));
    analysis(&run, new.clone(), &[], &[("energy.ratio", 3.0)]);
    analysis(&run, new, &["training.device=cpu"], &[("energy.ratio", 4.0)]);
    assert_eq!(of_gain(), (Some(4.0), String::new()));
}

#[test]
fn a_sweep_has_a_column_a_measure_and_rows_beside_one_of_them() {
    let workspace = Workspace::new();
    workspace.write(
        "sweep.toml",
        "base = 'base.toml'\nseeds = [0, 1]\ngrid = { 'network.lif.leak' = [0.5, 0.9] }\nname = 'leaks'\n",
    );
    for (leak, name, accuracies) in [("0.5", "leak0.5", [50.0, 52.0]), ("0.9", "leak0.9", [53.0, 53.0])] {
        for (seed, accuracy) in accuracies.into_iter().enumerate() {
            let overrides =
                [format!("network.lif.leak={leak}"), format!("seed={seed}"), format!("name=leaks.{name}.seed{seed}")];
            workspace.run(&overrides.each_ref().map(String::as_str), &[40.0, accuracy]);
        }
    }
    let text = workspace.ok(&["table", "sweep.toml", "--measure", "top1,firing_rate,seconds", "--format", "csv"]);
    assert!(text.contains("0.5,top1,2,") && text.contains(",firing_rate,0.375,0.0"), "{text}");
    // Differences 3 and 1: mean 2, deviation sqrt 2, error 1; t of one degree and 0.975 is 12.7062, and the probability
    // beyond 2 on both sides is 1 - 2 atan(2) / pi = 0.2952.
    let text = workspace.ok(&["table", "sweep.toml", "--against", "0.5", "--format", "markdown"]);
    let row = text.lines().find(|line| line.starts_with("| 0.9")).expect("a row");
    for cell in ["+2.00", "\\[−10.71, +14.71]", "0.295", "**53.00 ± 0.00**"] {
        assert!(row.contains(&format!(" {cell} |")), "{cell} in {row}");
    }
    let said = workspace.refused(&["table", "sweep.toml", "--against", "0.7"]);
    assert!(said.contains("--against: expected one of 0.5, 0.9, found \"0.7\""), "{said}");
    let said = workspace.refused(&["table", "sweep.toml", "--measure", "energy"]);
    assert!(said.contains("measure: expected one of top1, best_top1, loss"), "{said}");
    // Half of the interval: 12.7062 sqrt(2) / sqrt(2).
    let text = workspace.ok(&["table", "sweep.toml", "--spread", "interval"]);
    assert!(text.contains(" 51.00 ± 12.71 |"), "{text}");
}

#[test]
fn measures_of_a_table_are_its_files_to_say_once() {
    let workspace = Workspace::new();
    let table = |text: &str| workspace.write("table.toml", text);
    table(TABLE);
    let said = workspace.refused(&["table", "table.toml", "--measure", "top1"]);
    assert!(said.contains("write `measure` there, not --measure"), "{said}");
    table(&TABLE.replace("label = 'poisson'\n", "label = 'poisson'\nmeasure = 'loss'\n"));
    let said = workspace.refused(&["table", "table.toml"]);
    assert!(said.contains("poisson: `measure` stands in rows and in columns"), "{said}");
    table(&TABLE.replace("energy.ratio", "energy.gain"));
    let said = workspace.refused(&["table", "table.toml"]);
    assert!(said.contains("expected one of top1") && said.contains("found \"energy.gain\""), "{said}");
    table(&TABLE.replace("value = 250", "value = -1"));
    let said = workspace.refused(&["table", "table.toml"]);
    assert!(said.contains("poisson: value: expected a number from 0 on, found -1"), "{said}");
    table(&format!("against = 'rate'\n{TABLE}"));
    let said = workspace.refused(&["table", "table.toml"]);
    assert!(said.contains("table.toml: against: expected one of poisson, direct, found \"rate\""), "{said}");
}

#[test]
fn what_commands_left_in_a_run_is_read_once_for_all_measures() {
    let workspace = Workspace::new();
    let run = workspace.run(&[], &[50.0, 60.0]);
    let best = checkpoint(&run, CheckpointKind::Best, 2);
    analysis(&run, best, &[], &[("energy.ratio", 3.5), ("energy.counted", 2.0)]);
    let (results, mut measures) = (Results::read(&run), RunMeasures::default());
    let mut value = |name: &str| {
        let measure = Measure::try_from(name.to_string()).expect("a measure");
        measures.measured(&results, &measure).map(|found| found.value)
    };
    assert_eq!(value("energy.ratio"), Ok(3.5));
    std::fs::remove_dir_all(run.analyses()).expect("a folder");
    assert_eq!(value("energy.counted"), Ok(2.0), "of what was read before");
    assert!(value("attack.fgsm@8/255").is_err());
}
