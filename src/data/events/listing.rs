//! Lists the recordings in a data set's folders, one folder a class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::{files, unexpected_files};
use crate::error::{Error, Result};

/// A data set of folders of recordings.
pub(super) struct RecordingFolders<'a> {
    pub path: &'a Path,
    /// The data set's name for people.
    pub set: &'static str,
    /// Its key in the experiment file.
    pub key: &'static str,
    /// What the folder holds and where that is published, in words.
    pub holds: &'static str,
    /// What the names of recordings end in, without the dot, in small letters or capitals.
    pub extension: &'static str,
}

impl RecordingFolders<'_> {
    /// # Errors
    /// When the data set's folder or any of the files and folders `parts` within it is missing: names all that are, and
    /// what lies there instead.
    pub fn check(&self, parts: &[PathBuf]) -> Result<()> {
        let Self { path, set, key, holds, .. } = self;
        let Err(problem) = files::all_there(path, parts) else { return Ok(()) };
        let holds = format!("The {set} folder holds {holds}");
        Err(Error::Data(unexpected_files::missing(&problem, &holds, path, parts, key)))
    }

    /// The recordings in `folders`, paths within the data set's, as (number, place of the folder, path within the data
    /// set's), sorted. `number` finds a recording's number in its name without extension, by the place of its folder,
    /// `example` gives a name that has one. Hidden files are left out.
    ///
    /// # Errors
    /// When a folder cannot be read, a recording's name has no number or another's in the same folder, or recordings
    /// are packed.
    pub fn recordings(
        &self,
        folders: &[PathBuf],
        number: impl Fn(u32, &str) -> Option<u32>,
        example: impl Fn(u32) -> String,
    ) -> Result<Vec<(u32, u32, PathBuf)>> {
        let mut recordings = Vec::new();
        let mut packed = Vec::new();
        for (place, folder) in (0..).zip(folders) {
            let names = files::visible(&self.path.join(folder))?;
            let (mut found, mut packed_here) = (Vec::new(), BTreeMap::new());
            for name in names.iter().map(Path::new) {
                if !self.is_recording(name) {
                    packed_here.extend(self.unpacked(name).map(|unpacked| (unpacked, folder.join(name))));
                    continue;
                }
                let stem = name.file_stem().unwrap_or_default().to_string_lossy();
                let Some(number) = number(place, &stem) else {
                    return Err(Error::Data(format!(
                        "{}: expected a name such as {}; rename it or move it away.",
                        self.path.join(folder).join(name).display(),
                        example(place)
                    )));
                };
                found.push((number, place, folder.join(name)));
            }
            found.sort();
            self.check_numbers(&found)?;
            names.iter().for_each(|name| drop(packed_here.remove(&name.to_ascii_lowercase())));
            packed.extend(packed_here.into_values());
            recordings.extend(found);
        }
        self.check_packed(&packed)?;
        recordings.sort();
        Ok(recordings)
    }

    fn is_recording(&self, name: &Path) -> bool {
        name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(self.extension))
    }

    /// What the recording that is packed in a file of this `name` is called, in small letters; `None` where none is.
    fn unpacked(&self, name: &Path) -> Option<String> {
        let unpacked = Path::new(name.file_stem()?);
        let is_packed =
            unexpected_files::is_packing(&name.extension()?.to_string_lossy()) && self.is_recording(unpacked);
        is_packed.then(|| unpacked.to_string_lossy().to_ascii_lowercase())
    }

    /// `found` is sorted.
    fn check_numbers(&self, found: &[(u32, u32, PathBuf)]) -> Result<()> {
        for pair in found.windows(2) {
            if let [(number, _, first), (again, _, second)] = pair
                && number == again
            {
                let [first, second] = [first, second].map(|path| self.path.join(path));
                return Err(Error::Data(format!(
                    "{} and {} are both recording {number}; move one of them away.",
                    first.display(),
                    second.display()
                )));
            }
        }
        Ok(())
    }

    fn check_packed(&self, packed: &[PathBuf]) -> Result<()> {
        let Some(first) = packed.first() else { return Ok(()) };
        let suffix = first.extension().unwrap_or_default().to_string_lossy().into_owned();
        let (folder, extension, count) = (self.path.display(), self.extension, packed.len());
        let are = if count == 1 { "recording is" } else { "recordings are" };
        let advice = match suffix.eq_ignore_ascii_case("gz") {
            true => format!("`gunzip -r {folder}` unpacks them"),
            false => "unpack them".into(),
        };
        Err(Error::Data(format!(
            "{folder}: {count} {are} packed (.{extension}.{suffix}), such as {}; {advice}.",
            first.display()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn layout(path: &Path) -> RecordingFolders<'_> {
        let holds = "folders of recordings, published at https://example.org";
        RecordingFolders { path, set: "Example", key: "example", holds, extension: "bin" }
    }

    #[test]
    fn recordings_are_in_order_of_their_numbers_and_other_files_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        for name in ["10.bin", "9.bin", "011.bin", "12.BIN", "._9.bin", "notes.txt", ".DS_Store"] {
            fs::write(folder.path().join("a").join(name), "").unwrap();
        }
        let number = |stem: &str| stem.parse().ok();
        let read = || layout(folder.path()).recordings(&["a".into()], |_, stem| number(stem), |_| "7.bin".into());
        let expected = [(9, "a/9.bin"), (10, "a/10.bin"), (11, "a/011.bin"), (12, "a/12.BIN")];
        assert_eq!(read().unwrap(), expected.map(|(number, path)| (number, 0, path.into())));

        fs::write(folder.path().join("a/x.bin"), "").unwrap();
        let error = read().unwrap_err().to_string();
        assert!(error.ends_with("a/x.bin: expected a name such as 7.bin; rename it or move it away."), "{error}");
    }

    #[test]
    fn recordings_of_several_folders_take_turns_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/2.bin", "a/1.bin", "b/2.bin", "b/0.bin"] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), "").unwrap();
        }
        let folders = ["a", "b"].map(PathBuf::from);
        let read = || layout(folder.path()).recordings(&folders, |_, stem| stem.parse().ok(), |_| "7.bin".into());
        let expected = [(0, 1, "b/0.bin"), (1, 0, "a/1.bin"), (2, 0, "a/2.bin"), (2, 1, "b/2.bin")];
        assert_eq!(read().unwrap(), expected.map(|(number, place, path)| (number, place, path.into())));

        fs::write(folder.path().join("b/02.BIN"), "").unwrap();
        let text = read().unwrap_err().to_string().replace(&folder.path().display().to_string(), "FOLDER");
        assert_eq!(text, "FOLDER/b/02.BIN and FOLDER/b/2.bin are both recording 2; move one of them away.");
    }

    #[test]
    fn packed_recordings_are_counted_unless_they_are_unpacked_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let read = || {
            let number = |_, stem: &str| stem.parse().ok();
            let found = layout(folder.path()).recordings(&["a".into()], number, |_| "7.bin".into());
            found.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
        };
        for name in ["1.bin", "1.bin.gz", "notes.gz", "._3.bin.gz"] {
            fs::write(folder.path().join("a").join(name), "").unwrap();
        }
        assert_eq!(read().unwrap().len(), 1);
        fs::write(folder.path().join("a/2.bin.gz"), "").unwrap();
        let expected = "FOLDER: 1 recording is packed (.bin.gz), such as a/2.bin.gz; `gunzip -r FOLDER` unpacks them.";
        assert_eq!(read().unwrap_err(), expected);
        fs::write(folder.path().join("a/3.BIN.XZ"), "").unwrap();
        assert!(read().unwrap_err().starts_with("FOLDER: 2 recordings are packed (.bin.gz), such as a/2.bin.gz"));
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
