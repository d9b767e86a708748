//! A CUDA device: memory and streams are candle's, kernels are ours.
//!
//! All work goes to the one stream of candle's device, in the order in which it is asked for; memory is taken and freed
//! in that order too. So an address stays good for every launch that is asked for while its tensor lives.

use super::memory_pool::MemoryPool;
use super::upload::Upload;
#[cfg(feature = "cudnn")]
use super::{Convolution, Convolutions};
use super::{Gpu, KernelArguments, LaunchConfig, MatrixProduct, blas};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::CudaFunction;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DevicePtr, DeviceRepr, DriverError, result, sys};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Result, Shape, Storage, Tensor, bail};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

// `MODULES: &[(name, PTX, kernels)]`, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// Bytes of shared memory that a kernel gets without asking.
const SHARED: u32 = 48 * 1024;

/// The oldest compute capability that the kernels run on; build.rs compiles for it.
const OLDEST: (i32, i32) = (8, 0);

/// A device with its kernels.
pub struct Cuda {
    device: Device,
    cuda: CudaDevice,
    pool: MemoryPool,
    upload: Upload,
    kernels: Mutex<HashMap<String, CudaFunction>>,
    #[cfg(feature = "cudnn")]
    cudnn: super::cudnn::Cudnn,
}

/// Devices that are open, by number. They stay so to the end of the process.
static OPEN: Mutex<BTreeMap<usize, Arc<Cuda>>> = Mutex::new(BTreeMap::new());

impl Cuda {
    /// Opens device number `ordinal`, once.
    ///
    /// # Errors
    /// A sentence, for somebody who asked for that device: no driver, no such device, one that is too old, or in use.
    pub fn open(ordinal: usize) -> std::result::Result<Device, String> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = open.get(&ordinal) {
            return Ok(found.device.clone());
        }
        result::init().map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => {
                "the NVIDIA driver finds no GPU: see what `nvidia-smi` lists".to_string()
            }
            _ => format!("the NVIDIA driver does not start ({error}): see whether `nvidia-smi` works"),
        })?;
        let count = CudaContext::device_count().map_err(|error| format!("the GPUs cannot be counted: {error}"))?;
        if ordinal >= count.max(0) as usize {
            return Err(match count {
                ..=0 => "the NVIDIA driver finds no GPU: see what `nvidia-smi` lists".to_string(),
                1 => "there is one GPU: use \"cuda:0\"".to_string(),
                _ => format!("there are {count} GPUs: use \"cuda:0\" to \"cuda:{}\"", count - 1),
            });
        }
        // A stream of its own, the same for all threads of the process.
        let device = Device::new_cuda_with_stream(ordinal).map_err(|error| format!("it cannot be opened: {error}"))?;
        let made = Self::new(&device).map_err(|error| error.to_string())?;
        open.insert(ordinal, Arc::new(made));
        Ok(device)
    }

    fn new(device: &Device) -> Result<Self> {
        let Device::Cuda(cuda) = device else { bail!("{:?} is no CUDA device", device.location()) };
        let (stream, wrap) = (cuda.cuda_stream(), |error: DriverError| candle_core::Error::wrap(error));
        let context = stream.context();
        let number = |attribute| context.attribute(attribute).map_err(wrap);
        let found = (
            number(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            number(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        if found < OLDEST {
            let name = context.name().unwrap_or_else(|_| "it".into());
            bail!(
                "{name} has compute capability {}.{}, and the kernels need {}.{} or newer: use another GPU, or \"cpu\"",
                found.0,
                found.1,
                OLDEST.0,
                OLDEST.1
            )
        }
        // SAFETY: events would order streams among each other. Tensors are of one: candle copies on it, and kernels,
        // cuBLAS and cuDNN are launched on it; `upload.rs`, which has another, waits for what it uses. `bntt selftest`
        // tests the numbers on a GPU.
        unsafe { cuda.disable_event_tracking() };
        let pool = MemoryPool::new(context)?;
        pool.keep_freed()?;
        let made = Self {
            device: device.clone(),
            cuda: cuda.clone(),
            pool,
            upload: Upload::new(context)?,
            kernels: Mutex::default(),
            #[cfg(feature = "cudnn")]
            cudnn: super::cudnn::Cudnn::new(cuda)?,
        };
        // A driver older than the toolkit that compiled the kernels says so here, not in the middle of a run.
        if let Some((_, _, [name, ..])) = MODULES.first() {
            made.kernel(name)?;
        }
        Ok(made)
    }

    /// The open device that holds a tensor.
    pub fn for_device(device: &Device) -> Result<Arc<Self>> {
        let Device::Cuda(cuda) = device else { bail!("{:?} is no CUDA device", device.location()) };
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        match open.values().find(|open| open.cuda.id() == cuda.id()) {
            Some(found) => Ok(Arc::clone(found)),
            None => bail!("{:?} was not opened by Cuda::open", device.location()),
        }
    }

    /// Free and total bytes of the device's memory.
    pub fn memory(&self) -> Result<(usize, usize)> {
        self.cuda.cuda_stream().context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        result::mem_get_info().map_err(candle_core::Error::wrap)
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

    fn kernel(&self, name: &str) -> Result<CudaFunction> {
        let mut kernels = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kernels.get(name) {
            return Ok(found.clone());
        }
        let Some((module, ptx, _)) = MODULES.iter().find(|(_, _, names)| names.contains(&name)) else {
            bail!("this build has no kernel {name}")
        };
        let function = self.cuda.get_or_load_custom_func(name, module, ptx)?.into_cuda_function();
        kernels.insert(name.to_string(), function.clone());
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

    fn alloc_uninit(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let shape = Shape::from(shape);
        let length = shape.elem_count();
        let storage = match dtype {
            DType::U8 => self.try_alloc::<u8>(length)?,
            DType::U32 => self.try_alloc::<u32>(length)?,
            DType::BF16 => self.try_alloc::<half::bf16>(length)?,
            DType::F32 => self.try_alloc::<f32>(length)?,
            DType::F64 => self.try_alloc::<f64>(length)?,
            other => bail!("no kernel writes {other:?}"),
        };
        Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
    }

    fn launch(&self, kernel: &str, grid: LaunchConfig, mut arguments: KernelArguments) -> Result<()> {
        let function = self.kernel(kernel)?;
        let (stream, mut places) = (self.cuda.cuda_stream(), arguments.places()?);
        stream.context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        let [x, y, z] = grid.blocks;
        // SAFETY: the function is of a module that lives as long as `self`; `places` holds as many arguments, laid out
        // as the kernel takes them, as the op's cuda.rs gives (tests/kernels runs the same launches over the same
        // sources); pointers among them are addresses of this device whose tensors' memory is freed on this same
        // stream, after this launch.
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

    fn multiply(&self, product: &MatrixProduct<'_>) -> Result<()> {
        blas::multiply(self, &self.cuda.cublas_handle(), product)
    }

    #[cfg(feature = "cudnn")]
    fn convolutions(&self) -> Option<&dyn Convolutions> {
        Some(self)
    }
}

#[cfg(feature = "cudnn")]
impl Convolutions for Cuda {
    fn forward(&self, x: &Tensor, w: &Tensor, y: &Tensor, task: &Convolution<'_>) -> Result<()> {
        self.cudnn.forward(self, x, w, y, task)
    }

    fn input_gradient(&self, dy: &Tensor, w: &Tensor, dx: &Tensor, task: &Convolution<'_>) -> Result<()> {
        self.cudnn.input_gradient(self, dy, w, dx, task)
    }

    fn weight_gradient(&self, x: &Tensor, dy: &Tensor, dw: &Tensor, task: &Convolution<'_>) -> Result<()> {
        self.cudnn.weight_gradient(self, x, dy, dw, task)
    }
}

impl Cuda {
    /// Memory whose elements are unspecified.
    fn try_alloc<T: CudaDType + DeviceRepr>(&self, length: usize) -> Result<CudaStorage> {
        // SAFETY: any bits are a value of the types that are asked for, and every kernel writes the whole of what it
        // was given room for before another reads it; tests/kernels fills such room with NaN.
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
