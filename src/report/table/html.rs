//! HTML: a table that scrolls where it is too wide.

use super::Table;
use crate::report::figures::printable;

/// Title, table and notes.
pub fn render(table: &Table) -> String {
    let part = |text: &Option<String>, tag: &str| {
        text.as_ref().map_or(String::new(), |text| format!("<{tag}>{}</{tag}>\n", escape(text)))
    };
    let notes: String = table.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect();
    let body = rows(&table.lines(), table.left, false);
    part(&table.title, "h3") + &part(&table.caption, "p") + &body + &notes
}

/// Rows of which the first is the head; columns from `left` on hold numbers. With `total` the last row is set apart.
pub fn rows(rows: &[Vec<String>], left: usize, total: bool) -> String {
    let mut html = String::from("<div class=\"scroll\"><table>\n");
    for (number, row) in rows.iter().enumerate() {
        let (tag, scope) = if number == 0 { ("th", " scope=\"col\"") } else { ("td", "") };
        html += if total && number.saturating_add(1) == rows.len() { "<tr class=\"total\">" } else { "<tr>" };
        for (column, cell) in row.iter().enumerate() {
            let class = if column < left { "" } else { " class=\"number\"" };
            html += &format!("<{tag}{scope}{class}>{}</{tag}>", escape(cell));
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
