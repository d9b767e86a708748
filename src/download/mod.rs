//! Data sets from their official addresses into a folder, whole or not at all.
//!
//! An archive is fetched to `NAME.part` ([`transfer`]), checked ([`checksum`]), unpacked aside ([`unpack`]), moved into place and recorded
//! in the folder's `SHA256SUMS` ([`sums`]). Whatever stops it, the same command goes on where it was.

mod catalogue;
mod checksum;
mod failure;
mod sums;
mod transfer;
mod unpack;
mod verify;

pub use catalogue::{Archive, Packing, SETS, Set};
pub use checksum::Checksum;
pub use transfer::Patience;
pub use verify::{Verified, verify};

use std::fs;
use std::path::{Path, PathBuf};

use tracing::info;

use crate::error::{Error, Result};
use crate::logging::Log;
use crate::progress::ByteBar;
use crate::stop::Stop;
use failure::refused;
use sums::Sums;
use transfer::Client;

/// Where a data set goes, and how it is fetched.
pub struct Order<'a> {
    pub set: &'a Set,
    pub folder: &'a Path,
    /// An address in place of the official ones, under which the archives lie by their names.
    pub url: Option<&'a str>,
    pub patience: Patience,
    pub log: Log,
    pub stop: Stop,
}

impl Order<'_> {
    /// Fetches, checks and unpacks all archives that the folder lacks.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for what cannot be fetched, is not what was published or cannot be written;
    /// [`Error::Interrupted`] when asked to stop. What was fetched so far stays, for the next time.
    pub fn fetch(&self) -> Result<()> {
        let Self { set, folder, .. } = self;
        fs::create_dir_all(folder).map_err(refused("create", folder))?;
        let mut sums = Sums::load(folder)?;
        let client = Client::new(self.patience);
        for archive in set.archives {
            if sums.holds(archive.file) {
                sums.check(archive.file)?;
                info!("{} is there already, as {} says", archive.file, sums.path().display());
                continue;
            }
            let (path, fetched) = self.archive(&client, archive, &sums)?;
            let files = self.unpack(archive, &path)?;
            sums.record(archive.file, &format!("{} from {fetched}", archive.about()), files)?;
            if fetched != BY_HAND {
                fs::remove_file(&path).map_err(refused("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The archive's file, and the address that it came from.
    fn archive(&self, client: &Client, archive: &Archive, sums: &Sums) -> Result<(PathBuf, String)> {
        let path = self.folder.join(archive.file);
        if path.exists() {
            info!("{} is there: it is not fetched", path.display());
            archive.check(&path)?;
            return Ok((path, BY_HAND.to_string()));
        }
        let mut failures = Vec::new();
        for url in archive.addresses(self.url) {
            let mut bar = ByteBar::new(&self.log, archive.file);
            match client.fetch(&url, &path, archive, &mut bar, &self.stop) {
                Ok(()) => return Ok((path, url)),
                Err(transfer::Failure::Here(error)) => return Err(error),
                Err(transfer::Failure::There(problem)) => failures.push(format!("{url}: {problem}")),
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
    fn unpack(&self, archive: &Archive, path: &Path) -> Result<Vec<(PathBuf, String)>> {
        let aside = self.folder.join(format!(".unpacking-{}", std::process::id()));
        crate::durable::remove_folder(&aside)?;
        fs::create_dir(&aside).map_err(refused("create", &aside))?;
        let mut bar = ByteBar::new(&self.log, &format!("unpacking {}", archive.file));
        let unpacked = unpack::unpack(archive, path, &aside, &mut bar, &self.stop)
            .and_then(|files| unpack::move_in(&aside, self.folder).map(|()| files));
        drop(bar);
        let removed = crate::durable::remove_folder(&aside);
        let files = unpacked?;
        removed?;
        info!("{}: {} files in {}", archive.file, files.len(), self.folder.display());
        Ok(files)
    }
}

/// Stands for the address of an archive that was there.
const BY_HAND: &str = "this folder";
