//! Warnings about a data set: empty classes, train and test that are equal, unscaled values.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Dataset, Split, SplitValues};

/// Classes that are listed one by one.
const MOST_LISTED: usize = 10;

/// Letters of a class's name that are shown.
const LONGEST_NAME: usize = 40;

/// The numbers of images of each class, by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassCounts {
    train: Vec<usize>,
    test: Vec<usize>,
}

impl ClassCounts {
    pub fn from_dataset(dataset: &Dataset) -> Self {
        let count = |split: &Split| {
            let mut counts = vec![0usize; dataset.shape.classes];
            for &label in &split.labels {
                if let Some(count) = counts.get_mut(label as usize) {
                    *count = count.saturating_add(1);
                }
            }
            counts
        };
        Self { train: count(&dataset.train), test: count(&dataset.test) }
    }

    /// The labels of classes whose numbers of training and test images are as `is` says.
    fn classes(&self, is: impl Fn(usize, usize) -> bool) -> Vec<usize> {
        let pairs = self.train.iter().zip(&self.test).enumerate();
        pairs.filter(|(_, (train, test))| is(**train, **test)).map(|(label, _)| label).collect()
    }
}

/// About classes without images: `whole` is before data.limit, `used` after it. `from_labels` says that the number of
/// classes is not known but from the labels.
pub(super) fn of_classes(
    whole: &ClassCounts,
    used: &ClassCounts,
    names: Option<&[String]>,
    from_labels: bool,
) -> Vec<String> {
    let classes = used.train.len();
    let listed = |labels: &[usize]| listed(labels, names);
    let mut sentences = Vec::new();

    let gaps = if from_labels { whole.classes(|train, test| train == 0 && test == 0) } else { Vec::new() };
    if !gaps.is_empty() {
        let largest = classes.saturating_sub(1);
        sentences.push(format!(
            "the labels make {classes} classes, since the largest is {largest}, but no image has {}: {}; expected class numbers from 0 \
             on without a gap",
            if gaps.len() == 1 { "this one" } else { "these" },
            listed(&gaps)
        ));
    }

    let untrained: Vec<usize> =
        used.classes(|train, _| train == 0).into_iter().filter(|label| gaps.binary_search(label).is_err()).collect();
    if !untrained.is_empty() {
        let [left, all] = [used, whole].map(|counts| counts.train.iter().sum::<usize>());
        let cause = match untrained.iter().any(|&label| whole.train.get(label).is_some_and(|&images| images > 0)) {
            true => format!(" (data.limit.train leaves {left} of {all} images)"),
            false => String::new(),
        };
        let only_tested = used.classes(|train, test| train == 0 && test > 0);
        let images: usize = only_tested.iter().filter_map(|&label| used.test.get(label)).sum();
        let lost = match only_tested.is_empty() {
            true => String::new(),
            false => format!(
                ", and {images} of {} test images {} of {}",
                used.test.iter().sum::<usize>(),
                if images == 1 { "is" } else { "are" },
                if only_tested == untrained { it(untrained.len()).into() } else { listed(&only_tested) }
            ),
        };
        sentences.push(format!(
            "{} no training image: {}{cause}; nothing can be learned of {}{lost}",
            have(untrained.len(), classes),
            listed(&untrained),
            it(untrained.len())
        ));
    }

    let untested = whole.classes(|train, test| train > 0 && test == 0);
    if !untested.is_empty() {
        sentences.push(format!(
            "{} no test image: {}; the accuracy says nothing of {}",
            have(untested.len(), classes),
            listed(&untested),
            it(untested.len())
        ));
    }
    sentences
}

fn have(count: usize, classes: usize) -> String {
    format!("{count} of {classes} classes {}", if count == 1 { "has" } else { "have" })
}

fn it(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

/// The first few labels, with the names of their classes where they have any, and how many more there are.
fn listed(labels: &[usize], names: Option<&[String]>) -> String {
    let one = |&label: &usize| match names.and_then(|names| names.get(label)) {
        None => label.to_string(),
        Some(name) if name.chars().count() <= LONGEST_NAME => format!("{label} ({name})"),
        Some(name) => format!("{label} ({}...)", name.chars().take(LONGEST_NAME).collect::<String>()),
    };
    let mut all = labels.iter().take(MOST_LISTED).map(one).collect::<Vec<_>>().join(", ");
    let more = labels.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        all.push_str(&format!(" and {more} more"));
    }
    all
}

/// One in so many test images of a published set may be a training image too without a word: the set is as others use
/// it. Of CIFAR-100 it is one in 2,500, of MNIST, Fashion-MNIST and CIFAR-10 none.
const AS_PUBLISHED: usize = 1_000;

/// About `shared` of `test` test images that are training images too; `own` says that the set is not a published one.
pub(super) fn of_shared(shared: usize, test: usize, own: bool) -> Option<String> {
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

/// About two paths that lead to one file.
pub(super) fn of_paths(train: &Path, test: &Path) -> Option<String> {
    let [one, other] = [train, test].map(|path| fs::metadata(path).map(|about| (about.dev(), about.ino())).ok());
    (one.is_some() && one == other).then(|| {
        format!(
            "data.dataset.tensors.train and data.dataset.tensors.test are one file, {}: the accuracy is one on known images",
            train.display()
        )
    })
}

/// How many test items are training items too, with the same label and values.
pub(super) fn shared(train: &Split, test: &Split) -> usize {
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
    use crate::data::captured_warnings::warnings_of;

    fn counts(train: &[usize], test: &[usize]) -> ClassCounts {
        ClassCounts { train: train.to_vec(), test: test.to_vec() }
    }

    /// Of a set that is used whole.
    fn whole(train: &[usize], test: &[usize], from_labels: bool) -> Vec<String> {
        of_classes(&counts(train, test), &counts(train, test), None, from_labels)
    }

    #[test]
    fn a_set_with_images_of_every_class_is_not_odd() {
        assert_eq!(whole(&[3, 1], &[1, 9], false), [""; 0]);
        assert_eq!(whole(&[3, 1], &[1, 9], true), [""; 0]);
    }

    #[test]
    fn classes_without_training_images_are_counted_and_named() {
        let test = [5; 10];
        let train = [9, 9, 0, 9, 9, 0, 9, 0, 9, 9];
        assert_eq!(
            whole(&train, &test, false),
            [
                "3 of 10 classes have no training image: 2, 5, 7; nothing can be learned of them, and 15 of 50 test images are of them"
            ]
        );
        assert_eq!(
            whole(&[1, 0, 1], &[1, 0, 1], false),
            ["1 of 3 classes has no training image: 1; nothing can be learned of it"]
        );
        assert_eq!(
            whole(&[2, 1, 0], &[3, 0, 1], false),
            [
                "1 of 3 classes has no training image: 2; nothing can be learned of it, and 1 of 4 test images is of it",
                "1 of 3 classes has no test image: 1; the accuracy says nothing of it",
            ]
        );
    }

    #[test]
    fn classes_that_a_limit_leaves_out_are_put_down_to_it() {
        let names = ["cat", "dog", &"x".repeat(50)].map(String::from);
        let found = of_classes(&counts(&[90, 5, 5], &[9, 9, 9]), &counts(&[10, 0, 0], &[3, 0, 0]), Some(&names), false);
        let expected = format!(
            "2 of 3 classes have no training image: 1 (dog), 2 ({}...) (data.limit.train leaves 10 of 100 images); nothing can be learned \
             of them",
            "x".repeat(40)
        );
        // A limit of the test split is no news: it is for trials.
        assert_eq!(found, [expected]);
    }

    #[test]
    fn labels_that_leave_numbers_empty_are_told_from_classes_without_images() {
        let expected = "the labels make 6 classes, since the largest is 5, but no image has these: 2, 3, 4; expected class numbers from \
                        0 on without a gap";
        assert_eq!(whole(&[1, 1, 0, 0, 0, 1], &[1, 1, 0, 0, 0, 1], true), [expected]);
        let expected = [
            "the labels make 4 classes, since the largest is 3, but no image has this one: 0; expected class numbers from 0 on without a gap",
            "1 of 4 classes has no training image: 2; nothing can be learned of it, and 7 of 9 test images are of it",
        ];
        assert_eq!(whole(&[0, 1, 0, 4], &[0, 1, 7, 1], true), expected);
    }

    #[test]
    fn classes_that_only_the_test_split_has_are_told_from_those_of_neither() {
        let expected = "2 of 4 classes have no training image: 1, 3; nothing can be learned of them, and 7 of 9 test images are of 3";
        assert_eq!(whole(&[5, 0, 5, 0], &[1, 0, 1, 7], false), [expected]);
    }

    #[test]
    fn of_two_hundred_classes_a_few_are_listed() {
        let mut train = vec![0; 200];
        train[0] = 1;
        let sentences = whole(&train, &vec![1; 200], false);
        let listed = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 189 more";
        let expected = format!(
            "199 of 200 classes have no training image: {listed}; nothing can be learned of them, and 199 of 200 test images are of them"
        );
        assert_eq!(sentences, [expected]);
        // Of two hundred, each other one is tested on.
        let tested: Vec<usize> = (0..200).map(|label| label % 2).collect();
        let sentences = whole(&train, &tested, false);
        assert!(sentences.iter().all(|sentence| sentence.len() < 250), "{sentences:?}");
    }

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

    fn tensors(path: &Path, values: &[f32], labels: &[u8]) {
        use safetensors::tensor::{Dtype, TensorView};
        let n = labels.len();
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let views = [
            ("images", TensorView::new(Dtype::F32, vec![n, 1, 1, 2], &values).unwrap()),
            ("labels", TensorView::new(Dtype::U8, vec![n], labels).unwrap()),
        ];
        fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
    }

    #[test]
    fn what_is_odd_is_warned_of_when_data_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let [train, test] = ["train", "test"].map(|name| folder.path().join(name));
        tensors(&train, &[0.0, 255.0, 3.0, 4.0, 0.0, 0.0], &[0, 0, 2]);
        tensors(&test, &[0.0, 255.0, 3.0, 4.0], &[0, 3]);
        let [train, test] = [train, test].map(|path| path.display().to_string());
        let load = |test: &str, limit: &str| {
            let text =
                format!("dataset = {{ tensors = {{ train = '{train}', test = '{test}' }} }}\nbatch_size = 1\n{limit}");
            let config: crate::data::DataConfig = toml::from_str(&text).unwrap();
            warnings_of(|| config.load(1).map(drop).unwrap()).1
        };
        let bright = "the f32 images have values from 0 to 255, and are taken as they are: only u8 stand for 0 to 1; if 255 is white, \
                      divide them by 255 or store them as u8";
        assert_eq!(
            load(&test, "limit = { train = 2 }"),
            [
                &format!("{train}: {bright}"),
                &format!("{train}: 1 of 3 images holds nothing but zeros; it is images[2]"),
                &format!("{test}: {bright}"),
                "the labels make 4 classes, since the largest is 3, but no image has this one: 1; expected class numbers from 0 on without \
                 a gap",
                "1 of 4 classes has no training image: 3; nothing can be learned of it, and 1 of 2 test images is of it",
                "1 of 4 classes has no test image: 2; the accuracy says nothing of it",
                "1 of 2 test images is a training image too, with the same label: the accuracy is too high by up to 50.00 percentage points",
            ]
        );
        let same = load(&train, "");
        assert!(same.last().unwrap().ends_with(
            "test are one file, TRAIN: the accuracy is one on known images".replace("TRAIN", &train).as_str()
        ));
        assert!(same.iter().all(|sentence| !sentence.contains("training image")), "{same:?}");
    }

    #[test]
    fn two_paths_to_one_file_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other, link, hard] = ["one", "other", "link", "hard"].map(|name| folder.path().join(name));
        fs::write(&one, "same").unwrap();
        fs::write(&other, "same").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        fs::hard_link(&one, &hard).unwrap();
        let expected = format!(
            "data.dataset.tensors.train and data.dataset.tensors.test are one file, {}: the accuracy is one on known images",
            one.display()
        );
        for path in [&one, &link, &hard] {
            assert_eq!(of_paths(&one, path).unwrap(), expected);
        }
        assert_eq!(of_paths(&one, &other), None);
        assert_eq!(of_paths(&folder.path().join("none"), &folder.path().join("none")), None);
    }
}
