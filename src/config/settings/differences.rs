//! The keys in which configs differ.

use toml::{Table, Value};

/// A key and what each config has there.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub key: String,
    pub values: Vec<Option<Value>>,
}

/// The dotted keys whose values are not the same in all configs, in the configs' order. Lists go entry by entry where
/// all are as long as each other, and count as one value where they are not; a config that is `None` (it could not be
/// read) makes no difference.
pub fn differences(configs: &[Option<&Table>]) -> Vec<Difference> {
    let readable: Vec<usize> = (0..configs.len()).filter(|&i| configs.get(i).is_some_and(Option::is_some)).collect();
    let tables: Vec<Value> = configs.iter().flatten().map(|&table| Value::Table(table.clone())).collect();
    let mut found = Vec::new();
    below("", &tables.iter().map(Some).collect::<Vec<_>>(), &mut found);
    let spread = |Difference { key, values }| {
        let mut all = vec![None; configs.len()];
        for (&place, value) in readable.iter().zip(values) {
            if let Some(slot) = all.get_mut(place) {
                *slot = value;
            }
        }
        Difference { key, values: all }
    };
    found.into_iter().map(spread).collect()
}

fn below(key: &str, values: &[Option<&Value>], found: &mut Vec<Difference>) {
    if values.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
        return;
    }
    let present = || values.iter().flatten();
    if present().all(|value| value.is_table()) {
        let mut names: Vec<&String> = Vec::new();
        for name in present().filter_map(|value| value.as_table()).flat_map(Table::keys) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let inner: Vec<_> = values.iter().map(|value| value.and_then(|value| value.get(name))).collect();
            let dot = if key.is_empty() { "" } else { "." };
            below(&format!("{key}{dot}{name}"), &inner, found);
        }
        return;
    }
    let lengths: Vec<Option<usize>> = values.iter().map(|value| Some(value.as_ref()?.as_array()?.len())).collect();
    match lengths.first() {
        Some(&Some(length)) if lengths.iter().all(|&other| other == Some(length)) => {
            for i in 0..length {
                let inner: Vec<_> = values.iter().map(|value| value.and_then(|value| value.get(i))).collect();
                below(&format!("{key}[{i}]"), &inner, found);
            }
        }
        _ => found.push(Difference { key: key.into(), values: values.iter().map(|value| value.cloned()).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::text;

    fn found(configs: &[&str]) -> Vec<String> {
        let tables: Vec<Option<Table>> = configs.iter().map(|text| text.parse().ok()).collect();
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_string(), text);
        let line =
            |d: &Difference| format!("{}: {}", d.key, d.values.iter().map(shown).collect::<Vec<_>>().join(" | "));
        differences(&tables.iter().map(Option::as_ref).collect::<Vec<_>>()).iter().map(line).collect()
    }

    #[test]
    fn equal_lists_go_entry_by_entry_and_unequal_ones_whole() {
        assert_eq!(found(&["a = [1, { b = 2 }]", "a = [1, { b = 3 }]"]), ["a[1].b: 2 | 3"]);
        assert_eq!(found(&["a = [1, 2]", "a = [1]"]), ["a: [1, 2] | [1]"]);
        assert_eq!(found(&["a = [1]", "a = ['x']", ""]), ["a: [1] | [\"x\"] | -"]);
    }

    #[test]
    fn what_one_config_lacks_is_a_difference_and_one_that_cannot_be_read_is_not() {
        assert_eq!(
            found(&["o = { sgd = { lr = 1 } }", "o = { adam = { lr = 2 } }"]),
            ["o.sgd.lr: 1 | -", "o.adam.lr: - | 2"]
        );
        assert_eq!(
            found(&["o = 'none'", "o = { adam = { lr = 2 } }"]),
            ["o: none | { lr = 2 }".replace("{ lr", "{ adam = { lr").replace("2 }", "2 } }")]
        );
        assert_eq!(found(&["a = 1\nb = 1", "not toml", "a = 1\nb = 2"]), ["b: 1 | - | 2"]);
        assert_eq!(found(&["a = 1", "a = 1"]), [""; 0]);
        assert_eq!(found(&[]), [""; 0]);
    }
}
