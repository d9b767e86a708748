//! A CUDA device: memory and streams are candle's, kernels are ours.
//!
//! All work goes to the one stream of candle's device, in the order in which it is asked for; memory is taken and freed
//! in that order too. So an address stays good for every launch that is asked for while its tensor lives.

use super::libraries::Found;
use super::memory_pool::MemoryPool;
use super::modules::Modules;
use super::upload::Upload;
#[cfg(feature = "cudnn")]
use super::{Convolution, Convolutions, cudnn::Cudnn};
use super::{Gpu, KernelArguments, LaunchConfig, MatrixProduct, blas};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr, result, sys};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Error, Result, Shape, Storage, Tensor, bail};
use sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN as MOST_SHARED;
use sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES as DYNAMIC_SHARED;

/// Bytes of shared memory that a kernel gets without asking, on every GPU.
const SHARED: u32 = 48 * 1024;

/// A device with its kernels.
pub struct Cuda {
    device: Device,
    cuda: CudaDevice,
    most_shared: usize,
    pool: MemoryPool,
    upload: Upload,
    modules: Modules,
    /// Where the library is installed.
    #[cfg(feature = "cudnn")]
    cudnn: Option<Cudnn>,
}

impl Cuda {
    /// The device that candle has opened, of a process that `found` these libraries.
    pub(super) fn new(device: &Device, found: Found) -> Result<Self> {
        let Device::Cuda(cuda) = device else { bail!("{:?} is no CUDA device", device.location()) };
        let stream = cuda.cuda_stream();
        let context = stream.context();
        // SAFETY: events would order streams among each other. Tensors are of one: candle copies on it, and kernels,
        // cuBLAS and cuDNN are launched on it; `upload.rs`, which has another, waits for what it uses. `bntt selftest`
        // tests the numbers on a GPU.
        unsafe { cuda.disable_event_tracking() };
        let pool = MemoryPool::new(context)?;
        pool.keep_freed()?;
        let modules = Modules::default();
        modules.try_one(context)?;
        #[cfg(not(feature = "cudnn"))]
        let _ = found;
        Ok(Self {
            device: device.clone(),
            cuda: cuda.clone(),
            most_shared: context.attribute(MOST_SHARED).map_err(Error::wrap)?.max(SHARED as i32) as usize,
            pool,
            upload: Upload::new(context)?,
            modules,
            #[cfg(feature = "cudnn")]
            cudnn: found.cudnn.then(|| Cudnn::new(cuda, result::mem_get_info().map_err(Error::wrap)?.1)).transpose()?,
        })
    }

    /// Whether `cuda` is this device.
    pub(super) fn is(&self, cuda: &CudaDevice) -> bool {
        self.cuda.id() == cuda.id()
    }

    /// Free and total bytes of the device's memory.
    pub fn memory(&self) -> Result<(usize, usize)> {
        self.cuda.cuda_stream().context().bind_to_thread().map_err(Error::wrap)?;
        result::mem_get_info().map_err(Error::wrap)
    }

    /// Values of the host as a tensor, copied while the device computes.
    pub fn upload(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        let tensor = self.alloc_uninit(shape, DType::F32)?;
        if tensor.elem_count() != values.len() {
            bail!("upload: {} values make no tensor of {shape:?}", values.len())
        }
        // SAFETY: the tensor has room for as many values, and its memory is of this device's stream.
        unsafe { self.upload.copy(&self.cuda, values, self.address(&tensor)?)? };
        Ok(tensor)
    }

    /// The most bytes that tensors took at once.
    pub fn peak_memory(&self) -> Option<u64> {
        self.pool.peak().ok()
    }

    /// Memory whose elements are unspecified. Where there is none left, what was freed is given back to the driver,
    /// which may be able to put it together otherwise, and it is asked once more.
    fn try_alloc<T: CudaDType + DeviceRepr>(&self, length: usize) -> Result<CudaStorage> {
        let stream = self.cuda.cuda_stream();
        // SAFETY: any bits are a value of the types that are asked for, and every kernel writes the whole of what it
        // was given room for before another reads it; tests/kernels fills such room with NaN.
        let slice = match unsafe { stream.alloc::<T>(length) } {
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                stream.synchronize().map_err(Error::wrap)?;
                self.pool.give_back_freed()?;
                // SAFETY: as above.
                unsafe { stream.alloc::<T>(length) }
            }
            other => other,
        };
        Ok(CudaStorage::wrap_cuda_slice(slice.map_err(Error::wrap)?, self.cuda.clone()))
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

    fn most_shared(&self) -> usize {
        self.most_shared
    }

    fn alloc_uninit(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let shape = Shape::from(shape);
        let length = shape.elem_count();
        let storage = match dtype {
            DType::U8 => self.try_alloc::<u8>(length)?,
            DType::U32 => self.try_alloc::<u32>(length)?,
            DType::I64 => self.try_alloc::<i64>(length)?,
            DType::BF16 => self.try_alloc::<half::bf16>(length)?,
            DType::F32 => self.try_alloc::<f32>(length)?,
            DType::F64 => self.try_alloc::<f64>(length)?,
            other => bail!("no kernel writes {other:?}"),
        };
        Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
    }

    fn zeros(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let tensor = self.alloc_uninit(shape, dtype)?;
        let (address, bytes) = (self.address(&tensor)?, tensor.elem_count() * dtype.size_in_bytes());
        // SAFETY: as many bytes lie at the address, whose memory is freed on the same stream, after this.
        let cleared = unsafe { result::memset_d8_async(address, 0, bytes, self.cuda.cuda_stream().cu_stream()) };
        cleared.map(|()| tensor).map_err(Error::wrap)
    }

    fn launch(&self, kernel: &str, grid: LaunchConfig, mut arguments: KernelArguments) -> Result<()> {
        let (stream, mut places) = (self.cuda.cuda_stream(), arguments.places()?);
        let function = self.modules.kernel(stream.context(), kernel)?;
        stream.context().bind_to_thread().map_err(Error::wrap)?;
        let [x, y, z] = grid.blocks;
        // SAFETY: the function is of a module that lives as long as `self`; `places` holds as many arguments, laid out
        // as the kernel takes them, as the op's cuda.rs gives (tests/kernels runs the same launches over the same
        // sources); pointers among them are addresses of this device whose tensors' memory is freed on this same
        // stream, after this launch.
        let launched = unsafe {
            if grid.shared > SHARED {
                result::function::set_function_attribute(function.cu_function(), DYNAMIC_SHARED, grid.shared as i32)
                    .map_err(Error::wrap)?;
            }
            let (function, stream) = (function.cu_function(), stream.cu_stream());
            result::launch_kernel(function, (x, y, z), (grid.threads, 1, 1), grid.shared, stream, &mut places)
        };
        launched.map_err(|error| Error::msg(format!("GPU kernel {kernel} over {grid:?}: {error}")))
    }

    fn multiply(&self, product: &MatrixProduct<'_>) -> Result<()> {
        blas::multiply(self, &self.cuda.cublas_handle(), product)
    }

    #[cfg(feature = "cudnn")]
    fn convolutions(&self) -> Option<&dyn Convolutions> {
        self.cudnn.is_some().then_some(self)
    }
}

#[cfg(feature = "cudnn")]
impl Cuda {
    fn cudnn(&self) -> Result<&Cudnn> {
        self.cudnn.as_ref().ok_or_else(|| Error::msg("cuDNN was not found on this machine"))
    }
}

#[cfg(feature = "cudnn")]
impl Convolutions for Cuda {
    fn forward(&self, x: &Tensor, w: &Tensor, y: &Tensor, task: &Convolution<'_>) -> Result<bool> {
        self.cudnn()?.forward(self, x, w, y, task)
    }

    fn input_gradient(&self, dy: &Tensor, w: &Tensor, dx: &Tensor, task: &Convolution<'_>) -> Result<bool> {
        self.cudnn()?.input_gradient(self, dy, w, dx, task)
    }

    fn weight_gradient(
        &self,
        x: &Tensor,
        dy: &Tensor,
        dw: &Tensor,
        task: &Convolution<'_>,
        add: &dyn Fn(bool) -> Result<()>,
    ) -> Result<bool> {
        self.cudnn()?.weight_gradient(self, x, dy, dw, task, add)
    }

    fn computes(&self, task: &Convolution<'_>) -> Result<bool> {
        self.cudnn()?.computes(task)
    }
}

fn address_of<T: CudaDType>(storage: &CudaStorage) -> Result<u64> {
    let slice = storage.as_cuda_slice::<T>()?;
    // What the guard would record for other streams is not needed: there are none.
    let (address, _) = slice.device_ptr(&storage.device().cuda_stream());
    Ok(address)
}
