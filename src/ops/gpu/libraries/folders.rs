//! Where NVIDIA's libraries may lie besides the folders that the system's loader searches.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names to open a library by, in order: its bare name, which the loader looks up on LD_LIBRARY_PATH and in the
/// system's folders, and its places in the CUDA toolkit, in conda's environment and in Python's wheels.
pub fn paths(file: &str) -> Vec<OsString> {
    let folder = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let toolkits = ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"].into_iter().filter_map(folder);
    let toolkits = toolkits.chain([PathBuf::from("/usr/local/cuda")]);
    let mut folders: Vec<PathBuf> = toolkits.flat_map(|root| [root.join("lib64"), root.join("lib")]).collect();
    folders.extend(folder("CONDA_PREFIX").map(|root| root.join("lib")));
    folders.extend(folder("VIRTUAL_ENV").iter().chain(&folder("CONDA_PREFIX")).flat_map(|root| wheels(root)));
    let places = folders.into_iter().map(|folder| folder.join(file)).filter(|path| path.is_file());
    std::iter::once(file.into()).chain(places.map(PathBuf::into_os_string)).collect()
}

/// `lib/python3.12/site-packages/nvidia/cudnn/lib` and the like below a Python environment.
fn wheels(environment: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let pythons = below(&environment.join("lib"));
    let packages = pythons.iter().flat_map(|python| below(&python.join("site-packages/nvidia")));
    packages.map(|package| package.join("lib")).filter(|folder| folder.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_pythons_wheels_are_found() -> std::io::Result<()> {
        let environment = tempfile::tempdir()?;
        let packages = environment.path().join("lib/python3.12/site-packages/nvidia");
        for folder in ["cudnn/lib", "cu13/lib", "cublas"] {
            std::fs::create_dir_all(packages.join(folder))?;
        }
        assert_eq!(wheels(environment.path()), [packages.join("cu13/lib"), packages.join("cudnn/lib")]);
        assert_eq!(wheels(&environment.path().join("lib")), Vec::<PathBuf>::new());
        Ok(())
    }

    #[test]
    fn the_loaders_own_folders_come_first() {
        assert_eq!(paths("libnone.so.7").first(), Some(&OsString::from("libnone.so.7")));
    }
}
