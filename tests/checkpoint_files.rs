//! Checkpoints and safetensors files: what was saved comes back, what is damaged is refused or replaced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bntt::checkpoint::{Progress, find, load, load_tensors, matching, save, save_tensors};
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

fn save_epoch(folder: &Path, epoch: usize) {
    let progress = Progress { epoch, ..Progress::new("vgg9", "cafe") };
    save(folder, &model(epoch as f32), &named([]), &progress).unwrap();
}

fn epoch_at(folder: &Path) -> usize {
    let checkpoint = load(folder, &Device::Cpu).unwrap();
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
    let progress = Progress {
        epoch: 3,
        step: 17,
        global_step: 1187,
        best_top1: Some(0.1 + 0.2),
        best_epoch: Some(2),
        ..Progress::new("vgg9", "cafe")
    };
    let optimizer = named([("momentum.conv1.weight", Tensor::new(&[1f64, 2.], &Device::Cpu).unwrap())]);
    save(&folder, &model(1.5), &optimizer, &progress).unwrap();
    let loaded = load(&folder, &Device::Cpu).unwrap();
    assert_eq!(bits(&loaded.model["conv1.weight"]), bits(&model(1.5)["conv1.weight"]));
    assert_eq!(loaded.model["conv1.weight"].dims(), [2, 3]);
    assert_eq!(loaded.model["bntt1.count"].to_scalar::<u32>().unwrap(), 7);
    assert_eq!(loaded.optimizer["momentum.conv1.weight"].to_vec1::<f64>().unwrap(), [1., 2.]);
    let sums = [&loaded.progress.model_sha256, &loaded.progress.optimizer_sha256];
    assert!(sums.iter().all(|sum| sum.len() == 64), "{sums:?}");
    let unsummed = Progress { model_sha256: "".into(), optimizer_sha256: "".into(), ..loaded.progress.clone() };
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
        let failed = save(&folder, &named([("odd", odd)]), &named([]), &Progress::new("a", "b"));
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
    assert!(empty.contains("progress.toml is malformed") && empty.contains("missing field"), "{empty}");
    let newer = damage("newer", "progress.toml", &|bytes| {
        String::from_utf8(bytes).unwrap().replace("version = 1", "version = 9").into()
    });
    assert!(newer.contains("format 9"), "{newer}");
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
fn a_first_checkpoint_that_was_cut_short_is_none_and_a_damaged_one_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let last = root.path().join("last");
    assert!(find(&last, &Device::Cpu).unwrap().is_none(), "nothing is there");
    let new = root.path().join("last.new");
    fs::create_dir(&new).unwrap();
    fs::write(new.join("model.safetensors"), b"half").unwrap();
    assert!(find(&last, &Device::Cpu).unwrap().is_none(), "the first was cut short");
    save_epoch(&last, 1);
    assert_eq!(find(&last, &Device::Cpu).unwrap().unwrap().progress.epoch, 1);
    fs::rename(&last, &new).unwrap();
    assert_eq!(find(&last, &Device::Cpu).unwrap().unwrap().progress.epoch, 1, "whole, but not renamed yet");
    fs::rename(&new, &last).unwrap();
    fs::write(last.join("model.safetensors"), b"half").unwrap();
    assert!(
        find(&last, &Device::Cpu).unwrap_err().to_string().contains("model.safetensors"),
        "what was whole is damaged"
    );
}
