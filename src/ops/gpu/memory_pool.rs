//! The pool that a device takes tensors' memory from.

use candle_core::cuda_backend::cudarc::driver::{CudaContext, sys};
use candle_core::{Error, Result};
use sys::CUmemPool_attribute as Attribute;

/// A device's default pool, from which memory is taken and given back in the order of a stream.
pub struct MemoryPool(sys::CUmemoryPool);

// SAFETY: a pool is a handle that the driver lets any thread use, and it lives as long as the process.
unsafe impl Send for MemoryPool {}
// SAFETY: as above.
unsafe impl Sync for MemoryPool {}

impl MemoryPool {
    pub fn new(context: &CudaContext) -> Result<Self> {
        context.bind_to_thread().map_err(Error::wrap)?;
        let mut pool = std::ptr::null_mut();
        // SAFETY: the device is open, and `pool` has room for the handle.
        unsafe { sys::cuDeviceGetDefaultMemPool(&mut pool, context.cu_device()) }.result().map_err(Error::wrap)?;
        Ok(Self(pool))
    }

    /// Keeps what is freed for the next tensor, where the driver's default gives it back at every wait for the device.
    pub fn keep_freed(&self) -> Result<()> {
        let mut threshold = u64::MAX;
        // SAFETY: this attribute is 64 bits wide, which are read before the call returns.
        let set = unsafe {
            let attribute = Attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
            sys::cuMemPoolSetAttribute(self.0, attribute, (&raw mut threshold).cast()).result()
        };
        set.map_err(Error::wrap)
    }

    /// Gives what was freed back to the driver. The stream must have come by.
    pub fn give_back_freed(&self) -> Result<()> {
        // SAFETY: the pool lives as long as the process; memory in use stays.
        unsafe { sys::cuMemPoolTrimTo(self.0, 0) }.result().map_err(Error::wrap)
    }

    /// The most bytes in use at once.
    pub fn peak(&self) -> Result<u64> {
        let mut peak = 0u64;
        // SAFETY: this attribute is 64 bits wide, and `peak` has room for them.
        let requested = unsafe {
            let attribute = Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
            sys::cuMemPoolGetAttribute(self.0, attribute, (&raw mut peak).cast()).result()
        };
        requested.map_err(Error::wrap)?;
        Ok(peak)
    }
}
