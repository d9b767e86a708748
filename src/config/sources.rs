//! Which file each value came from, and the place of a mistake.

use figment::Figment;
use figment::value::{Tag, Value};

use super::file::ConfigFile;
use super::key::KeyPath;
use super::repeat::{self, Origins};
use super::{plain, tree};

use crate::error::{Error, Mistake};

/// More mistakes at once are only counted.
const MOST_MISTAKES: usize = 100;

/// Something wrong at a key, before it is known where that is in the files.
#[derive(Debug)]
pub(super) struct KeyProblem {
    pub key: KeyPath,
    pub at: PartOfKey,
    pub problem: String,
}

/// What of a key a finding points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartOfKey {
    Key,
    Value,
    /// An argument that never became a value.
    CommandLine,
}

/// The files behind a loaded value and the value that each key got.
#[derive(Debug)]
pub struct ConfigSources {
    files: Vec<ConfigFile>,
    figment: Figment,
    pub(super) tree: Value,
    /// Where entries stand in the files that repeats have moved.
    pub(super) origins: Origins,
}

impl ConfigSources {
    pub(super) fn new(files: Vec<ConfigFile>, figment: Figment, tree: Value) -> Self {
        Self { files, figment, tree, origins: Origins::new() }
    }

    /// A mistake at `key` (`network.layers[3].conv.channels`), placed there or at the nearest table around it.
    pub fn mistake(&self, key: &str, problem: String) -> Mistake {
        self.placed(key, problem).1
    }

    /// All of `problems` (a key and a sentence each) as one error, in the order of the files.
    pub fn error(&self, problems: impl IntoIterator<Item = (String, String)>) -> Error {
        let mut placed: Vec<_> = problems.into_iter().map(|(key, problem)| self.placed(&key, problem)).collect();
        placed.sort_by_key(|(order, _)| *order);
        error(placed.into_iter().map(|(_, mistake)| mistake).collect(), 0)
    }

    pub(super) fn error_of(&self, findings: Vec<KeyProblem>) -> Error {
        let spot = |finding: &KeyProblem| match finding.at {
            PartOfKey::CommandLine => SourcePosition::CommandLine,
            at => self.spot(&finding.key, at),
        };
        let mut placed: Vec<(SourcePosition, KeyProblem)> =
            findings.into_iter().map(|finding| (spot(&finding), finding)).collect();
        placed.sort_by_key(|(spot, _)| self.order(*spot));
        // Counting lines for a million mistakes would take hours.
        let more = placed.len().saturating_sub(MOST_MISTAKES);
        placed.truncate(MOST_MISTAKES);
        let mistake = |(spot, KeyProblem { key, problem, .. })| Mistake {
            place: self.words(spot),
            key: key.to_string(),
            problem,
        };
        error(placed.into_iter().map(mistake).collect(), more)
    }

    fn placed(&self, key: &str, problem: String) -> ((usize, usize), Mistake) {
        let spot = self.spot(&KeyPath::parse(key).unwrap_or_default(), PartOfKey::Value);
        (self.order(spot), Mistake { place: self.words(spot), key: key.to_owned(), problem })
    }

    /// The rank of a value's source: the number of its file in the order of merging, then the command line.
    pub(super) fn rank(&self, tag: Tag) -> usize {
        let source = self.figment.get_metadata(tag).and_then(|metadata| metadata.source.as_ref());
        let path = source.and_then(|source| source.file_path());
        self.files.iter().position(|file| Some(file.path()) == path).unwrap_or(self.files.len())
    }

    /// Where `key` stands, or the nearest table around it that a file has.
    fn spot(&self, key: &KeyPath, at: PartOfKey) -> SourcePosition {
        let (seen, _) = tree::walk(&self.tree, &key.0);
        for depth in (1..=seen.len()).rev() {
            let Some(value) = seen.get(depth.saturating_sub(1)) else { continue };
            let steps: Vec<_> = key.0.iter().take(depth).cloned().collect();
            let rank = self.rank(value.tag());
            let Some(file) = self.files.get(rank) else {
                return SourcePosition::CommandLine;
            };
            if let Some(position) = file.position(&KeyPath(repeat::written(&self.origins, self.real_steps(&steps)))) {
                let whole = depth == key.0.len();
                return SourcePosition::At(
                    rank,
                    if whole && at == PartOfKey::Value { position.value } else { position.key },
                );
            }
        }
        self.files.len().checked_sub(1).map_or(SourcePosition::CommandLine, SourcePosition::Whole)
    }

    /// By rank, then by place in the file.
    fn order(&self, spot: SourcePosition) -> (usize, usize) {
        match spot {
            SourcePosition::At(rank, offset) => (rank, offset),
            SourcePosition::Whole(rank) => (rank, 0),
            SourcePosition::CommandLine => (self.files.len(), 0),
        }
    }

    fn words(&self, spot: SourcePosition) -> String {
        let name = match spot {
            SourcePosition::At(rank, offset) => self.files.get(rank).map(|file| file.place(offset)),
            SourcePosition::Whole(rank) => self.files.get(rank).map(|file| file.name.clone()),
            SourcePosition::CommandLine => None,
        };
        name.unwrap_or_else(|| "command line".to_owned())
    }

    /// `layers.2` as `layers[2]` where `layers` is a list.
    fn real_steps(&self, steps: &[super::key::KeyStep]) -> Vec<super::key::KeyStep> {
        let (seen, _) = tree::walk(&self.tree, steps);
        let around = std::iter::once(&self.tree).chain(seen);
        let real = |(step, around): (&super::key::KeyStep, &Value)| match (around, step.as_index()) {
            (Value::Array(..), Some(i)) => super::key::KeyStep::Index(i),
            _ => super::key::KeyStep::Name(step.as_name()),
        };
        steps.iter().zip(around).map(real).collect()
    }
}

/// Where a mistake is: a file by its number, and an offset in it.
#[derive(Debug, Clone, Copy)]
enum SourcePosition {
    At(usize, usize),
    Whole(usize),
    CommandLine,
}

/// The first [`MOST_MISTAKES`] of `mistakes`, and how many more there are, with the `more` that are not among them.
pub(super) fn error(mut mistakes: Vec<Mistake>, more: usize) -> Error {
    if mistakes.is_empty() {
        return plain("the file cannot be used.".to_owned());
    }
    let more = mistakes.len().saturating_sub(MOST_MISTAKES).saturating_add(more);
    mistakes.truncate(MOST_MISTAKES);
    if more > 0 {
        let problem = format!("there are {more} more mistakes; mend these first.");
        mistakes.push(Mistake { place: String::new(), key: String::new(), problem });
    }
    Error::Config(mistakes)
}
