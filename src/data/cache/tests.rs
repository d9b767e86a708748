use std::fs::{File, FileTimes};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use super::*;
use crate::data::captured_warnings::warnings_of;

/// Files of two bytes each, which are decoded to their double; a byte above 127 is malformed.
struct Doubles {
    folder: tempfile::TempDir,
    cache: tempfile::TempDir,
    decoded: AtomicUsize,
}

type Loaded = Result<([Split; 2], BTreeMap<String, String>)>;

impl Doubles {
    fn new() -> Self {
        let [folder, cache] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for (name, content) in [("a", [1, 2]), ("b", [3, 4]), ("c", [5, 6])] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        fs::write(folder.path().join("labels"), "of a, b, c").unwrap();
        Self { folder, cache, decoded: AtomicUsize::new(0) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn recipe(&self) -> DecodeRecipe<'_, u32> {
        let source = |path: &str, label| SourceFile { path: path.into(), about: label };
        DecodeRecipe {
            set: "doubles",
            version: 1,
            folder: self.folder.path(),
            settings: serde_json::json!({ "factor": 2 }),
            shape: vec![1, 1, 2],
            classes: 9,
            longest: 2,
            splits: [vec![source("c", 8), source("a", 0)], vec![source("b", 7)]],
            beside: vec!["labels".into()],
        }
    }

    fn load_into(&self, cache: Option<&Path>, recipe: &DecodeRecipe<'_, u32>) -> Loaded {
        load_from(cache, recipe, |&label, path, content| {
            self.decoded.fetch_add(1, Ordering::Relaxed);
            match content.iter().find(|byte| **byte > 127) {
                None => Ok(DecodedItem { label, pixels: content.iter().map(|byte| 2 * byte).collect() }.into()),
                Some(byte) => Err(Error::Data(format!("{}: {byte} has no double.", path.display()))),
            }
        })
    }

    fn load(&self) -> Loaded {
        self.load_into(Some(self.cache.path()), &self.recipe())
    }

    /// How many files have been decoded since this was last asked.
    fn decoded(&self) -> usize {
        self.decoded.swap(0, Ordering::Relaxed)
    }

    fn cache_file(&self) -> PathBuf {
        let files: Vec<_> = fs::read_dir(self.cache.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    /// Loads, and checks what is loaded.
    #[track_caller]
    fn loads_after_decoding(&self, files: usize) {
        assert_is_right(&self.load().unwrap().0);
        assert_eq!(self.decoded(), files);
    }
}

#[track_caller]
fn assert_is_right([train, test]: &[Split; 2]) {
    let split = |pixels: &[u8], labels: &[u32]| Split {
        items: SplitValues::Bytes(pixels.to_vec().into()),
        labels: labels.to_vec(),
        shape: vec![1, 1, 2],
    };
    assert_eq!(*train, split(&[10, 12, 2, 4], &[8, 0]));
    assert_eq!(*test, split(&[6, 8], &[7]));
}

#[test]
fn what_was_decoded_once_is_read_from_the_cache() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    set.loads_after_decoding(0);
    let (first, second) = (set.load().unwrap(), set.load().unwrap());
    assert_eq!(first.1, second.1);
    fs::remove_file(set.cache_file()).unwrap();
    assert_is_right(&first.0);
    set.loads_after_decoding(3);
}

#[test]
fn the_checksum_is_that_of_the_lines_of_sha256sum() {
    let set = Doubles::new();
    // By their parts, d/x comes before d-x; by their letters, after it.
    fs::create_dir(set.path("d")).unwrap();
    for (from, to) in ["a", "b"].into_iter().zip(["d/x", "d-x"]) {
        fs::copy(set.path(from), set.path(to)).unwrap();
    }
    let folder = set.folder.path().display();
    let command = format!("cd '{folder}' && find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum");
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap().stdout;
    let expected = String::from_utf8(output).unwrap()[..64].to_string();
    let mut recipe = set.recipe();
    recipe.beside.extend(["d/x".into(), "d-x".into()]);
    let (_, checksums) = set.load_into(None, &recipe).unwrap();
    assert_eq!(checksums, BTreeMap::from([("all files".into(), expected)]));
}

#[test]
fn the_checksum_alone_is_that_of_loading_and_nothing_is_decoded_or_written() {
    let set = Doubles::new();
    let alone = || checksums_from(Some(set.cache.path()), &set.recipe()).unwrap();
    let before = alone();
    assert_eq!(fs::read_dir(set.cache.path()).unwrap().count(), 0);
    assert_eq!(set.load().unwrap().1, before);
    assert_eq!((set.decoded(), alone(), set.decoded()), (3, before.clone(), 0));
    // With the cache, unchanged files are not even read: another content of the same length and time is not seen, as
    // when it is loaded.
    let file = File::options().write(true).open(set.path("a")).unwrap();
    let times = FileTimes::new().set_modified(file.metadata().unwrap().modified().unwrap());
    fs::write(set.path("a"), [7, 7]).unwrap();
    file.set_times(times).unwrap();
    assert_eq!(alone(), before);
    let without = checksums_from(None, &set.recipe()).unwrap();
    assert_ne!(without, before);
    fs::write(set.path("a"), [1, 2]).unwrap();
    assert_eq!(alone(), before);
    fs::remove_file(set.path("b")).unwrap();
    let error = checksums_from(None, &set.recipe()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open {}: ", set.path("b").display())), "{error}");
}

#[test]
fn no_flipped_byte_of_the_cache_file_gives_another_checksum() {
    let set = Doubles::new();
    let (_, expected) = set.load().unwrap();
    let path = set.cache_file();
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut broken = whole.clone();
            broken[place] ^= 1 << bit;
            fs::remove_file(&path).unwrap();
            fs::write(&path, broken).unwrap();
            let found = checksums_from(Some(set.cache.path()), &set.recipe()).unwrap();
            assert_eq!(found, expected, "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn what_is_left_out_is_told_again_when_it_is_read_from_the_cache() {
    let set = Doubles::new();
    let load = || {
        let decode = |&label: &u32, path: &Path, content: &[u8]| {
            set.decoded.fetch_add(1, Ordering::Relaxed);
            let item = DecodedItem { label, pixels: content.to_vec() };
            let left_out = path.ends_with("a").then(|| "3 of 4 things are left out".into());
            Ok(Decoding { items: vec![item], left_out })
        };
        load_from(Some(set.cache.path()), &set.recipe(), decode).unwrap();
        set.decoded()
    };
    let warnings = vec!["doubles: a: 3 of 4 things are left out".to_string()];
    assert_eq!(warnings_of(load), (3, warnings.clone()));
    assert_eq!(warnings_of(load), (0, warnings));
}

#[test]
fn of_many_files_with_something_left_out_a_few_are_named() {
    let names: Vec<String> = (0..12).map(|i| i.to_string()).collect();
    assert_eq!(named(names[..10].to_vec()), names[..10]);
    let expected = [&names[..10], &["something was left out of 2 more files".into()]].concat();
    assert_eq!(named(names), expected);
}

#[test]
fn a_changed_source_file_is_noticed() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    // The same length and another time; then the old time and another length.
    let file = File::options().write(true).open(set.path("labels")).unwrap();
    file.set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    set.loads_after_decoding(3);
    fs::write(set.path("labels"), "of c, b, a!").unwrap();
    let file = File::options().write(true).open(set.path("labels")).unwrap();
    file.set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    set.loads_after_decoding(3);
    set.loads_after_decoding(0);
    // Still one file: the older ones were replaced.
    set.cache_file();
}

#[test]
fn other_settings_are_another_file_and_another_decoder_the_same_anew() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    let newer = DecodeRecipe { version: 2, ..set.recipe() };
    assert_is_right(&set.load_into(Some(set.cache.path()), &newer).unwrap().0);
    assert_eq!(set.decoded(), 3);
    set.cache_file();
    let other = DecodeRecipe { settings: serde_json::json!({ "factor": 3 }), ..newer };
    assert_is_right(&set.load_into(Some(set.cache.path()), &other).unwrap().0);
    assert_eq!(set.decoded(), 3);
    assert_eq!(fs::read_dir(set.cache.path()).unwrap().count(), 2);
}

#[test]
fn a_cache_file_with_any_flipped_byte_is_made_anew() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    let path = set.cache_file();
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut broken = whole.clone();
        broken[place] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, broken).unwrap();
        set.loads_after_decoding(3);
        assert_eq!(fs::read(&path).unwrap(), whole, "byte {place}");
    }
}

#[test]
fn a_cache_file_cut_anywhere_or_with_more_behind_it_is_made_anew() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    let path = set.cache_file();
    let whole = fs::read(&path).unwrap();
    let longer = [whole.as_slice(), b"x"].concat();
    for broken in (0..whole.len()).map(|end| &whole[..end]).chain([longer.as_slice()]) {
        fs::remove_file(&path).unwrap();
        fs::write(&path, broken).unwrap();
        set.loads_after_decoding(3);
    }
}

#[test]
fn a_pipe_in_the_place_of_the_cache_file_is_replaced_and_not_waited_for() {
    let set = Doubles::new();
    set.loads_after_decoding(3);
    let path = set.cache_file();
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    set.loads_after_decoding(3);
    set.loads_after_decoding(0);
}

#[test]
fn without_a_place_that_can_be_written_to_the_data_stay_in_memory() {
    let set = Doubles::new();
    // A folder below a file cannot be made, whoever asks; nor can a folder be replaced by a file.
    let below_a_file = set.path("a").join("cache");
    for cache in [None, Some(below_a_file.as_path())] {
        for _ in 0..2 {
            assert_is_right(&set.load_into(cache, &set.recipe()).unwrap().0);
            assert_eq!(set.decoded(), 3);
        }
    }
    let key = CacheKey::for_recipe(&set.recipe()).unwrap();
    let taken = set.cache.path().join(key.file_name());
    fs::create_dir_all(taken.join("inside")).unwrap();
    set.loads_after_decoding(6);
    assert_eq!(fs::read_dir(set.cache.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn of_several_broken_files_the_first_in_order_is_named_and_nothing_is_cached() {
    let set = Doubles::new();
    for name in ["a", "b"] {
        fs::write(set.path(name), [200, 0]).unwrap();
    }
    for _ in 0..20 {
        let error = set.load().unwrap_err().to_string();
        assert_eq!(error, format!("{}: 200 has no double.", set.path("a").display()));
    }
    assert_eq!(fs::read_dir(set.cache.path()).unwrap().count(), 0);
}

#[test]
fn missing_long_and_mislabelled_files_are_named() {
    let set = Doubles::new();
    let refused = |recipe: &DecodeRecipe<'_, u32>| set.load_into(None, recipe).unwrap_err().to_string();
    let shape = DecodeRecipe { shape: vec![3, 1, 1], ..set.recipe() };
    let name = set.path("c").display().to_string();
    assert_eq!(refused(&shape), format!("{name}: an item of 2 bytes; expected [3, 1, 1]."));
    let classes = DecodeRecipe { classes: 8, ..set.recipe() };
    assert_eq!(refused(&classes), format!("{name}: the label is 8; expected 0 to 7."));
    let longest = DecodeRecipe { longest: 1, ..set.recipe() };
    assert_eq!(refused(&longest), format!("cannot read {name}: it has 2 bytes, and at most 1 were expected"));
    fs::remove_file(set.path("b")).unwrap();
    assert!(refused(&set.recipe()).starts_with(&format!("cannot open {}: ", set.path("b").display())));
}

#[test]
fn a_limit_does_not_copy_what_is_mapped() {
    let set = Doubles::new();
    let ([mut train, _], _) = set.load().unwrap();
    let place = |split: &Split| match &split.items {
        SplitValues::Bytes(bytes) => bytes.as_ptr(),
        _ => panic!("pixels are bytes"),
    };
    let before = place(&train);
    train.truncate(1);
    assert_eq!((train.labels.as_slice(), train.items.len(), place(&train)), (&[8][..], 2, before));
}

#[test]
fn what_a_killed_process_left_is_removed_after_an_hour() {
    let set = Doubles::new();
    let name = CacheKey::for_recipe(&set.recipe()).unwrap().file_name();
    let [old, new, other] =
        [format!("{name}.1-0.tmp"), format!("{name}.2-0.tmp"), "other.1-0.tmp".into()].map(|name| {
            let path = set.cache.path().join(name);
            fs::write(&path, "half").unwrap();
            path
        });
    for path in [&old, &other] {
        let file = File::options().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    }
    set.loads_after_decoding(3);
    assert_eq!([old.exists(), new.exists(), other.exists()], [false, true, true]);
}

#[test]
fn the_cache_lies_where_the_variables_say() {
    fn with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        folder_by(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    }
    let home = ("HOME", "/home/ada");
    for (variables, expected) in [
        (&[home, ("XDG_CACHE_HOME", "/scratch"), ("BNTT_CACHE", "/fast/bntt")][..], Some("/fast/bntt")),
        (&[home, ("XDG_CACHE_HOME", "/scratch"), ("BNTT_CACHE", "")], Some("/scratch/bntt/data")),
        (&[home, ("XDG_CACHE_HOME", "scratch")], Some("/home/ada/.cache/bntt/data")),
        (&[home], Some("/home/ada/.cache/bntt/data")),
        (&[], None),
    ] {
        assert_eq!(with(variables), expected.map(PathBuf::from));
    }
}
