//! The losses of two small runs, which a change of the code that is meant to change no number must not move.
//!
//! `tests/fixtures/golden` holds the experiments and, in `losses.txt`, the loss of each of their 60 training steps and
//! the training and test loss of their 2 epochs, each with all its digits. They were made by the program as it was
//! before its source was put into folders. After a change that is meant to move them:
//!
//! ```console
//! BNTT_GOLDEN=write cargo test --release --test golden
//! ```
//!
//! On the kind of processor that the fixture names, equality is exact: the bits are a function of the code, the
//! experiment and the kind of instructions alone. Measured on 2026-11-27 (2 virtual cores of an AMD EPYC with AVX-512):
//! 1 and 2 threads give equal bits, AVX2 and AVX-512 give equal bits, and so do optimisation levels 1 and 3. Without
//! vector instructions sums have another order. In `poisson` the largest relative difference that this makes is 5e-11,
//! in `direct` 2e-8 (2026-11-30); a membrane potential at the threshold that fell on its other side would make it 5 %
//! of single steps. A tolerance that held for both orders would therefore see nothing: instead each order has losses
//! of its own.
//!
//! On another processor the library of products may cut its sums elsewhere, which was not measured: there the first
//! five losses are compared within 1e-6.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXPERIMENTS: [&str; 2] = ["poisson", "direct"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden")
}

/// Trains an experiment and tells its losses, a line each: `1.17 2.03` is step 17 of epoch 1.
fn losses(experiment: &str, instructions: &str, threads: usize) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_bntt"))
        .arg("run")
        .arg(fixtures().join(format!("{experiment}.toml")))
        .arg(format!("training.threads={threads}"))
        .env("BNTT_INSTRUCTIONS", instructions)
        .current_dir(folder.path())
        .output()
        .expect("the program");
    assert!(output.status.success(), "{experiment}: {}", String::from_utf8_lossy(&output.stderr));
    let run = folder.path().join(format!("runs/{experiment}/v0001"));
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(run.join(name)).expect(name);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let mut text = String::new();
    for step in lines("steps.jsonl") {
        writeln!(text, "{}.{} {}", step["epoch"], step["step"], step["loss"]).expect("a line");
    }
    for epoch in lines("metrics.jsonl") {
        for split in ["train", "test"] {
            writeln!(text, "{}.{split} {}", epoch["epoch"], epoch[split]["loss"]).expect("a line");
        }
    }
    text
}

/// The part of `losses.txt` under `# experiment, order`.
fn expected(experiment: &str, order: &str) -> String {
    let text = std::fs::read_to_string(fixtures().join("losses.txt")).expect("the losses");
    let head = format!("# {experiment}, {order}\n");
    let (_, rest) = text.split_once(&head).unwrap_or_else(|| panic!("losses.txt has no {head}"));
    rest.split("# ").next().unwrap_or_default().to_string()
}

fn has_vectors() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

fn compare(experiment: &str, order: &str, instructions: &str, threads: usize) {
    let (found, expected) = (losses(experiment, instructions, threads), expected(experiment, order));
    assert_eq!(expected.lines().count(), 60 + 4, "{experiment}, {order}: losses.txt is not whole");
    assert_eq!(found.lines().count(), expected.lines().count(), "{experiment}: steps and epochs");
    let loss = |line: &str| line.rsplit(' ').next().and_then(|loss| loss.parse::<f64>().ok()).expect("a loss");
    let (exact, all) = (is_the_fixtures_processor(), expected.lines().count());
    let differs = |(found, expected): &(&str, &str)| match exact {
        true => found != expected,
        false => (loss(found) / loss(expected) - 1.0).abs() > 1e-6,
    };
    let compared = found.lines().zip(expected.lines()).take(if exact { all } else { 5 });
    let Some((found, expected)) = compared.into_iter().find(differs) else { return };
    panic!(
        "{experiment}, {instructions}, {threads} threads: the first loss that moved is {found}, expected {expected} \
         (epoch.step loss): by {:.1e} of its value. The head of tests/golden.rs says what \
         to do if it was meant to move.",
        (loss(found) / loss(expected) - 1.0).abs()
    );
}

/// The processor's name, as Linux tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or("unknown".into(), |(_, name)| name.trim().to_string())
}

fn is_the_fixtures_processor() -> bool {
    let text = std::fs::read_to_string(fixtures().join("losses.txt")).expect("the losses");
    text.lines().next() == Some(&format!("processor: {}", processor()))
}

fn writes() -> bool {
    std::env::var("BNTT_GOLDEN").is_ok_and(|value| value == "write")
}

#[test]
fn the_losses_are_those_of_the_fixture_with_whatever_instructions_and_threads() {
    if writes() {
        assert!(has_vectors(), "the losses are made on a machine with AVX2 and FMA");
        let mut text = format!("processor: {}\n", processor());
        for experiment in EXPERIMENTS {
            for (order, instructions) in [("vectors", "avx2"), ("scalar", "scalar")] {
                write!(text, "# {experiment}, {order}\n{}", losses(experiment, instructions, 1)).expect("text");
            }
        }
        std::fs::write(fixtures().join("losses.txt"), text).expect("the losses");
        return;
    }
    for experiment in EXPERIMENTS {
        for threads in [1, 2] {
            compare(experiment, "scalar", "scalar", threads);
            if has_vectors() {
                compare(experiment, "vectors", "avx2", threads);
                compare(experiment, "vectors", "widest", threads);
            }
        }
    }
}
