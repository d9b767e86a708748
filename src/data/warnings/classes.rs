//! Classes without training or without test images.

use crate::data::{Dataset, Split};

/// Classes that are listed one by one.
const MOST_LISTED: usize = 10;

/// Letters of a class's name that are shown.
const LONGEST_NAME: usize = 40;

/// The numbers of images of each class, by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) struct ClassCounts {
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
pub(in crate::data) fn of_classes(
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
