//! What `bntt compare` and `bntt table` say of mistakes.

use crate::workspace::Workspace;

#[test]
fn mistakes_in_a_tables_file_name_the_file_and_the_place() {
    let workspace = Workspace::new();
    workspace.write("trial.toml", "base = 'base.toml'\ngrid = { 'network.time_steps' = [4, 8] }\n");
    let row = "[[rows]]\nlabel = 'r'\n";
    let based = format!("{row}config = 'base.toml'\n");
    let swept = format!("{row}sweep = 'trial.toml'\n");
    let column = "[[columns]]\nlabel = 'c'\n";
    for (text, expected) in [
        ("rows = []".to_string(), "expected at least one [[rows]], found none"),
        (row.to_string(), "r: expected a `config` or a `sweep` in the row or the column, found neither"),
        (
            format!("{based}sweep = 'trial.toml'\n"),
            "r: expected one `config` or `sweep`, in the row or in the column, found several",
        ),
        (
            format!("{based}settings = {{ a = 1 }}\n"),
            "r: `settings` choose runs of a sweep, but there is a `config`: write `set`",
        ),
        (format!("{swept}set = {{ a = 1 }}\n"), "r: `set` changes a config, but there is a `sweep`: write `settings`"),
        (swept.clone(), "found several, trial.time_steps4 and trial.time_steps8: name more axes"),
        (
            format!("{swept}settings = {{ 'network.time_step' = 4 }}\n"),
            "found network.time_step. Did you mean `network.time_steps`?",
        ),
        (format!("{swept}settings = {{ 'network.time_steps' = 5 }}\n"), "has network.time_steps = 5"),
        (
            format!("{based}set = {{ 'network.tim_steps' = 4 }}\n"),
            "table.toml:4:9: network.tim_steps: unknown key; did you mean `time_steps`?",
        ),
        (format!("{row}config = 'none.toml'\n"), "none.toml"),
        (format!("{based}{based}"), "rows: the label \"r\" stands twice"),
        (format!("{based}seed = 3\n"), "table.toml:4:1: rows[0].seed: unknown key; did you mean `seeds`?"),
        (
            format!("{based}paper = {{ value = 905, evidence = 'V', source = '' }}\n"),
            "r: value: expected an accuracy from 0 to 100 percent, found 905",
        ),
        (
            format!("{based}paper = {{ value = 90, evidence = 'X', source = '' }}\n"),
            "table.toml:4:34: rows[0].paper.evidence: unknown name \"X\"; did you mean \"I\"? Expected one of \"V\", \"Q\", \"I\", \"U\".",
        ),
        (format!("{based}paper = {{ value = 90, evidence = 'V', source = '' }}\n{column}"), "move it to [[cells]]"),
        (
            format!("{based}{column}[[cells]]\nrow = 'r'\ncolumn = 'cc'\n"),
            "cells: expected the label of a column, found \"cc\"",
        ),
        (format!("label = 'a b'\n{based}"), "label: expected letters, digits"),
        ("[network]\ntime_steps = 4\n".into(), "table.toml is an experiment: bntt run table.toml"),
        ("title = 'a'\n".into(), "expected the file of a table, with [[rows]], or of a sweep"),
        ("rows = [".into(), "table.toml:1:8: this is not valid TOML: the [ that opens here is never closed"),
    ] {
        workspace.write("table.toml", &text);
        let message = workspace.refused(&["table", "table.toml"]);
        assert!(message.contains("table.toml") && message.contains(expected), "expected {expected:?} in {message}");
    }
}

#[test]
fn a_key_that_no_run_has_is_refused_with_the_nearest_one() {
    let workspace = Workspace::new();
    workspace.run(&[], &[50.0, 60.0]);
    for option in ["--where", "--sort"] {
        let value = if option == "--where" { "network.time_step=4" } else { "network.time_step" };
        let message = workspace.refused(&["compare", "runs/a", option, value]);
        assert!(message.contains(&format!("{option} network.time_step: expected")), "{message}");
        assert!(message.contains("Did you mean `network.time_steps`?"), "{message}");
    }
    let message = workspace.refused(&["compare", "runs/a", "--where", "seed"]);
    assert!(message.contains("expected key=value, as in network.time_steps=10, found \"seed\""), "{message}");
    workspace.write("sweep.toml", "seeds = [1]");
    assert!(workspace.refused(&["compare", "sweep.toml"]).contains("sweep.toml: base: this key is missing"));
    // The path of a key that is only called so.
    for (option, value) in [("--where", "lr=0.1"), ("--sort", "lr")] {
        let message = workspace.refused(&["compare", "runs/a", option, value]);
        assert!(message.contains("Did you mean `optimizer.sgd.lr`?"), "{message}");
    }
}
