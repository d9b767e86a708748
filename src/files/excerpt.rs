//! The line that a message is about, with carets below the place, as compilers show it.
//!
//! ```text
//!   |
//! 4 | batchsize = 16
//!   | ^^^^^^^^^
//! ```

use crate::error::Mistake;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// Of a longer line what stands around the place is shown.
const COLUMNS: usize = 100;

/// The line of `text` in which `span`, in bytes, begins, with its number. Nothing of what the line holds can steer a
/// terminal.
pub fn of_text(text: &str, span: &Range<usize>) -> String {
    let start = text.floor_char_boundary(span.start);
    let (before, from) = text.split_at_checked(start).unwrap_or((text, ""));
    let head = before.rsplit('\n').next().unwrap_or_default();
    let number = before.matches('\n').count().saturating_add(1);
    let end = from.find('\n').unwrap_or(from.len());
    let tail = from.get(..end).unwrap_or_default().trim_end_matches('\r');
    let marked = text.floor_char_boundary(span.end).saturating_sub(start).min(tail.len());
    let marked = tail.get(..marked).unwrap_or_default().trim_end().len();
    draw(&format!("{head}{tail}"), number, head.len()..head.len().saturating_add(marked))
}

/// `line:column` of a byte offset in `text`; both count from 1, columns count characters.
pub fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let lines = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count();
    format!("{}:{}", lines.saturating_add(1), column.saturating_add(1))
}

/// What [`toml`] finds wrong in `body`, the end of the `text` of a file called `name`, in the words of `told`.
pub fn toml_mistake(
    name: &str,
    (text, body): (&str, &str),
    error: &::toml::de::Error,
    told: impl FnOnce(&str) -> String,
) -> Mistake {
    let start = text.len().saturating_sub(body.len());
    let span = error.span().unwrap_or(0..0);
    let span = start.saturating_add(span.start)..start.saturating_add(span.end);
    let problem = told(error.message().lines().next().unwrap_or_default());
    let place = format!("{name}:{}", place(text, span.start));
    Mistake { place, problem, excerpt: of_text(text, &span), ..Mistake::default() }
}

/// An argument of the command line, which has no number.
pub fn of_argument(argument: &str, span: &Range<usize>) -> String {
    // One line of it would lack what the others say.
    let line = argument.replace(['\n', '\r'], " ");
    let drawn = draw(&line, 1, line.floor_char_boundary(span.start)..line.floor_char_boundary(span.end));
    drawn.replacen('1', " ", 1)
}

fn draw(line: &str, number: usize, marked: Range<usize>) -> String {
    let start = marked.start.min(line.len());
    let place = AnnotationKind::Primary.span(start..marked.end.clamp(start, line.len()));
    let group = Group::with_level(Level::ERROR).element(Snippet::source(line).line_start(number).annotation(place));
    let drawn = Renderer::plain().term_width(COLUMNS).render(&[group]);
    // Above the line there is nothing to separate it from.
    drawn.lines().skip(1).map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_below_its_line() {
        let text = "a = 1\nbatchsize = 16\nc = 3\n";
        assert_eq!(of_text(text, &(6..15)), "2 | batchsize = 16\n  | ^^^^^^^^^");
        assert_eq!(of_text(text, &(18..20)), "2 | batchsize = 16\n  |             ^^");
        // At the end of a line, and of what goes on below it.
        assert_eq!(of_text(text, &(5..5)), "1 | a = 1\n  |      ^");
        assert_eq!(of_text(text, &(4..15)), "1 | a = 1\n  |     ^");
        assert_eq!(of_text("a = [ \r\n]\r\n", &(4..9)), "1 | a = [\n  |     ^");
        assert_eq!(of_text(&format!("{text}x"), &(27..28)), "4 | x\n  | ^");
        assert_eq!(of_text("", &(0..9)), "1 |\n  | ^");
        assert_eq!(of_argument("seed=1\n2", &(5..6)), "  | seed=1 2\n  |      ^");
        assert_eq!(of_argument("1=1", &(0..1)), "  | 1=1\n  | ^");
    }

    #[test]
    fn carets_stand_right_after_tabs_and_wide_letters_and_nothing_steers_a_terminal() {
        assert_eq!(of_text("\tlr = 1", &(1..3)), "1 |     lr = 1\n  |     ^^");
        assert_eq!(of_text("日本 = 1", &(9..10)), "1 | 日本 = 1\n  |        ^");
        assert_eq!(of_text("ü = 1", &(1..2)), "1 | ü = 1\n  | ^", "within a letter");
        let shown = of_text("a = \"\x1b[2J\u{202e}\x07\" x", &(15..16));
        assert!(!shown.contains(['\x1b', '\u{202e}', '\x07']), "{shown:?}");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}here{}", "x = 1, ".repeat(10_000), ", y = 2".repeat(10_000));
        let shown = of_text(&line, &(70_000..70_004));
        assert!(shown.contains("here") && shown.contains("..."), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= COLUMNS + 10), "{shown}");
        let column = |of: &str| shown.lines().find_map(|line| line.find(of));
        assert_eq!(column("here"), column("^^^^"));
    }
}
