//! The README's tree of the source is the source's tree.

use std::fs;

#[test]
fn the_readmes_tree_names_every_folder_and_file_of_the_source_and_no_other() {
    let readme = fs::read_to_string("README.md").expect("the README");
    // A line is `names  what they are`; a name that ends in a slash is a folder.
    let tree = readme.split("```text\nsrc/\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a tree");
    let names =
        tree.lines().filter_map(|line| line.trim_start().split_once("  ")).flat_map(|(names, _)| names.split(' '));
    let mut listed: Vec<String> = names.map(String::from).collect();
    let mut found: Vec<String> = (fs::read_dir("src").expect("src").map(|entry| entry.expect("an entry").path()))
        .map(|path| format!("{}{}", path.file_name().expect("a name").display(), if path.is_dir() { "/" } else { "" }))
        .collect();
    listed.sort();
    found.sort();
    assert_eq!(listed, found);
}
