//! The files of the repository's folder `configs`, which are part of the program.

use std::path::Path;

// The path below `configs` and the text of each, which `build.rs` has read: `FILES`.
include!(concat!(env!("OUT_DIR"), "/configs.rs"));

/// The path below `configs` and the text of every shipped file, in order.
pub fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// Whether `written` names a shipped file, as in `configs/quickstart.toml`.
pub fn ships(written: &Path) -> bool {
    FILES.iter().any(|(name, _)| written == Path::new("configs").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_the_repository_are_inside() {
        assert!(ships(Path::new("configs/quickstart.toml")) && ships(Path::new("configs/base/mnist.toml")));
        assert!(!ships(Path::new("quickstart.toml")) && !ships(Path::new("configs/none.toml")));
        for (name, text) in files() {
            assert_eq!(std::fs::read_to_string(Path::new("configs").join(name)).ok().as_deref(), Some(*text), "{name}");
        }
    }
}
