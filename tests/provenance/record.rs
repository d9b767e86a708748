//! `provenance.json` itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bntt::run::provenance::{Git, Outcome, Provenance};

fn example() -> Provenance {
    let git = Git {
        commit: Some("c0ffee".repeat(6) + "c0ff"),
        dirty: true,
        diff_sha256: Some("ab".repeat(32)),
        diff: String::new(),
        untracked: vec!["größe.toml".into()],
    };
    let data = BTreeMap::from([("train".to_string(), "0123456789abcdef".repeat(4))]);
    let mut provenance = Provenance::begin(1 << 60, "cpu", 2, data, Some(git));
    provenance.sessions[0].command = ["bntt", "run", "a \"b\" \u{1b}.toml"].map(String::from).to_vec();
    provenance.resume(3, "cuda:0", 16, None);
    provenance.finish(Outcome::Failed("the loss is not finite".into()));
    provenance
}

fn saved(provenance: &Provenance, path: &Path) -> Vec<u8> {
    provenance.save(path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn its_checksum_is_that_of_its_text_with_zeros_in_the_checksums_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provenance.json");
    let text = String::from_utf8(saved(&example(), &path)).unwrap();
    assert_eq!(Provenance::load(&path).unwrap(), example_at(&text));
    let rest = text.strip_prefix("{\n  \"sha256\": \"").unwrap();
    let (digits, rest) = rest.split_at(64);
    fs::write(&path, format!("{{\n  \"sha256\": \"{}{rest}", "0".repeat(64))).unwrap();
    let sum = std::process::Command::new("sha256sum").arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(sum.stdout).unwrap().split(' ').next(), Some(digits));
}

/// What the text says, read without this program's reader.
fn example_at(text: &str) -> Provenance {
    serde_json::from_str(text).unwrap()
}

#[test]
fn whichever_byte_is_changed_it_is_refused_or_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provenance.json");
    let provenance = example();
    let original = saved(&provenance, &path);
    let expected = Provenance::load(&path).unwrap();
    let mut refused = [0, 0];
    let file = File::options().write(true).open(&path).unwrap();
    for (place, byte) in original.iter().copied().enumerate() {
        for other in [byte ^ 1, byte ^ 0x20, byte.wrapping_add(1), b'0', b' ', b'"', b'\\', 0, 0xff] {
            if other == byte {
                continue;
            }
            file.write_all_at(&[other], place as u64).unwrap();
            match Provenance::load(&path) {
                Ok(read) => assert_eq!(read, expected, "byte {place} became {other}"),
                Err(error) => {
                    let error = error.to_string();
                    let damaged = error.ends_with("is damaged: its SHA-256 is not that of its content.");
                    assert!(damaged || error.contains("provenance.json is malformed: "), "{error}");
                    refused[usize::from(damaged)] += 1;
                }
            }
        }
        file.write_all_at(&[byte], place as u64).unwrap();
    }
    assert!(refused.iter().all(|&times| times > 1000), "{refused:?}");
    // Cut off anywhere.
    for length in (0..original.len()).rev() {
        file.set_len(length as u64).unwrap();
        assert!(Provenance::load(&path).is_err(), "{length} bytes");
    }
}

#[test]
fn what_a_newer_version_adds_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provenance.json");
    let text = String::from_utf8(saved(&example(), &path)).unwrap();
    let newer = text.replace("\"seed\":", "\"colour\": \"green\",\n  \"seed\":");
    fs::write(&path, &newer).unwrap();
    Provenance::load(&path).unwrap_err();
    // With the checksum that the newer version would have written.
    let (head, rest) = newer.split_at("{\n  \"sha256\": \"".len());
    let sum = bntt::files::atomic::sha256_hex(format!("{head}{}{}", "0".repeat(64), &rest[64..]).as_bytes());
    fs::write(&path, format!("{head}{sum}{}", &rest[64..])).unwrap();
    assert_eq!(Provenance::load(&path).unwrap(), example_at(&text));
}

#[test]
fn files_of_older_versions_are_read_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provenance.json");
    // As it was written before there was a checksum.
    let old = r#"{
  "outcome": "interrupted",
  "started": "2026-11-24T04:33:55Z",
  "ended": "2026-11-24T05:33:55Z",
  "seed": 7,
  "data": { "train": "ab12" },
  "sessions": [
    {
      "command": ["bntt", "run", "a.toml"],
      "bntt_version": "0.1.0",
      "git": { "commit": "c0ffee", "dirty": true, "diff": "-a\n+b\n", "untracked": ["c"] },
      "host": { "name": "here", "operating_system": "linux", "cpu": "one", "cores": 2 },
      "device": "cpu",
      "threads": 2,
      "from_epoch": 0,
      "started": "2026-11-24T04:33:55Z",
      "ended": "2026-11-24T05:33:55Z"
    }
  ]
}"#;
    fs::write(&path, old).unwrap();
    let mut provenance = Provenance::load(&path).unwrap();
    let git = Git {
        commit: Some("c0ffee".into()),
        dirty: true,
        diff_sha256: None,
        diff: "-a\n+b\n".into(),
        untracked: vec!["c".into()],
    };
    assert_eq!(provenance.sessions[0].git, Some(git));
    provenance.resume(1, "cpu", 2, None);
    let text = saved(&provenance, &path);
    assert!(text.starts_with(b"{\n  \"sha256\": \""));
    assert_eq!(Provenance::load(&path).unwrap(), provenance);
}
