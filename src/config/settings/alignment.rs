//! Lists of several configs side by side: which entry of one belongs beside which of the others.

use super::differences::choice;
use toml::Value;

/// Longer lists, as the product of two lengths, are not aligned.
const MOST_PAIRS: usize = 1_000_000;
/// What it costs to leave a place empty; an entry of another choice in a place costs less than two empty ones.
const EMPTY: usize = 2;
const OTHER_CHOICE: usize = 3;
const OTHER_SETTINGS: usize = 1;

/// Entries that stand side by side, one a list.
struct Column<'a> {
    /// The place in the longest list; absent of what that lacks.
    index: Option<usize>,
    entries: Vec<Option<&'a Value>>,
}

/// Where an entry of a further list goes.
enum EntryPlace {
    In(usize),
    Before(usize),
}

/// A place, and what each list has there.
pub type AlignedEntry<'a> = (String, Vec<Option<&'a Value>>);

/// Places and what each list has there, `None` where a list lacks it: by index where all lists are as long as each
/// other, and else where that makes the fewest differences from the longest. `2+1` is the first place between 2 and 3
/// that the longest lacks. Nothing for lists that are too long to be aligned.
pub fn columns<'a>(lists: &[&'a [Value]]) -> Option<Vec<AlignedEntry<'a>>> {
    let lengths: Vec<usize> = lists.iter().map(|list| list.len()).collect();
    let (most, fewest) = (lengths.iter().max().copied()?, lengths.iter().min().copied()?);
    let at = |index: usize| lists.iter().map(|list| list.get(index)).collect::<Vec<_>>();
    if most == fewest {
        return Some((0..most).map(|index| (index.to_string(), at(index))).collect());
    }
    if most.saturating_mul(most) > MOST_PAIRS {
        return None;
    }
    let longest = lengths.iter().position(|&length| length == most)?;
    let alone = |list: usize, entry: &'a Value| {
        (0..lists.len()).map(|other| (other == list).then_some(entry)).collect::<Vec<_>>()
    };
    let of_longest = lists.get(longest)?.iter().enumerate();
    let mut columns: Vec<Column<'a>> =
        of_longest.map(|(index, entry)| Column { index: Some(index), entries: alone(longest, entry) }).collect();
    for (list, entries) in lists.iter().enumerate().filter(|&(list, _)| list != longest) {
        // From the last to the first, so that places stay what they are.
        for (entry, place) in entries.iter().zip(places(&columns, entries)).rev() {
            match place {
                EntryPlace::Before(column) => {
                    columns.insert(column, Column { index: None, entries: alone(list, entry) })
                }
                EntryPlace::In(column) => {
                    let slot = columns.get_mut(column).and_then(|column| column.entries.get_mut(list));
                    slot.into_iter().for_each(|slot| *slot = Some(entry));
                }
            }
        }
    }
    Some(named(columns))
}

fn named(columns: Vec<Column<'_>>) -> Vec<(String, Vec<Option<&Value>>)> {
    let (mut last, mut between) = (String::new(), 0usize);
    let name = |column: Column<'_>| match column.index {
        Some(index) => {
            (last, between) = (index.to_string(), 0);
            index.to_string()
        }
        None => {
            between = between.saturating_add(1);
            format!("{last}+{between}")
        }
    };
    let entries: Vec<_> = columns.iter().map(|column| column.entries.clone()).collect();
    columns.into_iter().map(name).zip(entries).collect()
}

/// The place of every entry among the columns, in order, at the least cost.
fn places(columns: &[Column<'_>], entries: &[Value]) -> Vec<EntryPlace> {
    let (rows, width) = (columns.len().saturating_add(1), entries.len().saturating_add(1));
    // The least cost of what is left from a column and an entry on.
    let mut costs = vec![vec![usize::MAX; width]; rows];
    let cost = |costs: &[Vec<usize>], column: usize, entry: usize| {
        costs.get(column).and_then(|row| row.get(entry)).copied().unwrap_or(usize::MAX)
    };
    let steps = |costs: &[Vec<usize>], column: usize, entry: usize| {
        let (next_column, next_entry) = (column.saturating_add(1), entry.saturating_add(1));
        let together = match (columns.get(column), entries.get(entry)) {
            (Some(column), Some(entry)) => cost(costs, next_column, next_entry).saturating_add(distance(column, entry)),
            _ => usize::MAX,
        };
        let skip = cost(costs, next_column, entry).saturating_add(EMPTY);
        let insert = cost(costs, column, next_entry).saturating_add(EMPTY);
        (together, skip, insert)
    };
    for column in (0..rows).rev() {
        for entry in (0..width).rev() {
            let (together, skip, insert) = steps(&costs, column, entry);
            let is_end = column == columns.len() && entry == entries.len();
            let least = if is_end { 0 } else { together.min(skip).min(insert) };
            costs.get_mut(column).and_then(|row| row.get_mut(entry)).into_iter().for_each(|slot| *slot = least);
        }
    }
    let (mut found, mut column, mut entry) = (Vec::with_capacity(entries.len()), 0usize, 0usize);
    while entry < entries.len() {
        let (together, skip, insert) = steps(&costs, column, entry);
        if together <= skip && together <= insert {
            found.push(EntryPlace::In(column));
            (column, entry) = (column.saturating_add(1), entry.saturating_add(1));
        } else if skip <= insert {
            column = column.saturating_add(1);
        } else {
            found.push(EntryPlace::Before(column));
            entry = entry.saturating_add(1);
        }
    }
    found
}

fn distance(column: &Column<'_>, entry: &Value) -> usize {
    let to = |other: &Value| match (choice(other), choice(entry)) {
        _ if other == entry => 0,
        (Some(one), Some(other)) if one == other => OTHER_SETTINGS,
        _ => OTHER_CHOICE,
    };
    column.entries.iter().flatten().map(|other| to(other)).min().unwrap_or(0)
}
