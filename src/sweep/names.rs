//! The names of a sweep's runs, which are the names of their folders: `trial.BNTT-time_steps5.seed0`.
//!
//! What a name cannot hold becomes `_`. Where that could make one of two, a checksum of the text stands behind it.

use super::file::SweepFile;
use crate::config::settings::text;
use crate::files::atomic::sha256_hex;
use std::collections::{BTreeMap, BTreeSet};

/// The longest part of a name that settings may take; longer ones end in a checksum.
const LONGEST: usize = 60;
/// Hexadecimal digits of a checksum.
const DIGITS: usize = 8;

/// What every text on an axis becomes.
pub struct Names<'a> {
    sweep: &'a str,
    axes: BTreeMap<&'a str, BTreeMap<String, String>>,
}

impl<'a> Names<'a> {
    pub fn new(file: &'a SweepFile) -> Self {
        let variants = apart(file.variants.iter().filter_map(|(name, _)| name.clone()));
        let lists = file.grid.iter().chain(&file.zip);
        let lists = lists.map(|(key, values)| (key.as_str(), apart(values.iter().map(text))));
        Self { sweep: &file.name, axes: [("variant", variants)].into_iter().chain(lists).collect() }
    }

    /// The name of the run with these settings, a text an axis.
    pub fn run_name(&self, settings: &[(String, String)], seed: Option<u64>) -> String {
        let settings = self.together(settings);
        let parts = [settings, seed.map_or_else(String::new, |seed| format!("seed{seed}"))];
        parts.iter().filter(|part| !part.is_empty()).fold(self.sweep.to_string(), |name, part| format!("{name}.{part}"))
    }

    /// Settings as a part of a folder's name: `BNTT-time_steps5`.
    fn together(&self, settings: &[(String, String)]) -> String {
        let part = |(key, value): &(String, String)| {
            let value = self.axes.get(key.as_str()).and_then(|texts| texts.get(value)).cloned().unwrap_or_default();
            match key.as_str() {
                "variant" => value,
                key => format!("{}{value}", plain(key.rsplit('.').next().unwrap_or(key))),
            }
        };
        let whole = settings.iter().map(part).collect::<Vec<_>>().join("-");
        if whole.chars().count() <= LONGEST {
            return whole;
        }
        let start: String = whole.chars().take(LONGEST.saturating_sub(DIGITS).saturating_sub(1)).collect();
        format!("{start}-{}", checksum(&format!("{settings:?}")))
    }
}

/// Every text as a part of a name, no two alike. One in ASCII has a checksum only where it needs it: runs of long ago
/// keep their names.
fn apart(texts: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let texts: BTreeSet<String> = texts.collect();
    let mut alike: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for text in &texts {
        alike.entry(plain(text)).or_default().push(text);
    }
    let mut parts = BTreeMap::new();
    for (plain, texts) in alike {
        for text in &texts {
            let stays = **text == plain || (text.is_ascii() && texts.len() == 1);
            let part = if stays { plain.clone() } else { format!("{plain}_{}", checksum(text)) };
            parts.insert((*text).clone(), part);
        }
    }
    parts
}

fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '_' };
    text.trim().chars().map(plain).collect()
}

fn checksum(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(DIGITS).collect()
}
