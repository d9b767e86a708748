//! `--figures DIR`: figures as SVG and PNG files.

use super::path_argument::path;
use crate::error::{Error, Result};
use crate::files::output;
use crate::report::figures::{Figure, png};
use std::path::{Path, PathBuf};
use tracing::info;

/// Where a command writes its figures.
#[derive(clap::Args)]
pub struct Figures {
    /// Write the figures as SVG and PNG into this folder; files of the same names are replaced.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    figures: Option<PathBuf>,
}

impl Figures {
    /// Draws and writes what `figures` gives, if a folder was named, and says where on standard error.
    pub fn write(&self, figures: impl FnOnce() -> Result<Vec<Figure>>) -> Result<()> {
        let Some(folder) = &self.figures else { return Ok(()) };
        for figure in figures()? {
            for path in write(folder, &figure, 2)? {
                info!("{}", path.display());
            }
        }
        Ok(())
    }
}

/// Writes a figure as SVG and as PNG of `scale` pixels for each of the SVG's, and tells their paths.
pub fn write(folder: &Path, figure: &Figure, scale: u8) -> Result<[PathBuf; 2]> {
    if folder.is_file() {
        return Err(Error::Run(format!("{}: expected a folder for the figures, found a file.", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let paths = ["svg", "png"].map(|kind| folder.join(format!("{}.{kind}", figure.name)));
    let [svg, image] = &paths;
    output::write(svg, figure.svg.as_bytes(), &[])?;
    output::write(image, &png(figure, f32::from(scale))?, &[])?;
    Ok(paths)
}
