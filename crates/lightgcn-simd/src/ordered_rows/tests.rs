use super::*;
use crate::csr::CsrView;
use crate::parallel::same_at_any_thread_count;
use crate::{propagate, sparse_dense};

/// Users `0..60` and items `60..100` in five groups that buy among themselves, numbered such
/// that neighbors in number belong to different groups.
fn groups() -> (Vec<u64>, Vec<u32>, Vec<f32>) {
    let (mut offsets, mut columns) = (vec![0], Vec::new());
    for row in 0..100_u32 {
        let others = if row < 60 { 60..100 } else { 0..60 };
        columns.extend(others.filter(|other| other % 5 == row % 5 && (row + other) % 3 != 0));
        offsets.push(columns.len() as u64);
    }
    let values = (0..columns.len()).map(|i| 0.1 + (i % 7) as f32 / 9.0);
    (offsets, columns.clone(), values.collect())
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin()).collect()
}

#[test]
fn results_have_the_same_bits_in_any_order() {
    let (offsets, columns, values) = groups();
    let a = CsrView::new(&offsets, &columns, &values, 100).unwrap();
    for dim in [3, 16, 64, 80] {
        let x = numbers(100 * dim);
        let sixteen: Vec<_> = {
            let mut rounded = vec![crate::Bf16::ZERO; x.len()];
            crate::round_to_bf16(&x, &mut rounded);
            rounded
        };
        let run = |a: CsrView<'_, u64, u32>| {
            let (mut one, mut two) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            sparse_dense(a, &x, dim, &mut one);
            sparse_dense(a, &sixteen, dim, &mut two);
            (one, two, propagate(a, &x, dim, &[0.5, 0.3, 0.2]))
        };
        let expected = run(a);
        let ordered = OrderedRows::by_neighbors(a);
        let reversed = OrderedRows::new(a, &(0..100).rev().collect::<Vec<u32>>());
        for order in [&ordered, &reversed] {
            let got = same_at_any_thread_count(|| run(a.with_order(order)));
            assert!(got == expected);
        }
    }
}

#[test]
fn rows_with_similar_neighbors_come_side_by_side() {
    let (offsets, columns, values) = groups();
    let a = CsrView::new(&offsets, &columns, &values, 100).unwrap();
    let ordered = same_at_any_thread_count(|| OrderedRows::by_neighbors(a));
    let original = ordered.original();
    assert!(
        original[..60].iter().all(|&row| row < 60),
        "the sides stay apart"
    );
    let changes = |rows: &[u32]| rows.windows(2).filter(|w| w[0] % 5 != w[1] % 5).count();
    // In the order of their numbers, every row is followed by one of another group.
    let (users, items) = (changes(&original[..60]), changes(&original[60..]));
    assert!(users <= 15 && items <= 15, "{original:?}");
}

#[test]
fn non_bipartite_and_empty_graphs_are_ordered() {
    // A ring, and a node alone.
    let (offsets, columns) = ([0_u64, 2, 4, 6, 6], [1_u32, 2, 0, 2, 0, 1]);
    let a = CsrView::new(&offsets, &columns, &[1.0; 6], 4).unwrap();
    assert_eq!(order::boundary(a), 4);
    assert_eq!(OrderedRows::by_neighbors(a).original()[3], 3);
    let a = CsrView::new(&[0_u64, 0, 0], &[0_u32; 0], &[], 2).unwrap();
    assert_eq!(OrderedRows::by_neighbors(a).shape(), (2, 2));
}

#[test]
#[should_panic(expected = "but row 1 is repeated")]
fn an_order_that_repeats_a_row_panics() {
    let a = CsrView::new(&[0_u64, 0, 0], &[0_u32; 0], &[], 2).unwrap();
    let _ = OrderedRows::new(a, &[1, 1]);
}

#[test]
#[should_panic(expected = "do not belong to a 2 × 2 one")]
fn the_order_of_another_matrix_panics() {
    let a = CsrView::new(&[0_u64, 0, 0], &[0_u32; 0], &[], 2).unwrap();
    let b = CsrView::new(&[0_u64, 0, 0, 0], &[0_u32; 0], &[], 3).unwrap();
    let _ = a.with_order(&OrderedRows::by_neighbors(b));
}
