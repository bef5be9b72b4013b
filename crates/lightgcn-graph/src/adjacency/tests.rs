use crate::Normalization;
use crate::train_graph::tests::{Edge, edges, graph};
use proptest::prelude::*;

/// The normalizations without exponents, and some with.
fn all() -> Vec<Normalization> {
    let exponents = [(0.6, -0.1), (-0.1, 0.6), (0.4, 0.4), (1.5, -2.0)];
    let powers = exponents.map(|(row, column)| Normalization::powers(row, column).unwrap());
    Normalization::NAMED.into_iter().chain(powers).collect()
}

/// The matrix written out, `[n_nodes][n_nodes]`.
fn dense(n_users: usize, n_items: usize, edges: &[Edge], how: Normalization) -> Vec<Vec<f64>> {
    let adjacency = graph(n_users, n_items, edges).adjacency(how);
    let n = adjacency.n_nodes();
    let mut dense = vec![vec![0.0; n]; n];
    for (&value, (row, column)) in adjacency.as_sprs().iter() {
        dense[row as usize][column as usize] = f64::from(value);
    }
    dense
}

/// The definition, without sparse rows.
fn formula(n_users: usize, n_items: usize, edges: &[Edge], how: Normalization) -> Vec<Vec<f64>> {
    let n = n_users + n_items;
    let mut a = vec![vec![0.0; n]; n];
    for &(user, item, weight) in edges {
        let (user, item) = (user as usize, n_users + item as usize);
        a[user][item] = f64::from(weight);
        a[item][user] = f64::from(weight);
    }
    let degree: Vec<f64> = a.iter().map(|row| row.iter().sum()).collect();
    let power = |d: f64, exponent: f64| if d > 0.0 { d.powf(exponent) } else { 0.0 };
    let (left, right) = match how {
        Normalization::Symmetric => (-0.5, -0.5),
        Normalization::Left => (-1.0, 0.0),
        Normalization::Right => (0.0, -1.0),
        Normalization::None => (0.0, 0.0),
        Normalization::Powers { row, column } => (-row.value(), -column.value()),
    };
    for (r, row) in a.iter_mut().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            *value *= power(degree[r], left) * power(degree[c], right);
        }
    }
    a
}

#[test]
fn weighted_normalizations_by_hand() {
    // User 0 has degree 4 + 5 = 9, user 1 is isolated; items have 4 and 5 + 11 = 16,
    // user 2 has 11.
    let graph = graph(3, 2, &[(0, 0, 4.0), (0, 1, 5.0), (2, 1, 11.0)]);
    let values = |how| graph.adjacency(how).values().to_vec();
    let adjacency = graph.adjacency(Normalization::Symmetric);
    assert_eq!(adjacency.row_offsets(), [0, 2, 2, 3, 4, 6]);
    assert_eq!(adjacency.columns(), [3, 4, 4, 0, 0, 2]);
    let s = (11.0f64 / 176f64.sqrt()) as f32;
    let expected = [4.0 / 6.0, 5.0 / 12.0, s, 4.0 / 6.0, 5.0 / 12.0, s];
    assert_eq!(adjacency.values(), expected);
    assert_eq!(
        values(Normalization::Left),
        [4.0 / 9.0, 5.0 / 9.0, 1.0, 1.0, 5.0 / 16.0, 11.0 / 16.0]
    );
    assert_eq!(
        values(Normalization::Right),
        [1.0, 5.0 / 16.0, 11.0 / 16.0, 4.0 / 9.0, 5.0 / 9.0, 1.0]
    );
    assert_eq!(
        values(Normalization::None),
        [4.0, 5.0, 11.0, 4.0, 5.0, 11.0]
    );
    // Row degrees to the power 1/2, column degrees to the power -1/2.
    let powers = Normalization::powers(0.5, -0.5).unwrap();
    let s = 11f64.sqrt();
    let expected = [
        4.0 / 3.0 * 2.0,
        5.0 / 3.0 * 4.0,
        11.0 / s * 4.0,
        4.0 / 2.0 * 3.0,
        5.0 / 4.0 * 3.0,
        11.0 / 4.0 * s,
    ];
    for (found, expected) in values(powers).into_iter().zip(expected) {
        assert!((f64::from(found) - expected).abs() < 1e-6 * expected);
    }
    assert_eq!(adjacency.n_entries(), 6);
    assert_eq!(adjacency.normalization(), Normalization::Symmetric);
    assert_eq!(adjacency.clone().into_sprs(), *adjacency.as_sprs());
}

#[test]
fn one_edge_weighs_1_whatever_its_weight() {
    for weight in [0.01, 1.0, 3e38, 1e-38] {
        let graph = graph(1, 1, &[(0, 0, weight)]);
        for how in [
            Normalization::Symmetric,
            Normalization::Left,
            Normalization::Right,
        ] {
            assert_eq!(graph.adjacency(how).values(), [1.0, 1.0], "{how} {weight}");
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_dense_formula((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        for how in all() {
            let found = dense(n_users, n_items, &edges, how);
            let expected = formula(n_users, n_items, &edges, how);
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!((found - expected).abs() <= 1e-6 * expected, "{found} {expected}");
            }
        }
    }

    #[test]
    fn rows_are_ordered_and_left_rows_sum_to_1((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        for how in all() {
            let adjacency = graph.adjacency(how);
            prop_assert_eq!(adjacency.n_entries(), 2 * graph.n_edges());
            for window in adjacency.row_offsets().windows(2) {
                let range = window[0] as usize..window[1] as usize;
                prop_assert!(adjacency.columns()[range.clone()].is_sorted_by(|a, b| a < b));
                let sum: f64 = adjacency.values()[range.clone()].iter().map(|&v| f64::from(v)).sum();
                if how == Normalization::Left && !range.is_empty() {
                    prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
                }
            }
        }
    }

    #[test]
    fn symmetric_ones_equal_their_transpose((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        for how in all() {
            let adjacency = graph.adjacency(how);
            let transposed = adjacency.as_sprs().transpose_view().to_csr();
            if adjacency.is_symmetric() {
                prop_assert_eq!(adjacency.as_sprs(), &transposed);
            } else {
                let other = match how {
                    Normalization::Powers { row, column } => Normalization::Powers {
                        row: column,
                        column: row,
                    },
                    Normalization::Left => Normalization::Right,
                    _ => Normalization::Left,
                };
                prop_assert_eq!(graph.adjacency(other).into_sprs(), transposed);
            }
        }
    }

    /// Turning the order of the nodes around turns the matrix around.
    #[test]
    fn relabeling_permutes((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let turned: Vec<Edge> = edges
            .iter()
            .map(|&(u, i, w)| (n_users as u32 - 1 - u, n_items as u32 - 1 - i, w))
            .collect();
        let turn = |n: usize| if n < n_users { n_users - 1 - n } else { 2 * n_users + n_items - 1 - n };
        for how in all() {
            let a = dense(n_users, n_items, &edges, how);
            let b = dense(n_users, n_items, &turned, how);
            for (r, row) in a.iter().enumerate() {
                for (c, &value) in row.iter().enumerate() {
                    let other = b[turn(r)][turn(c)];
                    prop_assert!((value - other).abs() <= 1e-6 * value, "{value} {other}");
                }
            }
        }
    }
}
