//! Which file each value came from, and the place of a mistake.

use std::ops::Range;

use figment::Figment;
use figment::value::{Tag, Value};

use super::file::ConfigFile;
use super::key::{KeyPath, KeyStep};
use super::repeat::{self, Origins};
use super::{overrides, plain, tree};

use crate::error::{ArgumentPart, Error, Mistake};
use crate::files::excerpt;

/// More mistakes at once are only counted.
const MOST_MISTAKES: usize = 100;

/// Something wrong at a key, before it is known where that is in the files.
#[derive(Debug)]
pub(super) struct KeyProblem {
    pub key: KeyPath,
    pub at: PartOfKey,
    pub problem: String,
    pub repair: Repair,
    /// The key is not there.
    pub is_missing: bool,
}

/// How to go on in spite of a problem, to find what else is wrong.
#[derive(Debug, Default)]
pub(super) enum Repair {
    /// The key is read as that one.
    Rename(KeyPath),
    /// The key is left out.
    LeaveOut,
    /// The value is read as this one.
    Replace(Value),
    #[default]
    Nothing,
}

impl KeyProblem {
    pub fn new(key: KeyPath, at: PartOfKey, problem: String) -> Self {
        Self { key, at, problem, repair: Repair::Nothing, is_missing: false }
    }

    /// Of a required key that is not there; `rest` goes on with what is expected.
    pub fn missing(key: KeyPath, rest: &str) -> Self {
        Self { is_missing: true, ..Self::new(key, PartOfKey::Key, format!("this key is missing; {rest}")) }
    }

    pub fn repaired(self, repair: Repair) -> Self {
        Self { repair, ..self }
    }
}

impl Repair {
    /// The key that is meant.
    pub fn other_key(&self) -> Option<&KeyPath> {
        match self {
            Self::Rename(key) => Some(key),
            _ => None,
        }
    }
}

/// What of a key a finding points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartOfKey {
    Key,
    Value,
    /// An argument that never became a value, by its number.
    Argument(usize),
}

/// A `key=value` argument, and the steps of its key where it has one.
#[derive(Debug)]
struct OverrideArgument {
    text: String,
    steps: Option<Vec<String>>,
}

fn names(path: &KeyPath) -> Vec<String> {
    path.0.iter().map(KeyStep::as_name).collect()
}

/// The files and arguments behind a loaded value, and the value that each key got.
#[derive(Debug)]
pub struct ConfigSources {
    files: Vec<ConfigFile>,
    arguments: Vec<OverrideArgument>,
    figment: Figment,
    pub(super) tree: Value,
    /// Where entries stand in the files that repeats have moved.
    pub(super) origins: Origins,
    /// What misspelt keys are read as, and how they are written.
    pub(super) renamed: Origins,
}

impl ConfigSources {
    pub(super) fn new(files: Vec<ConfigFile>, arguments: &[String], figment: Figment, tree: Value) -> Self {
        let steps = |text: &String| overrides::parse(text).ok().map(|(path, _)| names(&path));
        let arguments = arguments.iter().map(|text| OverrideArgument { text: text.clone(), steps: steps(text) });
        let arguments = arguments.collect();
        Self { files, arguments, figment, tree, origins: Origins::new(), renamed: Origins::new() }
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

    /// Where `findings` stand, as the tree is now.
    pub(super) fn place(&self, findings: Vec<KeyProblem>) -> Vec<PlacedProblem> {
        findings.into_iter().map(|finding| PlacedProblem(self.spot(&finding.key, finding.at), finding)).collect()
    }

    /// All of `placed` as one error, in the order of the files.
    pub(super) fn error_of(&self, mut placed: Vec<PlacedProblem>) -> Error {
        placed.sort_by_key(|PlacedProblem(spot, _)| self.order(spot));
        // Counting lines for a million mistakes would take hours.
        let more = placed.len().saturating_sub(MOST_MISTAKES);
        placed.truncate(MOST_MISTAKES);
        let mistake = |PlacedProblem(spot, KeyProblem { key, problem, .. })| self.at(&spot, &key.to_string(), problem);
        error(placed.into_iter().map(mistake).collect(), more)
    }

    fn placed(&self, key: &str, problem: String) -> ((usize, usize), Mistake) {
        let spot = self.spot(&KeyPath::parse(key).unwrap_or_default(), PartOfKey::Value);
        (self.order(&spot), self.at(&spot, key, problem))
    }

    /// The rank of a value's source: the number of its file in the order of merging, then the command line.
    pub(super) fn rank(&self, tag: Tag) -> usize {
        let source = self.figment.get_metadata(tag).and_then(|metadata| metadata.source.as_ref());
        let path = source.and_then(|source| source.file_path());
        self.files.iter().position(|file| Some(file.path()) == path).unwrap_or(self.files.len())
    }

    /// Where `key` stands, or the nearest table around it that a file has.
    fn spot(&self, key: &KeyPath, at: PartOfKey) -> SourcePosition {
        if let PartOfKey::Argument(number) = at {
            let whole = self.arguments.get(number).map_or(0..0, |argument| 0..argument.text.len());
            return SourcePosition::Argument(ArgumentPart { number, is_key: false }, whole);
        }
        let (seen, _) = tree::walk(&self.tree, &key.0);
        for depth in (1..=seen.len()).rev() {
            let Some(value) = seen.get(depth.saturating_sub(1)) else { continue };
            let steps: Vec<_> = key.0.iter().take(depth).cloned().collect();
            let steps = repeat::written(&self.origins, self.real_steps(&steps));
            let steps = KeyPath(repeat::written(&self.renamed, steps));
            let rank = self.rank(value.tag());
            let whole = depth == key.0.len();
            let Some(file) = self.files.get(rank) else {
                let part = if whole && at == PartOfKey::Value { at } else { PartOfKey::Key };
                return self.argument_spot(if whole { &steps } else { key }, part);
            };
            if let Some(position) = file.position(&steps) {
                return SourcePosition::At(
                    rank,
                    if whole && at == PartOfKey::Value { position.value } else { position.key },
                );
            }
        }
        self.files.len().checked_sub(1).map_or(SourcePosition::CommandLine, SourcePosition::Whole)
    }

    /// The last argument that sets `key`, something in it, or what it is in.
    fn argument_spot(&self, key: &KeyPath, part: PartOfKey) -> SourcePosition {
        let key = names(key);
        let sets = |argument: &&OverrideArgument| {
            argument.steps.as_ref().is_some_and(|steps| key.starts_with(steps) || steps.starts_with(&key))
        };
        let last = self.arguments.iter().enumerate().rfind(|(_, argument)| sets(argument));
        let Some((number, argument)) = last else { return SourcePosition::CommandLine };
        let depth = argument.steps.as_ref().map_or(0, Vec::len);
        let span = argument_span(&argument.text, &key, depth, part);
        SourcePosition::Argument(ArgumentPart { number, is_key: part == PartOfKey::Key }, span)
    }

    /// By rank, then by place in the file.
    fn order(&self, spot: &SourcePosition) -> (usize, usize) {
        match spot {
            SourcePosition::At(rank, span) => (*rank, span.start),
            SourcePosition::Whole(rank) => (*rank, 0),
            SourcePosition::Argument(..) | SourcePosition::CommandLine => (self.files.len(), 0),
        }
    }

    fn at(&self, spot: &SourcePosition, key: &str, problem: String) -> Mistake {
        let (place, key) = ("command line".to_owned(), key.to_owned());
        match spot {
            SourcePosition::At(rank, span) => match self.files.get(*rank) {
                Some(file) => file.mistake(span, &key, problem),
                None => Mistake { place, key, problem, ..Mistake::default() },
            },
            SourcePosition::Whole(rank) => {
                let place = self.files.get(*rank).map_or(place, |file| file.name.clone());
                Mistake { place, key, problem, ..Mistake::default() }
            }
            SourcePosition::Argument(part, span) => {
                let shown = self.arguments.get(part.number).map(|argument| excerpt::of_argument(&argument.text, span));
                Mistake { place, key, problem, excerpt: shown.unwrap_or_default(), argument: Some(*part) }
            }
            SourcePosition::CommandLine => Mistake { place, key, problem, ..Mistake::default() },
        }
    }

    /// `layers.2` as `layers[2]` where `layers` is a list.
    fn real_steps(&self, steps: &[KeyStep]) -> Vec<KeyStep> {
        let (seen, _) = tree::walk(&self.tree, steps);
        let around = std::iter::once(&self.tree).chain(seen);
        let real = |(step, around): (&KeyStep, &Value)| match (around, step.as_index()) {
            (Value::Array(..), Some(i)) => KeyStep::Index(i),
            _ => KeyStep::Name(step.as_name()),
        };
        steps.iter().zip(around).map(real).collect()
    }
}

/// What of an argument that sets a key of `depth` steps a mistake at `key` is about.
fn argument_span(argument: &str, key: &[String], depth: usize, part: PartOfKey) -> Range<usize> {
    let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
    let start = name.len().saturating_add(1);
    let blank = value.len().saturating_sub(value.trim_start().len());
    let whole_value = start.saturating_add(blank)..start.saturating_add(value.trim_end().len().max(blank));
    let found = |at: usize, last: &str| at..at.saturating_add(last.len());
    match (part, key.last()) {
        // In a table that is the value.
        (PartOfKey::Key, Some(last)) if key.len() > depth => {
            value.find(last.as_str()).map_or(whole_value, |at| found(start.saturating_add(at), last))
        }
        (PartOfKey::Key, Some(last)) => name.rfind(last.as_str()).map_or(0..name.len(), |at| found(at, last)),
        _ => whole_value,
    }
}

/// A problem and where it is.
pub(super) struct PlacedProblem(SourcePosition, KeyProblem);

/// Where a mistake is.
#[derive(Debug, Clone)]
pub(super) enum SourcePosition {
    /// A file by its number, and a place in it.
    At(usize, Range<usize>),
    Whole(usize),
    Argument(ArgumentPart, Range<usize>),
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
        mistakes.push(Mistake { problem, ..Mistake::default() });
    }
    Error::of_mistakes(mistakes)
}
