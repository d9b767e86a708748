//! `training.initial_weights`: which tensors a run begins with, and which layers stay as they are.

use crate::workspace::{TEXT, Workspace, assert_same, bits};
use bntt::experiment::Experiment;
use bntt::run::checkpoint::load_tensors;
use bntt::train::initial_network;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

type Tensors = BTreeMap<String, Vec<f32>>;

fn values(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Tensors {
    let values = |tensor: &Tensor| tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("values");
    tensors.into_iter().map(|(name, tensor)| (name, values(&tensor))).collect()
}

fn model(run: &Path, checkpoint: &str) -> Tensors {
    let path = run.join("checkpoints").join(checkpoint).join("model.safetensors");
    values(load_tensors(&path, &Device::Cpu).expect("a model"))
}

/// What a run of these values begins with.
fn initial(values_given: &[String]) -> Tensors {
    let checked = Experiment::parse(TEXT, "own.toml", values_given).expect("an experiment");
    values(initial_network(&checked, &Device::Cpu).expect("a network").state())
}

/// The names of tensors that are the same in both.
fn same<'a>(a: &'a Tensors, b: &Tensors) -> Vec<&'a str> {
    a.iter().filter(|(name, values)| b.get(*name) == Some(values)).map(|(name, _)| name.as_str()).collect()
}

const LAYER_1: [&str; 1] = ["layers.1.weight"];
const LAYER_2: [&str; 3] = ["layers.2.gamma", "layers.2.running_mean", "layers.2.running_var"];
const LAYER_4: [&str; 1] = ["layers.4.weight"];

#[test]
fn tensors_are_taken_from_a_run_by_the_names_that_they_begin_with() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", "training.epochs=2", "seed=8"]);
    let from = |more: &str| {
        let run = workspace.path("runs/own");
        vec![format!("training.initial_weights={{ from = '{}'{more} }}", run.display())]
    };
    let (best, drawn) = (model(&workspace.run(1), "best"), initial(&[]));
    let all = [&LAYER_1[..], &LAYER_2, &LAYER_4].concat();
    assert!(same(&best, &drawn).is_empty(), "it has learned");
    for (more, taken) in [
        ("", all.clone()),
        (", only = ['layers.2', 'layers.4']", [&LAYER_2[..], &LAYER_4].concat()),
        (", only = ['layers.2.gamma']", vec![LAYER_2[0]]),
        (", except = ['layers.4']", [&LAYER_1[..], &LAYER_2].concat()),
        (", only = ['layers.2'], except = ['layers.2.gamma']", LAYER_2[1..].to_vec()),
    ] {
        let found = initial(&from(more));
        assert_eq!(same(&found, &best), taken, "{more}");
        let rest: Vec<&str> = all.iter().copied().filter(|name| !taken.contains(name)).collect();
        assert_eq!(same(&found, &drawn), rest, "{more}");
    }
    // A plain path may be the run's folder, a checkpoint's or a file.
    for path in ["runs/own", "runs/own/v0001/checkpoints/best", "runs/own/v0001/checkpoints/best/model.safetensors"] {
        let value = format!("training.initial_weights={}", workspace.path(path).display());
        assert_eq!(same(&initial(&[value]), &best), all, "{path}");
    }

    // Another number of classes or neurons: what fits is taken.
    let wider = "network.layers[1].linear.features=32";
    let message = workspace.refused(&["run", "own.toml", wider, &from(", only = ['layers.4']")[0]]);
    assert!(message.contains("of another shape: layers.4.weight (expected [10, 32], found [10, 24])"), "{message}");
    assert!(message.contains("What does not fit can be named in except."), "{message}");
    for (more, expected) in [
        (
            ", only = ['layer.4']",
            "training.initial_weights: only[0]: nothing that is learned is called \"layer.4\" or lies below it. Did you mean `layers.4`? The layers are layers.1, layers.2, layers.4.",
        ),
        (", except = ['layers.1', 'layers.4.bias']", "except[1]: nothing that is learned is called \"layers.4.bias\""),
        (", except = ['layers']", "only and except leave no tensor to take"),
        (", freeze = ['layers.3']", "freeze[0]: nothing that is learned is called \"layers.3\""),
        (", freeze = ['layers.1.weight']", "freeze[0]: nothing that is learned is called \"layers.1.weight\""),
        (", freeze = ['layers']", "freeze: every layer that learns is frozen, and nothing is left to train."),
        (", frees = ['layers.1']", "training.initial_weights.frees: unknown key"),
    ] {
        let message = workspace.refused(&["run", "own.toml", &from(more)[0]]);
        assert!(message.contains(expected), "{more}: {message}");
    }
    let message = workspace.refused(&["run", "own.toml", "training.initial_weights=runs"]);
    assert!(message.contains("is not a run folder"), "{message}");
    assert!(!workspace.run(2).exists());
}

/// A layer that is frozen stays to the bit, and nothing else changes: the first step of the others is the very one that
/// they take beside a layer that learns.
#[test]
fn a_frozen_layer_stays_and_the_others_learn_as_beside_one_that_is_not() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", "training.epochs=2", "seed=8"]);
    let begun = model(&workspace.run(1), "best");
    let one_step = ["data.limit.train=16", "training.epochs=1", "optimizer.sgd.weight_decay=0.1", "name=step"];
    let step = |freeze: &str, version: usize| {
        let weights = format!("training.initial_weights={{ from = 'runs/own'{freeze} }}");
        workspace.ok(&[&["run", "own.toml", &weights], &one_step[..]].concat());
        let run = workspace.path(&format!("runs/step/v{version:04}"));
        let path = run.join("checkpoints/last/optimizer.safetensors");
        let moments: Vec<String> = load_tensors(&path, &Device::Cpu).expect("moments").into_keys().collect();
        (model(&run, "last"), moments)
    };
    let (free, moments) = step("", 1);
    assert!(same(&free, &begun).is_empty() && moments.len() == 4, "{moments:?}");
    // Before all that learns, and behind it.
    for (version, frozen, names) in [(2, "layers.1", &LAYER_1), (3, "layers.4", &LAYER_4)] {
        let (found, moments) = step(&format!(", freeze = ['{frozen}']"), version);
        assert_eq!(same(&found, &begun), names);
        let others: Vec<&str> = free.keys().map(String::as_str).filter(|name| !names.contains(name)).collect();
        assert_eq!(same(&found, &free), others);
        assert!(moments.len() == 3 && !moments.iter().any(|name| name.contains(frozen)), "{moments:?}");
    }
    // A frozen norm keeps its statistics.
    let (found, _) = step(", freeze = ['layers.1', 'layers.2']", 4);
    assert_eq!(same(&found, &begun), [&LAYER_1[..], &LAYER_2].concat());
}

#[test]
fn a_run_with_frozen_layers_is_resumed_to_the_same_bits_and_frozen_layers_may_lie_in_a_block() {
    let workspace = Workspace::new();
    let block = "network.layers=[{ conv = { channels = 4 } }, 'batch_norm', 'lif', \
                 { residual = { layers = [{ conv = { channels = 4 } }, 'batch_norm', 'lif'] } }, { pool = { average = 2 } }, \
                 { dropout = { probability = 0.2 } }, 'flatten', { linear = { features = 'classes' } }]";
    let base = ["own.toml", block, "network.encoder=direct", "training.epochs=2", "data.limit.train=80"];
    workspace.ok(&[&["run"], &base[..]].concat());
    for (version, frozen) in
        [(2, "'layers.3'"), (3, "'layers.3.residual.1'"), (4, "'layers.0', 'layers.1', 'layers.3'")]
    {
        let weights = format!("training.initial_weights={{ from = 'runs/own/v0001', freeze = [{frozen}] }}");
        workspace.ok(&[&["run"], &base[..], &[&weights]].concat());
        let run = workspace.run(version);
        let (begun, found) = (model(&workspace.run(1), "best"), model(&run, "last"));
        let prefixes: Vec<&str> = frozen.split(", ").map(|name| name.trim_matches('\'')).collect();
        let expected: Vec<&str> = begun
            .keys()
            .map(String::as_str)
            .filter(|name| prefixes.iter().any(|prefix| name.starts_with(&format!("{prefix}."))))
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(same(&begun, &found), expected, "{frozen}");

        let (whole, last) = (bits(&run, "last"), run.join("checkpoints/last"));
        std::fs::remove_dir_all(&last).unwrap();
        std::fs::rename(run.join("checkpoints/last.previous"), &last).unwrap();
        let said = workspace.ok(&["resume", &format!("runs/own/v{version:04}")]);
        assert!(said.contains("resuming"), "{said}");
        assert_same(&whole, &bits(&run, "last"));
        assert!(workspace.ok(&["doctor", &format!("runs/own/v{version:04}")]).contains("complete"));
    }
}
