//! Plain text: columns that line up, or where they do not fit a block of lines for each row.

use super::Table;
use crate::terminal::printing::shortened;

/// A label that is shortened keeps so many characters.
const SHORTEST_LABEL: usize = 12;

/// The table. Where it is wider than `width`, labels lose their middle if that makes it fit, or else every row is a
/// block of lines; titles and notes are the caller's words. Cells that stand out have a `*` behind them.
pub fn render(table: &Table, width: Option<usize>) -> String {
    let mut starred = table.rows.clone();
    for &(row, column) in &table.bold {
        starred.get_mut(row).and_then(|row| row.get_mut(column)).into_iter().for_each(|cell| cell.push('*'));
    }
    let table = &Table { rows: starred, ..table.clone() };
    let wide = lines(&table.lines(), table.left);
    let Some(width) = width.filter(|&width| widest(&wide) > width) else { return wide };
    if let Some(narrow) = narrowed(table, width) {
        return narrow;
    }
    let block = |row: &Vec<String>| {
        let cells = table.header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        lines(&cells.map(|(name, cell)| vec![name.clone(), cell.clone()]).collect::<Vec<_>>(), 2)
    };
    table.rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// The table. Where it is wider than `width` it is shortened as by [`render`], or else its columns stand in several
/// parts below each other, each with the first column.
pub fn in_parts(table: &Table, width: Option<usize>) -> String {
    let wide = lines(&table.lines(), table.left);
    let Some(width) = width.filter(|&width| widest(&wide) > width) else { return wide };
    if let Some(narrow) = narrowed(table, width) {
        return narrow;
    }
    let rows = table.lines();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let part = |chosen: &[usize]| {
        let most = width.saturating_sub(chosen.len().saturating_mul(2)).max(SHORTEST_LABEL);
        let cell = |row: &Vec<String>, column: &usize| shortened(row.get(*column).map_or("", String::as_str), most);
        let row = |row: &Vec<String>| chosen.iter().map(|column| cell(row, column)).collect::<Vec<_>>();
        let left = chosen.iter().filter(|&&column| column < table.left).count();
        lines(&rows.iter().map(row).collect::<Vec<_>>(), left)
    };
    let (mut parts, mut chosen) = (Vec::new(), vec![0usize]);
    for column in 1..columns {
        let more = [&chosen[..], &[column]].concat();
        if chosen.len() > 1 && widest(&part(&more)) > width {
            parts.push(part(&chosen));
            chosen = vec![0, column];
        } else {
            chosen = more;
        }
    }
    parts.push(part(&chosen));
    parts.join("\n")
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// The table with the longest labels shortened as little as makes it fit.
fn narrowed(table: &Table, width: usize) -> Option<String> {
    let rows = table.lines();
    let longest = rows.iter().flat_map(|row| row.iter().take(table.left)).map(|cell| cell.chars().count()).max()?;
    let shorten = |most: usize| {
        let cell =
            |(column, cell): (usize, &String)| if column < table.left { shortened(cell, most) } else { cell.clone() };
        let row = |row: &Vec<String>| row.iter().enumerate().map(cell).collect::<Vec<_>>();
        lines(&rows.iter().map(row).collect::<Vec<_>>(), table.left)
    };
    (SHORTEST_LABEL..longest).rev().map(shorten).find(|text| widest(text) <= width)
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
    fn labels_lose_their_middle_before_a_table_becomes_blocks() {
        let row = ["norms.BNTT-time_steps5.seed0", "completed", "51.25 %"].map(String::from).to_vec();
        let table = Table::new(&["run", "state", "best top-1"], vec![row], 2);
        let at = |width| render(&table, Some(width)).lines().last().map(String::from).unwrap_or_default();
        assert_eq!(at(51), "norms.BNTT-time_steps5.seed0  completed     51.25 %");
        assert_eq!(at(40), "norms.BN..5.seed0  completed     51.25 %");
        assert_eq!(at(35), "norms..seed0  completed     51.25 %");
        assert_eq!(at(34), "best top-1  51.25 %");
    }

    #[test]
    fn columns_that_do_not_fit_stand_below_the_others() {
        let row = |cells: [&str; 4]| cells.map(String::from).to_vec();
        let rows = vec![row(["0", "conv", "18.4 k", "80.0 KiB"]), row(["10", "lif", "0", "0 B"])];
        let table = Table::new(&["layer", "kind", "MACs", "kept"], rows, 2);
        let whole = "layer  kind    MACs      kept\n0      conv  18.4 k  80.0 KiB\n10     lif        0       0 B\n";
        assert_eq!([in_parts(&table, None), in_parts(&table, Some(29))], [whole, whole]);
        let first = "layer  kind    MACs\n0      conv  18.4 k\n10     lif        0\n";
        assert_eq!(in_parts(&table, Some(28)), format!("{first}\nlayer      kept\n0      80.0 KiB\n10          0 B\n"));
    }

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let rows = [vec!["a".into(), "1".into()], vec!["bcd".into(), "22".into()], vec!["e".into(), String::new()]];
        assert_eq!(lines(&rows, 1), "a     1\nbcd  22\ne\n");
    }
}
