//! Times that wrap round and step back.
//!
//! A camera counts microseconds in a whole number of few bits, which wraps round to 0: 32 bits after 71.6 minutes, 23
//! after 8.4 seconds. Events that were read out together may be out of order. So a time-stamp that is a little lower
//! than the newest is an event that comes late, and events are put in order, equal times as they stand in the file. One
//! that is much lower is a clock that has wrapped round, where that takes no long pause, or else one that was set back:
//! then no order of the events is known, and the recording is refused.
//!
//! What disorder there is was measured: of the 4,518,827 events of 1,100 recordings of N-MNIST, and of the 4,459,832 of
//! 14 recordings of a DVS128, none is older than one before it, and from one event to the next it is at most 12,956 us.
//! (AEDAT 2.0 promises order; of older hardware, which counts a few bits and tells when they overflow, it is known that
//! it sometimes failed to tell.)

use super::PixelEvent;

/// How far behind the newest event another may come, in microseconds: one turn of the 14 bits that a DVS128 itself
/// counts, which is more than an ATIS's 13. None was seen; a clock that starts anew within so short a time moves no
/// event further than that.
pub(super) const MOST_BACK: i64 = 1 << 14;

/// A clock wraps round only from the last part of its range into the first, one of so many in all: within 131 ms for 23
/// bits and 67 s for 32. So a clock that starts anew is hardly ever taken for one that wraps round.
const PARTS: i64 = 64;

/// Turns time-stamps, in microseconds, into times that go on.
#[derive(Debug)]
pub(super) struct Clock {
    /// Time-stamps are below it.
    range: i64,
    /// Time-stamp and time of the newest event.
    newest: Option<(i64, u64)>,
    /// Microseconds that have gone by since, and that time-stamps do not tell.
    untold: i64,
}

/// A time-stamp so many microseconds behind the newest event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClockSetBack(pub u64);

impl Clock {
    /// One of time-stamps of so many bits, at most 32.
    pub fn of_bits(bits: u32) -> Self {
        Self { range: 1i64.checked_shl(bits).unwrap_or(i64::MAX), newest: None, untold: 0 }
    }

    /// Lets microseconds go by that the time-stamps after them do not tell.
    pub fn pass(&mut self, microseconds: u32) {
        self.untold = self.untold.saturating_add(microseconds.into());
    }

    /// The time of the next event of the file. The first one's is [`MOST_BACK`] or more, so that no time is below 0.
    pub fn time(&mut self, stamp: u32) -> Result<u64, ClockSetBack> {
        let stamp = i64::from(stamp);
        let (last, time) = self.newest.unwrap_or((stamp, MOST_BACK.unsigned_abs()));
        let step = match stamp.saturating_sub(last) {
            // From before a wrap to after it, or late from after it to before it.
            step if step.saturating_add(self.range) <= self.range / PARTS => step.saturating_add(self.range),
            step if step >= self.range.saturating_sub(MOST_BACK) => step.saturating_sub(self.range),
            step => step,
        };
        match self.untold.saturating_add(step) {
            ahead @ 0.. => {
                let time = time.saturating_add_signed(ahead);
                (self.newest, self.untold) = (Some((stamp, time)), 0);
                Ok(time)
            }
            behind if behind >= -MOST_BACK => Ok(time.saturating_add_signed(behind)),
            behind => Err(ClockSetBack(behind.unsigned_abs())),
        }
    }
}

/// Puts events in order of time and counts time from the first.
pub(super) fn in_order(mut events: Vec<PixelEvent>) -> Vec<PixelEvent> {
    events.sort_by_key(|event| event.time);
    let first = events.first().map_or(0, |event| event.time);
    events.iter_mut().for_each(|event| event.time = event.time.saturating_sub(first));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times_of(bits: u32, stamps: &[u32]) -> Result<Vec<u64>, ClockSetBack> {
        let mut clock = Clock::of_bits(bits);
        let event = |&stamp| Ok(PixelEvent { time: clock.time(stamp)?, row: 0, column: 0, on: true });
        let events = stamps.iter().map(event).collect::<Result<Vec<_>, _>>()?;
        Ok(in_order(events).into_iter().map(|event| event.time).collect())
    }

    fn times(stamps: &[u32]) -> Result<Vec<u64>, ClockSetBack> {
        times_of(32, stamps)
    }

    #[test]
    fn a_counter_that_wraps_round_goes_on() {
        // 10 us before the wrap, 5 after it, half an hour later, and over the sign bit of Java's int.
        assert_eq!(times(&[u32::MAX - 9, 5, 1_800_000_005]).unwrap(), [0, 15, 1_800_000_015]);
        assert_eq!(times(&[0x7fff_fff0, 0x8000_0000]).unwrap(), [0, 16]);
        // 2^23 = 8,388,608; twice round.
        assert_eq!(
            times_of(23, &[8_388_600, 2, 4_000_000, 8_388_607, 0]).unwrap(),
            [0, 10, 4_000_008, 8_388_615, 8_388_616]
        );
    }

    #[test]
    fn a_wrap_takes_no_long_pause() {
        // A 64th of 2^23 is 131,072, of 2^32 67,108,864.
        assert_eq!(times_of(23, &[8_388_608 - 100_000, 31_072]).unwrap(), [0, 131_072]);
        assert_eq!(times_of(23, &[8_388_608 - 100_000, 31_073]), Err(ClockSetBack(8_257_535)));
        assert_eq!(times(&[u32::MAX, 67_108_863]).unwrap(), [0, 67_108_864]);
        // A camera whose clock was set to 0, as a DVS128's is at the press of a button; a wrap would be 19 minutes
        // away.
        assert_eq!(times(&[3_151_642_323, 0]), Err(ClockSetBack(3_151_642_323)));
    }

    #[test]
    fn small_steps_back_are_put_in_order_also_over_a_wrap() {
        assert_eq!(times(&[100, 90, 120, 110]).unwrap(), [0, 10, 20, 30]);
        assert_eq!(times(&[3, u32::MAX, 4]).unwrap(), [0, 4, 5]);
        assert_eq!(times_of(23, &[3, 8_388_607, 4]).unwrap(), [0, 4, 5]);
        assert_eq!(times(&[2_000_000, 2_000_000 - 16_384, 2_000_001]).unwrap(), [0, 16_384, 16_385]);
    }

    #[test]
    fn a_counter_that_was_set_back_is_refused() {
        assert_eq!(times(&[2_000_000, 2_000_000 - 16_385]), Err(ClockSetBack(16_385)));
        // As long as a recording of N-MNIST.
        for bits in [23, 32] {
            assert_eq!(times_of(bits, &[300_000, 0]), Err(ClockSetBack(300_000)));
        }
        // Small steps do not add up: the newest event is what counts.
        assert_eq!(times(&[2_000_000, 1_990_000, 1_980_000]), Err(ClockSetBack(20_000)));
    }

    #[test]
    fn a_pause_may_be_as_long_as_the_range() {
        assert_eq!(times(&[5, 4_200_000_000]).unwrap(), [0, 4_199_999_995]);
        assert_eq!(times_of(23, &[66_051, 0x7f_ffff]).unwrap(), [0, 0x7f_ffff - 66_051]);
    }

    #[test]
    fn time_that_stamps_do_not_tell_goes_by_all_the_same() {
        let mut clock = Clock::of_bits(23);
        let mut next = |untold: u32, stamp| {
            clock.pass(untold);
            clock.time(stamp)
        };
        let start = MOST_BACK as u64;
        assert_eq!(next(0, 8_190), Ok(start));
        assert_eq!(next(8_192, 3), Ok(start + 5));
        // What comes late comes late after it too, and takes nothing of the 8,192 us away.
        assert_eq!(next(0, 1), Ok(start + 3));
        assert_eq!(next(3 * 8_192, 3), Ok(start + 5 + 3 * 8_192));
    }

    #[test]
    fn events_of_one_time_stay_in_file_order() {
        let event = |time, row| PixelEvent { time, row, column: 0, on: false };
        let events = in_order(vec![event(7, 0), event(5, 1), event(7, 2), event(5, 3)]);
        let rows: Vec<u8> = events.iter().map(|event| event.row).collect();
        assert_eq!(rows, [1, 3, 0, 2]);
        assert_eq!(events[3].time, 2);
    }
}
