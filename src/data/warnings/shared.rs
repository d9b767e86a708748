//! Test images that are training images too.

use crate::data::{Split, SplitValues};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::collections::HashMap;

/// One in so many test images of a published set may be a training image too without a word: the set is as others use
/// it. Of CIFAR-100 it is one in 2,500, of MNIST, Fashion-MNIST and CIFAR-10 none.
const AS_PUBLISHED: usize = 1_000;

/// About `shared` of `test` test images that are training images too; `own` says that the set is not a published one.
pub(in crate::data) fn of_shared(shared: usize, test: usize, own: bool) -> Option<String> {
    let are = if shared == 1 { "is a training image" } else { "are training images" };
    match shared {
        0 => None,
        some if !own && some.saturating_mul(AS_PUBLISHED) <= test => None,
        all if all == test => Some(format!(
            "every one of the {test} test images is a training image too, with the same label: the accuracy is one on known images"
        )),
        some => Some(format!(
            "{some} of {test} test images {are} too, with the same label: the accuracy is too high by up to {:.2} \
             percentage points",
            some as f64 / test as f64 * 100.0
        )),
    }
}

/// How many test items are training items too, with the same label and values.
pub(in crate::data) fn shared(train: &Split, test: &Split) -> usize {
    // Items of the test split by label and hash. Of equal ones, which may be thousands, the first stands for all.
    let mut known: HashMap<(u32, u32), Vec<EqualItems>> = HashMap::new();
    for (place, key) in keys(test).into_iter().enumerate() {
        let equals = known.entry(key).or_default();
        match equals.iter_mut().find(|equal| is_same(test, equal.place, test, place)) {
            Some(equal) => equal.count = equal.count.saturating_add(1),
            None => equals.push(EqualItems { place, count: 1, trained: false }),
        }
    }
    for (place, key) in keys(train).into_iter().enumerate() {
        for equal in known.get_mut(&key).into_iter().flatten().filter(|equal| !equal.trained) {
            equal.trained = is_same(test, equal.place, train, place);
        }
    }
    known.values().flatten().filter(|equal| equal.trained).map(|equal| equal.count).sum()
}

/// Equal items of the test split.
struct EqualItems {
    /// Of the first.
    place: usize,
    count: usize,
    /// Whether a training item equals them.
    trained: bool,
}

/// Label and hash of every item, hashed side by side.
fn keys(split: &Split) -> Vec<(u32, u32)> {
    let hash = |place: usize| match item(split, place) {
        ComparedItem::Bytes(bytes) => crc32c::crc32c(bytes),
        ComparedItem::Floats(floats) => {
            floats.iter().fold(0, |hash, value| crc32c::crc32c_append(hash, &value.to_le_bytes()))
        }
    };
    let places = (0..split.len()).into_par_iter();
    let hashes: Vec<u32> = places.map(hash).collect();
    split.labels.iter().copied().zip(hashes).collect()
}

fn is_same(one: &Split, place: usize, other: &Split, other_place: usize) -> bool {
    item(one, place) == item(other, other_place)
}

#[derive(PartialEq)]
enum ComparedItem<'a> {
    Bytes(&'a [u8]),
    Floats(&'a [f32]),
}

fn item(split: &Split, place: usize) -> ComparedItem<'_> {
    let length = split.item_length();
    let from = place.saturating_mul(length);
    let range = from..from.saturating_add(length);
    match &split.items {
        SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => {
            ComparedItem::Bytes(bytes.get(range).unwrap_or_default())
        }
        SplitValues::Floats(floats) => ComparedItem::Floats(floats.get(range).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(items: SplitValues, labels: &[u32]) -> Split {
        Split { items, labels: labels.to_vec(), shape: vec![1, 1, 2] }
    }

    fn of_bytes(pairs: &[[u8; 2]], labels: &[u32]) -> Split {
        split(SplitValues::Bytes(pairs.concat().into()), labels)
    }

    #[test]
    fn shared_images_have_the_same_values_and_label() {
        let train = of_bytes(&[[1, 2], [3, 4], [3, 4], [5, 6]], &[0, 1, 1, 2]);
        // Of a training image; with another label; new; of a training image, three times over.
        let test = of_bytes(&[[1, 2], [5, 6], [2, 1], [3, 4], [3, 4], [3, 4]], &[0, 1, 0, 1, 1, 1]);
        assert_eq!(shared(&train, &test), 4);
        assert_eq!(shared(&test, &train), 3);
        let floats = |values: &[f32]| split(SplitValues::Floats(values.to_vec()), &vec![0; values.len() / 2]);
        assert_eq!(shared(&floats(&[0.5, -0.0, 2.0, 3.0]), &floats(&[0.25, 0.0, 2.0, 3.0, 0.5, 1.0])), 1);
        let counts = split(SplitValues::Counts(vec![3, 4].into()), &[1]);
        assert_eq!(shared(&train, &counts), 1);
    }

    #[test]
    fn equal_images_by_the_thousands_take_no_time() {
        let same = |n: usize| of_bytes(&vec![[0, 0]; n], &vec![3; n]);
        assert_eq!(shared(&same(60_000), &same(50_000)), 50_000);
    }

    #[test]
    fn shared_images_are_told_with_what_they_do() {
        assert_eq!([of_shared(0, 10, true), of_shared(0, 10, false)], [None, None]);
        let expected = "every one of the 10 test images is a training image too, with the same label: the accuracy is one on known images";
        assert_eq!(of_shared(10, 10, false).unwrap(), expected);
        let expected = "3 of 40 test images are training images too, with the same label: the accuracy is too high by up to 7.50 percentage \
                        points";
        assert_eq!(of_shared(3, 40, true).unwrap(), expected);
        assert!(of_shared(1, 40, true).unwrap().starts_with("1 of 40 test images is a training image too, "));
        // CIFAR-100 as it is published.
        assert_eq!(of_shared(4, 10_000, false), None);
        assert!(of_shared(4, 10_000, true).unwrap().ends_with("too high by up to 0.04 percentage points"));
        assert!(of_shared(11, 10_000, false).is_some());
    }
}
