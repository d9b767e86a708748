//! Hostile inputs out of whole ones: number by number the same, whatever the machine.

use bntt::rng::{Purpose, Stream};

/// Numbers at which sizes and counts go wrong, as text and, below, as bytes.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "65536",
    "4294967295",
    "2147483648",
    "1152921504606846976",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "340282366920938463463374607431768211456",
    "1e999",
    "-0.0",
    "nan",
    "1e-45",
];
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\n",
    ",",
    "=",
    ".a",
    "\\u0000",
    "null",
    "true",
    "[[[[[[[[",
    "{a={a={a=",
    "\u{feff}",
    "é",
    "base = \".\"\n",
];

/// A stream of choices.
struct Choices {
    stream: Stream,
    position: u64,
}

impl Choices {
    /// One of `0..bound`; 0 where there is none.
    fn below(&mut self, bound: usize) -> usize {
        self.position += 1;
        self.stream.below(self.position, bound as u32) as usize
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Input number `number` of a target: one of `seeds` after one to five changes.
pub fn mutated(seeds: &[Vec<u8>], target: usize, number: u64) -> Vec<u8> {
    let stream = Stream::new(number, Purpose::Synthetic, target, 0, 0);
    let mut choices = Choices { stream, position: 0 };
    let mut bytes = seeds[choices.below(seeds.len())].clone();
    // Mostly one: what is broken in many places is refused at the first.
    for _ in 0..[1, 1, 1, 1, 1, 2, 3, 5][choices.below(8)] {
        change(&mut bytes, seeds, &mut choices);
    }
    // Without it hardly any change of a header would be read.
    if choices.below(2) == 0 {
        announce_header(&mut bytes);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], choices: &mut Choices) {
    let at = choices.below(bytes.len() + 1);
    let end = bytes.len().min(at + choices.below(64));
    match choices.below(11) {
        0 if at < bytes.len() => bytes[at] ^= 1 << choices.below(8),
        1 if at < bytes.len() => bytes[at] = choices.below(256) as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let chunk = bytes[at..end].repeat(1 + choices.below(4));
            bytes.splice(at..at, chunk);
        }
        5 => {
            let other = &seeds[choices.below(seeds.len())];
            let from = choices.below(other.len() + 1);
            let to = other.len().min(from + choices.below(64));
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        6 => drop(bytes.splice(at..at, choices.one(WORDS).bytes())),
        7 => {
            let number = binary(choices);
            let end = bytes.len().min(at + number.len());
            bytes.splice(at..end, number);
        }
        8 => {
            let number = binary(choices);
            let end = number.len().min(bytes.len());
            bytes.splice(..end, number);
        }
        _ => {
            // A number of the text, or a place without one.
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let start = at + bytes[at..].iter().position(is_digit).unwrap_or(0);
            let length = bytes[start..].iter().position(|byte| !is_digit(byte)).unwrap_or(0);
            bytes.splice(start..start + length, choices.one(NUMBERS).bytes());
        }
    }
}

fn binary(choices: &mut Choices) -> Vec<u8> {
    let number = [0, 1, 1 << 20, (1 << 31) - 1, u64::from(u32::MAX), 1 << 60, 1 << 63, u64::MAX][choices.below(8)];
    match choices.below(5) {
        0 => number.to_be_bytes().into(),
        1 => number.to_le_bytes().into(),
        2 => (number as u32).to_be_bytes().into(),
        3 => (number as u32).to_le_bytes().into(),
        _ => choices.one(&[&f32::NAN, &f32::INFINITY, &f32::MAX]).to_le_bytes().into(),
    }
}

/// Makes the length at the start of a safetensors file, or behind the byte that chooses the file, that of the header
/// found.
fn announce_header(bytes: &mut [u8]) {
    let Some(open) = bytes.iter().position(|&byte| byte == b'{').filter(|open| (8..10).contains(open)) else { return };
    let Some(close) = bytes.windows(2).rposition(|pair| pair == b"}}") else { return };
    let length = (close + 2).saturating_sub(open) as u64;
    bytes[open - 8..open].copy_from_slice(&length.to_le_bytes());
}
