//! The README's tree of the source is the source's tree.

use std::fs;
use std::path::Path;

/// All files below `folder`.
fn names(folder: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            names(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn the_readmes_tree_names_every_source_file_and_no_other() {
    let readme = fs::read_to_string("README.md").expect("the README");
    // A line is `names` or `names  what they are`; a name that ends in a slash is a folder, whose files follow, indented.
    let tree = readme.split("```text\nsrc/\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a tree");
    let mut folders: Vec<String> = vec!["src".into()];
    let mut listed = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let depth = (line.len() - line.trim_start().len()) / 2;
        folders.truncate(depth);
        let (name, _) = line.trim_start().split_once("  ").unwrap_or((line.trim_start(), ""));
        for name in name.split(' ') {
            match name.strip_suffix('/') {
                Some(folder) => folders.push(folder.to_string()),
                None => listed.push([folders.join("/"), name.to_string()].join("/")),
            }
        }
    }
    let mut found = Vec::new();
    names(Path::new("src"), &mut found);
    listed.sort();
    found.sort();
    assert_eq!(listed, found);
}
