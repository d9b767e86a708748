//! The recordings of a data set's folder.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A data set of folders of recordings.
pub(super) struct Layout<'a> {
    pub path: &'a Path,
    /// The data set's name for people.
    pub set: &'static str,
    /// Its key in the experiment file.
    pub key: &'static str,
    /// What the folder holds and where that is published, in words.
    pub holds: &'static str,
    /// What the names of recordings end in, without the dot.
    pub extension: &'static str,
}

impl Layout<'_> {
    /// # Errors
    /// When the data set's folder or any of the files and folders `parts` within it is missing: names all that are.
    pub fn check(&self, parts: &[PathBuf]) -> Result<()> {
        let Self { path, set, key, holds, .. } = self;
        let name = path.display();
        let problem = match path.is_dir() {
            false if path.exists() => format!("{name} is no folder"),
            false => format!("the folder {name} does not exist"),
            true => {
                // Links that lead nowhere are there: opening them tells where they lead.
                let missing = parts.iter().filter(|part| path.join(part).symlink_metadata().is_err());
                let missing: Vec<String> = missing.map(|part| part.display().to_string()).collect();
                if missing.is_empty() {
                    return Ok(());
                }
                format!("the folder {name} lacks {}", missing.join(", "))
            }
        };
        Err(Error::Data(format!(
            "{problem}. The {set} folder holds {holds}; put them there or correct data.dataset.{key}.path."
        )))
    }

    /// The recordings in `folder`, a path within the data set's, as paths within the data set's, by the number that `number` finds in their
    /// names. Hidden files are left out.
    ///
    /// # Errors
    /// When the folder cannot be read, or a recording's name has no number; `example` is a name that has one.
    pub fn recordings(
        &self,
        folder: &Path,
        number: impl Fn(&str) -> Option<u32>,
        example: &str,
    ) -> Result<Vec<(u32, PathBuf)>> {
        let place = self.path.join(folder);
        let mut recordings = Vec::new();
        for entry in place.read_dir().map_err(Error::io("open", &place))? {
            let name = PathBuf::from(entry.map_err(Error::io("read", &place))?.file_name());
            let stem = name.file_stem().unwrap_or_default().to_string_lossy();
            if stem.starts_with('.') || name.extension().is_none_or(|extension| extension != self.extension) {
                continue;
            }
            let Some(number) = number(&stem) else {
                let path = place.join(&name);
                return Err(Error::Data(format!(
                    "{}: expected a name such as {example}; rename it or move it away.",
                    path.display()
                )));
            };
            recordings.push((number, folder.join(&name)));
        }
        recordings.sort();
        Ok(recordings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn layout(path: &Path) -> Layout<'_> {
        let holds = "folders of recordings, published at https://example.org";
        Layout { path, set: "Example", key: "example", holds, extension: "bin" }
    }

    #[test]
    fn recordings_are_in_order_of_their_numbers_and_other_files_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        for name in ["10.bin", "9.bin", "011.bin", "._9.bin", "notes.txt", ".DS_Store"] {
            fs::write(folder.path().join("a").join(name), "").unwrap();
        }
        let number = |stem: &str| stem.parse().ok();
        let found = layout(folder.path()).recordings(Path::new("a"), number, "7.bin").unwrap();
        let expected = [(9, "a/9.bin"), (10, "a/10.bin"), (11, "a/011.bin")];
        assert_eq!(found, expected.map(|(number, path)| (number, path.into())));

        fs::write(folder.path().join("a/x.bin"), "").unwrap();
        let error = layout(folder.path()).recordings(Path::new("a"), number, "7.bin").unwrap_err().to_string();
        assert!(error.ends_with("a/x.bin: expected a name such as 7.bin; rename it or move it away."), "{error}");
    }

    #[test]
    fn missing_folders_are_all_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let folders = ["a", "b", "c"].map(PathBuf::from);
        let error = layout(folder.path()).check(&folders).unwrap_err().to_string();
        let expected = format!(
            "the folder {} lacks b, c. The Example folder holds folders of recordings, published at https://example.org; put \
             them there or correct data.dataset.example.path.",
            folder.path().display()
        );
        assert_eq!(error, expected);
        assert!(layout(folder.path()).check(&folders[..1]).is_ok());
        let error = layout(Path::new("no/such")).check(&folders).unwrap_err().to_string();
        assert!(error.starts_with("the folder no/such does not exist. The Example folder"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = layout(file.path()).check(&folders).unwrap_err().to_string();
        assert!(error.contains(" is no folder. The Example folder"), "{error}");
    }
}
