//! `bntt archive`.

use super::path_argument::path;
use crate::error::Result;
use crate::run::archive;
use std::path::PathBuf;

/// Put runs out of the way, or bring them back.
///
/// runs/a/v0001 becomes runs/.archive/a/v0001. `list`, sweeps, tables and --resume-or-start do not find it there, and a
/// sweep that it belonged to trains it again; every command takes it by its path, and `list --archived` shows it. Its
/// number is not given to another run. A run at work is refused.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt archive runs/quickstart/v0001 runs/old/v*\n  bntt archive --restore runs/quickstart/v0001"
)]
pub struct ArchiveArguments {
    /// Run folders, each of one version.
    #[arg(required = true, value_name = "RUN", value_parser = path())]
    runs: Vec<PathBuf>,
    /// Bring archived runs back, named by their paths in the archive or by those of before.
    #[arg(long)]
    restore: bool,
}

pub fn archive(arguments: &ArchiveArguments) -> Result<()> {
    for run in &arguments.runs {
        let to = if arguments.restore { archive::restore(run)? } else { archive::archive(run)? };
        super::print(&format!("{}\n", to.display()))?;
    }
    Ok(())
}
