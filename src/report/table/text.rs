//! Plain text: columns that line up, or where they do not fit a block of lines for each row.

use super::Table;

/// The table, or where it is wider than `width` a block of lines for each row; titles and notes are the
/// caller's words. Cells that stand out have a `*` behind them.
pub fn render(table: &Table, width: Option<usize>) -> String {
    let mut starred = table.rows.clone();
    for &(row, column) in &table.bold {
        starred.get_mut(row).and_then(|row| row.get_mut(column)).into_iter().for_each(|cell| cell.push('*'));
    }
    let table = &Table { rows: starred, ..table.clone() };
    let wide = lines(&table.lines(), table.left);
    let widest = wide.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    if width.is_none_or(|width| widest <= width) {
        return wide;
    }
    let block = |row: &Vec<String>| {
        let cells = table.header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        lines(&cells.map(|(name, cell)| vec![name.clone(), cell.clone()]).collect::<Vec<_>>(), 2)
    };
    table.rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Lines with columns padded to their widest cell: the first `left` columns to the left, the others to the right.
pub fn lines(rows: &[Vec<String>], left: usize) -> String {
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

/// The columns of the terminal that standard output is; nothing where it is piped: programs cut lines as they like.
pub fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.size_checked().filter(|_| terminal.is_term()).map(|(_, columns)| columns.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let rows = [vec!["a".into(), "1".into()], vec!["bcd".into(), "22".into()], vec!["e".into(), String::new()]];
        assert_eq!(lines(&rows, 1), "a     1\nbcd  22\ne\n");
    }
}
