//! Markdown: tables with pipes, aligned so that the text can be read as well.

use super::Table;

/// Title, caption, table and notes.
pub fn render(table: &Table) -> String {
    let below = &table.notes;
    let mut text = String::new();
    for part in [table.title.as_ref().map(|title| format!("## {}", plain(title))), table.caption.as_deref().map(plain)]
    {
        text += &part.map_or_else(String::new, |part| format!("{part}\n\n"));
    }
    let gap = if below.is_empty() { "" } else { "\n" };
    format!("{text}{}{gap}{}", grid(table), notes(below))
}

/// A table whose first `left` columns go to the left and whose others go to the right.
fn grid(table: &Table) -> String {
    let Table { header, rows, left, bold, .. } = table;
    let header: Vec<String> = header.iter().map(|cell| plain(cell)).collect();
    let cell = |row: usize, column: usize, text: &String| match bold.contains(&(row, column)) {
        true => format!("**{}**", plain(text)),
        false => plain(text),
    };
    let row = |(i, row): (usize, &Vec<String>)| row.iter().enumerate().map(|(j, text)| cell(i, j, text)).collect();
    let rows: Vec<Vec<String>> = rows.iter().enumerate().map(row).collect();
    let width = |column: usize| {
        let all = std::iter::once(&header).chain(&rows).filter_map(|row| row.get(column));
        all.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let pad = |(column, (cell, &width)): (usize, (&String, &usize))| match column < *left {
            true => format!(" {cell:<width$} |"),
            false => format!(" {cell:>width$} |"),
        };
        format!("|{}\n", row.iter().zip(&widths).enumerate().map(pad).collect::<String>())
    };
    let rule = |(column, &width): (usize, &usize)| match column < *left {
        true => format!(" {} |", "-".repeat(width)),
        false => format!(" {}: |", "-".repeat(width.saturating_sub(1))),
    };
    let rules: String = widths.iter().enumerate().map(rule).collect();
    format!("{}|{rules}\n{}", line(&header), rows.iter().map(line).collect::<String>())
}

/// A list.
pub fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("- {}\n", plain(note))).collect()
}

/// Text that means nothing to Markdown but what it says.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if "\\|`*_<[".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up_and_pipes_do_not_end_them() {
        let row = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let rows = vec![row(["0.9", "90.00"]), row(["a|b\n*c*", "± 1"])];
        let text = grid(&Table { header: row(["leak", "top-1"]), rows, left: 1, ..Table::default() });
        let expected =
            "| leak       | top-1 |\n| ---------- | ----: |\n| 0.9        | 90.00 |\n| a\\|b \\*c\\* |   ± 1 |\n";
        assert_eq!(text, expected);
    }
}
