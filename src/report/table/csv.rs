//! CSV as RFC 4180 has it; a cell that a spreadsheet would run as a formula begins with `'`.

use super::Table;
use crate::run::metrics;

/// Header and rows.
pub fn render(table: &Table) -> String {
    lines(&table.lines())
}

/// Records with quotes where they must be, each ended by CR LF.
pub fn lines(records: &[Vec<String>]) -> String {
    let line =
        |record: &Vec<String>| record.iter().map(|cell| metrics::cell(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    records.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_quotes_and_line_breaks_are_quoted() {
        let records = [["a,b", "say \"x\""], ["two\nlines", "plain"]].map(|record| record.map(String::from).to_vec());
        assert_eq!(lines(&records), "\"a,b\",\"say \"\"x\"\"\"\r\n\"two\nlines\",plain\r\n");
    }
}
