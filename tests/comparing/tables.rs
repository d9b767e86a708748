//! `bntt table` on files of its own and on sweeps.

use crate::workspace::Workspace;
use bntt::report::table::{csv, latex, markdown};
use bntt::report::tables::{FilledTable, grid, records};

const NOTE: &str = "Top-1 accuracy on the test images in %: mean ± sample standard deviation over n runs with different seeds. Differences \
                    are in points.";

const BOLD: &str =
    "Bold (starred in plain text): the best of our means in its column, among rows of the same data set.";

const ROWS: &str = "\
title = 'Leak & more'
caption = '100 % made up.'
label = 'tab:a_b'
head = 'what_it_is'
[[rows]]
label = 'three seeds'
config = 'base.toml'
paper = { value = 90.5, evidence = 'V', source = 'figure 1' }
[[rows]]
label = 'one seed, leak 0.5'
config = 'base.toml'
set = { 'network.lif.leak' = 0.5 }
independent = { value = '69.50', evidence = 'Q', source = 'a talk' }
[[rows]]
label = 'nothing'
config = 'base.toml'
set = { 'network.lif.leak' = 0.25 }
[[rows]]
label = 'impossible'
absent = 'there are no such data'
paper = { value = 57.8, evidence = 'U', source = 'hearsay' }
";

/// Last 90, 91 and 92: mean 91, squares 1 + 0 + 1 shared by 2, deviation 1. Best 92, 91 and 92: mean 91.67, squares 1/9
/// + 4/9 + 1/9 shared by 2, deviation 0.58.
fn made_up() -> Workspace {
    let workspace = Workspace::new();
    workspace.run(&["seed=0"], &[92.0, 90.0]);
    workspace.run(&["seed=1", "name=elsewhere", "training.device=cpu", "training.threads=1"], &[80.0, 91.0]);
    workspace.run(&["seed=2", "training.checkpoint_every.steps=3"], &[91.0, 92.0]);
    workspace.run(&["network.lif.leak=0.5"], &[69.0, 69.25]);
    workspace.write("table.toml", ROWS);
    workspace
}

fn load(workspace: &Workspace, file: &str) -> FilledTable {
    FilledTable::load(&workspace.path(file), Some(&workspace.path("runs"))).expect("a table")
}

#[test]
fn markdown_has_means_deviations_papers_and_differences() {
    let text = markdown::render(&grid(&load(&made_up(), "table.toml")));
    let expected = "\
## Leak & more

100 % made up.

| what\\_it\\_is       |   n |       last epoch | best epoch, chosen on test images |       paper | last − paper | best − paper | independent |
| ------------------ | --: | ---------------: | --------------------------------: | ----------: | -----------: | -----------: | ----------: |
| three seeds        |   3 | **91.00 ± 1.00** |                  **91.67 ± 0.58** |    90.5 (V) |        +0.50 |        +1.17 |             |
| one seed, leak 0.5 |   1 |            69.25 |                             69.25 |             |              |              |   69.50 (Q) |
| nothing            |   0 |          not run |                           not run |             |              |              |             |
| impossible         |   0 |          not run |                           not run | unconfirmed |              |              |             |

";
    let notes = format!(
        "- {NOTE}\n- {BOLD}\n- V: read in the paper's text or the authors' code. Q: quoted by another text.\n- paper, figure 1: three seeds\n\
         - paper, hearsay: impossible\n- independent, a talk: one seed, leak 0.5\n- impossible: not run, there are no such data.\n"
    );
    assert_eq!(text, format!("{expected}{notes}"));
    assert!(!text.contains("57.8"));
}

#[test]
fn latex_has_the_same_with_everything_escaped() {
    let text = latex::render(&grid(&load(&made_up(), "table.toml")));
    let expected = "\
% needs \\usepackage{booktabs}
\\begin{table}
  \\centering
  \\caption{Leak \\& more. 100 \\% made up.}
  \\label{tab:a_b}
  \\begin{tabular}{lrrrrrrr}
    \\toprule
    what\\_it\\_is & n & last epoch & best epoch, chosen on test images & paper & last $-$ paper & best $-$ paper & independent \\\\
    \\midrule
    three seeds & 3 & \\textbf{91.00 $\\pm$ 1.00} & \\textbf{91.67 $\\pm$ 0.58} & 90.5 (V) & +0.50 & +1.17 &  \\\\
    one seed, leak 0.5 & 1 & 69.25 & 69.25 &  &  &  & 69.50 (Q) \\\\
    nothing & 0 & not run & not run &  &  &  &  \\\\
    impossible & 0 & not run & not run & unconfirmed &  &  &  \\\\
    \\bottomrule
  \\end{tabular}
  \\par\\smallskip
  \\begin{minipage}{\\linewidth}\\footnotesize
    Top-1 accuracy on the test images in \\%: mean $\\pm$ sample standard deviation over n runs with different seeds. Differences are in points.\\par
";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.ends_with("    impossible: not run, there are no such data.\\par\n  \\end{minipage}\n\\end{table}\n"),
        "{text}"
    );
}

#[test]
fn csv_has_a_record_a_cell_with_all_digits_and_only_confirmed_numbers() {
    let text = csv::lines(&records(&load(&made_up(), "table.toml")));
    let records: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        records[0],
        "what_it_is,n,last_mean,last_deviation,best_on_test_mean,best_on_test_deviation,missing,paper,paper_evidence,\
         last_minus_paper,best_minus_paper,independent,independent_evidence,notes"
    );
    let cells: Vec<&str> = records[1].split(',').collect();
    assert_eq!(cells[..4], ["three seeds", "3", "91.0", "1.0"]);
    let number = |i: usize| cells[i].parse::<f64>().expect("a number");
    assert!((number(4) - 275.0 / 3.0).abs() < 1e-9 && (number(5) - (1.0_f64 / 3.0).sqrt()).abs() < 1e-9, "{cells:?}");
    assert_eq!(cells[6..10], ["", "90.5", "V", "0.5"]);
    assert_eq!(records[2], "\"one seed, leak 0.5\",1,69.25,,69.25,,,,,,,69.5,Q,");
    assert_eq!(records[3], "nothing,0,,,,,not run,,,,,,,");
    assert_eq!(records[4], "impossible,0,,,,,not run,,U,,,,,\"impossible: not run, there are no such data.\"");
    assert_eq!(records[5..], [""]);
}

#[test]
fn with_columns_last_best_and_paper_are_lines_below_each_other() {
    let workspace = made_up();
    workspace.run(&["network.time_steps=8", "seed=5"], &[1.0]);
    workspace.write(
        "table.toml",
        "head = 'leak'\nseeds = [0, 2, 5, 7]\n\
         [[rows]]\nlabel = '0.95'\nconfig = 'base.toml'\n[[rows]]\nlabel = '0.5'\nconfig = 'base.toml'\nset = { 'network.lif.leak' = 0.50 }\n\
         [[columns]]\nlabel = 'T 4'\n[[columns]]\nlabel = 'T 8'\nset = { 'network.time_steps' = 8 }\n\
         [[cells]]\nrow = '0.95'\ncolumn = 'T 4'\npaper = { value = 91, evidence = 'Q', source = 'a talk' }\n",
    );
    let table = load(&workspace, "table.toml");
    let expected = format!(
        "\
| leak |                                   |                    T 4 |        T 8 |
| ---- | --------------------------------- | ---------------------: | ---------: |
| 0.95 | last epoch                        | **91.00 ± 1.41 (n 2)** | unfinished |
|      | best epoch, chosen on test images | **92.00 ± 0.00 (n 2)** | unfinished |
|      | paper                             |                 91 (Q) |            |
|      | last − paper                      |                   0.00 |            |
|      | best − paper                      |                  +1.00 |            |
| 0.5  | last epoch                        |            69.25 (n 1) |    not run |
|      | best epoch, chosen on test images |            69.25 (n 1) |    not run |

- {NOTE}
- {BOLD}
- Q: quoted by another text.
- paper, a talk: 0.95, T 4
- 0.95, T 4: seeds 5, 7 not run.
- 0.95, T 8: a/v0004 (interrupted, 1 of 2 epochs) does not count.
- 0.95, T 8: seeds 0, 2, 7 not run.
- 0.5, T 4: seeds 2, 5, 7 not run.
"
    );
    assert_eq!(markdown::render(&grid(&table)), expected);
    assert!(
        csv::lines(&records(&table)).contains("\r\n0.95,T 8,0,,,,,unfinished,,"),
        "{}",
        csv::lines(&records(&table))
    );
}

#[test]
fn of_runs_with_the_same_seed_the_newest_complete_one_counts() {
    let workspace = Workspace::new();
    workspace.write("table.toml", "[[rows]]\nlabel = 'r'\nconfig = 'base.toml'\n");
    let started = |run: bntt::run::RunFolder, time: &str| {
        let mut provenance = bntt::run::provenance::Provenance::load(&run.provenance()).expect("a record");
        provenance.started = time.into();
        provenance.save(&run.provenance()).expect("a record");
    };
    started(workspace.run(&["name=z"], &[10.0, 10.0]), "2026-01-01T00:00:00Z");
    started(workspace.run(&["name=a"], &[20.0, 20.0]), "2026-01-02T00:00:00Z");
    started(workspace.run(&["name=b"], &[30.0]), "2026-01-03T00:00:00Z");
    let cell = &load(&workspace, "table.toml").rows[0].cells[0];
    let last = cell.last.expect("a mean");
    assert_eq!((last.mean, last.n, cell.notes.len()), (20.0, 1, 0));
}

#[test]
fn damaged_runs_count_nowhere_and_those_without_a_config_are_named() {
    let workspace = made_up();
    let garbled = workspace.run(&["seed=8"], &[1.0, 2.0]);
    std::fs::write(garbled.metrics_jsonl(), "{}\n{}\n").expect("a file");
    let broken = workspace.run(&["seed=9"], &[1.0, 2.0]);
    std::fs::write(broken.config(), "name = 3").expect("a file");
    let table = load(&workspace, "table.toml");
    let cell = &table.rows[0].cells[0];
    assert_eq!(cell.last.map(|last| (last.mean, last.n)), Some((91.0, 3)));
    assert_eq!(cell.notes, ["three seeds: a/v0004 (damaged, 0 of 2 epochs) does not count."]);
    assert!(
        table.notes.len() == 1 && table.notes[0].contains("a/v0005: its config.toml cannot be read"),
        "{:?}",
        table.notes
    );
}

#[test]
fn a_sweep_is_a_table_with_a_row_a_setting_and_a_means_seeds_are_its_own() {
    let workspace = Workspace::new();
    let sweep =
        "base = 'base.toml'\ngrid = { 'network.time_steps' = [4, 8], 'network.lif.leak' = [0.5] }\nseeds = [1, 2]\n";
    workspace.write("trial.toml", sweep);
    workspace.run(&["network.lif.leak=0.5", "seed=1", "name=trial.time_steps4-leak0.5.seed1"], &[60.0, 50.0]);
    workspace.run(&["network.lif.leak=0.5", "seed=2", "name=by_hand"], &[40.0, 53.0]);
    workspace.run(&["network.lif.leak=0.5", "seed=3"], &[99.0, 99.0]);
    let expected = format!(
        "\
## trial

| network.time\\_steps | network.lif.leak |   n |   last epoch | best epoch, chosen on test images |
| ------------------- | ---------------- | --: | -----------: | --------------------------------: |
| 4                   | 0.5              |   2 | 51.50 ± 2.12 |                      56.50 ± 4.95 |
| 8                   | 0.5              |   0 |      not run |                           not run |

- {NOTE}
"
    );
    assert_eq!(workspace.ok(&["table", "trial.toml"]), expected);

    // The same runs, chosen by their settings.
    workspace.write(
        "table.toml",
        "head = 'T'\n[[rows]]\nlabel = 'four'\nsweep = 'trial.toml'\nsettings = { 'network.time_steps' = 4.0 }\n",
    );
    assert!(workspace.ok(&["table", "table.toml"]).contains("| four |   2 | 51.50 ± 2.12 |"));
}

#[test]
fn the_folder_of_runs_is_that_of_the_option_or_of_the_file() {
    let workspace = made_up();
    let text = "[[rows]]\nlabel = 'r'\nconfig = 'base.toml'\n";
    workspace.write("here.toml", text);
    workspace.write("there.toml", &format!("runs = 'nowhere'\n{text}"));
    let n = |arguments: &[&str]| {
        let csv = workspace.ok(&[&["table"], arguments, &["--format", "csv"]].concat());
        csv.lines().nth(1).and_then(|record| record.split(',').nth(1).map(String::from)).expect("a record")
    };
    assert_eq!([n(&["here.toml"]), n(&["there.toml"]), n(&["there.toml", "--runs", "runs"])], ["3", "0", "3"]);
}
