//! Opening a GPU by its number, or saying in a sentence why it cannot be used.

use super::Gpu;
use super::device::Cuda;
use super::libraries;
use super::modules::BUILT_WITH;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, result, sys};
use candle_core::{Device, Result, bail};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The oldest compute capability that the kernels run on; build.rs compiles for it.
const OLDEST: (i32, i32) = (8, 0);

/// Devices that are open, by number. They stay so to the end of the process.
static OPEN: Mutex<BTreeMap<usize, Arc<Cuda>>> = Mutex::new(BTreeMap::new());

/// Opens device number `ordinal`, once.
///
/// # Errors
/// The rest of a sentence, for somebody who asked for that device: no driver or library, a driver or device that is too
/// old, no such device.
pub fn open(ordinal: usize) -> std::result::Result<Device, String> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = open.get(&ordinal) {
        return Ok(found.device().clone());
    }
    let found = libraries::open(BUILT_WITH)?;
    result::init().map_err(|error| match error.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => NO_GPU.to_string(),
        _ => format!("the NVIDIA driver does not start ({error}): see whether `nvidia-smi` works"),
    })?;
    // Before cuBLAS starts, which reports a driver that is too old as a failure of its own.
    check_driver(driver_version()?)?;
    let count = CudaContext::device_count().map_err(|error| format!("the GPUs cannot be counted: {error}"))?;
    if ordinal >= count.max(0) as usize {
        return Err(match count {
            ..=0 => NO_GPU.to_string(),
            1 => "there is one GPU: use \"cuda:0\"".to_string(),
            _ => format!("there are {count} GPUs: use \"cuda:0\" to \"cuda:{}\"", count - 1),
        });
    }
    check_capability(ordinal)?;
    // A stream of its own, the same for all threads of the process.
    let device = Device::new_cuda_with_stream(ordinal).map_err(|error| format!("it cannot be opened: {error}"))?;
    let made = Cuda::new(&device, found).map_err(|error| error.to_string())?;
    open.insert(ordinal, Arc::new(made));
    Ok(device)
}

const NO_GPU: &str = "the NVIDIA driver finds no GPU: see what `nvidia-smi` lists, and CUDA_VISIBLE_DEVICES";

/// The open device that holds a tensor.
pub fn open_device(device: &Device) -> Result<Arc<Cuda>> {
    let Device::Cuda(cuda) = device else { bail!("{:?} is no CUDA device", device.location()) };
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    match open.values().find(|open| open.is(cuda)) {
        Some(found) => Ok(Arc::clone(found)),
        None => bail!("{:?} was not opened by bntt", device.location()),
    }
}

/// 12040 for CUDA 12.4.
fn driver_version() -> std::result::Result<i32, String> {
    let mut version = 0;
    // SAFETY: the call writes one number.
    match unsafe { sys::cuDriverGetVersion(&mut version) }.result() {
        Ok(()) => Ok(version),
        Err(error) => Err(format!("the NVIDIA driver does not tell its version ({error}): see `nvidia-smi`")),
    }
}

/// Libraries of a CUDA version run on every driver of the same major version or a newer one.
fn check_driver(version: i32) -> std::result::Result<(), String> {
    let (major, minor) = BUILT_WITH;
    match version / 1000 >= major {
        true => Ok(()),
        false => Err(format!(
            "the NVIDIA driver is for CUDA {}.{} and older, and this build of bntt needs one for CUDA {major}.0 or newer: \
             update the driver, or build bntt with the CUDA {} toolkit ({major}.{minor} was used)",
            version / 1000,
            version % 1000 / 10,
            version / 1000
        )),
    }
}

fn check_capability(ordinal: usize) -> std::result::Result<(), String> {
    use sys::CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let of_device = |error| format!("what the GPU can do is not known: {error}");
    let device = result::device::get(ordinal as i32).map_err(of_device)?;
    // SAFETY: the device is one that the driver gave just now.
    let number = |attribute| unsafe { result::device::get_attribute(device, attribute) }.map_err(of_device);
    let capability = (number(MAJOR)?, number(MINOR)?);
    if capability >= OLDEST {
        return Ok(());
    }
    let name = result::device::get_name(device).unwrap_or_else(|_| "it".into());
    Err(format!(
        "{name} has compute capability {}.{}, and the kernels need {}.{} or newer: use another GPU, or \"cpu\"",
        capability.0, capability.1, OLDEST.0, OLDEST.1
    ))
}
