//! The real data sets, where the environment variable BNTT_DATA names a folder that holds them as `mnist`,
//! `fashion_mnist`, `cifar10` and `cifar100`; otherwise these tests say that they did not run, and pass.

use std::path::PathBuf;

use bntt::data::{DataConfig, Dataset, Split, SplitValues};

/// The data set `name`, and its folder.
fn load(name: &str) -> Option<(Dataset, PathBuf)> {
    let path =
        std::env::var_os("BNTT_DATA").map(|folder| PathBuf::from(folder).join(name)).filter(|path| path.is_dir());
    let Some(path) = path else {
        println!("not run: BNTT_DATA names no folder that holds {name}");
        return None;
    };
    let text = format!("dataset = {{ {name} = {{ path = '{}' }} }}\nbatch_size = 100", path.display());
    let config: DataConfig = toml::from_str(&text).unwrap();
    Some((config.load(1).unwrap(), path))
}

fn bytes(split: &Split) -> &[u8] {
    match &split.items {
        SplitValues::Bytes(bytes) => bytes,
        _ => panic!("pixels are bytes"),
    }
}

/// Mean and standard deviation of every channel, pixels in 0..1.
fn moments(split: &Split) -> Vec<[f64; 2]> {
    let [channels, height, width] = split.shape[..] else { panic!("images") };
    let plane = height * width;
    let mut sums = vec![[0u64; 2]; channels];
    for (k, pixels) in bytes(split).chunks_exact(plane).enumerate() {
        for &pixel in pixels {
            sums[k % channels][0] += u64::from(pixel);
            sums[k % channels][1] += u64::from(pixel).pow(2);
        }
    }
    let n = (split.len() * plane) as f64;
    sums.iter()
        .map(|[sum, squares]| {
            let mean = *sum as f64 / n;
            [mean / 255.0, (*squares as f64 / n - mean * mean).sqrt() / 255.0]
        })
        .collect()
}

/// Against published means and deviations, which are rounded to four places.
fn assert_moments(split: &Split, published: &[[f64; 2]]) {
    let found = moments(split);
    let close = |(found, published): (&[f64; 2], &[f64; 2])| {
        found.iter().zip(published).all(|(found, published)| (found - published).abs() < 1e-4)
    };
    assert_eq!(found.len(), published.len());
    assert!(found.iter().zip(published).all(close), "{found:?}, published {published:?}");
}

fn assert_equally_many(split: &Split, classes: u32) {
    let each = split.len() / classes as usize;
    for class in 0..classes {
        assert_eq!(split.labels.iter().filter(|&&label| label == class).count(), each, "class {class}");
    }
}

#[test]
fn mnist_has_its_published_mean_and_deviation() {
    let Some((dataset, _)) = load("mnist") else { return };
    assert_eq!([dataset.train.len(), dataset.test.len()], [60_000, 10_000]);
    assert_moments(&dataset.train, &[[0.1307, 0.3081]]);
    assert_eq!(dataset.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(dataset.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
}

#[test]
fn mnist_comes_through_its_reader_to_the_byte() {
    let Some((dataset, path)) = load("mnist") else { return };
    assert_eq!(bytes(&dataset.train), &std::fs::read(path.join("train-images-idx3-ubyte")).unwrap()[16..]);
    assert_eq!(bytes(&dataset.test), &std::fs::read(path.join("t10k-images-idx3-ubyte")).unwrap()[16..]);
}

#[test]
fn fashion_mnist_has_its_published_mean_and_deviation() {
    let Some((dataset, _)) = load("fashion_mnist") else { return };
    assert_moments(&dataset.train, &[[0.2860, 0.3530]]);
    assert_equally_many(&dataset.train, 10);
    assert_equally_many(&dataset.test, 10);
    assert_eq!(dataset.train.labels[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
}

#[test]
fn cifar_10_equals_what_the_reader_of_candle_gives() {
    let Some((dataset, path)) = load("cifar10") else { return };
    assert_moments(&dataset.train, &[[0.4914, 0.2470], [0.4822, 0.2435], [0.4465, 0.2616]]);
    assert_equally_many(&dataset.train, 10);
    let candle = candle_datasets::vision::cifar::load_dir(&path).unwrap();
    for (split, images, labels) in [
        (&dataset.test, candle.test_images, candle.test_labels),
        (&dataset.train, candle.train_images, candle.train_labels),
    ] {
        assert_eq!(labels.to_vec1::<u8>().unwrap().into_iter().map(u32::from).collect::<Vec<_>>(), split.labels);
        let images = images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(images.len(), bytes(split).len());
        assert!(images.iter().zip(bytes(split)).all(|(value, &byte)| (value * 255.0).round() as u8 == byte));
    }
    // sha256sum on the file whose MD5 is 803d5f7f4d78ea53de84dbe85f74fb6d.
    let expected = "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b";
    assert_eq!(dataset.checksums["test_batch.bin"], expected);
}

#[test]
fn cifar_100_has_its_published_means_and_deviations() {
    let Some((dataset, _)) = load("cifar100") else { return };
    assert_moments(&dataset.train, &[[0.5071, 0.2673], [0.4866, 0.2564], [0.4409, 0.2762]]);
    assert_equally_many(&dataset.train, 100);
    assert_equally_many(&dataset.test, 100);
}
