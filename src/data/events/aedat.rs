//! AEDAT 2.0 recordings of a DVS128, as jAER writes them: 128x128 pixels.
//!
//! Lines that begin with `#`, the first `#!AER-DAT2.0`; then events of 8 bytes, big-endian: a `u32` address and a `u32`
//! time-stamp in microseconds. Of the address:
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | polarity: 0 on (brighter), 1 off |
//! | 1 to 7 | column, counted from the right |
//! | 8 to 14 | row, counted from the bottom |
//! | 15, 31 | no event of a pixel, but a signal from outside: left out |
//!
//! Source: jAER's `DVS128.java` (`Extractor.extractPacket`), whose origin lies at the bottom left. No address has other
//! bits, so that an event cannot begin with the byte of `#`.

use std::path::Path;

use super::PixelEvent;
use super::clock::{Clock, ClockSetBack, in_order};
use crate::error::{Error, Result};

/// Rows and columns of the sensor.
pub(super) const SIDE: usize = 128;

const STAMP_BITS: u32 = 32;

const HEAD: &[u8] = b"#!AER-DAT2.0";
const OUTSIDE: u32 = 1 << 15 | 1 << 31;
const PIXEL: u32 = 0x7fff;

/// The events of a file's content, in order of time.
///
/// # Errors
/// [`Error::Data`] for what is no AEDAT 2.0 recording of a DVS128, for a last event that is not whole, for a clock that
/// was set back, and for a recording without an event.
pub(super) fn events(content: &[u8], path: &Path) -> Result<Vec<PixelEvent>> {
    let name = path.display();
    let start = head(content, path)?;
    let (records, rest) = content.get(start..).unwrap_or_default().as_chunks::<8>();
    if !rest.is_empty() {
        return Err(Error::Data(format!(
            "{name} is truncated: its last event begins at byte {} and has {} of 8 bytes; fetch it again.",
            content.len().saturating_sub(rest.len()),
            rest.len()
        )));
    }
    let place = |index: usize| index.saturating_mul(8).saturating_add(start);
    let mut clock = Clock::of_bits(STAMP_BITS);
    let mut events = super::room(records.len(), path)?;
    for (index, &[a, b, c, d, e, f, g, h]) in records.iter().enumerate() {
        let [address, stamp] = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
        let time = clock.time(stamp).map_err(|ClockSetBack(back)| super::set_back(path, place(index), back))?;
        if address & OUTSIDE != 0 {
            continue;
        }
        if address > PIXEL {
            return Err(Error::Data(format!(
                "{name}: the event at byte {} has the address {address:#010x}; a DVS128 has addresses up to {PIXEL:#x}; was it \
                 recorded with another camera?",
                place(index)
            )));
        }
        // Seven bits each; 127 less a number of seven bits is the number with every bit turned.
        let [column, row] = [1, 8].map(|shift| (!address >> shift & 127) as u8);
        events.push(PixelEvent { time, row, column, on: address & 1 == 0 });
    }
    match events.is_empty() {
        true => Err(Error::Data(format!("{name} holds no event of a pixel; leave it out."))),
        false => Ok(in_order(events)),
    }
}

/// The number of bytes before the first event.
fn head(content: &[u8], path: &Path) -> Result<usize> {
    if !content.starts_with(HEAD) {
        return Err(Error::Data(format!(
            "{} does not begin with {:?}; expected an AEDAT 2.0 recording of a DVS128.",
            path.display(),
            String::from_utf8_lossy(HEAD)
        )));
    }
    let mut start = 0;
    let mut rest = content;
    while rest.first() == Some(&b'#') {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(Error::Data(format!(
                "{} ends within the line of its head that begins at byte {start}; fetch it again.",
                path.display()
            )));
        };
        let length = end.saturating_add(1);
        start = length.saturating_add(start);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recording of (address, time-stamp).
    fn recording(head: &str, records: &[(u32, u32)]) -> Vec<u8> {
        let records = records.iter().flat_map(|(address, stamp)| [address.to_be_bytes(), stamp.to_be_bytes()]);
        [head.as_bytes(), &records.flatten().collect::<Vec<u8>>()].concat()
    }

    const SHORT: &str = "#!AER-DAT2.0\r\n# one more line\r\n";

    fn read(head: &str, records: &[(u32, u32)]) -> Result<Vec<PixelEvent>> {
        events(&recording(head, records), Path::new("a.aedat"))
    }

    fn refusal(content: &[u8]) -> String {
        events(content, Path::new("a.aedat")).unwrap_err().to_string()
    }

    #[test]
    fn addresses_are_those_of_jaer() {
        // jAER: x = 127 - bits 1..7, y = bits 8..14 from the bottom, bit 0 set is off.
        let corners = [(0x0000, 10), (0x00ff, 20), (0x7f01, 30), (0x7ffe, 40), (2 << 8 | 3 << 1, 50)];
        let event = |time, row, column, on| PixelEvent { time, row, column, on };
        let expected = [
            event(0, 127, 127, true),
            event(10, 127, 0, false),
            event(20, 0, 127, false),
            event(30, 0, 0, true),
            event(40, 125, 124, true),
        ];
        assert_eq!(read(SHORT, &corners).unwrap(), expected);
    }

    #[test]
    fn signals_from_outside_are_left_out_but_move_the_clock() {
        // Without them, no wrap would be seen between 0 and 7.
        let events = read(SHORT, &[(0, 0), (0x8000, 2_000_000_000), (0x8000_0000, 0xffff_fff0), (1, 7)]).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].time, (1 << 32) + 7);
        assert_eq!(refusal(&recording(SHORT, &[(0x8000, 3)])), "a.aedat holds no event of a pixel; leave it out.");
    }

    #[test]
    fn a_last_event_that_is_not_whole_is_named_with_its_byte() {
        let mut content = recording(SHORT, &[(0, 1), (0, 2)]);
        assert_eq!(SHORT.len(), 31);
        content.truncate(31 + 8 + 3);
        let expected = "a.aedat is truncated: its last event begins at byte 39 and has 3 of 8 bytes; fetch it again.";
        assert_eq!(refusal(&content), expected);
        content.truncate(31);
        assert_eq!(refusal(&content), "a.aedat holds no event of a pixel; leave it out.");
        content.truncate(30);
        let expected = "a.aedat ends within the line of its head that begins at byte 14; fetch it again.";
        assert_eq!(refusal(&content), expected);
    }

    #[test]
    fn other_files_are_refused() {
        let other = recording("#!AER-DAT3.1\r\n", &[(0, 1)]);
        let expected = "a.aedat does not begin with \"#!AER-DAT2.0\"; expected an AEDAT 2.0 recording of a DVS128.";
        assert_eq!([refusal(&other), refusal(&[])], [expected, expected]);
        let davis = recording(SHORT, &[(0, 1), (0x0040_0800, 2)]);
        let expected = "a.aedat: the event at byte 39 has the address 0x00400800; a DVS128 has addresses up to 0x7fff; was it \
                        recorded with another camera?";
        assert_eq!(refusal(&davis), expected);
    }

    #[test]
    fn a_clock_that_was_set_back_is_named_with_its_byte() {
        let text = refusal(&recording(SHORT, &[(0, 5_000_000), (0, 4_990_000), (0, 7)]));
        assert_eq!(
            text,
            "a.aedat: the event at byte 47 is 4999993 us older than one before it; up to 16384 us are put in order, more is a clock \
             that was set back; cut the recording there."
        );
    }
}
