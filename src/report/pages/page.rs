//! Pieces of an HTML page that stands by itself: no script, nothing fetched.

use super::FigureOrReason;
use crate::report::figures::Figure;
use crate::report::table::html::escape;

const STYLE: &str = "\
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1rem 1.25rem 3rem; max-width: 80rem; color: #222; background: #fff; \
font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 0.25rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 0.75rem; padding-bottom: 0.2rem; border-bottom: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.4rem; }
p { margin: 0.4rem 0; max-width: 48rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.2rem 1.25rem; margin: 0.75rem 0; }
dt { color: #595959; }
dd { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.75rem; align-items: start; }
figure { margin: 0; min-width: 0; }
.drawing { overflow-x: auto; }
svg { display: block; max-width: 100%; min-width: 26rem; height: auto; }
figcaption { color: #444; font-size: 0.9rem; max-width: 37rem; padding-left: 8px; }
.absent { border: 1px dashed #aaa; padding: 0.75rem 1rem; }
.absent strong { display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.93rem; overflow-wrap: normal; }
th, td { padding: 0.25rem 0.8rem 0.25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #eee; white-space: nowrap; }
th { color: #595959; font-weight: 600; border-bottom-color: #bbb; }
.number { text-align: right; }
tr.total td { border-top: 1px solid #bbb; font-weight: 600; }
pre { margin: 0; padding: 0.75rem 1rem; background: #f6f6f6; overflow-x: auto; font: 13px/1.45 ui-monospace, 'DejaVu Sans Mono', monospace; }
code { font: 0.9em ui-monospace, 'DejaVu Sans Mono', monospace; }
footer { margin-top: 2.5rem; color: #595959; font-size: 0.85rem; }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .figures { grid-template-columns: 1fr 1fr; gap: 1rem; }
  svg { min-width: 0; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  pre { white-space: pre-wrap; }
  .drawing, .scroll, pre { overflow: visible; }
}";

/// A whole page. `title` is text, `body` is HTML.
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <footer>Written by bntt {version}.</footer>\n</body>\n</html>\n"
    )
}

/// `title` is text, `body` is HTML.
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
}

pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// What can be unfolded; `summary` is text, `body` is HTML.
pub fn details(summary: &str, body: &str) -> String {
    format!("<details>\n<summary>{}</summary>\n{body}</details>\n", escape(summary))
}

/// Text as it stands, in a font of equal widths.
pub fn verbatim(text: &str) -> String {
    format!("<pre>{}</pre>\n", escape(text.trim_end()))
}

/// What and how much, a line a pair.
pub fn facts(pairs: &[(&str, String)]) -> String {
    let lines = pairs.iter().map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(what), escape(value)));
    format!("<dl>\n{}</dl>\n", lines.collect::<String>())
}

/// Figures side by side where there is room.
pub fn figures(shown: &[FigureOrReason]) -> String {
    let all: String = shown.iter().map(figure).collect();
    format!("<div class=\"figures\">\n{all}</div>\n")
}

fn figure(shown: &FigureOrReason) -> String {
    match shown {
        FigureOrReason::Figure(Figure { name, caption, svg, .. }) => format!(
            "<figure id=\"{}\">\n<div class=\"drawing\">{}</div>\n<figcaption>{}</figcaption>\n</figure>\n",
            escape(name),
            // Inside HTML the name of the format's namespace is understood.
            svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1),
            escape(caption)
        ),
        FigureOrReason::Absent { title, reason } => {
            format!("<figure class=\"absent\"><strong>{}</strong> {}</figure>\n", escape(title), escape(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_cannot_become_markup() {
        let hostile = "<script>alert('a')</script> & \"b\"\u{0}\u{1b}[31m";
        let safe = "&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt; &amp; &quot;b&quot;[31m";
        assert_eq!(escape(hostile), safe);
        let absent = [FigureOrReason::Absent { title: "Loss", reason: hostile.into() }];
        for html in [
            section(hostile, ""),
            paragraph(hostile),
            details(hostile, ""),
            verbatim(hostile),
            facts(&[("what", hostile.into())]),
            crate::report::table::html::rows(&[vec![hostile.into()]], 1, false),
            figures(&absent),
        ] {
            assert!(html.contains(safe) && !html.contains("<script"), "{html}");
        }
    }
}
