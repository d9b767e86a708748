//! The README and the pages in `docs`: links lead somewhere, lists are complete, and what they show can be done.
//!
//! A fence says what it holds: ```` ```toml experiment ```` is a whole file, ```` ```toml fragment ```` is added to
//! `configs/quickstart.toml` or, with `base=FILE`, to another, ```` ```toml sweep ```` is a sweep. In ```` ```console ````
//! each line that begins with `bntt` is run in a folder that holds `configs` and a small run `runs/quickstart/v0001`, or,
//! where [`ONLY_PARSED`] says so, is parsed alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The most bytes that a newcomer is asked to read.
const LONGEST_README: u64 = 8_000;

/// Beginnings of commands that are not run, with the reason.
const ONLY_PARSED: [(&str, &str); 11] = [
    ("bntt data", "fetches from the network"),
    ("bntt selftest", "needs a GPU"),
    ("bntt bench configs/vgg9", "takes long"),
    ("bntt run configs/vgg", "needs CIFAR and hours"),
    ("bntt check configs/my_", "is an example's own file"),
    ("bntt run configs/quickstart.toml training.device=cuda:0", "needs a GPU"),
    ("bntt sweep configs/sweeps/small_norm_ablation.toml --jobs", "needs CIFAR and hours"),
    ("bntt sweep configs/sweeps/leak.toml --slurm", "needs a cluster"),
    ("bntt report configs/sweeps/leak.toml", "needs its runs"),
    ("bntt compare runs/*", "leaves the star to a shell"),
    ("bntt run runs/quickstart/v0001/config.toml", "would be a second version of the run"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and the pages, each with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "configs/README.md"].map(|name| root().join(name)));
    paths.extend(["runs/README.md", "runs/reference/README.md"].map(|name| root().join(name)));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a page"))).collect()
}

struct Fence {
    /// `docs/sweeps.md:5`.
    place: String,
    /// `toml sweep`.
    kind: String,
    text: String,
}

/// All fences of the README and of `docs`.
fn fences() -> Vec<Fence> {
    let mut fences = Vec::new();
    for (path, text) in pages() {
        let name = path.strip_prefix(root()).expect("a page of the repository").display().to_string();
        if name != "README.md" && !name.starts_with("docs/") {
            continue;
        }
        let mut open: Option<Fence> = None;
        for (number, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(kind), None) => {
                    open =
                        Some(Fence { place: format!("{name}:{}", number + 1), kind: kind.into(), text: String::new() });
                }
                (Some(_), Some(_)) => fences.extend(open.take()),
                (None, Some(fence)) => fence.text += &format!("{line}\n"),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{name} has a fence without an end");
    }
    fences
}

/// A folder with `configs`, as a newcomer's clone has it.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("configs"), folder.path().join("configs")).expect("a link");
    folder
}

fn bntt(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bntt")).args(arguments).current_dir(folder).output().expect("the program")
}

fn succeeds(folder: &Path, arguments: &[&str], what: &str) {
    let output = bntt(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}: bntt {}\n{said}", arguments.join(" "));
}

/// The words of a command, as a shell has them, without a comment at its end.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// A heading's anchor: lower case, blanks as dashes, without signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_readme_is_short_and_lines_fit() {
    let bytes = fs::metadata(root().join("README.md")).expect("the README").len();
    assert!(bytes <= LONGEST_README, "{bytes} bytes, and {LONGEST_README} are the most");
    for (path, text) in pages() {
        let (mut fenced, name) = (false, path.display());
        for (number, line) in text.lines().enumerate() {
            fenced ^= line.starts_with("```");
            let may_be_long = fenced || line.starts_with('|') || line.contains("](");
            let columns = line.chars().count();
            assert!(may_be_long || columns <= 120, "{name}:{} has {columns} columns", number + 1);
        }
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for (path, text) in pages() {
        let folder = path.parent().expect("a folder");
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').map_or((target, None), |(file, at)| (file, Some(at)));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(file.exists(), "{}: there is no {target}", path.display());
            if let Some(heading) = heading {
                let text = fs::read_to_string(&file).expect("a page");
                let found = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(found, "{}: {target} has no such heading", path.display());
            }
        }
    }
}

#[test]
fn the_map_of_the_source_names_every_folder_and_file_and_no_other() {
    let design = fs::read_to_string(root().join("docs/design.md")).expect("the page");
    // A line is `names  what they are`; a name that ends in a slash is a folder.
    let tree = design.split("```text\nsrc/\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a tree");
    let names = tree.lines().filter_map(|line| line.trim_start().split_once("  "));
    let listed: BTreeSet<String> = names.flat_map(|(names, _)| names.split(' ').map(String::from)).collect();
    let entries = fs::read_dir(root().join("src")).expect("src").map(|entry| entry.expect("an entry").path());
    let name = |path: PathBuf| {
        format!("{}{}", path.file_name().expect("a name").display(), if path.is_dir() { "/" } else { "" })
    };
    assert_eq!(listed, entries.map(name).collect::<BTreeSet<String>>());
}

#[test]
fn the_table_of_commands_is_that_of_the_program() {
    let help = String::from_utf8(bntt(root(), &["--help"]).stdout).expect("text");
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let known: BTreeSet<&str> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help").collect();
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let rows = readme.split("| command |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let listed: BTreeSet<&str> = rows.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_file_that_is_shown_is_one() {
    let mut shown = 0;
    for Fence { place, kind, text } in fences() {
        let Some(kind) = kind.strip_prefix("toml") else { continue };
        let (folder, mut words) = (workspace(), kind.split_whitespace());
        let file = folder.path().join("shown.toml");
        match words.next() {
            Some("experiment") if text.contains("base =") => {
                // Beside the shipped files, as its first line says.
                let beside = folder.path().join("experiments");
                fs::create_dir(&beside).expect("a folder");
                std::os::unix::fs::symlink(root().join("configs/base"), beside.join("base")).expect("a link");
                fs::write(beside.join("shown.toml"), &text).expect("a file");
                succeeds(folder.path(), &["check", "experiments/shown.toml"], &place);
            }
            Some("experiment") => {
                fs::write(&file, &text).expect("a file");
                succeeds(folder.path(), &["check", "shown.toml"], &place);
                succeeds(
                    folder.path(),
                    &["run", "shown.toml", "training.epochs=1", "data.limit={train=64,test=32}"],
                    &place,
                );
            }
            Some("fragment") => {
                let base =
                    words.next().and_then(|word| word.strip_prefix("base=")).unwrap_or("configs/quickstart.toml");
                // Choices of the base that the fragment makes otherwise are replaced.
                fs::write(&file, format!("base = [{base:?}]\nname = \"shown\"\n{text}")).expect("a file");
                succeeds(folder.path(), &["check", "shown.toml"], &place);
            }
            Some("sweep") => {
                fs::write(&file, &text).expect("a file");
                succeeds(folder.path(), &["sweep", "shown.toml", "--dry-run"], &place);
            }
            other => panic!("{place}: a fence of TOML is an experiment, a fragment or a sweep, not {other:?}"),
        }
        shown += 1;
    }
    assert!(shown >= 5, "{shown} files");
}

#[test]
fn every_command_that_is_shown_is_one() {
    let folder = workspace();
    let small = ["training.epochs=1", "data.limit={train=64,test=32}"];
    succeeds(folder.path(), &["run", "configs/quickstart.toml", small[0], small[1]], "a small run");
    let mut run = 0;
    for Fence { place, kind, text } in fences().into_iter().filter(|fence| fence.kind.starts_with("console")) {
        assert_eq!(kind, "console", "{place}");
        for line in text.lines().filter(|line| line.starts_with("bntt ")) {
            let words = words(line);
            let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            if ONLY_PARSED.iter().any(|(beginning, _)| line.starts_with(beginning)) {
                // The parser reads all before it sees that help is asked for; what follows --slurm is not its own.
                let own = arguments.iter().position(|word| *word == "--slurm").unwrap_or(arguments.len());
                let parsed = [&arguments[..own], &["--help"]].concat();
                succeeds(folder.path(), &parsed, &place);
                continue;
            }
            let mut arguments = arguments;
            if arguments.first() == Some(&"run") {
                arguments.extend(small);
            }
            succeeds(folder.path(), &arguments, &place);
            run += 1;
        }
    }
    assert!(run >= 15, "{run} commands were run");
    let unused: Vec<_> = ONLY_PARSED
        .iter()
        .filter(|(beginning, _)| {
            !fences().iter().any(|fence| fence.text.lines().any(|line| line.starts_with(beginning)))
        })
        .collect();
    assert!(unused.is_empty(), "nothing begins with {unused:?}");
}
