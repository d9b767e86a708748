//! Compiles the GPU kernels, `src/ops/*/*.cu`, to PTX when the `cuda` feature is on.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

/// The oldest architecture that runs the kernels; drivers compile them for newer ones.
const ARCHITECTURE: &str = "compute_80";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    println!("cargo:rerun-if-changed=src/ops");
    println!("cargo:rerun-if-env-changed=NVCC");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut modules = String::from("static MODULES: &[(&str, &str, &[&str])] = &[\n");
    for source in kernel_files(Path::new("src/ops")) {
        let name = source.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_string();
        let ptx = out.join(format!("{name}.ptx"));
        compile(&source, &ptx);
        let text = fs::read_to_string(&ptx).unwrap_or_else(|error| fail(&format!("{}: {error}", ptx.display())));
        let entries = text.lines().filter_map(|line| line.split_once(".visible .entry ")?.1.split('(').next());
        let entries: Vec<&str> = entries.map(str::trim).collect();
        let _ = writeln!(modules, "    ({name:?}, include_str!({:?}), &{entries:?}),", ptx.display().to_string());
    }
    modules += "];\n";
    let list = out.join("kernels.rs");
    fs::write(&list, modules).unwrap_or_else(|error| fail(&format!("{}: {error}", list.display())));
}

fn compile(source: &Path, ptx: &Path) {
    let nvcc = env::var_os("NVCC").unwrap_or_else(|| "nvcc".into());
    let mut command = Command::new(&nvcc);
    command.args(["-ptx", "-O3", "-std=c++17", "--fmad=false", "-arch", ARCHITECTURE]);
    command.args(["-I", "src/ops/gpu", "-I", "src/ops/lif", "-o"]).arg(ptx).arg(source);
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => fail(&format!(
            "cannot run {}: {error}; the cuda feature needs the CUDA toolkit: put nvcc on PATH or name it in NVCC",
            nvcc.to_string_lossy()
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

fn fail(problem: &str) -> ! {
    eprintln!("error: {problem}");
    exit(1)
}
