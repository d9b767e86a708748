//! Data sets from their official addresses into a folder, whole or not at all.
//!
//! An archive is fetched (`transfer`) to `NAME.part` (`part`), checked (`checksum`), unpacked aside (`unpack`),
//! moved into place (`moving`) and recorded in the folder's `SHA256SUMS` (`sums`). Whatever stops it at whatever
//! moment, the same command goes on where it was. Nothing that takes long is done without listening for a request to
//! stop (`waiting`).

mod catalogue;
mod checksum;
mod clearing;
mod failure;
mod moving;
mod part;
mod request;
mod sums;
mod transfer;
mod unpack;
mod verify;
mod waiting;

pub use catalogue::{Archive, ArchiveFormat, PublishedDataset, SETS};
pub use checksum::Checksum;
pub use transfer::RetryPolicy;
pub use verify::{VerifiedDataset, verify};

use std::fs;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::files::lock::Lock;
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::terminal::progress::ByteBar;
use clearing::clear;
use failure::{explained, refused};
use moving::move_in;
use part::PartialFile;
use sums::ArchiveFiles;
use transfer::Client;
use unpack::{UnpackError, unpack};
use waiting::Chunks;

/// Where a data set goes, and how it is fetched.
pub struct DownloadRequest<'a> {
    pub set: &'a PublishedDataset,
    pub folder: &'a Path,
    /// An address in place of the official ones, under which the archives lie by their names.
    pub url: Option<&'a str>,
    pub patience: RetryPolicy,
    pub log: Log,
    pub stop: Stop,
}

/// Held by the process that fetches into a folder. It is no data, and stays there.
const LOCK: &str = ".lock";
/// What folders in which an archive is unpacked begin with.
const UNPACKING: &str = ".unpacking-";

/// An archive that is there, and is what was published.
struct VerifiedArchive {
    /// Where it lies; messages name the archive.
    path: PathBuf,
    /// The address that it was fetched from; none where it was put there by hand.
    from: Option<String>,
}

impl DownloadRequest<'_> {
    /// Fetches, checks and unpacks all archives that the folder lacks.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for what cannot be fetched, is not what was published or cannot be written;
    /// [`Error::Busy`] where another process fetches into the folder; [`Error::Interrupted`] when asked to stop. What
    /// was fetched so far stays, for the next time.
    pub fn fetch(&self) -> Result<()> {
        let Self { set, folder, .. } = self;
        fs::create_dir_all(folder).map_err(refused("create", folder))?;
        self.tidy()?;
        let sums = ArchiveFiles::load(folder)?;
        // A folder that is complete may be one that cannot be written to.
        let done = |archive: &Archive| sums.holds(archive.file) && !self.part(archive).is_there();
        if set.archives.iter().all(done) {
            return set.archives.iter().try_for_each(|archive| self.check(archive, &sums));
        }
        let _lock = Lock::take(&folder.join(LOCK), folder).map_err(explained)?;
        // As it is now: another process may have ended its work meanwhile.
        let mut sums = ArchiveFiles::load(folder)?;
        let client = Client::new(self.patience, &self.stop);
        for archive in set.archives {
            if sums.holds(archive.file) {
                self.check(archive, &sums)?;
            } else {
                let found = self.find(&client, archive, &sums)?;
                let files = self.unpack(archive, &found)?;
                let from = found.from.as_deref().unwrap_or("this folder");
                sums.record(archive.file, &format!("{} from {from}", archive.about()), files)?;
            }
            self.part(archive).remove()?;
        }
        Ok(())
    }

    /// Takes away what processes that were killed have left.
    fn tidy(&self) -> Result<()> {
        let notes = self.set.archives.iter().map(|archive| format!("{}.part.from.", archive.file));
        let files: Vec<String> = notes.chain([format!("{}.", sums::NAME)]).collect();
        let folder = self.folder.to_path_buf();
        let gone = Chunks::begin(move |to| {
            files.iter().for_each(|name| atomic::remove_abandoned(&folder, name.as_ref(), ".tmp".as_ref()));
            atomic::remove_abandoned(&folder, UNPACKING.as_ref(), "".as_ref());
            let _ = to.send(());
        })?;
        gone.next(&self.stop).map(drop)
    }

    fn part(&self, archive: &Archive) -> PartialFile {
        PartialFile::for_archive(&self.folder.join(archive.file))
    }

    /// Compares what was unpacked before with its checksums.
    fn check(&self, archive: &Archive, sums: &ArchiveFiles) -> Result<()> {
        sums.check(archive.file, &self.stop)?;
        info!("{} is there already, as {} says", archive.file, sums.path().display());
        Ok(())
    }

    /// The archive: put there by hand, fetched before, or fetched now.
    fn find(&self, client: &Client<'_>, archive: &Archive, sums: &ArchiveFiles) -> Result<VerifiedArchive> {
        let (path, part) = (self.folder.join(archive.file), self.part(archive));
        if path.exists() {
            info!("{} is there: it is not fetched", path.display());
            archive.check(&path, &self.stop)?;
            return Ok(VerifiedArchive { path, from: None });
        }
        if let Some(url) = part.whole_from() {
            match archive.check(&part.path, &self.stop) {
                Ok(()) => return Ok(VerifiedArchive { path: part.path, from: Some(url) }),
                Err(Error::Data(problem)) => {
                    warn!("{problem}");
                    part.remove()?;
                }
                Err(error) => return Err(error),
            }
        }
        let mut failures = Vec::new();
        for url in archive.addresses(self.url) {
            let mut bar = ByteBar::new(&self.log, archive.file);
            match client.fetch(&url, &part, archive, &mut bar) {
                Ok(()) => return Ok(VerifiedArchive { path: part.path, from: Some(url) }),
                Err(transfer::TransferError::Here(error)) => return Err(error),
                Err(transfer::TransferError::There(problem)) => failures.push(format!("{url}: {problem}")),
            }
        }
        let lacking = self.set.archives.iter().filter(|archive| !sums.holds(archive.file));
        Err(Error::Data(format!(
            "cannot fetch {}:\n  {}\nBy hand: {}\nThen give the same command again, which checks and unpacks them.",
            archive.file,
            failures.join("\n  "),
            self.set.by_hand(lacking, self.folder)
        )))
    }

    /// Unpacks aside, then moves what came out into the folder.
    fn unpack(&self, archive: &Archive, found: &VerifiedArchive) -> Result<Vec<(PathBuf, String)>> {
        let (aside, _lock) = atomic::unfinished_folder(self.folder, UNPACKING).map_err(explained)?;
        let files = match self.unpack_into(aside.path(), archive, found) {
            Ok(files) => files,
            Err(error) => {
                clear(aside, &error, &self.stop);
                return Err(error);
            }
        };
        let place = aside.path().to_path_buf();
        aside.close().map_err(refused("remove", &place))?;
        info!("{}: {} files in {}", archive.file, files.len(), self.folder.display());
        Ok(files)
    }

    fn unpack_into(&self, aside: &Path, archive: &Archive, found: &VerifiedArchive) -> Result<Vec<(PathBuf, String)>> {
        // The folder around it has a lock of its own.
        let (name, unpacked) = (self.folder.join(archive.file), aside.join("files"));
        fs::create_dir(&unpacked).map_err(refused("create", &unpacked))?;
        let mut bar = ByteBar::new(&self.log, &format!("unpacking {}", archive.file));
        match unpack(archive, (&found.path, &name), &unpacked, &mut bar, &self.stop) {
            Ok(files) => move_in(&unpacked, self.folder, &files, &self.stop).map(|()| files),
            Err(UnpackError::Here(error)) => Err(error),
            Err(UnpackError::Archive(error)) => {
                if found.from.is_some() {
                    self.part(archive).give_up()?;
                }
                Err(error)
            }
        }
    }
}
