//! One table, and one file for each way to write it: text for a terminal, Markdown, LaTeX, CSV, JSON, HTML.
//!
//! What a command prints is a [`Printout`]: the text as people read it on a terminal, the tables in it, the records for
//! spreadsheets, and the numbers for programs. `--format` chooses among them, the same for every command.

pub mod csv;
pub mod html;
pub mod json;
pub mod latex;
pub mod markdown;
pub mod text;

use crate::error::Result;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A header, rows of texts, of which the first `left` columns are labels, and notes below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub title: Option<String>,
    pub caption: Option<String>,
    /// For references in LaTeX.
    pub label: Option<String>,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Columns that go to the left; the others hold numbers and go to the right.
    pub left: usize,
    /// Row and column of the cells that stand out.
    pub bold: BTreeSet<(usize, usize)>,
    pub notes: Vec<String>,
}

impl Table {
    /// A table without title and notes.
    pub fn new(header: &[&str], rows: Vec<Vec<String>>, left: usize) -> Self {
        Self { header: header.iter().map(ToString::to_string).collect(), rows, left, ..Self::default() }
    }

    /// A table of columns, each under its heading.
    pub fn from_columns(columns: Vec<(String, Vec<String>)>, left: usize) -> Self {
        let (header, columns): (Vec<String>, Vec<Vec<String>>) = columns.into_iter().unzip();
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        let row = |i: usize| columns.iter().map(|column| column.get(i).cloned().unwrap_or_default()).collect();
        Self { header, rows: (0..height).map(row).collect(), left, ..Self::default() }
    }

    /// The header and the rows below it.
    pub fn lines(&self) -> Vec<Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows).cloned().collect()
    }
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal: as wide as that is.
    Text,
    Markdown,
    /// Needs booktabs.
    Latex,
    /// A record a line.
    Csv,
    /// Every number with all its digits; times in seconds, sizes in bytes, energies in picojoule, accuracies in
    /// percent.
    Json,
    /// A part of a page.
    Html,
}

/// What a command prints, in every form.
#[derive(Debug)]
pub struct Printout {
    pub text: String,
    /// The tables of the text.
    pub tables: Vec<Table>,
    /// For spreadsheets: a header and its records. Without it, the first of `tables`.
    pub records: Option<Vec<Vec<String>>>,
    pub json: Json,
}

impl Printout {
    /// A table below some words. The numbers for programs are the table's cells unless `json` is set.
    pub fn new(text: String, tables: Vec<Table>) -> Self {
        let json = json::objects(tables.first().unwrap_or(&Table::default()));
        Self { text, tables, records: None, json }
    }

    /// The same with numbers for programs; those of a list of objects are the records too.
    pub fn with_json(self, json: Json) -> Self {
        let records = self.records.or_else(|| json::records(&json));
        Self { json, records, ..self }
    }

    /// The same with a list of objects as the records for spreadsheets.
    pub fn with_list(self, list: &Json) -> Self {
        let records = json::records(list).or(self.records);
        Self { records, ..self }
    }

    /// The same with records for spreadsheets.
    pub fn with_records(self, records: Vec<Vec<String>>) -> Self {
        Self { records: Some(records), ..self }
    }

    /// The form that was asked for.
    ///
    /// # Errors
    /// Those of writing JSON.
    pub fn render(self, format: Format) -> Result<String> {
        let each = |render: fn(&Table) -> String| self.tables.iter().map(render).collect::<Vec<_>>().join("\n");
        Ok(match format {
            Format::Text => self.text,
            Format::Markdown => each(markdown::render),
            Format::Latex => each(latex::render),
            Format::Html => each(html::render),
            Format::Csv => match self.records {
                Some(records) => csv::lines(&records),
                None => self.tables.first().map_or(String::new(), csv::render),
            },
            Format::Json => json::render(&self.json)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awkward() -> Table {
        let row = |cells: [&str; 3]| cells.map(String::from).to_vec();
        Table {
            title: Some("50 % & more".into()),
            caption: None,
            label: Some("tab:awkward".into()),
            header: row(["name", "a|b", "top-1 %"]),
            rows: vec![row(["=1+1", "say \"x\", <b>", "90.50"]), row(["größe", "", "± 1"])],
            left: 2,
            bold: [(0, 2)].into(),
            notes: vec!["A note_1.".into()],
        }
    }

    #[test]
    fn text_lines_up() {
        let expected = "name   a|b           top-1 %\n=1+1   say \"x\", <b>   90.50*\ngröße                    ± 1\n";
        assert_eq!(text::render(&awkward(), None), expected);
        let blocks = "name     =1+1\na|b      say \"x\", <b>\ntop-1 %  90.50*\n\nname     größe\ntop-1 %  ± 1\n";
        assert_eq!(text::render(&awkward(), Some(20)), blocks);
    }

    #[test]
    fn markdown_escapes_pipes_and_tags() {
        let expected = "## 50 % & more\n\n| name  | a\\|b          |   top-1 % |\n| ----- | ------------- | --------: |\n\
                        | =1+1  | say \"x\", \\<b> | **90.50** |\n| größe |               |       ± 1 |\n\n- A note\\_1.\n";
        assert_eq!(markdown::render(&awkward()), expected);
    }

    #[test]
    fn latex_escapes_its_signs() {
        let expected = "% needs \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n  \\caption{50 \\% \\& more.}\n  \\label{tab:awkward}\n  \
                        \\begin{tabular}{llr}\n    \\toprule\n    name & a\\textbar{}b & top-1 \\% \\\\\n    \\midrule\n    =1+1 & say \"x\", \
                        \\textless{}b\\textgreater{} & \\textbf{90.50} \\\\\n    größe &  & $\\pm$ 1 \\\\\n    \\bottomrule\n  \\end{tabular}\n  \
                        \\par\\smallskip\n  \\begin{minipage}{\\linewidth}\\footnotesize\n    A note\\_1.\\par\n  \\end{minipage}\n\\end{table}\n";
        assert_eq!(latex::render(&awkward()), expected);
    }

    #[test]
    fn csv_quotes_and_guards_against_formulas() {
        let expected = "name,a|b,top-1 %\r\n'=1+1,\"say \"\"x\"\", <b>\",90.50\r\ngröße,,± 1\r\n";
        assert_eq!(csv::render(&awkward()), expected);
    }

    #[test]
    fn json_has_an_object_a_row_and_numbers_where_they_are() {
        let expected = serde_json::json!([
            { "name": "=1+1", "a_b": "say \"x\", <b>", "top_1_percent": 90.5 },
            { "name": "größe", "a_b": null, "top_1_percent": "± 1" },
        ]);
        assert_eq!(json::objects(&awkward()), expected);
    }

    #[test]
    fn html_escapes_its_signs() {
        let expected = "<h3>50 % &amp; more</h3>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">name</th><th scope=\"col\">a|b</th>\
                        <th scope=\"col\" class=\"number\">top-1 %</th></tr>\n<tr><td>=1+1</td><td>say &quot;x&quot;, &lt;b&gt;</td>\
                        <td class=\"number\"><b>90.50</b></td></tr>\n<tr><td>größe</td><td></td><td class=\"number\">± 1</td></tr>\n</table></div>\n\
                        <p>A note_1.</p>\n";
        assert_eq!(html::render(&awkward()), expected);
    }
}
