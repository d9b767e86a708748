//! Legends: below a chart, in as many rows as they need, so that they cover nothing and nothing is cut.

use super::canvas::{DrawArea, DrawResult, text, units, width};
use super::colours::{INK, LineLook};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of a row in pixels.
const ROW: u32 = 22;
const SIZE: f64 = 12.5;
/// Of a sample and the gaps around it.
const SAMPLE: u32 = 38;
const GAP: u32 = 18;

/// What a line's points look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointMark {
    Line,
    Points,
    /// Points without a line.
    Dot,
    /// A ring around one point.
    Ring,
}

pub struct LegendEntry {
    pub name: String,
    pub look: LineLook,
    pub mark: PointMark,
}

/// Entries in rows, each with its left end in pixels.
pub struct FigureLegend<'a> {
    rows: Vec<Vec<(u32, &'a LegendEntry)>>,
    /// Of the widest row, in pixels.
    pub width: u32,
}

impl<'a> FigureLegend<'a> {
    /// Fills rows of `room` pixels; an entry that is wider has a row of its own.
    pub fn new(entries: &'a [LegendEntry], room: u32) -> Self {
        let mut legend = Self { rows: Vec::new(), width: 0 };
        let mut left = 0;
        for entry in entries {
            let wide = SAMPLE + width(&entry.name, SIZE) + GAP;
            match legend.rows.last_mut() {
                Some(row) if left + wide <= room => row.push((left, entry)),
                _ => {
                    left = 0;
                    legend.rows.push(vec![(0, entry)]);
                }
            }
            left += wide;
            legend.width = legend.width.max(left);
        }
        legend
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.rows.len() as u32 * ROW
    }

    pub fn paint(&self, area: &DrawArea, left: u32) -> DrawResult {
        let style = text(SIZE).pos(Pos::new(HPos::Left, VPos::Center));
        for (number, row) in self.rows.iter().enumerate() {
            let y = units(number as u32 * ROW + ROW / 2);
            for (start, LegendEntry { name, look, mark }) in row {
                let x = units(left + start);
                let LineLook { colour, dash } = look;
                let stroke = colour.stroke_width(2 * super::canvas::UNIT);
                let middle = (x + units(14), y);
                if matches!(mark, PointMark::Line | PointMark::Points) {
                    let (dash, gap) = dash.map_or((28, 1), |(dash, gap)| (dash, gap));
                    let starts = (0..28).step_by((dash + gap) as usize);
                    for piece in starts.map(|from| (from, (from + dash).min(28))) {
                        let ends = [(x + units(piece.0), y), (x + units(piece.1), y)];
                        area.draw(&PathElement::new(ends, stroke))?;
                    }
                }
                match mark {
                    PointMark::Line => {}
                    PointMark::Points | PointMark::Dot => {
                        area.draw(&Circle::new(middle, units(3), colour.filled()))?;
                    }
                    PointMark::Ring => {
                        area.draw(&Circle::new(middle, units(6), INK.stroke_width(super::canvas::UNIT)))?
                    }
                }
                area.draw_text(name, &style, (x + units(34), y))?;
            }
        }
        Ok(())
    }
}
