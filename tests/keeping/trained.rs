//! A small experiment that is trained, what is said of its runs, and all their files.

use crate::workspace::Workspace;
use std::path::Path;

pub const TEXT: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 128, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 2\nthreads = 1\n";

impl Workspace {
    /// Holds `tiny.toml`.
    pub fn new() -> Self {
        Self::holding("tiny.toml", TEXT)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    /// Standard error of a command that must succeed.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.success(), "{arguments:?}: {told}");
        told
    }

    /// The list as numbers.
    pub fn listed(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let text = self.ok(&[&["list", "--format", "json"], arguments].concat());
        serde_json::from_str(&text).expect("a list")
    }

    /// The folders in the list, in its order.
    pub fn folders(&self, arguments: &[&str]) -> Vec<String> {
        let folder = |run: &serde_json::Value| run["run"].as_str().expect("a folder").to_string();
        self.listed(arguments).iter().map(folder).collect()
    }
}

/// All files below a folder by name, and what is in them.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

pub fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

pub fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
}
