//! `bntt data`.

use super::path_argument::path;
use crate::data::download::{DownloadRequest, PublishedDataset, RetryPolicy, SETS, VerifiedDataset, verify};
use crate::error::{Error, Result};
use crate::report::table::text::lines;
use crate::system::signals::Stop;
use crate::terminal::amounts::bytes;
use crate::terminal::logging::Log;
use clap::builder::PossibleValuesParser;
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Fetch a data set from its official address, or check one that is there.
///
/// Every archive is compared with its published checksum, unpacked and recorded in SHA256SUMS beside the data; then the
/// whole set is read. Ctrl-C (or anything else) leaves what has come so far, and the same command goes on from there.
/// Archives that were put into the folder by hand are taken from there.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt data --list                                  # names, sizes, addresses, checksums\n  \
                  bntt data cifar10                                 # into data/cifar10\n  \
                  bntt data mnist --path /scratch/mnist --url http://mirror.lab/mnist\n  \
                  bntt data cifar10 --verify"
)]
pub struct DataArguments {
    /// Name of the data set.
    #[arg(value_parser = PossibleValuesParser::new(SETS.iter().map(|set| set.name)), required_unless_present = "list")]
    name: Option<String>,
    /// Folder of the data; data/NAME unless given, where the shipped experiments look.
    #[arg(long, value_name = "DIR", value_parser = path())]
    path: Option<PathBuf>,
    /// Address in place of the official ones, under which the archives lie by their names: a mirror of your lab.
    #[arg(long, value_name = "URL", conflicts_with = "verify")]
    url: Option<String>,
    /// Fetch nothing: compare what is there with checksums and read it whole.
    #[arg(long)]
    verify: bool,
    /// List all data sets, with what there is to fetch.
    #[arg(long, conflicts_with_all = ["name", "path", "url", "verify"])]
    list: bool,
}

pub fn data(arguments: &DataArguments, log: &Log) -> Result<()> {
    let Some(set) = SETS.iter().find(|set| Some(set.name) == arguments.name.as_deref()) else {
        return super::print(&listing());
    };
    let folder = arguments.path.clone().unwrap_or_else(|| Path::new("data").join(set.name));
    let (stop, url) = (if arguments.verify { Stop::never() } else { Stop::on_signals()? }, arguments.url.as_deref());
    let fetched = if arguments.verify { Ok(()) } else { fetch(set, &folder, url, log, &stop) };
    let verified = fetched.and_then(|()| verify(set, &folder, &stop));
    if let Err(Error::Interrupted(reason)) = &verified {
        warn!("stopped by {}; what has come is kept, and the same command goes on", reason.name());
    }
    super::print(&format!("{}: {}\n", folder.display(), in_words(&verified?)))
}

fn fetch(set: &PublishedDataset, folder: &Path, url: Option<&str>, log: &Log, stop: &Stop) -> Result<()> {
    info!("{}; licence: {}", set.title, set.licence);
    DownloadRequest { set, folder, url, patience: RetryPolicy::default(), log: log.clone(), stop: stop.clone() }.fetch()
}

fn in_words(verified: &VerifiedDataset) -> String {
    let VerifiedDataset { published, recorded, images } = verified;
    let mut found = Vec::new();
    if *published > 0 {
        found.push(format!("{published} files have their published checksums"));
    }
    found.push(match recorded {
        0 => "there is no SHA256SUMS to compare with".into(),
        recorded => format!("{recorded} files are as SHA256SUMS lists them"),
    });
    found.push(match images {
        Some([train, test]) => format!("read whole, {train} training and {test} test images"),
        None => "not read, since this program has no reader that needs no more than the folder".into(),
    });
    found.join("; ")
}

fn listing() -> String {
    let mut text = String::new();
    for set in SETS {
        let size = set.bytes().map_or_else(|| "an unknown size".into(), |size| bytes(size as usize));
        text.push_str(&format!(
            "{}\n  {}\n  {size} to fetch; licence: {}; {}\n",
            set.name, set.title, set.licence, set.page
        ));
        let rows: Vec<Vec<String>> = set
            .archives
            .iter()
            .map(|archive| vec![archive.file.to_string(), archive.about(), archive.urls.join(" or ")])
            .collect();
        let rows = lines(&rows, 3);
        rows.lines().for_each(|row| text.push_str(&format!("    {}\n", row.trim_end())));
        text.push('\n');
    }
    text
}
