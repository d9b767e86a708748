//! Formats counts, bytes and energies for people: 1,234, 1.4 GiB, 12.3 uJ; and columns of them in one unit.

const COUNTS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
const ENERGIES: [&str; 5] = ["pJ", "nJ", "uJ", "mJ", "J"];

/// Numbers in the unit of the largest, with four significant digits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberColumn {
    unit: &'static str,
    pub cells: Vec<String>,
}

impl NumberColumn {
    /// `name (unit)`; the name alone where the numbers have none.
    pub fn heading(&self, name: &str) -> String {
        if self.unit.is_empty() { name.into() } else { format!("{name} ({})", self.unit) }
    }
}

/// Counts as a column in one decimal unit.
pub fn counts(numbers: &[f64]) -> NumberColumn {
    in_one_unit(numbers, &COUNTS)
}

/// Energies, given in picojoule, as a column in one unit.
pub fn energies(picojoule: &[f64]) -> NumberColumn {
    in_one_unit(picojoule, &ENERGIES)
}

fn in_one_unit(numbers: &[f64], units: &[&'static str]) -> NumberColumn {
    let mut largest = numbers.iter().copied().filter(|number| number.is_finite()).fold(0.0, f64::max);
    let (mut scale, mut places) = (1.0, units.iter());
    let mut unit = places.next();
    while largest >= 1000.0
        && let Some(next) = places.next()
    {
        (largest, scale, unit) = (largest / 1000.0, scale * 1000.0, Some(next));
    }
    let is_whole = |number: f64| scale == 1.0 && number.fract() == 0.0;
    let cell = |&number: &f64| if is_whole(number) { format!("{number:.0}") } else { significant(number / scale, 4) };
    NumberColumn { unit: unit.copied().unwrap_or_default(), cells: numbers.iter().map(cell).collect() }
}

/// A number with so many significant digits, without an exponent: 12.34, 0.001234, 0; at most nine behind the point.
pub fn significant(number: f64, digits: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let behind = digits.saturating_sub(1);
    // As it is rounded: 9.9999 has two digits before the point.
    let exponent = format!("{number:.behind$e}").split_once('e').and_then(|(_, exponent)| exponent.parse::<i64>().ok());
    let decimals = (behind as i64).saturating_sub(exponent.unwrap_or_default()).clamp(0, 9) as usize;
    format!("{number:.decimals$}")
}

/// 1234567 as "1,234,567".
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && digits.len().saturating_sub(i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in binary units: "1.4 GiB".
pub fn bytes(number: usize) -> String {
    scaled(number as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Counts in decimal units: "194.7 M".
pub fn count(number: u64) -> String {
    scaled(number as f64, 1000.0, &COUNTS)
}

/// Seconds as people say them: "9.5 s", "12 min 3 s", "5 h 20 min".
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A time that is known roughly, as people say it: "0.4 s", "42 s", "12 min", "5 h 20 min", "3 days 4 h".
pub fn rough_duration(seconds: f64) -> String {
    let whole = |unit: f64| (seconds.max(0.0) / unit).round() as u64;
    let (minutes, hours) = (whole(60.0), whole(3600.0));
    match seconds {
        _ if seconds < 0.95 => format!("{seconds:.1} s"),
        _ if seconds < 99.5 => format!("{seconds:.0} s"),
        _ if minutes < 60 => format!("{minutes} min"),
        _ if hours < 48 => match minutes % 60 {
            0 => format!("{} h", minutes / 60),
            rest => format!("{} h {rest} min", minutes / 60),
        },
        _ => match hours % 24 {
            0 => format!("{} days", hours / 24),
            rest => format!("{} days {rest} h", hours / 24),
        },
    }
}

/// A short time: "0.42 ms", "32 ms", "320 ms", "3.2 s".
pub fn milliseconds(seconds: f64) -> String {
    match seconds * 1e3 {
        short if short < 9.95 => format!("{short:.2} ms"),
        short if short < 999.5 => format!("{short:.0} ms"),
        short if short < 9950.0 => format!("{seconds:.1} s"),
        _ => rough_duration(seconds),
    }
}

/// `42s`, `1m05s`, `2h10m`, `5d03h`.
pub fn short_duration(seconds: f64) -> String {
    // `as` saturates; an endless time is shown as a very long one.
    let seconds = seconds.round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (minutes, hours, days) {
        (0, ..) => format!("{seconds}s"),
        (_, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (.., 0) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d{:02}h", days.min(999), hours % 24),
    }
}

fn scaled(mut number: f64, base: f64, units: &[&str]) -> String {
    let (mut units, mut digits) = (units.iter(), 0);
    let mut unit = units.next();
    while number >= base
        && let Some(next) = units.next()
    {
        (number, unit, digits) = (number / base, Some(next), 1);
    }
    format!("{number:.digits$} {}", unit.unwrap_or(&"")).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_say_them() {
        assert_eq!(
            [9.46, 59.4, 59.9, 723.0, 19_230.0].map(duration),
            ["9.5 s", "59.4 s", "1 min 0 s", "12 min 3 s", "5 h 20 min"]
        );
        assert_eq!([45.0, 65.0, 7_800.0, 274_000.0].map(short_duration), ["45s", "1m05s", "2h10m", "3d04h"]);
    }

    #[test]
    fn what_is_known_roughly_has_few_digits() {
        assert_eq!(
            [0.42, 0.96, 9.6, 99.4, 99.6, 3_569.0, 3_571.0].map(rough_duration),
            ["0.4 s", "1 s", "10 s", "99 s", "2 min", "59 min", "1 h"]
        );
        assert_eq!(
            [6_000.0, 19_230.0, 170_000.0, 172_800.0, 187_200.0].map(rough_duration),
            ["1 h 40 min", "5 h 21 min", "47 h 13 min", "2 days", "2 days 4 h"]
        );
        assert_eq!(
            [0.000_42, 0.0321, 0.32, 0.9996, 3.2, 12.4].map(milliseconds),
            ["0.42 ms", "32 ms", "320 ms", "1.0 s", "3.2 s", "12 s"]
        );
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([bytes(512), bytes(1536), bytes(3 << 30)], ["512 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!(count(194_700_000), "194.7 M");
    }

    #[test]
    fn a_column_has_one_unit_and_four_digits_of_every_number() {
        let column = energies(&[1_234.0, 98_765_432.1, 0.0, 12.34]);
        assert_eq!(column.heading("E"), "E (uJ)");
        assert_eq!(column.cells, ["0.001234", "98.77", "0", "0.00001234"]);
        let column = counts(&[12.0, 999.0, 0.25]);
        assert_eq!(
            (column.heading("sums").as_str(), column.cells),
            ("sums", vec!["12".into(), "999".into(), "0.2500".into()])
        );
        assert_eq!(counts(&[999_960.0, 1e6]).cells, ["1.000", "1.000"]);
        assert_eq!(counts(&[1e21]).heading("n"), "n (P)");
        assert_eq!(counts(&[]).cells, [""; 0]);
    }

    #[test]
    fn significant_digits_are_counted_after_rounding() {
        let shown = |number: f64| significant(number, 3);
        assert_eq!(
            [0.0, 1.0, 9.996, 99.96, 1234.5, -0.012345].map(shown),
            ["0", "1.00", "10.0", "100", "1234", "-0.0123"]
        );
        assert_eq!([1e-12, f64::NAN].map(shown), ["0.000000000", "NaN"]);
    }
}
