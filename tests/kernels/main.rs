//! The GPU kernels and their launches against the CPU ops, on a machine without a GPU: see `emulated.rs`.

mod emulated;

use bntt::layers::LifConfig;
use bntt::ops::batch_norm::{self, Groups, Normalization};
use bntt::ops::conv::{self, Geometry};
use bntt::ops::pool::{self, Planes};
use bntt::ops::update::{self, Adam, Item, Permission, Sgd};
use bntt::ops::{Precision, bias, cross_entropy, dropout, flatten, lif, linear, norm_lif, poisson};
use bntt::rng::{Purpose, Stream};
use candle_core::{DType, Device, Tensor};
use emulated::Emulated;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn random(shape: &[usize], number: usize) -> Result<Tensor> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, number, 0);
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Rounded to what a type holds, as `f32`.
fn rounded(x: &Tensor, dtype: DType) -> Result<Tensor> {
    Ok(x.to_dtype(dtype)?.to_dtype(DType::F32)?)
}

fn flat(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.contiguous()?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Largest difference, relative to the largest expected magnitude.
fn assert_close(expected: &Tensor, found: &Tensor, within: f32, what: &str) -> Result {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    let (expected, found) = (flat(expected)?, flat(found)?);
    let largest = expected.iter().fold(1e-6f32, |largest, v| largest.max(v.abs()));
    for (i, (e, f)) in expected.iter().zip(&found).enumerate() {
        assert!((e - f).abs() <= within * largest, "{what}[{i}]: expected {e}, found {f} (largest {largest})");
    }
    Ok(())
}

/// A mean is a sum over values that may nearly cancel: right to the last digits of what was added.
fn assert_means(expected: &batch_norm::Statistics, found: &Tensor, what: &str) -> Result {
    let (mean, deviation) = (flat(&expected.mean)?, flat(&expected.variance.sqrt()?)?);
    for ((e, deviation), f) in mean.iter().zip(&deviation).zip(&flat(found)?) {
        assert!((e - f).abs() <= 1e-6 * (e.abs() + deviation), "mean of {what}: expected {e}, found {f}");
    }
    Ok(())
}

fn assert_same(expected: &Tensor, found: &Tensor, what: &str) -> Result {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    assert!(flat(expected)? == flat(found)?, "{what}: not the same bits");
    Ok(())
}

/// f32 and bf16, and how far results may lie apart: rounding of sums, or of what is stored.
const TYPES: [(DType, f32); 2] = [(DType::F32, 2e-6), (DType::BF16, 1e-2)];

/// [T, B, C, H, W] and [T, B, F], odd and even, wide and narrow; and whether it is the same at every time-step.
const SEQUENCES: [(&[usize], bool); 6] = [
    (&[4, 3, 8, 5, 3], false),
    (&[3, 2, 5, 3, 3], false),
    (&[1, 2, 16, 2, 2], false),
    (&[25, 2, 40], false),
    (&[5, 3, 7], false),
    (&[4, 3, 8, 3, 2], true),
];

fn sequence(shape: &[usize], constant: bool, number: usize, dtype: DType) -> Result<Tensor> {
    let steps = if constant { 1 } else { shape[0] };
    let x = (random(&[&[steps], &shape[1..]].concat(), number)? * 2.0)?.to_dtype(dtype)?;
    Ok(if constant { bntt::layers::repeat(&x, shape[0])? } else { x })
}

fn neurons() -> Vec<LifConfig> {
    let parse = |text: &str| toml::from_str(text).expect("neurons");
    vec![
        parse("leak = 0.95"),
        parse("leak = 0.5\ninput = 'one_minus_leak'\nreset = 'hard'\nsurrogate = { atan = { alpha = 2.0 } }"),
        parse("leak = 0.9\nthreshold = 0.7\nfire_before_integrate = true\nsurrogate = { rectangle = { width = 1.5 } }"),
        parse("leak = 0.8\nreset = 'none'\nsurrogate = { fast_sigmoid = { slope = 4.0 } }"),
    ]
}

#[test]
fn every_kernel_file_defines_kernels_that_can_be_launched() {
    let files = emulated::kernel_files(std::path::Path::new("src/ops"));
    let names: Vec<String> = files.iter().flat_map(|file| emulated::kernel_names(file)).collect();
    assert!(names.len() > 60, "{names:?}");
    for name in ["lif_forward_bf16_x8", "norm_lif_backward_bf16_f32_x2", "flatten_u8", "unflatten_bf16", "sgd"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "two kernels have one name");
}

#[test]
fn lif_gives_the_cpus_spikes_and_gradients() -> Result {
    let gpu = Emulated::get();
    for (dtype, within) in TYPES {
        for (shape, constant) in SEQUENCES {
            for config in neurons() {
                let what = format!("{dtype:?} {shape:?} constant {constant} {config:?}");
                let x = sequence(shape, constant, 1, dtype)?;
                let exact = if constant {
                    bntt::layers::repeat(&rounded(&x.narrow(0, 0, 1)?, dtype)?, shape[0])?
                } else {
                    rounded(&x, dtype)?
                };
                let (expected, found) = (lif::forward(&exact, &config)?, lif::cuda::forward(gpu, &x, &config)?);
                assert_same(&expected.spikes, &found.spikes, &what)?;
                assert_eq!(expected.count.to_vec1::<i64>()?, found.count.to_vec1::<i64>()?, "{what}");
                let grad = random(shape, 2)?;
                for grad_dtype in [dtype, DType::F32] {
                    let expected = lif::gradient(&exact, &rounded(&grad, grad_dtype)?, &config)?;
                    let found = lif::cuda::gradient(gpu, &x, &grad.to_dtype(grad_dtype)?, &config)?;
                    assert_eq!(found.dtype(), dtype, "{what}");
                    assert_close(&expected, &found, within, &what)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn batch_norm_alone_and_joined_with_neurons_is_the_cpus() -> Result {
    let gpu = Emulated::get();
    let config = LifConfig { leak: 0.9, ..LifConfig::default() };
    // Many rows too, so that there are several chunks.
    let sequences = SEQUENCES.into_iter().chain([(&[2, 40, 8, 16, 16][..], false), (&[2, 3, 2100][..], false)]);
    for (shape, constant) in sequences {
        for groups in [shape[0], 1] {
            for (dtype, within) in TYPES {
                let what = format!("{dtype:?} {shape:?} constant {constant}, {groups} groups");
                let x = sequence(shape, constant, 1, dtype)?;
                let exact = if constant {
                    bntt::layers::repeat(&rounded(&x.narrow(0, 0, 1)?, dtype)?, shape[0])?
                } else {
                    rounded(&x, dtype)?
                };
                // A mean that is large against the deviation, where sums of squares lose their digits.
                let (x, exact) =
                    if dtype == DType::F32 && !constant { ((&x + 30.0)?, (&exact + 30.0)?) } else { (x, exact) };
                let g = Groups::of(&exact, groups)?;
                let with = batch_norm::statistics(&exact.contiguous()?, groups)?;
                let found = batch_norm::cuda::statistics(gpu, &x.contiguous()?, &g)?;
                assert_means(&with, &found.mean, &what)?;
                assert_close(&with.variance, &found.variance, 1e-4, &format!("variance of {what}"))?;

                let scale = (random(&[groups, shape[2]], 3)? + 2.0)?;
                let shift = (groups == 1).then(|| random(&[shape[2]], 4)).transpose()?;
                let norm = Normalization { with, scale, shift, eps: 1e-4 };
                let y = batch_norm::normalize(&exact.contiguous()?, &norm)?;
                assert_close(&y, &batch_norm::cuda::normalize(gpu, &x.contiguous()?, &norm, &g)?, within * 4.0, &what)?;

                let grad = random(shape, 5)?;
                let (grad, exact_grad) = (grad.to_dtype(dtype)?, rounded(&grad, dtype)?);
                let check = |expected: batch_norm::Gradients, found: batch_norm::Gradients| {
                    assert_close(&expected.input, &found.input, within * 8.0, &format!("dx of {what}"))?;
                    assert_close(&expected.scale, &found.scale, within * 8.0, &format!("dscale of {what}"))?;
                    assert_close(&expected.shift, &found.shift, within * 8.0, &format!("dshift of {what}"))
                };
                check(
                    batch_norm::gradients(&exact.contiguous()?, &exact_grad, &norm)?,
                    batch_norm::cuda::gradients(gpu, &x.contiguous()?, &grad, &norm, &g)?,
                )?;
                let (spikes, found) =
                    (norm_lif::forward(&exact, &norm, &config)?, norm_lif::cuda::forward(gpu, &x, &norm, &config, &g)?);
                assert_same(&spikes.spikes, &found.spikes, &format!("spikes of {what}"))?;
                assert_eq!(spikes.count.to_vec1::<i64>()?, found.count.to_vec1::<i64>()?, "{what}");
                check(
                    norm_lif::gradients(&exact, &exact_grad, &norm, &config)?,
                    norm_lif::cuda::gradients(gpu, &x, &grad, &norm, &config, &g)?,
                )?;
            }
        }
    }
    Ok(())
}

#[test]
fn convolutions_by_patches_are_the_cpus() -> Result {
    let gpu = Emulated::get();
    for (kernel, stride, padding, height, width, in_channels, out_channels) in [
        (3, 1, 1, 5, 7, 3, 4),
        (3, 1, 1, 4, 4, 16, 8),
        (1, 1, 0, 3, 3, 8, 5),
        (5, 2, 2, 9, 8, 2, 3),
        (2, 2, 0, 7, 5, 4, 4),
        (3, 3, 2, 4, 4, 8, 16),
    ] {
        let g = Geometry { in_channels, out_channels, kernel, stride, padding, height, width };
        let (shape, n) = ([2, 3, in_channels, height, width], 6);
        let spikes = random(&shape, 1)?.gt(0.5)?;
        for (precision, within) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
            let dtype = precision.currents();
            for x in [random(&shape, 2)?.to_dtype(dtype)?, spikes.to_dtype(precision.spikes())?] {
                let what = format!("{precision:?} {g:?}, input {:?}", x.dtype());
                let exact = if x.dtype() == DType::U8 { x.clone() } else { rounded(&x, DType::F32)? };
                let weight = random(&[out_channels, in_channels, kernel, kernel], 3)?;
                let exact_weight = rounded(&weight, dtype)?;
                let y = conv::forward(&exact, &exact_weight, &g, Precision::F32)?;
                let found = conv::cuda::forward(gpu, &x, &weight, &g, n, precision)?;
                assert_eq!(found.dtype(), dtype);
                assert_close(&y, &found, within, &what)?;
                let grad = random(y.dims(), 4)?.to_dtype(dtype)?;
                let exact_grad = rounded(&grad, DType::F32)?;
                let dx = conv::input_gradient(&exact_grad, &exact_weight, &g, Precision::F32)?;
                assert_close(
                    &dx,
                    &conv::cuda::input_gradient(gpu, &grad, &weight, &g, n, precision)?,
                    within,
                    &format!("dx {what}"),
                )?;
                let dw = conv::weight_gradient(&exact, &exact_grad, &g, Precision::F32)?;
                assert_close(
                    &dw,
                    &conv::cuda::weight_gradient(gpu, &x, &grad, &g, n, precision)?,
                    within,
                    &format!("dw {what}"),
                )?;
            }
        }
    }
    Ok(())
}

#[test]
fn linear_layers_biases_and_vectors_are_the_cpus() -> Result {
    let gpu = Emulated::get();
    let s = linear::Sizes { n: 6, features: 20, outputs: 7 };
    let (x, weight, grad) = (random(&[2, 3, 20], 1)?, random(&[7, 20], 2)?, random(&[2, 3, 7], 3)?);
    for (precision, within) in [(Precision::F32, 1e-6), (Precision::Bf16, 1e-2)] {
        let y = linear::forward(&x, &weight, Precision::F32)?;
        assert_close(&y, &linear::cuda::forward(gpu, &x, &weight, s, &[2, 3, 7], precision)?, within, "y")?;
        let dx = linear::input_gradient(&grad, &weight, Precision::F32)?;
        assert_close(
            &dx,
            &linear::cuda::input_gradient(gpu, &grad, &weight, s, &[2, 3, 20], precision)?,
            within,
            "dx",
        )?;
        let dw = linear::weight_gradient(&x, &grad, Precision::F32)?;
        assert_close(&dw, &linear::cuda::weight_gradient(gpu, &x, &grad, s, precision)?, within, "dw")?;
    }
    let (images, numbers) = (random(&[2, 3, 5, 4, 3], 4)?, random(&[5], 5)?);
    assert_same(&bias::add(&images, &numbers)?, &bias::cuda::add(gpu, &images, &numbers)?, "bias")?;
    assert_close(&bias::gradient(&images, 5)?, &bias::cuda::gradient(&images, 5)?, 1e-6, "bias gradient")?;
    for dtype in [DType::U8, DType::F32, DType::BF16] {
        let images = (random(&[2, 3, 5, 4, 3], 4)? * 100.0)?.abs()?.to_dtype(dtype)?;
        let vectors = flatten::cuda::forward(gpu, &images, &[2, 3, 60], 5, 12)?;
        assert_same(&images.flatten_from(2)?, &vectors, "flatten")?;
        assert_same(&images, &flatten::cuda::gradient(gpu, &vectors, images.dims(), 5, 12)?, "flatten gradient")?;
    }
    Ok(())
}

#[test]
fn pools_are_the_cpus() -> Result {
    let gpu = Emulated::get();
    for (shape, window) in [([2, 3, 8, 4, 6], (2, 2)), ([1, 2, 5, 7, 5], (3, 2)), ([2, 2, 16, 3, 3], (3, 3))] {
        let planes = Planes::of(&shape, window)?;
        for dtype in [DType::U8, DType::F32, DType::BF16] {
            let what = format!("{dtype:?} {shape:?} {window:?}");
            let x = (random(&shape, 1)? * 4.0)?.abs()?.to_dtype(dtype)?;
            let exact = if dtype == DType::U8 { x.clone() } else { rounded(&x, dtype)? };
            assert_close(&pool::average(&exact, window)?, &pool::cuda::average(gpu, &x, &planes)?, 5e-3, &what)?;
            let ((y, places), (found, found_places)) = (pool::max(&exact, window)?, pool::cuda::max(gpu, &x, &planes)?);
            assert_same(&y, &found, &what)?;
            assert_same(&places, &found_places, &what)?;
            if dtype != DType::U8 {
                let grad = random(y.dims(), 2)?.to_dtype(dtype)?;
                let exact = rounded(&grad, dtype)?;
                let expected = pool::average_gradient(&exact, &shape, window)?;
                assert_close(&expected, &pool::cuda::average_gradient(gpu, &grad, &shape, &planes)?, 5e-3, &what)?;
                let expected = pool::max_gradient(&exact, &places, &shape, window)?;
                assert_same(&expected, &pool::cuda::max_gradient(gpu, &grad, &places, &shape, &planes)?, &what)?;
            }
        }
    }
    Ok(())
}

#[test]
fn random_numbers_are_the_cpus_bits() -> Result {
    let gpu = Emulated::get();
    let streams = |purpose| (0..3).map(|i| Stream::new(7 << 40 | 3, purpose, 5, 2, 10 * i)).collect::<Vec<_>>();
    for shape in [&[3, 3, 5, 3][..], &[3, 1, 4, 4], &[3, 7]] {
        let images = (random(shape, 1)? * 3.0)?;
        for signed in [true, false] {
            let rate = poisson::Rate { scale: 2.0, signed };
            let streams = streams(Purpose::Poisson);
            let expected = poisson::encode(&images, 4, rate, &streams)?;
            assert_same(&expected, &poisson::cuda::encode(gpu, &images, 4, rate, &streams)?, "poisson")?;
        }
    }
    let streams = streams(Purpose::Dropout);
    let mask = dropout::mask(30, 0.3, &streams, &Device::Cpu)?;
    assert_same(&mask, &dropout::cuda::mask(gpu, 30, 0.3, &streams)?, "mask")?;
    for x in [random(&[2, 3, 30], 2)?, random(&[2, 3, 30], 2)?.gt(0.0)?] {
        assert_same(&dropout::apply(&x, &mask)?, &dropout::cuda::apply(gpu, &x, &mask)?, "dropout")?;
    }
    Ok(())
}

#[test]
fn losses_norms_and_moves_are_the_cpus() -> Result {
    let gpu = Emulated::get();
    let labels = Tensor::new(&[3u32, 0, 11, 5, 2], &Device::Cpu)?;
    let logits = (random(&[5, 12], 1)? * 5.0)?;
    for smoothing in [0.0, 0.1] {
        let (score, gradient) = cross_entropy::score_and_gradient(&logits, &labels, smoothing)?;
        let (found, found_gradient) = cross_entropy::cuda::rows(gpu, &logits, &labels, smoothing, true)?;
        assert_close(&score, &found, 1e-7, "score")?;
        assert_close(&gradient, &found_gradient.expect("a gradient"), 1e-6, "gradient of the loss")?;
    }

    // More parameters than a launch takes, one of several blocks.
    let sizes: Vec<usize> = (0..70).map(|i| if i == 3 { 9001 } else { 5 + i }).collect();
    let tensors = |number: usize| -> Result<Vec<Tensor>> {
        sizes.iter().enumerate().map(|(i, &size)| random(&[size], 100 * number + i)).collect()
    };
    let gradients = tensors(1)?;
    for (clip, loss) in [(None, 1.0), (Some(3.0), 1.0), (Some(1e9), 1.0), (None, f64::NAN)] {
        for moments in 0..3 {
            let state = || -> Result<(Vec<Tensor>, Vec<Vec<Tensor>>)> {
                let w = tensors(2)?;
                let first: Vec<Vec<Tensor>> = tensors(3)?.into_iter().map(|m| vec![m]).collect();
                let of = |mut m: Vec<Tensor>| -> Result<Vec<Tensor>> {
                    m.push(m[0].abs()?);
                    m.truncate(moments);
                    Ok(m)
                };
                Ok((w, first.into_iter().map(of).collect::<Result<_>>()?))
            };
            let (cpu, emulated) = (state()?, state()?);
            let items = |state: &'_ (Vec<Tensor>, Vec<Vec<Tensor>>)| -> Vec<Item<'static>> {
                // The test's tensors outlive the items: leaked, they are few.
                let leak = |t: &Tensor| -> &'static Tensor { Box::leak(Box::new(t.clone())) };
                let moments = |m: &Vec<Tensor>| -> &'static [Tensor] { Box::leak(m.clone().into_boxed_slice()) };
                let both = state.0.iter().zip(&state.1).zip(&gradients);
                both.map(|((w, m), gradient)| Item { w: leak(w), gradient: leak(gradient), moments: moments(m) })
                    .collect()
            };
            let (cpu_items, gpu_items) = (items(&cpu), items(&emulated));
            let score = Tensor::new(&[loss, 0.0, 0.0, 1.0], &Device::Cpu)?;
            let halted = || Tensor::zeros(1, DType::F32, &Device::Cpu);
            let (norm, found) = (update::gradient_norm(&cpu_items)?, update::cuda::gradient_norm(gpu, &gpu_items)?);
            assert_close(&norm, &found, 1e-7, "norm")?;
            let permission = Permission::new(&score, &norm, clip, halted()?)?;
            let found = update::cuda::permission(gpu, &score, &norm, clip, halted()?)?;
            assert_same(&permission.halted, &found.halted, "halted")?;
            if moments < 2 {
                let step = Sgd { rate: 0.1, momentum: 0.9, weight_decay: 1e-2 };
                update::sgd(&cpu_items, &step, &permission)?;
                update::cuda::sgd(gpu, &gpu_items, &step, &found)?;
            } else {
                let betas = [0.9, 0.99];
                let step = Adam { betas, weight_decay: 0.1, keep: 0.9, rate: 0.1, root_scale: 0.7, eps: 1e-3 };
                update::adam(&cpu_items, &step, &permission)?;
                update::cuda::adam(gpu, &gpu_items, &step, &found)?;
            }
            for (cpu, gpu) in cpu_items.iter().zip(&gpu_items) {
                assert_close(cpu.w, gpu.w, 1e-6, &format!("w, {moments} moments, clip {clip:?}, loss {loss}"))?;
                for (cpu, gpu) in cpu.moments.iter().zip(gpu.moments) {
                    assert_close(cpu, gpu, 1e-6, &format!("{moments} moments, clip {clip:?}, loss {loss}"))?;
                }
            }
        }
    }
    Ok(())
}
