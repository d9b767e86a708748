//! The GPUs that CUDA shows a process, counted without CUDA: a process that opens the driver takes memory of a GPU that
//! it trains nothing on.
//!
//! Where `CUDA_VISIBLE_DEVICES` is set, its list is what there is, number 0 its first. Else the driver's folder in
//! `/proc` has an entry a GPU, and where that is not there (as on WSL) `nvidia-smi -L` has a line a GPU.

mod nvidia_smi;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use tracing::warn;

/// CUDA's own variable: the GPUs that a process is shown, by numbers or UUIDs.
pub const VARIABLE: &str = "CUDA_VISIBLE_DEVICES";

/// Who tells of GPUs.
pub struct GpuSources {
    /// The value of [`VARIABLE`], which may be empty: then there is no GPU.
    pub variable: Option<OsString>,
    /// The driver's folder, with an entry a GPU.
    pub driver: PathBuf,
    /// The program `nvidia-smi`.
    pub nvidia_smi: PathBuf,
}

/// What CUDA shows: number N is `cuda:N`.
pub struct VisibleGpus {
    /// What [`VARIABLE`] calls each of them: numbers or UUIDs.
    names: Vec<String>,
    sources: GpuSources,
}

impl GpuSources {
    /// Those of this process.
    pub fn here() -> Self {
        Self {
            variable: std::env::var_os(VARIABLE),
            driver: "/proc/driver/nvidia/gpus".into(),
            nvidia_smi: "nvidia-smi".into(),
        }
    }

    /// What they tell. Nothing is an answer: a machine without GPUs.
    pub fn visible(self) -> VisibleGpus {
        let in_driver = fs::read_dir(&self.driver).map_or(0, |entries| entries.flatten().count());
        let names = match (&self.variable, in_driver) {
            (Some(list), _) => heeded(&list.to_string_lossy(), in_driver),
            (None, 0) => (0..nvidia_smi::count(&self.nvidia_smi)).map(|number| number.to_string()).collect(),
            (None, count) => (0..count).map(|number| number.to_string()).collect(),
        };
        VisibleGpus { names, sources: self }
    }
}

/// The part of a list of CUDA's that CUDA heeds: up to the first entry that names no GPU, such as `-1`, `NoDevFiles` or
/// a number beyond the `count` that there are, where that is known.
fn heeded(list: &str, count: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in list.split(',').map(str::trim) {
        match entry.parse::<usize>() {
            Ok(number) if count > 0 && number >= count => {
                warn!(
                    "{VARIABLE}={list}: there is no GPU {number} on this machine, which has {count}: it and what \
                     follows it is left out, as CUDA does"
                );
                return names;
            }
            Err(_) if !is_uuid(entry) => return names,
            // Which CUDA would refuse.
            _ if names.iter().any(|name| name == entry) => {}
            _ => names.push(entry.into()),
        }
    }
    names
}

fn is_uuid(name: &str) -> bool {
    name.starts_with("GPU-") || name.starts_with("MIG-")
}

impl VisibleGpus {
    /// In CUDA's order, as [`VARIABLE`] calls them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What [`VARIABLE`] calls those that a user asks for, by their numbers here (N is `cuda:N`) or by UUIDs, of which
    /// the beginning may do; one that is asked for twice is there twice.
    ///
    /// # Errors
    /// A sentence that begins with the entry there is no GPU for, and says what there is.
    pub fn select(&self, requested: &[String]) -> Result<Vec<String>, String> {
        requested.iter().map(|entry| self.find(entry.trim()).map_err(|problem| format!("{entry}: {problem}"))).collect()
    }

    fn find(&self, entry: &str) -> Result<String, String> {
        if is_uuid(entry) {
            return self.find_uuid(entry);
        }
        let Ok(number) = entry.parse::<usize>() else {
            return Err(format!(
                "expected a GPU's number, such as 0, or its UUID, which begins with GPU- or MIG-, found {entry:?}. {}",
                self.describe()
            ));
        };
        self.names.get(number).cloned().ok_or_else(|| format!("there is no GPU {number}. {}", self.describe()))
    }

    fn find_uuid(&self, entry: &str) -> Result<String, String> {
        let known = match self.sources.variable {
            Some(_) => self.names.clone(),
            None => nvidia_smi::uuids(&self.sources.nvidia_smi),
        };
        let mut found = known.iter().filter(|uuid| uuid.starts_with(entry));
        match (found.next(), found.next()) {
            (Some(uuid), None) => Ok(uuid.clone()),
            (Some(uuid), Some(_)) if uuid == entry => Ok(uuid.clone()),
            (Some(one), Some(other)) => Err(format!("both {one} and {other} begin so. Give more of it.")),
            // Nobody here knows UUIDs: CUDA will.
            (None, _) if known.is_empty() && self.sources.variable.is_none() => Ok(entry.into()),
            (None, _) if self.sources.variable.is_some() => {
                Err(format!("there is no GPU of this UUID. {}", self.describe()))
            }
            (None, _) => Err(format!(
                "there is no GPU of this UUID. `nvidia-smi -L` lists those there are: {}.",
                known.join(", ")
            )),
        }
    }

    /// A sentence on what there is.
    fn describe(&self) -> String {
        let list = self.sources.variable.as_ref().map(|list| format!("{VARIABLE}={}", list.to_string_lossy()));
        let last = self.names.len().saturating_sub(1);
        match (list, self.names.len()) {
            (Some(list), 0) => format!("{list} shows none: name there what may be used, or unset it."),
            (Some(list), 1) => format!("{list} shows one: it is number 0."),
            (Some(list), count) => format!("{list} shows {count}: they are numbers 0 to {last}."),
            (None, 0) => format!(
                "This machine has none: {} has no entry, and `nvidia-smi -L` no line.",
                self.sources.driver.display()
            ),
            (None, 1) => "This machine has one: it is number 0.".into(),
            (None, count) => format!("This machine has {count}: they are numbers 0 to {last}."),
        }
    }
}
