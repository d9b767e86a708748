//! Runs out of the way: `<root>/.archive/<name>/v0001`.
//!
//! An archived run is a run folder as before, which commands take by its path. No list, sweep, table or version of its
//! name finds it any more, and its number is not given to another run, so that its place stays free.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::run::{RunFolder, version_number};

/// No run can be called so.
const NAME: &str = ".archive";

/// Where the archived runs of a folder of runs are: `bntt list` lists them there as anywhere.
pub fn folder(root: &Path) -> PathBuf {
    root.join(NAME)
}

/// Where a run folder stands: `<root>/<name>/<version>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlace {
    pub root: PathBuf,
    name: PathBuf,
    version: PathBuf,
}

impl RunPlace {
    /// Where the run folder `path` stands, be it there or not.
    ///
    /// # Errors
    /// [`Error::Run`] for a path that cannot be that of a version, or is a link.
    pub fn find(path: &Path) -> Result<Self> {
        let refuse = |problem: &str| Error::Run(format!("{}: {problem}", path.display()));
        if path.symlink_metadata().is_ok_and(|about| about.is_symlink()) {
            return Err(refuse("expected a run folder, found a link to one. Name the folder itself."));
        }
        let whole = || path.canonicalize().ok();
        let place = Self::read(path).or_else(|| Self::read(&whole()?));
        place.ok_or_else(|| {
            refuse("expected one version of a run, such as runs/<name>/v0001, found another path. runs/<name>/v* names them all.")
        })
    }

    fn read(path: &Path) -> Option<Self> {
        let (version, container) = (path.file_name()?, path.parent()?);
        version_number(version)?;
        let (name, root) = (container.file_name()?, container.parent()?);
        (!root.as_os_str().is_empty()).then(|| Self { root: root.into(), name: name.into(), version: version.into() })
    }

    fn is_archived(&self) -> bool {
        self.root.file_name().is_some_and(|name| name == NAME)
    }

    /// The folder of all versions of its name, below `root`.
    fn container(&self, root: &Path) -> PathBuf {
        root.join(&self.name)
    }

    fn path(&self, root: &Path) -> PathBuf {
        self.container(root).join(&self.version)
    }
}

/// Moves a run into the archive of its folder of runs, and gives its new path.
///
/// # Errors
/// [`Error::Busy`] for a run at work, [`Error::Run`] for what is no run folder or archived already, [`Error::Io`] when
/// it cannot be moved. The run is where it was then.
pub fn archive(path: &Path) -> Result<PathBuf> {
    let place = RunPlace::find(path)?;
    if place.is_archived() {
        return Err(Error::Run(format!("{} is archived already.", path.display())));
    }
    put(&place, path, &folder(&place.root))
}

/// Moves an archived run, named by its path in the archive or by the one before, back to its place, and gives that.
///
/// # Errors
/// As [`archive`].
pub fn restore(path: &Path) -> Result<PathBuf> {
    let place = RunPlace::find(path)?;
    let back = match place.root.parent() {
        Some(root) if place.is_archived() => root.to_path_buf(),
        _ => place.root.clone(),
    };
    let archived = place.path(&folder(&back));
    if !archived.exists() {
        let (path, archived) = (path.display(), archived.display());
        return Err(Error::Run(format!("{path}: expected an archived run, found none: there is no {archived}.")));
    }
    put(&place, &archived, &back)
}

/// Moves the run in `from` to its place below `root`.
fn put(place: &RunPlace, from: &Path, root: &Path) -> Result<PathBuf> {
    let run = RunFolder::open(from)?;
    let to = place.path(root);
    if to.symlink_metadata().is_ok() {
        return Err(Error::Run(format!("{} cannot be moved: {} is there.", from.display(), to.display())));
    }
    let _lock = run.take_lock()?;
    let container = place.container(root);
    atomic::create_folders(&container)?;
    fs::rename(from, &to).map_err(Error::io("move", from))?;
    atomic::sync_folder(&container)?;
    atomic::sync_folder(from.parent().unwrap_or(Path::new(".")))?;
    Ok(to)
}
