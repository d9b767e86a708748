//! Lines over axes, with bands around them and a legend below.

use super::axis::Axis;
use super::canvas::{DrawResult, TITLE, UNIT, WIDTH, figure, text, units, width};
use super::colours::{AXIS, GRID, INK};
use super::legend::{FigureLegend, LegendEntry, PointMark};
use super::{Figure, printable};
use crate::error::Result;
use plotters::prelude::*;

/// Height of the chart without title and legend, in pixels.
const HEIGHT: u32 = 306;
const LABELS: f64 = 12.5;

pub struct PlotLine {
    /// For the legend; empty where the axis says it all.
    pub name: String,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
    /// (x, low, high) around the points; empty for none.
    pub band: Vec<(f64, f64, f64)>,
    /// Whether every point has a dot.
    pub dots: bool,
}

pub struct Chart<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub caption: &'a str,
    pub x: (&'a str, Axis),
    pub y: (&'a str, Axis),
    pub lines: Vec<PlotLine>,
    /// A point with a ring around it, and what the legend says of it.
    pub ring: Option<((f64, f64), String)>,
}

impl Chart<'_> {
    pub fn draw(&self) -> Result<Figure> {
        let named = self.lines.iter().filter(|line| !line.name.is_empty() && !line.points.is_empty());
        let mut entries: Vec<LegendEntry> = named.map(PlotLine::entry).collect();
        let ring = self.ring.iter().map(|(_, words)| LegendEntry {
            name: printable(words),
            colour: INK,
            mark: PointMark::Ring,
        });
        entries.extend(ring);
        let widest = self.y.1.ticks.iter().map(|&tick| width(&self.y.1.label(tick), LABELS)).max().unwrap_or(0);
        let left = widest + 38;
        let legend = FigureLegend::new(&entries, WIDTH.saturating_sub(22 + left));
        let size = (WIDTH.max(left + 6 + legend.width), TITLE + HEIGHT + legend.height() + 10);
        figure(self.name, self.title, self.caption, size, |area| {
            let (chart, below) = area.split_vertically(units(HEIGHT));
            self.paint(&chart, left)?;
            legend.paint(&below, left + 6)
        })
    }

    fn paint(&self, area: &super::canvas::DrawArea, left: u32) -> DrawResult {
        let mut chart = ChartBuilder::on(area)
            .margin_top(units(6))
            .margin_left(units(6))
            .margin_right(units(16))
            .margin_bottom(units(6))
            .x_label_area_size(units(46))
            .y_label_area_size(units(left))
            .build_cartesian_2d(self.x.1.clone(), self.y.1.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(UNIT))
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS.stroke_width(UNIT))
            .set_all_tick_mark_size(units(5))
            .label_style(text(LABELS))
            .axis_desc_style(text(13.0))
            .x_desc(self.x.0)
            .y_desc(self.y.0)
            .draw()?;
        for line in &self.lines {
            let there = line.band.iter().map(|&(x, low, _)| (x, low));
            let back = line.band.iter().rev().map(|&(x, _, high)| (x, high));
            let around: Vec<_> = there.chain(back).collect();
            if around.len() > 2 {
                chart.draw_series([Polygon::new(around, line.colour.mix(0.18))])?;
            }
        }
        for line in &self.lines {
            chart.draw_series(LineSeries::new(line.points.iter().copied(), line.colour.stroke_width(2 * UNIT)))?;
            // A single point is no line.
            if line.dots || line.points.len() == 1 {
                let dot = |&point: &(f64, f64)| Circle::new(point, units(3), line.colour.filled());
                chart.draw_series(line.points.iter().map(dot))?;
            }
        }
        let ring = |(point, _): &((f64, f64), String)| Circle::new(*point, units(6), INK.stroke_width(UNIT));
        chart.draw_series(self.ring.iter().map(ring))?;
        Ok(())
    }
}

impl PlotLine {
    fn entry(&self) -> LegendEntry {
        let mark = if self.dots { PointMark::Points } else { PointMark::Line };
        LegendEntry { name: printable(&self.name), colour: self.colour, mark }
    }
}
