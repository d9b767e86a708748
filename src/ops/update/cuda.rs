//! Launches of the update kernels: all parameters together, up to 64 a launch.

use super::{Adam, ParameterUpdate, Sgd, StepGuard};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, THREADS};
use candle_core::{DType, Result, Tensor};

/// Items of a launch: `ITEMS` of update.cu.
const ITEMS: usize = 64;
/// Elements of a block: `BLOCK` of update.cu.
const BLOCK: usize = 4096;

/// `Items` of update.cu, and the blocks that work on them.
fn items(gpu: &dyn Gpu, items: &[ParameterUpdate<'_>]) -> Result<(StructLayout, usize)> {
    let (mut structure, mut blocks) = (StructLayout::new(), 0);
    for at in 0..ITEMS {
        let mut entry = StructLayout::new();
        match items.get(at) {
            Some(ParameterUpdate { w, gradient, moments }) => {
                let moment = |k: usize| moments.get(k).map_or(Ok(0), |moment| gpu.address(moment));
                entry = entry
                    .pointer(gpu.address(w)?)
                    .pointer(gpu.address(gradient)?)
                    .pointer(moment(0)?)
                    .pointer(moment(1)?);
                entry = entry.i64(w.elem_count()).i64(blocks);
                blocks += w.elem_count().div_ceil(BLOCK);
            }
            None => entry = entry.pointer(0).pointer(0).pointer(0).pointer(0).i64(0).i64(0),
        }
        structure = structure.inner(entry);
    }
    Ok((structure.i32(items.len()), blocks))
}

fn grid(blocks: usize) -> Result<LaunchConfig> {
    LaunchConfig::over(blocks * THREADS)
}

/// The norm of all gradients, `[1]` `f64`.
pub fn gradient_norm(gpu: &dyn Gpu, all: &[ParameterUpdate<'_>]) -> Result<Tensor> {
    let count: usize = all.iter().map(|item| item.w.elem_count().div_ceil(BLOCK)).sum();
    let (parts, norm) = (gpu.alloc_uninit(&[count], DType::F64)?, gpu.alloc_uninit(&[1], DType::F64)?);
    let mut done = 0;
    for some in all.chunks(ITEMS) {
        let (structure, blocks) = items(gpu, some)?;
        let arguments =
            KernelArguments::new().structure(structure).pointer(gpu.address(&parts.narrow(0, done, blocks)?)?);
        gpu.launch("squares", grid(blocks)?.shared(size_of::<f64>()), arguments)?;
        done += blocks;
    }
    let arguments = KernelArguments::new().pointer(gpu.address(&parts)?).i64(count).pointer(gpu.address(&norm)?);
    gpu.launch("gradient_norm", LaunchConfig::block(THREADS).shared(size_of::<f64>()), arguments)?;
    Ok(norm)
}

/// What [`StepGuard::new`] makes.
pub fn step_guard(
    gpu: &dyn Gpu,
    score: &Tensor,
    norm: &Tensor,
    clip: Option<f64>,
    halted: Tensor,
) -> Result<StepGuard> {
    let factor = gpu.alloc_uninit(&[1], DType::F32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(score)?)
        .pointer(gpu.address(norm)?)
        .f64(clip.unwrap_or(0.0))
        .pointer(gpu.address(&halted)?)
        .pointer(gpu.address(&factor)?);
    gpu.launch("permission", LaunchConfig::block(1), arguments)?;
    Ok(StepGuard { halted, factor })
}

pub fn sgd(gpu: &dyn Gpu, all: &[ParameterUpdate<'_>], sgd: &Sgd, step_guard: &StepGuard) -> Result<()> {
    let Sgd { rate, momentum, weight_decay } = *sgd;
    move_all(gpu, "sgd", all, step_guard, |arguments| arguments.f32(rate).f32(momentum).f32(weight_decay))
}

pub fn adam(gpu: &dyn Gpu, all: &[ParameterUpdate<'_>], adam: &Adam, step_guard: &StepGuard) -> Result<()> {
    let [first, second] = adam.betas;
    let numbers =
        [first, 1.0 - first, second, 1.0 - second, adam.weight_decay, adam.keep, adam.rate, adam.root_scale, adam.eps];
    let structure = numbers.into_iter().fold(StructLayout::new(), |structure, number| structure.f32(number as f32));
    move_all(gpu, "adam", all, step_guard, |arguments| arguments.structure(structure.clone()))
}

fn move_all(
    gpu: &dyn Gpu,
    kernel: &str,
    all: &[ParameterUpdate<'_>],
    step_guard: &StepGuard,
    numbers: impl Fn(KernelArguments) -> KernelArguments,
) -> Result<()> {
    for some in all.chunks(ITEMS) {
        let (structure, blocks) = items(gpu, some)?;
        let arguments = numbers(KernelArguments::new().structure(structure))
            .pointer(gpu.address(&step_guard.halted)?)
            .pointer(gpu.address(&step_guard.factor)?);
        gpu.launch(kernel, grid(blocks)?, arguments)?;
    }
    Ok(())
}
