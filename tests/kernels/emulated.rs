//! A GPU that is none: the GPU kernels, compiled for the host, on tensors in ordinary memory.

use bntt::ops::gpu::{Gpu, KernelArguments, LaunchConfig, MatrixProduct};
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Tensor, bail};
use std::cell::Cell;
use std::ffi::{OsStr, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

type Launcher = unsafe extern "C" fn(*const u32, u32, u32, *const *mut c_void);

pub struct Emulated {
    library: libloading::Library,
    /// Kernels share the emulator's state: one at a time.
    turn: Mutex<()>,
}

impl Emulated {
    /// The one of this process; its kernels are compiled when it is first asked for.
    pub fn get() -> &'static Self {
        static EMULATED: OnceLock<Emulated> = OnceLock::new();
        EMULATED.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let library = compile(folder.path());
            // SAFETY: the library was compiled just now, from our own sources, and runs nothing when it is loaded.
            let library = unsafe { libloading::Library::new(library) }.expect("the compiled kernels");
            Self { library, turn: Mutex::new(()) }
        })
    }
}

/// Compiles every kernel file and the emulator to one library.
fn compile(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = kernel_files(&root.join("src/ops"));
    assert!(sources.len() >= 10, "{sources:?}");
    let compile = |source: &Path, object: &Path| {
        let mut command = Command::new(std::env::var_os("CXX").as_deref().unwrap_or(OsStr::new("c++")));
        command.args([
            "-std=c++17",
            "-O1",
            "-fPIC",
            "-ffp-contract=off",
            "-Wall",
            "-Werror",
            "-Wno-unknown-pragmas",
            "-c",
        ]);
        for include in ["tests/kernels", "src/ops/gpu", "src/ops/lif", "src/ops/batch_norm"] {
            command.arg("-I").arg(root.join(include));
        }
        run(command.arg(source).arg("-o").arg(object));
    };
    let objects: Vec<PathBuf> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (sources.iter().map(|source| (source, true)))
            .chain([(&root.join("tests/kernels/host.cpp"), false)])
            .enumerate()
            .map(|(number, (source, kernels))| {
                let (source, object) = (source.clone(), folder.join(format!("{number}.o")));
                scope.spawn(move || {
                    let unit = folder.join(format!("{number}.cpp"));
                    std::fs::write(&unit, unit_of(&source, kernels)).expect("a file");
                    compile(&unit, &object);
                    object
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().expect("a compiled file")).collect()
    });
    let library = folder.join("libkernels.so");
    let mut link = Command::new(std::env::var_os("CXX").as_deref().unwrap_or(OsStr::new("c++")));
    run(link.arg("-shared").args(objects).arg("-o").arg(&library));
    library
}

/// A file that includes `source` and, of kernels, makes every one callable.
fn unit_of(source: &Path, kernels: bool) -> String {
    let mut unit = format!("#include \"{}\"\n", source.display());
    if kernels {
        unit.extend(kernel_names(source).iter().map(|name| format!("HOST({name})\n")));
    }
    unit
}

/// The kernels that a file defines, by name: `KERNEL name(`, or the first argument of a macro that defines one.
pub fn kernel_names(source: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(source).expect("a kernel file");
    let mut names = Vec::new();
    let mut makers: Vec<(String, Vec<String>)> = Vec::new();
    let fused = text.replace("\\\n", " ");
    for line in fused.lines() {
        if let Some(rest) = line.strip_prefix("#define ") {
            // A maker's kernels: names, with `##suffix` for what its first argument is pasted to.
            let Some((maker, body)) = rest.split_once(')') else { continue };
            let Some((maker, parameters)) = maker.split_once('(') else { continue };
            let first = parameters.split(',').next().unwrap_or_default().trim().to_string();
            let made: Vec<String> = body
                .split("KERNEL ")
                .skip(1)
                .filter_map(|kernel| kernel.split('(').next())
                .map(|kernel| kernel.replace(&format!("##{first}"), "\0").replace(&first, "\0"))
                .collect();
            makers.push((maker.to_string(), made));
        } else if let Some(rest) = line.strip_prefix("KERNEL ") {
            names.extend(rest.split('(').next().map(str::to_string));
        } else if let Some((maker, rest)) = line.split_once('(')
            && let Some((_, made)) = makers.iter().find(|(name, _)| name == maker)
        {
            let argument = rest.split(',').next().unwrap_or_default().trim();
            names.extend(made.iter().map(|kernel| kernel.replace('\0', argument)));
        }
    }
    names
}

/// All `.cu` files below `folder`.
pub fn kernel_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(kernel_files(&path));
        } else if path.extension() == Some(OsStr::new("cu")) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install g++ or set CXX"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Where a tensor's elements lie, for writing.
struct Address(Cell<u64>);

impl InplaceOp1 for Address {
    fn name(&self) -> &'static str {
        "address"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Some((start, _)) = layout.contiguous_offsets() else { bail!("not contiguous: {layout:?}") };
        let address = match storage {
            CpuStorage::U8(values) => values.as_mut_ptr() as u64 + start as u64,
            CpuStorage::U32(values) => values.as_mut_ptr() as u64 + 4 * start as u64,
            CpuStorage::I32(values) => values.as_mut_ptr() as u64 + 4 * start as u64,
            CpuStorage::I64(values) => values.as_mut_ptr() as u64 + 8 * start as u64,
            CpuStorage::BF16(values) => values.as_mut_ptr() as u64 + 2 * start as u64,
            CpuStorage::F32(values) => values.as_mut_ptr() as u64 + 4 * start as u64,
            CpuStorage::F64(values) => values.as_mut_ptr() as u64 + 8 * start as u64,
            _ => bail!("no kernel works on this type"),
        };
        self.0.set(address);
        Ok(())
    }
}

impl Gpu for Emulated {
    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn address(&self, tensor: &Tensor) -> Result<u64> {
        let address = Address(Cell::new(0));
        tensor.inplace_op1(&address)?;
        Ok(address.0.get())
    }

    /// That of the smallest GPU that the kernels run on.
    fn most_shared(&self) -> usize {
        99 * 1024
    }

    /// Filled with what no kernel may leave or read.
    fn alloc_uninit(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        match dtype {
            DType::U8 => Tensor::full(0xa5u8, shape, &Device::Cpu),
            DType::U32 => Tensor::full(0xa5a5_a5a5u32, shape, &Device::Cpu),
            dtype => Tensor::full(f32::NAN, shape, &Device::Cpu)?.to_dtype(dtype),
        }
    }

    fn zeros(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::zeros(shape, dtype, &Device::Cpu)
    }

    fn launch(&self, kernel: &str, grid: LaunchConfig, mut arguments: KernelArguments) -> Result<()> {
        let _turn = self.turn.lock();
        let name = format!("host_{kernel}");
        // SAFETY: launchers have this type (host.h makes them all), and every argument is of the type that its kernel
        // takes as far as these tests show: addresses are those of tensors that live at least as long as this call.
        unsafe {
            let Ok(launcher) = self.library.get::<Launcher>(name.as_bytes()) else {
                bail!("there is no kernel {kernel}")
            };
            launcher(grid.blocks.as_ptr(), grid.threads, grid.shared, arguments.places()?.as_ptr());
        }
        Ok(())
    }

    fn multiply(&self, p: &MatrixProduct<'_>) -> Result<()> {
        let lying = |x: &Tensor, transposed: bool, rows: usize, columns: usize| {
            let x = x.flatten_all()?.narrow(0, 0, rows * columns)?.to_dtype(DType::F32)?;
            if transposed { x.reshape((columns, rows))?.t()?.contiguous() } else { x.reshape((rows, columns)) }
        };
        let (a, b) = (lying(p.a, p.a_transposed, p.m, p.k)?, lying(p.b, p.b_transposed, p.k, p.n)?);
        let c = p.c.flatten_all()?.narrow(0, 0, p.m * p.n)?;
        let mut product = a.matmul(&b)?.flatten_all()?;
        if p.accumulate {
            product = (product + c.to_dtype(DType::F32)?)?;
        }
        let product = product.to_dtype(c.dtype())?;
        // SAFETY: both hold m x n elements of one type, and they are different tensors.
        unsafe {
            let (from, to) = (self.address(&product)? as *const u8, self.address(&c)? as *mut u8);
            std::ptr::copy_nonoverlapping(from, to, p.m * p.n * c.dtype().size_in_bytes());
        }
        Ok(())
    }
}
