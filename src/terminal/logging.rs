//! What a run tells: plain lines in `log.txt`, concise lines on stderr, and neither disturbs a progress bar.
//!
//! The subscriber is installed when the program starts; the run's folder is known later. Until then the lines for
//! `log.txt` wait in memory. What the screen shows can be more or less than usual; `log.txt` has all of a run's lines
//! of [`Level::INFO`] and above in any case.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::error::{Error, Result};
use crate::files::reading;
use crate::terminal::printing::{visible, wrapped};
use crate::terminal::progress;

/// Beyond this, early lines are dropped: no run logs so much before its folder exists.
const MOST_WAITING: usize = 1 << 20;

/// The environment variable that says what the screen shows: `debug`, or `bntt::data=debug,warn`.
pub(crate) const VARIABLE: &str = "RUST_LOG";

/// What this program's events are called by.
const OWN: &str = env!("CARGO_CRATE_NAME");

/// How much the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors alone.
    Quiet,
    /// How a run goes, or what `RUST_LOG` asks for.
    Usual,
    /// What is done underneath, too.
    Verbose,
}

/// Where log lines go. Clones share their destinations.
#[derive(Clone)]
pub struct Log(Arc<LogDestinations>);

struct LogDestinations {
    /// What the screen shows.
    shown: Targets,
    file: Mutex<LogFile>,
    screen: Mutex<Box<dyn Write + Send>>,
    style: Style,
    bars: MultiProgress,
}

enum LogFile {
    Waiting(Vec<u8>),
    Open(File),
}

/// What the screen can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Progress bars can be drawn.
    pub terminal: bool,
    pub colour: bool,
    /// The terminal's width where it is not the real one; for tests.
    pub columns: Option<usize>,
}

/// Starts logging for the whole process: on stderr what `verbosity` or else `RUST_LOG` says, in the file lines of
/// [`Level::INFO`] and above and all that is on stderr.
///
/// Colours and bars appear only on a terminal, colours only unless `NO_COLOR` is set, bars only where lines of
/// [`Level::INFO`] are shown. Of other crates only warnings are shown, unless `RUST_LOG` names them.
pub fn init(verbosity: Verbosity) -> Log {
    let variable = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    let (shown, problem) = what_is_shown(verbosity, variable.as_deref());
    let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let bars = terminal && shown.would_enable(OWN, &Level::INFO);
    let style = Style { terminal: bars, colour, columns: None };
    let target = if bars { progress::standard_error() } else { ProgressDrawTarget::hidden() };
    let log = Log::showing(shown, Box::new(std::io::stderr()), style, target);
    // A second call in one process leaves the first subscriber in place.
    let _ = tracing::subscriber::set_global_default(log.subscriber());
    if let Some(problem) = problem {
        warn!("{problem}");
    }
    log
}

fn are_one_terminal(a: &(impl AsFd + IsTerminal), b: &(impl AsFd + IsTerminal)) -> bool {
    let device = |of: BorrowedFd<'_>| Some(File::from(of.try_clone_to_owned().ok()?).metadata().ok()?.rdev());
    a.is_terminal() && b.is_terminal() && device(a.as_fd()).is_some_and(|first| device(b.as_fd()) == Some(first))
}

/// The lines of this program from `level` on, and the warnings of others.
fn from_level(level: Level) -> Targets {
    Targets::new().with_default(level.min(Level::WARN)).with_target(OWN, level)
}

/// What the screen shows, and what is wrong with the variable's value.
fn what_is_shown(verbosity: Verbosity, variable: Option<&str>) -> (Targets, Option<String>) {
    let usual = from_level(Level::INFO);
    match (verbosity, variable.filter(|text| !text.trim().is_empty())) {
        (Verbosity::Quiet, _) => (from_level(Level::WARN), None),
        (Verbosity::Verbose, _) => (from_level(Level::DEBUG), None),
        (Verbosity::Usual, None) => (usual, None),
        (Verbosity::Usual, Some(text)) => match text.parse() {
            Ok(shown) => (shown, None),
            Err(problem) => {
                let problem = format!(
                    "{VARIABLE}: expected levels such as debug or {OWN}::data=debug,warn, found {text:?} ({problem}): it is ignored"
                );
                (usual, Some(problem))
            }
        },
    }
}

impl Log {
    /// Lines of `level` and above on the screen.
    pub(crate) fn new(level: Level, screen: Box<dyn Write + Send>, style: Style, bars: ProgressDrawTarget) -> Self {
        Self::showing(from_level(level), screen, style, bars)
    }

    fn showing(shown: Targets, screen: Box<dyn Write + Send>, style: Style, bars: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(bars);
        let file = Mutex::new(LogFile::Waiting(Vec::new()));
        Self(Arc::new(LogDestinations { shown, file, screen: Mutex::new(screen), style, bars }))
    }

    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::registry().with(self.clone())
    }

    /// A log that says nothing, for programs that train without a screen.
    pub fn silent() -> Self {
        let style = Style { terminal: false, colour: false, columns: None };
        Self::new(Level::ERROR, Box::new(std::io::sink()), style, ProgressDrawTarget::hidden())
    }

    /// Adds all lines from now on, and those that waited, to the end of a file: the run's `log.txt`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be opened or written.
    pub fn write_to(&self, path: &Path) -> Result<()> {
        let mut open =
            reading::own(OpenOptions::new().append(true).create(true), path).map_err(Error::io("open", path))?;
        let mut file = lock(&self.0.file);
        if let LogFile::Waiting(lines) = &*file {
            open.write_all(lines).map_err(Error::io("write", PathBuf::from(path)))?;
        }
        *file = LogFile::Open(open);
        Ok(())
    }

    /// Says how far something is, where there is no bar: on the screen, unless it is a quiet one, and in the file.
    pub(crate) fn say(&self, line: &str) {
        let time = now();
        self.store(&format!("{time} INFO  {line}\n"));
        if self.0.shown.would_enable(OWN, &Level::INFO) {
            self.show(&self.fitted(line));
        }
    }

    /// Writes a line to the screen alone, above a bar that is being drawn.
    fn show(&self, line: &str) {
        // Nothing can be done about a closed stderr, and a run of days must not end for it.
        self.0.bars.suspend(|| {
            let mut screen = lock(&self.0.screen);
            let _ = screen.write_all(format!("{line}\n").as_bytes()).and_then(|()| screen.flush());
        });
    }

    /// The columns of the terminal that lines are shown on; nothing where it is none, which has them whole.
    pub(crate) fn columns(&self) -> Option<usize> {
        let Style { terminal, columns, .. } = self.0.style;
        terminal.then(|| columns.unwrap_or_else(|| usize::from(console::Term::stderr().size().1)))
    }

    /// Whether who reads standard output reads the lines of [`Level::INFO`] as well, on one terminal.
    pub fn is_beside_standard_output(&self) -> bool {
        self.0.shown.would_enable(OWN, &Level::INFO) && are_one_terminal(&std::io::stdout(), &std::io::stderr())
    }

    /// A line that is broken where the terminal is too narrow for it.
    fn fitted(&self, line: &str) -> String {
        self.columns().map_or_else(|| line.to_string(), |columns| wrapped(line, columns))
    }

    pub(crate) fn style(&self) -> Style {
        self.0.style
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.0.bars
    }

    fn store(&self, line: &str) {
        match &mut *lock(&self.0.file) {
            LogFile::Waiting(lines) if lines.len() < MOST_WAITING => lines.extend_from_slice(line.as_bytes()),
            LogFile::Waiting(_) => {}
            // A full disk shows in the metrics, whose errors stop the run.
            LogFile::Open(file) => drop(file.write_all(line.as_bytes())),
        }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let ours = metadata.target().split("::").next() == Some(OWN);
        let of_file = *metadata.level() <= if ours { Level::INFO } else { Level::WARN };
        of_file || self.0.shown.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<S>::max_level_hint(&self.0.shown).map(|shown| shown.max(LevelFilter::INFO))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = EventText::default();
        event.record(&mut text);
        let text = text.message + &text.fields;
        let text = visible(&text);
        let level = *event.metadata().level();
        let time = now();
        // An event of several lines is told from several events by its indent.
        self.store(&format!("{time} {level:<5} {}\n", text.replace('\n', "\n    ")));
        if self.0.shown.would_enable(event.metadata().target(), &level) {
            let (label, code) = label(level);
            let line = self.fitted(&format!("{label}{text}"));
            self.show(&if self.0.style.colour { coloured(&line, (label, code)) } else { line });
        }
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// An event's message, and its other fields as ` name=value`.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// An event's label, and the code of its colour.
fn label(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("error: ", "1;31"),
        Level::WARN => ("warning: ", "1;33"),
        Level::INFO => ("", ""),
        _ => ("debug: ", "2"),
    }
}

/// A line with its label in colour, at whose end the line may have been broken.
fn coloured(line: &str, (label, code): (&str, &str)) -> String {
    let found = [label, label.trim_end()].into_iter().find_map(|label| Some((label, line.strip_prefix(label)?)));
    match found {
        Some((label, rest)) if !label.is_empty() => format!("\x1b[{code}m{label}\x1b[0m{rest}"),
        _ => line.to_string(),
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log(level: Level, colour: bool) -> (Log, Screen) {
        let screen = Screen::default();
        let style = Style { terminal: false, colour, columns: None };
        (Log::new(level, Box::new(screen.clone()), style, ProgressDrawTarget::hidden()), screen)
    }

    fn shown(screen: &Screen) -> String {
        String::from_utf8(lock(&screen.0).clone()).unwrap()
    }

    #[test]
    fn lines_from_before_the_run_folder_come_first_in_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let (log, screen) = log(Level::INFO, false);
        tracing::subscriber::with_default(log.subscriber(), || {
            tracing::info!(layers = 3, "read a.toml");
            log.write_to(&path).unwrap();
            tracing::warn!("two\nlines");
            tracing::debug!("not asked for");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].ends_with("Z INFO  read a.toml layers=3"), "{text}");
        assert!(lines[0].split(' ').next().unwrap().parse::<jiff::Timestamp>().is_ok(), "{text}");
        assert!(lines[1].ends_with("Z WARN  two"), "{text}");
        assert_eq!(lines[2], "    lines");
        assert_eq!(shown(&screen), "read a.toml layers=3\nwarning: two\nlines\n");
    }

    #[test]
    fn colours_are_on_the_screen_only_and_only_when_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let (log, screen) = log(Level::INFO, true);
        log.write_to(&path).unwrap();
        tracing::subscriber::with_default(log.subscriber(), || tracing::error!("it broke"));
        assert_eq!(shown(&screen), "\x1b[1;31merror: \x1b[0mit broke\n");
        assert!(!std::fs::read_to_string(&path).unwrap().contains('\x1b'));
    }

    #[test]
    fn a_quiet_screen_still_leaves_a_full_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let (log, screen) = log(Level::ERROR, false);
        log.write_to(&path).unwrap();
        tracing::subscriber::with_default(log.subscriber(), || tracing::info!("epoch 1"));
        assert_eq!(shown(&screen), "");
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("epoch 1\n"));
    }

    #[test]
    fn the_screen_is_quiet_verbose_or_what_the_variable_says_and_the_file_has_all_of_a_run() {
        use Verbosity::{Quiet, Usual, Verbose};
        for (verbosity, variable, expected) in [
            (Usual, None, "info\nwarning: warn\n"),
            (Usual, Some(" "), "info\nwarning: warn\n"),
            (Quiet, Some("debug"), "warning: warn\n"),
            (Verbose, Some("error"), "debug: debug\ninfo\nwarning: warn\n"),
            (Usual, Some("off"), ""),
            (Usual, Some("other=trace,bntt=warn"), "debug: other\nwarning: warn\n"),
            (Usual, Some("bntt::terminal=debug"), "debug: debug\ninfo\nwarning: warn\n"),
            (Usual, Some("bntt::train=debug"), ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log.txt");
            let screen = Screen::default();
            let style = Style { terminal: false, colour: false, columns: None };
            let (shown, problem) = what_is_shown(verbosity, variable);
            assert_eq!(problem, None);
            let log = Log::showing(shown, Box::new(screen.clone()), style, ProgressDrawTarget::hidden());
            log.write_to(&path).unwrap();
            tracing::subscriber::with_default(log.subscriber(), || {
                tracing::debug!("debug");
                tracing::debug!(target: "other::part", "other");
                tracing::info!("info");
                tracing::warn!("warn");
            });
            assert_eq!(super::tests::shown(&screen), expected, "{verbosity:?} {variable:?}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(" INFO  info\n") && text.contains(" WARN  warn\n"), "{text}");
            assert_eq!(text.contains("DEBUG"), expected.contains("debug: "), "{text}");
        }
        let (shown, problem) = what_is_shown(Usual, Some("bntt=loud"));
        assert!(shown.would_enable(OWN, &Level::INFO) && !shown.would_enable(OWN, &Level::DEBUG));
        let problem = problem.expect("it is no level");
        assert!(
            problem
                .starts_with("RUST_LOG: expected levels such as debug or bntt::data=debug,warn, found \"bntt=loud\"")
        );
    }

    #[test]
    fn other_crates_are_heard_only_when_they_warn() {
        let (log, screen) = log(Level::TRACE, false);
        tracing::subscriber::with_default(log.subscriber(), || {
            tracing::info!(target: "hyper::client", "connected");
            tracing::warn!(target: "hyper::client", "slow");
        });
        assert_eq!(shown(&screen), "warning: slow\n");
    }

    #[test]
    fn lines_fit_a_terminal_and_are_whole_elsewhere_and_in_the_file() {
        let screen = Screen::default();
        let style = Style { terminal: true, colour: true, columns: Some(20) };
        let log = Log::new(Level::INFO, Box::new(screen.clone()), style, ProgressDrawTarget::hidden());
        tracing::subscriber::with_default(log.subscriber(), || tracing::warn!("layers.2.lif hardly fires"));
        assert_eq!(shown(&screen), "\x1b[1;33mwarning:\x1b[0m\n    layers.2.lif\n    hardly fires\n");
        let (log, screen) = self::log(Level::INFO, false);
        tracing::subscriber::with_default(log.subscriber(), || tracing::warn!("{}", "a word ".repeat(50)));
        assert_eq!(shown(&screen), format!("warning: {}\n", "a word ".repeat(50)));
    }

    #[test]
    fn control_characters_in_a_message_cannot_steer_the_terminal() {
        let (log, screen) = log(Level::INFO, false);
        tracing::subscriber::with_default(log.subscriber(), || tracing::info!("data/\x1b[2Jevil"));
        assert_eq!(shown(&screen), "data/\u{fffd}[2Jevil\n");
    }
}
