//! What README.md and docs/ say is so: links, the folder map, the commands, and every example is run.

mod examples;
mod links;
mod pages;
mod workspace;

use pages::{documentation, read};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn the_readme_is_short() {
    let bytes = read("README.md").len();
    assert!(bytes <= 8_000, "README.md has {bytes} bytes, and may have 8,000: details belong into docs/");
}

#[test]
fn lines_have_at_most_120_columns() {
    let mut long = Vec::new();
    for page in documentation() {
        for (number, line) in (1..).zip(read(&page).lines()) {
            let may_be_long = line.starts_with('|') || line.contains("](") || line.contains("://");
            if !may_be_long && line.chars().count() > 120 {
                long.push(format!("{page}:{number}"));
            }
        }
    }
    assert!(long.is_empty(), "longer than 120 columns: {}", long.join(", "));
}

/// A line of the map is `names  what they are`; a name that ends in a slash is a folder.
#[test]
fn the_folder_map_is_the_folders_of_the_source() {
    let page = read("docs/design.md");
    let map = page.split("```text\nsrc/\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a map");
    let names = map.lines().filter_map(|line| line.trim_start().split_once("  "));
    let listed: BTreeSet<String> = names.flat_map(|(names, _)| names.split(' ')).map(String::from).collect();
    let found: BTreeSet<String> = (fs::read_dir("src").expect("src").map(|entry| entry.expect("an entry").path()))
        .map(|path| format!("{}{}", path.file_name().expect("a name").display(), if path.is_dir() { "/" } else { "" }))
        .collect();
    assert_eq!(listed, found, "docs/design.md: its map has other folders than src");
}

#[test]
fn the_table_of_commands_is_that_of_help() {
    let readme = read("README.md");
    let section = readme.split("\n## Commands\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("a section Commands").lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).arg("--help").output().expect("the program");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    // A command is indented by two, what a line of its text continues by more.
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let shown: BTreeSet<&str> =
        names.filter_map(|rest| rest.split(' ').next()).filter(|name| *name != "help").collect();
    assert_eq!(listed, shown, "README.md: the table of commands is not that of `bntt --help`");
}

#[test]
fn every_link_and_every_path_leads_somewhere() {
    let wrong = links::wrong();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_works() {
    let wrong = examples::wrong();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
