//! Removes control characters from text that reaches a terminal. Names of files, classes and variants, command lines
//! and the texts of files can hold anything.

use std::borrow::Cow;

/// `text` without what could steer a terminal or turn the order of its letters: control characters but for line breaks
/// and tabs, and the marks of right-to-left writing that hide what stands behind them. Each becomes U+FFFD.
pub fn visible(text: &str) -> Cow<'_, str> {
    let mut after_return = text.chars().skip(1);
    let harmful: Vec<bool> = text.chars().map(|c| is_harmful(c, after_return.next())).collect();
    if !harmful.contains(&true) {
        return Cow::Borrowed(text);
    }
    let shown = |(c, harmful): (char, bool)| if harmful { char::REPLACEMENT_CHARACTER } else { c };
    Cow::Owned(text.chars().zip(harmful).map(shown).collect())
}

/// `text` in lines of at most `columns` columns: longer ones are broken at blanks, and go on indented. A word that is
/// longer stays whole.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if width(line) <= columns {
            lines.push(line.to_string());
            continue;
        }
        let own = line.chars().take_while(|&c| c == ' ').count();
        let indent = " ".repeat(own.saturating_add(4).min(columns / 2));
        let mut words = line.split(' ');
        let mut current = words.next().unwrap_or_default().to_string();
        for word in words {
            let wide = width(&current).saturating_add(1).saturating_add(width(word));
            if wide <= columns || current.trim().is_empty() {
                current = format!("{current} {word}");
            } else if !word.is_empty() {
                lines.push(current.trim_end().to_string());
                current = format!("{indent}{word}");
            }
        }
        lines.push(current.trim_end().to_string());
    }
    lines.join("\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` of at most `columns` characters: of a longer one the middle is left out, since names differ at their ends.
pub fn shortened(text: &str, columns: usize) -> String {
    let length = text.chars().count();
    if length <= columns || columns < 3 {
        return text.chars().take(columns).collect();
    }
    let kept = columns.saturating_sub(2);
    let tail = kept / 2;
    let start: String = text.chars().take(kept.saturating_sub(tail)).collect();
    let end: String = text.chars().skip(length.saturating_sub(tail)).collect();
    format!("{start}..{end}")
}

fn is_harmful(c: char, next: Option<char>) -> bool {
    match c {
        '\n' | '\t' => false,
        // As CSV ends its lines.
        '\r' => next != Some('\n'),
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_blanks_and_go_on_indented() {
        assert_eq!(wrapped("one two\n\nthree", 7), "one two\n\nthree");
        assert_eq!(wrapped("one two three four", 10), "one two\n    three\n    four");
        assert_eq!(wrapped("a  b   c d e f g h", 12), "a  b   c d e\n    f g h");
        assert_eq!(wrapped("  one two three", 10), "  one two\n     three");
        assert_eq!(
            wrapped("short\none a_word_that_is_longer two", 10),
            "short\none\n    a_word_that_is_longer\n    two"
        );
    }

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(shortened("norms.BNTT-time_steps5.seed0", 28), "norms.BNTT-time_steps5.seed0");
        assert_eq!(shortened("norms.BNTT-time_steps5.seed0", 20), "norms.BNT..ps5.seed0");
        assert_eq!(shortened("größe", 4), "g..e");
        assert_eq!(shortened("größe", 2), "gr");
    }

    #[test]
    fn what_steers_a_terminal_is_replaced_and_all_else_stays() {
        assert_eq!(visible("größe\t±1\r\nβ 🙂\n"), "größe\t±1\r\nβ 🙂\n");
        assert_eq!(visible("a\x1b[2Jb\x07c\rd\u{9b}31m\u{7f}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}31m\u{fffd}");
        assert_eq!(visible("\u{202e}gnp.exe\u{2069}"), "\u{fffd}gnp.exe\u{fffd}");
        assert_eq!(visible("\r"), "\u{fffd}");
    }
}
