use proptest::prelude::*;

use super::*;
use crate::element::Bf16;

fn wave(n: usize, frequency: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * frequency).sin()).collect()
}

fn packed<T: Element>(level: Level, items: &[T], dim: usize) -> Vec<f32> {
    let n = items.len() / dim;
    let mut packed = vec![f32::NAN; n.div_ceil(PANEL) * PANEL * dim];
    pack(level, items, dim, &mut packed);
    packed
}

#[test]
fn packing_transposes_and_pads_with_zeros() {
    for level in Level::all() {
        for dim in [1, 7, 8, 19] {
            let n = 35;
            let items: Vec<f32> = (1..=n * dim).map(|i| i as f32).collect();
            let narrow: Vec<Bf16> = items.iter().map(|&x| Bf16::narrow(x)).collect();
            let wide: Vec<f32> = narrow.iter().map(|x| x.widen()).collect();
            assert_eq!(packed(level, &narrow, dim), packed(level, &wide, dim));
            let packed = packed(level, &items, dim);
            assert_eq!(packed.len(), 48 * dim);
            for item in 0..48 {
                for d in 0..dim {
                    let expected = if item < n { items[item * dim + d] } else { 0.0 };
                    let at = (item / PANEL * dim + d) * PANEL + item % PANEL;
                    assert_eq!(
                        packed[at], expected,
                        "{level:?}, dim {dim}, item {item}, {d}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_block_is_whole_panels() {
    for dim in [0, 1, 63, 64, 100, 5000, 1_000_000] {
        let items = items_in_a_block(dim);
        assert!(items >= PANEL && items.is_multiple_of(PANEL));
    }
    assert_eq!(items_in_a_block(64), 512);
    assert_eq!(items_in_a_block(128), 256);
}

proptest! {
    #[test]
    fn scores_have_the_bits_of_dot(
        dim in 1_usize..70, n_queries in 1_usize..=QUERIES, n_items in 1_usize..100,
    ) {
        let (queries, items) = (wave(n_queries * dim, 0.7), wave(n_items * dim, 0.3));
        for level in Level::all() {
            let packed = packed(level, &items, dim);
            let stride = packed.len() / dim;
            let mut out = vec![f32::NAN; n_queries * stride];
            score(level, &queries, &packed, dim, &mut out);
            for (q, query) in queries.chunks_exact(dim).enumerate() {
                for (i, item) in items.chunks_exact(dim).enumerate() {
                    let expected = dot(level, query, item);
                    prop_assert_eq!(out[q * stride + i].to_bits(), expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn every_level_is_near_the_exact_dot(a in prop::collection::vec(-1.0_f32..1.0, 0..200)) {
        let b = wave(a.len(), 0.9);
        let exact: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        for level in Level::all() {
            prop_assert!((f64::from(dot(level, &a, &b)) - exact).abs() < 2e-5);
        }
    }
}
