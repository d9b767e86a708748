//! How deep tables and lists stand in each other in a TOML text.
//!
//! The parser bounds the keys of one dotted key and the brackets around a value, 80 each. Dotted keys inside of
//! brackets take that to its square, and whatever recurs over such a value, even its end, runs out of stack. So a text
//! is looked at before it is used.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The deepest setting of an experiment stands 7 deep.
const DEEPEST: usize = 32;

/// Refuses a document that is nested more than 32 deep; syntax errors are not its business.
///
/// # Errors
/// The offset of what stands too deep, and a sentence without its end.
pub fn check(document: &str) -> Result<(), (usize, String)> {
    let (table, _) = DeTable::parse_recoverable(document);
    let span = table.span();
    take_apart(Spanned::new(span, DeValue::Table(table.into_inner())))
}

/// The same for a value alone.
///
/// # Errors
/// As [`check`].
pub fn check_value(text: &str) -> Result<(), (usize, String)> {
    take_apart(DeValue::parse_recoverable(text).0)
}

/// Measures a value and ends it piece by piece, without recursion.
fn take_apart(root: Spanned<DeValue<'_>>) -> Result<(), (usize, String)> {
    let mut offset: Option<usize> = None;
    let mut pieces = vec![(0usize, root)];
    while let Some((depth, value)) = pieces.pop() {
        let start = value.span().start;
        let inside = depth.saturating_add(1);
        let before = pieces.len();
        match value.into_inner() {
            DeValue::Table(table) => pieces.extend(table.into_iter().map(|(_, value)| (inside, value))),
            DeValue::Array(list) => pieces.extend(list.into_iter().map(|value| (inside, value))),
            _ => {}
        }
        if depth > DEEPEST && pieces.len() > before {
            offset = Some(offset.map_or(start, |first| first.min(start)));
        }
    }
    let problem = || format!("tables and lists stand more than {DEEPEST} deep in each other");
    offset.map_or(Ok(()), |offset| Err((offset, problem())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_are_let_through_in_all_ways_of_writing_them_and_more_are_not() {
        let dotted = |n: usize| format!("{} = 1", vec!["a"; n].join("."));
        let lists = |n: usize| format!("a = {}1{}", "[".repeat(n), "]".repeat(n));
        let tables = |n: usize| format!("a = {}1{}", "{a=".repeat(n), "}".repeat(n));
        for text in [dotted(33), lists(32), tables(32)] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
        for (text, place) in [(dotted(34), 64), (lists(33), 36), (tables(33), 100)] {
            let (offset, problem) = check(&text).unwrap_err();
            assert_eq!(problem, "tables and lists stand more than 32 deep in each other");
            assert_eq!(offset, place, "{text}");
        }
        assert!(check_value("[[1]]").is_ok() && check_value(&lists(40)[4..]).is_err());
    }

    #[test]
    fn what_is_no_toml_is_measured_as_far_as_it_is_read() {
        let square = format!("{}!", format!("{{{}=", ["a"; 79].join(".")).repeat(79));
        assert!(check(&format!("a = {square}")).is_err());
        assert!(check_value(&square).is_err());
        assert_eq!(check("a = = ]"), Ok(()));
    }
}
