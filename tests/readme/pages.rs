//! The pages, and what stands between their fences.

use std::fs;
use std::path::Path;

/// The README and the pages of docs/: their lines are measured and their examples run.
pub fn documentation() -> Vec<String> {
    let mut pages = vec!["README.md".to_string()];
    pages.extend(in_folder("docs"));
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// All pages whose links are looked at.
pub fn linked() -> Vec<String> {
    let others = ["configs/README.md", "runs/README.md", "runs/reference/README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let others = others.into_iter().filter(|page| Path::new(page).is_file()).map(String::from);
    documentation().into_iter().chain(others).collect()
}

fn in_folder(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect(folder).map(|entry| entry.expect("an entry").file_name());
    let names = entries.map(|name| name.into_string().expect("UTF-8")).filter(|name| name.ends_with(".md"));
    let mut pages: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    pages.sort();
    pages
}

pub fn read(page: &str) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What stands between two lines of three backticks.
pub struct Fence {
    pub page: String,
    /// The number of the line that opens it.
    pub line: usize,
    /// What stands behind the backticks: `toml experiment`.
    pub info: String,
    pub text: String,
}

impl Fence {
    /// `docs/data.md:12`, of a line within.
    pub fn place(&self, within: usize) -> String {
        format!("{}:{}", self.page, self.line + within)
    }
}

/// The fences of a page, and its lines outside of them by number.
pub fn split(page: &str) -> (Vec<Fence>, Vec<(usize, String)>) {
    let (mut fences, mut prose, mut open) = (Vec::new(), Vec::new(), None::<Fence>);
    for (line, text) in (1..).zip(read(page).lines()) {
        match (text.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => fences.extend(open.take()),
            (Some(info), None) => {
                let info = info.trim().to_string();
                open = Some(Fence { page: page.to_string(), line, info, text: String::new() });
            }
            (None, Some(fence)) => fence.text += &format!("{text}\n"),
            (None, None) => prose.push((line, text.to_string())),
        }
    }
    assert!(open.is_none(), "{page}: a fence is not closed");
    (fences, prose)
}
