//! Pieces of a long recording.
//!
//! Window k of a recording lasts from k `stride` to k `stride` + `length`, the end not included, counted from its first event; the last window
//! ends before the recording does, at the microsecond after its last event. Windows of the training recordings may overlap.

use std::ops::Range;
use std::path::Path;

use super::Event;
use crate::error::{Error, Result};

/// Lengths in microseconds, both above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub length: u64,
    /// From the start of a window to the start of the next.
    pub stride: u64,
}

impl Windows {
    /// The windows of a recording, in order.
    ///
    /// # Errors
    /// [`Error::Data`] for a recording shorter than one window.
    pub fn of(&self, events: &[Event], path: &Path) -> Result<Vec<Range<u64>>> {
        let end = duration(events);
        let windows: Vec<Range<u64>> = (0..)
            .map_while(|k: u64| {
                let start = k.checked_mul(self.stride)?;
                Some(start..start.checked_add(self.length)?)
            })
            .take_while(|window| window.end <= end)
            .collect();
        if windows.is_empty() {
            return Err(Error::Data(format!(
                "{} lasts {end} us, less than one window of {}; make window_ms smaller or leave it out.",
                path.display(),
                self.length
            )));
        }
        Ok(windows)
    }
}

/// From a recording's first event to the microsecond after its last.
pub(super) fn duration(events: &[Event]) -> u64 {
    events.last().map_or(0, |event| event.time.saturating_add(1))
}

/// The events of a window.
pub(super) fn within<'a>(events: &'a [Event], window: &Range<u64>) -> &'a [Event] {
    let [start, end] = [window.start, window.end].map(|time| events.partition_point(|event| event.time < time));
    events.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(times: &[u64]) -> Vec<Event> {
        times.iter().map(|&time| Event { time, row: 0, column: 0, on: true }).collect()
    }

    fn windows(length: u64, stride: u64, times: &[u64]) -> Vec<Range<u64>> {
        Windows { length, stride }.of(&events(times), Path::new("a")).unwrap()
    }

    #[test]
    fn windows_are_cut_where_they_are_whole() {
        assert_eq!(windows(10, 10, &[0, 29]), [0..10, 10..20, 20..30]);
        assert_eq!(windows(10, 10, &[0, 28]), [0..10, 10..20]);
        assert_eq!(windows(10, 4, &[0, 19]), [0..10, 4..14, 8..18]);
        assert_eq!(windows(10, 15, &[0, 24]), [0..10, 15..25]);
    }

    #[test]
    fn an_event_at_a_window_s_end_belongs_to_the_next() {
        let events = events(&[0, 9, 9, 10, 19, 20]);
        assert_eq!([0..10, 10..20, 20..30, 30..40].map(|window| within(&events, &window).len()), [3, 2, 1, 0]);
    }

    #[test]
    fn a_recording_shorter_than_a_window_is_refused() {
        let error =
            Windows { length: 10, stride: 10 }.of(&events(&[0, 8]), Path::new("a.aedat")).unwrap_err().to_string();
        let expected = "a.aedat lasts 9 us, less than one window of 10; make window_ms smaller or leave it out.";
        assert_eq!(error, expected);
    }
}
