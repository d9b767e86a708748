//! What figures are drawn on: sizes and fonts in pixels, finer units beneath.

use super::colours::{AXIS, INK};
use super::{Figure, printable};
use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontFamily, register_font};
use std::sync::OnceLock;

/// Units a pixel: plotters draws at whole units, and curves of whole pixels would have steps.
pub const UNIT: u32 = 4;
/// Width of a figure in pixels, unless what stands in it needs more.
pub const WIDTH: u32 = 600;
const FAMILY: &str = "sans-serif";
/// What the SVG writer divides font sizes by.
const SIZE_OF_EM: f64 = 1.24;
/// Height of the title's line in pixels.
pub const TITLE: u32 = 34;

pub type DrawArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Any failure of the drawing itself.
pub type DrawResult<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Pixels as units.
pub fn units(pixels: u32) -> i32 {
    i32::try_from(pixels.saturating_mul(UNIT)).unwrap_or(i32::MAX)
}

/// Text of a height in pixels.
pub fn text(pixels: f64) -> TextStyle<'static> {
    let font = (FAMILY, pixels * SIZE_OF_EM * f64::from(UNIT)).into_font();
    TextStyle::from(font).color(&INK)
}

/// The width of a text in pixels, in the font that PNG files are drawn with, rounded up.
pub fn width(words: &str, pixels: f64) -> u32 {
    let measured = fonts().ok().and_then(|()| text(pixels).font.box_size(words).ok());
    let width = measured.map_or(words.chars().count() as u32 * pixels as u32 * UNIT, |(width, _)| width);
    width.div_ceil(UNIT)
}

/// Draws a figure of `size` pixels with its title; `paint` has what lies below the title.
///
/// # Errors
/// [`Error::Run`] naming the figure, when it cannot be drawn.
pub fn figure(
    name: &str,
    title: &str,
    caption: &str,
    size: (u32, u32),
    paint: impl FnOnce(&DrawArea) -> DrawResult,
) -> Result<Figure> {
    let [name, title, caption] = [name, title, caption].map(printable);
    let mut svg = String::new();
    let painted = fonts().and_then(|()| {
        let area = SVGBackend::with_string(&mut svg, (size.0 * UNIT, size.1 * UNIT)).into_drawing_area();
        area.fill(&WHITE)?;
        let (head, body) = area.split_vertically(units(TITLE));
        let bold = FontDesc::new(FontFamily::SansSerif, 15.0 * SIZE_OF_EM * f64::from(UNIT), FontStyle::Bold);
        head.draw_text(&title, &TextStyle::from(bold).color(&INK), (units(8), units(9)))?;
        paint(&body)?;
        area.present()?;
        Ok(())
    });
    painted.map_err(|problem| Error::Run(format!("the figure {name:?} cannot be drawn: {problem}")))?;
    Ok(Figure { svg: with_head(&svg, &title, size), name, title, caption })
}

/// Replaces the first tag by one that shows units as pixels and says what the figure is.
fn with_head(svg: &str, title: &str, (width, height): (u32, u32)) -> String {
    let rest = svg.split_once('>').map_or("", |(_, rest)| rest);
    let (w, h) = (width * UNIT, height * UNIT);
    let label = title.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"{label}\">\n\
         <style>rect {{ shape-rendering: crispEdges }}</style>{rest}"
    )
}

/// The outline of a rectangle, a pixel wide: that of plotters' own is a unit wide, whatever is asked for.
pub fn frame(area: &DrawArea, (left, top): (i32, i32), (right, bottom): (i32, i32)) -> DrawResult {
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    Ok(area.draw(&PathElement::new(corners, AXIS.stroke_width(UNIT)))?)
}

/// plotters measures text with fonts that it was given, once a process.
fn fonts() -> DrawResult {
    static FONTS: OnceLock<bool> = OnceLock::new();
    let known = FONTS.get_or_init(|| {
        let regular = register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular());
        let bold = register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold());
        regular.is_ok() && bold.is_ok()
    });
    if *known { Ok(()) } else { Err("the program's own font cannot be read".into()) }
}
