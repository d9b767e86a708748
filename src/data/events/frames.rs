//! Events -> frames `[T, 2, H, W]` of counts.
//!
//! Frame t of a piece of N events that begins at time `start` and lasts `length` microseconds holds event i (from 0),
//! of time s, where
//!
//! - `equal = "time"`: t = floor((s - start) T / length), so that every frame lasts equally long;
//! - `equal = "count"`: t = floor(i T / N), so that every frame has equally many events, give or take one.
//!
//! A pixel of a frame of `size` counts the events of sensor pixels with floor(row size / side) and floor(column size /
//! side) in its place: no event is lost or counted twice. Counts end at 255.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PixelEvent;

/// How events become the frames of a sequence. There are `network.time_steps` of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FramesConfig {
    /// What all frames of a sequence have the same of.
    pub equal: FrameSplit,
    /// What the network sees of a pixel.
    pub values: FrameValues,
    /// Height and width of a frame, at most the sensor's: events of pixels that fall together are added. The sensor's
    /// when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size: Option<usize>,
}

/// What all frames of a sequence have the same of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameSplit {
    /// Duration.
    #[default]
    Time,
    /// Number of events.
    Count,
}

/// What the network sees of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameValues {
    /// The number of its events, at most 255: 0.0, 1.0, 2.0 ...
    #[default]
    Counts,
    /// 1.0 where it has any: spikes.
    Binary,
}

/// Off and on.
pub(super) const POLARITIES: usize = 2;

impl FramesConfig {
    /// Height and width of a frame of a sensor with `side` rows and columns.
    pub(super) fn size(&self, side: usize) -> usize {
        self.size.unwrap_or(side)
    }

    /// A size that is larger than the sensor, as (dotted key, problem); `key` is the data set's.
    pub(super) fn mistake(&self, key: &str, side: usize) -> Option<(String, String)> {
        let size = self.size.filter(|&size| size > side)?;
        let problem = format!("frames of {size}x{size} are larger than the sensor; expected at most {side}");
        Some((format!("data.dataset.{key}.frames.size"), problem))
    }

    /// Counts `events`, a piece of `time`, of a sensor of `side` rows and columns into `frames` [T, 2, size, size], all
    /// zero.
    pub(super) fn count(&self, events: &[PixelEvent], time: &Range<u64>, side: usize, frames: &mut [u8]) {
        let size = self.size(side);
        let frame = size.saturating_mul(size).saturating_mul(POLARITIES);
        let time_steps = frames.len().checked_div(frame).unwrap_or_default();
        let length = time.end.saturating_sub(time.start);
        for (index, event) in events.iter().enumerate() {
            let step = match self.equal {
                FrameSplit::Time => share(event.time.saturating_sub(time.start), length, time_steps),
                FrameSplit::Count => share(index as u64, events.len() as u64, time_steps),
            };
            let pixel = |at: u8| usize::from(at).saturating_mul(size).checked_div(side).unwrap_or_default();
            let places =
                [(step, POLARITIES), (event.on.into(), size), (pixel(event.row), size), (pixel(event.column), 1)];
            let place = places.iter().fold(0usize, |place, (at, next)| place.saturating_add(*at).saturating_mul(*next));
            if let Some(value) = frames.get_mut(place) {
                *value = match self.values {
                    FrameValues::Counts => value.saturating_add(1),
                    FrameValues::Binary => 1,
                };
            }
        }
    }
}

/// floor(at parts / whole).
fn share(at: u64, whole: u64, parts: usize) -> usize {
    let share = u128::from(at).saturating_mul(parts as u128).checked_div(whole.into());
    share.map_or(0, |share| usize::try_from(share).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: u64, row: u8, column: u8, on: bool) -> PixelEvent {
        PixelEvent { time, row, column, on }
    }

    fn frames(
        config: &FramesConfig,
        events: &[PixelEvent],
        time: Range<u64>,
        time_steps: usize,
        side: usize,
    ) -> Vec<u8> {
        let size = config.size(side);
        let mut frames = vec![0; time_steps * 2 * size * size];
        config.count(events, &time, side, &mut frames);
        frames
    }

    /// Four events of a 2x2 sensor; three of them in the first 30 of 101 microseconds.
    fn four() -> [PixelEvent; 4] {
        [event(0, 0, 0, true), event(20, 0, 1, false), event(29, 0, 1, false), event(100, 1, 0, true)]
    }

    #[test]
    fn frames_of_equal_time_are_those_computed_by_hand() {
        // floor(s 2 / 101): 0 0 0 1.
        let expected = [[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]].concat();
        assert_eq!(frames(&FramesConfig::default(), &four(), 0..101, 2, 2), expected);
        // Of 100 us beginning at 10: floor((s - 10) 4 / 100) of 20, 29, 100 is 0, 0, 3.
        let mut expected = vec![0; 32];
        (expected[1], expected[24 + 4 + 2]) = (2, 1);
        assert_eq!(frames(&FramesConfig::default(), &four()[1..], 10..110, 4, 2), expected);
    }

    #[test]
    fn frames_of_equal_count_are_those_computed_by_hand() {
        let config = FramesConfig { equal: FrameSplit::Count, ..FramesConfig::default() };
        // floor(i 2 / 4): 0 0 1 1.
        let expected = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]].concat();
        assert_eq!(frames(&config, &four(), 0..101, 2, 2), expected);
        // floor(i 3 / 4): 0 0 1 2, and floor(i 8 / 4): 0 2 4 6.
        let events_in = |time_steps: usize| -> Vec<u32> {
            let frames = frames(&config, &four(), 0..101, time_steps, 2);
            frames.chunks(8).map(|frame| frame.iter().map(|&count| u32::from(count)).sum()).collect()
        };
        assert_eq!([events_in(3), events_in(8)], [vec![2, 1, 1], vec![1, 0, 1, 0, 1, 0, 1, 0]]);
    }

    #[test]
    fn a_smaller_frame_keeps_every_event() {
        // A 5x5 sensor to 2x2: rows and columns 0, 1, 2 to 0 (floor(2 2 / 5) = 0), 3 and 4 to 1.
        let events: Vec<PixelEvent> = (0..25).map(|i| event(i, (i / 5) as u8, (i % 5) as u8, true)).collect();
        let config = FramesConfig { size: Some(2), ..FramesConfig::default() };
        assert_eq!(frames(&config, &events, 0..25, 1, 5), [0, 0, 0, 0, 9, 6, 6, 4]);
    }

    #[test]
    fn counts_end_at_255_and_binary_values_at_1() {
        let events = vec![event(0, 0, 0, true); 300];
        assert_eq!(frames(&FramesConfig::default(), &events, 0..1, 1, 1), [0, 255]);
        let config = FramesConfig { values: FrameValues::Binary, ..FramesConfig::default() };
        assert_eq!(frames(&config, &events, 0..1, 1, 1), [0, 1]);
        assert_eq!(frames(&config, &four(), 0..101, 1, 2), [0, 1, 0, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn the_last_moment_belongs_to_the_last_frame() {
        for time_steps in 1..50 {
            for last in [0, 1, 48, 49, 50, 1 << 50] {
                let frames = frames(&FramesConfig::default(), &[event(last, 0, 0, false)], 0..last + 1, time_steps, 1);
                let expected = last as u128 * time_steps as u128 / (last as u128 + 1);
                assert_eq!(
                    frames.iter().position(|&count| count == 1),
                    Some(2 * expected as usize),
                    "{last} {time_steps}"
                );
            }
        }
    }

    #[test]
    fn a_size_above_the_sensors_is_a_mistake() {
        let config = FramesConfig { size: Some(35), ..FramesConfig::default() };
        let (key, problem) = config.mistake("nmnist", 34).unwrap();
        assert_eq!(key, "data.dataset.nmnist.frames.size");
        assert_eq!(problem, "frames of 35x35 are larger than the sensor; expected at most 34");
        assert_eq!(config.mistake("dvs_cifar10", 128), None);
    }
}
