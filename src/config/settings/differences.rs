//! The keys in which configs differ.

use super::alignment::columns;
use toml::{Table, Value};

/// Of lists that differ in more entries than this, all that is told is that they differ.
const MOST_ENTRIES: usize = 8;

/// A key and what each config has there.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub key: String,
    pub values: Vec<Option<Value>>,
}

/// The keys whose values are not the same in all configs, in the configs' order. A config that is `None` (it could not
/// be read) makes no difference.
///
/// Lists go entry by entry. Where their lengths differ, the places are those of the longest, entries that another lacks
/// are absent there, and `[2+1]` is what another has between 2 and 3. Entries that differ alike are one difference,
/// `network.layers[1,4,7]`; an entry that is another choice, such as another kind of layer, is one as a whole.
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
    let lists: Option<Vec<&[Value]>> =
        values.iter().map(|value| Some(value.as_ref()?.as_array()?.as_slice())).collect();
    match lists.and_then(|lists| of_lists(key, &lists)) {
        Some(entries) => found.extend(entries),
        None => found.push(whole(key.into(), values)),
    }
}

fn whole(key: String, values: &[Option<&Value>]) -> Difference {
    Difference { key, values: values.iter().map(|value| value.cloned()).collect() }
}

/// The differences between lists; nothing where they are too many, or the lists too long.
fn of_lists(key: &str, lists: &[&[Value]]) -> Option<Vec<Difference>> {
    // Places, what stands behind them in the key, values.
    let mut alike: Vec<(Vec<String>, String, Vec<Option<Value>>)> = Vec::new();
    for (place, values) in columns(lists)? {
        let mut found = Vec::new();
        of_entries(&values, &mut found);
        for Difference { key: behind, values } in found {
            match alike.iter_mut().find(|(_, other, others)| *other == behind && *others == values) {
                Some((places, ..)) => places.push(place.clone()),
                None => alike.push((vec![place.clone()], behind, values)),
            }
        }
    }
    let difference = |(places, behind, values): (Vec<String>, String, _)| {
        let dot = if behind.is_empty() || behind.starts_with('[') { "" } else { "." };
        Difference { key: format!("{key}[{}]{dot}{behind}", places.join(",")), values }
    };
    (alike.len() <= MOST_ENTRIES).then(|| alike.into_iter().map(difference).collect())
}

/// The differences between entries of lists, by their keys within the entries.
fn of_entries(values: &[Option<&Value>], found: &mut Vec<Difference>) {
    let first = values.first().copied().flatten().and_then(choice);
    let same = values.iter().all(|value| value.is_some_and(|value| choice(value) == first));
    let is_one_choice = first.is_none() || values.iter().flatten().all(|value| value.is_table());
    match same && is_one_choice {
        true => below("", values, found),
        false if values.windows(2).any(|pair| matches!(pair, [a, b] if a != b)) => {
            found.push(whole(String::new(), values));
        }
        false => {}
    }
}

/// The name of `"bntt"`, or of `{ tdbn = { ... } }`.
pub(super) fn choice(value: &Value) -> Option<&str> {
    match value {
        Value::String(name) => Some(name),
        Value::Table(table) if table.len() == 1 => table.keys().next().map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{text, words};

    fn found(configs: &[&str]) -> Vec<String> {
        shown(configs, |_, value| text(value))
    }

    fn in_words(configs: &[&str]) -> Vec<String> {
        shown(configs, words)
    }

    fn shown(configs: &[&str], show: impl Fn(&str, &Value) -> String) -> Vec<String> {
        let tables: Vec<Option<Table>> = configs.iter().map(|text| text.parse().ok()).collect();
        let line = |d: &Difference| {
            let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_string(), |value| show(&d.key, value));
            format!("{}: {}", d.key, d.values.iter().map(shown).collect::<Vec<_>>().join(" | "))
        };
        differences(&tables.iter().map(Option::as_ref).collect::<Vec<_>>()).iter().map(line).collect()
    }

    #[test]
    fn lists_go_entry_by_entry_and_what_is_no_list_everywhere_whole() {
        assert_eq!(found(&["a = [1, { b = 2 }]", "a = [1, { b = 3 }]"]), ["a[1].b: 2 | 3"]);
        assert_eq!(found(&["a = [1, 2]", "a = [1]"]), ["a[1]: 2 | -"]);
        assert_eq!(found(&["a = [[1, 2], [3]]", "a = [[1, 5], [3]]"]), ["a[0][1]: 2 | 5"]);
        assert_eq!(found(&["a = [1]", "a = ['x']", ""]), ["a: [1] | [\"x\"] | -"]);
    }

    #[test]
    fn another_kind_of_layer_is_one_difference_and_layers_that_differ_alike_are_one() {
        let layers = |norm: &str| {
            format!("layers = [{{ conv = {{ c = 8 }} }}, {norm}, 'lif', {{ conv = {{ c = 8 }} }}, {norm}, 'lif']")
        };
        let [bntt, tdbn] = ["'bntt'", "{ tdbn = { alpha = 0.7 } }"].map(layers);
        assert_eq!(in_words(&[&bntt, &tdbn]), ["layers[1,4]: bntt | tdbn { alpha = 0.7 }"]);
        assert_eq!(in_words(&[&bntt, &bntt.replace("c = 8", "c = 16")]), ["layers[0,3].conv.c: 8 | 16"]);
        // The same name without and with settings of its own.
        assert_eq!(
            in_words(&["l = ['bntt', 1]", "l = [{ bntt = { eps = 1.0 } }, 1]"]),
            ["l[0]: bntt | bntt { eps = 1.0 }"]
        );
        let nested = |inner: &str| format!("l = [{{ residual = {{ layers = ['conv', {inner}, 'lif'] }} }}]");
        assert_eq!(in_words(&[&nested("'bntt'"), &nested("'tab'")]), ["l[0].residual.layers[1]: bntt | tab"]);
        assert_eq!(in_words(&[&nested("'bntt'"), "l = ['lif']"]), ["l[0]: residual { layers = 3 layers } | lif"]);
    }

    #[test]
    fn what_is_inserted_or_lacking_is_told_by_its_place_in_the_longest_list() {
        let long = "l = ['conv', 'bntt', 'lif', 'flatten', 'linear']";
        let without = "l = ['conv', 'lif', 'flatten', 'linear']";
        assert_eq!(in_words(&[long, without]), ["l[1]: bntt | -"]);
        assert_eq!(in_words(&[without, long]), ["l[1]: - | bntt"]);
        // Each has what the other lacks; the third is as long as the second.
        assert_eq!(
            in_words(&[long, "l = ['conv', 'lif', 'pool', 'flatten']", "l = ['conv', 'lif', 'pool', 'linear']"]),
            [
                "l[1]: bntt | - | -",
                "l[2+1]: - | pool | pool",
                "l[3]: flatten | flatten | -",
                "l[4]: linear | - | linear"
            ]
        );
        assert_eq!(in_words(&["l = [1, 2, 3, 4]", "l = [9, 1, 2]"]), ["l[+1]: - | 9", "l[2]: 3 | -", "l[3]: 4 | -"]);
    }

    #[test]
    fn lists_that_have_little_in_common_are_told_by_their_lengths() {
        let list = |from: usize, count: usize| format!("layers = {:?}", (from..from + count).collect::<Vec<_>>());
        assert_eq!(in_words(&[&list(0, 9), &list(9, 9)]), ["layers: 9 layers | 9 layers"]);
        assert_eq!(in_words(&[&list(0, 8), &list(8, 8)]).len(), 8);
        // More than anyone compares entry by entry.
        assert_eq!(in_words(&[&list(0, 2000), &list(1, 1999)]), ["layers: 2000 layers | 1999 layers"]);
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
