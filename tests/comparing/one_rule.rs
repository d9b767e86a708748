//! Whether a run is the one that is meant: sweep, table and `--resume-or-start` say the same.

use super::workspace::Workspace;
use candle_core::{Device, Tensor};
use std::collections::HashMap;

impl Workspace {
    /// `<name>/train.safetensors` and `<name>/test.safetensors`, of other bytes for every `seed`.
    fn images(&self, name: &str, seed: usize) {
        std::fs::create_dir(self.path(name)).expect("a folder");
        for (split, shift) in [("train", 0), ("test", 7)] {
            let pixels: Vec<f32> = (0..24 * 16).map(|i| ((i * 37 + seed + shift) % 101) as f32 / 101.0).collect();
            let images = Tensor::from_vec(pixels, (24, 1, 4, 4), &Device::Cpu).expect("images");
            let labels = Tensor::from_vec((0..24u32).map(|i| i % 3).collect(), 24, &Device::Cpu).expect("labels");
            let path = self.path(&format!("{name}/{split}.safetensors"));
            candle_core::safetensors::save(&HashMap::from([("images", images), ("labels", labels)]), path)
                .expect("a file");
        }
    }

    /// `own.toml` is `base.toml` on the data of a folder.
    fn own(&self, folder: &str) {
        let text = super::made_up::TEXT.replace("batch_size = 64", "batch_size = 8");
        let dataset =
            format!("{{ tensors = {{ train = '{folder}/train.safetensors', test = '{folder}/test.safetensors' }} }}");
        self.write("own.toml", &text.replace("'digits'", &dataset));
    }

    /// The states of a sweep's runs.
    fn states(&self, sweep: &str) -> Vec<String> {
        let status = self.ok(&["sweep", sweep, "--status"]);
        let rows = status.lines().skip_while(|line| !line.starts_with("run ")).skip(1);
        let state = |row: &str| {
            let state = ["completed", "not run", "interrupted"].into_iter().find(|state| row.contains(state));
            state.expect("a state").to_string()
        };
        rows.map(state).collect()
    }

    /// The last accuracies of a table's cells, as CSV has them; empty without a run.
    fn cells(&self, table: &str) -> Vec<String> {
        let csv = self.ok(&["table", table, "--format", "csv"]);
        let mut lines = csv.lines();
        let place = lines.next().expect("a head").split(',').position(|name| name == "last_mean").expect("last_mean");
        lines.map(|line| line.split(',').nth(place).expect("a cell").to_string()).collect()
    }
}

#[test]
fn settings_that_change_no_number_lose_no_run_of_a_sweep_and_no_cell_of_its_table() {
    let workspace = Workspace::new();
    let sweep = |set: &str| {
        workspace.write(
            "trial.toml",
            &format!("base = 'base.toml'\n{set}\ngrid = {{ 'network.time_steps' = [4, 8] }}\nseeds = [1, 2]\n"),
        );
    };
    sweep("");
    for (seed, steps, top1) in [(1, 4, 50.0), (2, 4, 52.0), (1, 8, 60.0)] {
        let name = format!("name=trial.time_steps{steps}.seed{seed}");
        workspace.run(&[&name, &format!("seed={seed}"), &format!("network.time_steps={steps}")], &[10.0, top1]);
    }
    let (states, cells) = (workspace.states("trial.toml"), workspace.cells("trial.toml"));
    assert_eq!(states, ["completed", "completed", "completed", "not run"]);
    assert_eq!(cells, ["51.0", "60.0"]);
    for (key, value) in [
        ("training.threads", "3"),
        ("training.tensorboard", "true"),
        ("training.device", "'cpu'"),
        ("training.checkpoint_every", "{ minutes = 5 }"),
        ("provenance.git", "'none'"),
    ] {
        sweep(&format!("set = {{ '{key}' = {value} }}"));
        assert_eq!(
            (workspace.states("trial.toml"), workspace.cells("trial.toml")),
            (states.clone(), cells.clone()),
            "{key}"
        );
    }
    sweep("set = { 'optimizer.sgd.lr' = 0.2 }");
    assert_eq!(workspace.states("trial.toml"), ["not run"; 4]);
    assert_eq!(workspace.cells("trial.toml"), ["", ""]);
}

#[test]
fn a_key_that_is_swept_is_never_ignored() {
    let workspace = Workspace::new();
    workspace.write("trial.toml", "base = 'base.toml'\ngrid = { 'training.threads' = [1, 2] }\n");
    workspace.run(&["name=trial.threads1", "training.threads=1"], &[10.0, 50.0]);
    assert_eq!(workspace.states("trial.toml"), ["completed", "not run"]);
    assert_eq!(workspace.cells("trial.toml"), ["50.0", ""]);
}

#[test]
fn data_sets_are_told_apart_by_what_they_hold_and_not_by_where_they_lie() {
    let workspace = Workspace::new();
    ["a", "b", "moved"].into_iter().zip([1, 2, 1]).for_each(|(name, seed)| workspace.images(name, seed));
    workspace.own("a");
    let paths = "['a/train.safetensors', 'b/train.safetensors']";
    workspace.write("trial.toml", &format!("base = 'own.toml'\ngrid = {{ 'data.dataset.tensors.train' = {paths} }}\n"));
    let config = workspace.path("own.toml");
    let named = |folder: &str, top1: f64| {
        let train =
            format!("data.dataset.tensors.train={}", workspace.path(&format!("{folder}/train.safetensors")).display());
        workspace.run_of(&config, &[&format!("name={folder}"), &train, &absolute(&workspace, "test")], &[10.0, top1])
    };
    named("a", 50.0);
    assert_eq!(
        (workspace.states("trial.toml"), workspace.cells("trial.toml")),
        words(&["completed", "not run"], &["50.0", ""])
    );
    named("b", 70.0);
    assert_eq!(
        (workspace.states("trial.toml"), workspace.cells("trial.toml")),
        words(&["completed", "completed"], &["50.0", "70.0"])
    );

    // The same bytes elsewhere are the same data; others in their place are not.
    workspace.own("moved");
    workspace.write("seeds.toml", "base = 'own.toml'\nseeds = [0]\n");
    workspace.write("table.toml", "[[rows]]\nlabel = 'one'\nconfig = 'own.toml'\n");
    assert_eq!((workspace.states("seeds.toml"), workspace.cells("table.toml")), words(&["completed"], &["50.0"]));
    std::fs::copy(workspace.path("b/train.safetensors"), workspace.path("moved/train.safetensors")).expect("a copy");
    assert_eq!(workspace.cells("table.toml"), ["70.0"]);
    std::fs::copy(workspace.path("b/test.safetensors"), workspace.path("moved/test.safetensors")).expect("a copy");
    assert_eq!((workspace.states("seeds.toml"), workspace.cells("table.toml")), words(&["not run"], &[""]));
}

#[test]
fn resume_or_start_takes_the_run_that_is_meant_and_says_in_what_another_differs() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "base.toml"]);
    let said = |arguments: &[&str]| {
        let output = workspace.bntt(&[&["run", "base.toml", "--resume-or-start"], arguments].concat());
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8")).concat();
        assert!(output.status.success(), "{text}");
        text
    };
    for other in ["training.threads=1", "training.tensorboard=true", "provenance.git=commit"] {
        assert!(said(&[other]).contains("runs/a/v0001: all 2 epochs are done"), "{other}");
    }
    let text = said(&["network.lif.leak=0.5", "training.epochs=1"]);
    assert!(
        text.contains(
            "runs/a/v0001 is another experiment (network.lif.leak: 0.95, here 0.5; training.epochs: 2, here 1)"
        ),
        "{text}"
    );
    assert!(text.contains("done: runs/a/v0002"), "{text}");
    // Both are there now, and each is found, though one is not the newest.
    assert!(said(&[]).contains("runs/a/v0001: all 2 epochs are done"));
}

fn absolute(workspace: &Workspace, split: &str) -> String {
    format!("data.dataset.tensors.{split}={}", workspace.path(&format!("a/{split}.safetensors")).display())
}

fn words(states: &[&str], cells: &[&str]) -> (Vec<String>, Vec<String>) {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    (words(states), words(cells))
}
