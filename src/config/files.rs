//! A file and the base files it builds on, in the order in which they are merged.

use std::fs;
use std::path::{Path, PathBuf};

use figment::value::Value;

use super::file::ConfigFile;
use super::key::KeyPath;
use super::{LARGEST_FILE, sources};

use crate::error::{Mistake, Result};
use crate::files::{nearest, reading, tilde};

/// Files that build on each other.
const DEEPEST_CHAIN: usize = 32;

/// The files behind `path`: bases first, `path` last. A base that several files name is merged once, at the first.
///
/// # Errors
/// Files that cannot be read, syntax errors of all of them, circles.
pub(super) fn read(path: &Path) -> Result<Vec<ConfigFile>> {
    let mut chain = BaseChain::default();
    chain.visit(path, None);
    chain.finish()
}

/// As [`read`] for a text in memory.
pub(super) fn from_text(text: &str, name: &str) -> Result<Vec<ConfigFile>> {
    let mut chain = BaseChain::default();
    chain.add(text.to_owned(), name, Path::new(name), Path::new(""));
    chain.finish()
}

#[derive(Default)]
struct BaseChain {
    files: Vec<ConfigFile>,
    mistakes: Vec<Mistake>,
    /// From the first file to the one being read: where it really is, and its name in messages.
    open: Vec<(PathBuf, String)>,
    done: Vec<PathBuf>,
}

impl BaseChain {
    fn finish(self) -> Result<Vec<ConfigFile>> {
        if self.mistakes.is_empty() { Ok(self.files) } else { Err(sources::error(self.mistakes, 0)) }
    }

    /// A problem at `place`, a mistake that says no more than where it is.
    fn refuse(&mut self, place: Mistake, key: &str, problem: String) {
        self.mistakes.push(Mistake { key: key.to_owned(), problem, ..place });
    }

    /// Reads the file at `path`, which the `base` at `named_at` asks for in the way that is written there.
    fn visit(&mut self, path: &Path, named_at: Option<(Mistake, BasePath<'_>)>) {
        let name = path.display().to_string();
        let whole = |place: &str| Mistake { place: place.to_owned(), ..Mistake::default() };
        let real = real(path);
        if self.done.contains(&real) {
            return;
        }
        if let Some(start) = self.open.iter().position(|(open, _)| *open == real) {
            let mut circle: Vec<&str> = self.open.iter().skip(start).map(|(_, name)| name.as_str()).collect();
            circle.push(&name);
            let problem = format!("the base files form a circle: {}. Remove one of them.", circle.join(" -> "));
            return self.refuse(named_at.map_or(whole(&name), |(place, _)| place), "base", problem);
        }
        if self.open.len() >= DEEPEST_CHAIN {
            let problem = format!("more than {DEEPEST_CHAIN} files build on each other here. Name fewer.");
            return self.refuse(named_at.map_or(whole(&name), |(place, _)| place), "base", problem);
        }
        match (reading::text(path, LARGEST_FILE), named_at) {
            (Ok(text), _) => {
                self.open.push((real.clone(), name.clone()));
                self.add(text, &name, path, path.parent().unwrap_or(Path::new("")));
                self.open.pop();
                self.done.push(real);
            }
            (Err(reason), Some((place, BasePath { folder, written }))) => {
                let end = nearest::ending(folder, written, &reason);
                self.refuse(place, "base", format!("cannot read the base file {name}: {reason}{end}"));
            }
            (Err(reason), None) => {
                let end = nearest::ending(Path::new(""), path, &reason);
                self.refuse(whole(&name), "", format!("cannot read this file: {reason}{end}"));
            }
        }
    }

    /// Adds the files that `text` names as its base, then itself.
    fn add(&mut self, text: String, name: &str, path: &Path, folder: &Path) {
        let mut file = match ConfigFile::parse(name, path, text) {
            Ok(file) => file,
            Err(mistakes) => return self.mistakes.extend(mistakes),
        };
        if file.is_empty() {
            let whole = Mistake { place: name.to_owned(), ..Mistake::default() };
            return self.refuse(whole, "", "this file is empty: it sets no key.".to_owned());
        }
        let key = KeyPath::default().name("base");
        let bases = match file.take("base") {
            None => Vec::new(),
            Some(Value::Array(_, items)) => {
                items.into_iter().enumerate().map(|(i, item)| (key.index(i), item)).collect()
            }
            Some(one) => vec![(key, one)],
        };
        let mut named = Vec::new();
        for (key, value) in bases {
            let place = match file.position(&key) {
                Some(position) => file.mistake(&position.value, "", String::new()),
                None => Mistake { place: name.to_owned(), ..Mistake::default() },
            };
            match base(folder, &value, &named) {
                Ok(base) => {
                    let path = base.folder.join(base.written);
                    self.visit(&path, Some((place, base)));
                    named.push(real(&path));
                }
                Err(problem) => self.refuse(place, &key.to_string(), problem),
            }
        }
        self.files.push(file);
    }
}

/// A base file as it is written, from the folder of the file that names it.
#[derive(Clone, Copy)]
struct BasePath<'a> {
    folder: &'a Path,
    written: &'a Path,
}

/// The file that `value` names from `folder`, unless it is among those that the same list has `named` before.
fn base<'a>(folder: &'a Path, value: &'a Value, named: &[PathBuf]) -> Result<BasePath<'a>, String> {
    let Value::String(_, name) = value else {
        return Err("expected the name of a file or a list of such names.".to_owned());
    };
    let written = Path::new(name);
    if let Some(problem) = tilde::mistake(written) {
        return Err(format!("{problem}."));
    }
    if named.contains(&real(&folder.join(written))) {
        return Err("this file stands in the list before; name it once, where it is to be merged.".to_owned());
    }
    Ok(BasePath { folder, written })
}

/// Where a file really is, so that two names of it are seen to be one.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}
