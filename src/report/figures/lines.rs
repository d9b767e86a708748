//! Lines over axes, with bands around them and a legend below.

use super::axis::Axis;
use super::canvas::{DrawResult, TITLE, UNIT, WIDTH, figure, text, units, width};
use super::colours::{AXIS, GRID, INK, LineLook};
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
    pub look: LineLook,
    pub points: Vec<(f64, f64)>,
    /// (x, low, high) around the points; empty for none.
    pub band: Vec<(f64, f64, f64)>,
    /// The same as a bar at each point.
    pub bars: Vec<(f64, f64, f64)>,
    /// Whether every point has a dot.
    pub dots: bool,
    /// Whether a line goes through the points.
    pub connected: bool,
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
        let entries = self.entries();
        let left = self.left();
        let legend = FigureLegend::new(&entries, WIDTH.saturating_sub(22 + left));
        let size = (self.width().max(left + 6 + legend.width), TITLE + HEIGHT + legend.height() + 10);
        figure(self.name, self.title, self.caption, size, |area| {
            let (chart, below) = area.split_vertically(units(HEIGHT));
            self.paint(&chart, left)?;
            legend.paint(&below, left + 6)
        })
    }

    /// What the legend has.
    pub fn entries(&self) -> Vec<LegendEntry> {
        let named = self.lines.iter().filter(|line| !line.name.is_empty() && !line.points.is_empty());
        let ring = self.ring.iter().map(|(_, words)| LegendEntry {
            name: printable(words),
            look: LineLook::solid(INK),
            mark: PointMark::Ring,
        });
        named.map(PlotLine::entry).chain(ring).collect()
    }

    /// Pixels that the labels of the y axis take.
    pub fn left(&self) -> u32 {
        let widest = self.y.1.ticks.iter().map(|&tick| width(&self.y.1.label(tick), LABELS)).max().unwrap_or(0);
        widest + 38
    }

    /// Pixels from side to side: more than usual where names below the axis need it.
    pub fn width(&self) -> u32 {
        let names = self.x.1.names().iter().map(|name| width(name, LABELS) + 14).max().unwrap_or(0);
        WIDTH.max(self.left() + 16 + names * self.x.1.names().len() as u32)
    }

    pub fn paint(&self, area: &super::canvas::DrawArea, left: u32) -> DrawResult {
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
                chart.draw_series([Polygon::new(around, line.look.colour.mix(0.18))])?;
            }
        }
        for line in &self.lines {
            let colour = line.look.colour;
            let stroke = colour.stroke_width(2 * UNIT);
            let points = line.points.iter().copied();
            match (line.connected, line.look.dash) {
                (false, _) => {}
                (true, None) => drop(chart.draw_series(LineSeries::new(points, stroke))?),
                (true, Some((dash, gap))) => {
                    let dashed = DashedLineSeries::new(points, units(dash), units(gap), stroke);
                    chart.draw_series(dashed)?;
                }
            }
            let bar = |&(x, low, high): &(f64, f64, f64)| PathElement::new([(x, low), (x, high)], stroke);
            chart.draw_series(line.bars.iter().map(bar))?;
            // A single point is no line.
            if line.dots || line.points.len() == 1 {
                let dot = |&point: &(f64, f64)| Circle::new(point, units(3), colour.filled());
                chart.draw_series(line.points.iter().map(dot))?;
            }
        }
        let ring = |(point, _): &((f64, f64), String)| Circle::new(*point, units(6), INK.stroke_width(UNIT));
        chart.draw_series(self.ring.iter().map(ring))?;
        Ok(())
    }
}

impl PlotLine {
    /// A line through points, without dots and band.
    pub fn new(name: &str, look: LineLook, points: Vec<(f64, f64)>) -> Self {
        let (band, bars) = (Vec::new(), Vec::new());
        Self { name: name.into(), look, points, band, bars, dots: false, connected: true }
    }

    fn entry(&self) -> LegendEntry {
        let mark = match (self.connected, self.dots) {
            (false, _) => PointMark::Dot,
            (true, true) => PointMark::Points,
            (true, false) => PointMark::Line,
        };
        LegendEntry { name: printable(&self.name), look: self.look, mark }
    }
}
