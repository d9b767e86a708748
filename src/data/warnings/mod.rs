//! Warnings about a data set: empty classes, train and test that are equal, unscaled values.

mod classes;
mod shared;

pub(super) use classes::{ClassCounts, of_classes};
pub(super) use shared::{of_shared, shared};

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::captured_warnings::warnings_of;

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
