//! Tiny-ImageNet: folders of JPEG images, which are decoded once (see [`cache`]).
//!
//! ```text
//! wnids.txt                      a class a line, in the order of their numbers
//! words.txt                      WNID, tab, names of the class; may be absent
//! train/WNID/images/*.JPEG
//! val/images/*.JPEG
//! val/val_annotations.txt        image, tab, WNID; what follows, a box, is not read
//! ```

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache::{self, DecodeRecipe, DecodedItem, Decoding, SourceFile};
use super::files::{self, Folder};
use super::{DataShape, Dataset, DatasetSpec, Split, jpeg};
use crate::error::{Error, Result};

/// Where Tiny-ImageNet lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TinyImagenetConfig {
    /// The folder of `wnids.txt`, `train` and `val`, with all 200 classes or fewer: those of `wnids.txt`. The images of
    /// `val` are the test images, since nobody has the labels of `test`.
    #[schemars(example = "data/tiny_imagenet")]
    pub path: PathBuf,
}

/// Of the whole set.
const SHAPE: DataShape =
    DataShape { channels: 3, height: 64, width: 64, classes: 200, time_steps: None, train: 100_000, test: 10_000 };

/// The most bytes of a list and of an image. The longest official ones are words.txt, 2.7 MB, and images of some 10 kB.
const LONGEST_LIST: u64 = 1 << 24;
const LONGEST_IMAGE: u64 = 1 << 20;

/// To be raised when the same files become other pixels, as they may with another zune-jpeg, or another order.
const VERSION: u32 = 1;

impl DatasetSpec for TinyImagenetConfig {
    /// With the classes of `wnids.txt`, or all where there is none, and the official number of images for each.
    fn shape(&self, _: usize) -> Result<DataShape> {
        if !self.path.join("wnids.txt").exists() {
            return Ok(SHAPE);
        }
        let classes = self.classes()?.len();
        let images = |official: usize| official.saturating_mul(classes).checked_div(SHAPE.classes).unwrap_or_default();
        Ok(DataShape { classes, train: images(SHAPE.train), test: images(SHAPE.test), ..SHAPE })
    }

    fn load(&self, _: usize) -> Result<Dataset> {
        let recipe = self.recipe()?;
        Ok(dataset(&recipe, cache::load(&recipe, decode)?))
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        cache::checksums(&self.recipe()?)
    }

    /// The classes' first names in `words.txt`, or their WNIDs.
    fn class_names(&self) -> Option<Vec<String>> {
        let classes = self.classes().ok()?;
        let words = self.list("words.txt").unwrap_or_default();
        let names: HashMap<&str, &str> = words
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(class, names)| (class.trim(), names.split(',').next().unwrap_or(names).trim()))
            .collect();
        Some(classes.iter().map(|class| names.get(class.as_str()).unwrap_or(&class.as_str()).to_string()).collect())
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl TinyImagenetConfig {
    fn recipe(&self) -> Result<DecodeRecipe<'_, u32>> {
        let files = &["wnids.txt", "train", "val/images", "val/val_annotations.txt"];
        let published = "http://cs231n.stanford.edu/tiny-imagenet-200.zip";
        Folder { path: &self.path, set: "Tiny-ImageNet", key: "tiny_imagenet", files, published }.locate()?;
        let classes = self.classes()?;
        Ok(DecodeRecipe {
            set: "tiny_imagenet",
            version: VERSION,
            folder: &self.path,
            settings: serde_json::json!({}),
            shape: vec![SHAPE.channels, SHAPE.height, SHAPE.width],
            classes: classes.len(),
            longest: LONGEST_IMAGE,
            splits: [self.training_images(&classes)?, self.test_images(&classes)?],
            beside: vec!["wnids.txt".into(), "val/val_annotations.txt".into()],
        })
    }

    /// WNIDs in the order of the labels.
    fn classes(&self) -> Result<Vec<String>> {
        let mut numbers = BTreeMap::new();
        let text = self.list("wnids.txt")?;
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        for (i, class) in lines.clone() {
            let place = || format!("{}:{}", self.path.join("wnids.txt").display(), i.saturating_add(1));
            if !is_name(class) {
                return Err(Error::Data(format!(
                    "{}: {class:?} is no class; expected a WNID such as n01443537.",
                    place()
                )));
            }
            if let Some(before) = numbers.insert(class, i) {
                let before = before.saturating_add(1);
                return Err(Error::Data(format!("{}: {class} stands in line {before} already.", place())));
            }
        }
        if numbers.is_empty() {
            let path = self.path.join("wnids.txt");
            return Err(Error::Data(format!(
                "{} is empty; expected a WNID, such as n01443537, a line.",
                path.display()
            )));
        }
        Ok(lines.map(|(_, class)| class.to_string()).collect())
    }

    /// The first image of every class, then the second, and so on, so that `data.limit` leaves all classes.
    fn training_images(&self, classes: &[String]) -> Result<Vec<SourceFile<u32>>> {
        let mut images = Vec::new();
        for (label, class) in (0u32..).zip(classes) {
            let folder = Path::new("train").join(class).join("images");
            let names = images_in(&self.path.join(&folder))?;
            images.extend(names.into_iter().enumerate().map(|(i, name)| (i, label, folder.join(name))));
        }
        images.sort();
        Ok(images.into_iter().map(|(_, label, path)| SourceFile { path, about: label }).collect())
    }

    /// In the order of `val_annotations.txt`.
    fn test_images(&self, classes: &[String]) -> Result<Vec<SourceFile<u32>>> {
        let labels: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let list = "val/val_annotations.txt";
        let text = self.list(list)?;
        let (mut images, mut lines) = (Vec::new(), HashMap::new());
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let refused = |problem: String| {
                let place = self.path.join(list);
                Err(Error::Data(format!("{}:{}: {problem}.", place.display(), i.saturating_add(1))))
            };
            let mut fields = line.split('\t').map(str::trim);
            let (Some(image), Some(class)) = (fields.next().filter(|name| is_name(name)), fields.next()) else {
                return refused(format!("{line:?} is no line of an image, a tab and a WNID"));
            };
            let Some(&label) = labels.get(class) else {
                return refused(format!(
                    "{image} is of the class {class}, which wnids.txt does not list; add it there, with its training images, or \
                     take this line out"
                ));
            };
            if let Some(before) = lines.insert(image, i.saturating_add(1)) {
                return refused(format!("{image} stands in line {before} already"));
            }
            images.push(SourceFile { path: Path::new("val/images").join(image), about: label });
        }
        match images.is_empty() {
            true => Err(Error::Data(format!("{} lists no image.", self.path.join(list).display()))),
            false => Ok(images),
        }
    }

    fn list(&self, name: &str) -> Result<String> {
        let path = self.path.join(name);
        files::list(&path, LONGEST_LIST).map_err(Error::io("read", &path))
    }
}

fn decode(&label: &u32, path: &Path, content: &[u8]) -> Result<Decoding> {
    let pixels = jpeg::rgb(path, content, [SHAPE.height, SHAPE.width])?;
    Ok(DecodedItem { label, pixels }.into())
}

fn dataset(recipe: &DecodeRecipe<'_, u32>, loaded: ([Split; 2], BTreeMap<String, String>)) -> Dataset {
    let ([train, test], checksums) = loaded;
    let shape = DataShape { classes: recipe.classes, train: train.len(), test: test.len(), ..SHAPE };
    Dataset { train, test, shape, checksums }
}

/// The names of a folder's JPEG images, sorted.
fn images_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = files::visible(folder)?;
    let is_image = |extension: &OsStr| ["jpeg", "jpg"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    names.retain(|name| Path::new(name).extension().is_some_and(is_image));
    match names.is_empty() {
        true => Err(Error::Data(format!("the folder {} holds no JPEG image.", folder.display()))),
        false => Ok(names),
    }
}

/// Whether it is a name within a folder, and not a way out of it.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SplitValues;
    use std::fs;

    const RED: &[u8] = include_bytes!("../../tests/fixtures/jpeg/red_64.jpeg");
    const BLUE: &[u8] = include_bytes!("../../tests/fixtures/jpeg/blue_64.jpeg");
    const GREY: &[u8] = include_bytes!("../../tests/fixtures/jpeg/grey_64.jpeg");
    const SMALL: &[u8] = include_bytes!("../../tests/fixtures/jpeg/grey.jpeg");

    /// Two classes, of which the first comes second in the alphabet.
    struct Set {
        folder: tempfile::TempDir,
        cache: tempfile::TempDir,
    }

    impl Set {
        fn new() -> Self {
            let set = Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() };
            set.put("wnids.txt", b"n02\nn01\n");
            set.put("words.txt", b"n00\tentity\nn01\ttench, Tinca tinca\n");
            set.put("train/n01/images/n01_0.JPEG", BLUE);
            set.put("train/n01/n01_boxes.txt", b"n01_0.JPEG\t0\t0\t9\t9\n");
            set.put("train/n02/images/n02_10.JPEG", GREY);
            set.put("train/n02/images/n02_0.JPEG", RED);
            set.put("train/n02/images/n02_1.JPEG", RED);
            set.put("val/images/val_0.JPEG", BLUE);
            set.put("val/images/val_1.JPEG", GREY);
            set.put("val/val_annotations.txt", b"val_1.JPEG\tn02\t0\t0\t9\t9\nval_0.JPEG\tn01\t1\t2\t3\t4\n");
            set
        }

        fn put(&self, name: &str, content: &[u8]) {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn config(&self) -> TinyImagenetConfig {
            TinyImagenetConfig { path: self.folder.path().into() }
        }

        fn load(&self) -> Result<Dataset> {
            let config = self.config();
            let recipe = config.recipe()?;
            Ok(dataset(&recipe, cache::load_from(Some(self.cache.path()), &recipe, decode)?))
        }

        /// The error's text, in which FOLDER stands for the folder.
        fn refused(&self) -> String {
            self.load().unwrap_err().to_string().replace(&self.folder.path().display().to_string(), "FOLDER")
        }
    }

    /// The label and the middle pixel of every image.
    fn middles(split: &Split) -> Vec<(u32, [u8; 3])> {
        let SplitValues::Bytes(bytes) = &split.items else { panic!("pixels are bytes") };
        let middle = |image: &[u8]| [0, 1, 2].map(|channel| image[channel * 4096 + 32 * 64 + 32]);
        split.labels.iter().copied().zip(bytes.chunks(3 * 4096).map(middle)).collect()
    }

    fn assert_close(found: Vec<(u32, [u8; 3])>, expected: &[(u32, [u8; 3])]) {
        let labels = |of: &[(u32, [u8; 3])]| of.iter().map(|(label, _)| *label).collect::<Vec<_>>();
        assert_eq!(labels(&found), labels(expected));
        for ((_, found), (_, expected)) in found.iter().zip(expected) {
            assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 2), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn labels_are_lines_of_wnids_and_training_images_take_turns() {
        let dataset = Set::new().load().unwrap();
        // The colours of which the fixtures were made.
        let [red, blue, grey] = [[200, 30, 20], [10, 60, 220], [90, 90, 90]];
        assert_close(middles(&dataset.train), &[(0, red), (1, blue), (0, red), (0, grey)]);
        assert_close(middles(&dataset.test), &[(0, grey), (1, blue)]);
        assert_eq!(dataset.train.shape, [3, 64, 64]);
        assert_eq!(dataset.shape, DataShape { classes: 2, train: 4, test: 2, ..SHAPE });
    }

    #[test]
    fn the_second_loading_gives_the_same_bytes_without_decoding() {
        let set = Set::new();
        let first = set.load().unwrap();
        assert_eq!(fs::read_dir(set.cache.path()).unwrap().count(), 1);
        // A broken image of the same length and time would be seen if it were decoded.
        let path = set.folder.path().join("train/n01/images/n01_0.JPEG");
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, vec![0; BLUE.len()]).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        let second = set.load().unwrap();
        assert_eq!((first.train, first.test, first.checksums), (second.train, second.test, second.checksums));
        set.put("train/n01/images/n01_0.JPEG", &RED[1..]);
        assert!(set.refused().starts_with("FOLDER/train/n01/images/n01_0.JPEG is no JPEG image"), "{}", set.refused());
    }

    #[test]
    fn the_shape_is_known_without_images() {
        let set = Set::new();
        fs::remove_dir_all(set.folder.path().join("train")).unwrap();
        assert_eq!(set.config().shape(1).unwrap(), DataShape { classes: 2, train: 1000, test: 100, ..SHAPE });
        assert_eq!(TinyImagenetConfig { path: "nowhere".into() }.shape(1).unwrap(), SHAPE);
    }

    #[test]
    fn classes_are_called_by_their_first_name_or_their_wnid() {
        let set = Set::new();
        assert_eq!(set.config().class_names().unwrap(), ["n02", "tench"]);
        fs::remove_file(set.folder.path().join("words.txt")).unwrap();
        assert_eq!(set.config().class_names().unwrap(), ["n02", "n01"]);
        assert_eq!(TinyImagenetConfig { path: "nowhere".into() }.class_names(), None);
    }

    #[test]
    fn hidden_files_byte_order_marks_and_line_ends_of_windows_change_nothing() {
        let (plain, marked) = (Set::new(), Set::new());
        marked.put("wnids.txt", "\u{feff}n02\r\nn01\r\n".as_bytes());
        marked.put("words.txt", "\u{feff}n01\ttench, Tinca tinca\r\nn02\tgoldfish\r\n".as_bytes());
        let list = "\u{feff}val_1.JPEG\tn02\t0\t0\t9\t9\r\nval_0.JPEG\tn01\r\n";
        marked.put("val/val_annotations.txt", list.as_bytes());
        for name in ["train/n01/images/._n01_0.JPEG", "train/n02/images/.DS_Store", "val/images/._val_0.JPEG"] {
            marked.put(name, b"\0\x05\x16\x07");
        }
        let [expected, found] = [&plain, &marked].map(|set| set.load().unwrap());
        assert_eq!((found.train, found.test, found.shape), (expected.train, expected.test, expected.shape));
        assert_eq!(marked.config().class_names().unwrap(), ["goldfish", "tench"]);
    }

    #[test]
    fn the_checksum_is_that_of_loading_with_a_cache_and_without() {
        let set = Set::new();
        let sums = |cache: Option<&Path>| cache::checksums_from(cache, &set.config().recipe().unwrap()).unwrap();
        let cache = Some(set.cache.path());
        let before = sums(cache);
        assert_eq!(set.load().unwrap().checksums, before);
        assert_eq!([sums(cache), sums(None)], [before.clone(), before.clone()]);
        // Labels are part of it, where the set lies is not.
        let moved = Set::new();
        assert_eq!(cache::checksums_from(None, &moved.config().recipe().unwrap()).unwrap(), before);
        moved.put("wnids.txt", b"n01\nn02\n");
        assert_ne!(cache::checksums_from(None, &moved.config().recipe().unwrap()).unwrap(), before);
    }

    #[test]
    fn what_is_missing_is_named() {
        let set = Set::new();
        fs::remove_file(set.folder.path().join("val/images/val_0.JPEG")).unwrap();
        let text = set.refused();
        assert!(text.starts_with("cannot open FOLDER/val/images/val_0.JPEG: No such file"), "{text}");
        set.put("val/images/val_0.jpeg", BLUE);
        let expected = "FOLDER/val/images/val_0.JPEG does not exist; there is FOLDER/val/images/val_0.jpeg: rename it to val_0.JPEG.";
        assert_eq!(set.refused(), expected);
        fs::remove_dir_all(set.folder.path().join("train/n01")).unwrap();
        let text = set.refused();
        assert!(text.starts_with("cannot open FOLDER/train/n01/images: No such file"), "{text}");
        fs::create_dir_all(set.folder.path().join("train/n01/images")).unwrap();
        assert_eq!(set.refused(), "the folder FOLDER/train/n01/images holds no JPEG image.");
        fs::remove_dir_all(set.folder.path().join("val")).unwrap();
        let text = set.refused();
        let begins = "`bntt data tiny_imagenet --path FOLDER` fetches it: the folder FOLDER lacks val/images, val/val_annotations.txt. \
                      The Tiny-ImageNet folder";
        assert!(text.starts_with(begins), "{text}");
        assert!(text.ends_with("put them there or correct data.dataset.tiny_imagenet.path."), "{text}");
    }

    #[test]
    fn wrong_lines_are_named() {
        for (file, content, expected) in [
            ("wnids.txt", "n02\n../n01\n", "2: \"../n01\" is no class; expected a WNID such as n01443537."),
            ("wnids.txt", "n02\nn01\n\nn02\n", "4: n02 stands in line 1 already."),
            ("wnids.txt", "\n", " is empty; expected a WNID, such as n01443537, a line."),
            ("val/val_annotations.txt", "\n", " lists no image."),
            (
                "val/val_annotations.txt",
                "val_0.JPEG n01\n",
                "1: \"val_0.JPEG n01\" is no line of an image, a tab and a WNID.",
            ),
            (
                "val/val_annotations.txt",
                "val_0.JPEG\tn01\n../val_1.JPEG\tn02",
                "2: \"../val_1.JPEG\\tn02\" is no line of an image, a tab and a WNID.",
            ),
            (
                "val/val_annotations.txt",
                "val_0.JPEG\tn01\nval_1.JPEG\tn02\nval_0.JPEG\tn02",
                "3: val_0.JPEG stands in line 1 already.",
            ),
            (
                "val/val_annotations.txt",
                "val_0.JPEG\tn01\nval_1.JPEG\tn03",
                "2: val_1.JPEG is of the class n03, which wnids.txt does not list; add it there, with its training images, or take \
                 this line out.",
            ),
        ] {
            let set = Set::new();
            set.put(file, content.as_bytes());
            let colon = if expected.starts_with(' ') { "" } else { ":" };
            assert_eq!(set.refused(), format!("FOLDER/{file}{colon}{expected}"));
        }
    }

    #[test]
    fn an_image_of_another_size_is_named() {
        let set = Set::new();
        set.put("train/n02/images/n02_1.JPEG", SMALL);
        let expected = "FOLDER/train/n02/images/n02_1.JPEG has 16x16 pixels; expected 64x64 (height and width).";
        assert_eq!(set.refused(), expected);
    }
}
