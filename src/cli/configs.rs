//! `bntt configs`.

use super::path_argument::path;
use crate::error::{Error, Result};
use crate::files::output_folder::OutputFolder;
use crate::files::{atomic, shipped};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// List the configs that come with the program, or write them to a folder.
///
/// A program that was installed without its repository has them inside. Written are all of them, with those they are
/// based on, the sweeps and the tables; files that are there already are left as they are.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt configs\n  bntt configs --copy configs\n  \
                        bntt run configs/quickstart.toml")]
pub struct ConfigsArguments {
    /// Write them to this folder; it is made where there is none.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    copy: Option<PathBuf>,
}

pub fn configs(arguments: &ConfigsArguments) -> Result<()> {
    match &arguments.copy {
        None => super::print(&super::fitted(&list())),
        Some(folder) => super::print(&copy(folder)?),
    }
}

/// A line for every experiment, sweep and table: its path, and what its first comment says.
fn list() -> String {
    let shown = shipped::files()
        .iter()
        .filter(|(name, _)| name.ends_with(".toml") && !name.split('/').any(|part| part == "base"));
    let width = shown.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, text): &(&str, &str)| format!("{name:width$}  {}\n", first_sentence(text));
    shown.map(line).collect::<String>() + "\nbntt configs --copy configs writes them to a folder.\n"
}

/// The first sentence of the comment at the top; lines for editors, `#:schema`, are none of it.
fn first_sentence(text: &str) -> String {
    let comments = text.lines().map_while(|line| line.strip_prefix('#'));
    let lines: Vec<&str> = comments.filter(|line| !line.starts_with(':')).map(str::trim).collect();
    let comment = lines.join(" ");
    let end = comment.find(". ").unwrap_or(comment.len());
    comment[..end].trim_end_matches(['.', ':']).to_string()
}

fn copy(folder: &Path) -> Result<String> {
    OutputFolder { option: "--copy", path: folder, own: &[] }.check()?;
    let (mut written, mut changed) = (Vec::new(), Vec::new());
    for (name, text) in shipped::files() {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(found) if found == text.as_bytes() => {}
            Ok(_) => changed.push(format!("{}: left as it is; it differs from the shipped file\n", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                atomic::create_folders(path.parent().unwrap_or(folder))?;
                atomic::write_atomically(&path, text.as_bytes())?;
                written.push(path);
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        }
    }
    let files = shipped::files().len();
    Ok(changed.concat() + &format!("{}: {} of {files} files written\n", folder.display(), written.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_described_by_the_first_sentence_of_its_comment() {
        assert_eq!(first_sentence("#:schema x\n# VGG9 on\n# CIFAR-10. With BNTT.\n\n# More.\n"), "VGG9 on CIFAR-10");
        assert_eq!(first_sentence("# Which: a, b.\nname = 1"), "Which: a, b");
        assert_eq!(first_sentence("name = 1"), "");
    }
}
