//! Plain text tables.

/// Lines with columns padded to their widest cell: the first `left` columns to the left, the others to the right.
pub fn table(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let cell = if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            line += gap;
            line += &cell;
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The table of `header` and `rows`, or where it is wider than `width` a block of lines for each row.
pub fn fitting(header: &[String], rows: &[Vec<String>], left: usize, width: Option<usize>) -> String {
    let wide = table(&[&[header.to_vec()], rows].concat(), left);
    let widest = wide.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    if width.is_none_or(|width| widest <= width) {
        return wide;
    }
    let block = |row: &Vec<String>| {
        let lines = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        table(&lines.map(|(name, cell)| vec![name.clone(), cell.clone()]).collect::<Vec<_>>(), 2)
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// The columns of the terminal that standard output is; nothing where it is piped: programs cut lines as they like.
pub fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.size_checked().filter(|_| terminal.is_term()).map(|(_, columns)| columns.into())
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

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let rows = [vec!["a".into(), "1".into()], vec!["bcd".into(), "22".into()], vec!["e".into(), String::new()]];
        assert_eq!(table(&rows, 1), "a     1\nbcd  22\ne\n");
    }
}
