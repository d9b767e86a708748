//! Every function of NVIDIA's libraries that this program calls, as a jump to where its slot points.

use libloading::Library;
use std::arch::global_asm;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function of a library, and the slot that its jump goes by.
pub struct Function {
    name: &'static str,
    slot: &'static AtomicPtr<()>,
}

impl Function {
    /// Points the jump at the library's function; where it lacks it, the jump goes on giving an error.
    pub fn connect(&self, library: &'static Library) {
        // SAFETY: the function is only ever called by the callers of the jump, which were compiled for the type that
        // NVIDIA's headers give it; the library is never closed.
        if let Ok(found) = unsafe { library.get::<*mut ()>(self.name) } {
            self.slot.store(*found, Ordering::Release);
        }
    }
}

// What slots point to before a library is open. Arguments are left where the caller put them.

/// `CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND`.
extern "C" fn no_driver() -> i32 {
    302
}

/// `CUBLAS_STATUS_NOT_INITIALIZED`.
extern "C" fn no_cublas() -> i32 {
    1
}

/// `CUDNN_STATUS_NOT_INITIALIZED`.
extern "C" fn no_cudnn() -> i32 {
    1001
}

/// `cudaErrorNotSupported`.
extern "C" fn no_runtime() -> i32 {
    801
}

/// Success, and nothing done.
extern "C" fn nothing() -> i32 {
    0
}

/// `JUMPS name, missing: functions;` defines the functions' jumps and the list of them.
macro_rules! jumps {
    ($($(#[$about:meta])* $list:ident, $missing:ident: $($function:ident)*;)*) => {
        /// A slot for each function, under its name.
        #[allow(non_upper_case_globals)]
        mod slots {
            use std::sync::atomic::AtomicPtr;
            $($(pub static $function: AtomicPtr<()> = AtomicPtr::new(super::$missing as *mut ());)*)*
        }
        $($(
            // The name is hidden from the libraries, which call each other's functions and not these.
            #[cfg(target_arch = "x86_64")]
            global_asm!(
                concat!(".globl ", stringify!($function)),
                concat!(".hidden ", stringify!($function)),
                concat!(".type ", stringify!($function), ", @function"),
                concat!(stringify!($function), ":"),
                "jmp *{slot}(%rip)",
                slot = sym slots::$function,
                options(att_syntax)
            );
            #[cfg(target_arch = "aarch64")]
            global_asm!(
                concat!(".globl ", stringify!($function)),
                concat!(".hidden ", stringify!($function)),
                concat!(".type ", stringify!($function), ", %function"),
                concat!(stringify!($function), ":"),
                "adrp x16, {slot}",
                "ldr x16, [x16, :lo12:{slot}]",
                "br x16",
                slot = sym slots::$function
            );
        )*)*
        $($(#[$about])* pub const $list: &[Function] =
            &[$(Function { name: stringify!($function), slot: &slots::$function }),*];)*
    };
}

jumps! {
    /// The driver's.
    DRIVER, no_driver:
        cuCtxDestroy_v2 cuCtxGetCurrent cuCtxSetCurrent cuCtxSynchronize
        cuDeviceGet cuDeviceGetAttribute cuDeviceGetCount cuDeviceGetDefaultMemPool cuDeviceGetName
        cuDevicePrimaryCtxRelease_v2 cuDevicePrimaryCtxRetain cuDriverGetVersion
        cuEventCreate cuEventDestroy_v2 cuEventRecord cuEventSynchronize
        cuFuncSetAttribute cuGetErrorString cuInit cuLaunchKernel
        cuMemAllocAsync cuMemAlloc_v2 cuMemFreeAsync cuMemFree_v2 cuMemGetInfo_v2
        cuMemPoolGetAttribute cuMemPoolSetAttribute cuMemPoolTrimTo
        cuMemcpyDtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuMemcpyHtoDAsync_v2 cuMemcpyPeerAsync cuMemsetD8Async
        cuModuleGetFunction cuModuleLoad cuModuleLoadData cuModuleUnload
        cuStreamCreate cuStreamDestroy_v2 cuStreamIsCapturing cuStreamSynchronize cuStreamWaitEvent;
    /// cuBLAS's.
    CUBLAS, no_cublas:
        cublasCreate_v2 cublasDestroy_v2 cublasGemmEx cublasSetStream_v2;
    /// cuDNN's.
    CUDNN, no_cudnn:
        cudnnConvolutionBackwardData cudnnConvolutionBackwardFilter cudnnConvolutionForward
        cudnnCreate cudnnCreateConvolutionDescriptor cudnnCreateFilterDescriptor cudnnCreateTensorDescriptor
        cudnnDestroy cudnnDestroyConvolutionDescriptor cudnnDestroyFilterDescriptor cudnnDestroyTensorDescriptor
        cudnnGetConvolutionBackwardDataAlgorithm_v7 cudnnGetConvolutionBackwardDataWorkspaceSize
        cudnnGetConvolutionBackwardFilterAlgorithm_v7 cudnnGetConvolutionBackwardFilterWorkspaceSize
        cudnnGetConvolutionForwardAlgorithm_v7 cudnnGetConvolutionForwardWorkspaceSize
        cudnnSetConvolution2dDescriptor cudnnSetConvolutionMathType cudnnSetFilter4dDescriptor cudnnSetStream
        cudnnSetTensor4dDescriptor;
    /// cuRAND's, which stay as they are: candle makes a generator with every device, and no number is drawn from it,
    /// since all of ours come from `rng.rs`.
    #[allow(dead_code)]
    CURAND, nothing:
        curandCreateGenerator curandDestroyGenerator curandSetPseudoRandomGeneratorSeed curandSetStream;
    /// The runtime's, which stay too: candle's kernels for quantised numbers name themselves to it when the program
    /// starts, and none of them is called.
    #[allow(dead_code)]
    RUNTIME_AT_START, nothing:
        __cudaRegisterFatBinary __cudaRegisterFatBinaryEnd __cudaRegisterFunction __cudaRegisterVar
        __cudaUnregisterFatBinary;
    /// What those kernels' callers would call.
    #[allow(dead_code)]
    RUNTIME, no_runtime:
        __cudaGetKernel __cudaLaunchKernel_ptsz __cudaLaunchKernel __cudaPopCallConfiguration __cudaPushCallConfiguration
        cudaFuncSetAttribute cudaGetDevice;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_a_library_that_is_not_open_gives_an_error_and_not_a_crash() {
        use candle_core::cuda_backend::cudarc::cublas::sys as cublas;
        // SAFETY: the handle has room, and nothing is written while cuBLAS is not open.
        let status = unsafe { cublas::cublasCreate_v2(&mut std::ptr::null_mut()) };
        assert!(
            matches!(
                status,
                cublas::cublasStatus_t::CUBLAS_STATUS_NOT_INITIALIZED | cublas::cublasStatus_t::CUBLAS_STATUS_SUCCESS
            ),
            "{status:?}"
        );
    }

    #[test]
    fn a_slot_is_pointed_at_what_a_library_has() -> Result<(), libloading::Error> {
        static SLOT: AtomicPtr<()> = AtomicPtr::new(nothing as *mut ());
        // SAFETY: the mathematical library is loaded already, or does nothing when it is.
        let library: &'static Library = Box::leak(Box::new(unsafe { Library::new("libm.so.6")? }));
        Function { name: "no_such_function", slot: &SLOT }.connect(library);
        assert_eq!(SLOT.load(Ordering::Acquire), nothing as *mut ());
        Function { name: "cos", slot: &SLOT }.connect(library);
        // SAFETY: the slot points at the C library's `double cos(double)` now.
        let cos: extern "C" fn(f64) -> f64 = unsafe { std::mem::transmute(SLOT.load(Ordering::Acquire)) };
        assert_eq!(cos(0.0), 1.0);
        Ok(())
    }
}
