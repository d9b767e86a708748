//! The user's own data as safetensors files.

use std::fs;
use std::path::Path;

use bntt::data::{
    DataConfig, DataShape, Dataset, DatasetConfig, LimitConfig, SplitValues, TensorsConfig, read_unlabelled,
};
use bntt::error::Result;
use bntt::experiment::Experiment;
use safetensors::Dtype::{self, F32, F64, I32, I64, U8, U32};
use safetensors::tensor::TensorView;

use crate::captured_warnings::warnings_of;

pub type Tensor<'a> = (&'a str, Dtype, &'a [usize], Vec<u8>);

const TWO_IMAGES: &[usize] = &[2, 1, 2, 2];

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn write(path: &Path, tensors: &[Tensor]) {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (name.to_string(), TensorView::new(*dtype, shape.to_vec(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A folder with both files, and the config that names them.
pub fn files(train: &[Tensor], test: &[Tensor]) -> (tempfile::TempDir, TensorsConfig) {
    let folder = tempfile::tempdir().unwrap();
    let config = TensorsConfig { train: folder.path().join("train"), test: folder.path().join("test") };
    write(&config.train, train);
    write(&config.test, test);
    (folder, config)
}

fn load(config: &TensorsConfig) -> Result<Dataset> {
    let dataset = DatasetConfig::Tensors(config.clone());
    DataConfig { dataset, batch_size: 1, augment: None, normalize: None, limit: None, validation: None }.load(1)
}

fn shape(config: &TensorsConfig) -> Result<DataShape> {
    DatasetConfig::Tensors(config.clone()).spec().shape(1)
}

/// The error of a pair of equal files, without the name of the first.
fn error(tensors: &[Tensor]) -> String {
    let (_folder, config) = files(tensors, tensors);
    let error = load(&config).unwrap_err().to_string();
    assert_eq!(shape(&config).is_err(), !error.contains("finite"), "shape and load disagree: {error}");
    error.strip_prefix(&config.train.display().to_string()).unwrap_or(&error).to_string()
}

#[test]
fn images_of_bytes_are_read_with_labels_of_every_type() {
    let four_bytes = vec![4, 0, 0, 0, 1, 0, 0, 0];
    let eight_bytes = vec![4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let labels = [(U8, vec![4, 1]), (U32, four_bytes.clone()), (I32, four_bytes), (I64, eight_bytes)];
    for (dtype, bytes) in labels {
        let images: Tensor = ("images", U8, TWO_IMAGES, (0..8).collect());
        let file = [images, ("labels", dtype, &[2], bytes)];
        let (_folder, config) = files(&file, &file);
        let dataset = load(&config).unwrap();
        assert_eq!(dataset.train.labels, [4, 1]);
        assert_eq!(dataset.train.items, SplitValues::Bytes((0..8).collect()));
        assert_eq!(dataset.train.shape, [1, 2, 2]);
        assert_eq!(dataset.checksums.len(), 2);
        let expected = DataShape { channels: 1, height: 2, width: 2, classes: 5, time_steps: None, train: 2, test: 2 };
        assert_eq!(dataset.shape, expected);
        assert_eq!(shape(&config).unwrap(), expected);
    }
}

#[test]
fn sequences_of_floats_are_read_and_the_classes_of_both_files_counted() {
    let sizes = |n| [n, 3, 2, 1, 1];
    let values: Vec<f32> = (0..12).map(|i| i as f32 - 0.5).collect();
    let train = [("sequences", F32, &sizes(2)[..], floats(&values)), ("labels", U8, &[2][..], vec![0, 1])];
    let test = [("sequences", F32, &sizes(1)[..], floats(&values[..6])), ("labels", U8, &[1][..], vec![6])];
    let (_folder, config) = files(&train, &test);
    let dataset = load(&config).unwrap();
    assert_eq!(dataset.train.items, SplitValues::Floats(values));
    assert_eq!(dataset.train.shape, [3, 2, 1, 1]);
    assert_eq!(dataset.test.labels, [6]);
    assert_eq!((dataset.shape.classes, dataset.shape.time_steps), (7, Some(3)));
}

#[test]
fn more_than_a_piece_of_floats_is_read_whole() {
    let n = 300_000;
    let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    write(&path, &[("images", F32, &[1, 1, 1, n], floats(&values))]);
    let split = read_unlabelled(&path, "--input").unwrap();
    assert_eq!(split.items, SplitValues::Floats(values));
    assert_eq!(split.labels, [0]);
}

#[test]
fn unlabelled_floats_of_0_to_255_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    let warnings = |name, values: &[f32]| {
        let shape = if name == "images" { &[1, 1, 1, 2][..] } else { &[1, 1, 1, 1, 2] };
        write(&path, &[(name, F32, shape, floats(values))]);
        warnings_of(|| read_unlabelled(&path, "--input").unwrap()).1
    };
    let expected = format!(
        "{}: the f32 images have values from 3 to 255, and are taken as they are: only u8 stand for 0 to 1; if 255 is white, divide them by 255 \
         or store them as u8",
        path.display()
    );
    assert_eq!(warnings("images", &[3.0, 255.0]), [expected]);
    assert_eq!(warnings("images", &[0.25, 1.0]), [""; 0]);
    assert_eq!(warnings("sequences", &[3.0, 255.0]), [""; 0]);
}

#[test]
fn missing_and_unknown_tensors_are_refused() {
    let images: Tensor = ("images", U8, TWO_IMAGES, vec![0; 8]);
    let labels: Tensor = ("labels", U8, &[2], vec![0; 2]);
    let expected = "expected `labels` [N] and either `images` [N, C, H, W] or `sequences` [N, T, C, H, W]";
    assert_eq!(error(std::slice::from_ref(&labels)), format!(" holds `labels`; {expected}."));
    assert_eq!(error(&[]), format!(" holds no tensor; {expected}."));
    let missing = ": the tensor `labels` is missing; expected `labels` [N] beside `images` U8 [2, 1, 2, 2].";
    assert_eq!(error(std::slice::from_ref(&images)), missing);
    let both = [images.clone(), labels.clone(), ("sequences", U8, &[2, 1, 1, 2, 2], vec![0; 8])];
    assert_eq!(error(&both), format!(" holds both `images` and `sequences`; {expected}."));
    let more = [images, labels, ("weights", U8, &[1], vec![0])];
    assert_eq!(error(&more), format!(" holds `images`, `labels`, `weights`; {expected}, and nothing else."));
}

#[test]
fn types_and_shapes_that_do_not_fit_are_refused() {
    let labels: Tensor = ("labels", U8, &[2], vec![0; 2]);
    let with = |images: Tensor| error(&[images, labels.clone()]);
    let found = with(("images", F64, &[2, 1, 1, 1], vec![0; 16]));
    assert_eq!(found, ": the tensor `images` F64 [2, 1, 1, 1] has a type that cannot be used; expected u8 or f32.");
    let found = with(("images", U8, &[2, 4], vec![0; 8]));
    assert!(found.starts_with(": the tensor `images` U8 [2, 4] has 2 dimensions; expected `labels` [N]"), "{found}");
    let found = with(("sequences", U8, TWO_IMAGES, vec![0; 8]));
    assert!(found.starts_with(": the tensor `sequences` U8 [2, 1, 2, 2] has 4 dimensions; expected"), "{found}");
    let found = with(("images", U8, &[2, 1, 0, 2], vec![]));
    assert!(found.starts_with(": the tensor `images` U8 [2, 1, 0, 2] is empty; expected one item"), "{found}");
    let found = with(("images", U8, &[3, 1, 1, 1], vec![0; 3]));
    let expected = ": the tensor `labels` U8 [2] should have the shape [3], one label for each item of `images` U8 \
                    [3, 1, 1, 1].";
    assert_eq!(found, expected);
    let found = error(&[("images", U8, TWO_IMAGES, vec![0; 8]), ("labels", F32, &[2], vec![0; 8])]);
    let expected = ": the tensor `labels` F32 [2] has a type that labels cannot have; expected u8, u32, i32 or i64.";
    assert_eq!(found, expected);
}

#[test]
fn labels_that_are_no_class_numbers_are_named() {
    let labels = |values: [i64; 2]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for bad in [-1, 65_536, i64::MAX] {
        let images: Tensor = ("images", U8, TWO_IMAGES, vec![0; 8]);
        let found = error(&[images, ("labels", I64, &[2], labels([0, bad]))]);
        assert_eq!(found, format!(": labels[1] is {bad}; expected a class number, 0 to 65535."));
    }
}

#[test]
fn pixels_that_are_not_finite_are_named_with_place_and_byte() {
    let mut values = [0.0; 8];
    values[6] = f32::NAN;
    let tensors = [("images", F32, TWO_IMAGES, floats(&values)), ("labels", U8, &[2][..], vec![0; 2])];
    let (_folder, config) = files(&tensors, &tensors);
    let bytes = fs::read(&config.train).unwrap();
    let byte = bytes.windows(4).rposition(|bytes| bytes == f32::NAN.to_le_bytes()).unwrap();
    assert_eq!(error(&tensors), format!(": images[1, 0, 1, 0] (byte {byte}) is NaN; expected finite numbers."));
}

#[test]
fn a_limit_of_sorted_data_leaves_every_class() {
    let n = 30;
    let labels: Vec<u8> = (0..n).map(|i| i / 10).collect();
    let shape = [usize::from(n), 1, 1, 1];
    let floats: Vec<f32> = (0..n).map(f32::from).collect();
    for (dtype, values) in [(U8, (0..n).collect()), (F32, self::floats(&floats))] {
        let file = [("images", dtype, &shape[..], values), ("labels", U8, &[30][..], labels.clone())];
        let (_folder, config) = files(&file, &file);
        let dataset = DatasetConfig::Tensors(config);
        let limit = Some(LimitConfig { train: Some(7), test: Some(2) });
        let data = DataConfig { dataset, batch_size: 1, augment: None, normalize: None, limit, validation: None };
        let loaded = data.load(1).unwrap();
        assert_eq!(loaded.train.labels, [0, 0, 0, 1, 1, 2, 2]);
        let values: Vec<f32> = match &loaded.train.items {
            SplitValues::Floats(values) => values.clone(),
            SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => bytes.iter().map(|&byte| byte.into()).collect(),
        };
        assert_eq!(values, [0.0, 1.0, 2.0, 10.0, 11.0, 20.0, 21.0]);
        assert_eq!(loaded.test.labels, [0, 1]);
        assert_eq!(loaded.shape.train, 30);
    }
}

#[test]
fn an_experiment_is_checked_by_the_shape_of_its_tensors_before_it_runs() {
    let file = [("images", U8, TWO_IMAGES, (100..108).collect()), ("labels", U8, &[2][..], vec![0, 1])];
    let (_folder, config) = files(&file, &file);
    let [train, test] = [&config.train, &config.test].map(|path| path.display().to_string());
    let text = format!(
        "name = 'a'\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\ntraining = {{ epochs = 1 }}\n[data]\n\
         dataset = {{ tensors = {{ train = '{train}', test = '{test}' }} }}\nbatch_size = 3\naugment = {{ crop_padding = 2 }}\n\
         normalize = {{ mean = [0.5, 0.5], std = [1.0] }}\n[network]\ntime_steps = 1\nencoder = 'direct'\n\
         layers = ['flatten', {{ linear = {{ features = 2 }} }}, 'lif', {{ linear = {{ features = 'classes' }} }}]\n"
    );
    let refused = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let said = Experiment::parse(&text, "a.toml", &overrides).map(|_| ()).unwrap_err().to_string();
        // Without the lines of the file that stand below the sentences.
        said.lines().filter(|line| line.starts_with("a.toml:")).collect::<Vec<_>>().join("\n")
    };
    let expected = "a.toml:8:22: data.normalize.mean: expected one value for each of the data set's 1 channels, found 2\n\
                    a.toml:7:28: data.augment.crop_padding: a padding of 2 pixels can move an image of 2x2 out of sight; expected less than 2\n\
                    a.toml:6:14: data.batch_size: a batch of 3 is larger than the 2 training images, so that no batch would be full; use a \
                    batch_size of at most 2";
    assert_eq!(refused(&[]), expected);
    let found = refused(&["data.normalize.mean=[0.5]", "data.augment.crop_padding=1"]);
    assert!(
        found.contains("data.batch_size: a batch of 3 is larger than the 2 training images")
            && found.lines().count() == 1,
        "{found}"
    );
}

#[test]
fn files_of_other_programs_and_names_in_other_letters_are_named() {
    let file = [("images", U8, TWO_IMAGES, vec![100; 8]), ("labels", U8, &[2][..], vec![0; 2])];
    let (folder, config) = files(&file, &file);
    let refused = || shape(&config).unwrap_err().to_string().replace(&folder.path().display().to_string(), "FOLDER");
    for (content, what) in [
        (&b"PK\x03\x04 and so on"[..], "a zip archive, as numpy's .npz and PyTorch's .pt are"),
        (b"\x93NUMPY\x01\x00v\x00", "an array of numpy (.npy)"),
        (b"\x80\x02}q\x01(U\x0b", "a pickle of Python"),
        (b"\x1f\x8b\x08\x00 and so on", "packed by gzip"),
    ] {
        fs::write(&config.train, content).unwrap();
        assert_eq!(
            refused(),
            format!("FOLDER/train is no safetensors file, but {what}; store its tensors as safetensors.")
        );
    }
    fs::rename(&config.train, folder.path().join("TRAIN")).unwrap();
    assert_eq!(refused(), "the file FOLDER/train does not exist; there is FOLDER/TRAIN: rename it to train.");
}

#[test]
fn training_and_test_items_are_alike() {
    let labels: Tensor = ("labels", U8, &[2], vec![0; 2]);
    let train = [("images", U8, TWO_IMAGES, vec![0; 8]), labels.clone()];
    let test = [("images", U8, &[2, 1, 1, 2][..], vec![0; 4]), labels];
    let (_folder, config) = files(&train, &test);
    let error = shape(&config).unwrap_err().to_string();
    let expected = "test `images` U8 [2, 1, 1, 2]; expected the same name, type and (but for the first number) \
                    shape in both.";
    assert!(error.contains("train holds `images` U8 [2, 1, 2, 2] and "), "{error}");
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn files_that_are_not_whole_safetensors_are_refused() {
    let tensors = [("images", U8, TWO_IMAGES, vec![0; 8]), ("labels", U8, &[2][..], vec![0; 2])];
    let (_folder, config) = files(&tensors, &tensors);
    let whole = fs::read(&config.train).unwrap();
    let error = |bytes: &[u8]| {
        fs::write(&config.train, bytes).unwrap();
        let error = shape(&config).unwrap_err().to_string();
        error.strip_prefix(&config.train.display().to_string()).expect(&error).to_string()
    };
    let broken = " is no safetensors file: ";
    let expected = format!("{broken}it has 0 bytes, expected a header of 8 or more.");
    assert_eq!(error(&[]), expected);
    let expected = format!("{broken}byte 0 announces a header of {} bytes, but the file ends at byte 20.", u64::MAX);
    assert_eq!(error(&[255; 20]), expected);
    let found = error(&[&[3, 0, 0, 0, 0, 0, 0, 0][..], b"{x}"].concat());
    assert!(found.starts_with(&format!("{broken}the header at byte 8 is malformed: ")), "{found}");
    let n = whole.len();
    let found = error(&whole[..n - 1]);
    assert!(found.contains(&format!("is truncated: it ends at byte {}, 1 bytes short", n - 1)), "{found}");
    let found = error(&[&whole[..], &[0, 0]].concat());
    assert!(found.contains(&format!("found {}; the 2 bytes from byte {n} on belong to no", n + 2)), "{found}");
    fs::remove_file(&config.train).unwrap();
    let found = shape(&config).unwrap_err().to_string();
    assert!(found.ends_with("train does not exist; correct data.dataset.tensors.train."), "{found}");
}
