//! What is no TOML, in sentences: what was opened and never closed, signs that only look like TOML's, and the parser's
//! own errors.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

/// A place in bytes, and a sentence.
pub(super) type SyntaxMistake = (Range<usize>, String);

/// Signs that word processors and web pages put for others: which, what they are called, and what to type.
const LOOKALIKES: [(&[char], &str, &str); 4] = [
    (&['“', '”', '„', '‟', '«', '»', '″', '＂'], "a typographic quote", "\""),
    (&['‘', '’', '‚', '‛', '′', '´', '`'], "no quote of TOML", "'"),
    (&['−', '–', '—', '‐', '‑', '‒'], "no minus that can be read", "-"),
    (&['\u{a0}', '\u{2007}', '\u{202f}', '\u{3000}', '\u{2009}', '\u{200b}', '\u{feff}'], "no plain space", "a space"),
];

/// More than these in one file are mostly echoes of the first.
pub(super) const MOST: usize = 8;

/// The first mistakes of `text`, of which the parser gave these errors: one a line. Of what was never closed everything
/// after it is an echo.
pub(super) fn mistakes(text: &str, errors: &[toml::de::Error]) -> Vec<SyntaxMistake> {
    let tokens: Vec<Token> = Source::new(text).lex().collect();
    let unclosed = unclosed(text, &tokens);
    let end = unclosed.as_ref().map_or(usize::MAX, |(span, _)| span.start);
    let lookalikes = lookalikes(text, &tokens);
    let mut found: BTreeMap<usize, SyntaxMistake> =
        lookalikes.into_iter().take(MOST).map(|mistake| (mistake.0.start, mistake)).collect();
    let offset = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let mut errors: Vec<&toml::de::Error> = errors.iter().collect();
    errors.sort_by_key(|error| offset(error));
    // There may be as many errors as bytes, and only the first of a line is looked at.
    let (mut line, mut lines) = (0..0, 0);
    for error in errors {
        if line.contains(&offset(error)) {
            continue;
        }
        if lines >= MOST {
            break;
        }
        line = line_around(text, offset(error));
        lines = lines.saturating_add(1);
        if found.range(line.clone()).next().is_none() {
            let (span, problem) = decimal_comma(text, &line).unwrap_or_else(|| parser_error(text, error));
            found.insert(span.start, (span, problem));
        }
    }
    let mut found: Vec<SyntaxMistake> = found.into_values().filter(|(span, _)| span.start < end).collect();
    found.extend(unclosed);
    found.iter_mut().for_each(|(_, problem)| *problem = format!("this is not valid TOML: {problem}."));
    found
}

fn raw<'t>(text: &'t str, token: &Token) -> &'t str {
    text.get(token.span().start()..token.span().end()).unwrap_or_default()
}

/// The line that holds `offset`, with its end.
fn line_around(text: &str, offset: usize) -> Range<usize> {
    let offset = text.floor_char_boundary(offset);
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    start..offset.saturating_add(after.find('\n').unwrap_or(after.len())).saturating_add(1)
}

fn line_number(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count().saturating_add(1)
}

/// The first sign of every line that stands outside of strings and comments and only looks like one of TOML's.
fn lookalikes(text: &str, tokens: &[Token]) -> Vec<SyntaxMistake> {
    let mut found: Vec<SyntaxMistake> = Vec::new();
    let mut line_done = false;
    for token in tokens {
        match token.kind() {
            TokenKind::Newline => line_done = false,
            TokenKind::Atom if !line_done => {
                let start = token.span().start();
                // Before everything else it is the mark of an editor.
                let signs = raw(text, token).char_indices().filter(|(at, c)| start > 0 || *at > 0 || *c != '\u{feff}');
                let told = |(at, sign): (usize, char)| {
                    let (_, what, instead) = LOOKALIKES.iter().find(|(signs, ..)| signs.contains(&sign))?;
                    let place = start.saturating_add(at);
                    let shown = if sign.is_whitespace() || sign == '\u{200b}' || sign == '\u{feff}' {
                        "the blank here".to_owned()
                    } else {
                        sign.to_string()
                    };
                    let problem = format!("{shown} (U+{:04X}) is {what}; type {instead} instead", u32::from(sign));
                    Some((place..place.saturating_add(sign.len_utf8()), problem))
                };
                let first = signs.into_iter().find_map(told);
                line_done = first.is_some();
                found.extend(first);
            }
            _ => {}
        }
    }
    found
}

/// What was opened first of all that is never closed.
fn unclosed(text: &str, tokens: &[Token]) -> Option<SyntaxMistake> {
    let mut open: Vec<&Token> = Vec::new();
    // A header, and how many of its brackets are open.
    let (mut line_starts, mut header): (bool, Option<(&Token, usize)>) = (true, None);
    for (i, token) in tokens.iter().enumerate() {
        let kind = token.kind();
        match kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Newline => {
                if let Some((start, _)) = header.take() {
                    return Some(unclosed_header(text, start));
                }
                line_starts = true;
                continue;
            }
            TokenKind::Eof => break,
            kind if is_string(kind) && !ends(raw(text, token), kind) => return Some(unclosed_string(text, token)),
            _ if line_starts && !open.is_empty() && begins_anew(text, tokens.get(i..)?, &open) => {
                return Some(never_closed(text, open.last()?, Some(token)));
            }
            TokenKind::LeftSquareBracket if line_starts && open.is_empty() => header = Some((token, 1)),
            _ if header.is_some() => {
                header = header.map(|(start, brackets)| match kind {
                    TokenKind::LeftSquareBracket => (start, brackets.saturating_add(1)),
                    TokenKind::RightSquareBracket => (start, brackets.saturating_sub(1)),
                    _ => (start, brackets),
                });
                header = header.filter(|(_, brackets)| *brackets > 0);
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => open.push(token),
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                let opener = if kind == TokenKind::RightSquareBracket {
                    TokenKind::LeftSquareBracket
                } else {
                    TokenKind::LeftCurlyBracket
                };
                match open.pop() {
                    Some(last) if last.kind() != opener => return Some(never_closed(text, last, Some(token))),
                    _ => {}
                }
            }
            _ => {}
        }
        line_starts = false;
    }
    header.map(|(start, _)| unclosed_header(text, start)).or_else(|| Some(never_closed(text, open.last()?, None)))
}

/// Whether a line of this table begins that cannot stand in what is open: a header, or a key in a list.
fn begins_anew(text: &str, tokens: &[Token], open: &[&Token]) -> bool {
    let mut line = tokens.iter().filter(|token| token.kind() != TokenKind::Whitespace);
    let Some(first) = line.next() else { return false };
    let in_list = open.last().is_some_and(|token| token.kind() == TokenKind::LeftSquareBracket);
    let mut rest = line.take_while(|token| !matches!(token.kind(), TokenKind::Newline | TokenKind::Eof));
    match first.kind() {
        TokenKind::LeftSquareBracket => {
            let mut name = rest.skip_while(|token| token.kind() == TokenKind::LeftSquareBracket);
            let is_word = name.next().is_some_and(|token| {
                let word = raw(text, token);
                let is_value = ["true", "false", "inf", "nan"].contains(&word);
                token.kind() == TokenKind::Atom && word.starts_with(|c: char| c.is_alphabetic()) && !is_value
            });
            let is_name =
                |token: &&Token| matches!(token.kind(), TokenKind::Dot | TokenKind::Atom | TokenKind::BasicString);
            is_word && name.find(|token| !is_name(token)).is_some_and(|end| end.kind() == TokenKind::RightSquareBracket)
        }
        TokenKind::Atom | TokenKind::BasicString | TokenKind::LiteralString => {
            let is_name = |token: &&Token| matches!(token.kind(), TokenKind::Dot | TokenKind::Atom);
            in_list && rest.find(|token| !is_name(token)).is_some_and(|end| end.kind() == TokenKind::Equals)
        }
        _ => false,
    }
}

fn is_string(kind: TokenKind) -> bool {
    !quotes(kind).is_empty()
}

fn quotes(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::BasicString => "\"",
        TokenKind::LiteralString => "'",
        TokenKind::MlBasicString => "\"\"\"",
        TokenKind::MlLiteralString => "'''",
        _ => "",
    }
}

/// Whether a string's token has its quotes at both ends.
fn ends(raw: &str, kind: TokenKind) -> bool {
    let quotes = quotes(kind);
    let inside = raw.strip_prefix(quotes).and_then(|rest| rest.strip_suffix(quotes));
    // What ends in `\"` goes on.
    let escapes = |inside: &str| inside.chars().rev().take_while(|c| *c == '\\').count();
    inside.is_some_and(|inside| !quotes.starts_with('"') || escapes(inside).is_multiple_of(2))
}

fn unclosed_string(text: &str, token: &Token) -> SyntaxMistake {
    let (quotes, start) = (quotes(token.kind()), token.span().start());
    let place = start..start.saturating_add(quotes.len());
    let instead = raw(text, token).trim_end().chars().last().filter(|last| LOOKALIKES[0].0.contains(last));
    let problem = match (quotes.len(), instead) {
        (_, Some(last)) => {
            format!("the string that begins here ends in {last}, a typographic quote; type {quotes} there")
        }
        (1, None) => format!("the string that begins here is not closed; write {quotes} at its end, on the same line"),
        (_, None) => format!("the string that begins here is never closed; write {quotes} at its end"),
    };
    (place, problem)
}

fn unclosed_header(text: &str, start: &Token) -> SyntaxMistake {
    let place = line_around(text, start.span().start());
    let line = text.get(start.span().start()..place.end).or_else(|| text.get(start.span().start()..));
    let name = line.unwrap_or_default().split('#').next().unwrap_or_default().trim();
    let closed = format!("{}{}", name.trim_end_matches(']'), if name.starts_with("[[") { "]]" } else { "]" });
    (start.span().start()..start.span().end(), format!("the header that begins here is not closed; write {closed}"))
}

/// What opens at `opener` is seen to be open at `at`, or at the end of the file.
fn never_closed(text: &str, opener: &Token, at: Option<&Token>) -> SyntaxMistake {
    let closing = if opener.kind() == TokenKind::LeftSquareBracket { "]" } else { "}" };
    let until = match at {
        Some(token) if line_number(text, token.span().start()) > line_number(text, opener.span().start()) => {
            format!("before line {}", line_number(text, token.span().start()))
        }
        Some(token) => format!("before the {}", raw(text, token)),
        None => "at its end".to_owned(),
    };
    let problem = format!("the {} that opens here is never closed; write {closing} {until}", raw(text, opener));
    (opener.span().start()..opener.span().end(), problem)
}

/// `leak = 0,9`: a number with a comma, in a line that cannot be read.
fn decimal_comma(text: &str, line: &Range<usize>) -> Option<SyntaxMistake> {
    let content = text.get(line.start..line.end.min(text.len()))?;
    content.match_indices(',').find_map(|(at, _)| {
        let (before, after) = (content.get(..at)?, content.get(at.saturating_add(1)..)?);
        let whole = before.get(before.trim_end_matches(|c: char| c.is_ascii_digit()).len()..)?;
        let left = before.strip_suffix(whole)?;
        let left = left.strip_suffix(['-', '+']).unwrap_or(left);
        let digits = after.len().saturating_sub(after.trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let part = after.get(..digits)?;
        let ends = after.get(digits..)?.trim_start();
        let alone = ends.is_empty() || ends.starts_with([',', '}', '#', ']']);
        if whole.is_empty() || part.is_empty() || !left.trim_end().ends_with('=') || !alone {
            return None;
        }
        let number = content.get(left.len()..at)?;
        let start = line.start.saturating_add(left.len());
        let length = number.len().saturating_add(digits).saturating_add(1);
        Some((start..start.saturating_add(length), format!("a number has a point, not a comma; write {number}.{part}")))
    })
}

/// The place and the sentence of one of the parser's errors.
fn parser_error(text: &str, error: &toml::de::Error) -> SyntaxMistake {
    let span = error.span().unwrap_or(0..0);
    let word = text.get(span.clone()).unwrap_or_default();
    let message = error.message();
    // For a word without quotes the message depends on the first letter: `nope` would be a bad `nan`.
    let of_value = message.starts_with("invalid") || message.starts_with("string values must be quoted");
    let of_value = of_value && !message.contains("key") && !word.contains(['"', '\'', '\n']);
    let line = line_around(text, span.start);
    let content = text.get(line.start..line.end.min(text.len())).unwrap_or_default();
    let problem = match word {
        "True" | "TRUE" | "yes" | "Yes" | "on" | "On" if of_value => format!("{word} is no value; write true"),
        "False" | "FALSE" | "no" | "No" | "off" | "Off" if of_value => format!("{word} is no value; write false"),
        "None" | "null" | "nil" if of_value => {
            format!("{word} is no value; leave the key out, or write \"none\" to take away what another file gave")
        }
        "" if message.starts_with("string values must be quoted") => "there is no value after the `=`".to_owned(),
        word if of_value && word.starts_with(|c: char| c.is_alphabetic() || "/.~_".contains(c)) => {
            format!("strings stand in quotes, as in {word:?}")
        }
        word if of_value && word.contains(char::is_whitespace) => {
            format!("{word} is not one value; commas separate the values of a list, and strings stand in quotes")
        }
        word if message.starts_with("key with no value") || word.starts_with(':') => match content.split_once(':') {
            Some((key, value)) if !key.contains('=') => {
                format!("`=` stands between a key and its value; write {} = {}", key.trim(), value.trim())
            }
            _ => "this key has no value; write key = value".to_owned(),
        },
        _ => message.to_owned(),
    };
    (span, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    /// `line:column: sentence` of every mistake, without how all begin.
    fn told(text: &str) -> Vec<String> {
        let (_, errors) = DeTable::parse_recoverable(text);
        assert!(!errors.is_empty(), "{text} is TOML");
        let mut found = mistakes(text, &errors);
        found.sort_by_key(|(span, _)| span.start);
        let shown = |(span, problem): &SyntaxMistake| {
            let before = &text[..span.start];
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let problem = problem.strip_prefix("this is not valid TOML: ").unwrap();
            format!("{}:{column}: {problem}", before.matches('\n').count() + 1)
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn what_is_never_closed_is_told_where_it_opens_and_its_echoes_are_not() {
        for (text, expected) in [
            (
                "a = 1\nb = [1, 2\nc = 1\n[d]\ne = 2\n",
                "2:5: the [ that opens here is never closed; write ] before line 3.",
            ),
            ("b = [1, 2\n[training]\ne = 2\n", "1:5: the [ that opens here is never closed; write ] before line 2."),
            ("b = { c = 1\n[training]\ne = 2\n", "1:5: the { that opens here is never closed; write } before line 2."),
            ("b = [[1, 2], [3]\n", "1:5: the [ that opens here is never closed; write ] at its end."),
            (
                "b = [\n  { c = { d = 6 }, \"lif\",\n]\ne = 1\n",
                "2:3: the { that opens here is never closed; write } before line 3.",
            ),
            ("b = [{ c = 1 ]\n", "1:6: the { that opens here is never closed; write } before the ]."),
            (
                "b = \"ab\nc = 1\n",
                "1:5: the string that begins here is not closed; write \" at its end, on the same line.",
            ),
            (
                "b = 'ab\nc = 1\n",
                "1:5: the string that begins here is not closed; write ' at its end, on the same line.",
            ),
            ("b = \"\"\"ab\nc = 1\n", "1:5: the string that begins here is never closed; write \"\"\" at its end."),
            ("b = \"ab”\nc = 1\n", "1:5: the string that begins here ends in ”, a typographic quote; type \" there."),
            ("a = 1\n[network # c\nb = 2\n", "2:1: the header that begins here is not closed; write [network]."),
            ("[[rows]\nb = 2\n", "1:1: the header that begins here is not closed; write [[rows]]."),
            ("[rows", "1:1: the header that begins here is not closed; write [rows]."),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
        // A list of lists, and words in it, are neither headers nor keys.
        assert_eq!(
            told("a = [\n [true], ['b'],\n \"c\"\n 'd', ]\n"),
            ["4:2: missing comma between array elements, expected `,`."]
        );
    }

    #[test]
    fn signs_that_only_look_like_those_of_toml_are_named_with_what_to_type() {
        for (text, expected) in [
            ("a = “b”\n", "1:5: “ (U+201C) is a typographic quote; type \" instead."),
            ("a = ‘b c’\n", "1:5: ‘ (U+2018) is no quote of TOML; type ' instead."),
            ("“a” = 1\n", "1:1: “ (U+201C) is a typographic quote; type \" instead."),
            ("a = −1\n", "1:5: − (U+2212) is no minus that can be read; type - instead."),
            ("a = 1e–4\n", "1:7: – (U+2013) is no minus that can be read; type - instead."),
            ("a\u{a0}= 1\n", "1:2: the blank here (U+00A0) is no plain space; type a space instead."),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
        // In strings and comments they are letters.
        assert_eq!(
            told("a = \"“−\u{a0}\" # ”\nb = nope\nc = “\n"),
            [
                "2:5: strings stand in quotes, as in \"nope\".",
                "3:5: “ (U+201C) is a typographic quote; type \" instead."
            ]
        );
    }

    #[test]
    fn other_slips_are_told_with_what_to_write() {
        for (text, expected) in [
            ("a = 0,9\n", "1:5: a number has a point, not a comma; write 0.9."),
            ("a = { b = -0,95, c = 1 }\n", "1:11: a number has a point, not a comma; write -0.95."),
            ("a = True\n", "1:5: True is no value; write true."),
            ("a = { b = no }\n", "1:11: no is no value; write false."),
            (
                "a = None\n",
                "1:5: None is no value; leave the key out, or write \"none\" to take away what another file gave.",
            ),
            ("a = my run\n", "1:5: strings stand in quotes, as in \"my run\"."),
            ("a = data/cifar10\n", "1:5: strings stand in quotes, as in \"data/cifar10\"."),
            ("a = /data/x\n", "1:5: strings stand in quotes, as in \"/data/x\"."),
            (
                "a = [1 2]\n",
                "1:6: 1 2 is not one value; commas separate the values of a list, and strings stand in quotes.",
            ),
            ("a =\n", "1:4: there is no value after the `=`."),
            ("a\n", "1:2: this key has no value; write key = value."),
            ("a: 1\n", "1:2: `=` stands between a key and its value; write a = 1."),
        ] {
            assert_eq!(told(text)[0], expected, "{text}");
        }
    }
}
