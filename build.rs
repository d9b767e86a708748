//! Puts the files of `configs` into the program. Compiles the GPU kernels, `src/ops/*/*.cu`, when the `cuda` feature is
//! on: machine code for the architectures below, and PTX, which drivers compile for newer ones.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs, thread};

/// Architectures of GPUs that people train on: A100, RTX 30, RTX 40 and L40, H100 and H200, B200, RTX 50. Those that
/// the toolkit does not know are left out. The first is the oldest that runs the kernels, and the PTX's.
const ARCHITECTURES: [u32; 6] = [80, 86, 89, 90, 100, 120];

/// Names the architectures to compile machine code for, as in `90` or `80,90`, in place of all of them: a build for one
/// machine takes less time. Others compile the PTX when they load it.
const ONLY: &str = "BNTT_CUDA_ARCHITECTURES";

/// Folders of headers.
const HEADERS: [&str; 3] = ["src/ops/gpu", "src/ops/lif", "src/ops/batch_norm"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=configs");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    write_configs(&out.join("configs.rs"));
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    println!("cargo:rerun-if-changed=src/ops");
    println!("cargo:rerun-if-env-changed=NVCC");
    println!("cargo:rerun-if-env-changed={ONLY}");
    let nvcc = Nvcc::find();
    let sources = kernel_files(Path::new("src/ops"));
    let compiled: Vec<Module> = thread::scope(|scope| {
        let tasks: Vec<_> = sources.iter().map(|source| scope.spawn(|| nvcc.compile(source, &out))).collect();
        tasks.into_iter().map(|task| task.join().unwrap_or_else(|_| fail("a kernel file was not compiled"))).collect()
    });
    let mut modules = String::from("static MODULES: &[(&str, &[u8], &[&str])] = &[\n");
    for Module { name, image, kernels } in compiled {
        let _ = writeln!(modules, "    ({name:?}, include_bytes!({:?}), &{kernels:?}),", image.display().to_string());
    }
    modules += "];\n";
    let (major, minor) = nvcc.version;
    let _ = writeln!(modules, "/// Version of the CUDA toolkit that compiled the kernels.");
    let _ = writeln!(modules, "const TOOLKIT: (i32, i32) = ({major}, {minor});");
    let list = out.join("kernels.rs");
    fs::write(&list, modules).unwrap_or_else(|error| fail(&format!("{}: {error}", list.display())));
}

/// A compiled kernel file.
struct Module {
    name: String,
    image: PathBuf,
    kernels: Vec<String>,
}

/// The CUDA compiler.
struct Nvcc {
    path: std::ffi::OsString,
    version: (i32, i32),
    architectures: Vec<u32>,
}

impl Nvcc {
    fn find() -> Self {
        let path = env::var_os("NVCC").unwrap_or_else(|| "nvcc".into());
        // "Cuda compilation tools, release 13.0, V13.0.88"
        let about = run(Command::new(&path).arg("--version"));
        let release = about.split("release ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
        let mut numbers = release.split('.').map(str::parse::<i32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            fail(&format!("{} --version names no release:\n{about}", path.to_string_lossy()))
        };
        let known = run(Command::new(&path).arg("--list-gpu-code"));
        let wanted = env::var(ONLY).unwrap_or_default();
        let wanted =
            |architecture: &u32| wanted.is_empty() || wanted.split(',').any(|one| one == architecture.to_string());
        let known = |architecture: &u32| known.lines().any(|line| line.trim() == format!("sm_{architecture}"));
        let architectures = ARCHITECTURES.into_iter().filter(known).filter(wanted).collect();
        Self { path, version: (major, minor), architectures }
    }

    fn compile(&self, source: &Path, out: &Path) -> Module {
        let name = source.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_string();
        let (image, ptx) = (out.join(format!("{name}.fatbin")), out.join(format!("{name}.ptx")));
        let oldest = ARCHITECTURES[0];
        run(self.command(source).arg("-ptx").arg(format!("-arch=compute_{oldest}")).arg("-o").arg(&ptx));
        let mut command = self.command(source);
        command.args(["-fatbin", "-gencode", &format!("arch=compute_{oldest},code=compute_{oldest}")]);
        for architecture in &self.architectures {
            command.args(["-gencode", &format!("arch=compute_{architecture},code=sm_{architecture}")]);
        }
        run(command.arg("-o").arg(&image));
        let text = fs::read_to_string(&ptx).unwrap_or_else(|error| fail(&format!("{}: {error}", ptx.display())));
        let entries = text.lines().filter_map(|line| line.split_once(".visible .entry ")?.1.split('(').next());
        Module { name, image, kernels: entries.map(|entry| entry.trim().to_string()).collect() }
    }

    fn command(&self, source: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-O3", "-std=c++17", "--fmad=false"]);
        HEADERS.iter().for_each(|folder| {
            command.args(["-I", folder]);
        });
        command.arg(source);
        command
    }
}

/// What a command prints.
fn run(command: &mut Command) -> String {
    match command.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => fail(&format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => fail(&format!(
            "cannot run {}: {error}; the cuda feature needs the CUDA toolkit: put nvcc on PATH or name it in NVCC",
            command.get_program().to_string_lossy()
        )),
    }
}

/// All `.cu` files below `folder`, in order.
fn kernel_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(kernel_files(&path));
        } else if path.extension() == Some(OsStr::new("cu")) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A table of the files in `configs`: the path below it, and the text.
fn write_configs(list: &Path) {
    let mut files = Vec::new();
    files_below(Path::new("configs"), &mut files);
    files.sort();
    let mut table = String::from("static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix("configs").unwrap_or(&file).display().to_string();
        let text = fs::canonicalize(&file).unwrap_or_else(|error| fail(&format!("{}: {error}", file.display())));
        let _ = writeln!(table, "    ({name:?}, include_str!({:?})),", text.display().to_string());
    }
    table += "];\n";
    fs::write(list, table).unwrap_or_else(|error| fail(&format!("{}: {error}", list.display())));
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn fail(problem: &str) -> ! {
    eprintln!("error: {problem}");
    exit(1)
}
