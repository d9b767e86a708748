//! `data.limit`: a subset of the images, classes in turn.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dataset, Split};
use crate::error::Result;

/// The most images to use of each split. Of a published set these are its first ones, in file order, which mixes the
/// classes: what others report of fewer images is comparable. Of your own `tensors` and `dvs_recordings`, and wherever
/// images lie class by class, classes take turns: the first image of each class, the second, and so on. Those that are
/// used stay in file order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// The most training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub train: Option<usize>,
    /// The most test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub test: Option<usize>,
}

/// Images lie class by class where so many of a class follow each other, on average. No published set comes near it:
/// classes of ten or more in random order make it 1.1 at most.
const IN_A_ROW: usize = 4;

impl LimitConfig {
    /// Cuts both splits. `own` says that the data are the user's own, in whatever order.
    ///
    /// # Errors
    /// When there is no memory for what is kept.
    pub(super) fn apply(&self, dataset: &mut Dataset, own: bool) -> Result<()> {
        for (split, most) in [(&mut dataset.train, self.train), (&mut dataset.test, self.test)] {
            let Some(most) = most.filter(|&most| most < split.len()) else { continue };
            match own || lies_class_by_class(split) {
                true => split.keep(&by_turns(&split.labels, most))?,
                false => split.truncate(most),
            }
        }
        Ok(())
    }
}

fn lies_class_by_class(split: &Split) -> bool {
    let rows = split.labels.chunk_by(|one, next| one == next).count();
    rows.saturating_mul(IN_A_ROW) <= split.len()
}

/// The places of the first item of each class, the second, and so on, `most` in all: sorted.
fn by_turns(labels: &[u32], most: usize) -> Vec<usize> {
    let mut before: HashMap<u32, usize> = HashMap::new();
    let turn = |(place, &label)| {
        let count = before.entry(label).or_default();
        let turn = *count;
        *count = turn.saturating_add(1);
        (turn, place)
    };
    let mut turns: Vec<(usize, usize)> = labels.iter().enumerate().map(turn).collect();
    turns.sort_unstable();
    turns.truncate(most);
    let mut places: Vec<usize> = turns.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataShape, SplitValues};

    #[test]
    fn classes_take_turns_and_stay_in_file_order() {
        let labels = [2, 2, 2, 2, 0, 0, 0, 7];
        assert_eq!(by_turns(&labels, 1), [0]);
        assert_eq!(by_turns(&labels, 3), [0, 4, 7]);
        assert_eq!(by_turns(&labels, 4), [0, 1, 4, 7]);
        // A class that has no more leaves its turn to the others.
        assert_eq!(by_turns(&labels, 6), [0, 1, 2, 4, 5, 7]);
        assert_eq!(by_turns(&labels, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(by_turns(&labels, 9).len(), 8);
        assert_eq!(by_turns(&[], 3), [0; 0]);
    }

    #[test]
    fn where_classes_are_mixed_the_first_ones_are_by_turns() {
        let labels: Vec<u32> = (0..100).map(|i| i % 10).collect();
        assert_eq!(by_turns(&labels, 37), (0..37).collect::<Vec<_>>());
    }

    fn split(labels: &[u32]) -> Split {
        let bytes: Vec<u8> = (0..labels.len() as u8).collect();
        Split { items: SplitValues::Bytes(bytes.into()), labels: labels.to_vec(), shape: vec![1, 1, 1] }
    }

    /// What is left of `labels` with a limit of `most` to train and to test on, by the places of its images.
    fn left(labels: &[u32], most: usize, own: bool) -> Vec<u8> {
        let shape = DataShape { channels: 1, height: 1, width: 1, classes: 10, time_steps: None, train: 0, test: 0 };
        let (train, test) = (split(labels), split(labels));
        let mut dataset = Dataset { train, test, shape, checksums: Default::default() };
        LimitConfig { train: Some(most), test: None }.apply(&mut dataset, own).unwrap();
        assert_eq!(dataset.test, split(labels));
        LimitConfig { train: None, test: Some(most) }.apply(&mut dataset, own).unwrap();
        assert_eq!(dataset.train, dataset.test);
        let SplitValues::Bytes(bytes) = &dataset.train.items else { panic!("bytes") };
        assert!(
            dataset.train.labels.iter().zip(bytes.iter()).all(|(label, &place)| labels[usize::from(place)] == *label)
        );
        bytes.to_vec()
    }

    #[test]
    fn own_data_take_turns_and_published_ones_unless_they_lie_class_by_class() {
        let mixed = [5, 5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3];
        assert_eq!(left(&mixed, 4, false), [0, 1, 2, 3]);
        assert_eq!(left(&mixed, 4, true), [0, 2, 3, 4]);
        // Twelve in three rows.
        let sorted = [3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5];
        assert_eq!(left(&sorted, 4, false), [0, 1, 6, 9]);
        assert_eq!(left(&sorted, 4, true), [0, 1, 6, 9]);
        assert_eq!(left(&sorted[1..], 4, false), [0, 1, 2, 3]);
        assert_eq!(left(&sorted, 12, false).len(), 12);
        assert_eq!(left(&sorted, 13, true).len(), 12);
    }
}
