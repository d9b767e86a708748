//! What is done with a hostile input, one function a kind of file: the bodies of the fuzz targets in `fuzz/`, and of
//! the stable test beside this file. Whatever the bytes are, they are read or refused with a message; nothing panics.
//!
//! A body with several files takes the first byte as the choice of the one that the other bytes replace; the others are
//! whole.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use bntt::data::{
    Batches, Cifar10Config, Cifar100Config, DataConfig, Dataset, DatasetConfig, MnistConfig, Split, SplitValues,
    TensorsConfig, read_unlabelled,
};
use bntt::experiment::Experiment;
use bntt::files::sealed;
use bntt::run::RunFolder;
use bntt::run::checkpoint::{self, TrainingProgress};
use bntt::run::metrics::{self, Metrics};
use bntt::run::provenance::Provenance;
use bntt::run::records::{Records, VerifiedRecords, WrittenRecord};
use candle_core::Device;

use crate::seeds;

/// Reads an input and tells whether it was taken for a whole one; panics where the program does what no input may make
/// it do.
pub type Body = fn(&[u8]) -> bool;

/// Every target by name.
pub const ALL: &[(&str, Body)] = &[
    ("experiment", experiment),
    ("weights", weights),
    ("idx", idx),
    ("cifar10", cifar10),
    ("cifar100", cifar100),
    ("tensors", tensors),
    ("progress", progress),
    ("metrics", metrics_files),
    ("provenance", provenance),
];

/// A folder of this thread's own, in memory where the system has such.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Calls `work` with a folder that is this thread's and this target's own; `prepare` fills it once.
fn in_folder(target: &'static str, prepare: impl FnOnce(&Path), work: impl FnOnce(&Path) -> bool) -> bool {
    thread_local!(static FOLDER: OnceCell<(Scratch, &'static str)> = const { OnceCell::new() });
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    FOLDER.with(|folder| {
        let (folder, owner) = folder.get_or_init(|| {
            let memory = Path::new("/dev/shm");
            let root = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = root.join(format!("bntt-hostile-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            prepare(&path);
            (Scratch(path), target)
        });
        assert_eq!(*owner, target, "a thread runs one target");
        work(&folder.0)
    })
}

/// Writes `bytes` to the one of `files` that the first byte chooses, calls `work`, and puts the whole file back.
fn with_one_replaced(folder: &Path, files: &[(&str, Vec<u8>)], input: &[u8], work: impl FnOnce() -> bool) -> bool {
    let (&choice, bytes) = input.split_first().unwrap_or((&0, &[]));
    let (name, whole) = &files[usize::from(choice) % files.len()];
    fs::write(folder.join(name), bytes).expect("a file");
    let taken = work();
    fs::write(folder.join(name), whole).expect("a file");
    taken
}

fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a file");
    }
}

/// The text of an experiment; after a zero byte its `key=value` arguments, parted by zero bytes.
pub fn experiment(input: &[u8]) -> bool {
    let mut parts = input.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let text = parts.next().unwrap_or_default();
    let overrides: Vec<String> = parts.map(|part| part.into_owned()).collect();
    match Experiment::parse(&text, "a.toml", &overrides) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
        Ok(checked) => {
            let batch = checked.experiment.data.batch_size;
            let peak = checked.plan.peak_bytes(batch, 2);
            assert!(peak >= checked.plan.kept_bytes(batch), "what is kept is part of the peak");
            assert!(peak / 8 >= checked.plan.parameters(), "as are the weights and their gradients");
            // What is resolved is read again as the same.
            let Ok(resolved) = checked.experiment.to_toml() else { return true };
            let again = Experiment::parse(&resolved, "again.toml", &[]);
            let again = again.unwrap_or_else(|error| panic!("{error}\n{resolved}"));
            assert_eq!(again.experiment, checked.experiment, "{resolved}");
            true
        }
    }
}

/// A safetensors file of weights.
pub fn weights(input: &[u8]) -> bool {
    in_folder(
        "weights",
        |_| {},
        |folder| {
            let path = folder.join("model.safetensors");
            fs::write(&path, input).expect("a file");
            checkpoint::load_tensors(&path, &Device::Cpu).is_ok_and(|tensors| {
                let bytes: usize = tensors.values().map(|t| t.elem_count() * t.dtype().size_in_bytes()).sum();
                assert!(bytes < input.len(), "{bytes} bytes of tensors out of {}", input.len());
                true
            })
        },
    )
}

/// What was read is whole: labels below the number of classes, as many values as the shape says, a batch that is
/// finite.
fn check_split(split: &Split, classes: usize) {
    assert!(split.labels.iter().all(|&label| (label as usize) < classes));
    let values = match &split.items {
        SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => bytes.len(),
        SplitValues::Floats(floats) => floats.len(),
    };
    assert_eq!(values, split.len() * split.shape.iter().product::<usize>());
    let config = data(DatasetConfig::Mnist(MnistConfig { path: PathBuf::new() }));
    let batch = Batches::evaluate(split, &config, &Device::Cpu).and_then(|batches| batches.batch(0)).expect("a batch");
    let sum = batch.inputs.abs().and_then(|x| x.max_all()).and_then(|x| x.to_scalar::<f32>()).expect("a maximum");
    assert!(sum.is_finite());
}

fn check_dataset(dataset: &Dataset) -> bool {
    for split in [&dataset.train, &dataset.test] {
        check_split(split, dataset.shape.classes);
    }
    true
}

fn data(dataset: DatasetConfig) -> DataConfig {
    DataConfig { dataset, batch_size: 1, augment: None, normalize: None, limit: None, validation: None }
}

/// One of the four files of MNIST.
pub fn idx(input: &[u8]) -> bool {
    let files = seeds::idx_files();
    in_folder(
        "idx",
        |folder| write_all(folder, &files),
        |folder| {
            let config = data(DatasetConfig::Mnist(MnistConfig { path: folder.to_path_buf() }));
            with_one_replaced(folder, &files, input, || config.load(1).is_ok_and(|dataset| check_dataset(&dataset)))
        },
    )
}

/// One of CIFAR-10's six files, of one record each.
pub fn cifar10(input: &[u8]) -> bool {
    let files = seeds::cifar10_files();
    in_folder(
        "cifar10",
        |folder| write_all(folder, &files),
        |folder| {
            let config = Cifar10Config { path: folder.to_path_buf() };
            with_one_replaced(folder, &files, input, || config.load_cut(1).is_ok_and(|dataset| check_dataset(&dataset)))
        },
    )
}

/// One of CIFAR-100's two files, of two records each.
pub fn cifar100(input: &[u8]) -> bool {
    let files = seeds::cifar100_files();
    in_folder(
        "cifar100",
        |folder| write_all(folder, &files),
        |folder| {
            let config = Cifar100Config { path: folder.to_path_buf() };
            with_one_replaced(folder, &files, input, || config.load_cut(2).is_ok_and(|dataset| check_dataset(&dataset)))
        },
    )
}

/// One of the two files of a data set of tensors, images or sequences.
pub fn tensors(input: &[u8]) -> bool {
    let files = seeds::tensors_files();
    in_folder(
        "tensors",
        |folder| write_all(folder, &files),
        |folder| {
            let choice = usize::from(input.first().copied().unwrap_or(0)) % files.len();
            // The pairs of images of bytes, images of floats, sequences.
            let [train, test] = [choice / 2 * 2, choice / 2 * 2 + 1].map(|place| folder.join(files[place].0));
            let dataset = DatasetConfig::Tensors(TensorsConfig { train: train.clone(), test });
            with_one_replaced(folder, &files, input, || {
                let shape = dataset.spec().shape(1);
                if let Ok(split) = read_unlabelled(&train, "--input") {
                    check_split(&split, 1);
                }
                data(dataset.clone()).load(1).is_ok_and(|loaded| {
                    assert_eq!(shape.expect("the shape of what can be loaded"), loaded.shape);
                    check_dataset(&loaded)
                })
            })
        },
    )
}

/// A checkpoint's `progress.toml`, with a right checksum where it is text: else every input would be refused for that
/// alone.
pub fn progress(input: &[u8]) -> bool {
    in_folder(
        "progress",
        |_| {},
        |folder| {
            let text = std::str::from_utf8(input).map(sealed::seal);
            fs::write(folder.join("progress.toml"), text.map_or(input.to_vec(), String::into_bytes)).expect("a file");
            let read = TrainingProgress::load(folder);
            let taken = read.is_ok();
            assert!(checkpoint::load(folder, &Device::Cpu).is_err(), "the tensors are missing");
            if let Ok(progress) = read {
                let text = toml_of(&progress);
                fs::write(folder.join("progress.toml"), sealed::seal(&text)).expect("a file");
                assert_eq!(text, toml_of(&TrainingProgress::load(folder).expect("what was just written")));
            }
            taken
        },
    )
}

/// The fields as a file. NaN as the best accuracy is read, and is not equal to itself.
fn toml_of(progress: &TrainingProgress) -> String {
    let TrainingProgress {
        version, experiment, config_sha256, epoch, step, global_step, best_top1, best_epoch, ..
    } = progress;
    let best = best_top1.map(|best| format!("best_top1 = {}\n", float(best))).unwrap_or_default();
    let best_epoch = best_epoch.map(|epoch| format!("best_epoch = {epoch}\n")).unwrap_or_default();
    let data = progress.data_sha256.as_ref().map(|sum| format!("data_sha256 = {}\n", quoted(sum))).unwrap_or_default();
    let [model, optimizer] = [&progress.model_sha256, &progress.optimizer_sha256].map(|text| quoted(text));
    format!(
        "version = {version}\nexperiment = {}\nconfig_sha256 = {}\n{data}epoch = {epoch}\nstep = {step}\n\
         global_step = {global_step}\n{best}{best_epoch}model_sha256 = {model}\noptimizer_sha256 = {optimizer}\n",
        quoted(experiment),
        quoted(config_sha256),
    )
}

fn float(number: f64) -> String {
    if number.is_nan() { "nan".into() } else { format!("{number:?}") }
}

fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

/// `metrics.jsonl`, `metrics.csv`, `steps.jsonl` or `config.toml` of a run folder: read, listed, opened to go on.
pub fn metrics_files(input: &[u8]) -> bool {
    let files = seeds::run_files();
    in_folder("metrics", prepare_run, |root| {
        let folder = RunFolder::open(&root.join("a")).expect("a run");
        let taken = with_one_replaced(folder.path(), &files, input, || {
            let before = metrics::read(&folder.metrics_jsonl());
            bntt::run::listing::list(root).expect("a list");
            if let Ok(records) = kept(&folder) {
                drop(Metrics::open(&folder, records).expect("what can be read can be gone on with"));
                let kept_lines = metrics::read(&folder.metrics_jsonl()).expect("lines that were kept");
                assert!(kept_lines.iter().all(|line| line.epoch <= 1));
                assert!(before.as_ref().map_or(true, |before| kept_lines.len() <= before.len()));
                kept(&folder).and_then(|kept| Metrics::open(&folder, kept)).expect("and can be opened again");
            }
            before.is_ok()
        });
        write_all(folder.path(), &files);
        taken
    })
}

/// What can be read of a run's records up to the first step of epoch 2.
fn kept(folder: &RunFolder) -> bntt::error::Result<VerifiedRecords> {
    let [metrics, steps] = metrics::readable(folder, 1, 1)?;
    let metrics = WrittenRecord::first_of(&folder.metrics_jsonl(), metrics)?;
    let steps = WrittenRecord::first_of(&folder.steps(), steps)?;
    let records = Records { metrics: metrics.0, steps: steps.0 };
    Ok(VerifiedRecords { records, metrics: metrics.1, steps: steps.1 })
}

/// A run's `provenance.json`.
pub fn provenance(input: &[u8]) -> bool {
    in_folder("provenance", prepare_run, |root| {
        let path = root.join("a/v0001/provenance.json");
        fs::write(&path, input).expect("a file");
        bntt::run::listing::list(root).expect("a list");
        Provenance::load(&path).is_ok_and(|provenance| {
            provenance.save(&path).expect("a file");
            assert_eq!(Provenance::load(&path).expect("what was just written"), provenance);
            true
        })
    })
}

fn prepare_run(root: &Path) {
    let folder = RunFolder::create(root, "a").expect("a run");
    write_all(folder.path(), &seeds::run_files());
    fs::write(folder.provenance(), seeds::PROVENANCE).expect("a file");
}
