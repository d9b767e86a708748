//! `bntt plot`.

use super::path_argument::path;
use super::subject::{RunOrSweep, SubjectFigures};
use super::tables::measure;
use crate::error::{Error, Result};
use crate::report::measure_plot::MeasurePlot;
use crate::report::pages;
use crate::report::tables::Measure;
use crate::terminal::logging::Log;
use std::path::PathBuf;
use tracing::warn;

/// Write the figures of a run or a sweep as SVG and PNG files.
///
/// They are the figures of `bntt report`. A figure that cannot be drawn, for want of a data set or of BNTT layers, is
/// named with its reason. With --x and --y, one figure of a sweep: a measure over a setting, the mean over the seeds.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt plot runs/quickstart/v0001 -o figures\n  bntt plot configs/sweeps/norms.toml --runs runs -o figures\n  \
                  bntt plot configs/sweeps/leak.toml --x network.lif.leak --y top1 -o figures\n  \
                  bntt plot configs/sweeps/norms.toml --x network.time_steps --y energy.ratio --by variant --facet network.lif.leak -o figures"
)]
pub struct PlotArguments {
    #[command(flatten)]
    subject: RunOrSweep,
    /// Where the files go; files of the same names are replaced.
    #[arg(short, long, value_name = "FOLDER", value_parser = path())]
    output: PathBuf,
    /// The setting along the x axis, such as network.lif.leak or variant.
    #[arg(long, value_name = "KEY", requires = "y")]
    x: Option<String>,
    /// What is drawn: a measure as `bntt table` shows it, such as top1, loss, firing_rate, seconds, energy.ratio.
    #[arg(long, value_name = "MEASURE", requires = "x", value_parser = measure)]
    y: Option<Measure>,
    /// Settings whose values have a line each.
    #[arg(long, value_name = "KEY,..", value_delimiter = ',', requires = "x")]
    by: Vec<String>,
    /// The setting whose values have a panel each.
    #[arg(long, value_name = "KEY", requires = "x")]
    facet: Option<String>,
    /// Pixels of a PNG for every pixel of its SVG.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    scale: u8,
}

pub fn plot(arguments: &PlotArguments, log: &Log) -> Result<()> {
    let folder = &arguments.output;
    if folder.is_file() {
        // Before anything is evaluated.
        return Err(Error::Run(format!("{}: expected a folder for the figures, found a file.", folder.display())));
    }
    let shown = match (&arguments.x, &arguments.y) {
        (Some(x), Some(y)) => vec![measure_figure(arguments, x, y)?],
        _ => match arguments.subject.read(log)? {
            SubjectFigures::Run(report) => report.figures,
            SubjectFigures::Sweep(report) => report.figures,
        },
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

/// The figure of a measure over a setting; runs that have none are warned of.
fn measure_figure(arguments: &PlotArguments, x: &str, y: &Measure) -> Result<pages::FigureOrReason> {
    let PlotArguments { by, facet, .. } = arguments;
    let (runs, axes) = arguments.subject.sweeps_runs()?;
    let request = MeasurePlot { x: x.into(), y: y.clone(), by: by.clone(), facet: facet.clone() };
    let (figure, notes) = request.draw(&runs, &axes)?;
    notes.iter().for_each(|note| warn!("not drawn: {note}"));
    Ok(pages::FigureOrReason::Figure(figure))
}
