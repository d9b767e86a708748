//! Pieces of a long recording.
//!
//! Window k of a recording lasts from k `stride` to k `stride` + `length`, the end not included, counted from its first
//! event; the last window ends before the recording does, at the microsecond after its last event. Windows of the
//! training recordings may overlap. A window without an event shows nothing of its class, and a pause has thousands:
//! those are left out.

use std::iter;
use std::ops::Range;
use std::path::Path;

use super::PixelEvent;
use crate::error::{Error, Result};

/// Lengths in microseconds, both above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub length: u64,
    /// From the start of a window to the start of the next.
    pub stride: u64,
}

/// The windows of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WindowSplit {
    /// Those that hold an event, in order: one or more.
    pub windows: Vec<Range<u64>>,
    /// How many there are with those that do not.
    pub all: u64,
}

impl Windows {
    /// # Errors
    /// [`Error::Data`] for a recording shorter than one window.
    pub fn split(&self, events: &[PixelEvent], path: &Path) -> Result<WindowSplit> {
        let end = duration(events);
        let Some(last) = end.checked_sub(self.length).and_then(|start| start.checked_div(self.stride)) else {
            return Err(Error::Data(format!(
                "{} lasts {end} us, less than one window of {}; make window_ms smaller or leave it out.",
                path.display(),
                self.length
            )));
        };
        let windows = iter::successors(self.from(0, events), |(k, _)| self.from(k.saturating_add(1), events))
            .take_while(|(k, _)| *k <= last)
            .map(|(_, window)| window)
            .collect();
        Ok(WindowSplit { windows, all: last.saturating_add(1) })
    }

    /// The first window from number `k` on that holds an event, found without going through a pause.
    fn from(&self, mut k: u64, events: &[PixelEvent]) -> Option<(u64, Range<u64>)> {
        loop {
            let start = k.checked_mul(self.stride)?;
            let window = start..start.checked_add(self.length)?;
            let next = events.get(events.partition_point(|event| event.time < start))?.time;
            if next < window.end {
                return Some((k, window));
            }
            // The first window that ends after the next event: it begins after this one, and may begin after the event
            // too.
            let missing = next.saturating_sub(window.end).saturating_add(1);
            k = k.saturating_add(missing.div_ceil(self.stride.max(1)).max(1));
        }
    }
}

impl WindowSplit {
    /// How many windows were left out, where any were.
    pub fn left_out(&self) -> Option<String> {
        let without = self.all.saturating_sub(self.windows.len() as u64);
        (without > 0).then(|| format!("{without} of {} windows hold no event and are left out", self.all))
    }
}

/// From a recording's first event to the microsecond after its last.
pub(super) fn duration(events: &[PixelEvent]) -> u64 {
    events.last().map_or(0, |event| event.time.saturating_add(1))
}

/// The events of a window.
pub(super) fn within<'a>(events: &'a [PixelEvent], window: &Range<u64>) -> &'a [PixelEvent] {
    let [start, end] = [window.start, window.end].map(|time| events.partition_point(|event| event.time < time));
    events.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(times: &[u64]) -> Vec<PixelEvent> {
        times.iter().map(|&time| PixelEvent { time, row: 0, column: 0, on: true }).collect()
    }

    fn cut(length: u64, stride: u64, times: &[u64]) -> WindowSplit {
        Windows { length, stride }.split(&events(times), Path::new("a")).unwrap()
    }

    fn windows(length: u64, stride: u64, times: &[u64]) -> Vec<Range<u64>> {
        let cut = cut(length, stride, times);
        assert_eq!((cut.windows.len() as u64, cut.left_out()), (cut.all, None));
        cut.windows
    }

    #[test]
    fn windows_are_cut_where_they_are_whole() {
        assert_eq!(windows(10, 10, &[0, 15, 29]), [0..10, 10..20, 20..30]);
        assert_eq!(windows(10, 10, &[0, 15, 28]), [0..10, 10..20]);
        assert_eq!(windows(10, 4, &[0, 9, 19]), [0..10, 4..14, 8..18]);
        assert_eq!(windows(10, 15, &[0, 24]), [0..10, 15..25]);
        assert_eq!(windows(10, 10, &[0, 10, 19]), [0..10, 10..20]);
    }

    #[test]
    fn windows_without_an_event_are_left_out_and_counted() {
        // 0..10, 10..20 and so on to 90..100.
        let pause = cut(10, 10, &[0, 39, 40, 77, 99]);
        assert_eq!((pause.windows.as_slice(), pause.all), (&[0..10, 30..40, 40..50, 70..80, 90..100][..], 10));
        assert_eq!(pause.left_out().unwrap(), "5 of 10 windows hold no event and are left out");
        // Every 4 from 0 to 88: those with the event of 41 begin at 32, 36 and 40; those with 97 would begin at 88.
        let overlapping = cut(10, 4, &[0, 41, 97]);
        assert_eq!(
            (overlapping.windows.as_slice(), overlapping.all),
            (&[0..10, 32..42, 36..46, 40..50, 88..98][..], 23)
        );
        // An event between windows, which lie apart.
        let apart = cut(10, 25, &[0, 12, 49, 76, 84]);
        assert_eq!((apart.windows.as_slice(), apart.all), (&[0..10, 75..85][..], 4));
    }

    #[test]
    fn windows_are_those_of_trying_each_whatever_the_pauses() {
        use crate::rng::{Purpose, Stream};
        for trial in 0..500 {
            let stream = Stream::new(0, Purpose::Synthetic, 0, 0, trial);
            let [length, stride] = [0, 1].map(|place| 1 + u64::from(stream.below(place, 30)));
            let mut times = vec![0];
            for place in 2..12 {
                times.push(times[times.len() - 1] + u64::from(stream.below(place, 4).pow(5)));
            }
            times.push(times[times.len() - 1] + length);
            let events = events(&times);
            let all: Vec<_> =
                (0..).map(|k| k * stride..k * stride + length).take_while(|w| w.end <= duration(&events)).collect();
            let with: Vec<_> = all.iter().filter(|window| !within(&events, window).is_empty()).cloned().collect();
            assert_eq!(
                cut(length, stride, &times),
                WindowSplit { windows: with, all: all.len() as u64 },
                "{length} {stride} {times:?}"
            );
        }
    }

    #[test]
    fn a_pause_of_a_thousand_years_takes_no_time() {
        let year = 365 * 24 * 3600 * 1_000_000;
        let cut = cut(1_000, 1_000, &[0, 1_000 * year, 1_000 * year + 999]);
        assert_eq!(cut.windows, [0..1_000, 1_000 * year..1_000 * year + 1_000]);
        assert_eq!(cut.all, year + 1);
    }

    #[test]
    fn an_event_at_a_window_s_end_belongs_to_the_next() {
        let events = events(&[0, 9, 9, 10, 19, 20]);
        assert_eq!([0..10, 10..20, 20..30, 30..40].map(|window| within(&events, &window).len()), [3, 2, 1, 0]);
    }

    #[test]
    fn a_recording_shorter_than_a_window_is_refused() {
        let error =
            Windows { length: 10, stride: 10 }.split(&events(&[0, 8]), Path::new("a.aedat")).unwrap_err().to_string();
        let expected = "a.aedat lasts 9 us, less than one window of 10; make window_ms smaller or leave it out.";
        assert_eq!(error, expected);
    }
}
