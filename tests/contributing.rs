//! The worked diffs of CONTRIBUTING.md apply to the source as it is, one after the other.
//!
//! `BNTT_CONTRIBUTING=1 cargo test --release --test contributing` builds a copy of the crate with all of them as well,
//! which takes as long as a first build, and trains the experiment that stands below them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The texts of the fences that begin with `kind`.
fn fences<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let begin = format!("\n```{kind}");
    let fence = |rest: &'t str| rest.split_once('\n').map_or("", |(_, body)| body).split("```\n").next().unwrap_or("");
    text.split(&begin).skip(1).map(fence).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_diff_applies_and_names_one_place_in_a_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("the guide");
    let diffs = fences(&guide, "diff ");
    assert_eq!(diffs.len(), 4, "a layer, an encoder, a data set, an optimizer");
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["src", "benches", "configs", "tests"] {
        copy(&root.join(part), &folder.path().join(part));
    }
    for file in ["Cargo.toml", "Cargo.lock", "build.rs", "README.md"] {
        fs::copy(root.join(file), folder.path().join(file)).expect("a copy");
    }
    for diff in diffs {
        // Beside the new file one file is changed: `mod`, `pub use`, and one entry of the list.
        assert_eq!(diff.matches("diff --git").count(), 2, "{diff}");
        assert_eq!(diff.lines().filter(|line| line.starts_with('+') && line.contains(" => ")).count(), 1, "{diff}");
        let patch = folder.path().join("patch.diff");
        fs::write(&patch, diff).expect("a file");
        run(Command::new("git").args(["apply", "patch.diff"]).current_dir(folder.path()));
    }
    if std::env::var_os("BNTT_CONTRIBUTING").is_some() {
        let experiment = fences(&guide, "toml").pop().expect("an experiment");
        fs::write(folder.path().join("halves.toml"), experiment).expect("a file");
        run(Command::new("cargo")
            .args(["run", "--release", "--", "run", "halves.toml"])
            .env("CARGO_TARGET_DIR", folder.path().join("target"))
            .current_dir(folder.path()));
        let metrics = folder.path().join("runs/halves/v0001/metrics.jsonl");
        let metrics = fs::read_to_string(metrics).expect("metrics");
        assert!(metrics.lines().last().is_some_and(|line| line.contains("\"top1\":100.0")), "{metrics}");
    }
}
