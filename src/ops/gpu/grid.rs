//! The launch configuration of a kernel: blocks, threads, shared memory.

use candle_core::{DType, Result, bail};

/// Threads of a block, unless a kernel needs memory for each of them.
pub const THREADS: usize = 256;

/// Blocks and the threads of each, and the bytes of memory that a block's threads share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchConfig {
    pub blocks: [u32; 3],
    pub threads: u32,
    pub shared: u32,
}

impl LaunchConfig {
    /// A thread for each of `items`.
    pub fn over(items: usize) -> Result<Self> {
        Self::over_by(items, THREADS)
    }

    /// The same in blocks of `threads`.
    pub fn over_by(items: usize, threads: usize) -> Result<Self> {
        let blocks = items.div_ceil(threads.max(1)).max(1);
        match u32::try_from(blocks) {
            Ok(blocks) if blocks <= i32::MAX as u32 => {
                Ok(Self { blocks: [blocks, 1, 1], threads: threads as u32, shared: 0 })
            }
            _ => bail!("{items} elements are too many for one kernel: use a smaller batch or fewer time-steps"),
        }
    }

    /// One block.
    pub fn block(threads: usize) -> Self {
        Self { blocks: [1; 3], threads: threads as u32, shared: 0 }
    }

    /// With `bytes` of shared memory for every thread.
    pub fn shared(self, bytes: usize) -> Self {
        Self { shared: self.threads * bytes as u32, ..self }
    }
}

/// How many of up to `most` neighbours a thread takes together: `most` where it divides all of `sizes` and every
/// address is a multiple of as many elements of its type, else 1.
pub fn width(most: usize, sizes: &[usize], addresses: &[(u64, DType)]) -> usize {
    let aligned = |&(address, dtype): &(u64, DType)| address.is_multiple_of((most * dtype.size_in_bytes()) as u64);
    if sizes.iter().all(|size| size.is_multiple_of(most)) && addresses.iter().all(aligned) { most } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_taken_together_where_sizes_and_addresses_allow_it() {
        assert_eq!(width(4, &[8, 12], &[(256, DType::F32), (4, DType::U8)]), 4);
        assert_eq!(width(4, &[8, 10], &[(256, DType::F32)]), 1);
        // 8 bytes are no multiple of four floats.
        assert_eq!(width(4, &[8, 12], &[(264, DType::F32)]), 1);
        assert_eq!(width(8, &[16], &[(264, DType::U8)]), 8);
    }
}
