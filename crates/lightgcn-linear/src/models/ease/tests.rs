//! Tests of EASE.

use super::*;
use crate::matrix::tests::{larger_table, tables, train};
use faer::Mat;
use faer::linalg::solvers::DenseSolveCore;
use proptest::prelude::*;

fn fitted(table: &[Vec<f32>], regularization: f64) -> Ease {
    regularized(regularization).fit(&train(table)).unwrap()
}

#[test]
fn by_hand() {
    // G + λI = [[2 + 1, 1], [1, 1 + 1]], P = [[2, -1], [-1, 3]] / 5.
    let model = fitted(&[vec![1.0, 1.0], vec![1.0, 0.0]], 1.0);
    let weight = |i, j| model.weight(ItemId(i), ItemId(j));
    assert_eq!((weight(0, 0), weight(1, 1)), (0.0, 0.0));
    assert!((weight(0, 1) - 1.0 / 3.0).abs() < 1e-6);
    assert!((weight(1, 0) - 0.5).abs() < 1e-6);
    let items = [ItemId(0), ItemId(1)];
    let scores = model.scores(History::new(&items, &[3.0, 2.0]).unwrap());
    assert!((scores[0] - 1.0).abs() < 1e-6 && (scores[1] - 1.0).abs() < 1e-6);
}

#[test]
fn a_catalogue_too_large_is_an_error_with_the_bytes_needed() {
    let config = EaseConfig {
        max_bytes: 4 * 3 * (3 + 2 * 3) - 1,
        ..EaseConfig::default()
    };
    let error = config.fit(&train(&[vec![1.0, 1.0, 1.0]])).unwrap_err();
    assert_eq!(
        error,
        LinearError::Memory {
            model: "EASE",
            n_items: 3,
            needed: 108,
            limit: 107
        }
    );
    assert_eq!(EaseConfig::bytes_needed(1000), 4 * 1000 * 2024);
    assert_eq!(EaseConfig::bytes_needed(usize::MAX / 2), u64::MAX);
}

#[test]
fn a_regularization_lost_in_rounding_is_an_error() {
    // Two equal columns of 2^26: 2^26 + 1 is 2^26 in single precision.
    let config = EaseConfig {
        regularization: 1e-9,
        ..EaseConfig::default()
    };
    let error = config.fit(&train(&[vec![8192.0, 8192.0]])).unwrap_err();
    assert!(matches!(error, LinearError::NotPositiveDefinite { .. }));
}

/// The weights of the config by the formula of [`Ease`], in 64 bits.
fn direct(table: &[Vec<f32>], config: &EaseConfig) -> Vec<f64> {
    let (n_users, n) = (table.len(), table[0].len());
    let cell = |u: usize, i: usize| f64::from(table[u][i]);
    let power = |degree: f64, exponent: f64| match degree > 0.0 {
        true => degree.powf(exponent),
        false => 1.0,
    };
    let user = |u: usize| (0..n).map(|i| cell(u, i)).sum::<f64>();
    let item = |i: usize| (0..n_users).map(|u| cell(u, i)).sum::<f64>();
    let x = Mat::from_fn(n_users, n, |u, i| {
        cell(u, i) * power(user(u), -config.user_normalization / 2.0)
    });
    let mut gram = x.transpose() * &x;
    for i in 0..n {
        gram[(i, i)] += config.regularization;
    }
    let p = gram.partial_piv_lu().inverse();
    let weight = |i: usize, j: usize| match i == j {
        true => 0.0,
        false => -p[(i, j)] / p[(j, j)] * power(item(i) / item(j), config.item_normalization),
    };
    // An item without users has only zeros.
    let weights = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    weights
        .map(|(i, j)| match item(i) > 0.0 && item(j) > 0.0 {
            true => weight(i, j),
            false => 0.0,
        })
        .collect()
}

fn check_against_direct_inverse(table: &[Vec<f32>], config: &EaseConfig) {
    let model = config.fit(&train(table)).unwrap();
    let exact = direct(table, config);
    for (place, (weight, exact)) in model.matrix.iter().zip(exact).enumerate() {
        let error = (f64::from(*weight) - exact).abs();
        assert!(
            error < 1e-4 * (1.0 + exact.abs()),
            "{weight} for {exact} at {place}"
        );
    }
}

fn regularized(regularization: f64) -> EaseConfig {
    EaseConfig {
        regularization,
        ..EaseConfig::default()
    }
}

#[test]
fn normalization_by_hand() {
    let config = EaseConfig {
        item_normalization: 0.5,
        user_normalization: 1.0,
        ..regularized(1.0)
    };
    // The first user's two pairs count a half each: G + λI = [[1.5 + 1, 0.5], [0.5, 0.5 + 1]], and
    // P = [[1.5, -0.5], [-0.5, 2.5]] / 3.5. The degrees of the items are 2 and 1.
    let table = [vec![1.0, 1.0], vec![1.0, 0.0]];
    let model = config.fit(&train(&table)).unwrap();
    let weight = |i, j| model.weight(ItemId(i), ItemId(j));
    assert!((weight(0, 1) - 0.2 * 2.0_f32.sqrt()).abs() < 1e-6);
    assert!((weight(1, 0) - 1.0 / 3.0 / 2.0_f32.sqrt()).abs() < 1e-6);
    assert_eq!((weight(0, 0), weight(1, 1)), (0.0, 0.0));
}

#[test]
fn an_item_without_users_has_no_weights_with_normalization() {
    let config = EaseConfig {
        item_normalization: 1.0,
        user_normalization: 1.0,
        ..regularized(1.0)
    };
    let table = [vec![1.0, 0.0, 2.0], vec![0.0, 0.0, 0.0]];
    let model = config.fit(&train(&table)).unwrap();
    for other in [0, 2] {
        let (own, others) = (ItemId(1), ItemId(other));
        assert_eq!(model.weight(own, others), 0.0);
        assert_eq!(model.weight(others, own), 0.0);
    }
    check_against_direct_inverse(&table, &config);
}

#[test]
fn exponents_outside_their_range_are_errors() {
    for (item_normalization, user_normalization) in [
        (-0.1, 0.5),
        (0.5, 1.5),
        (f64::NAN, 0.0),
        (0.0, f64::INFINITY),
    ] {
        let config = EaseConfig {
            item_normalization,
            user_normalization,
            ..EaseConfig::default()
        };
        let Err(LinearError::Config { model, issues }) = config.check() else {
            panic!("{config:?} must be refused");
        };
        assert_eq!((model, issues.len()), ("EASE", 1), "{issues:?}");
    }
}

#[test]
fn the_strongest_normalized_weights_are_the_same_over_items_or_users() {
    let table = larger_table(40, 90);
    let config = EaseConfig {
        item_normalization: 0.3,
        user_normalization: 0.5,
        ..regularized(2.0)
    };
    let all = config.fit(&train(&table)).unwrap();
    let histories = Histories::new(&train(&table), PairWeights::Weighted);
    // Over users, and over the items, where more users are met than there are items.
    let over_users = config.fit_strongest(&histories, 90, 40).unwrap();
    let tall: Vec<Vec<f32>> = table.iter().map(|row| row[..30].to_vec()).collect();
    let over_items = Histories::new(&train(&tall), PairWeights::Weighted);
    let over_items = config.fit_strongest(&over_items, 30, 40).unwrap();
    let tall = config.fit(&train(&tall)).unwrap();
    for (i, j) in (0..90).flat_map(|i| (0..90).map(move |j| (ItemId(i), ItemId(j)))) {
        assert!((over_users.weight(i, j) - all.weight(i, j)).abs() < 1e-4);
        if i.0 < 30 && j.0 < 30 {
            assert_eq!(over_items.weight(i, j), tall.weight(i, j));
        }
    }
}

#[test]
fn the_strongest_weights_are_the_same_over_items_or_users() {
    let config = regularized(5.0);
    let table = larger_table(40, 90);
    let all = fitted(&table, 5.0);
    let histories = Histories::new(&train(&table), PairWeights::Weighted);
    // Fewer users than items; then items, as there is no room for the users.
    for max_size in [40, 39] {
        let cut = config.fit_strongest(&histories, 90, max_size).unwrap();
        let known = (0..90).filter(|&i| cut.row(ItemId(i)).next().is_some());
        let known: Vec<u32> = known.collect();
        if max_size == 40 {
            for (i, j) in (0..90).flat_map(|i| (0..90).map(move |j| (ItemId(i), ItemId(j)))) {
                assert!((cut.weight(i, j) - all.weight(i, j)).abs() < 1e-4);
            }
            continue;
        }
        // The table is fuller at its beginning: these columns are fitted as if they were all.
        assert_eq!(known.len(), 39);
        let column = |row: &Vec<f32>| known.iter().map(|&i| row[i as usize]).collect();
        let part: Vec<Vec<f32>> = table.iter().map(column).collect();
        let part = fitted(&part, 5.0);
        for (a, &i) in (0..).zip(&known) {
            for (b, &j) in (0..).zip(&known) {
                let exact = part.weight(ItemId(a), ItemId(b));
                assert_eq!(cut.weight(ItemId(i), ItemId(j)), exact);
            }
        }
    }
    let two = config.fit_strongest(&histories, 2, 90).unwrap();
    assert!((0..90).all(|i| two.row(ItemId(i)).count() <= 2));
}

#[test]
fn several_blocks_equal_the_direct_inverse() {
    let table = larger_table(300, BLOCK + 70);
    check_against_direct_inverse(&table, &regularized(20.0));
}

proptest! {
    #[test]
    fn equals_the_direct_inverse(table in tables(1..9, 1..9), regularization in 0.5f64..50.0) {
        check_against_direct_inverse(&table, &regularized(regularization));
    }

    #[test]
    fn normalized_it_equals_the_direct_inverse(
        table in tables(1..9, 1..9),
        regularization in 0.1f64..5.0,
        item_normalization in 0.0f64..1.0,
        user_normalization in 0.0f64..1.0,
    ) {
        let config = EaseConfig {
            item_normalization,
            user_normalization,
            ..regularized(regularization)
        };
        check_against_direct_inverse(&table, &config);
    }
}
