//! How a GPU's blocks divide rows of channels that they sum: `Rows` of rows.h.

use super::Groups;
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, THREADS, width};
use candle_core::{DType, Result, Tensor};

/// Rows that a chunk has at least, for each row that its block takes at a time.
const ROWS: usize = 16;
/// Blocks that are wanted in all, some for each of a large GPU's multiprocessors.
const BLOCKS: usize = 1024;
/// Chunks of a group at most, unless there are few groups: so many are joined in the end.
const CHUNKS: usize = 40;
/// Chunks of a group at most.
const MOST_CHUNKS: usize = 512;
/// `JOIN_CHANNELS` of rows.h.
const JOIN_CHANNELS: usize = 8;

/// The grid of a sum, and of what joins its chunks.
pub(in crate::ops) struct RowLaunch {
    pub structure: StructLayout,
    pub grid: LaunchConfig,
    /// Neighbouring channels of a thread.
    pub n: usize,
    chunks: usize,
    groups: usize,
    channels: usize,
}

/// How many neighbouring channels a thread takes of tensors of one type.
pub(in crate::ops) fn neighbours(gpu: &dyn Gpu, tensors: &[&Tensor], channels: usize) -> Result<usize> {
    let addresses = tensors.iter().map(|tensor| Ok((gpu.address(tensor)?, tensor.dtype())));
    let addresses = addresses.collect::<Result<Vec<_>>>()?;
    let most = if addresses.iter().any(|&(_, dtype)| dtype == DType::BF16) { 8 } else { 4 };
    Ok(width(most, &[channels], &addresses))
}

impl RowLaunch {
    /// Over the rows of `tensors`, which lie side by side in the same way.
    pub fn new(gpu: &dyn Gpu, tensors: &[&Tensor], g: &Groups) -> Result<Self> {
        let n = neighbours(gpu, tensors, g.channels)?;
        let vectors = g.channels / n;
        let lanes = vectors.clamp(1, THREADS);
        let (at_a_time, tiles) = (THREADS / lanes, vectors.div_ceil(lanes));
        let most = (BLOCKS / (g.groups * tiles).max(1)).clamp(CHUNKS, MOST_CHUNKS);
        let per_chunk = g.count().div_ceil(most).max(at_a_time * ROWS);
        let chunks = g.count().div_ceil(per_chunk).max(1);
        let structure = StructLayout::new().i64(g.count()).i32(per_chunk).i32(chunks).i32(g.channels).i32(lanes);
        let grid =
            LaunchConfig { blocks: [chunks as u32, tiles as u32, g.groups as u32], ..LaunchConfig::block(THREADS) };
        let grid = grid.shared(2 * n * size_of::<f32>());
        Ok(Self { structure, grid, n, chunks, groups: g.groups, channels: g.channels })
    }

    /// Over the `pixels` of every time-step, all time-steps by one thread, in blocks of `threads` that share `bytes`
    /// each.
    pub fn over_pixels(g: &Groups, pixels: usize, n: usize, threads: usize, bytes: usize) -> Result<Self> {
        let vectors = g.channels / n;
        let lanes = vectors.clamp(1, threads);
        let (at_a_time, tiles) = (threads / lanes, vectors.div_ceil(lanes));
        let per_chunk = pixels.div_ceil((BLOCKS / tiles).max(1)).next_multiple_of(at_a_time).max(at_a_time);
        let chunks = pixels.div_ceil(per_chunk).max(1);
        let structure = StructLayout::new().i64(g.count()).i32(per_chunk).i32(chunks).i32(g.channels).i32(lanes);
        let grid = LaunchConfig { blocks: [chunks as u32, tiles as u32, 1], ..LaunchConfig::block(threads) };
        Ok(Self { structure, grid: grid.shared(bytes), n, chunks, groups: g.groups, channels: g.channels })
    }

    /// Room for two numbers of every group, chunk and channel.
    pub fn parts(&self, gpu: &dyn Gpu) -> Result<Tensor> {
        self.parts_of(gpu, self.groups)
    }

    /// Room for two numbers of every chunk and channel, `sets` times.
    pub fn parts_of(&self, gpu: &dyn Gpu, sets: usize) -> Result<Tensor> {
        gpu.alloc_uninit(&[sets, self.chunks, self.channels, 2], DType::F32)
    }

    /// The grid of a kernel that joins the chunks of every group.
    pub fn join(&self) -> LaunchConfig {
        self.join_of(self.groups)
    }

    /// The same of so many sets of parts.
    pub fn join_of(&self, sets: usize) -> LaunchConfig {
        let tiles = self.channels.div_ceil(JOIN_CHANNELS);
        let grid = LaunchConfig { blocks: [tiles as u32, sets as u32, 1], ..LaunchConfig::block(THREADS) };
        grid.shared(size_of::<f64>())
    }

    /// The first arguments of a kernel that joins `parts`.
    pub fn joining(&self, gpu: &dyn Gpu, parts: &Tensor) -> Result<KernelArguments> {
        Ok(KernelArguments::new().pointer(gpu.address(parts)?).structure(self.structure.clone()))
    }
}
