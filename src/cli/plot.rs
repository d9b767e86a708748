//! `bntt plot`.

use super::path_argument::path;
use super::subject::{RunOrSweep, SubjectFigures};
use crate::error::{Error, Result};
use crate::report::pages;
use std::path::PathBuf;
use tracing::warn;

/// Write the figures of a run or a sweep as SVG and PNG files.
///
/// They are the figures of `bntt report`. A figure that cannot be drawn, for want of a data set or of BNTT layers, is
/// named with its reason.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt plot runs/quickstart/v0001 -o figures\n  bntt plot configs/sweeps/norms.toml --runs runs -o figures"
)]
pub struct PlotArguments {
    #[command(flatten)]
    subject: RunOrSweep,
    /// Where the files go; files of the same names are replaced.
    #[arg(short, long, value_name = "FOLDER", value_parser = path())]
    output: PathBuf,
    /// Pixels of a PNG for every pixel of its SVG.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    scale: u8,
}

pub fn plot(arguments: &PlotArguments) -> Result<()> {
    let folder = &arguments.output;
    if folder.is_file() {
        // Before anything is evaluated.
        return Err(Error::Run(format!("{}: expected a folder for the figures, found a file.", folder.display())));
    }
    let shown = match arguments.subject.read()? {
        SubjectFigures::Run(report) => report.figures,
        SubjectFigures::Sweep(report) => report.figures,
    };
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    for shown in &shown {
        match shown {
            pages::FigureOrReason::Figure(figure) => {
                let [svg, image] = super::figures::write(folder, figure, arguments.scale)?;
                super::print(&format!("{}\n{}\n", svg.display(), image.display()))?;
            }
            pages::FigureOrReason::Absent { title, reason } => warn!("not drawn: {title}: {reason}"),
        }
    }
    Ok(())
}
