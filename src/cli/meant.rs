//! What was meant by a command line that is refused: a setting written as an option, a file that another command takes.

use super::CommandLine;
use crate::config;
use crate::error::Error;
use crate::experiment::Experiment;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::path::Path;

/// What a TOML file describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Experiment,
    Sweep,
    Table,
}

impl FileKind {
    /// By the keys that only one of them has.
    fn of_file(path: &Path) -> Option<Self> {
        let file = config::read_table(path).ok()?;
        let has = |keys: &[&str]| keys.iter().any(|key| file.contains_key(*key));
        match () {
            () if has(&["rows"]) => Some(Self::Table),
            () if has(&["network", "training", "data", "optimizer"]) => Some(Self::Experiment),
            () if has(&["grid", "zip", "variants", "seeds", "set"]) => Some(Self::Sweep),
            () => None,
        }
    }
}

/// `error` about the file at `path`, which a command takes for one of `wanted`: where it is another, which command
/// takes it.
pub fn of_other_kind(error: Error, path: &Path, wanted: &[FileKind]) -> Error {
    if !matches!(error, Error::Config(_) | Error::Run(_)) {
        return error;
    }
    let name = path.display();
    match FileKind::of_file(path).filter(|kind| !wanted.contains(kind)) {
        Some(FileKind::Experiment) => Error::Run(format!("{name} is an experiment: bntt run {name}")),
        Some(FileKind::Sweep) => Error::Run(format!("{name} is a sweep: bntt sweep {name}")),
        Some(FileKind::Table) => Error::Run(format!("{name} is a table: bntt table {name}")),
        None => error,
    }
}

/// What to write instead of options that are settings, a line each; nothing where `refused` is about something else.
pub fn settings(refused: &clap::Error, arguments: &[String]) -> Option<String> {
    let Some(ContextValue::String(invalid)) = refused.get(ContextKind::InvalidArg) else { return None };
    if refused.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let line = CommandLine::command();
    let (name, arguments) = arguments.get(1..)?.split_first()?;
    let command = line.find_subcommand(name).filter(|command| takes_settings(command))?;
    let is_option = |long: &str| command.get_arguments().any(|argument| argument.get_long() == Some(long));
    let file = arguments.iter().map(Path::new).find(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut lines = Vec::new();
    for (i, argument) in arguments.iter().enumerate() {
        let Some(option) = argument.strip_prefix("--").filter(|option| !option.is_empty()) else { continue };
        let (long, value) = option.split_once('=').map_or((option, None), |(long, value)| (long, Some(value)));
        if is_option(long) || ["help", "version"].contains(&long) {
            continue;
        }
        let last = long.rsplit('.').next().unwrap_or(long);
        let keys = config::keys_called::<Experiment>(last, file);
        let keys: Vec<&String> = keys.iter().filter(|key| last == long || key.ends_with(long)).collect();
        let after = || arguments.get(i.saturating_add(1)).map(String::as_str).filter(|next| is_value(next));
        let value = value.or_else(after).unwrap_or("VALUE");
        let written: Vec<String> = keys.iter().map(|key| quoted(&format!("{key}={value}"))).collect();
        match written.split_last() {
            Some((last, [])) => lines.push(format!("--{long} is no option; write {last}")),
            Some((last, first)) => lines.push(format!("--{long} is no option; write {} or {last}", first.join(", "))),
            // clap has the better word, and one for all.
            None if invalid.trim_start_matches('-') == long => return None,
            None => {}
        }
    }
    (!lines.is_empty()).then(|| {
        format!("error: {}\nSettings have no dashes: bntt {name} --help lists the options.\n", lines.join("\nerror: "))
    })
}

fn takes_settings(command: &clap::Command) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == "overrides")
}

fn is_value(text: &str) -> bool {
    !text.contains('=') && !text.ends_with(".toml") && (!text.starts_with('-') || text.parse::<f64>().is_ok())
}

/// As a shell takes it for one argument.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-=/:+,".contains(c);
    if argument.chars().all(is_plain) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', "'\\''")) }
}
