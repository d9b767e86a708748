//! LaTeX: a floating table with the rules of booktabs.

use super::Table;

/// Text for a document that loads booktabs.
pub fn render(table: &Table) -> String {
    let Table { header, rows, left, bold, notes, .. } = table;
    let mut text = String::from("% needs \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n");
    let caption: Vec<&str> = table.title.iter().chain(&table.caption).map(|part| part.trim_end_matches('.')).collect();
    if !caption.is_empty() {
        text += &format!("  \\caption{{{}.}}\n", escape(&caption.join(". ")));
    }
    if let Some(label) = &table.label {
        text += &format!("  \\label{{{label}}}\n");
    }
    let columns = "l".repeat(*left) + &"r".repeat(header.len().saturating_sub(*left));
    let line = |cells: Vec<String>| format!("    {} \\\\\n", cells.join(" & "));
    let cell = |row: usize, column: usize, text: &String| match bold.contains(&(row, column)) {
        true => format!("\\textbf{{{}}}", escape(text)),
        false => escape(text),
    };
    let row =
        |(i, row): (usize, &Vec<String>)| line(row.iter().enumerate().map(|(j, text)| cell(i, j, text)).collect());
    let head = line(header.iter().map(|text| escape(text)).collect());
    text += &format!("  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n{head}    \\midrule\n");
    text.extend(rows.iter().enumerate().map(row));
    text += "    \\bottomrule\n  \\end{tabular}\n";
    if !notes.is_empty() {
        text += "  \\par\\smallskip\n  \\begin{minipage}{\\linewidth}\\footnotesize\n";
        text.extend(notes.iter().map(|note| format!("    {}\\par\n", escape(note))));
        text += "  \\end{minipage}\n";
    }
    text + "\\end{table}\n"
}

/// Text that means nothing to LaTeX but what it says. Brackets are hidden in braces: after `\\` they would be an
/// argument.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match c {
            '%' | '&' | '_' | '#' | '$' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped += "\\textbackslash{}",
            '~' => escaped += "\\textasciitilde{}",
            '^' => escaped += "\\textasciicircum{}",
            '<' => escaped += "\\textless{}",
            '>' => escaped += "\\textgreater{}",
            '|' => escaped += "\\textbar{}",
            '[' | ']' | '*' => escaped.extend(['{', c, '}']),
            '±' => escaped += "$\\pm$",
            '−' => escaped += "$-$",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_latex_is_escaped() {
        assert_eq!(
            escape("90.5 ± 0.1 % & a_b #1 $x$ {y} −2"),
            "90.5 $\\pm$ 0.1 \\% \\& a\\_b \\#1 \\$x\\$ \\{y\\} $-$2"
        );
        assert_eq!(
            escape("\\~^<>|"),
            "\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\textbar{}"
        );
        assert_eq!(escape("[1] *\n\n2"), "{[}1{]} {*} 2");
    }
}
