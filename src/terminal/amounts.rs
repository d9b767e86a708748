//! Formats counts, bytes and energies for people: 1,234, 1.4 GiB, 12.3 uJ.

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
    scaled(number as f64, 1000.0, &["", "k", "M", "G", "T", "P"])
}

/// Energy, given in picojoule: "12.3 uJ".
pub fn energy(picojoule: f64) -> String {
    scaled(picojoule, 1000.0, &["pJ", "nJ", "uJ", "mJ", "J"])
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
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([bytes(512), bytes(1536), bytes(3 << 30)], ["512 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!(count(194_700_000), "194.7 M");
    }
}
