//! Whether one setting is better than another: runs of the same seeds in pairs.

use super::statistic::Statistic;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The share of all intervals that hold the mean they are an interval of.
const CONFIDENCE: f64 = 0.95;

/// What the seeds that two settings share say of the difference between them, the first less the second.
///
/// A seed decides weights, order and spikes alike in both, so that pairs differ less than runs do. With d the
/// differences, s their sample standard deviation and n the pairs: t = mean(d) sqrt(n) / s, which has Student's
/// distribution of n - 1 degrees where the d are normal. Source: Student 1908, Biometrika 6.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedDifference {
    pub mean: f64,
    /// The 95 % interval of the mean. One pair has none, nor have pairs that all differ by the same: few images of few
    /// seeds do so by chance.
    pub interval: Option<[f64; 2]>,
    /// How likely so large a mean, above or below 0, is where there is no difference; `None` where `interval` is.
    pub p: Option<f64>,
    /// Pairs.
    pub n: usize,
}

impl PairedDifference {
    /// Of the seeds that both have, each of which stands once in a list; `None` where there are none.
    pub fn between(first: &[(u64, f64)], second: &[(u64, f64)]) -> Option<Self> {
        let of_seed = |seed: u64| second.iter().find(|(other, _)| *other == seed).map(|(_, value)| value);
        let pairs = first.iter().filter_map(|(seed, value)| Some(value - of_seed(*seed)?));
        let differences = Statistic::from_values(&pairs.collect::<Vec<f64>>())?;
        let Statistic { mean, deviation, n } = differences;
        // Differences that are the same but for their last bits are the same.
        let largest = first.iter().chain(second).map(|(_, value)| value.abs()).fold(0.0, f64::max);
        let deviation = deviation.filter(|deviation| *deviation > 1e-12 * largest);
        let error = deviation.map(|deviation| deviation / (n as f64).sqrt());
        let p = error.and_then(|error| Some(2.0 * student(n)?.cdf(-(mean / error).abs())));
        Some(Self { mean, interval: error.and_then(|_| interval(&differences)), p, n })
    }
}

/// The 95 % interval of the mean that the values are a sample of, by Student's distribution: mean +- t s / sqrt(n);
/// one value has none.
pub fn interval(values: &Statistic) -> Option<[f64; 2]> {
    let half = student(values.n)?.inverse_cdf(0.5 + CONFIDENCE / 2.0) * values.deviation? / (values.n as f64).sqrt();
    Some([values.mean - half, values.mean + half])
}

/// Student's distribution of a sample of `n`.
fn student(n: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, n.checked_sub(1).filter(|degrees| *degrees > 0)? as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours of sleep that ten patients gained by two drugs: Student's own data, of which R's `t.test(..., paired =
    /// TRUE)` prints t = -4.0621, p-value = 0.002833, interval -2.4598858 to -0.7001142, mean -1.58.
    const FIRST: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const SECOND: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

    fn seeded(values: &[f64]) -> Vec<(u64, f64)> {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn students_own_data_give_what_they_are_known_to_give() {
        // The order of seeds is nobody's business, and a seed that one of both lacks does not count.
        let mut second = seeded(&SECOND);
        second.reverse();
        second.push((99, 1000.0));
        let found = PairedDifference::between(&seeded(&FIRST), &second).unwrap();
        let [low, high] = found.interval.unwrap();
        assert!((found.mean + 1.58).abs() < 1e-12 && found.n == 10, "{found:?}");
        assert!((found.p.unwrap() - 0.002833).abs() < 5e-7, "{found:?}");
        assert!((low + 2.459_885_8).abs() < 5e-8 && (high + 0.700_114_2).abs() < 5e-8, "{found:?}");
    }

    #[test]
    fn two_values_have_the_interval_of_one_degree() {
        // t of 0.975 with one degree is tan(0.475 pi) = 12.706205; s / sqrt 2 of 90 and 91 is a half.
        let [low, high] = interval(&Statistic::from_values(&[90.0, 91.0]).unwrap()).unwrap();
        let half = 0.5 * (0.475 * std::f64::consts::PI).tan();
        assert!((low - (90.5 - half)).abs() < 1e-6 && (high - (90.5 + half)).abs() < 1e-6, "{low} {high}");
        assert_eq!(interval(&Statistic::from_values(&[90.0]).unwrap()), None);
    }

    #[test]
    fn what_cannot_be_tested_has_no_p() {
        assert_eq!(PairedDifference::between(&[(0, 1.0)], &[(1, 1.0)]), None);
        let one = PairedDifference::between(&[(0, 1.5)], &[(0, 1.0)]).unwrap();
        assert_eq!((one.mean, one.interval, one.p, one.n), (0.5, None, None, 1));
        // Of 344 and 336 right among 359, and of 336 and 328: 800 / 359 both times, but for the last bits.
        let percent = |right: f64| 100.0 * right / 359.0;
        let [first, second] = [[344.0, 336.0], [336.0, 328.0]].map(|right| seeded(&right.map(percent)));
        let alike = PairedDifference::between(&first, &second).unwrap();
        assert!((alike.mean - 800.0 / 359.0).abs() < 1e-12, "{alike:?}");
        assert_eq!((alike.interval, alike.p), (None, None));
    }
}
