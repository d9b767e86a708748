//! Small archives, good ones and traps.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A tar header with any name and kind: the library's own writer refuses those that a test needs.
fn header(name: &str, kind: tar::EntryType, link: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A packed tar of (name, content).
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        tar.append(&header(name, tar::EntryType::Regular, "", content.len()), *content).expect("in memory");
    }
    gzip(&tar.into_inner().expect("in memory"))
}

/// A packed tar of a link to `link`, and a file through it.
pub fn tar_with_link(kind: tar::EntryType, link: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header("way", kind, link, 0), &b""[..]).expect("in memory");
    tar.append(&header("way/evil", tar::EntryType::Regular, "", 4), &b"evil"[..]).expect("in memory");
    gzip(&tar.into_inner().expect("in memory"))
}

pub fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("in memory");
        zip.write_all(content).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

pub fn zip_with_link(link: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("way", link, SimpleFileOptions::default()).expect("in memory");
    zip.finish().expect("in memory").into_inner()
}
