//! Metrics as TensorBoard reads them: `tensorboard/events.out.tfevents.bntt` in the run folder, with
//! `training.tensorboard = true`.
//!
//! The file is a sequence of records: length (u64), its masked CRC-32C (u32), an `Event` message in protocol buffers'
//! encoding, its masked CRC-32C; all little endian. It holds what `metrics.jsonl` holds and is written anew from there
//! when a run is resumed, so that no epoch is in it twice.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::run::RunFolder;
use crate::run::metrics::{EpochMetrics, FinalTest, RunMetrics};

/// The event file of a run that is at work.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Seconds since 1970 at the end of the last epoch.
    time: f64,
}

impl EventFile {
    /// Begins the file with what was measured before.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn begin(run: &RunFolder, done: &RunMetrics) -> Result<Self> {
        let RunMetrics { epochs: done, test } = done;
        let folder = run.path().join("tensorboard");
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let path = folder.join("events.out.tfevents.bntt");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        // Epochs do not record when they were; they end now, one after the other.
        let time = now - done.iter().map(|epoch| epoch.seconds).sum::<f64>();
        let mut events = Self { path, file, time };
        events.write(&event(time, None, &text(3, b"brain.Event:2")))?;
        done.iter().try_for_each(|epoch| events.epoch(epoch))?;
        test.iter().try_for_each(|test| events.final_test(test))?;
        Ok(events)
    }

    /// Adds the test at the end of training, at the epoch whose weights were evaluated.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn final_test(&mut self, test: &FinalTest) -> Result<()> {
        let summary = summary(&test.test.scalars("test"));
        self.write(&event(self.time, Some(test.of_epoch as u64), &text(5, &summary)))
    }

    /// Adds an epoch's numbers.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn epoch(&mut self, metrics: &EpochMetrics) -> Result<()> {
        self.time += metrics.seconds;
        let summary = summary(&metrics.scalars());
        self.write(&event(self.time, Some(metrics.epoch as u64), &text(5, &summary)))
    }

    /// One record.
    fn write(&mut self, message: &[u8]) -> Result<()> {
        let length = (message.len() as u64).to_le_bytes();
        let record = [&length[..], &masked(&length), message, &masked(message)].concat();
        self.file.write_all(&record).map_err(Error::io("write", &self.path))
    }
}

/// Numbers by their names, as values of a summary.
fn summary(scalars: &[(String, f64)]) -> Vec<u8> {
    scalars.iter().flat_map(|(tag, value)| text(1, &value_of(tag, *value as f32))).collect()
}

/// CRC-32C as the format stores it: turned by 15 bits and shifted, so that checksums of checksums differ.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// `Event`: wall time (1, double), step (2, varint), and a field of its content.
fn event(time: f64, step: Option<u64>, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1 << 3 | 1];
    bytes.extend(time.to_le_bytes());
    if let Some(step) = step {
        bytes.push(2 << 3);
        bytes.extend(varint(step));
    }
    bytes.extend(content);
    bytes
}

/// `Summary.Value`: tag (1, string), value (2, float).
fn value_of(tag: &str, value: f32) -> Vec<u8> {
    let mut bytes = text(1, tag.as_bytes());
    bytes.push(2 << 3 | 5);
    bytes.extend(value.to_le_bytes());
    bytes
}

/// A field of bytes: its number, its length, itself.
fn text(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![field << 3 | 2];
    all.extend(varint(bytes.len() as u64));
    all.extend(bytes);
    all
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_encoded_as_the_specification_shows() {
        // Protocol buffers' own examples: 150 is 96 01; field 1 with the string "testing" is 12 07 ... with field 2.
        assert_eq!(varint(150), [0x96, 0x01]);
        assert_eq!(text(2, b"testing"), [&[0x12, 0x07][..], b"testing"].concat());
        assert_eq!(varint(1), [1]);
    }

    #[test]
    fn checksums_are_masked_crc_32c() {
        // RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 0x8a9136aa.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        // Turned by 15 bits it is 0x6d551522 (by hand), and 0x6d551522 + 0xa282ead8 = 0x10fd7fffa.
        assert_eq!(masked(&[0; 32]), 0x0fd7_fffau32.to_le_bytes());
    }
}
