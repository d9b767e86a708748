//! `bntt compare`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::Result;
use crate::report::compare::{self, ComparedRun, Comparison, Filter, SortKey};
use crate::report::table::text::terminal_width;
use crate::report::table::{self, Printout, Table};
use std::path::PathBuf;

/// Show runs side by side: the settings in which they differ, accuracy, epochs, firing rate, time.
///
/// Of a sweep's runs the variant stands for the settings that it makes. The final accuracy is that after the last
/// epoch; the best epoch is chosen on the test images. On a terminal that is too narrow for the table every run is a
/// block of lines. A run that cannot be read is listed with a word.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt compare runs/*\n  \
                  bntt compare sweeps/leak.toml --where network.time_steps=10 --sort network.lif.leak\n  \
                  bntt compare configs/sweeps/norm_ablation.toml --where variant=BNTT --sort seed\n  \
                  bntt compare runs/a/v0001 runs/b --format csv > comparison.csv")]
pub struct CompareArguments {
    /// Run folders, folders of a run's name (for the newest version) and sweep files.
    #[arg(required = true, value_name = "RUN|SWEEP.toml", value_parser = path())]
    runs_or_sweeps: Vec<PathBuf>,
    /// Where the runs of sweeps are.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    /// What decides the order: best, final, name, variant, or a key of the config such as network.lif.leak.
    #[arg(long, value_name = "BY", default_value = "best")]
    sort: SortKey,
    /// Only runs with this value at a key of the config, or with this variant, compared as TOML (0.50 is 0.5); all of
    /// several conditions.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    filters: Vec<Filter>,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn compare(arguments: &CompareArguments) -> Result<()> {
    let mut runs = Vec::new();
    for path in &arguments.runs_or_sweeps {
        match path.extension().is_some_and(|extension| extension == "toml") {
            true => runs.extend(
                ComparedRun::of_sweep(path, &arguments.runs)
                    .map_err(|error| of_other_kind(error, path, &[FileKind::Sweep]))?,
            ),
            false => runs.push(ComparedRun::open(path)),
        }
    }
    let comparison = compare::compare(runs, &arguments.filters, &arguments.sort)?;
    let printout = Printout::new(text(&comparison, terminal_width()), vec![compare::grid(&comparison)]);
    let printout = printout.with_records(compare::records(&comparison)).with_json(compare::json(&comparison));
    arguments.format.print(printout)
}

/// A table, or a block a run where the table is wider than `width`.
fn text(comparison: &Comparison, width: Option<usize>) -> String {
    let table = compare::grid(comparison);
    if table.rows.is_empty() {
        return "no run has these values: leave out a --where\n".into();
    }
    let shown = table::text::render(&Table { left: 2, ..table.clone() }, width);
    format!("{shown}\n{}\n", table.notes.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Difference;

    fn comparison() -> Comparison {
        let run = |name: &str| ComparedRun {
            run: name.into(),
            path: None,
            state: "not run",
            problem: None,
            config: None,
            results: None,
            sweep: None,
        };
        let difference = Difference {
            key: "network.time_steps".into(),
            values: vec![Some(toml::Value::Integer(5)), Some(toml::Value::Integer(10))],
        };
        Comparison { runs: vec![run("a/v0001"), run("b/v0001")], differences: vec![difference] }
    }

    #[test]
    fn a_narrow_terminal_shows_a_block_a_run_and_a_pipe_the_table() {
        let blocks = "run                 a/v0001\nstate               not run\nnetwork.time_steps  5\n\n\
                      run                 b/v0001\nstate               not run\nnetwork.time_steps  10\n";
        assert!(text(&comparison(), Some(60)).starts_with(blocks), "{}", text(&comparison(), Some(60)));
        for width in [None, Some(200)] {
            let table = text(&comparison(), width);
            assert!(table.starts_with("run      state    network.time_steps  epochs"), "{table}");
            assert_eq!(table.lines().nth(2), Some("b/v0001  not run                  10"), "{table}");
        }
    }

    #[test]
    fn no_run_left_is_said() {
        let none = Comparison { runs: Vec::new(), differences: Vec::new() };
        assert_eq!(text(&none, None), "no run has these values: leave out a --where\n");
    }
}
