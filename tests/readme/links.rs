//! Relative links, their anchors, and paths in backticks.

use crate::pages::{documentation, linked, split};
use std::path::{Path, PathBuf};

/// What leads nowhere, a line each.
pub fn wrong() -> Vec<String> {
    let mut wrong = Vec::new();
    for page in linked() {
        let (_, prose) = split(&page);
        for (line, text) in prose {
            for target in targets(&text) {
                if let Some(problem) = problem(&page, target) {
                    wrong.push(format!("{page}:{line}: {target}: {problem}"));
                }
            }
            for path in paths(&text).filter(|path| !Path::new(path).exists() && documentation().contains(&page)) {
                wrong.push(format!("{page}:{line}: `{path}` is not there"));
            }
        }
    }
    wrong
}

/// `b` of `[a](b)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// What stands in backticks and is a path of the repository: `src/lib.rs`, but not `src/ops/*/*.cu`.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let roots = ["src/", "tests/", "configs/", "benches/", "fuzz/", "docs/", "runs/reference/", ".ci/"];
    let plain = |code: &&str| code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    text.split('`').skip(1).step_by(2).filter(move |code| roots.iter().any(|root| code.starts_with(root))).filter(plain)
}

fn problem(page: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let found: PathBuf = match path {
        "" => page.into(),
        path => Path::new(page).parent().unwrap_or(Path::new("")).join(path),
    };
    if !found.exists() {
        return Some("there is no such file");
    }
    let has = || headings(&found.to_string_lossy()).iter().any(|heading| heading == anchor);
    (!anchor.is_empty() && !has()).then_some("there is no such heading")
}

/// The anchors of a page's headings: `which-runs-are-the-same` of `## Which runs are the same`.
fn headings(page: &str) -> Vec<String> {
    let (_, prose) = split(page);
    let titles =
        prose.iter().filter(|(_, text)| text.starts_with('#')).map(|(_, text)| text.trim_start_matches('#').trim());
    let letter = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    titles.map(|title| title.to_lowercase().chars().filter_map(letter).collect()).collect()
}
