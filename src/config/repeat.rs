//! `{ repeat = { times = 3, layers = [...] } }` in a list: its entries, one after the other.

use figment::value::Value;

use super::key::{KeyPath, KeyStep};
use super::shared::SharedDefaults;
use super::tree;

/// More entries than this are taken for a slip.
const MOST: usize = 10_000;

const WORD: &str = "repeat";

/// Expands the repeats of the list that `shared` names, in repeats and in the lists of its entries too. Every entry
/// keeps the place in the file that it was written at.
///
/// # Errors
/// A key and a sentence, for more entries than anybody could want.
pub(super) fn expand(root: &mut Value, shared: &SharedDefaults) -> Result<(), (String, String)> {
    let list = KeyPath(shared.list.split('.').map(|name| KeyStep::Name(name.to_owned())).collect());
    let Some(Value::Array(_, entries)) = tree::get_mut(root, &list.0) else { return Ok(()) };
    let mut left = MOST;
    expand_list(entries, &mut left).ok_or_else(|| {
        let problem = format!("with every repeat written out it has more than {MOST} layers: lower a repeat's times.");
        (shared.list.to_string(), problem)
    })
}

/// Nothing where more than `left` entries would come of it.
fn expand_list(entries: &mut Vec<Value>, left: &mut usize) -> Option<()> {
    for mut entry in std::mem::take(entries) {
        if let Some((times, inside)) = repeated(&entry) {
            let mut inside = inside.clone();
            let before = *left;
            expand_list(&mut inside, left)?;
            let each = before.checked_sub(*left)?;
            *left = before.checked_sub(each.checked_mul(times)?)?;
            (0..times).for_each(|_| entries.extend(inside.iter().cloned()));
            continue;
        }
        *left = left.checked_sub(1)?;
        if let Value::Dict(_, entry) = &mut entry {
            let tables =
                entry.values_mut().filter_map(|value| if let Value::Dict(_, own) = value { Some(own) } else { None });
            for value in tables.flat_map(|own| own.values_mut()) {
                if let Value::Array(_, list) = value {
                    expand_list(list, left)?;
                }
            }
        }
        entries.push(entry);
    }
    Some(())
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
