use proptest::prelude::*;

use super::*;
use crate::element::Bf16;
use crate::tile::dot;

fn wave(n: usize, frequency: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * frequency).sin()).collect()
}

fn narrow(numbers: &[f32]) -> Vec<Bf16> {
    numbers.iter().map(|&number| Bf16::narrow(number)).collect()
}

fn assert_bits_of_dot<T: Element>(queries: &[f32], items: &[T], dim: usize) {
    let (n_queries, n_items) = (queries.len() / dim, items.len() / dim);
    for level in Level::all() {
        let mut out = vec![f32::NAN; n_queries * n_items];
        score_rows(level, queries, items, dim, &mut out);
        for (q, query) in queries.chunks_exact(dim).enumerate() {
            for (i, item) in items.chunks_exact(dim).enumerate() {
                let (got, expected) = (out[q * n_items + i], dot(level, query, item));
                assert!(
                    got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                    "{level:?}, dim {dim}, query {q}, item {i}: {got} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn by_hand() {
    let items = [3.0, 1.0, 0.0, 0.5, 10.0, 10.0].map(Bf16::from_f32);
    for level in Level::all() {
        let mut out = [f32::NAN; 6];
        score_rows(level, &[1.0, -2.0, 0.5, 0.5], &items, 2, &mut out);
        assert_eq!(out, [1.0, -1.0, -10.0, 2.0, 0.25, 10.0]);
    }
}

#[test]
fn infinities_nan_and_subnormals() {
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MIN_POSITIVE / 4.0,
        -0.0,
        f32::MAX,
        1.0,
    ];
    for dim in [1, 3, 8, 13] {
        // A period of 7 in 41 · dim numbers puts each of them in every place.
        let items: Vec<f32> = odd.iter().copied().cycle().take(41 * dim).collect();
        let queries = wave(QUERIES * dim, 0.7);
        assert_bits_of_dot(&queries, &items, dim);
        assert_bits_of_dot(&queries, &narrow(&items), dim);
    }
}

#[test]
fn no_items_and_no_queries() {
    for level in Level::all() {
        score_rows::<f32>(level, &[1.0; 6], &[], 3, &mut []);
        score_rows(level, &[], &[1.0_f32; 6], 3, &mut []);
    }
}

proptest! {
    #[test]
    fn scores_have_the_bits_of_dot(
        dim in 1_usize..140, n_queries in 1_usize..=QUERIES, n_items in 0_usize..110,
    ) {
        let (queries, items) = (wave(n_queries * dim, 0.7), wave(n_items * dim, 0.3));
        assert_bits_of_dot(&queries, &items, dim);
        assert_bits_of_dot(&queries, &narrow(&items), dim);
    }
}
