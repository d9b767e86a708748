//! Entries of a list that stand for others: for which, a setting says.

use figment::value::{Dict, Num, Tag, Value};

use super::key::KeyStep;
use super::shared::SharedDefaults;
use super::tree;

/// What entries of the list are read as where a setting has a value.
#[derive(Debug, Clone, Copy)]
pub struct StandIn {
    /// The setting: `network.norm`.
    pub key: &'static str,
    pub value: &'static str,
    /// Variants of the list's entries, and the variant that each is read as, with what the list's entries share;
    /// nothing, and the entry is left out.
    pub entries: &'static [(&'static str, Option<&'static str>)],
    /// What other settings are read as, whatever the file says of them.
    pub settings: &'static [(&'static str, ReadAs)],
}

/// What a setting is read as.
#[derive(Debug, Clone, Copy)]
pub enum ReadAs {
    Whole(i64),
    /// A variant without settings, where the file has no variant `but`.
    Variant {
        name: &'static str,
        but: &'static str,
    },
}

/// Those of a file, while its list is written out.
pub(super) struct StandIns<'a> {
    shared: &'a SharedDefaults,
    active: Vec<(&'static StandIn, Tag)>,
    /// The words that the list has.
    seen: Vec<&'static str>,
}

/// What becomes of an entry.
pub(super) enum Reading {
    Kept,
    LeftOut,
    /// A word that no setting reads; a sentence.
    Unread(String),
}

fn steps(dotted: &str) -> Vec<KeyStep> {
    dotted.split('.').map(|name| KeyStep::Name(name.to_owned())).collect()
}

impl<'a> StandIns<'a> {
    /// Those whose settings `root` has.
    pub fn new(root: &Value, shared: &'a SharedDefaults) -> Self {
        let active = shared.stand_ins.iter().filter_map(|stand_in| match tree::get(root, &steps(stand_in.key)) {
            Some(Value::String(tag, value)) if value == stand_in.value => Some((stand_in, *tag)),
            _ => None,
        });
        Self { shared, active: active.collect(), seen: Vec::new() }
    }

    /// Reads an entry of the list as what it stands for.
    pub fn read(&mut self, entry: &mut Value) -> Reading {
        let Value::Dict(tag, dict) = entry else { return Reading::Kept };
        let word = self.shared.words.iter().find(|(word, _)| dict.contains_key(*word));
        self.seen.extend(word.map(|(word, _)| *word).filter(|word| !self.seen.contains(word)));
        for (stand_in, _) in &self.active {
            match stand_in.entries.iter().find(|(name, _)| dict.contains_key(*name)) {
                Some((_, Some(variant))) => {
                    *dict = Dict::from([((*variant).to_owned(), Value::Dict(*tag, Dict::new()))]);
                }
                Some((_, None)) => return Reading::LeftOut,
                None => {}
            }
        }
        match word.filter(|(word, _)| dict.contains_key(*word)) {
            Some((word, key)) => Reading::Unread(format!(
                "{word:?} stands for what {key} names, which is not given: set {key}, or name here what is meant."
            )),
            None => Reading::Kept,
        }
    }

    /// Reads the other settings, and takes those away that have now been read: what is written out needs them no more.
    ///
    /// # Errors
    /// A key and a sentence, where no entry of the list stands for what the key names. A key that `is_overruled`, since
    /// its source comes before that of the list, is not meant for it.
    pub fn finish(self, root: &mut Value, is_overruled: impl Fn(Tag) -> bool) -> Result<(), (String, String)> {
        for &(word, key) in self.shared.words {
            let unseen =
                |stand_in: &StandIn, tag: Tag| !self.seen.contains(&word) && !is_overruled(tag) && stand_in.key == key;
            let given = self.active.iter().find(|(stand_in, tag)| unseen(stand_in, *tag));
            if let Some((StandIn { value, .. }, _)) = given {
                let list = self.shared.list;
                let problem = format!(
                    "it names {value:?}, but no entry of {list} is {word:?}, which would stand for it: write {word:?} where it \
                     is to stand, or leave this key out."
                );
                return Err((key.into(), problem));
            }
        }
        for (StandIn { key, settings, .. }, tag) in &self.active {
            settings.iter().for_each(|(setting, read_as)| put(root, &steps(setting), *read_as, *tag));
            take(root, &steps(key));
        }
        Ok(())
    }
}

/// Puts a value in the place of the one at `steps`.
fn put(root: &mut Value, steps: &[KeyStep], read_as: ReadAs, tag: Tag) {
    let Some(value) = tree::get_mut(root, steps) else { return };
    match (read_as, value) {
        (ReadAs::Variant { but, .. }, Value::Dict(_, dict)) if dict.contains_key(but) => {}
        (ReadAs::Variant { name, .. }, value) => {
            *value = Value::Dict(tag, Dict::from([(name.to_owned(), Value::Dict(tag, Dict::new()))]));
        }
        (ReadAs::Whole(number), value) => *value = Value::Num(tag, Num::I64(number)),
    }
}

/// Takes away what is at `steps`.
fn take(root: &mut Value, steps: &[KeyStep]) {
    let Some((last, around)) = steps.split_last() else { return };
    if let Some(Value::Dict(_, dict)) = tree::get_mut(root, around) {
        dict.remove(&last.as_name());
    }
}
