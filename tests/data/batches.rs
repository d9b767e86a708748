//! What is in a batch, and in which order.

use bntt::data::{
    AffineConfig, AugmentConfig, AutoAugmentPolicy, Batch, Batches, DataConfig, DatasetConfig, DeviceDataset,
    DigitsConfig, NormalizeConfig, Split, SplitValues,
};
use candle_core::{Device, Tensor};

fn config(batch_size: usize) -> DataConfig {
    let dataset = DatasetConfig::Digits(DigitsConfig {});
    DataConfig { dataset, batch_size, augment: None, normalize: None, limit: None, validation: None }
}

/// Seven images of two channels and 2x3 pixels, bytes 1 to 84 in order.
fn images() -> Split {
    Split { items: SplitValues::Bytes((1..=84).collect()), labels: (10..17).collect(), shape: vec![2, 2, 3] }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn all(batches: &Batches) -> Vec<(Vec<u32>, Vec<f32>)> {
    batches.iter_from(0).map(|batch| batch.unwrap()).map(|batch| (batch.indices, values(&batch.inputs))).collect()
}

#[test]
fn evaluation_goes_through_the_file_and_keeps_the_partial_batch() {
    let (split, config) = (images(), config(3));
    let batches = Batches::evaluate(&split, &config, &Device::Cpu).unwrap();
    assert_eq!(batches.steps(), 3);
    let last = batches.batch(2).unwrap();
    assert_eq!(last.indices, [6]);
    assert_eq!(last.inputs.dims(), [1, 2, 2, 3]);
    assert_eq!(last.labels.to_vec1::<u32>().unwrap(), [16]);
    let pixels: Vec<f32> = all(&batches).into_iter().flat_map(|(_, values)| values).collect();
    assert_eq!(pixels, (1..=84).map(|byte| byte as f32 / 255.0).collect::<Vec<_>>());
}

#[test]
fn a_training_epoch_takes_the_shuffled_images_and_drops_the_partial_batch() {
    let (split, config) = (images(), config(3));
    let batches = Batches::train(&split, &config, 5, 2, &Device::Cpu).unwrap();
    assert_eq!(batches.steps(), 2);
    let found: Vec<Batch> = batches.iter_from(0).map(|batch| batch.unwrap()).collect();
    // From a second implementation of the generator and the shuffle, in Python: 6 4 0 1 5 3, and 2 is left over.
    assert_eq!(found[0].indices, [6, 4, 0]);
    assert_eq!(found[1].indices, [1, 5, 3]);
    assert_eq!(found[1].labels.to_vec1::<u32>().unwrap(), [11, 15, 13]);
    assert_eq!(values(&found[0].inputs)[0], 73.0 / 255.0);
}

#[test]
fn an_epoch_taken_up_in_the_middle_goes_on_as_it_would_have() {
    let split = images();
    let config = DataConfig {
        augment: Some(AugmentConfig { crop_padding: 1, flip: true, ..AugmentConfig::default() }),
        ..config(2)
    };
    let whole = Batches::train(&split, &config, 5, 0, &Device::Cpu).unwrap();
    let again = Batches::train(&split, &config, 5, 0, &Device::Cpu).unwrap();
    let rest: Vec<_> = again.iter_from(1).map(|batch| values(&batch.unwrap().inputs)).collect();
    assert_eq!(rest.len(), 2);
    assert!(all(&whole).into_iter().skip(1).map(|(_, values)| values).eq(rest));
}

#[test]
fn pixels_are_normalised_by_channel_in_the_order_of_the_formula() {
    let split = images();
    let normalize = NormalizeConfig { mean: vec![0.5, 0.25], std: vec![0.125, 2.0] };
    let config = DataConfig { normalize: Some(normalize), ..config(7) };
    let batch = Batches::evaluate(&split, &config, &Device::Cpu).unwrap().batch(0).unwrap();
    let values = values(&batch.inputs);
    // Image 4, channel 0, first pixel: byte 49; channel 1, last pixel: byte 60. (49/255 - 0.5) * 8, (60/255 - 0.25) /
    // 2.
    assert!((values[48] - -2.462_745).abs() < 1e-6, "{}", values[48]);
    assert!((values[59] - -0.007_352_941).abs() < 1e-8, "{}", values[59]);
}

#[test]
fn augmented_images_move_as_their_numbers_say_and_borders_are_black_before_normalisation() {
    let split = images();
    let normalize = NormalizeConfig { mean: vec![0.5, 0.25], std: vec![0.125, 2.0] };
    let augment = AugmentConfig { crop_padding: 1, flip: true, ..AugmentConfig::default() };
    let config = DataConfig { normalize: Some(normalize), augment: Some(augment), ..config(7) };
    let batch = Batches::train(&split, &config, 5, 2, &Device::Cpu).unwrap().batch(0).unwrap();
    let values = values(&batch.inputs);
    // The Python implementation's numbers for seed 5, epoch 2: image 0 moves by (1, 1) and is flipped, image 1 by
    // (0, -1) and is flipped, image 2 by (-1, 0). Bytes of channel 0 and 1 by hand; 0 is the border.
    for (image, bytes) in [
        (0, [[0, 6, 5, 0, 0, 0], [0, 12, 11, 0, 0, 0]]),
        (1, [[14, 13, 0, 17, 16, 0], [20, 19, 0, 23, 22, 0]]),
        (2, [[0, 0, 0, 25, 26, 27], [0, 0, 0, 31, 32, 33]]),
    ] {
        let row = batch.indices.iter().position(|&index| index == image).unwrap();
        let expected: Vec<f32> = [(bytes[0], 0.5, 0.125), (bytes[1], 0.25, 2.0)]
            .iter()
            .flat_map(|(bytes, mean, std)| bytes.map(|byte| (byte as f32 / 255.0 - mean) / std))
            .collect();
        assert_eq!(values[row * 12..][..12], expected, "image {image}");
    }
}

#[test]
fn sequences_are_turned_to_time_first_and_change_alike_at_all_steps() {
    // Three sequences of two steps of one channel and 1x2 pixels: value = 100 sequence + 10 step + column.
    let value = |i: usize| (100 * (i / 4) + 10 * (i / 2 % 2) + i % 2) as f32;
    let split = Split {
        items: SplitValues::Floats((0..12).map(value).collect()),
        labels: vec![0, 1, 2],
        shape: vec![2, 1, 1, 2],
    };
    let evaluated = Batches::evaluate(&split, &config(3), &Device::Cpu).unwrap().batch(0).unwrap();
    assert_eq!(evaluated.inputs.dims(), [2, 3, 1, 1, 2]);
    let expected = [0., 1., 100., 101., 200., 201., 10., 11., 110., 111., 210., 211.];
    assert_eq!(values(&evaluated.inputs), expected);

    let config = DataConfig {
        augment: Some(AugmentConfig { crop_padding: 0, flip: true, ..AugmentConfig::default() }),
        ..config(3)
    };
    let mut flips = 0;
    for epoch in 0..20 {
        let batch = Batches::train(&split, &config, 1, epoch, &Device::Cpu).unwrap().batch(0).unwrap();
        let values = values(&batch.inputs);
        for (b, &index) in batch.indices.iter().enumerate() {
            let base = 100.0 * index as f32;
            let [first, second] = [&values[2 * b..][..2], &values[6 + 2 * b..][..2]];
            let flipped = first == [base + 1.0, base];
            assert!(flipped || first == [base, base + 1.0]);
            assert_eq!(second, [first[0] + 10.0, first[1] + 10.0]);
            flips += usize::from(flipped);
        }
    }
    assert!((10..50).contains(&flips), "{flips} of 60");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let split = images();
    let augment = AugmentConfig { crop_padding: 1, flip: true, ..AugmentConfig::default() };
    let normalize = NormalizeConfig { mean: vec![0.4, 0.3], std: vec![0.2, 0.3] };
    let config = DataConfig { augment: Some(augment), normalize: Some(normalize), ..config(3) };
    let made = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all(&Batches::train(&split, &config, 9, 4, &Device::Cpu).unwrap()))
    };
    let one = made(1);
    assert_eq!(one, made(2));
    assert_eq!(one, made(5));
    // Nor does making them ahead, on a thread of their own.
    let batches = Batches::train(&split, &config, 9, 4, &Device::Cpu).unwrap();
    let ahead: Vec<_> = std::thread::scope(|scope| {
        let batches = batches.prefetch(scope, 1).map(|batch| batch.unwrap());
        batches.map(|batch| (batch.indices, values(&batch.inputs))).collect()
    });
    assert_eq!(one[1..], ahead);
}

#[test]
fn an_epoch_that_is_left_early_ends_the_thread_that_makes_its_batches() {
    let (split, config) = (images(), config(1));
    let batches = Batches::train(&split, &config, 9, 4, &Device::Cpu).unwrap();
    // Would not return if the thread waited for somebody to take the other batches.
    let first = std::thread::scope(|scope| batches.clone().prefetch(scope, 0).next().unwrap().unwrap().indices);
    assert_eq!(first, batches.batch(0).unwrap().indices);
}

#[test]
fn batches_of_pixels_on_the_device_are_those_of_the_host() {
    let split = images();
    let augment = AugmentConfig { crop_padding: 1, flip: true, ..AugmentConfig::default() };
    let normalize = NormalizeConfig { mean: vec![0.4, 0.3], std: vec![0.2, 0.3] };
    let config = DataConfig { augment: Some(augment), normalize: Some(normalize), ..config(3) };
    let resident = DeviceDataset::new(&split, &config, &Device::Cpu).unwrap();
    assert!(resident.is_some());
    for epoch in 0..4 {
        let host = Batches::train(&split, &config, 9, epoch, &Device::Cpu).unwrap();
        let device = host.clone().with_device_cache(resident.as_ref());
        assert_eq!(all(&host), all(&device));
        let labels = |batches: &Batches| batches.batch(1).unwrap().labels.to_vec1::<u32>().unwrap();
        assert_eq!(labels(&host), labels(&device));
    }
    // Floats, and images for the CPU, stay on the host.
    let floats = Split { items: SplitValues::Floats(vec![0.5; 84]), ..split.clone() };
    assert!(DeviceDataset::new(&floats, &config, &Device::Cpu).unwrap().is_none());
    assert!(DeviceDataset::upload(&split, &config, &Device::Cpu).unwrap().is_none());
}

#[test]
fn batches_of_turned_images_are_made_on_the_host_and_those_of_evaluation_are_as_they_were() {
    let split = images();
    let affine = AffineConfig { degrees: 180.0, shift: 0.5, scale: [0.5, 2.0] };
    let augment = AugmentConfig { affine: Some(affine), ..AugmentConfig::default() };
    let (turning, plain) = (DataConfig { augment: Some(augment), ..config(3) }, config(3));
    let resident = DeviceDataset::new(&split, &turning, &Device::Cpu).unwrap();
    let host = Batches::train(&split, &turning, 9, 4, &Device::Cpu).unwrap();
    assert_eq!(all(&host), all(&host.clone().with_device_cache(resident.as_ref())));
    assert_ne!(all(&host), all(&Batches::train(&split, &plain, 9, 4, &Device::Cpu).unwrap()));
    assert_ne!(all(&host), all(&Batches::train(&split, &turning, 9, 5, &Device::Cpu).unwrap()));
    let evaluated = |config| all(&Batches::evaluate(&split, config, &Device::Cpu).unwrap());
    assert_eq!(evaluated(&turning), evaluated(&plain));
}

/// Twelve images of three channels and 6x5 pixels.
fn colours() -> Split {
    let bytes = (0..12 * 90u32).map(|i| (i * 97 % 251) as u8).collect();
    Split { items: SplitValues::Bytes(bytes), labels: (0..12).collect(), shape: vec![3, 6, 5] }
}

fn augmented(augment: AugmentConfig, batch_size: usize) -> DataConfig {
    // No byte is 0 after this, so that holes alone are.
    let normalize = NormalizeConfig { mean: vec![0.401, 0.302, 0.503], std: vec![0.2, 0.3, 0.5] };
    DataConfig { augment: Some(augment), normalize: Some(normalize), ..config(batch_size) }
}

#[test]
fn a_policy_changes_an_image_alike_in_any_batch_on_the_host_and_holes_stay_empty() {
    let split = colours();
    let plain = AugmentConfig { crop_padding: 1, flip: true, cutout: 2, ..AugmentConfig::default() };
    let learned = AugmentConfig { auto_augment: Some(AutoAugmentPolicy::Cifar10), ..plain.clone() };
    let of = |augment: &AugmentConfig, batch_size| {
        let config = augmented(augment.clone(), batch_size);
        let mut images: Vec<(u32, Vec<f32>)> = Vec::new();
        let batches = Batches::train(&split, &config, 9, 4, &Device::Cpu).unwrap();
        let resident = DeviceDataset::new(&split, &config, &Device::Cpu).unwrap();
        assert_eq!(all(&batches), all(&batches.clone().with_device_cache(resident.as_ref())));
        for (indices, values) in all(&batches) {
            images.extend(indices.into_iter().zip(values.chunks(90).map(<[f32]>::to_vec)));
        }
        images.sort_by_key(|(index, _)| *index);
        images
    };
    let (changed, plain) = (of(&learned, 4), of(&plain, 4));
    assert_eq!(changed, of(&learned, 3));
    let others = changed.iter().zip(&plain).filter(|(changed, plain)| changed != plain).count();
    assert!((4..=12).contains(&others), "{others} of 12");
    // What the crop, the flip and the hole do stays as it was: holes are the zeros of both.
    for ((_, changed), (_, plain)) in changed.iter().zip(&plain) {
        assert!(changed.iter().zip(plain).all(|(changed, plain)| *plain != 0.0 || *changed == 0.0));
    }
}

#[test]
fn a_policy_is_refused_for_what_is_no_image_of_colours() {
    let augment = AugmentConfig { auto_augment: Some(AutoAugmentPolicy::Cifar10), ..AugmentConfig::default() };
    let config = DataConfig { augment: Some(augment), ..config(2) };
    let floats = Split { items: SplitValues::Floats(vec![0.5; 12 * 90]), ..colours() };
    for (split, found) in [(images(), "images of 2 channels"), (floats, "images of floats")] {
        let expected = format!(
            "data.augment.auto_augment: the policy changes the colours of images of bytes in 3 channels, and these are \
             {found}: remove it."
        );
        assert_eq!(error(&split, &config), expected);
    }
}

#[test]
fn mixed_images_are_sums_of_two_with_both_labels_on_the_host_and_on_the_device() {
    let split = colours();
    let augment = AugmentConfig { crop_padding: 1, flip: true, ..AugmentConfig::default() };
    let plain = augmented(augment.clone(), 4);
    let mixed = augmented(AugmentConfig { mixup: 0.8, ..augment }, 4);
    let resident = DeviceDataset::new(&split, &mixed, &Device::Cpu).unwrap();
    for epoch in 0..3 {
        let whole = Batches::train(&split, &plain, 9, epoch, &Device::Cpu).unwrap();
        let host = Batches::train(&split, &mixed, 9, epoch, &Device::Cpu).unwrap();
        let device = host.clone().with_device_cache(resident.as_ref());
        let mut shares = Vec::new();
        for step in (0..host.steps()).rev() {
            let [whole, host, device] = [&whole, &host, &device].map(|batches| batches.batch(step).unwrap());
            let labels = |tensor: &Tensor| tensor.to_vec1::<u32>().unwrap();
            let [own, others] = [host.labels, host.mixture.as_ref().unwrap().labels.clone()].map(|l| labels(&l));
            let share = host.mixture.as_ref().unwrap().share;
            assert_eq!((labels(&whole.labels), whole.mixture.is_none()), (own.clone(), true));
            assert!((0.0..=0.5).contains(&share));
            let (found, parts) = (values(&host.inputs), values(&whole.inputs));
            for (b, other) in others.iter().enumerate() {
                let partner = own.iter().position(|label| label == other).unwrap();
                for k in 0..90 {
                    let sum = (1.0 - share) * f64::from(parts[90 * b + k]) + share * f64::from(parts[90 * partner + k]);
                    assert!((f64::from(found[90 * b + k]) - sum).abs() < 1e-5);
                }
            }
            assert_eq!(found, values(&device.inputs));
            assert_eq!(device.mixture.as_ref().map(|m| (labels(&m.labels), m.share)), Some((others, share)));
            shares.push(share);
        }
        assert!(shares.windows(2).all(|pair| pair[0] != pair[1]), "{shares:?}");
    }
    // Nothing is mixed where nothing is trained.
    assert!(Batches::evaluate(&split, &mixed, &Device::Cpu).unwrap().batch(0).unwrap().mixture.is_none());
}

fn error(split: &Split, config: &DataConfig) -> String {
    Batches::train(split, config, 0, 0, &Device::Cpu).unwrap_err().to_string()
}

#[test]
fn a_batch_larger_than_the_training_images_is_refused() {
    let expected = "a batch of 8 is larger than the 7 training images, so that no batch would be full; set \
                    data.batch_size to at most 7.";
    assert_eq!(error(&images(), &config(8)), expected);
}

#[test]
fn settings_that_do_not_fit_the_images_are_refused() {
    let config_3 =
        DataConfig { normalize: Some(NormalizeConfig { mean: vec![0.5; 2], std: vec![1.0; 3] }), ..config(1) };
    let expected = "data.normalize.std: expected one value for each of the data set's 2 channels, found 3.";
    assert_eq!(error(&images(), &config_3), expected);
    let expected = "7 images make no batches of 0; expected 1 or more of both.";
    assert_eq!(error(&images(), &config(0)), expected);
    let short = Split { items: SplitValues::Bytes(vec![0; 83].into()), ..images() };
    assert_eq!(error(&short, &config(1)), "7 items of shape [2, 2, 3] cannot have 83 values.");
    let flat = Split { shape: vec![6, 2], ..images() };
    assert_eq!(error(&flat, &config(1)), "items of shape [6, 2] are no images; expected [C, H, W].");
}

#[test]
fn a_batch_after_the_last_is_an_error() {
    let (split, config) = (images(), config(3));
    let batches = Batches::evaluate(&split, &config, &Device::Cpu).unwrap();
    let error = batches.batch(3).unwrap_err().to_string();
    assert_eq!(error, "there is no batch 3; the epoch has 3 batches.");
}

#[test]
fn whoever_shows_how_far_it_is_hears_of_the_batches_that_are_done() {
    let (split, config, heard) = (images(), config(3), std::sync::Mutex::new(Vec::new()));
    let hear = |done| heard.lock().unwrap().push(done);
    let batches = Batches::evaluate(&split, &config, &Device::Cpu).unwrap().telling(&hear);
    for batch in batches.iter_from(0) {
        // Those before it, and never one that is still computed.
        assert_eq!(heard.lock().unwrap().last(), Some(&(batch.unwrap().indices[0] as usize / 3)));
    }
    assert_eq!(heard.lock().unwrap().split_off(0), [0, 1, 2, 3]);
    std::thread::scope(|scope| {
        for batch in batches.clone().prefetch(scope, 0) {
            assert_eq!(heard.lock().unwrap().last(), Some(&(batch.unwrap().indices[0] as usize / 3)));
        }
    });
    assert_eq!(heard.lock().unwrap().split_off(0), [0, 1, 2, 3]);
}
