//! JSON that has its own checksum: the first key is `"sha256"`, and its 64 digits are those of the text in which they
//! are all zero.

use std::ops::Range;

use crate::files::atomic::sha256_hex;

const KEY: &[u8] = b"\"sha256\"";
const DIGITS: usize = 64;

/// A JSON object, as text, with its checksum before all other keys.
pub fn seal(object: &str) -> String {
    let rest = object.trim().strip_prefix('{').unwrap_or_default();
    let with = |digits: &str| format!("{{\n  \"sha256\": \"{digits}\",{rest}\n");
    with(&sha256_hex(with(&"0".repeat(DIGITS)).as_bytes()))
}

/// Whether a text has a checksum that is not its own. One without is of an older version.
pub fn is_broken(text: &[u8]) -> bool {
    if !begins_with_key(text) {
        return false;
    }
    let Some((place, digits)) = digits(text).and_then(|place| Some((place.clone(), text.get(place)?))) else {
        return true;
    };
    let mut zeroed = text.to_vec();
    zeroed.get_mut(place).into_iter().flatten().for_each(|digit| *digit = b'0');
    sha256_hex(&zeroed).as_bytes() != digits
}

fn after_spaces(text: &[u8], place: usize) -> usize {
    let rest = text.get(place..).unwrap_or_default();
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    place.saturating_add(spaces)
}

/// The place after `expected`, which stands at `place` or behind spaces.
fn after(text: &[u8], place: usize, expected: &[u8]) -> Option<usize> {
    let place = after_spaces(text, place);
    text.get(place..)?.starts_with(expected).then(|| place.saturating_add(expected.len()))
}

fn begins_with_key(text: &[u8]) -> bool {
    after(text, 0, b"{").and_then(|place| after(text, place, KEY)).is_some()
}

/// Where the digits stand.
fn digits(text: &[u8]) -> Option<Range<usize>> {
    let key = after(text, after(text, 0, b"{")?, KEY)?;
    let start = after(text, after(text, key, b":")?, b"\"")?;
    let end = start.checked_add(DIGITS)?;
    text.get(end..)?.starts_with(b"\"").then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_text_with_zeros_in_its_place() {
        let text = seal("{\n  \"a\": 1\n}");
        // printf '{\n  "sha256": "%064d",\n  "a": 1\n}\n' 0 | sha256sum
        let expected = "31f8da9d988d59d5fd02d82fb38b10f53ccc54a8e856a12d539f5106c8015cb1";
        assert_eq!(text, format!("{{\n  \"sha256\": \"{expected}\",\n  \"a\": 1\n}}\n"));
        assert!(!is_broken(text.as_bytes()));
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert!(is_broken(text.replace('1', "2").as_bytes()));
        assert!(is_broken(text.trim_end().as_bytes()), "a byte less");
        assert!(is_broken(text.to_uppercase().replace("SHA256", "sha256").as_bytes()));
    }

    #[test]
    fn a_text_without_is_not_broken_and_one_with_something_else_in_its_place_is() {
        for text in ["", "{", "{}", "{\"a\": 1}", "[\"sha256\"]", "{\"a\": 1, \"sha256\": \"0\"}"] {
            assert!(!is_broken(text.as_bytes()), "{text}");
        }
        let zeros = "0".repeat(64);
        for text in [
            "{\"sha256\"".to_string(),
            "{\"sha256\":1}".into(),
            format!("{{ \"sha256\" : \"{zeros}"),
            format!("{{\n\"sha256\":\"{zeros}\"}}"),
            format!("{{\"sha256\":\"{zeros}0\"}}"),
        ] {
            assert!(is_broken(text.as_bytes()), "{text}");
        }
    }
}
