//! Recordings of N-MNIST: `.bin` files of an ATIS camera, 34x34 pixels.
//!
//! Events of 40 bits, big-endian: 8 bits column, 8 bits row, 1 bit polarity (0 off, 1 on), 23 bits time-stamp in
//! microseconds (<https://www.garrickorchard.com/datasets/n-mnist>), which wraps round after 8.4 seconds. Row 240 is no
//! pixel: there the camera's 13-bit counter overflowed, and 2^13 us are to be added from there on, as the data set's
//! own reader does.

use std::path::Path;

use super::PixelEvent;
use super::clock::{Clock, ClockSetBack, in_order};
use crate::error::{Error, Result};

/// Rows and columns that hold events.
pub(super) const SIDE: u8 = 34;

const STAMP_BITS: u32 = 23;

const OVERFLOW: u8 = 240;

/// The events of a file's content, in order of time.
///
/// # Errors
/// [`Error::Data`] for pixels out of range, for a last event that is not whole, for a clock that was set back, and for
/// a recording without an event.
pub(super) fn events(content: &[u8], path: &Path) -> Result<Vec<PixelEvent>> {
    let name = path.display();
    let (records, rest) = content.as_chunks::<5>();
    if !rest.is_empty() {
        return Err(Error::Data(format!(
            "{name} is truncated: its last event begins at byte {} and has {} of 5 bytes; fetch it again.",
            content.len().saturating_sub(rest.len()),
            rest.len()
        )));
    }
    let mut clock = Clock::of_bits(STAMP_BITS);
    let mut events = super::room(records.len(), path)?;
    for (index, &[column, row, high, middle, low]) in records.iter().enumerate() {
        let place = index.saturating_mul(5);
        if row == OVERFLOW {
            clock.pass(1 << 13);
            continue;
        }
        if column >= SIDE || row >= SIDE {
            return Err(Error::Data(format!(
                "{name}: the event at byte {place} lies at column {column}, row {row}; expected less than {SIDE} of both; is this \
                 a recording of N-MNIST?"
            )));
        }
        let stamp = u32::from_be_bytes([0, high & 127, middle, low]);
        let time = clock.time(stamp).map_err(|ClockSetBack(back)| super::set_back(path, place, back))?;
        events.push(PixelEvent { time, row, column, on: high >= 128 });
    }
    match events.is_empty() {
        true => Err(Error::Data(format!("{name} holds no event of a pixel; leave it out."))),
        false => Ok(in_order(events)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Vec<PixelEvent>> {
        events(content, Path::new("a.bin"))
    }

    fn refusal(content: &[u8]) -> String {
        read(content).unwrap_err().to_string()
    }

    #[test]
    fn the_forty_bits_are_column_row_polarity_and_time() {
        // 0x010203 us, off; 0x7fffff us, on, 8,322,044 us later.
        let content = [[33, 2, 0x01, 0x02, 0x03], [0, 33, 0xff, 0xff, 0xff]].concat();
        let expected = [
            PixelEvent { time: 0, row: 2, column: 33, on: false },
            PixelEvent { time: 0x7f_ffff - 0x01_0203, row: 33, column: 0, on: true },
        ];
        assert_eq!(read(&content).unwrap(), expected);
    }

    #[test]
    fn an_overflow_of_the_counter_adds_8192_microseconds() {
        let content = [[1, 1, 0, 0, 9], [0, 240, 0, 0, 0], [0, 240, 0, 0, 0], [1, 1, 0, 0, 4]].concat();
        let times: Vec<u64> = read(&content).unwrap().iter().map(|event| event.time).collect();
        assert_eq!(times, [0, 2 * 8192 - 5]);
    }

    fn times(stamps: &[u32]) -> Result<Vec<u64>> {
        let record = |stamp: &u32| {
            let [_, high, middle, low] = stamp.to_be_bytes();
            [1, 1, high, middle, low]
        };
        let events = read(&stamps.iter().flat_map(record).collect::<Vec<u8>>())?;
        Ok(events.iter().map(|event| event.time).collect())
    }

    #[test]
    fn the_twenty_three_bits_wrap_round_and_a_clock_that_starts_anew_is_refused() {
        // 2^23 = 8,388,608: 8 us before it, 7 us after it.
        assert_eq!(times(&[8_388_600, 7, 1_007]).unwrap(), [0, 15, 1_015]);
        let text = times(&[0, 150_000, 300_000, 0, 150_000]).unwrap_err().to_string();
        let expected = "a.bin: the event at byte 15 is 300000 us older than one before it; up to 16384 us are put in order, more is a clock \
                        that was set back; cut the recording there.";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_byte() {
        let event = [3, 4, 0, 0, 1];
        let text = refusal(&[event, [34, 0, 0, 0, 2]].concat());
        let expected = "a.bin: the event at byte 5 lies at column 34, row 0; expected less than 34 of both; is this a recording of \
                        N-MNIST?";
        assert_eq!(text, expected);
        let text = refusal(&[&event[..], &event[..2]].concat());
        assert_eq!(text, "a.bin is truncated: its last event begins at byte 5 and has 2 of 5 bytes; fetch it again.");
        assert_eq!(refusal(&[]), "a.bin holds no event of a pixel; leave it out.");
        assert_eq!(refusal(&[0, 240, 0, 0, 0]), "a.bin holds no event of a pixel; leave it out.");
        let text = refusal(&[[0, 0, 0x20, 0, 0], event].concat());
        assert!(text.starts_with("a.bin: the event at byte 5 is 2097151 us older than one before it; up to"), "{text}");
    }
}
