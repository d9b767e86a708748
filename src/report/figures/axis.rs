//! Axes: what they span, where their ticks are, how their numbers are written.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// Ticks that an axis should have, more or less.
const TICKS: f64 = 6.0;
/// So many values have a tick each.
const MOST_MARKED: usize = 8;

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    pub ticks: Vec<f64>,
    /// Digits after the point.
    digits: usize,
    /// Of places without an order, from 0 on; empty where the axis has numbers.
    names: Vec<String>,
}

impl Axis {
    /// A place for every name, at 0, 1, 2 and so on.
    pub fn named(names: &[String]) -> Self {
        let count = names.len().max(1) as f64;
        let ticks = (0..names.len()).map(|place| place as f64).collect();
        Self { low: -0.5, high: count - 0.5, log: false, ticks, digits: 0, names: names.to_vec() }
    }

    /// The places' names; none where the axis has numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Spans the finite ones of `values` and a little more.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = span(values);
        let room = if high > low { 0.05 * (high - low) } else { (0.1 * high.abs()).max(1e-3) };
        Self::linear(low - room, high + room)
    }

    /// Spans 0 and the finite ones of `values`.
    pub fn from_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let (_, high) = span(values);
        Self::linear(0.0, if high > 0.0 { 1.05 * high } else { 1.0 })
    }

    /// The same in percent: no tick stands beyond 100 or below 0.
    pub fn percent(values: impl IntoIterator<Item = f64>) -> Self {
        let mut axis = Self::around(values);
        axis.low = axis.low.max(-2.0);
        axis.high = axis.high.min(102.0).max(axis.low + 1.0);
        let Self { low, high, .. } = axis;
        let mut axis = Self::linear(low, high);
        axis.ticks.retain(|tick| (0.0..=100.0).contains(tick));
        axis
    }

    /// Whole numbers from 1 to `last`.
    pub fn epochs(last: usize) -> Self {
        let last = last.max(1) as f64;
        let room = (0.02 * last).max(0.25);
        let step = nice(((last - 1.0) / TICKS).max(1.0)).max(1.0);
        let ticks = multiples(step, 1.0, last);
        Self { low: 1.0 - room, high: last + room, log: false, ticks, digits: 0, names: Vec::new() }
    }

    /// Ticks at the values themselves, as long as they are few; logarithmic where they span two powers of ten or more.
    pub fn marked(values: &[f64]) -> Self {
        let mut ticks: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let (low, high) = span(ticks.iter().copied());
        let is_wide = low > 0.0 && high >= 100.0 * low;
        let Self { low, high, .. } = Self::around(ticks.iter().copied());
        match (ticks.len() <= MOST_MARKED, is_wide) {
            (_, true) => Self { ticks, ..Self::log(values) },
            (false, false) => Self::linear(low, high),
            (true, false) => {
                let behind_point = |tick: &f64| format!("{tick}").split_once('.').map_or(0, |(_, digits)| digits.len());
                let digits = ticks.iter().map(behind_point).max().unwrap_or(0).min(5);
                Self { digits, ticks, ..Self::linear(low, high) }
            }
        }
    }

    /// Whole numbers from 0 to `last`.
    pub fn counted(last: usize) -> Self {
        let last = last.max(1) as f64;
        let step = nice((last / TICKS).max(1.0)).max(1.0);
        let ticks = multiples(step, 0.0, last);
        Self { low: 0.0, high: 1.02 * last, log: false, ticks, digits: 0, names: Vec::new() }
    }

    /// Powers of ten around `values`; linear where one of them is not above 0.
    pub fn log(values: &[f64]) -> Self {
        let (low, high) = span(values.iter().copied());
        if low <= 0.0 {
            return Self::from_zero(values.iter().copied());
        }
        let (mut first, mut last) = ((low.log10() - 0.1).floor(), (high.log10() + 0.1).ceil());
        if last - first < 1.5 {
            (first, last) = (first - 0.5, last + 0.5);
        }
        let every = ((last - first) / 8.0).ceil().max(1.0);
        let ticks = multiples(every, first, last).into_iter().map(|power| 10f64.powf(power)).collect();
        Self { low: 10f64.powf(first), high: 10f64.powf(last), log: true, ticks, digits: 0, names: Vec::new() }
    }

    fn linear(low: f64, high: f64) -> Self {
        let step = nice((high - low) / TICKS);
        let digits = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        Self { low, high, log: false, ticks: multiples(step, low, high), digits, names: Vec::new() }
    }

    /// A tick's number as it is written.
    pub fn label(&self, value: f64) -> String {
        if let Some(name) = self.names.get(value.round().max(0.0) as usize) {
            return name.clone();
        }
        let size = value.abs();
        match (self.log, size) {
            (_, 0.0) => "0".into(),
            (true, 0.001..10_000.0) => format!("{value}"),
            (true, _) => format!("{value:e}"),
            (false, 0.0..100_000.0) if self.digits <= 5 => format!("{value:.*}", self.digits),
            _ => format!("{value:.1e}"),
        }
    }
}

/// The least and the greatest of the finite values; (0, 1) where there is none.
fn span(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    // Larger ones would overflow where an axis is extended.
    let finite = values.into_iter().filter(|value| value.is_finite() && value.abs() < 1e300);
    let both = finite.fold(None, |both: Option<(f64, f64)>, value| match both {
        Some((low, high)) => Some((low.min(value), high.max(value))),
        None => Some((value, value)),
    });
    both.unwrap_or((0.0, 1.0))
}

/// The next 1, 2 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= step * 0.999).unwrap_or(10.0);
    let step = times * power;
    if step.is_finite() && step > 0.0 { step } else { 1.0 }
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let count = ((high - low) / step + 2.0).clamp(0.0, 100.0) as usize;
    let all = (0..count).map(|i| (first + i as f64) * step);
    all.filter(|&tick| tick <= high + step * 1e-9).collect()
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, &value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = match self.log {
            true => (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        // What lies far outside is drawn outside, not where an overflow would put it.
        let share = if share.is_finite() { share.clamp(-1.0, 2.0) } else { 0.0 };
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        assert_eq!(labels(&Axis::from_zero([0.69, 0.01])), ["0", "0.2", "0.4", "0.6"]);
        assert_eq!(labels(&Axis::percent([78.4, 100.0])), ["80", "85", "90", "95", "100"]);
        assert_eq!(labels(&Axis::epochs(3)), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::epochs(100)), ["20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::epochs(1)), ["1"]);
        assert_eq!(labels(&Axis::counted(2)), ["0", "1", "2"]);
        assert_eq!(labels(&Axis::counted(100)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::around([0.254, 0.255])), ["0.2540", "0.2542", "0.2544", "0.2546", "0.2548", "0.2550"]);
    }

    #[test]
    fn few_values_have_a_tick_each_and_names_a_place() {
        assert_eq!(labels(&Axis::marked(&[20.0, 5.0, 10.0, 5.0])), ["5", "10", "20"]);
        assert_eq!(labels(&Axis::marked(&[0.5, 0.95, 0.9])), ["0.50", "0.90", "0.95"]);
        assert_eq!(labels(&Axis::marked(&[0.001, 0.1])), ["0.001", "0.1"]);
        let many: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(labels(&Axis::marked(&many)), ["0", "5", "10", "15"]);
        let names = Axis::named(&["BNTT".into(), "no norm".into()]);
        assert_eq!(
            (labels(&names), names.map(&0.0, (0, 400)), names.map(&1.0, (0, 400))),
            (vec!["BNTT".into(), "no norm".into()], 100, 300)
        );
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten_and_falls_back_where_a_rate_is_zero() {
        assert_eq!(labels(&Axis::log(&[0.1, 0.0001])), ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]);
        assert!(Axis::log(&[0.001]).ticks.len() >= 2);
        assert_eq!(labels(&Axis::log(&[0.1, 0.0])), ["0", "0.02", "0.04", "0.06", "0.08", "0.10"]);
    }

    #[test]
    fn no_numbers_and_absurd_ones_still_make_an_axis() {
        for values in [vec![], vec![f64::NAN], vec![1e299, -1e299], vec![0.0, 0.0], vec![1e-308], vec![5.0]] {
            for axis in [
                Axis::around(values.clone()),
                Axis::from_zero(values.clone()),
                Axis::percent(values.clone()),
                Axis::log(&values),
            ] {
                assert!(axis.low < axis.high && axis.ticks.len() <= 100, "{values:?}: {axis:?}");
                let place = axis.map(&1.0, (0, 1000));
                assert!((-1000..=2000).contains(&place), "{values:?}: {place}");
            }
        }
    }
}
