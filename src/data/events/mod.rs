//! Recordings of event cameras -> sequences of frames.
//!
//! The pixels of an event camera work by themselves: each tells when it has become brighter (an event of polarity on)
//! or darker (off). A recording is a list of such events, and a network wants T frames of it: `[T, 2, H, W]`, channel 0
//! the number of off events at each pixel, channel 1 of on events. Rows count from the top, columns from the left.
//!
//! | file | what it does |
//! |---|---|
//! | `nmnist.rs` `dvs_cifar10.rs` `dvs_recordings.rs` | a data set: its files, labels and split |
//! | `aedat.rs` `atis.rs` | read a recording: AEDAT 2.0 of a DVS128, `.bin` of an ATIS (N-MNIST) |
//! | `clock.rs` | times that wrap round and step back |
//! | `frames.rs` | counts events into frames |
//! | `windows.rs` | cuts a long recording into pieces |
//! | `sequences.rs` | recordings to splits, decoded once |
//! | `listing.rs` | finds the recordings of a folder |

mod aedat;
mod atis;
mod clock;
mod dvs_cifar10;
mod dvs_recordings;
mod frames;
mod listing;
mod nmnist;
mod sequences;
mod windows;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod real;

use std::path::Path;

pub use dvs_cifar10::{DvsCifar10Config, TestSplit};
pub use dvs_recordings::DvsRecordingsConfig;
pub use frames::{FrameSplit, FrameValues, FramesConfig};
pub use nmnist::NmnistConfig;

use super::files::room;
use crate::error::Error;

/// A pixel that became brighter or darker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PixelEvent {
    /// Microseconds since the recording's first event.
    time: u64,
    row: u8,
    column: u8,
    /// Brighter.
    on: bool,
}

/// What is wrong with a recording whose clock was set back by so many microseconds.
fn set_back(path: &Path, place: usize, back: u64) -> Error {
    Error::Data(format!(
        "{}: the event at byte {place} is {back} us older than one before it; up to {} us are put in order, more is a clock that was \
         set back; cut the recording there.",
        path.display(),
        clock::MOST_BACK
    ))
}
