//! Tests at any time whether one rate is larger than another.

use crate::MetricsError;
use serde::{Deserialize, Serialize};

/// The minimum number of hits of both arms before a difference is called significant: with fewer, a
/// rate is not close enough to normal.
const MIN_HITS: u64 = 20;

/// How often something happened: `hits` of `n`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proportion {
    /// The number of trials.
    pub n: u64,
    /// The number of hits, at most `n`.
    pub hits: u64,
}

impl Proportion {
    /// The share, in [0, 1]; 0 of nothing.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.n == 0 {
            return 0.0;
        }
        self.hits.min(self.n) as f64 / self.n as f64
    }

    /// The variance of the share; infinite of nothing.
    fn variance(self) -> f64 {
        let share = self.share();
        match self.n {
            0 => f64::INFINITY,
            n => share * (1.0 - share) / n as f64,
        }
    }
}

/// A test of two rates that may be looked at as often as you like and stopped at any look.
///
/// It is the mixture sequential probability ratio test of Johari, Koomen, Pekelis and Walsh
/// ("Always Valid Inference: Continuous Monitoring of A/B Tests", Operations Research 70(3), 2022,
/// section 5). With D the difference of the rates and V its estimated variance, the likelihood
/// ratio of a difference drawn from N(0, τ²) to no difference is
///
/// Λ = √(V / (V + τ²)) · exp(τ² D² / (2 V (V + τ²))),
///
/// a martingale if there is no difference, so the probability that it ever reaches 1/α is at most
/// α. The p-value is 1/Λ, at most 1, and the interval has the differences that the same test does
/// not reject. Both assume that the rates are approximately normal, so nothing is called different
/// before 20 hits, and that trials are independent: if a few people make many trials each,
/// intervals are too narrow.
///
/// ```
/// use lightgcn_metrics::{Proportion, SequentialTest};
/// let test = SequentialTest::new(0.05, 0.02)?;
/// let (a, b) = (Proportion { n: 5_000, hits: 500 }, Proportion { n: 5_000, hits: 620 });
/// assert!(test.compare(a, b).is_different);
/// assert!(!test.compare(a, a).is_different);
/// # Ok::<(), lightgcn_metrics::MetricsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialTest {
    alpha: f64,
    /// τ².
    mixture: f64,
}

/// The result of a [`SequentialTest`] of two rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequentialComparison {
    /// The second rate minus the first.
    pub difference: f64,
    /// The lower end of the difference's confidence interval, valid at every look; −1 before both arms have trials.
    pub low: f64,
    /// The upper end; 1 before both arms have trials.
    pub high: f64,
    /// The p-value, in (0, 1], valid at every look.
    pub p_value: f64,
    /// Whether the difference is significant, with a probability of error of at most α over all
    /// looks.
    pub is_different: bool,
}

impl SequentialTest {
    /// A test with the error `alpha`, in (0, 1), that is fastest if the difference is about
    /// `effect`, in (0, 1), and valid for any. Choose both before the first look.
    ///
    /// # Errors
    /// [`MetricsError::Sample`] if one is outside its range.
    pub fn new(alpha: f64, effect: f64) -> Result<Self, MetricsError> {
        let mut issues = Vec::new();
        for (name, value) in [("alpha", alpha), ("effect", effect)] {
            if !(value > 0.0 && value < 1.0) {
                issues.push(format!("{name} is {value}; it must be between 0 and 1"));
            }
        }
        match issues.is_empty() {
            true => Ok(Self {
                alpha,
                mixture: effect * effect,
            }),
            false => Err(MetricsError::Sample { issues }),
        }
    }

    /// Compares the rate of `b` with that of `a`. O(1).
    #[must_use]
    pub fn compare(&self, a: Proportion, b: Proportion) -> SequentialComparison {
        let difference = b.share() - a.share();
        let variance = a.variance() + b.variance();
        // Rates of exactly 0 or 1 appear to have no variance.
        if !variance.is_finite() || variance <= 0.0 {
            return SequentialComparison {
                difference,
                low: -1.0,
                high: 1.0,
                p_value: 1.0,
                is_different: false,
            };
        }
        let log_ratio = self.log_ratio(difference * difference, variance);
        let half = self.half_width(variance);
        let p_value = (-log_ratio).exp().clamp(f64::MIN_POSITIVE, 1.0);
        SequentialComparison {
            difference,
            low: (difference - half).max(-1.0),
            high: (difference + half).min(1.0),
            p_value,
            is_different: p_value <= self.alpha && a.hits + b.hits >= MIN_HITS,
        }
    }

    /// The expected number of trials of both arms until the test ends, if the true rates are `a`
    /// and `b` and a fraction `share_of_b`, in (0, 1), of the trials goes to `b`; infinite for
    /// equal rates.
    ///
    /// It is the number at which the expected log Λ, whose D² is (b − a)² + V on average, reaches log(1/α): Wald's
    /// identity without the overshoot.
    #[must_use]
    pub fn expected_trials(&self, a: f64, b: f64, share_of_b: f64) -> f64 {
        let spread = a * (1.0 - a) / (1.0 - share_of_b) + b * (1.0 - b) / share_of_b;
        let squared = (b - a) * (b - a);
        let expected = |n: f64| self.log_ratio(squared + spread / n, spread / n);
        let wanted = -self.alpha.ln();
        let (mut low, mut high) = (1.0f64, 1e15f64);
        if expected(high) < wanted {
            return f64::INFINITY;
        }
        // After halving the logarithm of the range 100 times, nothing is left of it.
        for _ in 0..100 {
            let middle = (low * high).sqrt();
            match expected(middle) < wanted {
                true => low = middle,
                false => high = middle,
            }
        }
        high
    }

    /// log Λ.
    fn log_ratio(&self, squared: f64, variance: f64) -> f64 {
        let sum = variance + self.mixture;
        0.5 * (variance / sum).ln() + self.mixture * squared / (2.0 * variance * sum)
    }

    /// Half the width of the interval: the distance at which Λ is 1/α.
    fn half_width(&self, variance: f64) -> f64 {
        let sum = variance + self.mixture;
        let bound = -2.0 * self.alpha.ln() + (sum / variance).ln();
        (variance * sum / self.mixture * bound).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::random::{Random, Stream};

    const ALPHA: f64 = 0.05;

    /// How a simulated test of two shares ended: after how many trials of each arm; none if it did not.
    struct Simulation {
        shares: (f64, f64),
        effect: f64,
        longest: u64,
        /// Trials of each arm between two looks.
        every: u64,
    }

    impl Simulation {
        fn run(&self, number: u32) -> Option<u64> {
            let test = SequentialTest::new(ALPHA, self.effect).unwrap();
            let mut draws = Random::new(7, Stream::Bootstrap).at(0, u64::from(number));
            let (mut a, mut b) = (Proportion::default(), Proportion::default());
            for n in 1..=self.longest {
                a.hits += u64::from(draws.unit() < self.shares.0);
                b.hits += u64::from(draws.unit() < self.shares.1);
                (a.n, b.n) = (n, n);
                if n % self.every == 0 && test.compare(a, b).is_different {
                    return Some(n);
                }
            }
            None
        }

        fn run_all(&self, n: u32) -> Vec<Option<u64>> {
            (0..n).map(|number| self.run(number)).collect()
        }
    }

    /// The mean number of trials that a share 20 % larger took, in parts of the expected one.
    fn relative_time(share: f64, n: u32) -> f64 {
        let better = 1.2 * share;
        let effect = better - share;
        let test = SequentialTest::new(ALPHA, effect).unwrap();
        let expected = test.expected_trials(share, better, 0.5) / 2.0;
        let simulation = Simulation {
            shares: (share, better),
            effect,
            longest: (8.0 * expected) as u64,
            every: 10,
        };
        let times: Vec<u64> = simulation.run_all(n).into_iter().flatten().collect();
        assert_eq!(
            times.len(),
            n as usize,
            "every run must find the difference"
        );
        times.iter().sum::<u64>() as f64 / f64::from(n) / expected
    }

    #[test]
    fn a_better_arm_is_found_in_the_expected_time() {
        let relative = relative_time(0.1, 200);
        assert!((0.85..=1.15).contains(&relative), "{relative}");
    }

    #[test]
    fn equal_arms_are_seldom_called_different() {
        let simulation = Simulation {
            shares: (0.1, 0.1),
            effect: 0.02,
            longest: 4_000,
            every: 5,
        };
        let found = simulation.run_all(200).into_iter().flatten().count();
        assert!(found <= 10, "{found} of 200");
    }

    /// The figures of docs/operations.md; half a minute in a release build.
    #[test]
    #[ignore = "takes minutes in a debug build"]
    fn a_thousand_simulations() {
        for share in [0.02, 0.05, 0.1] {
            let relative = relative_time(share, 1_000);
            println!("20 % above {share}: {relative:.3} of the expected time");
            assert!((0.85..=1.15).contains(&relative), "{share}: {relative}");
        }
        for (share, effect) in [(0.02, 0.004), (0.05, 0.01), (0.1, 0.02), (0.3, 0.05)] {
            let simulation = Simulation {
                shares: (share, share),
                effect,
                longest: 20_000,
                every: 1,
            };
            let found = simulation.run_all(1_000).into_iter().flatten().count();
            println!("two arms of {share}: {found} of 1,000 called different");
            assert!(found <= 50, "{share}: {found} of 1,000");
        }
    }

    #[test]
    fn the_ratio_by_hand() {
        let test = SequentialTest::new(0.05, 0.1).unwrap();
        let (a, b) = (
            Proportion { n: 100, hits: 50 },
            Proportion { n: 100, hits: 70 },
        );
        // V = 0.25/100 + 0.21/100 = 0.0046, τ² = 0.01, D = 0.2.
        let log = 0.5 * (0.0046f64 / 0.0146).ln() + 0.01 * 0.04 / (2.0 * 0.0046 * 0.0146);
        let found = test.compare(a, b);
        assert!((found.p_value - (-log).exp()).abs() < 1e-12, "{found:?}");
        assert!((found.difference - 0.2).abs() < 1e-12);
        assert!(!found.is_different || found.low > 0.0);
        // The interval ends where Λ is 1/α.
        let half = found.high - found.difference;
        let ratio = test.log_ratio(half * half, 0.0046);
        assert!((ratio - 20f64.ln()).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn nothing_is_said_of_too_little() {
        let test = SequentialTest::new(0.05, 0.1).unwrap();
        let of = |n, hits| Proportion { n, hits };
        for (a, b) in [
            (of(0, 0), of(0, 0)),
            (of(0, 0), of(100, 50)),
            (of(100, 0), of(100, 0)),
            (of(9, 0), of(9, 9)),
        ] {
            let found = test.compare(a, b);
            assert_eq!(
                (found.p_value, found.is_different),
                (1.0, false),
                "{a:?} {b:?}"
            );
            assert_eq!((found.low, found.high), (-1.0, 1.0));
        }
        assert!(!test.compare(of(1_000, 0), of(1_000, 19)).is_different);
        assert!(test.compare(of(1_000, 0), of(1_000, 100)).is_different);
        assert_eq!(test.expected_trials(0.1, 0.1, 0.5), f64::INFINITY);
    }

    #[test]
    fn ranges_are_checked() {
        for (alpha, effect, n) in [(0.0, 0.1, 1), (0.05, 1.0, 1), (f64::NAN, -0.1, 2)] {
            let error = SequentialTest::new(alpha, effect).unwrap_err();
            assert!(
                matches!(&error, MetricsError::Sample { issues } if issues.len() == n),
                "{error}"
            );
        }
    }
}
