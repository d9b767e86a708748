//! `--format` is the same for every command that prints, and each form can be read by its own readers.

use std::path::Path;
use std::process::Command;

const TEXT: &str = "name = 'small'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 48, test = 20 }\n[network]\n\
    time_steps = 3\nencoder = 'poisson'\nlayers = [ 'flatten', { linear = { features = 12 } }, 'bntt', 'lif', \
    { linear = { features = 'classes' } } ]\n[optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 1\n";

const SWEEP: &str = "base = \"small.toml\"\nseeds = [0]\ngrid = { \"network.lif.leak\" = [0.5, 0.9] }\n";

const TABLE: &str = "columns = []\n[[rows]]\nconfig = \"small.toml\"\n";

/// Every command that prints numbers, and whether it succeeds.
const COMMANDS: [&[&str]; 13] = [
    &["check", "small.toml", "--no-timing"],
    &["list"],
    &["eval", "runs/small"],
    &["doctor", "runs/small"],
    &["compare", "runs/small"],
    &["compare", "trial.toml"],
    &["sweep", "trial.toml", "--dry-run", "--no-timing"],
    &["sweep", "trial.toml", "--status"],
    &["table", "trial.toml"],
    &["early-exit", "runs/small"],
    &["energy", "runs/small"],
    &["attack", "runs/small", "--fgsm", "--draws", "1"],
    &["bench", "small.toml", "--repeats", "1", "--layers"],
];

fn bntt(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(arguments).current_dir(folder).output().expect("bntt");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// The records of CSV as RFC 4180 has it.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {
                assert_eq!(letters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    assert!(field.is_empty() && record.is_empty(), "the last record has an end");
    records
}

/// Every tag that opens is closed, in order.
fn assert_balanced(html: &str, what: &str) {
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let tag = tag.split(['>', ' ']).next().expect("a tag");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{what}: {html}"),
            None => open.push(tag),
        }
    }
    assert!(open.is_empty(), "{what}: {open:?}");
}

#[test]
fn every_command_prints_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("small.toml", TEXT), ("trial.toml", SWEEP), ("table.toml", TABLE)] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    bntt(folder.path(), &["run", "small.toml"]);
    for command in COMMANDS {
        let print = |format: &str| bntt(folder.path(), &[command, &["--format", format]].concat());
        let what = command.join(" ");
        let text = print("text");
        // `table` is Markdown unless another form is asked for.
        if command[0] != "bench" {
            assert_eq!(
                bntt(folder.path(), command),
                print(if command[0] == "table" { "markdown" } else { "text" }),
                "{what}"
            );
        }
        assert!(!text.trim().is_empty(), "{what}");

        let json: serde_json::Value = serde_json::from_str(&print("json")).unwrap_or_else(|e| panic!("{what}: {e}"));
        let is_full = json.as_array().map(|all| !all.is_empty()).or(json.as_object().map(|all| !all.is_empty()));
        assert_eq!(is_full, Some(true), "{what}: {json}");

        let records = records(&print("csv"));
        assert!(records.len() > 1, "{what}");
        assert!(records.iter().all(|record| record.len() == records[0].len()), "{what}: {records:?}");

        let markdown = print("markdown");
        let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        let mut tables = rows.split(|row| row.starts_with("| -") || row.starts_with("|-")).skip(1);
        let columns = |row: &str| row.replace("\\|", "").matches('|').count();
        assert!(rows.len() >= 2, "{what}: {markdown}");
        if tables.clone().count() == 1 {
            assert!(tables.all(|rows| rows.iter().all(|row| columns(row) == columns(rows[0]))), "{what}: {markdown}");
        }

        let latex = print("latex");
        assert_eq!(latex.matches("\\begin{").count(), latex.matches("\\end{").count(), "{what}: {latex}");
        assert!(latex.contains("\\toprule"), "{what}: {latex}");

        assert_balanced(&print("html"), &what);
    }
}

#[test]
fn every_command_lists_the_same_formats() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in
        ["check", "list", "eval", "doctor", "compare", "sweep", "table", "early-exit", "energy", "attack", "bench"]
    {
        let help = bntt(folder.path(), &[command, "--help"]);
        let formats = ["text", "markdown", "latex", "csv", "json", "html"];
        assert!(formats.iter().all(|format| help.contains(&format!("- {format}"))), "{command}: {help}");
    }
}
