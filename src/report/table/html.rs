//! HTML: a table that scrolls where it is too wide.

use super::Table;
use crate::report::figures::printable;

/// Title, table and notes.
pub fn render(table: &Table) -> String {
    let part = |text: &Option<String>, tag: &str| {
        text.as_ref().map_or(String::new(), |text| format!("<{tag}>{}</{tag}>\n", escape(text)))
    };
    let notes: String = table.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect();
    let is_bold = |row: usize, column: usize| table.bold.contains(&(row, column));
    let body = rows_with(&table.lines(), table.left, false, is_bold);
    part(&table.title, "h3") + &part(&table.caption, "p") + &body + &notes
}

/// Rows of which the first is the head; columns from `left` on hold numbers. With `total` the last row is set apart.
pub fn rows(rows: &[Vec<String>], left: usize, total: bool) -> String {
    rows_with(rows, left, total, |_, _| false)
}

/// The same with cells that stand out; rows count without the head.
fn rows_with(rows: &[Vec<String>], left: usize, total: bool, is_bold: impl Fn(usize, usize) -> bool) -> String {
    let mut html = String::from("<div class=\"scroll\"><table>\n");
    for (number, row) in rows.iter().enumerate() {
        let (tag, scope) = if number == 0 { ("th", " scope=\"col\"") } else { ("td", "") };
        html += if total && number.saturating_add(1) == rows.len() { "<tr class=\"total\">" } else { "<tr>" };
        for (column, cell) in row.iter().enumerate() {
            let class = if column < left { "" } else { " class=\"number\"" };
            let bold = number.checked_sub(1).is_some_and(|row| is_bold(row, column));
            let cell = if bold { format!("<b>{}</b>", escape(cell)) } else { escape(cell) };
            html += &format!("<{tag}{scope}{class}>{cell}</{tag}>");
        }
        html += "</tr>\n";
    }
    html + "</table></div>\n"
}

/// Text as HTML, for elements and attributes in double quotes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
