//! Times that wrap round and step back.
//!
//! A camera counts microseconds in a whole number of few bits, which wraps round to 0: 32 bits after 71.6 minutes. Events that were read
//! out together may be out of order. So a time-stamp is taken for the time nearest to that of the newest event, ahead of it or behind, and
//! events are put in order, equal times as they stand in the file. Further back than a second is no disorder of read-out: the counter was
//! set back, no order of the events is known, and the recording is refused.

use super::Event;

/// How far behind the newest event another may come, in microseconds.
pub(super) const MOST_BACK: u32 = 1_000_000;

/// Turns 32-bit time-stamps, in microseconds, into times that go on.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Time-stamp and time of the newest event.
    newest: Option<(u32, u64)>,
}

/// A time-stamp so many microseconds behind the newest event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetBack(pub u32);

impl Clock {
    /// The time of the next event of the file. The first one's is [`MOST_BACK`], so that no time is below 0.
    pub fn time(&mut self, stamp: u32) -> Result<u64, SetBack> {
        let (last, time) = self.newest.unwrap_or((stamp, MOST_BACK.into()));
        let ahead = stamp.wrapping_sub(last);
        let behind = last.wrapping_sub(stamp);
        if ahead < 1 << 31 {
            let time = time.saturating_add(ahead.into());
            self.newest = Some((stamp, time));
            Ok(time)
        } else if behind <= MOST_BACK {
            Ok(time.saturating_sub(behind.into()))
        } else {
            Err(SetBack(behind))
        }
    }
}

/// Puts events in order of time and counts time from the first.
pub(super) fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.time);
    let first = events.first().map_or(0, |event| event.time);
    events.iter_mut().for_each(|event| event.time = event.time.saturating_sub(first));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(stamps: &[u32]) -> Result<Vec<u64>, SetBack> {
        let mut clock = Clock::default();
        let event = |&stamp| Ok(Event { time: clock.time(stamp)?, row: 0, column: 0, on: true });
        let events = stamps.iter().map(event).collect::<Result<Vec<_>, _>>()?;
        Ok(in_order(events).into_iter().map(|event| event.time).collect())
    }

    #[test]
    fn a_counter_that_wraps_round_goes_on() {
        // 10 us before the wrap, 5 after it, half an hour later, and over the sign bit of Java's int.
        assert_eq!(times(&[u32::MAX - 9, 5, 1_800_000_005]).unwrap(), [0, 15, 1_800_000_015]);
        assert_eq!(times(&[0x7fff_fff0, 0x8000_0000]).unwrap(), [0, 16]);
    }

    #[test]
    fn small_steps_back_are_put_in_order_also_over_a_wrap() {
        assert_eq!(times(&[100, 90, 120, 110]).unwrap(), [0, 10, 20, 30]);
        assert_eq!(times(&[3, u32::MAX, 4]).unwrap(), [0, 4, 5]);
        assert_eq!(times(&[2_000_000, 1_000_000, 2_000_001]).unwrap(), [0, 1_000_000, 1_000_001]);
    }

    #[test]
    fn a_counter_that_was_set_back_is_refused() {
        assert_eq!(times(&[2_000_000, 999_999]), Err(SetBack(1_000_001)));
        // Small steps do not add up: the newest event is what counts.
        assert_eq!(times(&[2_000_000, 1_200_000, 400_000]), Err(SetBack(1_600_000)));
    }

    #[test]
    fn events_of_one_time_stay_in_file_order() {
        let event = |time, row| Event { time, row, column: 0, on: false };
        let events = in_order(vec![event(7, 0), event(5, 1), event(7, 2), event(5, 3)]);
        let rows: Vec<u8> = events.iter().map(|event| event.row).collect();
        assert_eq!(rows, [1, 3, 0, 2]);
        assert_eq!(events[3].time, 2);
    }
}
