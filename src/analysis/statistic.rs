//! Mean and deviation over runs that differ in nothing but their seed.

use std::fmt;

/// Mean and spread of one number over runs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Statistic {
    pub mean: f64,
    /// The sample standard deviation, `sqrt(sum (x - mean)^2 / (n - 1))`; one run has none.
    pub deviation: Option<f64>,
    pub n: usize,
}

impl Statistic {
    /// `None` of no values.
    pub fn from_values(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        (n > 0).then_some(Self { mean, deviation, n })
    }
}

/// `51.65 ± 1.41`, or the mean alone of a single run.
impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deviation {
            Some(deviation) => write!(f, "{:.2} ± {deviation:.2}", self.mean),
            None => write!(f, "{:.2}", self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_computed_by_hand() {
        // Squares 4 + 1 + 1 + 0 + 1 + 9 + ... of the eight values, whose sum 32 is shared by seven: 4.571428...
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let Some(Statistic { mean, deviation: Some(deviation), n }) = Statistic::from_values(&values) else {
            panic!("eight values")
        };
        assert_eq!((mean, n), (5.0, 8));
        assert!((deviation - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12, "{deviation}");
        assert_eq!(Statistic::from_values(&[90.0, 91.0]).and_then(|s| s.deviation), Some(0.5_f64.sqrt()));
        assert_eq!(Statistic::from_values(&[1.0, 1.0, 1.0]), Some(Statistic { mean: 1.0, deviation: Some(0.0), n: 3 }));
        assert_eq!(Statistic::from_values(&[90.5]), Some(Statistic { mean: 90.5, deviation: None, n: 1 }));
        assert_eq!(Statistic::from_values(&[]), None);
    }

    #[test]
    fn the_deviation_is_the_samples_and_one_value_has_none() {
        let three = Statistic::from_values(&[1.0, 2.0, 3.0]).expect("values");
        assert_eq!((three.mean, three.deviation, three.n), (2.0, Some(1.0), 3));
        assert_eq!(three.to_string(), "2.00 ± 1.00");
        assert_eq!(Statistic::from_values(&[98.046]).expect("a value").to_string(), "98.05");
        assert_eq!(Statistic::from_values(&[]), None);
    }
}
