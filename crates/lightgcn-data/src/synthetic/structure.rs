//! How strongly users stick to categories, to brands and to each other's items.

use lightgcn_core::random::{Random, Stream};

/// A (user, item) pair, when first seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) user: u32,
    pub(super) item: u32,
    pub(super) day: u32,
}

/// The structure of taste in a log. Each figure is a ratio to chance: 1 means no structure.
///
/// All are taken over distinct (user, item) pairs, so that repeated events do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Structure {
    /// The mean over users (with two or more items) of the probability that two of their
    /// items share a category, over that probability for two items of two random pairs.
    pub category_lift: Option<f64>,
    /// The same over items that the user first met on different days.
    pub category_lift_across_days: Option<f64>,
    /// As `category_lift` for brands; items without a brand are left out.
    pub brand_lift: Option<f64>,
    /// As `category_lift_across_days` for brands.
    pub brand_lift_across_days: Option<f64>,
    /// Second order: how many other items two users share given that they share one, relative to a
    /// random graph with the same degrees. Estimated from 20,000 random couples.
    pub overlap_lift: Option<f64>,
}

const MISSING: u32 = u32::MAX;
const COUPLES: u64 = 20_000;

/// Measures the structure of `pairs`; `categories` and `brands` are per item, `u32::MAX` where
/// unknown.
pub(super) fn measure(pairs: &[Pair], categories: &[u32], brands: &[u32]) -> Structure {
    let mut by_user = pairs.to_vec();
    by_user.sort_unstable_by_key(|p| (p.user, p.item));
    Structure {
        category_lift: lift(&by_user, categories, false),
        category_lift_across_days: lift(&by_user, categories, true),
        brand_lift: lift(&by_user, brands, false),
        brand_lift_across_days: lift(&by_user, brands, true),
        overlap_lift: overlap_lift(&by_user),
    }
}

/// Couples of equal labels among sorted values, and all couples.
fn couples(sorted: &[u32]) -> (f64, f64) {
    let equal: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| run.len() as f64 * (run.len() as f64 - 1.0) / 2.0)
        .sum();
    let n = sorted.len() as f64;
    (equal, n * (n - 1.0) / 2.0)
}

fn lift(by_user: &[Pair], labels: &[u32], across_days: bool) -> Option<f64> {
    let label = |pair: &Pair| labels.get(pair.item as usize).copied().unwrap_or(MISSING);
    let mut all: Vec<u32> = by_user
        .iter()
        .map(label)
        .filter(|&l| l != MISSING)
        .collect();
    all.sort_unstable();
    let total = all.len() as f64;
    let chance: f64 = all
        .chunk_by(|a, b| a == b)
        .map(|run| (run.len() as f64 / total).powi(2))
        .sum();
    let (mut sum, mut users) = (0.0, 0u64);
    for user in by_user.chunk_by(|a, b| a.user == b.user) {
        let mut known: Vec<(u32, u32)> = user
            .iter()
            .map(|p| (p.day, label(p)))
            .filter(|&(_, l)| l != MISSING)
            .collect();
        known.sort_unstable();
        let mut labels: Vec<u32> = known.iter().map(|&(_, l)| l).collect();
        labels.sort_unstable();
        let (mut equal, mut possible) = couples(&labels);
        if across_days {
            for day in known.chunk_by(|a, b| a.0 == b.0) {
                let of_day: Vec<u32> = day.iter().map(|&(_, l)| l).collect();
                let (e, p) = couples(&of_day);
                equal -= e;
                possible -= p;
            }
        }
        if possible > 0.0 {
            sum += equal / possible;
            users += 1;
        }
    }
    (users > 0 && chance > 0.0).then(|| sum / users as f64 / chance)
}

fn offsets(sorted: impl Iterator<Item = u32>, n: usize) -> Vec<usize> {
    let mut starts = vec![0usize; n + 1];
    sorted.for_each(|key| starts[key as usize + 1] += 1);
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    starts
}

fn shared(mut a: &[Pair], mut b: &[Pair]) -> u64 {
    let mut n = 0;
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        match x.item.cmp(&y.item) {
            std::cmp::Ordering::Less => a = &a[1..],
            std::cmp::Ordering::Greater => b = &b[1..],
            std::cmp::Ordering::Equal => {
                n += 1;
                a = &a[1..];
                b = &b[1..];
            }
        }
    }
    n
}

/// Draws couples of users through an item they share, items in proportion to their number
/// of couples, and compares the further items they share with the expectation
/// (d_u − 1)(d_v − 1) · Σ_j d_j(d_j − 1) / E² of the configuration model (Newman, "Networks",
/// 2nd edition, section 12.1: the bipartite form).
fn overlap_lift(by_user: &[Pair]) -> Option<f64> {
    let n_users = by_user.iter().map(|p| p.user).max()? as usize + 1;
    let n_items = by_user.iter().map(|p| p.item).max()? as usize + 1;
    let user_starts = offsets(by_user.iter().map(|p| p.user), n_users);
    let item_starts = offsets(by_user.iter().map(|p| p.item), n_items);
    let mut fill = item_starts.clone();
    let mut users = vec![0u32; by_user.len()];
    for pair in by_user {
        users[fill[pair.item as usize]] = pair.user;
        fill[pair.item as usize] += 1;
    }
    let mut cumulative = vec![0u64; n_items];
    let mut couples = 0u64;
    for item in 0..n_items {
        let degree = (item_starts[item + 1] - item_starts[item]) as u64;
        couples += degree * degree.saturating_sub(1);
        cumulative[item] = couples;
    }
    if couples == 0 {
        return None;
    }
    let rate = couples as f64 / (by_user.len() as f64).powi(2);
    let random = Random::new(0, Stream::Bootstrap);
    let (mut observed, mut expected) = (0.0, 0.0);
    for n in 0..COUPLES {
        let mut draws = random.at(0, n);
        let ticket = draws.below_u64(couples);
        let item = cumulative.partition_point(|&c| c <= ticket);
        let of_item = &users[item_starts[item]..item_starts[item + 1]];
        let first = draws.below(of_item.len() as u32) as usize;
        let step = 1 + draws.below(of_item.len() as u32 - 1) as usize;
        let second = (first + step) % of_item.len();
        let row = |user: u32| &by_user[user_starts[user as usize]..user_starts[user as usize + 1]];
        let (a, b) = (row(of_item[first]), row(of_item[second]));
        observed += (shared(a, b) - 1) as f64;
        expected += (a.len() as f64 - 1.0) * (b.len() as f64 - 1.0) * rate;
    }
    (expected > 0.0).then(|| observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(u32, u32, u32)]) -> Vec<Pair> {
        list.iter()
            .map(|&(user, item, day)| Pair { user, item, day })
            .collect()
    }

    #[test]
    fn category_lift_is_the_hand_computed_one() {
        // User 0: categories a a b (1 of 3 couples equal); user 1: b b (1 of 1).
        // Chance: a twice, b three times of five: 4/25 + 9/25.
        let log = pairs(&[(0, 0, 0), (0, 1, 1), (0, 2, 1), (1, 2, 0), (1, 3, 0)]);
        let s = measure(&log, &[0, 0, 1, 1], &[MISSING; 4]);
        let expected = (1.0 / 3.0 + 1.0) / 2.0 / (13.0 / 25.0);
        assert!((s.category_lift.unwrap() - expected).abs() < 1e-12);
        // Across days only user 0 counts: couples (0,1) equal and (0,2) not.
        let expected = 0.5 / (13.0 / 25.0);
        assert!((s.category_lift_across_days.unwrap() - expected).abs() < 1e-12);
        assert_eq!(s.brand_lift, None);
    }

    #[test]
    fn overlap_lift_is_the_hand_computed_one() {
        // Two users with the same three items and nothing else: each couple shares two
        // further items; chance gives (3-1)(3-1) * (3 * 2 * 1) / 36 = 2/3.
        let log = pairs(&[
            (0, 0, 0),
            (0, 1, 0),
            (0, 2, 0),
            (1, 0, 0),
            (1, 1, 0),
            (1, 2, 0),
        ]);
        let s = measure(&log, &[], &[]);
        assert!((s.overlap_lift.unwrap() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_random_graph_has_no_structure() {
        let random = Random::new(11, Stream::Bootstrap);
        let mut log = Vec::new();
        for user in 0..400 {
            for n in 0..20 {
                let item = random.at(user, n).below(1000);
                log.push((user, item, n as u32));
            }
        }
        log.sort_unstable();
        log.dedup_by_key(|p| (p.0, p.1));
        let categories: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let s = measure(&pairs(&log), &categories, &categories);
        assert!((s.category_lift.unwrap() - 1.0).abs() < 0.05, "{s:?}");
        assert!((s.overlap_lift.unwrap() - 1.0).abs() < 0.1, "{s:?}");
    }

    #[test]
    fn a_log_without_shared_items_has_no_overlap() {
        assert_eq!(measure(&[], &[], &[]), Structure::default());
        let s = measure(&pairs(&[(0, 0, 0), (1, 1, 0)]), &[], &[]);
        assert_eq!(s.overlap_lift, None);
    }
}
