//! The file that was meant by a path with a slip in it: `bas/net.toml` where there is `base/net.toml`.

use super::shipped;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// Of a folder so many entries are looked at.
const MOST: usize = 10_000;
/// Longer names are no slips, and the distance takes quadratic time.
const LONGEST: usize = 100;

/// How a sentence about `written`, a path from `folder` that could not be read for `reason`, ends: with the file that
/// was perhaps meant, or where to get it.
pub fn ending(folder: &Path, written: &Path, reason: &Error) -> String {
    match nearest(folder, written) {
        _ if reason.kind() != ErrorKind::NotFound => ".".into(),
        Some(meant) => format!("; did you mean {}?", meant.display()),
        None if shipped::ships(written) => "; \"bntt configs --copy configs\" writes the shipped configs.".into(),
        None => ".".into(),
    }
}

/// The file from `folder` whose path is nearly `written`: each name as it is, or else the nearest that is there.
fn nearest(folder: &Path, written: &Path) -> Option<PathBuf> {
    let (mut found, mut parts) = (PathBuf::new(), written.components().peekable());
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let is_wanted = |path: &Path| if is_last { path.is_file() } else { path.is_dir() };
        let (around, whole) = (folder.join(&found), folder.join(&found).join(part));
        match part {
            _ if is_wanted(&whole) => found.push(part),
            Component::Normal(name) => found.push(slip(&around, &name.to_string_lossy(), is_wanted)?),
            _ => return None,
        }
    }
    Some(found).filter(|found| found != written)
}

/// The name in `folder` that is nearly `name`: one letter in four is another, or its extension was left out.
fn slip(folder: &Path, name: &str, is_wanted: impl Fn(&Path) -> bool) -> Option<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let stem = |name: &str| Path::new(name).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into());
    let plain = stem(name);
    let letters = plain.chars().count();
    // A name of one letter is nearly every other.
    let allowed = if letters < 2 { 0 } else { (letters / 4).max(1) };
    let distance = |there: &str| match stem(there) == name {
        true => 0,
        false => strsim::damerau_levenshtein(name, there),
    };
    let entries = fs::read_dir(folder).ok()?.take(MOST).filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let near = names.filter(|there| name.len() <= LONGEST && there.len() <= LONGEST);
    let near = near.map(|there| (distance(&there), there)).filter(|(distance, _)| *distance <= allowed);
    near.filter(|(_, there)| is_wanted(&folder.join(there))).min().map(|(_, there)| there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_folder_or_a_file_is_found_and_another_name_is_not() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("base")).unwrap();
        for file in ["base/net.toml", "base/nets.toml", "digits.toml", "a.toml"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let near = |written: &str| nearest(root.path(), Path::new(written)).map(|path| path.display().to_string());
        for (written, expected) in [
            ("bas/net.toml", Some("base/net.toml")),
            ("base/ne.toml", Some("base/net.toml")),
            ("./bsae/nte.toml", Some("./base/net.toml")),
            ("base/../digts.toml", Some("base/../digits.toml")),
            ("digits", Some("digits.toml")),
            ("digits.tml", Some("digits.toml")),
            ("base/other.toml", None),
            ("elsewhere/net.toml", None),
            ("b.toml", None),
            // A folder is no file.
            ("bas", None),
            ("", None),
        ] {
            assert_eq!(near(written).as_deref(), expected, "{written}");
        }
        let absent = fs::read(root.path().join("bas/net.toml")).unwrap_err();
        assert_eq!(ending(root.path(), Path::new("bas/net.toml"), &absent), "; did you mean base/net.toml?");
        assert_eq!(ending(root.path(), Path::new("base/other.toml"), &absent), ".");
        assert_eq!(ending(root.path(), Path::new("bas/net.toml"), &Error::other("x")), ".", "it is there");
    }
}
