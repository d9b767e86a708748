//! The launch configuration of a kernel: blocks, threads, shared memory.

use candle_core::{Result, bail};

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

/// How many of up to `most` neighbours a thread takes together: `most` where it divides all of `sizes`, else 1.
pub fn width(most: usize, sizes: &[usize]) -> usize {
    if sizes.iter().all(|size| size.is_multiple_of(most)) { most } else { 1 }
}
