//! `bntt man`.

use super::CommandLine;
use super::path_argument::path;
use crate::error::{Error, Result};
use crate::files::atomic::{create_folders, write_atomically};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

/// Write the manual pages: bntt.1, and one for each command.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt man ~/.local/share/man/man1    # then: man bntt-run")]
pub struct ManArguments {
    /// Where the pages go; the folder is made where there is none.
    #[arg(value_name = "DIR", value_parser = path())]
    folder: PathBuf,
}

pub fn man(arguments: &ManArguments) -> Result<()> {
    create_folders(&arguments.folder)?;
    let mut program = CommandLine::command().disable_help_subcommand(true);
    program.build();
    let pages = program.get_subcommands().try_fold(1usize, |pages, command| {
        write(&arguments.folder, command.clone())?;
        Ok::<_, Error>(pages.saturating_add(1))
    })?;
    write(&arguments.folder, program)?;
    super::print(&format!("{pages} pages: {}\n", arguments.folder.display()))
}

fn write(folder: &Path, command: Command) -> Result<()> {
    // `bntt-run`, as `man` is asked for it.
    let name = command.get_display_name().unwrap_or(command.get_name()).to_string();
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    let version = concat!("bntt ", env!("CARGO_PKG_VERSION"));
    Man::new(command)
        .title(name)
        .source(version)
        .manual("bntt")
        .render(&mut page)
        .map_err(Error::io("write", &path))?;
    write_atomically(&path, &page)
}
