//! Checkpoints and safetensors files: what was saved comes back, what is damaged is refused or replaced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bntt::run::checkpoint::{
    Checkpoint, CheckpointContents, Partial, TrainingProgress, candidates, load, load_tensors, matching, mend, save,
    save_tensors,
};
use bntt::run::records::Records;
use candle_core::{DType, Device, Tensor};

type Tensors = BTreeMap<String, Tensor>;

fn named<const N: usize>(tensors: [(&str, Tensor); N]) -> Tensors {
    tensors.into_iter().map(|(name, tensor)| (name.to_string(), tensor)).collect()
}

fn model(value: f32) -> Tensors {
    let weight = Tensor::from_vec(vec![value, -0.0, f32::MIN_POSITIVE, 4., 5., 6.], (2, 3), &Device::Cpu).unwrap();
    named([("conv1.weight", weight), ("bntt1.count", Tensor::new(7u32, &Device::Cpu).unwrap())])
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// As `last` is saved, from which a run is continued.
fn save_epoch(folder: &Path, epoch: usize) {
    let progress = TrainingProgress { epoch, ..TrainingProgress::new("vgg9", "cafe", "da7a") };
    let (model, records) = (model(epoch as f32), Records::nothing());
    let contents =
        CheckpointContents { model: &model, optimizer: &named([]), progress: &progress, records: Some(&records) };
    save(folder, contents).unwrap();
}

/// What a run is continued from.
fn newest(folder: &Path) -> Checkpoint {
    candidates(folder).iter().find_map(|place| load(place, &Device::Cpu).ok()).unwrap()
}

fn epoch_at(folder: &Path) -> usize {
    let checkpoint = newest(folder);
    assert_eq!(bits(&checkpoint.model["conv1.weight"]), bits(&model(checkpoint.progress.epoch as f32)["conv1.weight"]));
    checkpoint.progress.epoch
}

/// A safetensors file with this header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("last");
    let progress = TrainingProgress {
        epoch: 3,
        step: 17,
        global_step: 1187,
        best_top1: Some(0.1 + 0.2),
        best_epoch: Some(2),
        ..TrainingProgress::new("vgg9", "cafe", "da7a")
    };
    let optimizer = named([("momentum.conv1.weight", Tensor::new(&[1f64, 2.], &Device::Cpu).unwrap())]);
    let contents = CheckpointContents { model: &model(1.5), optimizer: &optimizer, progress: &progress, records: None };
    save(&folder, contents).unwrap();
    let loaded = load(&folder, &Device::Cpu).unwrap();
    assert_eq!(bits(&loaded.model["conv1.weight"]), bits(&model(1.5)["conv1.weight"]));
    assert_eq!(loaded.model["conv1.weight"].dims(), [2, 3]);
    assert_eq!(loaded.model["bntt1.count"].to_scalar::<u32>().unwrap(), 7);
    assert_eq!(loaded.optimizer["momentum.conv1.weight"].to_vec1::<f64>().unwrap(), [1., 2.]);
    let sums = [&loaded.progress.model_sha256, &loaded.progress.optimizer_sha256];
    assert!(sums.iter().all(|sum| sum.len() == 64), "{sums:?}");
    let unsummed = TrainingProgress { model_sha256: "".into(), optimizer_sha256: "".into(), ..loaded.progress.clone() };
    assert_eq!(unsummed, progress);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_checkpoint_survives_a_kill_at_every_point_of_saving_the_next() {
    let root = tempfile::tempdir().unwrap();
    let place = |case: &str, name: &str| -> PathBuf { root.path().join(case).join(name) };
    let whole = |case: &str, name: &str, epoch: usize| {
        // Saved elsewhere: saving in place would tidy up what the other lines have put there.
        save_epoch(&root.path().join("elsewhere"), epoch);
        fs::create_dir_all(root.path().join(case)).unwrap();
        fs::rename(root.path().join("elsewhere"), place(case, name)).unwrap();
    };
    let torn = |case: &str, name: &str| {
        fs::create_dir_all(place(case, name)).unwrap();
        fs::write(place(case, name).join("model.safetensors"), b"half").unwrap();
    };
    // While the new one is written; after it is whole; after the old one moved away; before the old one is removed.
    whole("writing", "last", 1);
    torn("writing", "last.new");
    whole("written", "last", 1);
    whole("written", "last.new", 2);
    whole("moved", "last.previous", 1);
    whole("moved", "last.new", 2);
    whole("swapped", "last", 2);
    whole("swapped", "last.previous", 1);
    whole("only previous", "last.previous", 1);
    torn("only previous", "last.new");
    let cases = [("writing", 1), ("written", 1), ("moved", 2), ("swapped", 2), ("only previous", 1)];
    for (case, epoch) in cases {
        assert_eq!(epoch_at(&place(case, "last")), epoch, "{case}");
        save_epoch(&place(case, "last"), 3);
        assert_eq!(epoch_at(&place(case, "last")), 3, "{case}");
        // And the one that it replaced.
        assert_eq!(epoch_at(&place(case, "last.previous")), epoch, "{case}");
        assert_eq!(fs::read_dir(root.path().join(case)).unwrap().count(), 2, "{case}");
    }
}

#[test]
fn a_save_that_fails_leaves_the_checkpoint_it_found_whole() {
    let root = tempfile::tempdir().unwrap();
    for left in ["last", "last.new", "last.previous"] {
        let folder = root.path().join(left).join("last");
        let elsewhere = root.path().join("elsewhere");
        save_epoch(&elsewhere, 1);
        fs::create_dir(root.path().join(left)).unwrap();
        fs::rename(elsewhere, folder.with_file_name(left)).unwrap();
        // A tensor of a type that no file can hold.
        let odd = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap().to_dtype(DType::F8E4M3).unwrap();
        let (progress, odd) = (TrainingProgress::new("a", "b", "c"), named([("odd", odd)]));
        let contents = CheckpointContents { model: &odd, optimizer: &named([]), progress: &progress, records: None };
        let failed = save(&folder, contents);
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("\"odd\" has the type F8E4M3"), "{message}");
        assert_eq!(epoch_at(&folder), 1);
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_with_its_name() {
    let root = tempfile::tempdir().unwrap();
    let refused = |folder: &Path| load(folder, &Device::Cpu).unwrap_err().to_string();
    let absent = refused(&root.path().join("none"));
    assert!(absent.contains("no checkpoint folder") && absent.contains("none"), "{absent}");
    let damage = |name: &str, file: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let folder = root.path().join(name);
        save_epoch(&folder, 1);
        let path = folder.join(file);
        fs::write(&path, change(fs::read(&path).unwrap())).unwrap();
        refused(&folder)
    };
    let flipped = damage("flipped", "model.safetensors", &|mut bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    });
    assert!(flipped.contains("model.safetensors has the SHA-256"), "{flipped}");
    let short = damage("short", "model.safetensors", &|bytes| bytes[..bytes.len() - 1].to_vec());
    assert!(short.contains("short/model.safetensors is not a whole safetensors file"), "{short}");
    let empty = damage("empty", "progress.toml", &|_| Vec::new());
    assert!(empty.contains("progress.toml is malformed: expected `sha256 = \"...\"` in the first line"), "{empty}");
    let edited = damage("edited", "progress.toml", &|bytes| {
        String::from_utf8(bytes).unwrap().replace("epoch = 1", "epoch = 0").into()
    });
    assert!(edited.contains("progress.toml is malformed: it is damaged: it has the SHA-256 "), "{edited}");
    let newer = damage("newer", "progress.toml", &|bytes| {
        let text = String::from_utf8(bytes).unwrap().replace("version = 2", "version = 9");
        bntt::files::sealed::seal(text.split_once('\n').unwrap().1).into()
    });
    assert!(newer.contains("it has format 9, and this program reads format 2"), "{newer}");
    let folder = root.path().join("halved");
    save_epoch(&folder, 1);
    fs::remove_file(folder.join("optimizer.safetensors")).unwrap();
    assert!(refused(&folder).contains("cannot open") && refused(&folder).contains("optimizer.safetensors"));
}

#[test]
fn tensors_of_every_supported_type_come_back_and_the_same_tensors_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let device = &Device::Cpu;
    let base = Tensor::arange(0f32, 6., device).unwrap().reshape((2, 3)).unwrap();
    let empty = Tensor::zeros((0, 4), DType::F32, device).unwrap();
    let mut tensors = named([("turned", base.t().unwrap()), ("empty", empty)]);
    let types = [DType::U8, DType::U32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];
    for dtype in types {
        tensors.insert(format!("{dtype:?}"), base.to_dtype(dtype).unwrap());
    }
    save_tensors(&path, &tensors).unwrap();
    let first = fs::read(&path).unwrap();
    let loaded = load_tensors(&path, device).unwrap();
    assert_eq!(loaded.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>());
    for dtype in types {
        let tensor = &loaded[&format!("{dtype:?}")];
        assert_eq!(tensor.dtype(), dtype);
        assert_eq!(tensor.to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap(), [[0., 1., 2.], [3., 4., 5.]]);
    }
    assert_eq!(loaded["turned"].to_vec2::<f32>().unwrap(), [[0., 3.], [1., 4.], [2., 5.]]);
    assert_eq!(loaded["empty"].dims(), [0, 4]);
    save_tensors(&path, &loaded).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
}

#[test]
fn a_malformed_safetensors_file_is_named_and_never_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let one = |dtype: &str, shape: &str, end: u64| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    let large = 1u64 << 60;
    let backwards = format!(
        "{{{}:{{\"dtype\":\"U8\",\"shape\":[{large}],\"data_offsets\":[0,{large}]}},\
         {}:{{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[{large},5]}}}}",
        "\"a\"", "\"b\""
    );
    let cases = [
        ("empty", vec![], "it has 0 bytes"),
        ("seven bytes", vec![0; 7], "it has 7 bytes"),
        ("header of 2^60 bytes", large.to_le_bytes().to_vec(), "claims 1152921504606846976 bytes"),
        ("header of 2^64-1 bytes", vec![0xff; 100], "claims 18446744073709551615 bytes"),
        ("header longer than the file", file("{}", b"")[..9].to_vec(), "claims 2 bytes, and the whole file has 9"),
        ("no JSON", file("{\"a\"", b""), "header: EOF"),
        ("no text", [&2u64.to_le_bytes()[..], &[0xff, 0xfe]].concat(), "header:"),
        ("too little data", file(&one("F32", "[2]", 8), &[0; 7]), "describes 8 bytes of data, and 7 follow"),
        ("too much data", file(&one("F32", "[2]", 8), &[0; 9]), "describes 8 bytes of data, and 9 follow"),
        ("shape of another size", file(&one("F32", "[3]", 8), &[0; 8]), "header: invalid shape"),
        ("huge shape", file(&one("F32", "[4294967296,4294967296,2]", 8), &[0; 8]), "overflow"),
        ("huge tensor", file(&one("U8", &format!("[{large}]"), large), &[]), "and 0 follow"),
        ("huge empty shape", file(&one("F32", "[0,4294967296,4294967296,2]", 0), &[]), "is too large"),
        ("offsets that run backwards", file(&backwards, &[0; 5]), "header: invalid offset"),
        ("unsupported type", file(&one("F8_E4M3", "[2]", 2), &[0; 2]), "the type F8_E4M3 is not supported"),
        ("negative shape", file(&one("F32", "[-1]", 4), &[0; 4]), "header:"),
    ];
    for (name, bytes, problem) in cases {
        let path = folder.path().join("bad.safetensors");
        fs::write(&path, bytes).unwrap();
        let message = load_tensors(&path, &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("bad.safetensors is not a whole safetensors file"), "{name}: {message}");
        assert!(message.contains(problem), "{name}: {message}");
    }
    assert!(load_tensors(folder.path(), &Device::Cpu).unwrap_err().to_string().contains("it is a folder"));
    let absent = load_tensors(&folder.path().join("absent"), &Device::Cpu).unwrap_err().to_string();
    assert!(absent.contains("cannot open") && absent.contains("absent"), "{absent}");
}

#[test]
fn no_damage_to_a_file_makes_reading_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    save_tensors(&path, &model(1.0)).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(load_tensors(&path, &Device::Cpu).is_err(), "the first {length} bytes");
    }
    for place in 0..whole.len() {
        for value in [0, b'0', b'9', b'"', 0xff] {
            let mut bytes = whole.clone();
            bytes[place] = value;
            fs::write(&path, bytes).unwrap();
            let _ = load_tensors(&path, &Device::Cpu);
        }
    }
}

#[test]
fn weights_for_another_network_are_refused_with_what_differs() {
    let file = Path::new("weights/a.safetensors");
    let zeros = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap();
    let found = model(1.0);
    let fitting: BTreeMap<String, Vec<usize>> =
        found.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
    matching(&fitting, &found, file).unwrap();

    let expected = BTreeMap::from([("conv1.weight".to_string(), vec![3, 2]), ("lost".to_string(), vec![1])]);
    let mut others = model(1.0);
    others.extend((1..=7).map(|i| (format!("extra{i}"), zeros(i))));
    others.remove("bntt1.count");
    let message = matching(&expected, &others, file).unwrap_err().to_string();
    let problems = "the tensors of weights/a.safetensors do not fit the network: missing: lost; \
                    unknown: extra1, extra2, extra3, extra4, extra5 and 2 more; \
                    of another shape: conv1.weight (expected [3, 2], found [2, 3]).";
    assert!(message.starts_with(problems), "{message}");
}

#[test]
fn what_lies_beside_a_checkpoint_is_never_read_in_its_place_and_the_best_keeps_no_other_epoch() {
    let root = tempfile::tempdir().unwrap();
    let [last, best] = ["last", "best"].map(|name| root.path().join(name));
    for epoch in 1..=3 {
        save_epoch(&last, epoch);
        let progress = TrainingProgress { epoch, ..TrainingProgress::new("vgg9", "cafe", "da7a") };
        let contents = CheckpointContents {
            model: &model(epoch as f32),
            optimizer: &named([]),
            progress: &progress,
            records: None,
        };
        save(&best, contents).unwrap();
    }
    let names = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, ["best", "last", "last.previous"]);
    fs::write(last.join("model.safetensors"), b"half").unwrap();
    assert!(load(&last, &Device::Cpu).is_err(), "the one before is another epoch's");
    assert_eq!(newest(&last).progress.epoch, 2);
    // A save that was cut short between its two renames is finished by whoever continues the run, not by one who looks.
    for (beside, epoch) in [("best.new", 3), ("best.previous", 3)] {
        fs::rename(&best, root.path().join(beside)).unwrap();
        assert!(load(&best, &Device::Cpu).unwrap_err().to_string().contains("there is no checkpoint folder"));
        mend(&best).unwrap();
        assert_eq!(load(&best, &Device::Cpu).unwrap().progress.epoch, epoch);
    }
}

#[test]
fn weights_or_moments_that_are_not_finite_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("last");
    let progress = TrainingProgress::new("a", "b", "c");
    let wrong = named([("momentum.conv1.weight", Tensor::new(&[0f32, f32::NAN], &Device::Cpu).unwrap())]);
    for (model, optimizer, expected) in [
        (&wrong, &named([]), "model.safetensors: momentum.conv1.weight[1] is NaN; expected finite numbers."),
        (&model(f32::INFINITY), &named([]), "model.safetensors: conv1.weight[0, 0] is inf; expected finite numbers."),
        (&model(1.0), &wrong, "optimizer.safetensors: momentum.conv1.weight[1] is NaN; expected finite numbers."),
    ] {
        save(&folder, CheckpointContents { model, optimizer, progress: &progress, records: None }).unwrap();
        let text = load(&folder, &Device::Cpu).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}

/// A run of 5 epochs of 10 steps of 16 images each.
#[test]
fn progress_that_leaves_out_a_step_or_does_one_twice_is_refused() {
    let neurons = Vec::new();
    let partial = |images| {
        Some(Partial { loss_sum: 1.0, top1: 1, top5: 1, images, lr: 0.1, seconds: 1.0, neurons: neurons.clone() })
    };
    let at = |epoch, step, global_step| {
        let partial = if step > 0 { partial(step * 16) } else { None };
        TrainingProgress { epoch, step, global_step, partial, ..TrainingProgress::new("a", "b", "c") }
    };
    for fine in [
        at(0, 0, 0),
        at(2, 3, 23),
        at(2, 10, 30),
        at(5, 0, 50),
        TrainingProgress { best_epoch: Some(2), ..at(2, 0, 20) },
    ] {
        assert_eq!(fine.check(5, 10, 16), Ok(()), "{fine:?}");
    }
    for (wrong, expected) in [
        (at(6, 0, 60), "it has done 6 of 5 epochs"),
        (at(5, 1, 51), "it has done 1 of 10 steps of epoch 6"),
        (at(2, 11, 31), "it has done 11 of 10 steps of epoch 3"),
        (at(2, i64::MAX as usize, 20), "it has done 9223372036854775807 of 10 steps of epoch 3"),
        (at(2, 3, 22), "it counts 22 steps, and 2 epochs of 10 and 3 more are others"),
        (at(usize::MAX, 0, 20), "epochs"),
        (
            TrainingProgress { partial: partial(47), ..at(2, 3, 23) },
            "the sums of its epoch are of 47 images, and 3 batches of 16",
        ),
        (TrainingProgress { partial: None, ..at(2, 3, 23) }, "of 0 images, and 3 batches"),
        (TrainingProgress { partial: partial(16), ..at(2, 0, 20) }, "of 16 images, and 0 batches"),
        (TrainingProgress { best_epoch: Some(3), ..at(2, 0, 20) }, "its best epoch is still to come"),
    ] {
        let problem = wrong.check(5, 10, 16).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_checkpoint_of_an_older_version_is_read_for_its_weights() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("last");
    save_epoch(&folder, 3);
    let text = fs::read_to_string(folder.join("progress.toml")).unwrap();
    let body: String =
        text.lines().skip(1).filter(|line| !line.starts_with("data_sha256")).map(|l| format!("{l}\n")).collect();
    fs::write(folder.join("progress.toml"), body.replace("version = 2", "version = 1")).unwrap();
    let old = load(&folder, &Device::Cpu).unwrap().progress;
    assert_eq!((old.version, old.epoch, old.data_sha256), (1, 3, None));
}
