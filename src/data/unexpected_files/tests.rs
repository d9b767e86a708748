//! What is advised about folders of all kinds.

use super::*;
use std::fs;

/// What is advised about a folder of `there`, which lacks some of `parts`; FOLDER stands for it.
fn advised(there: &[(&str, &[u8])], parts: &[&str]) -> String {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("set");
    fs::create_dir(&folder).unwrap();
    for (name, content) in there {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    find(&folder, parts, "example").advice.replace(&folder.display().to_string(), "FOLDER")
}

const NOTHING: &str = "put them there or correct data.dataset.example.path";

#[test]
fn the_same_name_in_other_letters_is_to_be_renamed() {
    let expected = "there is FOLDER/TEST_BATCH.BIN: rename it to test_batch.bin";
    assert_eq!(advised(&[("TEST_BATCH.BIN", b""), ("a.bin", b"")], &["a.bin", "test_batch.bin"]), expected);
    let expected = "rename what is there: FOLDER/A.bin to a.bin, FOLDER/b.BIN to b.bin";
    assert_eq!(advised(&[("A.bin", b""), ("b.BIN", b"")], &["a.bin", "b.bin", "c.bin"]), expected);
    let expected = "there is FOLDER/train-images.idx3-ubyte: rename it to train-images-idx3-ubyte";
    assert_eq!(advised(&[("train-images.idx3-ubyte", b"")], &["train-images-idx3-ubyte"]), expected);
    // Of a folder it is the first part that differs.
    let expected = "there is FOLDER/train: rename it to Train";
    assert_eq!(advised(&[("train/0/1.bin", b""), ("train/1/1.bin", b"")], &["Train/0", "Train/1"]), expected);
    assert_eq!(advised(&[("._a.bin", b""), (".A.bin", b"")], &["a.bin"]), NOTHING);
}

#[test]
fn many_files_are_named_in_part() {
    let names: Vec<String> = (0..9).map(|i| format!("a{i}")).collect();
    let there: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    let there: Vec<(&str, &[u8])> = there.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let text = advised(&there, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(text.ends_with(", FOLDER/A5 to a5 and 3 more"), "{text}");
}

#[test]
fn packed_files_and_archives_are_to_be_unpacked() {
    let there: &[(&str, &[u8])] = &[("one.GZ", b""), ("two.gz", b"")];
    assert_eq!(advised(there, &["one", "two"]), "unpack what is there with `gunzip FOLDER/one.GZ FOLDER/two.gz`");
    assert_eq!(advised(&[("Train.zip", b"")], &["Train/0", "Train/1"]), "unpack what is there: FOLDER/Train.zip");
    let expected = "unpack what is there: FOLDER/cifar-10-binary.tar.gz";
    assert_eq!(advised(&[("cifar-10-binary.tar.gz", b"")], &["test_batch.bin"]), expected);
}

#[test]
fn a_folder_further_down_or_above_is_named() {
    let there: &[(&str, &[u8])] = &[("cifar-10-batches-bin/a.bin", b""), ("cifar-10-batches-bin/b.bin", b"")];
    let expected = "what you need lies in cifar-10-batches-bin/: set data.dataset.example.path to \
                    FOLDER/cifar-10-batches-bin";
    assert_eq!(advised(there, &["a.bin", "b.bin"]), expected);
    let expected = "what you need lies in MNIST/raw/: set data.dataset.example.path to FOLDER/MNIST/raw";
    assert_eq!(advised(&[("MNIST/raw/one", b""), ("MNIST/raw/one.gz", b"")], &["one"]), expected);
    let expected = "unpack what is there with `gunzip FOLDER/MNIST/raw/one.gz`";
    assert_eq!(advised(&[("MNIST/raw/one.gz", b"")], &["one"]), expected);
    // Half of it is not what is needed.
    assert_eq!(advised(there, &["a.bin", "c.bin"]), NOTHING);

    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("Train/0")).unwrap();
    let folder = root.path().join("Train");
    let expected = format!(
        "what you need lies in the folder around it: set data.dataset.example.path to {}",
        root.path().display()
    );
    assert_eq!(find(&folder, &["Train/0"], "example").advice, expected);
}

#[test]
fn what_other_programs_read_is_named_as_that() {
    let pickle: &[u8] = b"\x80\x02}q\x01(U\x0bbatch_label";
    let there = &[("cifar-10-batches-py/a", pickle), ("cifar-10-batches-py/b", pickle)];
    let expected = "there is FOLDER/cifar-10-batches-py/a (and 1 more), which is a pickle of Python: that is the \
                    version for Python, and the one with a.bin is read";
    assert_eq!(advised(there, &["a.bin", "b.bin"]), expected);
    // A folder of that name is none.
    assert_eq!(advised(&[("train/n01/a", b"")], &["train.bin"]), NOTHING);
    for (name, content, expected) in [
        ("mnist.npz", &b"PK\x03\x04"[..], "arrays of numpy (.npz)"),
        ("processed/training.pt", b"\x80\x02\x8a", "tensors of PyTorch (.pt)"),
        ("weights.pth", b"PK\x03\x04", "tensors of PyTorch (.pth)"),
        ("cifar-10-python.tar.gz", b"\x1f\x8b", "the version for Python"),
        ("cifar-10-matlab.tar.gz", b"\x1f\x8b", "the version for MATLAB"),
        ("train-00000-of-00001.parquet", b"PAR1", "a Parquet file"),
        ("a.NPY", b"\x93NUMPY", "an array of numpy (.npy)"),
        ("a.h5", b"\x89HDF", "an HDF5 file"),
        ("a.mat", b"MATLAB", "arrays of MATLAB (.mat)"),
    ] {
        let expected = format!("there is FOLDER/{name}, {expected}, which is not read: fetch the official files");
        assert_eq!(advised(&[(name, content)], &["train.bin"]), expected);
    }
}

#[test]
fn pictures_are_named_as_that() {
    let there: &[(&str, &[u8])] = &[("train/cat/1.PNG", b""), ("train/dog/1.jpg", b"")];
    let expected = "there are pictures such as FOLDER/train/cat/1.PNG, which are not read: fetch the official files, or store \
                    your own pictures as safetensors";
    assert_eq!(advised(there, &["data_batch_1.bin"]), expected);
}

#[test]
fn the_command_that_fetches_what_is_missing_comes_first_unless_what_is_there_will_do() {
    let root = tempfile::tempdir().unwrap();
    let told = |folder: &Path, key: &str| missing("it lacks a.bin", "It holds a.bin", folder, &["a.bin"], key);
    let nothing = "it lacks a.bin. It holds a.bin; put them there or correct data.dataset.cifar10.path.";
    let path = root.path().display();
    assert_eq!(told(root.path(), "cifar10"), format!("`bntt data cifar10 --path {path}` fetches it: {nothing}"));
    assert_eq!(told(Path::new("data/cifar10"), "cifar10"), format!("`bntt data cifar10` fetches it: {nothing}"));
    // What no address has cannot be fetched.
    assert!(told(root.path(), "dvs_recordings").starts_with("it lacks a.bin. "));
    fs::write(root.path().join("A.bin"), "").unwrap();
    let expected = format!("it lacks a.bin. It holds a.bin; there is {path}/A.bin: rename it to a.bin.");
    assert_eq!(told(root.path(), "cifar10"), expected);
}

#[test]
fn a_folder_or_file_of_another_name_is_named() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("CIFAR10")).unwrap();
    fs::write(root.path().join("train.safetensors.gz"), "").unwrap();
    let expected = format!("there is {}: rename it to cifar10", root.path().join("CIFAR10").display());
    assert_eq!(find(&root.path().join("cifar10"), &["a.bin"], "example").advice, expected);
    let expected = format!("unpack what is there with `gunzip {}`", root.path().join("train.safetensors.gz").display());
    assert_eq!(of_file(&root.path().join("train.safetensors")), Some(expected));
    assert_eq!(of_file(&root.path().join("test.safetensors")), None);
}
