use super::*;
use lightgcn_core::{InteractionsBuilder, Split, Truth};
use proptest::prelude::*;

const BEHAVIORS: [&str; 3] = ["view", "cart", "buy"];

/// `table[user][item]` has a bit for each behavior.
fn train(table: &[Vec<u8>]) -> Train {
    let (n_users, n_items) = (table.len(), table[0].len());
    let mut pairs = InteractionsBuilder::from_names(&BEHAVIORS, &["buy"]).unwrap();
    for (user, row) in table.iter().enumerate() {
        for (item, &did) in row.iter().enumerate().filter(|(_, did)| **did > 0) {
            let counts: Vec<u32> = (0..3).map(|b| u32::from(did >> b & 1)).collect();
            let (user, item) = (UserId(user as u32), ItemId(item as u32));
            pairs.push(user, item, 1.0, &counts, None).unwrap();
        }
    }
    let nothing = || Truth::empty(n_users, n_items);
    let pairs = pairs.build(n_users, n_items).unwrap();
    Split::new(pairs, nothing(), nothing()).unwrap().train
}

fn lists(row: &[u8], stages: &[usize]) -> Vec<Vec<ItemId>> {
    let of_stage = |&b: &usize| {
        let did = row.iter().zip(0..).filter(|(did, _)| **did >> b & 1 == 1);
        did.map(|(_, item)| ItemId(item)).collect()
    };
    stages.iter().map(of_stage).collect()
}

fn scores(model: &CascadingRank, row: &[u8], stages: &[usize]) -> Vec<f32> {
    let mut out = vec![f32::NAN; model.n_items()];
    model.scores_into(&[lists(row, stages)], &mut out);
    out
}

#[test]
fn by_hand() {
    // User 0 viewed items 0 and 1 and bought 1; user 1 viewed item 1.
    let table = [vec![0b001, 0b101], vec![0, 0b001]];
    let config = CascadingRankConfig {
        beta: 0.5,
        ..CascadingRankConfig::default()
    };
    let stages = [0, 2];
    let model = config.fit(&train(&table), &stages).unwrap();
    // Views: Ã = [1/√2 1/2; 0 1/√2]; purchases: [0 1; 0 0].
    // W = [1/2, 1/(2√2) + 1/√2; 1/(2√2), 3/4 + 1/2 + 1], and β² = 1/4 of everything.
    let r = 0.5f64.sqrt();
    let one = [
        0.5 + 0.5 * r + 0.25 * (0.5 * 0.5 + 0.5 * 0.5 * r),
        0.5 + 0.5 * 1.5 + 0.25 * (0.5 * 1.5 * r + 0.5 * 2.25),
    ];
    let two = [0.25 * 0.5 * r, 1.0 + 0.5 * r + 0.25 * 2.25];
    for (row, exact) in table.iter().zip([one, two]) {
        for (score, exact) in scores(&model, row, &stages).into_iter().zip(exact) {
            assert!((f64::from(score) - 0.25 * exact).abs() < 1e-6, "{score}");
        }
    }
    // From item to item, walks end at purchases alone, and the diagonal is left out.
    let items = config.fit_items(&train(&table), &stages).unwrap();
    assert!((f64::from(items.weight(ItemId(0), ItemId(1))) - r).abs() < 1e-6);
    assert_eq!(items.weight(ItemId(1), ItemId(0)), 0.0);
    assert_eq!(items.weight(ItemId(1), ItemId(1)), 0.0);
}

#[test]
fn a_newcomer_and_a_user_without_views_have_scores() {
    let table = [vec![0b001, 0b101, 0b010], vec![0, 0b001, 0b100]];
    let model = CascadingRankConfig::default();
    let model = model.fit(&train(&table), &[0, 1, 2]).unwrap();
    assert_eq!(scores(&model, &[0, 0, 0], &[0, 1, 2]), [0.0; 3]);
    // Without views nothing is restarted at but the user: one hop.
    let bought = scores(&model, &[0, 0b100, 0], &[0, 1, 2]);
    assert!(bought[1] > 0.0 && bought[0] == 0.0 && bought[2] == 0.0);
}

#[test]
fn a_behavior_without_events_and_a_log_of_the_target_alone_are_walked() {
    let table = [vec![0b100, 0b100, 0], vec![0b100, 0, 0b100]];
    let train = train(&table);
    let config = CascadingRankConfig {
        alpha: 0.3,
        beta: 0.6,
        ..CascadingRankConfig::default()
    };
    for stages in [vec![2], vec![0, 1, 2]] {
        let model = config.fit(&train, &stages).unwrap();
        let scores = scores(&model, &table[0], &stages);
        assert!(scores.iter().all(|s| s.is_finite()));
        assert!(scores[1] > scores[2] && scores[2] > 0.0, "{scores:?}");
    }
    let refused = config.fit(&train, &[0, 1]);
    assert!(matches!(refused, Err(LinearError::NoPairs { .. })));
}

#[test]
fn every_issue_is_listed() {
    let config = CascadingRankConfig {
        alpha: 1.5,
        beta: f64::NAN,
        n_neighbors: 0,
    };
    let Err(LinearError::Config { issues, .. }) = config.check() else {
        panic!("the settings must be refused");
    };
    assert_eq!(issues.len(), 3);
    for (alpha, beta) in [(0.6, 0.6), (0.0, 0.0)] {
        let config = CascadingRankConfig {
            alpha,
            beta,
            ..CascadingRankConfig::default()
        };
        assert!(config.check().is_err());
    }
}

/// The published iteration over the whole graph, users first, to its end.
fn iterated(table: &[Vec<u8>], user: usize, stages: &[usize], alpha: f64, beta: f64) -> Vec<f64> {
    let (n_users, n_items) = (table.len(), table[0].len());
    let gamma = 1.0 - alpha - beta;
    let mut before: Option<Vec<f64>> = None;
    for &b in stages {
        let did = |u: usize, i: usize| table[u][i] >> b & 1 == 1;
        let of_user = |u: usize| (0..n_items).filter(|&i| did(u, i)).count() as f64;
        let of_item = |i: usize| (0..n_users).filter(|&u| did(u, i)).count() as f64;
        let mut query = vec![0.0; n_users + n_items];
        query[user] = 1.0;
        for i in (0..n_items).filter(|&i| did(user, i)) {
            query[n_users + i] = 1.0 / of_user(user);
        }
        let previous = before.unwrap_or_else(|| query.clone());
        let mut now = query.clone();
        for _ in 0..200 {
            let mut next: Vec<f64> = query.iter().map(|q| alpha * q).collect();
            next.iter_mut()
                .zip(&previous)
                .for_each(|(n, p)| *n += beta * p);
            for u in 0..n_users {
                for i in (0..n_items).filter(|&i| did(u, i)) {
                    let a = gamma / (of_user(u) * of_item(i)).sqrt();
                    next[u] += a * now[n_users + i];
                    next[n_users + i] += a * now[u];
                }
            }
            now = next;
        }
        before = Some(now);
    }
    before.unwrap()[n_users..].to_vec()
}

/// Tables of bits by user and item, with at least one of them set.
fn tables() -> impl Strategy<Value = Vec<Vec<u8>>> {
    (1usize..7, 1usize..7).prop_flat_map(|(n_users, n_items)| {
        let cell = prop_oneof![1 => Just(0u8), 1 => 0u8..8];
        let row = prop::collection::vec(cell, n_items);
        prop::collection::vec(row, n_users).prop_map(|mut table| {
            table[0][0] |= 1;
            table
        })
    })
}

proptest! {
    #[test]
    fn scores_are_those_of_the_published_iteration_up_to_the_third_hop(
        table in tables(), alpha in 0.0..0.5f64, gamma in 0.01..0.25f64,
    ) {
        let stages = [0, 1, 2];
        let config = CascadingRankConfig { alpha, beta: 1.0 - alpha - gamma, n_neighbors: 99 };
        let model = config.fit(&train(&table), &stages).unwrap();
        for user in 0..table.len() {
            let exact = iterated(&table, user, &stages, alpha, config.beta);
            let found = scores(&model, &table[user], &stages);
            let missed: f64 =
                exact.iter().zip(&found).map(|(e, &f)| (e - f64::from(f)).powi(2)).sum();
            // M has no eigenvalue above 1, so what 3 stages leave out is at most, beside a query of at most
            // √2 whose factors add up to 1 at most, Σ_(k ≥ 3) C(k + 2, 2) γ^k.
            let left: f64 = (3..60).map(|k| f64::from((k + 1) * (k + 2) / 2) * gamma.powi(k)).sum();
            prop_assert!(missed.sqrt() <= 2f64.sqrt() * left + 1e-5, "{missed} {left}");
            // Every term is positive, so nothing is above what it is a part of.
            prop_assert!(exact.iter().zip(&found).all(|(e, &f)| f64::from(f) <= e + 1e-5));
        }
    }

    #[test]
    fn renaming_items_renames_scores(table in tables()) {
        let stages = [0, 1, 2];
        let turned: Vec<Vec<u8>> =
            table.iter().map(|row| row.iter().rev().copied().collect()).collect();
        let config = CascadingRankConfig { n_neighbors: 99, ..CascadingRankConfig::default() };
        let (one, two) =
            (config.fit(&train(&table), &stages), config.fit(&train(&turned), &stages));
        // The corner that makes a table sound is elsewhere in the turned one.
        let (one, two) = (one.unwrap(), two.unwrap());
        for (row, turned) in table.iter().zip(&turned) {
            let mut other = scores(&two, turned, &stages);
            other.reverse();
            for (a, b) in scores(&one, row, &stages).into_iter().zip(other) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn neighbors_bound_the_cost_and_threads_change_no_bit(table in tables(), most in 1usize..4) {
        let config = CascadingRankConfig { n_neighbors: most, ..CascadingRankConfig::default() };
        let train = train(&table);
        let model = config.fit(&train, &[0, 1, 2]).unwrap();
        let items = config.fit_items(&train, &[0, 1, 2]).unwrap();
        prop_assert!((0..table[0].len() as u32).all(|i| items.row(ItemId(i)).count() <= most));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        prop_assert_eq!(pool.install(|| config.fit(&train, &[0, 1, 2]).unwrap()), model);
    }
}
