//! Counter-based random numbers: every number is a pure function of what it is for and where it stands.
//!
//! The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Nothing has a
//! state that advances, so the same seed gives the same numbers for any number of threads, any batch size and any
//! device, and a resumed run needs no generator state.

// Counters and lanes of the generator: wrapping and masked where they could overflow.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What a stream of numbers is for. The values are part of the file format: a change alters every seeded run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Initial weights; `index` is the layer's place in the list.
    Init = 1,
    /// The order of an epoch.
    Shuffle = 2,
    /// Crops, flips and other changes of one image in one epoch.
    Augment = 3,
    /// Poisson spikes of one training image in one epoch.
    Poisson = 4,
    /// Poisson spikes of one evaluated image in one draw.
    PoissonEvaluation = 5,
    /// Dropout masks of one image in one epoch; `layer` tells the layers apart.
    Dropout = 6,
    /// Which images of a data set without an official split are held out.
    Split = 7,
    /// Random inputs of tests and benchmarks.
    Synthetic = 8,
    /// Noise on one image and random starts of attacks; `layer` tells kinds apart, `epoch` is the draw.
    Attack = 9,
    /// Poisson spikes whose gradient an attack follows.
    PoissonAttack = 10,
    /// Seeds of lists of layers that another layer holds.
    NestedList = 11,
    /// Which training images are held out to choose an epoch by; `index` is the class.
    Validation = 12,
    /// Which images of a batch are mixed, and how much of each; `index` is the step, `layer` tells the two apart.
    Mixup = 13,
}

/// A stream of random numbers, addressed by (seed, purpose, layer, epoch, index) and read at any position.
///
/// `epoch` is the epoch in training and the number of the draw in evaluation; `index` is the image's place in its
/// split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 3],
}

/// A stream's words: block b is Philox of the counter (b, index, epoch, purpose) under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamKey {
    pub key: [u32; 2],
    pub index: u32,
    pub epoch: u32,
    /// With the layer's place.
    pub purpose: u32,
}

/// Blocks that are made side by side.
const BLOCKS: usize = 16;

impl Stream {
    pub fn new(seed: u64, purpose: Purpose, layer: usize, epoch: usize, index: usize) -> Self {
        let third = (layer as u32) << 8 | purpose as u32;
        Self { key: [seed as u32, (seed >> 32) as u32], counter: [index as u32, epoch as u32, third] }
    }

    /// What the stream hangs on, for a GPU that draws from it.
    pub fn parts(&self) -> StreamKey {
        let [index, epoch, purpose] = self.counter;
        StreamKey { key: self.key, index, epoch, purpose }
    }

    /// Numbers `4 * block .. 4 * block + 4` of the stream.
    pub fn block(&self, block: u32) -> [u32; 4] {
        let [index, epoch, third] = self.counter;
        philox([block, index, epoch, third], self.key)
    }

    /// The number at `position` (below 2^34).
    pub fn u32(&self, position: u64) -> u32 {
        self.block((position / 4) as u32)[(position % 4) as usize]
    }

    /// The numbers from `position` on, as many as `out` takes. To be called where loops become vectors.
    #[inline(always)]
    pub fn fill(&self, position: u64, out: &mut [u32]) {
        let (mut block, mut skipped) = ((position / 4) as u32, (position % 4) as usize);
        let mut rest = out;
        while !rest.is_empty() {
            let words = self.blocks(block);
            let mut numbers = [0; 4 * BLOCKS];
            for lane in 0..BLOCKS {
                for word in 0..4 {
                    numbers[4 * lane + word] = words[word][lane];
                }
            }
            let (now, later) = rest.split_at_mut(rest.len().min(4 * BLOCKS - skipped));
            now.copy_from_slice(&numbers[skipped..skipped + now.len()]);
            (rest, block, skipped) = (later, block.wrapping_add(BLOCKS as u32), 0);
        }
    }

    /// Blocks `first`, `first + 1`, ..., side by side: the first words, the second ones, ...
    #[inline(always)]
    fn blocks(&self, first: u32) -> [[u32; BLOCKS]; 4] {
        let [index, epoch, purpose] = self.counter;
        let mut blocks = [0; BLOCKS];
        for (block, lane) in blocks.iter_mut().zip(0..) {
            *block = first.wrapping_add(lane);
        }
        let [mut a, mut b, mut c, mut d] = [blocks, [index; BLOCKS], [epoch; BLOCKS], [purpose; BLOCKS]];
        let mut key = self.key;
        for round in 0..10 {
            if round > 0 {
                key = next_key(key);
            }
            for (((a, b), c), d) in a.iter_mut().zip(&mut b).zip(&mut c).zip(&mut d) {
                [*a, *b, *c, *d] = turn([*a, *b, *c, *d], key);
            }
        }
        [a, b, c, d]
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub fn uniform(&self, position: u64) -> f32 {
        unit(self.u32(position))
    }

    /// Uniform in `0..bound`, by multiplication: the bias is below `bound` / 2^32.
    pub fn below(&self, position: u64, bound: u32) -> u32 {
        ((u64::from(self.u32(position)) * u64::from(bound)) >> 32) as u32
    }

    /// Puts `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64, i as u32 + 1) as usize);
        }
    }
}

/// The top 24 bits of `bits` as a number in [0, 1).
pub fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Ten rounds of Philox4x32.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = next_key(key);
        }
        counter = turn(counter, key);
    }
    counter
}

#[inline(always)]
fn next_key([first, second]: [u32; 2]) -> [u32; 2] {
    [first.wrapping_add(0x9E37_79B9), second.wrapping_add(0xBB67_AE85)]
}

/// One round.
#[inline(always)]
fn turn(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let even = u64::from(counter[0]) * 0xD251_1F53;
    let odd = u64::from(counter[2]) * 0xCD9E_8D57;
    [(odd >> 32) as u32 ^ counter[1] ^ key[0], odd as u32, (even >> 32) as u32 ^ counter[3] ^ key[1], even as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_made_side_by_side_are_those_made_one_by_one() {
        let stream = Stream::new(7, Purpose::Poisson, 2, 3, 5);
        for (position, length) in [(0, 64), (3, 200), (4 * u64::from(u32::MAX) + 1, 9), (1, 1), (5, 0)] {
            let mut numbers = vec![0; length];
            stream.fill(position, &mut numbers);
            let one_by_one = (position..).take(length).map(|position| stream.u32(position));
            assert!(numbers.into_iter().eq(one_by_one), "{length} numbers from {position} on");
        }
    }

    /// Known answers published with the reference implementation, Random123.
    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn uniform_numbers_have_the_mean_and_variance_of_the_unit_interval() {
        let stream = Stream::new(7, Purpose::Synthetic, 0, 0, 0);
        let n = 100_000;
        let values: Vec<f64> = (0..n).map(|i| f64::from(stream.uniform(i))).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
        assert!((mean - 0.5).abs() < 0.004, "mean {mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.002, "variance {variance}");
    }

    #[test]
    fn shuffling_keeps_every_item_and_depends_on_the_epoch() {
        let order = |epoch| {
            let mut items: Vec<u32> = (0..1000).collect();
            Stream::new(1, Purpose::Shuffle, 0, epoch, 0).shuffle(&mut items);
            items
        };
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
    }
}
