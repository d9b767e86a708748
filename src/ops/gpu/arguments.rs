//! Arguments of a kernel, laid out as C++ does.

use candle_core::{Result, bail};

/// A kernel's arguments, in order.
#[derive(Debug, Default)]
pub struct KernelArguments {
    words: Vec<Vec<u64>>,
    too_large: Option<usize>,
}

impl KernelArguments {
    pub fn new() -> Self {
        Self::default()
    }

    /// A pointer: a tensor's address, or 0 for none.
    pub fn pointer(self, address: u64) -> Self {
        self.structure(StructLayout::new().pointer(address))
    }

    pub fn i64(self, value: usize) -> Self {
        self.structure(StructLayout::new().i64(value))
    }

    pub fn i32(self, value: usize) -> Self {
        self.structure(StructLayout::new().i32(value))
    }

    pub fn f32(self, value: f64) -> Self {
        self.structure(StructLayout::new().f32(value as f32))
    }

    pub fn f64(self, value: f64) -> Self {
        self.structure(StructLayout::new().f64(value))
    }

    /// A struct by value.
    pub fn structure(mut self, structure: StructLayout) -> Self {
        self.too_large = self.too_large.or(structure.too_large);
        let bytes = structure.finished();
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        });
        self.words.push(words.collect());
        self
    }

    /// Where each argument lies, as launches take it; valid while `self` is borrowed.
    pub fn places(&mut self) -> Result<Vec<*mut std::ffi::c_void>> {
        if let Some(size) = self.too_large {
            bail!(
                "a size of {size} is too large for a GPU kernel: use a smaller batch, fewer time-steps or fewer channels"
            )
        }
        Ok(self.words.iter_mut().map(|words| words.as_mut_ptr().cast()).collect())
    }
}

/// A C++ struct: fields one after another, each at a multiple of its size, the whole a multiple of its largest field's.
#[derive(Debug, Clone, Default)]
pub struct StructLayout {
    bytes: Vec<u8>,
    alignment: usize,
    /// A size that its field cannot hold.
    too_large: Option<usize>,
}

impl StructLayout {
    pub fn new() -> Self {
        Self::default()
    }

    fn field(mut self, bytes: &[u8]) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(bytes.len()), 0);
        self.bytes.extend_from_slice(bytes);
        self.alignment = self.alignment.max(bytes.len());
        self
    }

    pub fn pointer(self, address: u64) -> Self {
        self.field(&address.to_ne_bytes())
    }

    pub fn i64(self, value: usize) -> Self {
        self.field(&(value as i64).to_ne_bytes())
    }

    /// A size; one of more than 31 bits makes the launch fail.
    pub fn i32(mut self, value: usize) -> Self {
        if i32::try_from(value).is_err() {
            self.too_large = Some(value);
        }
        self.field(&(value as i32).to_ne_bytes())
    }

    pub fn u32(self, value: u32) -> Self {
        self.field(&value.to_ne_bytes())
    }

    pub fn f32(self, value: f32) -> Self {
        self.field(&value.to_ne_bytes())
    }

    pub fn f64(self, value: f64) -> Self {
        self.field(&value.to_ne_bytes())
    }

    /// A struct inside this one.
    pub fn inner(mut self, inner: Self) -> Self {
        let alignment = inner.alignment.max(1);
        self.too_large = self.too_large.or(inner.too_large);
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
        self.bytes.extend(inner.finished());
        self.alignment = self.alignment.max(alignment);
        self
    }

    fn finished(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(self.alignment.max(1)), 0);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_at_multiples_of_their_size_and_structs_end_at_a_multiple_of_the_largest() {
        // struct { int a; double b; struct { long c; int d; } e; int f; }: offsets 0, 8, 16, 24, 32; size 40.
        let inner = StructLayout::new().i64(3).i32(4);
        let bytes = StructLayout::new().i32(1).f64(2.0).inner(inner).i32(5).finished();
        assert_eq!(bytes.len(), 40);
        let word = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!([word(0), word(16), word(24), word(32)], [1, 3, 4, 5]);
        assert_eq!(bytes[8..16], 2.0f64.to_ne_bytes());
    }
}
