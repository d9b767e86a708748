//! What can go wrong, in sentences: file, place, what was expected, what was found, what to do.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every failure the program reports. The text of each variant is a complete message for the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All mistakes of an experiment file, found in one pass.
    #[error("{}", Lines(.0))]
    Config(Vec<Mistake>),
    /// A data file that is missing, malformed or does not fit the experiment.
    #[error("{0}")]
    Data(String),
    /// Weights or a checkpoint that do not fit the network or the run.
    #[error("{0}")]
    Weights(String),
    /// A run folder that cannot be used as asked.
    #[error("{0}")]
    Run(String),
    /// A run, or the runs of a name, that another process works on.
    #[error("{0}")]
    Busy(String),
    /// Training left the finite numbers; the last good checkpoint is untouched.
    #[error("{0}")]
    Diverged(String),
    /// A run that was asked to stop. It has saved all it did and said so.
    #[error("stopped by {}", .0.name())]
    Interrupted(StopReason),
    /// A device that is absent or cannot do what was asked of it.
    #[error("{0}")]
    Device(String),
    /// Ops that gave other numbers than their CPU twins.
    #[error("{0}")]
    Selftest(String),
    /// The operating system refused a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// candle failed: a bug in this program unless memory ran out.
    #[error("{0}")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// All of `mistakes`, in their order; one that is found again, as in several runs of a sweep, is said once.
    pub fn of_mistakes(mut mistakes: Vec<Mistake>) -> Self {
        let mut said = BTreeSet::new();
        mistakes.retain(|mistake| said.insert(mistake.identity().map(str::to_owned)));
        Self::Config(mistakes)
    }

    /// For `map_err` on file operations: `fs::read(path).map_err(Error::io("read", path))`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// The process's exit code: 2 for what the user can mend, 1 for failures inside the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted(reason) => reason.exit_code(),
            Self::Tensor(_) | Self::Selftest(_) => 1,
            _ => 2,
        }
    }
}

/// Why a run is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C.
    Int,
    /// The terminal was closed.
    Hup,
    /// A cluster takes the machine away.
    Term,
    /// A cluster says that it soon will: the run is to be queued again.
    Usr1,
}

impl StopReason {
    pub const ALL: [Self; 4] = [Self::Int, Self::Hup, Self::Term, Self::Usr1];

    /// The signal's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
            Self::Term => "SIGTERM",
            Self::Usr1 => "SIGUSR1",
        }
    }

    /// The exit code of a run that stopped for it: 128 and the signal's number as shells count, or 0 for what is no
    /// failure.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Hup => 129,
            Self::Term => 143,
            Self::Usr1 => 0,
        }
    }

    /// The signal's number.
    pub fn signal(self) -> i32 {
        match self {
            Self::Int => SIGINT,
            Self::Hup => SIGHUP,
            Self::Term => SIGTERM,
            Self::Usr1 => SIGUSR1,
        }
    }
}

/// One mistake in an experiment file or in a `key=value` argument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands: `configs/a.toml:12:3`, or `command line`; empty where no source is known.
    pub place: String,
    /// The key's dotted path (`network.lif.leak`, `network.layers[3].conv.channels`); empty for the whole file.
    pub key: String,
    /// What is wrong, what was expected and what to do.
    pub problem: String,
    /// The line it stands in with carets below the place, as [`crate::files::excerpt`] draws it; empty where there is
    /// none.
    pub excerpt: String,
    /// The `key=value` argument that it is about.
    pub argument: Option<ArgumentPart>,
}

impl Mistake {
    /// What a reader sees of it. Two that are alike in this are one mistake, be it in one argument or in several.
    pub fn identity(&self) -> [&str; 4] {
        [&self.place, &self.key, &self.problem, &self.excerpt].map(String::as_str)
    }
}

/// A part of a `key=value` argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentPart {
    /// Which of the arguments, from 0.
    pub number: usize,
    /// Its key, not its value.
    pub is_key: bool,
}

/// The sentence alone, without the excerpt.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.problem)
    }
}

struct Lines<'a>(&'a [Mistake]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
            if !mistake.excerpt.is_empty() {
                write!(f, "\n{}", mistake.excerpt)?;
            }
        }
        Ok(())
    }
}
