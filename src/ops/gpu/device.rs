//! A CUDA device: memory and streams are candle's, kernels are ours.
//!
//! All work goes to the one stream of candle's device, in the order in which it is asked for; memory is taken and freed in that order
//! too. So an address stays good for every launch that is asked for while its tensor lives.

use super::{Arguments, Convolutions, Gpu, Grid, Product, blas};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr, result, sys};
use candle_core::cuda_backend::{CudaDType, CudaFunc, DeviceId};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Result, Shape, Storage, Tensor, bail};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

// `MODULES: &[(name, PTX, kernels)]`, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// Bytes of shared memory that a kernel gets without asking.
const SHARED: u32 = 48 * 1024;

/// A device with its kernels.
pub struct Cuda {
    device: Device,
    cuda: CudaDevice,
    kernels: Mutex<HashMap<String, Arc<CudaFunc>>>,
    #[cfg(feature = "cudnn")]
    cudnn: super::cudnn::Cudnn,
}

impl Cuda {
    /// The one for `device`, made when it is first asked for.
    pub fn of(device: &Device) -> Result<Arc<Self>> {
        static OPEN: OnceLock<Mutex<HashMap<DeviceId, Arc<Cuda>>>> = OnceLock::new();
        let Device::Cuda(cuda) = device else { bail!("{:?} is no CUDA device", device.location()) };
        let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = open.get(&cuda.id()) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(Self {
            device: device.clone(),
            cuda: cuda.clone(),
            kernels: Mutex::default(),
            #[cfg(feature = "cudnn")]
            cudnn: super::cudnn::Cudnn::new(cuda)?,
        });
        open.insert(cuda.id(), Arc::clone(&made));
        Ok(made)
    }

    /// Waits until all that was asked for is done.
    pub fn wait(&self) -> Result<()> {
        self.cuda.cuda_stream().synchronize().map_err(candle_core::Error::wrap)
    }

    /// Free and total bytes of the device's memory.
    pub fn memory(&self) -> Result<(usize, usize)> {
        self.cuda.cuda_stream().context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        result::mem_get_info().map_err(candle_core::Error::wrap)
    }

    fn kernel(&self, name: &str) -> Result<Arc<CudaFunc>> {
        let mut kernels = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kernels.get(name) {
            return Ok(Arc::clone(found));
        }
        let Some((module, ptx, _)) = MODULES.iter().find(|(_, _, names)| names.contains(&name)) else {
            bail!("this build has no kernel {name}")
        };
        let function = Arc::new(self.cuda.get_or_load_custom_func(name, module, ptx)?);
        kernels.insert(name.to_string(), Arc::clone(&function));
        Ok(function)
    }
}

impl Gpu for Cuda {
    fn device(&self) -> &Device {
        &self.device
    }

    fn address(&self, tensor: &Tensor) -> Result<u64> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, _)) = layout.contiguous_offsets() else {
            bail!("expected a contiguous tensor, found {layout:?}")
        };
        let Storage::Cuda(storage) = &*storage else { bail!("expected a tensor on {:?}", self.device.location()) };
        let address = match storage.dtype() {
            DType::U8 => address_of::<u8>(storage)?,
            DType::U32 => address_of::<u32>(storage)?,
            DType::I32 => address_of::<i32>(storage)?,
            DType::I64 => address_of::<i64>(storage)?,
            DType::BF16 => address_of::<half::bf16>(storage)?,
            DType::F32 => address_of::<f32>(storage)?,
            DType::F64 => address_of::<f64>(storage)?,
            other => bail!("no kernel works on {other:?}"),
        };
        Ok(address + (start * storage.dtype().size_in_bytes()) as u64)
    }

    fn unset(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let shape = Shape::from(shape);
        let length = shape.elem_count();
        let storage = match dtype {
            DType::U8 => self.room::<u8>(length)?,
            DType::BF16 => self.room::<half::bf16>(length)?,
            DType::F32 => self.room::<f32>(length)?,
            DType::F64 => self.room::<f64>(length)?,
            other => bail!("no kernel writes {other:?}"),
        };
        Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
    }

    fn launch(&self, kernel: &str, grid: Grid, mut arguments: Arguments) -> Result<()> {
        let function = self.kernel(kernel)?;
        let (stream, mut places) = (self.cuda.cuda_stream(), arguments.places()?);
        stream.context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        let [x, y, z] = grid.blocks;
        // SAFETY: the function is of a module that lives as long as `self`; `places` holds as many arguments, laid out as the
        // kernel takes them, as the op's cuda.rs gives (tests/kernels runs the same launches over the same sources); pointers
        // among them are addresses of this device whose tensors' memory is freed on this same stream, after this launch.
        let launched = unsafe {
            if grid.shared > SHARED {
                let most = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                result::function::set_function_attribute(function.cu_function(), most, grid.shared as i32)
                    .map_err(candle_core::Error::wrap)?;
            }
            let (function, stream) = (function.cu_function(), stream.cu_stream());
            result::launch_kernel(function, (x, y, z), (grid.threads, 1, 1), grid.shared, stream, &mut places)
        };
        launched.map_err(|error| candle_core::Error::msg(format!("GPU kernel {kernel} over {grid:?}: {error}")))
    }

    fn multiply(&self, product: &Product<'_>) -> Result<()> {
        blas::multiply(self, &self.cuda.cublas_handle(), product)
    }

    #[cfg(feature = "cudnn")]
    fn convolutions(&self) -> Option<&dyn Convolutions> {
        Some(self)
    }
}

#[cfg(feature = "cudnn")]
impl Convolutions for Cuda {
    fn forward(&self, x: &Tensor, w: &Tensor, y: &Tensor, task: &super::Convolution<'_>) -> Result<()> {
        self.cudnn.forward(self, x, w, y, task)
    }

    fn input_gradient(&self, dy: &Tensor, w: &Tensor, dx: &Tensor, task: &super::Convolution<'_>) -> Result<()> {
        self.cudnn.input_gradient(self, dy, w, dx, task)
    }

    fn weight_gradient(&self, x: &Tensor, dy: &Tensor, dw: &Tensor, task: &super::Convolution<'_>) -> Result<()> {
        self.cudnn.weight_gradient(self, x, dy, dw, task)
    }
}

impl Cuda {
    /// Memory whose elements are unspecified.
    fn room<T: CudaDType + DeviceRepr>(&self, length: usize) -> Result<CudaStorage> {
        // SAFETY: any bits are a value of the types that are asked for, and every kernel writes the whole of what it was given
        // room for before another reads it; tests/kernels fills such room with NaN.
        let slice = unsafe { self.cuda.alloc::<T>(length)? };
        Ok(CudaStorage::wrap_cuda_slice(slice, self.cuda.clone()))
    }
}

fn address_of<T: CudaDType>(storage: &CudaStorage) -> Result<u64> {
    let slice = storage.as_cuda_slice::<T>()?;
    // What the guard would record for other streams is not needed: there are none.
    let (address, _) = slice.device_ptr(&storage.device().cuda_stream());
    Ok(address)
}
