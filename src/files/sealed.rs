//! Small text files that know when they were damaged: the first line is `sha256 = "..."`, of all that follows.
//!
//! A flipped digit in a number is a number too: without a checksum it would be believed.

use crate::files::atomic::sha256_hex;

const BEFORE: &str = "sha256 = \"";
const AFTER: &str = "\"\n";

/// `body` with its checksum before it.
pub fn seal(body: &str) -> String {
    format!("{BEFORE}{}{AFTER}{body}", sha256_hex(body.as_bytes()))
}

/// The body of a sealed text.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub fn open(text: &str) -> Result<&str, String> {
    let expected = "expected `sha256 = \"...\"` in the first line";
    let rest = text.strip_prefix(BEFORE).ok_or(expected)?;
    let (sum, body) = rest.split_once(AFTER).ok_or(expected)?;
    let found = sha256_hex(body.as_bytes());
    if found == sum { Ok(body) } else { Err(format!("it is damaged: it has the SHA-256 {found}, and says {sum}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_and_any_change_of_a_byte_is_noticed() {
        // FIPS 180-4, example B.1.
        let text = "sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nabc";
        assert_eq!(seal("abc"), text);
        assert_eq!(open(text), Ok("abc"));
        for place in 0..text.len() {
            for change in [1, 2, 16, 32] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= change;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(open(&changed).is_err(), "{changed}");
            }
            assert!(open(&text[..place]).is_err(), "cut after {place}");
        }
        assert!(open("abc").unwrap_err().contains("in the first line"));
    }
}
