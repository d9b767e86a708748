//! The warnings among the lines that a run's process says.

use crate::train::health;
use std::collections::BTreeSet;

/// A longer line is no warning of this program's.
const LONGEST_LINE: usize = 1 << 14;

/// Takes what a process says piece by piece, and keeps each warning once: a layer that is dead is so in every epoch.
#[derive(Default)]
pub struct WarningReader {
    line: Vec<u8>,
    known: BTreeSet<String>,
    new: Vec<String>,
}

impl WarningReader {
    pub fn hear(&mut self, said: &[u8]) {
        for &byte in said {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    if line.len() < LONGEST_LINE {
                        self.read(&String::from_utf8_lossy(&line));
                    }
                }
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn read(&mut self, line: &str) {
        if let Some(warning) = line.strip_prefix("warning: ")
            && self.known.insert(of_what(warning).to_string())
        {
            self.new.push(warning.to_string());
        }
    }

    /// Those that have come since it was asked before, the layers of one epoch together.
    pub fn take(&mut self) -> Vec<String> {
        health::in_short(&std::mem::take(&mut self.new))
    }
}

/// What is warned of: the words before the first colon, the epoch aside.
fn of_what(warning: &str) -> &str {
    let after_epoch = warning.strip_prefix("epoch ").and_then(|rest| rest.split_once(": "));
    let rest = after_epoch.filter(|(epoch, _)| epoch.bytes().all(|byte| byte.is_ascii_digit()));
    let rest = rest.map_or(warning, |(_, rest)| rest);
    rest.split(": ").next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_once_whatever_the_epoch_and_however_it_comes() {
        let mut reader = WarningReader::default();
        let dead = |epoch: usize, layer: usize| {
            format!("warning: epoch {epoch}: layers.{layer}.lif hardly fires: 0.00{epoch} % of it; a lower threshold\n")
        };
        let said = format!("reading\n{}warning: schedule.at: 7\nno warning: x\n{}", dead(1, 2), dead(2, 2));
        for piece in said.as_bytes().chunks(5) {
            reader.hear(piece);
        }
        assert_eq!(reader.take(), ["epoch 1: layers.2.lif hardly fires: 0.001 % of it", "schedule.at: 7"]);
        reader.hear(format!("{}{}warning: schedule.at: 8\nwarning: half", dead(3, 2), dead(3, 5)).as_bytes());
        assert_eq!(reader.take(), ["epoch 3: layers.5.lif hardly fires: 0.003 % of it"]);
        reader.hear(&b"x".repeat(1 << 20));
        reader.hear(b"\n");
        assert_eq!(reader.take(), [""; 0]);
    }
}
