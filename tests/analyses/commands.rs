//! The commands on a small run.

use super::{Result, TEXT};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn bntt(folder: &Path, words: &[&str]) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_bntt")).current_dir(folder).args(words).output()?)
}

pub fn said(folder: &Path, words: &[&str]) -> Result<String> {
    let output = bntt(folder, words)?;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

pub fn json(folder: &Path, words: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&said(folder, words)?)?)
}

pub fn refused(folder: &Path, words: &[&str]) -> Result<String> {
    let output = bntt(folder, words)?;
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stderr)?)
}

/// A folder with a trained run in `runs/small/v0001`.
pub fn trained(overrides: &[&str]) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("small.toml"), TEXT)?;
    said(folder.path(), &[&["run", "small.toml"], overrides].concat())?;
    Ok(folder)
}

pub const RUN: &str = "runs/small/v0001";

#[test]
fn early_exit_ends_where_it_is_told_and_agrees_with_eval() -> Result {
    let folder = trained(&[])?;
    let whole = json(folder.path(), &["early-exit", RUN, "--format", "json", "--figures", "figures"])?;
    let steps = whole["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 5);
    for (steps, at) in (1..).zip(steps) {
        let words = said(folder.path(), &["eval", RUN, "--time-steps", &steps.to_string()])?;
        let expected = format!("top-1 {:.2} %", at["top1"].as_f64().expect("a number"));
        assert!(words.contains(&expected), "{expected}: {words}");
    }
    for name in ["early-exit.svg", "early-exit.png", "gamma.svg"] {
        assert!(folder.path().join("figures").join(name).is_file(), "{name}");
    }
    // Gammas begin at 1 and have hardly moved.
    assert_eq!(whole["exit"], Value::Null);
    let high = ["early-exit", RUN, "--threshold", "2", "--stop", "--format", "json"];
    let stopped = json(folder.path(), &high)?;
    assert_eq!((&stopped["exit"], stopped["steps"].as_array().map(Vec::len)), (&Value::from(1), Some(1)));
    assert_eq!(stopped["steps"][0], whole["steps"][0]);

    let text = said(folder.path(), &["early-exit", RUN, "--threshold", "2"])?;
    assert!(text.contains("Exit after 1 of 5 time-steps: the mean gamma of every BNTT layer is below 2"), "{text}");
    let error = refused(folder.path(), &["eval", RUN, "--time-steps", "6"])?;
    assert!(error.contains("6 time-steps: expected 1 to 5"), "{error}");
    let error = refused(folder.path(), &["early-exit", RUN, "--confidence", "1.5"])?;
    assert!(error.contains("--confidence: expected probabilities above 0 and up to 1, found 1.5"), "{error}");
    Ok(())
}

#[test]
fn a_run_that_exits_early_is_evaluated_that_way_in_training_and_after() -> Result {
    let folder = trained(&["training.early_exit={ threshold = 2.0 }"])?;
    let log = std::fs::read_to_string(folder.path().join(RUN).join("log.txt"))?;
    assert!(log.contains("evaluating 1 of 5 time-steps"), "{log}");
    let usual = said(folder.path(), &["eval", RUN, "--checkpoint", "last"])?;
    assert!(usual.contains("1 of 5 time-steps"), "{usual}");
    assert_eq!(usual, said(folder.path(), &["eval", RUN, "--checkpoint", "last", "--time-steps", "1"])?);
    let lines = std::fs::read_to_string(folder.path().join(RUN).join("metrics.jsonl"))?;
    let last: Value = serde_json::from_str(lines.lines().last().expect("a line"))?;
    let expected = format!("top-1 {:.2} %", last["test"]["top1"].as_f64().expect("a number"));
    assert!(usual.contains(&expected), "{usual} without {expected}");
    Ok(())
}

#[test]
fn energy_names_every_layer_and_its_columns_add_up() -> Result {
    let folder = trained(&[])?;
    let report = json(folder.path(), &["energy", RUN, "--format", "json", "--figures", "figures"])?;
    let layers = report["layers"].as_array().expect("layers");
    let names: Vec<_> = layers.iter().map(|layer| layer["layer"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["layers.0.conv", "layers.4.conv", "layers.10.linear", "layers.13.linear"]);
    for layer in layers {
        let number = |key: &str| layer[key].as_f64().expect("a number");
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{layer}");
        close(number("counted"), 0.9 * number("operations_before_pooling"));
        close(number("ann"), 4.6 * number("macs"));
        close(number("formula"), 0.9 * number("macs") * number("spikes_per_neuron"));
        assert!(number("operations") <= number("operations_before_pooling"), "{layer}");
        // No step does more than the dense product.
        assert!(number("operations") <= 5.0 * number("macs"), "{layer}");
    }
    for name in ["raster.svg", "rates-by-step.png"] {
        assert!(folder.path().join("figures").join(name).is_file(), "{name}");
    }
    // The table says the same in one unit a column, four digits each.
    let text = said(folder.path(), &["energy", RUN])?;
    let head = text.lines().nth(2).expect("a head");
    let macs: Vec<f64> = layers.iter().map(|layer| layer["macs"].as_f64().expect("a number")).collect();
    assert!(head.contains("MACs (k)") && macs.iter().sum::<f64>() < 1e6, "{head}: {macs:?}");
    for (line, macs) in text.lines().skip(3).zip(&macs) {
        let shown: f64 = line.split_whitespace().nth(1).expect("MACs").parse()?;
        assert!((1000.0 * shown - macs).abs() <= 5e-4 * macs, "{line}: {macs}");
    }
    let error = refused(folder.path(), &["energy", RUN, "--image", "40", "--figures", "figures"])?;
    assert!(error.contains("--image 40: there are 40 test images"), "{error}");
    Ok(())
}

#[test]
fn attacks_hurt_more_than_noise_of_their_size_and_small_ones_hardly() -> Result {
    let folder = trained(&["network.encoder=direct", "data.limit.train=800", "training.epochs=3"])?;
    let words = [
        "attack",
        RUN,
        "--fgsm",
        "--pgd",
        "--eps",
        "1/25500,0.2",
        "--alpha",
        "0.05",
        "--gaussian",
        "0.2",
        "--format",
        "json",
    ];
    let report = json(folder.path(), &words)?;
    let rows = report["runs"][0]["rows"].as_array().expect("rows");
    let top1 = |name: &str| {
        let row = rows.iter().find(|row| row["name"].as_str().is_some_and(|found| found.starts_with(name)));
        row.and_then(|row| row["top1"]["mean"].as_f64()).unwrap_or_else(|| panic!("no {name} in {report}"))
    };
    let (clean, noisy) = (top1("clean"), top1("Gaussian noise 0.2"));
    assert!(clean >= 60.0, "clean: {clean} %");
    assert!((top1("FGSM eps 0.00003") - clean).abs() < 5.1, "{report}");
    assert!(top1("FGSM eps 51/255") < noisy - 10.0 && top1("PGD eps 51/255") < noisy - 10.0, "{report}");
    let eval = said(folder.path(), &["eval", RUN])?;
    assert!(eval.contains(&format!("top-1 {clean:.2} %")), "{eval}");
    // The same again: nothing hangs on anything but the seed.
    assert_eq!(report, json(folder.path(), &words)?);
    Ok(())
}

#[test]
fn salt_and_pepper_and_poisson_are_averaged_over_draws() -> Result {
    let folder = trained(&[])?;
    let text = said(folder.path(), &["attack", RUN, "--salt-and-pepper", "0.05,0.5", "--draws", "2"])?;
    assert!(text.contains("salt and pepper 0.05") && text.contains("±") && text.contains("over 2 draws"), "{text}");
    let error = refused(folder.path(), &["attack", "data.limit.test=3"])?;
    assert!(error.contains("expected one run folder or more"), "{error}");
    Ok(())
}

/// What was printed, without the first line of a text, or the field, that says which values were given.
fn without_values(printed: &str) -> String {
    let Ok(mut report) = serde_json::from_str::<Value>(printed) else {
        let (first, rest) = printed.split_once('\n').expect("lines");
        assert!(first.starts_with("runs/small/v0001, checkpoint best (epoch "), "{first}");
        return rest.to_string();
    };
    let columns = report["runs"].as_array().map_or(0, Vec::len);
    for place in (0..columns).map(|i| format!("/runs/{i}")).chain([String::new()]) {
        let object = report.pointer_mut(&place).and_then(Value::as_object_mut).expect("an object");
        assert!(object.remove("overrides").is_some() || columns > 0, "{printed}");
    }
    report.to_string()
}

#[test]
fn every_batch_size_gives_the_same_numbers_even_those_that_could_not_be_trained_with() -> Result {
    let folder = trained(&[])?;
    for command in [
        &["eval", RUN][..],
        &["energy", RUN, "--format", "json"],
        &["early-exit", RUN, "--threshold", "0.5", "--format", "json"],
        &["attack", RUN, "--fgsm", "--draws", "1", "--format", "json"],
    ] {
        let numbers =
            |words: &[&str]| Ok::<_, Box<dyn std::error::Error>>(without_values(&said(folder.path(), words)?));
        let own = numbers(command)?;
        // There are 96 training images, and 40 test images.
        for size in ["data.batch_size=1", "data.batch_size=7", "data.batch_size=40", "data.batch_size=5000"] {
            assert_eq!(numbers(&[command, &[size]].concat())?, own, "{size}");
        }
    }
    let error = refused(folder.path(), &["run", "small.toml", "data.batch_size=5000"])?;
    assert!(error.contains("a batch of 5000 is larger than the 96 training images"), "{error}");
    Ok(())
}
