//! What a sweep says while it works, before it begins and when it has ended, and what its runs record of it.

use super::workspace::{Workspace, rows};
use bntt::run::provenance::SweepMembership;

const VARIANTS: &str = "base = 'base.toml'\nseeds = [0]\ngrid = { 'network.time_steps' = [2, 3] }\n\
    [variants]\nBNTT = {}\n'no norm' = { 'network.layers[2]' = 'batch_norm', 'optimizer.sgd.lr' = 0.05 }\n";

#[test]
fn completed_runs_are_counted_with_their_accuracy_and_the_time_that_is_left() {
    let workspace = Workspace::new(VARIANTS);
    let (code, said, errors) = workspace.sweep(&[]);
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with('[')).collect();
    let names = ["BNTT-time_steps2", "BNTT-time_steps3", "no_norm-time_steps2", "no_norm-time_steps3"];
    assert_eq!(lines.len(), 4, "{errors}");
    for (number, (line, name)) in (1usize..).zip(lines.iter().zip(names)) {
        assert!(line.starts_with(&format!("[{number}/4] trial.{name}.seed0: ")), "{errors}");
        assert!(line.contains(" % after 2 epochs, "), "{errors}");
        assert_eq!(line.contains(" left"), line.contains("; about "), "{errors}");
    }
    // The accuracy is the last of the run's own.
    let table: Vec<Vec<&str>> = rows(&said);
    assert!(table.len() == 4 && table.iter().all(|row| row.contains(&"completed")), "{said}");
    let (_, _, errors) = workspace.sweep(&[]);
    assert!(errors.contains("4 runs, 0 to train") && !errors.contains('['), "{errors}");
}

#[test]
fn a_dead_layer_is_warned_of_once_a_run_with_the_runs_name() {
    let dead = "base = 'base.toml'\nset = { 'network.lif.threshold' = 1e6 }\nseeds = [0, 1]\n";
    let workspace = Workspace::new(dead);
    let (code, _, errors) = workspace.sweep(&[]);
    assert_eq!(code, Some(0), "{errors}");
    let warnings: Vec<&str> = errors.lines().filter(|line| line.contains("fires")).collect();
    let expected = |seed: usize| {
        format!(
            "warning: trial.seed{seed}: epoch 1: layers.3.lif hardly fires: 0.000 % of its neurons and time-steps, less than 0.1 %"
        )
    };
    assert_eq!(warnings, [expected(0), expected(1)]);
}

#[test]
fn a_large_sweep_ends_with_its_settings_and_means_over_seeds() {
    let seeds: Vec<String> = (0..11).map(|seed| seed.to_string()).collect();
    let text = format!(
        "base = 'base.toml'\nset = {{ 'training.epochs' = 1 }}\ngrid = {{ 'network.time_steps' = [1, 2] }}\nseeds = [{}]\n",
        seeds.join(", ")
    );
    let workspace = Workspace::new(&text);
    let (code, said, errors) = workspace.sweep(&["--jobs", "2"]);
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "trial: 22 runs of 2 settings");
    assert!(lines[2].starts_with("network.time_steps  runs"), "{said}");
    let cells = |line: &str| line.split_whitespace().take(2).map(String::from).collect::<Vec<_>>();
    assert_eq!([cells(lines[3]), cells(lines[4])], [["1", "11"], ["2", "11"]]);
    assert!(lines[3].contains(" ± ") && said.contains("`bntt compare trial.toml` shows every run"), "{said}");
    // For programs every run is there.
    let json: serde_json::Value = serde_json::from_str(&workspace.sweep(&["--format", "json"]).1).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(22));
}

#[test]
fn a_dry_run_says_how_long_it_will_take_and_what_is_complete_takes_no_time() {
    let workspace = Workspace::new(VARIANTS);
    let (code, said, errors) = workspace.sweep(&["--dry-run", "--jobs", "2"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("About ") && said.contains(" for the 4 runs that are left, 2 at a time"), "{said}");
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&workspace.sweep(&[arguments, &["--format", "json"]].concat()).1).expect("JSON")
    };
    assert!(json(&["--dry-run"]).as_array().expect("rows").iter().all(|row| row["seconds"].is_f64()));
    assert!(json(&["--dry-run", "--no-timing"])[0].get("seconds").is_none());
    assert_eq!(workspace.sweep(&["--only", "0"]).0, Some(0));
    let rows = json(&["--dry-run"]);
    assert!(rows[0]["seconds"].is_null() && rows[1]["seconds"].is_f64(), "{rows}");
}

fn membership(variant: &str, steps: &str) -> SweepMembership {
    SweepMembership {
        name: "trial".into(),
        variant: Some(variant.into()),
        variant_keys: vec!["network.layers[2]".into(), "optimizer.sgd.lr".into()],
        settings: [("network.time_steps".to_string(), steps.to_string())].into(),
    }
}

#[test]
fn a_run_records_its_variant_however_it_was_begun() {
    let workspace = Workspace::new(VARIANTS);
    assert_eq!(workspace.sweep(&["--only", "2"]).0, Some(0));
    let (code, _, errors) = workspace.sweep(&[]);
    assert_eq!(code, Some(0), "{errors}");
    for (name, variant) in [("BNTT", "BNTT"), ("no_norm", "no norm")] {
        for steps in ["2", "3"] {
            let record = workspace.provenance(&format!("runs/trial.{name}-time_steps{steps}.seed0"));
            assert_eq!(record.sweep, Some(membership(variant, steps)));
        }
    }
}
