//! Every op of a training step on the CPU, forward and backward: `cargo bench --bench ops`, or a part of it by name:
//! `cargo bench --bench ops -- conv`.
//!
//! The sizes are those of VGG9 on CIFAR-10 with 5 time-steps and batches of 16; linear layers have those of the MLP on
//! MNIST too. Convolutions and linear layers run by each of their ways over inputs of several densities, which shows
//! from which density on the sparse way loses.

use bntt::encoders::{EncoderConfig, PoissonConfig, RandomKey};
use bntt::ops::Geometry;
use bntt::ops::batch_norm::{self, Normalization, Over};
use bntt::ops::conv::{self, Algorithm};
use bntt::ops::lif::{self, LifConfig, Neurons, SpikeStorage};
use bntt::ops::linear::{self, LinearAlgorithm};
use bntt::ops::update::{self, ParameterUpdate, Sgd, StepGuard};
use bntt::ops::{Precision, cross_entropy, norm_lif, pool};
use bntt::rng::{Purpose, Stream};
use candle_core::{DType, Device, Result, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput};

const TIME_STEPS: usize = 5;
const BATCH: usize = 16;
const PRECISION: Precision = Precision::F32;

fn random(shape: &[usize]) -> Result<Tensor> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, 0, shape.len());
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// A sequence in the order in which the ops leave it.
fn sequence(channels: usize, size: usize) -> Result<Tensor> {
    random(&[TIME_STEPS, BATCH, size, size, channels])?.permute((0, 1, 4, 2, 3))
}

/// Spikes of which a share of `density` is 1.
fn spikes(channels: usize, size: usize, density: f64) -> Result<Tensor> {
    let values = random(&[TIME_STEPS, BATCH, size, size, channels])?;
    values.lt(2.0 * density - 1.0)?.to_dtype(DType::U8)?.permute((0, 1, 4, 2, 3))
}

fn convolutions(criterion: &mut Criterion) -> Result<()> {
    for (in_channels, out_channels, size) in [(64, 64, 32), (128, 128, 16), (256, 256, 8)] {
        let geometry =
            Geometry { in_channels, out_channels, kernel: 3, stride: 1, padding: 1, height: size, width: size };
        let macs = (9 * in_channels * out_channels * size * size * TIME_STEPS * BATCH) as u64;
        let (weight, grad) = (random(&[out_channels, in_channels, 3, 3])?, sequence(out_channels, size)?);
        let name = format!("conv {in_channels} to {out_channels} channels, {size}x{size}");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(macs)).sample_size(10);
        group.bench_function("input gradient", |b| {
            b.iter(|| conv::input_gradient(&grad, &weight, &geometry, PRECISION))
        });
        for density in [0.05, 0.1, 0.2, 0.3, 0.4, 0.5] {
            let x = spikes(in_channels, size, density)?;
            for algorithm in [Algorithm::Sparse, Algorithm::Winograd, Algorithm::Unfold] {
                let id = |direction: &str| BenchmarkId::new(format!("{direction}, {algorithm:?}"), density);
                let algorithm = Some(algorithm);
                group.bench_function(id("forward"), |b| {
                    b.iter(|| conv::forward_by(algorithm, &x, &weight, &geometry, PRECISION))
                });
                group.bench_function(id("weight gradient"), |b| {
                    b.iter(|| conv::weight_gradient_by(algorithm, &x, &grad, &geometry, PRECISION));
                });
            }
        }
    }
    Ok(())
}

fn neurons(criterion: &mut Criterion) -> Result<()> {
    let (x, grad, config) = (sequence(64, 32)?, sequence(64, 32)?, Neurons::from(LifConfig::default()));
    let norm = Normalization {
        with: batch_norm::statistics(&x, TIME_STEPS)?,
        scale: Tensor::ones((TIME_STEPS, 64), DType::F32, &Device::Cpu)?,
        shift: None,
        eps: 1e-4,
        over: Over::Group,
    };
    let mut group = criterion.benchmark_group("neurons, 64x32x32");
    group.throughput(Throughput::Elements(x.elem_count() as u64)).sample_size(10);
    group.bench_function("statistics", |b| b.iter(|| batch_norm::statistics(&x, TIME_STEPS)));
    group.bench_function("batch norm", |b| b.iter(|| batch_norm::normalize(&x, &norm)));
    group.bench_function("batch norm gradients", |b| b.iter(|| batch_norm::gradients(&x, &grad, &norm)));
    group.bench_function("lif", |b| b.iter(|| lif::forward(&x, &config, SpikeStorage::Bytes)));
    group.bench_function("lif gradient", |b| b.iter(|| lif::gradients(&x, &grad, &config)));
    group.bench_function("batch norm and lif", |b| {
        b.iter(|| norm_lif::forward(&x, &norm, &config, SpikeStorage::Bytes))
    });
    group.bench_function("batch norm and lif gradients", |b| {
        b.iter(|| norm_lif::gradients(&x, &grad, &norm, &config));
    });
    Ok(())
}

fn pools(criterion: &mut Criterion) -> Result<()> {
    let (x, grad) = (spikes(64, 32, 0.2)?, sequence(64, 16)?);
    let places = pool::max(&x, (2, 2))?.1;
    let mut group = criterion.benchmark_group("pools, 64x32x32");
    group.throughput(Throughput::Elements(x.elem_count() as u64)).sample_size(10);
    group.bench_function("average", |b| b.iter(|| pool::average(&x, (2, 2))));
    group.bench_function("average gradient", |b| b.iter(|| pool::average_gradient(&grad, x.dims(), (2, 2))));
    group.bench_function("max", |b| b.iter(|| pool::max(&x, (2, 2))));
    group.bench_function("max gradient", |b| b.iter(|| pool::max_gradient(&grad, &places, x.dims(), (2, 2))));
    Ok(())
}

fn products(criterion: &mut Criterion) -> Result<()> {
    for (rows, features, outputs) in [(TIME_STEPS * BATCH, 8192, 1024), (1280, 784, 800), (1280, 800, 10)] {
        let (weight, grad) = (random(&[outputs, features])?, random(&[rows, outputs])?);
        let mut group = criterion.benchmark_group(format!("linear {features} to {outputs}, {rows} rows"));
        group.throughput(Throughput::Elements((features * outputs * rows) as u64)).sample_size(10);
        group.bench_function("input gradient", |b| b.iter(|| linear::input_gradient(&grad, &weight, PRECISION)));
        for density in [0.05, 0.15, 0.35, 0.6, 1.0] {
            let x = random(&[rows, features])?.lt(2.0 * density - 1.0)?.to_dtype(DType::U8)?;
            for algorithm in [LinearAlgorithm::Sparse, LinearAlgorithm::Blocked] {
                let id = |direction: &str| BenchmarkId::new(format!("{direction}, {algorithm:?}"), density);
                let algorithm = Some(algorithm);
                group.bench_function(id("forward"), |b| {
                    b.iter(|| linear::forward_by(algorithm, &x, &weight, PRECISION));
                });
                group.bench_function(id("weight gradient"), |b| {
                    b.iter(|| linear::weight_gradient_by(algorithm, &x, &grad, PRECISION));
                });
            }
        }
    }
    Ok(())
}

fn the_rest(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("the rest");
    group.sample_size(10);
    let images = random(&[BATCH, 3, 32, 32])?;
    let (encoder, indices) = (EncoderConfig::Poisson(PoissonConfig::default()), (0..BATCH as u32).collect::<Vec<_>>());
    let draw = RandomKey { seed: 0, purpose: Purpose::Poisson, epoch: 0, indices: &indices };
    group.bench_function("poisson, 3x32x32", |b| b.iter(|| encoder.spec().encode(&images, TIME_STEPS, &draw)));
    let (logits, labels) = (random(&[BATCH, 10])?, Tensor::zeros(BATCH, DType::U32, &Device::Cpu)?);
    group.bench_function("cross-entropy", |b| b.iter(|| cross_entropy::score_and_gradient(&logits, &labels, 0.0)));
    let (w, gradient, moments) = (random(&[1024, 4096])?, random(&[1024, 4096])?, [random(&[1024, 4096])?]);
    let step = Sgd { rate: 1e-9, momentum: 0.9, weight_decay: 1e-4 };
    let granted = StepGuard::granted(&Device::Cpu)?;
    group.bench_function("sgd, 4 M parameters", |b| {
        b.iter(|| update::sgd(&[ParameterUpdate { w: &w, gradient: &gradient, moments: &moments }], &step, &granted));
    });
    group.bench_function("norm of 4 M gradients", |b| {
        b.iter(|| update::gradient_norm(&[ParameterUpdate { w: &w, gradient: &gradient, moments: &[] }]))
    });
    Ok(())
}

fn main() -> Result<()> {
    bntt::system::memory::keep_freed();
    let mut criterion = Criterion::default().configure_from_args();
    for benches in [convolutions, neurons, pools, products, the_rest] {
        benches(&mut criterion)?;
    }
    criterion.final_summary();
    Ok(())
}
