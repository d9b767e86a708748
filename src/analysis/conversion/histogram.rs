//! Percentiles of more numbers than memory holds.

use candle_core::{DType, Device, Result, Tensor};

/// A number's place among the bins: the upper bits of a float of 32 bits, which grow with it where it is not negative.
const SHIFT: u32 = 12;
const BINS: usize = 1 << (31 - SHIFT);

/// Counts of numbers of at least 0 (what is below counts as 0), in bins that are 2^-11 of their numbers wide.
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    largest: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BINS], count: 0, largest: 0.0 }
    }
}

impl Histogram {
    /// Adds the numbers of a tensor.
    pub fn add(&mut self, values: &Tensor) -> Result<()> {
        let values = values.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        for value in values {
            let value = value.max(0.0);
            if let Some(count) = self.counts.get_mut((value.to_bits() >> SHIFT) as usize) {
                *count += 1;
            }
            self.count += 1;
            self.largest = self.largest.max(value);
        }
        Ok(())
    }

    /// The largest number.
    pub fn largest(&self) -> f32 {
        self.largest
    }

    /// A number that at least `percent` of all are not above: the upper end of the bin, or the largest where that is
    /// less.
    pub fn percentile(&self, percent: f64) -> f32 {
        // 99.9 % of 2,000 are 1,998, though not in binary.
        let wanted = (percent / 100.0 * self.count as f64 * (1.0 - 1e-12)).ceil() as u64;
        let mut seen = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                // The zeros' bin holds nothing else that a neuron could reach.
                let end = if bin == 0 { 0.0 } else { f32::from_bits((bin as u32 + 1) << SHIFT) };
                return end.min(self.largest);
            }
        }
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_numbers_to_a_part_in_two_thousand() -> Result<()> {
        let mut histogram = Histogram::default();
        // 1 to 1,000, and as many of zero and below.
        histogram.add(&Tensor::arange(1f32, 1001.0, &Device::Cpu)?.reshape((10, 100))?)?;
        histogram.add(&Tensor::arange(-999f32, 1.0, &Device::Cpu)?)?;
        assert_eq!(histogram.percentile(100.0), 1000.0);
        assert_eq!(histogram.percentile(50.0), 0.0);
        for (percent, exact) in [(60.0, 200.0), (75.0, 500.0), (99.9, 998.0), (99.95, 999.0)] {
            let found = histogram.percentile(percent);
            assert!(found >= exact && found <= exact * (1.0 + 1.0 / 2048.0), "{percent}: {found}");
        }
        assert_eq!(Histogram::default().percentile(99.0), 0.0);
        Ok(())
    }
}
