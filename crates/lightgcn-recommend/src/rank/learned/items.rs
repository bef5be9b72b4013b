//! Statistics of each item over all users.

use super::feature::Feature;
use super::history::DAY;
use lightgcn_core::{Interactions, ItemId};

/// The users of each item, by behavior and recently.
#[derive(Debug)]
pub(crate) struct ItemStatistics {
    /// How many users bought each item.
    buyers: Vec<f64>,
    met: Vec<f64>,
    /// How many users did each behavior with each item: `[behaviors][items]`.
    did: Vec<Vec<f64>>,
    /// And how many of these bought it.
    did_and_bought: Vec<Vec<f64>>,
    recent_buyers: Vec<f64>,
    recent_met: Vec<f64>,
    /// Days since the first event; 0 where times are unknown.
    age: Vec<f64>,
}

impl ItemStatistics {
    /// O(events). Ages count from `now`; without it, nothing is recent.
    pub(crate) fn new(pairs: &Interactions, now: Option<i64>, half_life: f64) -> Self {
        let n_items = pairs.n_items();
        let n_behaviors = pairs.behaviors().len();
        let zeros = || vec![0.0; n_items];
        let mut of = Self {
            buyers: zeros(),
            met: zeros(),
            did: vec![zeros(); n_behaviors],
            did_and_bought: vec![zeros(); n_behaviors],
            recent_buyers: zeros(),
            recent_met: zeros(),
            age: zeros(),
        };
        for (pair, item) in pairs.items().iter().enumerate() {
            let item = item.index();
            let bought = f64::from(pairs.is_target(pair));
            of.met[item] += 1.0;
            of.buyers[item] += bought;
            for (behavior, &count) in pairs.counts_of(pair).iter().enumerate() {
                if count > 0 {
                    of.did[behavior][item] += 1.0;
                    of.did_and_bought[behavior][item] += bought;
                }
            }
            let Some(now) = now else { continue };
            for event in pairs.events_of(pair) {
                let age = (now.saturating_sub(event.time()) as f64 / DAY).max(0.0);
                of.age[item] = of.age[item].max(age);
                let weight = (-age / half_life).exp2();
                of.recent_met[item] += weight;
                if pairs.target_behaviors()[event.behavior().index()] {
                    of.recent_buyers[item] += weight;
                }
            }
        }
        of
    }

    /// A feature for every item; `None` if it is not an item feature.
    pub(crate) fn column(&self, feature: Feature) -> Option<Vec<f32>> {
        let logs = |values: &[f64], offset: f64| {
            let log = |value: &f64| (value + offset).ln() as f32;
            Some(values.iter().map(log).collect())
        };
        match feature {
            Feature::Buyers => logs(&self.buyers, 0.5),
            Feature::Met => logs(&self.met, 0.5),
            Feature::RecentBuyers => logs(&self.recent_buyers, 0.1),
            Feature::RecentMet => logs(&self.recent_met, 0.1),
            Feature::Age => logs(&self.age, 1.0),
            Feature::Conversion { behavior } => {
                Some(log_conversions(&self.buyers, &self.did[behavior]))
            }
            Feature::PairConversion { behavior } => {
                let bought = &self.did_and_bought[behavior];
                Some(log_conversions(bought, &self.did[behavior]))
            }
            _ => None,
        }
    }

    /// Items by the number of their buyers, then of those who met them, then by `key`.
    pub(crate) fn best_sellers(&self, key: impl Fn(ItemId) -> u64) -> Vec<ItemId> {
        let mut order: Vec<ItemId> = (0..self.buyers.len() as u32).map(ItemId).collect();
        order.sort_by_cached_key(|&item| {
            let n = item.index();
            let (buyers, met) = (self.buyers[n] as u64, self.met[n] as u64);
            (std::cmp::Reverse((buyers, met)), key(item))
        });
        order
    }

    /// How many users bought an item, and how many met it.
    pub(crate) fn users_of(&self, item: ItemId) -> (u64, u64) {
        (
            self.buyers[item.index()] as u64,
            self.met[item.index()] as u64,
        )
    }

    /// How many users did a behavior with an item, and how many of these bought it.
    pub(crate) fn converted(&self, behavior: usize, item: ItemId) -> (u64, u64) {
        let n = item.index();
        (
            self.did[behavior][n] as u64,
            self.did_and_bought[behavior][n] as u64,
        )
    }
}

/// ln(((bought + a r) / (did + a)) / r): the share of those who did it, relative to the mean r and shrunk
/// to it.
///
/// The shares are taken as draws from a gamma distribution with mean r and variance τ², each
/// observed with Poisson noise; a = r / τ², by moments, at least ½ and at most 200. All zeros if r
/// is 0.
fn log_conversions(bought: &[f64], did: &[f64]) -> Vec<f32> {
    let total: f64 = did.iter().sum();
    let r = bought
        .iter()
        .zip(did)
        .filter(|(_, d)| **d > 0.0)
        .map(|(b, _)| b)
        .sum::<f64>()
        / total;
    if !(r.is_finite() && r > 0.0) {
        return vec![0.0; did.len()];
    }
    let seen = || bought.iter().zip(did).filter(|(_, d)| **d > 0.0);
    let n = seen().count() as f64;
    let spread: f64 = seen().map(|(b, d)| d * (b / d - r).powi(2)).sum();
    let squares: f64 = seen().map(|(_, d)| d * d).sum();
    let variance = ((spread - (n - 1.0) * r) / (total - squares / total)).max(1e-9);
    // A single item, or equal numbers everywhere, would give 0 / 0.
    let a = match r / variance {
        a if a.is_finite() => a.clamp(0.5, 200.0),
        _ => 200.0,
    };
    let log = |(b, d): (&f64, &f64)| (((b + a * r) / (d + a)) / r + 1e-6).ln() as f32;
    bought.iter().zip(did).map(log).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{InteractionsBuilder, UserId};

    #[test]
    fn counts_by_hand() {
        let mut pairs = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        let all = [
            (0, 0, [2, 1]),
            (0, 1, [1, 0]),
            (1, 0, [1, 0]),
            (2, 0, [0, 3]),
        ];
        for (user, item, counts) in all {
            pairs
                .push(UserId(user), ItemId(item), 1.0, &counts, None)
                .unwrap();
        }
        let items = ItemStatistics::new(&pairs.build(3, 3).unwrap(), None, 1.0);
        assert_eq!(items.buyers, [2.0, 0.0, 0.0]);
        assert_eq!(items.met, [3.0, 1.0, 0.0]);
        assert_eq!(items.converted(0, ItemId(0)), (2, 1));
        let buyers = items.column(Feature::Buyers).unwrap();
        assert!((buyers[0] - 2.5f32.ln()).abs() < 1e-6 && (buyers[2] - 0.5f32.ln()).abs() < 1e-6);
        assert_eq!(items.best_sellers(|_| 0), [ItemId(0), ItemId(1), ItemId(2)]);
        assert!(items.column(Feature::RecencyRank).is_none());
    }

    #[test]
    fn conversions_are_shrunk_to_the_mean() {
        // 10 of 100 and 30 of 100: r = .2; an unseen item has the mean, and few views say little.
        let logs = log_conversions(&[10.0, 30.0, 0.0, 1.0], &[100.0, 100.0, 0.0, 2.0]);
        assert!(logs[0] < -0.3 && logs[1] > 0.25);
        assert!(logs[2].abs() < 1e-5);
        assert!(logs[3] > 0.0 && logs[3] < logs[1]);
        // Nobody bought, and one item alone.
        assert_eq!(log_conversions(&[0.0], &[9.0]), [0.0]);
        assert!(log_conversions(&[3.0], &[9.0])[0].abs() < 1e-5);
    }
}
