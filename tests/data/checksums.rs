//! Checksums of data sets: those of loading, wherever the data lie.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bntt::data::{Cifar10Config, Cifar100Config, DataConfig, DatasetConfig};

use crate::events::{aedat, bin, nmnist, use_own_cache, write};

/// `PATH` in `text` stands for the folder.
fn dataset(text: &str, folder: &Path) -> DatasetConfig {
    let text = text.replace("PATH", &folder.display().to_string());
    let config: DataConfig = toml::from_str(&format!("batch_size = 1\ndataset = {{ {text} }}")).unwrap();
    config.dataset
}

/// The checksums of a set in `folder`, which must be those of loading before and after that, and those of a copy of the
/// folder elsewhere.
#[track_caller]
fn checked(text: &str, folder: &Path) -> BTreeMap<String, String> {
    use_own_cache();
    let config = dataset(text, folder);
    let before = config.spec().checksums(2).unwrap();
    assert_eq!(config.spec().load(2).unwrap().checksums, before);
    assert_eq!(config.spec().checksums(2).unwrap(), before, "of what was decoded before");
    let elsewhere = tempfile::tempdir().unwrap();
    copy(folder, elsewhere.path());
    assert_eq!(dataset(text, elsewhere.path()).spec().checksums(2).unwrap(), before);
    before
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, target).unwrap()),
        }
    }
}

fn names(checksums: &BTreeMap<String, String>) -> Vec<&str> {
    checksums.keys().map(String::as_str).collect()
}

#[test]
fn those_of_digits_are_of_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(names(&checked("digits = {}", folder.path())), ["smartcore digits"]);
}

#[test]
fn those_of_mnist_are_by_its_files() {
    let folder = crate::idx::folder();
    let mnist = checked("mnist = { path = 'PATH' }", folder.path());
    assert_eq!(
        names(&mnist),
        ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    );
    assert_eq!(checked("fashion_mnist = { path = 'PATH' }", folder.path()), mnist);
}

#[test]
fn those_of_cifar_are_by_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let ten = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    for (k, name) in (0..).zip(ten) {
        fs::write(folder.path().join(format!("{name}.bin")), vec![k; 3073]).unwrap();
    }
    for (k, name) in (6..).zip(["train.bin", "test.bin"]) {
        fs::write(folder.path().join(name), vec![k; 3074]).unwrap();
    }
    let path = folder.path().to_path_buf();
    let loaded = Cifar10Config { path: path.clone() }.load_cut(1).unwrap().checksums;
    assert_eq!(names(&loaded), ten.map(|name| format!("{name}.bin")));
    assert_eq!(dataset("cifar10 = { path = 'PATH' }", &path).spec().checksums(1).unwrap(), loaded);
    let loaded = Cifar100Config { path: path.clone() }.load_cut(1).unwrap().checksums;
    assert_eq!(names(&loaded), ["test.bin", "train.bin"]);
    assert_eq!(dataset("cifar100 = { path = 'PATH' }", &path).spec().checksums(1).unwrap(), loaded);
}

#[test]
fn those_of_tensors_are_by_split() {
    let file = |label: u8| -> [crate::tensors::Tensor; 2] {
        [
            ("images", safetensors::Dtype::U8, &[1, 1, 1, 1], vec![200]),
            ("labels", safetensors::Dtype::U8, &[1], vec![label]),
        ]
    };
    let (folder, _) = crate::tensors::files(&file(0), &file(1));
    let text = "tensors = { train = 'PATH/train', test = 'PATH/test' }";
    let both = checked(text, folder.path());
    assert_eq!(names(&both), ["test", "train"]);
    let swapped =
        dataset("tensors = { train = 'PATH/test', test = 'PATH/train' }", folder.path()).spec().checksums(1).unwrap();
    assert_eq!((&swapped["train"], &swapped["test"]), (&both["test"], &both["train"]));
    assert_ne!(both["train"], both["test"]);
}

#[test]
fn those_of_tiny_imagenet_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), content).unwrap();
    };
    put("wnids.txt", b"n01\nn02\n");
    put("train/n01/images/n01_0.JPEG", include_bytes!("../fixtures/jpeg/red_64.jpeg"));
    put("train/n02/images/n02_0.JPEG", include_bytes!("../fixtures/jpeg/blue_64.jpeg"));
    put("val/images/val_0.JPEG", include_bytes!("../fixtures/jpeg/grey_64.jpeg"));
    put("val/val_annotations.txt", b"val_0.JPEG\tn02\n");
    let text = "tiny_imagenet = { path = 'PATH' }";
    let whole = checked(text, folder.path());
    assert_eq!(names(&whole), ["all files"]);
    put("val/val_annotations.txt", b"val_0.JPEG\tn01\n");
    assert_ne!(checked(text, folder.path()), whole);
}

#[test]
fn those_of_n_mnist_cover_files_names_and_splits_but_no_settings() {
    let folder = nmnist();
    let text = "nmnist = { path = 'PATH' }";
    let whole = checked(text, folder.path());
    assert_eq!(names(&whole), ["all files"]);
    let frames = "nmnist = { path = 'PATH', frames = { size = 17 } }";
    assert_eq!(checked(frames, folder.path()), whole);
    assert_eq!(dataset(text, folder.path()).spec().checksums(9).unwrap(), whole);
    // Hidden files are not read.
    fs::write(folder.path().join("Train/3/._00012.bin"), "x").unwrap();
    assert_eq!(checked(text, folder.path()), whole);

    let path = |name: &str| folder.path().join(name);
    fs::rename(path("Train/3/00012.bin"), path("Test/3/00012.bin")).unwrap();
    assert_ne!(checked(text, folder.path()), whole);
    fs::rename(path("Test/3/00012.bin"), path("Train/3/00012.bin")).unwrap();
    assert_eq!(checked(text, folder.path()), whole);
    write(folder.path(), "Train/3/00012.bin", &[bin([0, 0], true, 6)]);
    assert_ne!(checked(text, folder.path()), whole);

    // Files are hashed, whatever they hold.
    fs::write(path("Train/3/00012.bin"), "no recording").unwrap();
    let config = dataset(text, folder.path());
    assert!(config.spec().checksums(2).is_ok() && config.spec().load(2).is_err());
    fs::remove_dir_all(path("Test/9")).unwrap();
    let [error, expected] =
        [config.spec().checksums(2).unwrap_err(), config.spec().load(2).unwrap_err()].map(|error| error.to_string());
    assert!(error.contains(" lacks Test/9. The N-MNIST folder holds") && error == expected, "{error}");
}

#[test]
fn those_of_recordings_of_a_dvs128_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let events = |column| [aedat([column, 0], true, 7), aedat([column, 1], true, 3_007)];
    for (column, class) in
        (0..).zip(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])
    {
        for number in [0, 950] {
            write(folder.path(), &format!("{class}/cifar10_{class}_{number}.aedat"), &events(column));
        }
    }
    let last = checked("dvs_cifar10 = { path = 'PATH' }", folder.path());
    assert_eq!(names(&last), ["all files"]);
    // The same recordings in other splits: a setting, no data.
    assert_eq!(checked("dvs_cifar10 = { path = 'PATH', test = 'first' }", folder.path()), last);

    for (column, name) in (0..).zip(["one/a", "one/b", "two/a", "two/b"]) {
        write(folder.path(), &format!("sessions/{name}.aedat"), &events(column));
    }
    let text = "dvs_recordings = { path = 'PATH', train = 'one', test = 'two', classes = ['a', 'b'], window_ms = 1 }";
    let sessions = checked(text, &folder.path().join("sessions"));
    assert_eq!(names(&sessions), ["all files"]);
    let longer = text.replace("window_ms = 1", "window_ms = 2");
    assert_eq!(checked(&longer, &folder.path().join("sessions")), sessions);
    write(folder.path(), "sessions/two/b.aedat", &events(9));
    assert_ne!(checked(text, &folder.path().join("sessions")), sessions);
}
