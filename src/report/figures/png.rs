//! SVG to PNG, with the program's own font.

use super::Figure;
use crate::error::{Error, Result};
use resvg::{tiny_skia, usvg};
use std::sync::Arc;

/// A figure as a PNG file, `scale` pixels a pixel of the SVG.
///
/// # Errors
/// [`Error::Run`] naming the figure, when it cannot be drawn.
pub fn png(figure: &Figure, scale: f32) -> Result<Vec<u8>> {
    let refuse = |problem: &str| Error::Run(format!("the figure {:?} cannot be drawn as PNG: {problem}", figure.name));
    let mut fonts = usvg::fontdb::Database::new();
    for font in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_source(usvg::fontdb::Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(&figure.svg, &options).map_err(|e| refuse(&e.to_string()))?;
    let size = tree.size().to_int_size().scale_by(scale).ok_or_else(|| refuse("it has no size"))?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| refuse("there is no memory for it"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| refuse(&e.to_string()))
}
