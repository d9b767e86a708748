//! A list written out: `{ repeat = { times = 3, layers = [...] } }` becomes its entries, one after the other, and what
//! stands for another entry becomes that.

use std::collections::BTreeMap;

use figment::value::{Tag, Value};

use super::key::{KeyPath, KeyStep};
use super::shared::SharedDefaults;
use super::stand_in::{Reading, StandIns};
use super::tree;

/// Repeats that stand for more entries than this are taken for a slip.
const MOST: usize = 10_000;

const WORD: &str = "repeat";

/// Where the entries of the list written out stand in the files, for those that have moved: their steps now, and then.
pub(super) type Origins = BTreeMap<Vec<KeyStep>, Vec<KeyStep>>;

/// Expands the repeats of the list that `shared` names, in repeats and in the lists of its entries too, and reads what
/// stands for other entries. `rank` is that of a value's source.
///
/// # Errors
/// A key and a sentence, for more entries than anybody could want, and where it is not given what an entry stands for.
pub(super) fn expand(
    root: &mut Value,
    shared: &SharedDefaults,
    rank: impl Fn(Tag) -> usize,
) -> Result<Origins, (String, String)> {
    let list: Vec<KeyStep> = shared.list.split('.').map(|name| KeyStep::Name(name.to_owned())).collect();
    let stand_ins = StandIns::new(root, shared);
    let mut expansion = Expansion { left: MOST, repeating: false, origins: Origins::new(), stand_ins };
    if let Some(Value::Array(_, entries)) = tree::get_mut(root, &list) {
        let mut written_out = Vec::new();
        let done = expansion.list(std::mem::take(entries), &list, &list, &mut written_out);
        *entries = written_out;
        done.map_err(|refused| match refused {
            Refused::TooMany => {
                let problem = format!("its repeats stand for more than {MOST} layers: lower a repeat's times.");
                (shared.list.to_string(), problem)
            }
            Refused::Unread(place, problem) => (KeyPath(place).to_string(), problem),
        })?;
    }
    let list_rank = tree::get(root, &list).map_or(0, |list| rank(list.tag()));
    expansion.stand_ins.finish(root, |tag| rank(tag) < list_rank)?;
    Ok(expansion.origins)
}

/// Why a list cannot be written out.
enum Refused {
    TooMany,
    /// Where in the files an entry stands for nothing that is known, and a sentence.
    Unread(Vec<KeyStep>, String),
}

struct Expansion<'a> {
    /// How many entries more there may be in repeats.
    left: usize,
    /// Whether this is in one.
    repeating: bool,
    origins: Origins,
    stand_ins: StandIns<'a>,
}

impl Expansion<'_> {
    /// Puts `entries`, which stand at `written`, into the list at `place`.
    fn list(
        &mut self,
        entries: Vec<Value>,
        written: &[KeyStep],
        place: &[KeyStep],
        to: &mut Vec<Value>,
    ) -> Result<(), Refused> {
        for (index, mut entry) in entries.into_iter().enumerate() {
            let written = [written, &[KeyStep::Index(index)]].concat();
            if let Some((times, inside)) = repeated(&entry) {
                let written = below(&written, WORD, "layers");
                let around = std::mem::replace(&mut self.repeating, true);
                (0..times).try_for_each(|_| self.list(inside.clone(), &written, place, to))?;
                self.repeating = around;
                continue;
            }
            self.left = self.left.checked_sub(usize::from(self.repeating)).ok_or(Refused::TooMany)?;
            match self.stand_ins.read(&mut entry) {
                Reading::Kept => {}
                Reading::LeftOut => continue,
                Reading::Unread(problem) => return Err(Refused::Unread(written, problem)),
            }
            let place = [place, &[KeyStep::Index(to.len())]].concat();
            self.inside(&mut entry, &written, &place)?;
            if written != place {
                self.origins.insert(place, written);
            }
            to.push(entry);
        }
        Ok(())
    }

    /// The lists that an entry holds.
    fn inside(&mut self, entry: &mut Value, written: &[KeyStep], place: &[KeyStep]) -> Result<(), Refused> {
        let Value::Dict(_, entry) = entry else { return Ok(()) };
        for (name, own) in entry {
            let Value::Dict(_, own) = own else { continue };
            for (key, value) in own {
                let Value::Array(_, list) = value else { continue };
                let mut to = Vec::new();
                self.list(std::mem::take(list), &below(written, name, key), &below(place, name, key), &mut to)?;
                *list = to;
            }
        }
        Ok(())
    }
}

fn below(steps: &[KeyStep], name: &str, key: &str) -> Vec<KeyStep> {
    [steps, &[KeyStep::Name(name.into()), KeyStep::Name(key.into())]].concat()
}

/// The steps in the files of what is at `steps` now.
pub(super) fn written(origins: &Origins, steps: Vec<KeyStep>) -> Vec<KeyStep> {
    let moved = (0..=steps.len()).rev().find_map(|length| {
        let (entry, rest) = steps.split_at_checked(length)?;
        Some([origins.get(entry)?.as_slice(), rest].concat())
    });
    moved.unwrap_or(steps)
}

/// How often which entries are repeated, where `entry` is a repeat.
fn repeated(entry: &Value) -> Option<(usize, &Vec<Value>)> {
    let repeat = entry.as_dict()?.get(WORD)?.as_dict()?;
    let times = repeat.get("times")?;
    let times =
        times.to_i128().and_then(|times| usize::try_from(times).ok()).or_else(|| times.to_u128()?.try_into().ok())?;
    match repeat.get("layers")? {
        Value::Array(_, layers) => Some((times, layers)),
        _ => None,
    }
}
