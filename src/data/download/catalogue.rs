//! The data sets that can be fetched: addresses, sizes, checksums.
//!
//! Checksums are those on CIFAR's page, those that torchvision lists for MNIST and Fashion-MNIST, those of figshare for
//! CIFAR10-DVS, and for N-MNIST and Tiny-ImageNet those that several public data loaders agree on. Sizes are what these
//! sources say.

use std::path::Path;

use super::checksum::Checksum;
use crate::error::{Error, Result};
use crate::system::signals::Stop;

/// A data set.
#[derive(Debug)]
pub struct PublishedDataset {
    /// Its key in an experiment file.
    pub name: &'static str,
    pub title: &'static str,
    /// Where it is published, for people.
    pub page: &'static str,
    /// What is known of its licence.
    pub licence: &'static str,
    pub archives: &'static [Archive],
    /// Checksums that are published for unpacked files.
    pub files: &'static [(&'static str, Checksum)],
}

/// A file to fetch.
#[derive(Debug)]
pub struct Archive {
    pub file: &'static str,
    /// Tried in this order.
    pub urls: &'static [&'static str],
    /// Its size where that is known.
    pub bytes: Option<u64>,
    pub checksum: Option<Checksum>,
    pub packing: ArchiveFormat,
}

/// How an archive is packed. What lies under the folder `inside` goes to the data set's folder itself.
#[derive(Debug, Clone, Copy)]
pub enum ArchiveFormat {
    /// One file, which keeps its name without `.gz`.
    Gzip,
    TarGzip {
        inside: &'static str,
    },
    Zip {
        inside: &'static str,
    },
}

impl PublishedDataset {
    /// What to fetch by hand, and where to put it.
    pub fn by_hand<'a>(&self, archives: impl Iterator<Item = &'a Archive>, folder: &Path) -> String {
        let mut text =
            format!("fetch these files and put them into {} (published at {}):", folder.display(), self.page);
        for archive in archives {
            let url = archive.urls.first().copied().unwrap_or_default();
            text.push_str(&format!("\n  {url} as {} ({})", archive.file, archive.about()));
        }
        text
    }

    /// Bytes to fetch, as far as known.
    pub fn bytes(&self) -> Option<u64> {
        self.archives.iter().map(|archive| archive.bytes).try_fold(0u64, |sum, bytes| sum.checked_add(bytes?))
    }
}

impl Archive {
    /// The official addresses, or that of the file under `base`.
    pub fn addresses(&self, base: Option<&str>) -> Vec<String> {
        match base {
            Some(base) => vec![format!("{}/{}", base.trim_end_matches('/'), self.file)],
            None => self.urls.iter().map(ToString::to_string).collect(),
        }
    }

    /// Its checksum in words.
    pub fn about(&self) -> String {
        self.checksum.map_or_else(|| "no checksum is published".into(), |checksum| checksum.to_string())
    }

    /// # Errors
    /// [`Error::Data`] when `path` is not what was published, [`Error::Interrupted`] when asked to stop.
    pub fn check(&self, path: &Path, stop: &Stop) -> Result<()> {
        match self.checksum.map(|checksum| checksum.check(path, stop)).transpose()? {
            Some(Err(problem)) => {
                let path = path.display();
                Err(Error::Data(format!("{path} is not what was published: {problem}. Remove it or fetch it again.")))
            }
            _ => Ok(()),
        }
    }
}

/// All of them, by name.
pub const SETS: &[PublishedDataset] = &[
    PublishedDataset {
        name: "mnist",
        title: "MNIST: 70,000 handwritten digits, 28x28",
        page: "http://yann.lecun.com/exdb/mnist/",
        licence: "no licence on its page; CC BY-SA 3.0 is often quoted",
        archives: &[
            Archive {
                file: "train-images-idx3-ubyte.gz",
                urls: &[
                    "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
                    "http://yann.lecun.com/exdb/mnist/train-images-idx3-ubyte.gz",
                ],
                bytes: Some(9_912_422),
                checksum: Some(Checksum::Md5("f68b3c2dcbeaaa9fbdd348bbdeb94873")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "train-labels-idx1-ubyte.gz",
                urls: &[
                    "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
                    "http://yann.lecun.com/exdb/mnist/train-labels-idx1-ubyte.gz",
                ],
                bytes: Some(28_881),
                checksum: Some(Checksum::Md5("d53e105ee54ea40749a09fcbcd1e9432")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "t10k-images-idx3-ubyte.gz",
                urls: &[
                    "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
                    "http://yann.lecun.com/exdb/mnist/t10k-images-idx3-ubyte.gz",
                ],
                bytes: Some(1_648_877),
                checksum: Some(Checksum::Md5("9fb629c4189551a2d022fa330f9573f3")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "t10k-labels-idx1-ubyte.gz",
                urls: &[
                    "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
                    "http://yann.lecun.com/exdb/mnist/t10k-labels-idx1-ubyte.gz",
                ],
                bytes: Some(4_542),
                checksum: Some(Checksum::Md5("ec29112dd5afa0611ce80d1b7f02629c")),
                packing: ArchiveFormat::Gzip,
            },
        ],
        files: &[],
    },
    PublishedDataset {
        name: "fashion_mnist",
        title: "Fashion-MNIST: 70,000 pieces of clothing, 28x28",
        page: "https://github.com/zalandoresearch/fashion-mnist",
        licence: "MIT",
        archives: &[
            Archive {
                file: "train-images-idx3-ubyte.gz",
                urls: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz"],
                bytes: None,
                checksum: Some(Checksum::Md5("8d4fb7e6c68d591d4c3dfef9ec88bf0d")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "train-labels-idx1-ubyte.gz",
                urls: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz"],
                bytes: None,
                checksum: Some(Checksum::Md5("25c81989df183df01b3e8a0aad5dffbe")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "t10k-images-idx3-ubyte.gz",
                urls: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz"],
                bytes: None,
                checksum: Some(Checksum::Md5("bef4ecab320f06d8554ea6380940ec79")),
                packing: ArchiveFormat::Gzip,
            },
            Archive {
                file: "t10k-labels-idx1-ubyte.gz",
                urls: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz"],
                bytes: None,
                checksum: Some(Checksum::Md5("bb300cfdad3c16e7a12a480ee83cd310")),
                packing: ArchiveFormat::Gzip,
            },
        ],
        files: &[],
    },
    PublishedDataset {
        name: "cifar10",
        title: "CIFAR-10 (binary version): 60,000 colour images, 32x32, 10 classes",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        licence: "none is stated; the page asks for a citation",
        archives: &[Archive {
            file: "cifar-10-binary.tar.gz",
            urls: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
            bytes: Some(170_052_171),
            checksum: Some(Checksum::Md5("c32a1d4ab5d03f1284b67883e8d87530")),
            packing: ArchiveFormat::TarGzip { inside: "cifar-10-batches-bin" },
        }],
        files: &[
            ("data_batch_1.bin", Checksum::Md5("5dd7e06a14cb22eb9f671a540d1b7c25")),
            ("data_batch_2.bin", Checksum::Md5("5ea93a67294ea407fff1d09f752e9692")),
            ("data_batch_3.bin", Checksum::Md5("942cd6a4bcdd0dd3c604fbe906cb4421")),
            ("data_batch_4.bin", Checksum::Md5("ae636b3ba5c66a11e91e8cb52e771fcb")),
            ("data_batch_5.bin", Checksum::Md5("53f37980c15c3d472c316c40844f3f0d")),
            ("test_batch.bin", Checksum::Md5("803d5f7f4d78ea53de84dbe85f74fb6d")),
        ],
    },
    PublishedDataset {
        name: "cifar100",
        title: "CIFAR-100 (binary version): 60,000 colour images, 32x32, 100 classes",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        licence: "none is stated; the page asks for a citation",
        archives: &[Archive {
            file: "cifar-100-binary.tar.gz",
            urls: &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
            bytes: Some(168_513_733),
            checksum: Some(Checksum::Md5("03b5dce01913d631647c71ecec9e9cb8")),
            packing: ArchiveFormat::TarGzip { inside: "cifar-100-binary" },
        }],
        files: &[],
    },
    PublishedDataset {
        name: "tiny_imagenet",
        title: "Tiny-ImageNet-200: 110,000 labelled JPEG images, 64x64, 200 classes",
        page: "http://cs231n.stanford.edu/",
        licence: "none is stated; ImageNet's terms are for research and teaching",
        archives: &[Archive {
            file: "tiny-imagenet-200.zip",
            urls: &["http://cs231n.stanford.edu/tiny-imagenet-200.zip"],
            bytes: Some(248_100_043),
            checksum: Some(Checksum::Md5("90528d7ca1a48142e341f4ef8d21d0de")),
            packing: ArchiveFormat::Zip { inside: "tiny-imagenet-200" },
        }],
        files: &[],
    },
    PublishedDataset {
        name: "nmnist",
        title: "N-MNIST: MNIST seen by a moving event camera, 34x34",
        page: "https://www.garrickorchard.com/datasets/n-mnist",
        licence: "Creative Commons; see its page",
        archives: &[
            Archive {
                file: "Train.zip",
                urls: &[
                    "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                ],
                bytes: None,
                checksum: Some(Checksum::Md5("20959b8e626244a1b502305a9e6e2031")),
                packing: ArchiveFormat::Zip { inside: "" },
            },
            Archive {
                file: "Test.zip",
                urls: &[
                    "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                ],
                bytes: None,
                checksum: Some(Checksum::Md5("69ca8762b2fe404d9b9bad1103e97832")),
                packing: ArchiveFormat::Zip { inside: "" },
            },
        ],
        files: &[],
    },
    PublishedDataset {
        name: "dvs_cifar10",
        title: "CIFAR10-DVS: 10,000 recordings of an event camera, 128x128, 10 classes",
        page: "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671",
        licence: "Creative Commons; see its page",
        archives: &[
            dvs(
                "airplane.zip",
                &["https://ndownloader.figshare.com/files/7712788"],
                "0afd5c4bf9ae06af762a77b180354fdd",
            ),
            dvs(
                "automobile.zip",
                &["https://ndownloader.figshare.com/files/7712791"],
                "8438dfeba3bc970c94962d995b1b9bdd",
            ),
            dvs("bird.zip", &["https://ndownloader.figshare.com/files/7712794"], "a9c207c91c55b9dc2002dc21c684d785"),
            dvs("cat.zip", &["https://ndownloader.figshare.com/files/7712812"], "52c63c677c2b15fa5146a8daf4d56687"),
            dvs("deer.zip", &["https://ndownloader.figshare.com/files/7712815"], "b6bf21f6c04d21ba4e23fc3e36c8a4a3"),
            dvs("dog.zip", &["https://ndownloader.figshare.com/files/7712818"], "f379ebdf6703d16e0a690782e62639c3"),
            dvs("frog.zip", &["https://ndownloader.figshare.com/files/7712842"], "cad6ed91214b1c7388a5f6ee56d08803"),
            dvs("horse.zip", &["https://ndownloader.figshare.com/files/7712851"], "e7cbbf77bec584ffbf913f00e682782a"),
            dvs("ship.zip", &["https://ndownloader.figshare.com/files/7712836"], "41c7bd7d6b251be82557c6cce9a7d5c9"),
            dvs("truck.zip", &["https://ndownloader.figshare.com/files/7712839"], "89f3922fd147d9aeff89e76a2b0b70a7"),
        ],
        files: &[],
    },
];

/// One class of CIFAR10-DVS.
const fn dvs(file: &'static str, urls: &'static [&'static str], md5: &'static str) -> Archive {
    Archive { file, urls, bytes: None, checksum: Some(Checksum::Md5(md5)), packing: ArchiveFormat::Zip { inside: "" } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_archive_has_an_address_and_a_checksum_of_the_right_length() {
        for set in SETS {
            let names: BTreeSet<&str> = set.archives.iter().map(|archive| archive.file).collect();
            assert_eq!(names.len(), set.archives.len(), "{}", set.name);
            for archive in set.archives {
                assert!(archive.urls.iter().all(|url| url.starts_with("http")), "{}", archive.file);
                let Some(Checksum::Md5(digits)) = archive.checksum else { panic!("{} has no MD5", archive.file) };
                assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{}", archive.file);
            }
        }
    }

    #[test]
    fn another_address_stands_for_the_folder_of_the_archives() {
        let archive = &SETS[2].archives[0];
        for base in ["https://lab/cifar", "https://lab/cifar/"] {
            assert_eq!(archive.addresses(Some(base)), ["https://lab/cifar/cifar-10-binary.tar.gz"]);
        }
    }
}
