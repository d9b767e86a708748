//! Recordings with some bytes changed, cut off or put in between: each is read or refused.

use std::path::Path;

use super::{PixelEvent, aedat, atis};
use crate::error::Result;
use crate::rng::{Purpose, Stream};

/// The seed with up to four changes.
fn mutated(seed: &[u8], round: usize) -> Vec<u8> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, 0, round);
    let mut bytes = seed.to_vec();
    for change in 0..=u64::from(stream.below(0, 4)) {
        let [kind, place, value] = [1, 2, 3].map(|number| stream.u32(4 * change + number) as usize);
        let place = place % (bytes.len() + 1);
        match kind % 4 {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, value as u8),
            2 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
            _ => bytes.iter_mut().skip(place).take(8).for_each(|byte| *byte = value as u8),
        }
    }
    bytes
}

/// How many of the mutated recordings are read.
fn read(seed: &[u8], side: usize, read: fn(&[u8], &Path) -> Result<Vec<PixelEvent>>) -> usize {
    let rounds = 0..20_000;
    let taken = rounds.filter(|&round| match read(&mutated(seed, round), Path::new("a")) {
        Ok(events) => {
            assert!(!events.is_empty() && events[0].time == 0 && events.is_sorted_by_key(|event| event.time));
            assert!(events.iter().all(|event| usize::from(event.row).max(event.column.into()) < side));
            true
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with('a') && text.ends_with(['.', '?']) && !text.contains('\n'), "{text}");
            false
        }
    });
    taken.count()
}

#[test]
fn broken_recordings_of_a_dvs128_are_read_or_refused() {
    let records = (0..40u32).flat_map(|i| [(i * 131) & 0x7fff | (i % 7 / 6) << 15, i * 60_000_000]);
    let seed = [&b"#!AER-DAT2.0\r\n# head\r\n"[..], &records.flat_map(u32::to_be_bytes).collect::<Vec<_>>()].concat();
    let taken = read(&seed, aedat::SIDE, aedat::events);
    assert!((1_000..19_000).contains(&taken), "{taken}");
}

#[test]
fn broken_recordings_of_n_mnist_are_read_or_refused() {
    let seed: Vec<u8> = (0..40u8).flat_map(|i| [i % 34, i % 5 * 7, (i % 2) << 7 | i, i, i * 5]).collect();
    let taken = read(&seed, atis::SIDE.into(), atis::events);
    assert!((1_000..19_000).contains(&taken), "{taken}");
}
