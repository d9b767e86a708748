//! Which file each value came from, and the place of a mistake.

use figment::Figment;
use figment::value::{Tag, Value};

use super::file::File;
use super::key::Key;
use super::{plain, tree};

use crate::error::{Error, Mistake};

/// Something wrong at a key, before it is known where that is in the files.
#[derive(Debug)]
pub(super) struct Finding {
    pub key: Key,
    pub at: At,
    pub problem: String,
}

/// What of a key a finding points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Key,
    Value,
    /// An argument that never became a value.
    CommandLine,
}

/// The files behind a loaded value and the value that each key got.
#[derive(Debug)]
pub struct Sources {
    files: Vec<File>,
    figment: Figment,
    pub(super) tree: Value,
}

impl Sources {
    pub(super) fn new(files: Vec<File>, figment: Figment, tree: Value) -> Self {
        Self { files, figment, tree }
    }

    /// A mistake at `key` (`network.layers[3].conv.channels`), placed there or at the nearest table around it.
    pub fn mistake(&self, key: &str, problem: String) -> Mistake {
        self.placed(key, problem).1
    }

    /// All of `problems` (a key and a sentence each) as one error, in the order of the files.
    pub fn error(&self, problems: impl IntoIterator<Item = (String, String)>) -> Error {
        sorted(problems.into_iter().map(|(key, problem)| self.placed(&key, problem)).collect())
    }

    pub(super) fn error_of(&self, findings: Vec<Finding>) -> Error {
        let placed = |f: Finding| {
            let (rank, offset, place) = match f.at {
                At::CommandLine => self.command_line(),
                at => self.place(&f.key, at),
            };
            ((rank, offset), Mistake { place, key: f.key.to_string(), problem: f.problem })
        };
        sorted(findings.into_iter().map(placed).collect())
    }

    fn placed(&self, key: &str, problem: String) -> ((usize, usize), Mistake) {
        let (rank, offset, place) = self.place(&Key::parse(key).unwrap_or_default(), At::Value);
        ((rank, offset), Mistake { place, key: key.to_owned(), problem })
    }

    /// The rank of a value's source: the number of its file in the order of merging, then the command line.
    pub(super) fn rank(&self, tag: Tag) -> usize {
        let source = self.figment.get_metadata(tag).and_then(|metadata| metadata.source.as_ref());
        let path = source.and_then(|source| source.file_path());
        self.files.iter().position(|file| Some(file.path()) == path).unwrap_or(self.files.len())
    }

    /// Rank, offset in the file and name of the place of `key`, or of the nearest table around it that a file has.
    fn place(&self, key: &Key, at: At) -> (usize, usize, String) {
        let (seen, _) = tree::walk(&self.tree, &key.0);
        for (depth, value) in seen.iter().enumerate().rev() {
            let steps = Key(self.real_steps(&key.0[..=depth]));
            let Some(file) = self.files.get(self.rank(value.tag())) else {
                return self.command_line();
            };
            if let Some(position) = file.position(&steps) {
                let whole = depth + 1 == key.0.len();
                let offset = if whole && at == At::Value { position.value } else { position.key };
                return (self.rank(value.tag()), offset, file.place(offset));
            }
        }
        match self.files.last() {
            Some(file) => (self.files.len() - 1, 0, file.name.clone()),
            None => self.command_line(),
        }
    }

    /// `layers.2` as `layers[2]` where `layers` is a list.
    fn real_steps(&self, steps: &[super::key::Step]) -> Vec<super::key::Step> {
        let (seen, _) = tree::walk(&self.tree, steps);
        let around = std::iter::once(&self.tree).chain(seen);
        let real = |(step, around): (&super::key::Step, &Value)| match (around, step.as_index()) {
            (Value::Array(..), Some(i)) => super::key::Step::Index(i),
            _ => super::key::Step::Name(step.as_name()),
        };
        steps.iter().zip(around).map(real).collect()
    }

    fn command_line(&self) -> (usize, usize, String) {
        (self.files.len(), 0, "command line".to_owned())
    }
}

fn sorted(mut placed: Vec<((usize, usize), Mistake)>) -> Error {
    placed.sort_by_key(|(order, _)| *order);
    if placed.is_empty() {
        return plain("the file cannot be used.".to_owned());
    }
    Error::Config(placed.into_iter().map(|(_, mistake)| mistake).collect())
}
