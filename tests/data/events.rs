//! Recordings of event cameras, written here byte by byte, through the public path.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use bntt::data::{Batches, DataConfig, Dataset, Split, SplitValues};
use bntt::error::Result;
use candle_core::Device;
use sha2::{Digest, Sha256};

use crate::captured_warnings::warnings_of;

/// Keeps what is decoded out of the user's cache, in an empty one.
pub fn use_own_cache() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("event_data_sets");
        let _ = fs::remove_dir_all(&cache);
        // SAFETY: nothing in this process reads the environment but through `std::env`, which has a lock for it.
        unsafe { std::env::set_var("BNTT_CACHE", cache) };
    });
}

fn load(text: &str, folder: &Path, time_steps: usize) -> Result<Dataset> {
    use_own_cache();
    config(text, folder).load(time_steps)
}

/// `PATH` in `text` stands for the folder.
fn config(text: &str, folder: &Path) -> DataConfig {
    let text = text.replace("PATH", &format!("path = '{}'", folder.display()));
    toml::from_str(&format!("batch_size = 2\n{text}")).unwrap()
}

fn counts(split: &Split) -> &[u8] {
    let SplitValues::Counts(counts) = &split.items else { panic!("events are counted") };
    counts
}

/// The places of values above 0, with these: ([t, polarity, row, column], value).
fn seen(split: &Split, item: usize) -> Vec<([usize; 4], u8)> {
    let &[time_steps, polarities, height, width] = &split.shape[..] else { panic!("sequences") };
    let length = time_steps * polarities * height * width;
    let values = counts(split)[item * length..][..length].iter().enumerate().filter(|(_, value)| **value > 0);
    let place =
        |i: usize| [i / width / height / polarities, i / width / height % polarities, i / width % height, i % width];
    values.map(|(i, &value)| (place(i), value)).collect()
}

/// An event of N-MNIST.
pub fn bin([column, row]: [u8; 2], on: bool, time: u32) -> Vec<u8> {
    let [_, high, middle, low] = time.to_be_bytes();
    vec![column, row, high | u8::from(on) << 7, middle, low]
}

/// An event of a DVS128: bit 0 set is off, columns count from the right, rows from the bottom.
pub fn aedat([column, row]: [u32; 2], on: bool, time: u32) -> Vec<u8> {
    let address = (127 - row) << 8 | (127 - column) << 1 | u32::from(!on);
    [address.to_be_bytes(), time.to_be_bytes()].concat()
}

pub fn write(folder: &Path, name: &str, events: &[Vec<u8>]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let head: &[u8] = if name.ends_with("aedat") { b"#!AER-DAT2.0\r\n# by hand\r\n" } else { b"" };
    fs::write(path, [head, &events.concat()].concat()).unwrap();
}

/// Label 3 has recordings 7 and 12 to train on, label 5 has 9; recording 60001 of label 0 to test on.
pub fn nmnist() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for split in ["Train", "Test"] {
        (0..10).for_each(|label| fs::create_dir_all(folder.path().join(format!("{split}/{label}"))).unwrap());
    }
    write(folder.path(), "Train/3/00012.bin", &[bin([0, 0], true, 5)]);
    let events =
        [bin([2, 1], true, 1_000), bin([2, 1], true, 1_010), bin([33, 33], false, 1_099), bin([33, 33], false, 1_040)];
    write(folder.path(), "Train/3/00007.bin", &events);
    write(folder.path(), "Train/5/00009.bin", &[bin([1, 0], false, 0), bin([1, 0], false, 9), bin([0, 1], true, 9)]);
    write(folder.path(), "Test/0/60001.bin", &[bin([16, 17], false, 0)]);
    folder
}

#[test]
fn n_mnist_becomes_frames_of_equal_time_in_the_order_of_the_recordings_numbers() {
    let folder = nmnist();
    let dataset = load("dataset = { nmnist = { PATH } }", folder.path(), 2).unwrap();
    assert_eq!((&dataset.train.labels[..], &dataset.test.labels[..]), (&[3, 5, 3][..], &[0][..]));
    assert_eq!(dataset.train.shape, [2, 2, 34, 34]);
    // 100 us: the event at 40 is in the first half, though it comes last in the file.
    let expected = [([0, 0, 33, 33], 1), ([0, 1, 1, 2], 2), ([1, 0, 33, 33], 1)];
    assert_eq!(seen(&dataset.train, 0), expected);
    assert_eq!(seen(&dataset.train, 2), [([0, 1, 0, 0], 1)]);
    assert_eq!(seen(&dataset.test, 0), [([0, 0, 17, 16], 1)]);
    let shape = dataset.shape;
    assert_eq!(
        [shape.channels, shape.height, shape.width, shape.classes, shape.train, shape.test],
        [2, 34, 34, 10, 3, 1]
    );
    assert_eq!(shape.time_steps, Some(2));
}

#[test]
fn frames_follow_the_number_of_time_steps_the_rule_the_values_and_the_size() {
    let folder = nmnist();
    let load = |frames: &str, time_steps| {
        load(&format!("dataset = {{ nmnist = {{ PATH, frames = {{ {frames} }} }} }}"), folder.path(), time_steps)
            .unwrap()
    };
    // Times 0, 10, 40, 99 of 100 us in four frames are 0, 0, 1, 3; one after the other they are 0, 1, 2, 3.
    let time = [([0, 1, 1, 2], 2), ([1, 0, 33, 33], 1), ([3, 0, 33, 33], 1)];
    assert_eq!(seen(&load("equal = 'time'", 4).train, 0), time);
    let count = [([0, 1, 1, 2], 1), ([1, 1, 1, 2], 1), ([2, 0, 33, 33], 1), ([3, 0, 33, 33], 1)];
    assert_eq!(seen(&load("equal = 'count'", 4).train, 0), count);
    let binary = [([0, 0, 33, 33], 1), ([0, 1, 1, 2], 1)];
    assert_eq!(seen(&load("values = 'binary'", 1).train, 0), binary);
    // 34 to 17: halves of the places. Events of two pixels fall together.
    let small = load("size = 17", 1);
    assert_eq!(seen(&small.train, 0), [([0, 0, 16, 16], 2), ([0, 1, 0, 1], 2)]);
    assert_eq!(seen(&small.train, 1), [([0, 0, 0, 0], 2), ([0, 1, 0, 0], 1)]);
    assert_eq!(small.train.shape, [1, 2, 17, 17]);
}

#[test]
fn a_network_sees_counts_as_they_are_and_all_time_steps_are_changed_alike() {
    let folder = nmnist();
    let plain = "dataset = { nmnist = { PATH } }";
    let changed = format!("{plain}\naugment = {{ crop_padding = 4, flip = true }}");
    let dataset = load(plain, folder.path(), 4).unwrap();
    let inputs = |text: &str, train: bool, epoch| {
        let config = DataConfig { batch_size: 3, ..config(text, folder.path()) };
        let batches = match train {
            true => Batches::train(&dataset.train, &config, 5, epoch, &Device::Cpu),
            false => Batches::evaluate(&dataset.train, &config, &Device::Cpu),
        };
        let batch = batches.unwrap().batch(0).unwrap();
        assert_eq!(batch.inputs.dims(), [4, 3, 2, 34, 34]);
        let place = batch.indices.iter().position(|&index| index == 0).unwrap();
        batch.inputs.narrow(1, place, 1).unwrap().squeeze(1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let frame = 2 * 34 * 34;
    let places = |values: &[f32], t: usize| -> Vec<usize> {
        let frame = values[t * frame..][..frame].iter().enumerate();
        frame.filter(|(_, value)| **value > 0.0).map(|(i, _)| i).collect()
    };
    let values = inputs(plain, false, 0);
    assert_eq!(values[34 * 34 + 34 + 2], 2.0);
    assert_eq!(values.iter().sum::<f32>(), 4.0);
    // The pixel at the bottom right is seen at steps 1 and 3: wherever it goes, it goes there twice.
    let mut moved = 0;
    for epoch in 0..20 {
        let values = inputs(&changed, true, epoch);
        assert_eq!(places(&values, 1), places(&values, 3), "epoch {epoch}");
        moved += usize::from(places(&values, 1) != [34 * 34 - 1]);
    }
    assert!(moved > 10, "{moved}");
    // Rolled frames lose nothing, and move alike.
    let rolling = format!("{plain}\naugment = {{ roll = 5 }}");
    let mut rolled = 0;
    for epoch in 0..20 {
        let values = inputs(&rolling, true, epoch);
        assert_eq!(values.iter().sum::<f32>(), 4.0, "epoch {epoch}");
        assert_eq!(places(&values, 1), places(&values, 3), "epoch {epoch}");
        rolled += usize::from(places(&values, 1) != [34 * 34 - 1]);
    }
    assert!(rolled > 10, "{rolled}");
    let normalized = inputs(&format!("{plain}\nnormalize = {{ mean = [1, 1], std = [0.5, 2] }}"), false, 0);
    assert_eq!([normalized[0], normalized[34 * 34 + 34 + 2]], [-2.0, 0.5]);
}

#[test]
fn a_missing_class_folder_and_a_broken_recording_are_named() {
    let folder = nmnist();
    let text = "dataset = { nmnist = { PATH } }";
    write(folder.path(), "Test/0/60002.bin", &[bin([0, 0], true, 5), vec![1, 2]]);
    let error = load(text, folder.path(), 2).unwrap_err().to_string();
    assert!(error.ends_with(
        "Test/0/60002.bin is truncated: its last event begins at byte 5 and has 2 of 5 bytes; fetch it again."
    ));
    fs::remove_dir(folder.path().join("Test/4")).unwrap();
    fs::remove_dir_all(folder.path().join("Test/0")).unwrap();
    let error = load(text, folder.path(), 2).unwrap_err().to_string();
    assert!(error.contains(" lacks Test/0, Test/4. The N-MNIST folder holds folders Train/0 to Train/9"), "{error}");
    (0..10).for_each(|label| fs::create_dir_all(folder.path().join(format!("Test/{label}"))).unwrap());
    let error = load(text, folder.path(), 2).unwrap_err().to_string();
    assert!(error.ends_with(" holds no recording to test on."), "{error}");
}

const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[test]
fn cifar10_dvs_is_tested_on_the_last_hundred_of_each_class_or_the_first_and_stands_upright() {
    let folder = tempfile::tempdir().unwrap();
    CLASSES.iter().for_each(|class| fs::create_dir(folder.path().join(class)).unwrap());
    for (class, number) in
        [("airplane", 99), ("airplane", 899), ("airplane", 900), ("truck", 100), ("truck", 99), ("ship", 999)]
    {
        let events = [aedat([5, 100], true, 4_000_000_000), aedat([6, 100], false, 4_000_000_001)];
        write(folder.path(), &format!("{class}/cifar10_{class}_{number}.aedat"), &events);
    }
    let labels = |test: &str| {
        let dataset = load(&format!("dataset = {{ dvs_cifar10 = {{ PATH{test} }} }}"), folder.path(), 1).unwrap();
        assert_eq!(dataset.train.shape, [1, 2, 128, 128]);
        // The camera lay on its side: its columns are rows.
        assert_eq!(seen(&dataset.train, 0), [([0, 0, 6, 100], 1), ([0, 1, 5, 100], 1)]);
        (dataset.train.labels, dataset.test.labels)
    };
    assert_eq!(labels(""), (vec![0, 9, 9, 0], vec![0, 8]));
    assert_eq!(labels(", test = 'first'"), (vec![9, 0, 0, 8], vec![0, 9]));
    fs::rename(folder.path().join("ship/cifar10_ship_999.aedat"), folder.path().join("ship/cifar10_ship_1000.aedat"))
        .unwrap();
    let error = load("dataset = { dvs_cifar10 = { PATH } }", folder.path(), 1).unwrap_err().to_string();
    assert!(error.ends_with("expected a name such as cifar10_ship_0.aedat; rename it or move it away."), "{error}");
}

#[test]
fn sessions_are_cut_into_windows_that_overlap_in_training_only() {
    let folder = tempfile::tempdir().unwrap();
    for (session, class, column) in
        [("one", "b", 1), ("one", "a", 2), ("two", "a", 3), ("two", "b", 4), ("two", "c", 5)]
    {
        // An event every millisecond for 5 ms, by a clock that wraps round.
        let start = u32::MAX - 2_500;
        let events: Vec<_> =
            (0..=5).map(|ms| aedat([column, ms], ms % 2 == 0, start.wrapping_add(ms * 1_000))).collect();
        write(folder.path(), &format!("{session}/{class}.aedat"), &events);
    }
    let text = "dataset = { dvs_recordings = { PATH, train = 'one', test = 'two', classes = ['b', 'a'], window_ms = 2, stride_ms = 1 } }";
    let dataset = load(text, folder.path(), 2).unwrap();
    // 5,001 us: windows at 0, 1, 2, 3 ms; side by side at 0 and 2.
    assert_eq!(dataset.train.labels, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(dataset.test.labels, [0, 0, 1, 1]);
    assert_eq!(seen(&dataset.train, 1), [([0, 0, 1, 1], 1), ([1, 1, 2, 1], 1)]);
    assert_eq!(seen(&dataset.test, 3), [([0, 1, 2, 3], 1), ([1, 0, 3, 3], 1)]);
    assert_eq!(dataset.shape.classes, 2);

    let error = load(&text.replace("'a']", "'c', 'd']"), folder.path(), 2).unwrap_err().to_string();
    assert!(error.contains(" lacks one/c.aedat, one/d.aedat, two/d.aedat. The data set's folder holds"), "{error}");
    let error = load(&text.replace("window_ms = 2", "window_ms = 6"), folder.path(), 2).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "one/b.aedat lasts 5001 us, less than one window of 6000; make window_ms smaller or leave it out."
        ),
        "{error}"
    );
}

#[test]
fn a_pause_of_twenty_minutes_gives_no_empty_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let minutes = 20 * 60_000_000;
    for (session, pause) in [("one", minutes), ("two", 0)] {
        for class in ["a", "b"] {
            // Ten milliseconds, the pause, ten milliseconds; an event every half millisecond.
            let times = (0..=20).map(|i| 500 * i).chain((0..=20).map(|i| 10_000 + pause + 500 * i));
            let events: Vec<_> = times.map(|time| aedat([1, 1], true, time)).collect();
            write(folder.path(), &format!("{session}/{class}.aedat"), &events);
        }
    }
    let text =
        "dataset = { dvs_recordings = { PATH, train = 'one', test = 'two', classes = ['a', 'b'], window_ms = 5 } }";
    let (dataset, said) = warnings_of(|| load(text, folder.path(), 1).unwrap());
    // Of 1,200,020,001 us; windows begin at 0, 5, 10, and at 1,200,010 and 1,200,015 ms. The third one holds the event
    // of 10 ms.
    assert_eq!(dataset.train.labels, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(dataset.test.labels, [0, 0, 0, 0, 1, 1, 1, 1]);
    for split in [&dataset.train, &dataset.test] {
        assert!((0..split.len()).all(|item| !seen(split, item).is_empty()));
    }
    let events: Vec<u8> = (0..5).map(|item| seen(&dataset.train, item)[0].1).collect();
    assert_eq!(events, [10, 10, 1, 10, 10]);
    let left_out = ["one/a.aedat", "one/b.aedat"]
        .map(|name| format!("dvs_recordings: {name}: 239999 of 240004 windows hold no event and are left out"));
    assert_eq!(said[..2], left_out);
    let again = warnings_of(|| load(text, folder.path(), 1).unwrap());
    assert_eq!((again.0.train, again.1), (dataset.train, said), "out of the cache");
}

#[test]
fn a_clock_of_n_mnist_may_wrap_round_but_not_start_anew() {
    let folder = nmnist();
    let text = "dataset = { nmnist = { PATH } }";
    let events = [8_388_000, 8_388_300, 92, 392].map(|time| bin([0, 0], true, time));
    write(folder.path(), "Train/3/00012.bin", &events);
    // 2^23 = 8,388,608: 0, 300, 700 and 1,000 of 1,001 us.
    assert_eq!(seen(&load(text, folder.path(), 2).unwrap().train, 2), [([0, 1, 0, 0], 2), ([1, 1, 0, 0], 2)]);
    let events = [200_000, 300_000, 0, 100_000].map(|time| bin([0, 0], true, time));
    write(folder.path(), "Train/3/00012.bin", &events);
    let error = load(text, folder.path(), 2).unwrap_err().to_string();
    let expected = "Train/3/00012.bin: the event at byte 10 is 300000 us older than one before it; up to 16384 us are put in order, more is a \
                    clock that was set back; cut the recording there.";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_limit_leaves_every_class_of_sessions_that_lie_class_by_class() {
    let folder = tempfile::tempdir().unwrap();
    for session in ["one", "two"] {
        for (class, column) in [("a", 1), ("b", 2), ("c", 3)] {
            let events: Vec<_> = (0..=8).map(|ms| aedat([column, ms], true, ms * 1_000)).collect();
            write(folder.path(), &format!("{session}/{class}.aedat"), &events);
        }
    }
    let text = "limit = { train = 4, test = 2 }\n\
                dataset = { dvs_recordings = { PATH, train = 'one', test = 'two', classes = ['a', 'b', 'c'], window_ms = 1 } }";
    let dataset = load(text, folder.path(), 1).unwrap();
    assert_eq!((dataset.train.labels.as_slice(), dataset.test.labels.as_slice()), (&[0, 0, 1, 2][..], &[0, 1][..]));
    // The first windows of each class, and the second of the first: (row, column).
    let places: Vec<[usize; 2]> =
        (0..4).map(|item| seen(&dataset.train, item)[0].0).map(|[.., row, column]| [row, column]).collect();
    assert_eq!(places, [[0, 1], [1, 1], [0, 2], [0, 3]]);
    assert_eq!(dataset.shape.train, 24);
}

#[test]
fn a_limit_leaves_the_first_of_n_mnist_or_turns_where_a_subset_is_numbered_class_by_class() {
    let folder = nmnist();
    let text = "limit = { train = 2 }\ndataset = { nmnist = { PATH } }";
    assert_eq!(load(text, folder.path(), 1).unwrap().train.labels, [3, 5]);
    for number in 13..20 {
        let label = if number < 17 { 7 } else { 9 };
        write(folder.path(), &format!("Train/{label}/000{number}.bin"), &[bin([0, 0], true, 5)]);
    }
    // 3 5 3 7 7 7 7 9 9 9: five rows of ten recordings are mixed.
    assert_eq!(load(text, folder.path(), 1).unwrap().train.labels, [3, 5]);
    for number in 20..32 {
        write(folder.path(), &format!("Train/9/000{number}.bin"), &[bin([0, 0], true, 5)]);
    }
    let limited = load("limit = { train = 6 }\ndataset = { nmnist = { PATH } }", folder.path(), 1).unwrap();
    assert_eq!(limited.train.labels, [3, 5, 3, 7, 7, 9]);
}

#[test]
fn recordings_in_capitals_are_read_and_packed_or_misplaced_ones_named() {
    let folder = nmnist();
    let text = "dataset = { nmnist = { PATH } }";
    let file = |name: &str| folder.path().join(name);
    fs::rename(file("Train/3/00012.bin"), file("Train/3/00012.BIN")).unwrap();
    fs::write(file("Train/3/._00007.bin"), "not a recording").unwrap();
    assert_eq!(load(text, folder.path(), 1).unwrap().train.labels, [3, 5, 3]);

    let name = folder.path().display().to_string();
    let refused = |text: &str| load(text, folder.path(), 1).unwrap_err().to_string().replace(&name, "FOLDER");
    fs::rename(file("Train/3/00012.BIN"), file("Train/3/00012.bin.gz")).unwrap();
    let expected =
        "FOLDER: 1 recording is packed (.bin.gz), such as Train/3/00012.bin.gz; `gunzip -r FOLDER` unpacks them.";
    assert_eq!(refused(text), expected);
    fs::remove_file(file("Train/3/00012.bin.gz")).unwrap();

    fs::rename(file("Test"), file("test")).unwrap();
    assert!(refused(text).ends_with("; there is FOLDER/test: rename it to Test."), "{}", refused(text));
    fs::create_dir(file("N-MNIST")).unwrap();
    fs::rename(file("test"), file("N-MNIST/Test")).unwrap();
    fs::rename(file("Train"), file("N-MNIST/Train")).unwrap();
    let expected = "; what you need lies in N-MNIST/: set data.dataset.nmnist.path to FOLDER/N-MNIST.";
    assert!(refused(text).ends_with(expected), "{}", refused(text));

    for session in ["one", "two"] {
        write(folder.path(), &format!("{session}/a.aedat"), &[aedat([0, 0], true, 0), aedat([0, 0], true, 1_000)]);
    }
    fs::rename(file("two/a.aedat"), file("two/A.AEDAT")).unwrap();
    let text = "dataset = { dvs_recordings = { PATH, train = 'one', test = 'two', classes = ['a'], window_ms = 1 } }";
    assert!(refused(text).ends_with("; there is FOLDER/two/A.AEDAT: rename it to a.aedat."), "{}", refused(text));
}

#[test]
fn mistakes_of_event_data_sets_are_found_without_the_files() {
    let nowhere = Path::new("nowhere");
    let mistakes = |text: &str| -> Vec<String> {
        config(text, nowhere).mistakes(None).into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
    };
    assert_eq!(
        mistakes("dataset = { nmnist = { PATH, frames = { size = 40 } } }"),
        ["data.dataset.nmnist.frames.size: frames of 40x40 are larger than the sensor; expected at most 34"]
    );
    let text = "dataset = { dvs_recordings = { PATH, train = 'one', test = 'one', classes = ['a', 'x/y', 'a'], window_ms = 2 } }";
    assert_eq!(
        mistakes(text),
        [
            "data.dataset.dvs_recordings.classes: expected every class once, found \"a\" twice",
            "data.dataset.dvs_recordings.classes: expected the names of files without `.aedat`, found \"x/y\"",
            "data.dataset.dvs_recordings.test: expected another session than the training one, found \"one\" for both",
        ]
    );
    let sessions = |train: &str, test: &str| {
        let sessions = format!("train = '{train}', test = '{test}'");
        mistakes(&format!(
            "dataset = {{ dvs_recordings = {{ PATH, {sessions}, classes = ['a', 'b'], window_ms = 2 }} }}"
        ))
    };
    assert_eq!(
        sessions("one", "./one/"),
        ["data.dataset.dvs_recordings.test: expected another session than the training one, found \"./one/\" for both"]
    );
    assert_eq!(
        sessions("/data/one", "../two"),
        [
            "data.dataset.dvs_recordings.train: expected a folder within data.dataset.dvs_recordings.path, found \"/data/one\"",
            "data.dataset.dvs_recordings.test: expected a folder within data.dataset.dvs_recordings.path, found \"../two\"",
        ]
    );
    assert_eq!(sessions("a/one", "a/two"), [""; 0]);
    let shape = config("dataset = { dvs_cifar10 = { PATH, frames = { size = 48 } } }", nowhere)
        .dataset
        .spec()
        .shape(20)
        .unwrap();
    assert_eq!([shape.height, shape.classes, shape.train, shape.test], [48, 10, 9_000, 1_000]);
    assert_eq!(shape.time_steps, Some(20));
}

/// A folder of real recordings within the one that BNTT_DATA names.
fn real(name: &str) -> Option<PathBuf> {
    let path =
        std::env::var_os("BNTT_DATA").map(|folder| PathBuf::from(folder).join(name)).filter(|path| path.is_dir());
    if path.is_none() {
        println!("not run: BNTT_DATA names no folder that holds {name}");
    }
    path
}

fn sha256(split: &Split) -> String {
    Sha256::digest(counts(split)).iter().map(|byte| format!("{byte:02x}")).collect()
}

// The checksums are those of frames made in Python: numpy's `add.at` at (floor((s - start) 10 / length) or floor(i 10 /
// N), p, row size // side, column size // side), counts of at most 255, as bytes, recording after recording in the
// order of their numbers.

#[test]
fn frames_of_real_n_mnist_are_those_made_in_python() {
    let Some(folder) = real("nmnist_small") else { return };
    let folder = Some(folder.join("nmnist-small")).filter(|path| path.is_dir()).unwrap_or(folder);
    let dataset = load("dataset = { nmnist = { PATH } }", &folder, 10).unwrap();
    // The published labels of MNIST, whose order is kept.
    assert_eq!(dataset.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(dataset.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_eq!(sha256(&dataset.train), "c5b1fd33c34f70a0f048a63db7e16eeb63a9c3b588e96953dbf0a8d65a235b74");
    assert_eq!(sha256(&dataset.test), "9665b967e9cf0061649e8b9815e8c60c52dc456c6169e4638cfacc1d139dce55");
    let text = "dataset = { nmnist = { PATH, frames = { equal = 'count', size = 17 } } }";
    let dataset = load(text, &folder, 10).unwrap();
    assert_eq!(sha256(&dataset.train), "c753af184899111542f5c5f7d1ae38c1d9cf2ffc056a7f15a5e2d7bc5d834fd1");
    assert_eq!(sha256(&dataset.test), "bf745e5635d56e7677811e4aed84d0a9a14e29ef4e75855c9155373aecdd4739");
}

#[test]
fn frames_of_real_sessions_are_those_made_in_python() {
    let Some(folder) = real("dvs128_objects") else { return };
    let text = "dataset = { dvs_recordings = { PATH, train = 'DataSet2', test = 'NeuromorphicObjectDataSet_100', window_ms = 500, \
                stride_ms = 125, frames = { size = 32 }, classes = ['Caixa', 'Caneca', 'Estilete', 'Lapiseira', 'Tesoura'] } }";
    let dataset = load(text, &folder, 10).unwrap();
    let windows =
        |split: &Split| [0, 1, 2, 3, 4].map(|class| split.labels.iter().filter(|&&label| label == class).count());
    assert_eq!(windows(&dataset.train), [144, 161, 144, 145, 147]);
    assert_eq!(windows(&dataset.test), [65, 67, 67, 72, 66]);
    assert_eq!(sha256(&dataset.train), "078221bb0fcc289dd53d44207552244f77f26d690da07aca0a11e6fd2b285507");
    assert_eq!(sha256(&dataset.test), "1a1caa8e2463d5ac5e87c7d0b94b9c4421db1b76098cedcc9145b3257426a630");
}
