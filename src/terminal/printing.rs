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
    fn what_steers_a_terminal_is_replaced_and_all_else_stays() {
        assert_eq!(visible("größe\t±1\r\nβ 🙂\n"), "größe\t±1\r\nβ 🙂\n");
        assert_eq!(visible("a\x1b[2Jb\x07c\rd\u{9b}31m\u{7f}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}31m\u{fffd}");
        assert_eq!(visible("\u{202e}gnp.exe\u{2069}"), "\u{fffd}gnp.exe\u{fffd}");
        assert_eq!(visible("\r"), "\u{fffd}");
    }
}
