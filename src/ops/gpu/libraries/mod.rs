//! NVIDIA's libraries, opened when a GPU is first asked for.
//!
//! A program that is linked against the driver does not start where there is none, and candle links it. So the program
//! itself defines every function that it calls (`jumps`): the linker finds these before the libraries, and then needs
//! none. [`open`] points them at the libraries of the machine.

mod folders;
mod jumps;

use jumps::{CUBLAS, CUDNN, DRIVER, Function};
use libloading::Library;
use std::sync::OnceLock;

/// Version of the driver's library.
const DRIVER_FILE: &str = "libcuda.so.1";
/// Major version of cuDNN that the calls are those of.
const CUDNN_MAJOR: i32 = 9;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether convolutions may be cuDNN's.
    pub cudnn: bool,
}

/// Opens the driver, cuBLAS and, in a build for it, cuDNN, of the CUDA `toolkit` that the program was built with, once.
///
/// # Errors
/// The rest of a sentence, for somebody who asked for a GPU: which library is missing, for what version, and what to
/// do. Without cuDNN convolutions are computed otherwise, which is logged.
pub fn open(toolkit: (i32, i32)) -> Result<Found, String> {
    static FOUND: OnceLock<Result<Found, String>> = OnceLock::new();
    FOUND.get_or_init(|| open_all(toolkit)).clone()
}

fn open_all((major, minor): (i32, i32)) -> Result<Found, String> {
    connect(DRIVER_FILE, DRIVER).map_err(|problem| {
        format!(
            "the NVIDIA driver is not installed on this machine ({problem}): run on one with a GPU and a driver for CUDA \
             {major}.{minor} or newer, or use \"cpu\""
        )
    })?;
    let cublas = format!("libcublas.so.{major}");
    connect(&cublas, CUBLAS).map_err(|problem| {
        format!(
            "{cublas} of CUDA {major} is missing ({problem}): put the folder that holds it on LD_LIBRARY_PATH, or \
             install the CUDA {major} toolkit or `pip install nvidia-cublas`"
        )
    })?;
    if !cfg!(feature = "cudnn") {
        return Ok(Found { cudnn: false });
    }
    let cudnn = format!("libcudnn.so.{CUDNN_MAJOR}");
    let found = connect(&cudnn, CUDNN);
    if let Err(problem) = &found {
        tracing::warn!(
            "convolutions are computed by patches and cuBLAS, which is slower: {cudnn} is missing ({problem}); put the \
             folder that holds it on LD_LIBRARY_PATH, or `pip install nvidia-cudnn-cu{major}`"
        );
    }
    Ok(Found { cudnn: found.is_ok() })
}

/// Opens a library for good and points `functions` at those it has; the others go on giving errors.
fn connect(file: &str, functions: &[Function]) -> Result<(), String> {
    let mut problem = None;
    for path in folders::paths(file) {
        // SAFETY: NVIDIA's libraries set up their own state when they are loaded, and nothing of ours.
        match unsafe { Library::new(&path) } {
            Ok(library) => {
                let library: &'static Library = Box::leak(Box::new(library));
                functions.iter().for_each(|function| function.connect(library));
                return Ok(());
            }
            // The first says what the system's loader found.
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                problem = problem.or(Some(cause));
            }
        }
    }
    Err(problem.unwrap_or_else(|| format!("{file} is not found")))
}
