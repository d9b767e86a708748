//! The confusion matrix as a heat map.

use super::Figure;
use super::colours::blues;
use super::heat::Heat;
use crate::error::Result;

/// The most classes that are called by their names: of more there is no room.
const MOST_NAMES: usize = 20;
/// The most letters of a name.
const LETTERS: usize = 24;
/// Mistakes that the caption lists.
const LISTED: usize = 3;

/// Counts [label][predicted class] as a table whose colours are shares of a label's images; `of` says of which
/// checkpoint. Classes are called by `names`, where there is one for each, and otherwise by their numbers.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn confusion(counts: &[Vec<u64>], names: Option<&[String]>, of: &str) -> Result<Figure> {
    let cells = counts.iter().map(|row| {
        let all = row.iter().sum::<u64>().max(1) as f64;
        // Most pairs never occur, and stay white without being drawn. The root lets rare mistakes be seen.
        row.iter().map(|&count| (count > 0).then(|| ((count as f64 / all).sqrt(), count.to_string()))).collect()
    });
    let numbers: Vec<String> = (0..counts.len()).map(|class| class.to_string()).collect();
    let names: Option<Vec<String>> =
        names.filter(|names| names.len() == counts.len()).map(|names| names.iter().map(|name| short(name)).collect());
    let few = names.clone().filter(|names| names.len() <= MOST_NAMES);
    let upwards = few.is_some();
    let classes = few.unwrap_or_else(|| numbers.clone());
    let ticks = [0.0, 0.05, 0.25, 0.5, 1.0];
    Heat {
        name: "confusion",
        title: "Confusion matrix",
        caption: &format!(
            "Test images by label and predicted class; the colour is the share of the label's images, on a square-root scale. {of}{}",
            mistakes(counts, names.as_deref().unwrap_or(&numbers))
        ),
        x: "predicted class",
        y: "label",
        rows: classes.clone(),
        columns: classes,
        first: 0,
        upwards,
        cells: cells.collect(),
        range: (0.0, 1.0),
        ticks: ticks.map(|share| (f64::sqrt(share), format!("{:.0} %", 100.0 * share))).to_vec(),
        colour: blues,
        cell: (40, if upwards { 22 } else { 4 }),
        square: true,
    }
    .draw()
}

fn short(name: &str) -> String {
    match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_string(),
    }
}

/// The most frequent pairs off the diagonal, as a sentence; nothing where all are right.
fn mistakes(counts: &[Vec<u64>], names: &[String]) -> String {
    let pairs = counts
        .iter()
        .enumerate()
        .flat_map(|(label, row)| row.iter().enumerate().map(move |(class, n)| (*n, label, class)));
    let mut pairs: Vec<_> = pairs.filter(|(n, label, class)| *n > 0 && label != class).collect();
    pairs.sort_by_key(|&(n, label, class)| (std::cmp::Reverse(n), label, class));
    let name = |class: usize| names.get(class).map_or("?", String::as_str);
    let listed: Vec<String> = pairs
        .iter()
        .take(LISTED)
        .map(|(n, label, class)| format!("{} for {} ({n})", name(*label), name(*class)))
        .collect();
    if listed.is_empty() { String::new() } else { format!(" Taken for another most often: {}.", listed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_called_by_name_where_there_is_room() {
        let names = |n: usize| (0..n).map(|class| format!("class <{class}>")).collect::<Vec<_>>();
        let drawn = |n: usize, names: &[String]| confusion(&vec![vec![1; n]; n], Some(names), "").unwrap();
        assert_eq!(drawn(20, &names(20)).svg.matches("class &lt;19&gt;").count(), 2);
        assert!(!drawn(21, &names(21)).svg.contains("class &lt;"), "numbers");
        assert!(!drawn(20, &names(19)).svg.contains("class &lt;"), "one name is missing");
        let long = drawn(2, &["a".repeat(25), "b".repeat(24)]).svg;
        assert!(
            long.contains(&format!("{}...", "a".repeat(24)))
                && long.contains(&"b".repeat(24))
                && !long.contains("b...")
        );
    }

    #[test]
    fn the_caption_lists_the_most_frequent_mistakes() {
        let counts = [vec![90, 1, 5], vec![0, 99, 1], vec![7, 0, 60]];
        let names = ["cat", "dog", "frog"].map(String::from);
        let caption = confusion(&counts, Some(&names), "So it is.").unwrap().caption;
        assert!(
            caption.ends_with(
                "So it is. Taken for another most often: frog for cat (7), cat for frog (5), cat for dog (1)."
            ),
            "{caption}"
        );
        let right = [vec![3, 0], vec![0, 3]];
        assert!(confusion(&right, None, "So it is.").unwrap().caption.ends_with("So it is."));
        let caption = confusion(&[vec![0, 2], vec![0, 0]], None, "").unwrap().caption;
        assert!(caption.ends_with("most often: 0 for 1 (2)."), "{caption}");
    }
}
