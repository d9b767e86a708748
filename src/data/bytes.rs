//! Bytes of a data set: in memory, or mapped from a file.

use std::collections::TryReserveError;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

use super::split;

/// Bytes that cost nothing to clone. Those of a file are read by the operating system as they are used, and given back
/// when memory is short: a data set may be larger than memory, and processes on one machine share it.
#[derive(Clone)]
pub struct Bytes {
    storage: Arc<Storage>,
    /// Within the storage.
    range: Range<usize>,
}

enum Storage {
    Memory(Vec<u8>),
    File(Mmap),
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(map) => map,
        }
    }
}

impl Bytes {
    /// The whole of a file.
    ///
    /// # Errors
    /// The operating system's, such as for a file that is no regular one.
    ///
    /// # Safety
    /// For as long as the bytes or a clone of them live, nobody may write to the file or cut it: its bytes are lent as
    /// if they were constant, and beyond an end that has moved there is no memory (SIGBUS ends the process).
    pub(super) unsafe fn map(file: &File) -> io::Result<Self> {
        // SAFETY: what is asked of the caller is what is asked here.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self::from_storage(Storage::File(map)))
    }

    fn from_storage(storage: Storage) -> Self {
        let range = 0..storage.len();
        Self { storage: Arc::new(storage), range }
    }

    /// Those in `range`, without a copy; `None` where there are not so many.
    pub(super) fn part(&self, range: Range<usize>) -> Option<Self> {
        self.get(range.clone())?;
        let moved = self.range.start.checked_add(range.start)?..self.range.start.checked_add(range.end)?;
        Some(Self { storage: Arc::clone(&self.storage), range: moved })
    }

    /// Keeps the first `n`, and gives the memory of the others back where nobody else has it.
    pub(super) fn truncate(&mut self, n: usize) {
        self.range.end = self.range.start.saturating_add(n).min(self.range.end);
        if let Some(Storage::Memory(bytes)) = Arc::get_mut(&mut self.storage) {
            bytes.truncate(self.range.end);
            bytes.shrink_to_fit();
        }
    }

    /// Keeps the pieces of `length` bytes at `places`, which ascend, and gives the memory of the others back where
    /// nobody else has it. Those of a file, or that somebody else has, are copied, and only those.
    ///
    /// # Errors
    /// When there is no memory for the copy.
    pub(super) fn keep(&mut self, length: usize, places: &[usize]) -> Result<(), TryReserveError> {
        if let Some(Storage::Memory(bytes)) = Arc::get_mut(&mut self.storage)
            && self.range == (0..bytes.len())
        {
            split::keep(bytes, length, places);
            self.range = 0..bytes.len();
            return Ok(());
        }
        let mut kept = Vec::new();
        kept.try_reserve_exact(places.len().saturating_mul(length))?;
        for &place in places {
            let from = place.saturating_mul(length);
            kept.extend_from_slice(self.get(from..from.saturating_add(length)).unwrap_or_default());
        }
        *self = kept.into();
        Ok(())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.storage.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_storage(Storage::Memory(bytes))
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Vec::from_iter(bytes).into()
    }
}

/// By value, wherever they lie.
impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(content: &[u8]) -> (tempfile::TempDir, Bytes) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        // SAFETY: the test has the file for itself and does not write to it again.
        let bytes = unsafe { Bytes::map(&File::open(&path).unwrap()) }.unwrap();
        (folder, bytes)
    }

    #[test]
    fn a_part_of_a_file_is_cut_without_a_copy() {
        let (_folder, whole) = mapped(&[0, 1, 2, 3, 4, 5, 6, 7]);
        let mut part = whole.part(2..7).unwrap().part(1..5).unwrap();
        assert_eq!(*part, [3, 4, 5, 6]);
        part.truncate(2);
        assert_eq!(*part, [3, 4]);
        assert_eq!(part.as_ptr(), whole[3..].as_ptr());
        part.truncate(9);
        assert_eq!(part, Bytes::from(vec![3, 4]));
        assert!(part.part(1..3).is_none() && part.part(3..usize::MAX).is_none());
        assert_eq!(whole.len(), 8);
    }

    #[test]
    fn the_bytes_of_a_file_outlive_its_name_and_a_new_file_in_its_place() {
        let (folder, bytes) = mapped(b"old");
        let path = folder.path().join("file");
        let new = folder.path().join("new");
        std::fs::write(&new, b"").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(*bytes, *b"old");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*bytes, *b"old");
    }

    #[test]
    fn pieces_are_kept_in_place_and_copied_out_of_a_file_or_where_a_clone_needs_the_others() {
        let content = [0, 1, 2, 3, 4, 5, 6, 7];
        let (_folder, mut of_file) = mapped(&content);
        let mut own = Bytes::from(content.to_vec());
        let mut shared = Bytes::from([&[9, 9], &content[..]].concat()).part(2..10).unwrap();
        let clone = shared.clone();
        for bytes in [&mut of_file, &mut own, &mut shared] {
            bytes.keep(2, &[1, 3]).unwrap();
            assert_eq!(**bytes, [2, 3, 6, 7]);
            let Storage::Memory(kept) = &*bytes.storage else { panic!("in memory") };
            assert_eq!(kept.len(), 4);
        }
        assert_eq!(*clone, content);
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        assert!(mapped(b"").1.is_empty());
    }

    #[test]
    fn memory_that_is_cut_is_given_back_unless_a_clone_needs_it() {
        let mut bytes = Bytes::from(vec![7; 1000]);
        let clone = bytes.clone();
        bytes.truncate(10);
        assert_eq!((bytes.len(), clone.len()), (10, 1000));
        drop(clone);
        bytes.truncate(5);
        let Storage::Memory(kept) = &*bytes.storage else { panic!("in memory") };
        assert!(kept.capacity() < 100, "{}", kept.capacity());
    }
}
