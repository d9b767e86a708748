//! Every fence says what it holds, and is run as that:
//!
//! | fence | what is done with it |
//! |---|---|
//! | `toml experiment` | saved, checked by `bntt check`, then cut down, so that commands of its page may train it |
//! | `toml fragment`, `toml fragment base=FILE` | checked on top of the quickstart, or of FILE |
//! | `toml sweep`, `toml table` | saved, then `bntt sweep --dry-run`, `bntt table` |
//! | `toml wrong` | saved; the `text mistakes` behind it is what `bntt check` says of it |
//! | `console` | its lines are run by a shell, in order; see [`READ_ONLY`] for those that are not |
//! | `text` | shown |
//!
//! A first line `# FILE` of a TOML example is where it is saved. The commands of a page share a folder.

use crate::pages::{Fence, documentation, split};
use crate::workspace::{Workspace, cut};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Lines that hold such a word are not run: `bntt` only reads their arguments, and their experiment or sweep.
const READ_ONLY: [(&str, &str); 8] = [
    ("data cifar10", "fetches 170 MB"),
    ("selftest", "needs a GPU"),
    ("training.device=cuda", "needs a GPU"),
    ("--slurm", "needs a SLURM"),
    ("run configs/vgg", "trains for hours, on data that must be fetched"),
    ("bench configs/vgg", "takes minutes"),
    ("plot configs/sweeps", "draws runs that take long to train"),
    ("small_norm_ablation.toml --jobs", "trains for an hour, on data that must be fetched"),
];

/// Programs whose lines are left to the reader: they build, or run what is not part of this program.
const OTHERS: [&str; 9] = [
    "cargo build",
    "cargo test",
    "cargo bench",
    "cargo install",
    "packaging/",
    "uv tool",
    "podman build",
    "marimo ",
    "uvx marimo",
];

/// What does not work, with its place, a paragraph each.
pub fn wrong() -> Vec<String> {
    let (mut wrong, used) = (Vec::new(), RefCell::new(BTreeSet::new()));
    let mut commands = 0;
    for page in documentation() {
        let (fences, _) = split(&page);
        if fences.iter().all(|fence| fence.info == "text") {
            continue;
        }
        let workspace = Workspace::new();
        let mut mistakes = String::new();
        for fence in &fences {
            let done = match fence.info.split(' ').collect::<Vec<_>>()[..] {
                ["toml", "experiment"] => experiment(&workspace, fence),
                ["toml", "fragment"] => fragment(&workspace, fence, "configs/quickstart.toml"),
                ["toml", "fragment", base] if base.starts_with("base=") => fragment(&workspace, fence, &base[5..]),
                ["toml", "sweep"] => file(&workspace, fence, "bntt sweep", "--dry-run --no-timing"),
                ["toml", "table"] => file(&workspace, fence, "bntt table", ""),
                ["toml", "wrong"] => refused(&workspace, fence).map(|said| mistakes = said),
                ["text", "mistakes"] => expected(fence, &mistakes),
                ["text"] => Ok(()),
                ["console"] => {
                    for (within, line) in commands_of(fence) {
                        commands += 1;
                        if let Err(problem) = command(&workspace, &line, &used) {
                            wrong.push(format!("{}: {line}\n{problem}", fence.place(within)));
                        }
                    }
                    Ok(())
                }
                _ => Err(format!("```{}: say what it is, as tests/readme/examples.rs lists it", fence.info)),
            };
            wrong.extend(done.err().map(|problem| format!("{}: {problem}", fence.place(0))));
        }
    }
    for (word, _) in READ_ONLY {
        if !used.borrow().contains(word) {
            wrong.push(format!("tests/readme/examples.rs: no example holds {word:?} any more"));
        }
    }
    assert!(commands > 30, "only {commands} commands were found");
    wrong
}

/// The file that the first line names.
fn saved_as(fence: &Fence) -> Option<&str> {
    let first = fence.text.lines().next()?.strip_prefix("# ")?.split([',', ' ']).next()?;
    first.ends_with(".toml").then_some(first)
}

fn experiment(workspace: &Workspace, fence: &Fence) -> Result<(), String> {
    let name = saved_as(fence).ok_or("its first line should be `# FILE.toml`, where it is saved")?;
    workspace.write(name, &fence.text);
    let said = workspace.ok(&format!("bntt check {name} --no-timing"))?;
    workspace.write(name, &cut(&fence.text));
    if said.contains("warning: ") { Err(said) } else { Ok(()) }
}

fn fragment(workspace: &Workspace, fence: &Fence, base: &str) -> Result<(), String> {
    // The repository's own: the workspace's quickstart is cut down.
    let base = format!("{}/{base}", env!("CARGO_MANIFEST_DIR"));
    workspace.write("fragment.toml", &format!("base = [\"{base}\"]\nname = \"fragment\"\n{}", fence.text));
    let places = |said: String| format!("{said}\n(fragment.toml begins two lines before the example)");
    let said = workspace.ok("bntt check fragment.toml --no-timing").map_err(places)?;
    // The base may have some of its own.
    let of_base = workspace.ok(&format!("bntt check {base} --no-timing"))?;
    let is_new = |line: &str| line.starts_with("warning: ") && !of_base.lines().any(|own| own == line);
    if said.lines().any(is_new) { Err(said) } else { Ok(()) }
}

fn file(workspace: &Workspace, fence: &Fence, command: &str, option: &str) -> Result<(), String> {
    let name = saved_as(fence).ok_or("its first line should be `# FILE.toml`, where it is saved")?;
    workspace.write(name, &fence.text);
    workspace.ok(&format!("{command} {name} {option}")).map(drop)
}

fn refused(workspace: &Workspace, fence: &Fence) -> Result<String, String> {
    let name = saved_as(fence).ok_or("its first line should be `# FILE.toml`, where it is saved")?;
    workspace.write(name, &fence.text);
    match workspace.ok(&format!("bntt check {name} --no-timing")) {
        Ok(_) => Err("is meant to be refused, and is not".into()),
        Err(said) => Ok(said),
    }
}

/// A line that ends in ` ...` is the beginning of one.
fn expected(fence: &Fence, said: &str) -> Result<(), String> {
    let is_said = |line: &str| match line.strip_suffix(" ...") {
        Some(begin) => said.lines().any(|found| found.starts_with(begin)),
        None => said.lines().any(|found| found == line),
    };
    match fence.text.lines().find(|line| !is_said(line)) {
        Some(line) => Err(format!("{line:?} is not among what the program says:\n{said}")),
        None => Ok(()),
    }
}

/// The command lines of a fence by their number in it, without comments; lines that end in a backslash are one.
fn commands_of(fence: &Fence) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    for (within, line) in (1..).zip(fence.text.lines()) {
        let line = line.split("  #").next().unwrap_or(line).trim();
        match commands.last_mut() {
            Some((_, before)) if before.ends_with('\\') => {
                before.pop();
                *before += line;
            }
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => commands.push((within, line.strip_prefix("$ ").unwrap_or(line).to_string())),
        }
    }
    commands
}

fn command(workspace: &Workspace, line: &str, used: &RefCell<BTreeSet<&'static str>>) -> Result<(), String> {
    let line = line.replace("cargo run --release -- ", "bntt ");
    let Some(arguments) = line.strip_prefix("bntt ") else {
        return other(&line);
    };
    let Some((word, _)) = READ_ONLY.into_iter().find(|(word, _)| arguments.contains(word)) else {
        return workspace.ok(&line).map(drop);
    };
    used.borrow_mut().insert(word);
    // Arguments are read up to `--help`, which is all that is done then; sbatch's own are not ours.
    let own = line.split(" --slurm").next().unwrap_or(&line);
    workspace.ok(&format!("{own} --help"))?;
    let mut words = arguments.split(' ');
    match (words.next(), words.next()) {
        (Some("run" | "bench" | "check"), Some(_)) => {
            let values = arguments.split_once(' ').map(|(_, rest)| rest).unwrap_or_default();
            let options = |value: &&str| !value.starts_with("--");
            // A value in quotes may hold spaces: none of ours that is an option does.
            let values: Vec<&str> = values.split(' ').filter(options).collect();
            workspace.ok(&format!("bntt check {} --no-timing", values.join(" "))).map(drop)
        }
        (Some("sweep"), Some(file)) => workspace.ok(&format!("bntt sweep {file} --dry-run --no-timing")).map(drop),
        _ => Ok(()),
    }
}

fn other(line: &str) -> Result<(), String> {
    if OTHERS.iter().any(|program| line.starts_with(program)) {
        return Ok(());
    }
    match line.strip_prefix("python3 ").and_then(|rest| rest.split(' ').next()) {
        Some(script) if std::path::Path::new(script).is_file() => Ok(()),
        Some(script) => Err(format!("{script} is not there")),
        None => Err("is no command of bntt, cargo or python3; what is printed belongs into ```text".into()),
    }
}
