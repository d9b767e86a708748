//! The device that a network computes on: the CPU or a GPU, opened once.

use crate::error::Result;
use candle_core::{Device, DeviceLocation, Tensor};

/// Whether this build has GPU kernels, and whose convolutions.
pub const BUILD: &str = if cfg!(feature = "cudnn") {
    "CUDA kernels and cuDNN"
} else if cfg!(feature = "cuda") {
    "CUDA kernels"
} else {
    "the CPU alone"
};

/// Opens "cpu", "cuda:1" or "auto": the first GPU if the build and the machine have one, else the CPU. The same name
/// gives the same device every time.
///
/// # Errors
/// What is wrong, as the rest of a sentence: a build without GPU kernels, no driver, no such device, one that is too
/// old.
pub fn open(name: &str) -> Result<Device, String> {
    match (name, name.strip_prefix("cuda:")) {
        (_, Some(ordinal)) => {
            ordinal.parse().map_err(|_| "expected a number after the colon".to_string()).and_then(open_gpu)
        }
        ("auto", _) if cfg!(feature = "cuda") => Ok(open_gpu(0).unwrap_or_else(|problem| {
            tracing::warn!("computing on the CPU: {problem}");
            Device::Cpu
        })),
        ("auto" | "cpu", _) => Ok(Device::Cpu),
        _ => Err("expected \"auto\", \"cpu\" or \"cuda:0\" (any number)".into()),
    }
}

#[cfg(feature = "cuda")]
fn open_gpu(ordinal: usize) -> Result<Device, String> {
    crate::ops::gpu::opening::open(ordinal)
}

#[cfg(not(feature = "cuda"))]
fn open_gpu(_: usize) -> Result<Device, String> {
    Err("this build of bntt has no GPU kernels: build it with `cargo build --release --features cudnn`, or use \"cpu\" or \
         \"auto\""
        .into())
}

/// "cpu" or "cuda:0".
pub fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".into(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

/// Bytes of a GPU's memory: free, and in all. `None` for the CPU.
pub fn memory(device: &Device) -> Result<Option<(usize, usize)>> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return Ok(Some(crate::ops::gpu::for_device(device)?.memory()?));
    }
    let _ = device;
    Ok(None)
}

/// Values of the host as a tensor on `device`; a GPU goes on computing meanwhile.
pub fn send(values: Vec<f32>, shape: &[usize], device: &Device) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return Ok(crate::ops::gpu::for_device(device)?.upload(&values, shape)?);
    }
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// The most bytes of a GPU's memory that this process's tensors took at once. `None` for the CPU.
pub fn peak_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return crate::ops::gpu::for_device(device).ok()?.peak_memory();
    }
    let _ = device;
    None
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_in_a_build_without_kernels_is_refused_and_auto_is_the_cpu() {
        let refused = open("cuda:0").expect_err("no kernels");
        assert!(refused.contains("no GPU kernels") && refused.contains("--features cudnn"), "{refused}");
        assert!(open("auto").expect("the CPU").is_cpu());
        assert!(open("tpu").is_err());
    }
}
