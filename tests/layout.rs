//! Imports point down: no file of a module uses a module that stands above its own in `src/lib.rs`'s table, so that
//! there is no circle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the table: a row begins with ``//! | [`name`] |``.
fn order() -> Vec<String> {
    let map = fs::read_to_string("src/lib.rs").expect("src/lib.rs");
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split_once('`'));
    rows.map(|(name, _)| name.to_string()).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => rust_files(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The text of a file without comments and without the tests at its end, which may use what they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that `code` names: after each `crate::`, the next word or, in braces, the first word of
/// each part.
fn used(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut used = Vec::new();
    for (_, after) in code.match_indices("crate::").map(|(at, found)| (at, &code[at + found.len()..])) {
        let Some(list) = after.strip_prefix('{') else {
            used.push(word(after));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && c.is_alphabetic() => {
                    used.push(word(&list[at..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    used
}

#[test]
fn every_module_stands_in_the_table_once() {
    let mut listed = order();
    let declared = fs::read_to_string("src/lib.rs").expect("src/lib.rs");
    let mut declared: Vec<_> =
        declared.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    listed.sort();
    declared.sort_unstable();
    assert_eq!(listed, declared);
}

#[test]
fn imports_point_down() {
    let place: BTreeMap<String, usize> = order().into_iter().zip(0..).collect();
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let mut upward = Vec::new();
    for file in files {
        let module = file.iter().nth(1).and_then(|part| part.to_str()).unwrap_or_default().trim_end_matches(".rs");
        let Some(own) = place.get(module) else { continue };
        let up = |name: &String| place.get(name).is_some_and(|other| other < own);
        upward.extend(used(&code(&file)).into_iter().filter(up).map(|name| format!("{} uses {name}", file.display())));
    }
    assert!(upward.is_empty(), "a module uses one that stands above it in src/lib.rs:\n{}", upward.join("\n"));
}

#[test]
fn what_a_file_uses_is_found_in_every_form() {
    let text = "use crate::a::{b, c};\nuse crate::{d::{e, f}, g, h::i};\nlet x = crate::j::k();\npub(crate) fn l() {}";
    assert_eq!(used(text), ["a", "d", "g", "h", "j"]);
}
