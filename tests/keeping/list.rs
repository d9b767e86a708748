//! `bntt list`: which runs, in which order.

use crate::workspace::Workspace;

#[test]
fn runs_are_chosen_by_config_and_state_and_put_in_order() {
    let workspace = Workspace::new();
    assert!(workspace.ok(&["list"]).contains("no runs under runs: start one"));
    for values in
        [&["name=b", "training.epochs=3"][..], &["name=a", "network.time_steps=3"], &["name=c", "network.lif.leak=0.5"]]
    {
        workspace.ok(&[&["run", "tiny.toml"], values].concat());
    }
    let all = ["runs/a/v0001", "runs/b/v0001", "runs/c/v0001"];
    assert_eq!(workspace.folders(&[]), all);
    assert_eq!(workspace.folders(&["--where", "network.time_steps=3"]), [all[0]]);
    assert_eq!(workspace.folders(&["--where", "network.time_steps=2", "--where", "network.lif.leak=0.50"]), [all[2]]);
    assert_eq!(workspace.folders(&["--where", "network.encoder=poisson"]), all);
    let told = workspace.refused(&["list", "--where", "network.time_step=3"]);
    assert!(
        told.contains("--where network.time_step: expected a key") && told.contains("`network.time_steps`?"),
        "{told}"
    );
    let told = workspace.refused(&["list", "--where", "network"]);
    assert!(told.contains("expected key=value, as in network.time_steps=10, found"), "{told}");

    let told = workspace.refused(&["list", "--where", "variant=BNTT"]);
    assert!(told.contains("--where variant: no run has one."), "{told}");
    let config = workspace.read("runs/c/v0001/config.toml");
    workspace.write("runs/c/v0001/config.toml", "name = 'c'\nseed = = 1\n");
    let list = workspace.ok(&["list", "--state", "damaged"]);
    assert!(list.contains("    runs/c/v0001/config.toml:2:8: ") && list.contains("\n    2 | seed = = 1\n"), "{list}");
    assert!(list.ends_with("\n      |        ^\n"), "{list}");
    workspace.write("runs/c/v0001/config.toml", &config);
    workspace.write("runs/c/v0001/provenance.json", "{");
    assert_eq!(workspace.folders(&["--state", "completed"]), all[..2]);
    assert_eq!(workspace.folders(&["--state", "failed,damaged"]), all[2..]);
    assert_eq!(
        workspace.ok(&["list", "--state", "running"]),
        "no run under runs is as asked for: leave out a --where, --state or --tag\n"
    );
    assert!(workspace.refused(&["list", "--state", "done"]).contains("possible values: running, completed, converted"));

    assert_eq!(workspace.folders(&["--sort", "epochs"])[0], all[1], "3 of 3");
    let by_size = workspace.listed(&["--sort", "size"]);
    let sizes: Vec<u64> = by_size.iter().map(|run| run["bytes"].as_u64().expect("bytes")).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[2] > 10_000, "{sizes:?}");
    let of_files: u64 = crate::trained::files(&workspace.path(by_size[0]["run"].as_str().expect("a folder")))
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert_eq!(sizes[0], of_files);
    let best: Vec<f64> = workspace
        .listed(&["--sort", "best", "--state", "completed"])
        .iter()
        .filter_map(|run| run["best_top1"].as_f64())
        .collect();
    assert!(best.len() == 2 && best[0] >= best[1], "{best:?}");
    let started: Vec<String> = workspace
        .listed(&["--sort", "started", "--state", "completed"])
        .iter()
        .map(|run| run["started"].to_string())
        .collect();
    assert!(started.is_sorted_by(|a, b| a >= b), "{started:?}");
    let text = workspace.ok(&["list", "--size", "--where", "network.time_steps=3"]);
    assert!(text.lines().next().is_some_and(|head| head.ends_with("size")) && text.contains("KiB"), "{text}");
}

#[test]
fn a_run_that_was_not_trained_here_has_a_dash_for_its_epochs() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    workspace.ok(&["export", "runs/tiny", "--pytorch", "exported"]);
    workspace.ok(&["import", "exported/weights.pt", "--config", "tiny.toml", "name=other"]);
    let list = workspace.ok(&["list", "--state", "imported"]);
    let cells: Vec<&str> = list.lines().nth(1).expect("a run").split_whitespace().collect();
    assert_eq!((cells[0], cells[1], *cells.last().expect("cells")), ("runs/other/v0001", "imported", "-"), "{list}");
    let json = workspace.listed(&["--state", "imported"]);
    assert_eq!((&json[0]["epochs_done"], &json[0]["epochs"]), (&0.into(), &serde_json::Value::Null));
    let compared = workspace.ok(&["compare", "runs/other"]);
    let row: Vec<&str> = compared.lines().nth(1).expect("a run").split_whitespace().collect();
    assert_eq!(row, ["other/v0001", "imported", "-"], "{compared}");
    workspace.ok(&["report", "runs/other", "--no-evaluation", "-o", "page.html"]);
    assert!(workspace.read("page.html").contains("none: its weights come from elsewhere"));
}
