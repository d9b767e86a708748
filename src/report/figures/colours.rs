//! Colours that people with any kind of colour vision tell apart.

use plotters::style::RGBColor;

pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub const AXIS: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub const TRAIN: LineLook = LineLook { colour: APART[0], dash: None };
pub const TEST: LineLook = LineLook { colour: APART[1], dash: None };

/// Okabe and Ito's palette (<https://jfly.uni-koeln.de/color/>) without its yellow, which is too light for lines on
/// white.
const APART: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Every eighth of the colour map viridis.
const VIRIDIS: [RGBColor; 9] = [
    RGBColor(68, 1, 84),
    RGBColor(71, 44, 122),
    RGBColor(59, 81, 139),
    RGBColor(44, 113, 142),
    RGBColor(33, 144, 141),
    RGBColor(39, 173, 129),
    RGBColor(92, 200, 99),
    RGBColor(170, 220, 50),
    RGBColor(253, 231, 37),
];

/// From dark (0) to light (1).
pub fn viridis(share: f64) -> RGBColor {
    between(&VIRIDIS, share)
}

/// From white (0) to dark blue (1).
pub fn blues(share: f64) -> RGBColor {
    between(&[RGBColor(255, 255, 255), RGBColor(107, 174, 214), RGBColor(8, 48, 107)], share)
}

/// `count` looks for lines that have an order, the last still dark enough on white.
pub fn in_order(count: usize) -> Vec<LineLook> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| LineLook::solid(viridis(0.85 * i as f64 / last))).collect()
}

/// How a line looks: its colour, and the pixels of its dashes and of the gaps between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineLook {
    pub colour: RGBColor,
    pub dash: Option<(u32, u32)>,
}

impl LineLook {
    pub fn solid(colour: RGBColor) -> Self {
        Self { colour, dash: None }
    }
}

/// Lines of all colours are solid first, then dashed, each row of colours shorter.
const DASHES: [Option<(u32, u32)>; 4] = [None, Some((9, 5)), Some((4, 4)), Some((2, 3))];

/// `count` looks for lines without an order that can be told apart, up to 28.
pub fn apart(count: usize) -> Vec<LineLook> {
    let looks = DASHES.into_iter().flat_map(|dash| APART.into_iter().map(move |colour| LineLook { colour, dash }));
    looks.cycle().take(count).collect()
}

/// Whether text on this colour must be light.
pub fn is_dark(RGBColor(r, g, b): RGBColor) -> bool {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b) < 140.0
}

fn between(colours: &[RGBColor], share: f64) -> RGBColor {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let place = share * colours.len().saturating_sub(1) as f64;
    let at = |index: usize| colours.get(index).or(colours.last()).copied().unwrap_or(INK);
    let (from, to) = (at(place.floor() as usize), at(place.ceil() as usize));
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * place.fract()).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
