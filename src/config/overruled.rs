//! Overrides without an effect: a later argument sets the same key again.

use figment::value::Value;

use super::absent::NONE;
use super::key::KeyStep;
use super::overrides;

/// One value and where it is put.
type OverrideValue = (Vec<String>, Value);

/// The `key=value` arguments that one after them overrules, as sentences: of a key that is given twice the last counts.
pub fn overruled(arguments: &[String]) -> Vec<String> {
    let settings: Vec<Vec<OverrideValue>> = arguments.iter().map(|argument| settings(argument)).collect();
    let told = |(i, argument): (usize, &String)| {
        let own = settings.get(i)?;
        let ends = |later: &Vec<OverrideValue>| own.iter().any(|one| later.iter().any(|other| replaces(one, other)));
        let mut after = arguments.iter().zip(&settings).skip(i.saturating_add(1));
        let (by, _) = after.rfind(|(_, later)| ends(later))?;
        Some(format!("`{argument}` is overruled by `{by}`, which stands after it; leave one of them out."))
    };
    arguments.iter().enumerate().filter_map(told).collect()
}

/// The single values of an argument; none of one that is refused.
fn settings(argument: &str) -> Vec<OverrideValue> {
    let mut found = Vec::new();
    if let Ok((key, value)) = overrides::parse(argument) {
        spread(key.0.iter().map(KeyStep::as_name).collect(), value, &mut found);
    }
    found
}

fn spread(steps: Vec<String>, value: Value, into: &mut Vec<OverrideValue>) {
    // The entry of a list is replaced as a whole.
    let is_entry = steps.last().is_some_and(|step| step.parse::<usize>().is_ok());
    match value {
        Value::Dict(_, dict) if !dict.is_empty() && !is_entry => {
            for (name, value) in dict {
                spread([steps.as_slice(), &[name]].concat(), value, into);
            }
        }
        value => into.push((steps, value)),
    }
}

/// Whether nothing is left of the first after the second.
fn replaces((steps, value): &OverrideValue, (after, new): &OverrideValue) -> bool {
    match (after.strip_prefix(steps.as_slice()), value) {
        (Some([]), _) => value != new,
        // Inside of a variant that was named, or of what was absent.
        (Some([next, ..]), Value::String(_, word)) => word != next && word != NONE,
        (Some(_), Value::Num(..) | Value::Bool(..)) => true,
        (Some(_), _) => false,
        (None, _) => steps.starts_with(after) && !matches!(new, Value::Dict(_, dict) if dict.is_empty()),
    }
}
