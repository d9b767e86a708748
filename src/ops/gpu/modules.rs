//! The compiled kernels, and where they are on a device.

use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaFunction, CudaModule, sys};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::{Result, bail};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

// `MODULES: &[(name, image, kernels)]` and `TOOLKIT`, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// The CUDA toolkit that compiled the kernels.
pub const BUILT_WITH: (i32, i32) = TOOLKIT;

/// The modules and kernels of a device that were asked for so far.
#[derive(Default)]
pub struct Modules {
    modules: Mutex<HashMap<&'static str, Arc<CudaModule>>>,
    kernels: Mutex<HashMap<String, CudaFunction>>,
}

impl Modules {
    /// Loads a first module.
    ///
    /// # Errors
    /// There is no code for the device: said here, not in the middle of a run.
    pub fn try_one(&self, context: &Arc<CudaContext>) -> Result<()> {
        match MODULES.first() {
            Some((_, _, [kernel, ..])) => self.kernel(context, kernel).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// A kernel by its name.
    pub fn kernel(&self, context: &Arc<CudaContext>, name: &str) -> Result<CudaFunction> {
        let mut kernels = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kernels.get(name) {
            return Ok(found.clone());
        }
        let Some(&(module, image, _)) = MODULES.iter().find(|(_, _, names)| names.contains(&name)) else {
            bail!("this build has no kernel {name}")
        };
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match modules.get(module) {
            Some(loaded) => Arc::clone(loaded),
            None => match context.load_module(Ptx::from_binary(image.to_vec())) {
                Ok(loaded) => Arc::clone(modules.entry(module).or_insert(loaded)),
                Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU => {
                    bail!("the kernels were not compiled for this GPU: build bntt with a newer CUDA toolkit")
                }
                Err(error) => bail!("the GPU kernels of {module} cannot be loaded: {error}"),
            },
        };
        let function = loaded.load_function(name).map_err(candle_core::Error::wrap)?;
        kernels.insert(name.to_string(), function.clone());
        Ok(function)
    }
}
