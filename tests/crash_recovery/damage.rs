//! Run folders of which a file was damaged, cut, lost or replaced: what comes of such a run is what would have come of
//! it, or it is refused; `bntt doctor` says which; and nothing is lost.
//!
//! `BNTT_DAMAGES=60 cargo test --release --test crash_recovery damage` damages every file at so many places.

use crate::workspace::{Workspace, comparable};
use bntt::error::Error;
use bntt::rng::{Purpose, Stream};
use bntt::system::signals::Stop;
use bntt::terminal::logging::Log;
use bntt::train::session::{self, SessionOptions};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Few steps, so that much can be tried.
const TEXT: &str = "name = 'short'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 48, test = 20 }\n\
    augment = { crop_padding = 1 }\n[network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 12 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 4\ncheckpoint_every = { steps = 1 }\nthreads = 1\n";

const RUN: &str = "runs/short/v0001";

/// Everything in a folder but the lock, which names its last holder: files by content, others by what they are.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder").map(|entry| entry.expect("an entry")) {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                folders.push(path);
            } else if entry.file_name() != "lock" {
                let name = path.strip_prefix(folder).expect("inside").to_path_buf();
                found.insert(
                    name,
                    if kind.is_file() { fs::read(&path).expect("a file") } else { format!("{kind:?}").into() },
                );
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
    assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().expect("cp").success());
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip { place: usize, bit: u8 },
    Zeros { place: usize },
    Cut { place: usize },
    Digit { place: usize },
    More,
    Empty,
    Lost,
    Pipe,
    Link,
}

impl Damage {
    /// Some of each kind, at places that a stream of random numbers tells.
    fn all(file: usize, length: usize, places: u64) -> Vec<Self> {
        let stream = Stream::new(7, Purpose::Synthetic, 0, 0, file);
        let place = |number: u64| stream.below(number, length.max(1) as u32) as usize;
        let mut all = vec![Self::More, Self::Empty, Self::Lost, Self::Pipe, Self::Link];
        for n in 0..places {
            all.push(Self::Flip { place: place(5 * n), bit: (stream.below(5 * n + 4, 8)) as u8 });
            all.push(Self::Zeros { place: place(5 * n + 1) });
            all.push(Self::Cut { place: place(5 * n + 2) });
            all.push(Self::Digit { place: place(5 * n + 3) });
        }
        all
    }

    /// Does it; `false` where the file would stay as it is.
    fn to(self, path: &Path) -> bool {
        let whole = fs::read(path).expect("a file");
        let mut bytes = whole.clone();
        match self {
            Self::Flip { place, bit } => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << bit),
            Self::Zeros { place } => bytes.iter_mut().skip(place).take(16).for_each(|byte| *byte = 0),
            Self::Cut { place } => bytes.truncate(place),
            // A number that is another number.
            Self::Digit { place } => {
                let digit = bytes.iter_mut().skip(place).find(|byte| byte.is_ascii_digit());
                digit.into_iter().for_each(|byte| *byte = b'0' + (*byte - b'0' + 1) % 10);
            }
            Self::More => bytes.extend_from_slice(b"more\n"),
            Self::Empty => bytes.clear(),
            Self::Lost | Self::Pipe | Self::Link => {
                fs::remove_file(path).expect("a file");
                match self {
                    Self::Pipe => {
                        assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
                    }
                    Self::Link => std::os::unix::fs::symlink("/nowhere/at/all", path).expect("a link"),
                    _ => {}
                }
                return true;
            }
        }
        if bytes == whole {
            return false;
        }
        fs::write(path, bytes).expect("a file");
        true
    }
}

/// Damages every file of the run in `workspace`, continues it, and compares with `expected`: how many went on, and how
/// many were refused.
fn damaged_everywhere(workspace: &Workspace, expected: &[(String, Vec<u8>)], places: u64) -> (usize, usize) {
    let (run, kept) = (workspace.path(RUN), workspace.path("kept"));
    copy(&run, &kept);
    let (mut went_on, mut refused) = (0, 0);
    for (number, (file, content)) in snapshot(&kept).into_iter().enumerate() {
        for damage in Damage::all(number, content.len(), places) {
            fs::remove_dir_all(&run).expect("a folder");
            copy(&kept, &run);
            if !damage.to(&run.join(&file)) {
                continue;
            }
            let when = format!("{damage:?} of {}", file.display());
            let before = snapshot(&run);
            let (healthy, diagnosis) = workspace.run(&["doctor", RUN]);
            assert_eq!(snapshot(&run), before, "a doctor changes nothing: {when}");
            let (code, said) = workspace.run(&["resume", RUN]);
            let refusals = ["it cannot be resumed", "config.toml cannot be used", "is not a run folder"];
            let promised = !refusals.iter().any(|refusal| diagnosis.contains(refusal));
            assert_eq!(promised, code == Some(0), "{when}: the doctor says\n{diagnosis}\nand resume says\n{said}");
            match code {
                Some(0) => {
                    let found = comparable(&run);
                    for ((name, expected), (_, found)) in expected.iter().zip(&found) {
                        assert!(expected == found, "{when}: another {name}; the doctor says\n{diagnosis}");
                    }
                    assert_eq!(expected.len(), found.len(), "{when}");
                    went_on += 1;
                }
                Some(2) => {
                    assert!(said.contains("error: "), "{when}: {said}");
                    assert_eq!(healthy, Some(2), "{when}: {diagnosis}");
                    assert_eq!(snapshot(&run), before, "what is refused is left as it was: {when}");
                    refused += 1;
                }
                other => panic!("{when}: exit code {other:?}: {said}"),
            }
        }
    }
    (went_on, refused)
}

/// The run of `short.toml`, asked to stop the `n`th time that it asks.
fn stopped(workspace: &Workspace, n: u64) {
    let (runs, log) = (workspace.path("runs"), Log::silent());
    let options = SessionOptions { stop: Stop::after(n), ..SessionOptions::new(&runs, &log) };
    let ended = session::start(&workspace.path("short.toml"), &[], options);
    assert!(matches!(ended, Err(Error::Interrupted(_))), "{ended:?}");
}

fn places() -> u64 {
    std::env::var("BNTT_DAMAGES").ok().and_then(|places| places.parse().ok()).unwrap_or(1)
}

#[test]
fn a_run_whose_files_were_damaged_goes_on_as_if_nothing_had_happened_or_is_refused() {
    let workspace = Workspace::with("short.toml", TEXT);
    assert_eq!(workspace.run(&["run", "short.toml"]).0, Some(0));
    let expected = comparable(&workspace.path(RUN));
    let (went_on, refused) = damaged_everywhere(&workspace, &expected, places());
    println!("complete: {went_on} went on, {refused} were refused");
    assert!(went_on > 5 && refused > 20, "{went_on} {refused}");
}

#[test]
fn a_stopped_run_whose_files_were_damaged_goes_on_as_if_nothing_had_happened_or_is_refused() {
    let whole = Workspace::with("short.toml", TEXT);
    assert_eq!(whole.run(&["run", "short.toml"]).0, Some(0));
    let expected = comparable(&whole.path(RUN));
    // In the middle of epoch 3: two epochs, two steps, a best checkpoint.
    let workspace = Workspace::with("short.toml", TEXT);
    stopped(&workspace, 15);
    let (_, said) = workspace.run(&["doctor", RUN]);
    assert!(said.contains("goes on after epoch 2 and 2 steps"), "{said}");
    let (went_on, refused) = damaged_everywhere(&workspace, &expected, places());
    println!("stopped: {went_on} went on, {refused} were refused");
    assert!(went_on > 20 && refused > 20, "{went_on} {refused}");
}

/// Validation images, a test at the end, and a config of before beside that of now.
#[test]
fn a_run_that_was_tested_and_made_longer_goes_on_as_if_nothing_had_happened_or_is_refused() {
    let held = "validation = { share = 0.25 }\nlimit = { train = 96, ";
    let text = TEXT.replace("limit = { train = 48, ", held).replace("epochs = 4", "epochs = 2");
    let workspace = Workspace::with("short.toml", &text);
    for arguments in [&["run", "short.toml"][..], &["resume", RUN, "training.epochs=3"]] {
        let (code, said) = workspace.run(arguments);
        assert!(code == Some(0) && said.contains("test loss"), "{said}");
    }
    let expected = comparable(&workspace.path(RUN));
    let (went_on, refused) = damaged_everywhere(&workspace, &expected, places());
    println!("longer: {went_on} went on, {refused} were refused");
    assert!(went_on > 5 && refused > 20, "{went_on} {refused}");
}
