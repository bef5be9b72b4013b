//! The names of users and items do not matter: relabeling nodes permutes the output.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::backend::Flex;
use lightgcn_nn::{EmbeddingModel, LayerWeights};
use proptest::prelude::*;

use common::{
    DIMENSION, Edges, INFERENCE, assert_close, light_gcn, light_gcn_plus_plus, ngcf, numbers,
    to_f64, values,
};

/// A random graph, and an order of its users and one of its items.
fn relabeled_graph() -> impl Strategy<Value = (Edges, Vec<usize>, Vec<usize>)> {
    (1_usize..6, 1_usize..6).prop_flat_map(|(n_users, n_items)| {
        let cells: Vec<(usize, usize)> = (0..n_users)
            .flat_map(|user| (0..n_items).map(move |item| (user, item)))
            .collect();
        let n_cells = cells.len();
        (
            proptest::sample::subsequence(cells, 0..=n_cells),
            proptest::collection::vec(1_u32..100, n_cells),
            Just((0..n_users).collect::<Vec<_>>()).prop_shuffle(),
            Just((0..n_items).collect::<Vec<_>>()).prop_shuffle(),
        )
            .prop_map(move |(pairs, weights, users, items)| {
                let edges = pairs
                    .into_iter()
                    .zip(weights)
                    .map(|((user, item), weight)| (user, item, f64::from(weight) / 100.0))
                    .collect();
                (
                    Edges {
                        n_users,
                        n_items,
                        edges,
                    },
                    users,
                    items,
                )
            })
    })
}

/// Where row `row` of a table goes.
fn new_row(row: usize, users: &[usize], items: &[usize]) -> usize {
    match row.checked_sub(users.len()) {
        None => users[row],
        Some(item) => users.len() + items[item],
    }
}

fn permuted(rows: Vec<f64>, width: usize, users: &[usize], items: &[usize]) -> Vec<f64> {
    let mut moved = vec![0.0; rows.len()];
    for (row, elements) in rows.chunks(width).enumerate() {
        let start = new_row(row, users, items) * width;
        moved[start..start + width].copy_from_slice(elements);
    }
    moved
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn relabeling_nodes_permutes_the_output((edges, users, items) in relabeled_graph()) {
        let table = numbers(edges.n_nodes() * DIMENSION, 1);
        let moved_table: Vec<f32> =
            permuted(to_f64(&table), DIMENSION, &users, &items).iter().map(|e| *e as f32).collect();
        let moved_edges = Edges {
            edges: edges.edges.iter().map(|&(u, i, w)| (users[u], items[i], w)).collect(),
            ..edges.clone()
        };
        let (graph, moved_graph) = (edges.normalized::<Flex>(), moved_edges.normalized::<Flex>());

        let fresh = light_gcn::<Flex>(&edges, LayerWeights::Uniform, 3);
        let model = fresh.clone().with_table(&table).unwrap();
        let moved_model = fresh.with_table(&moved_table).unwrap();
        let output = values(model.embeddings(&graph, INFERENCE));
        let moved_output = values(moved_model.embeddings(&moved_graph, INFERENCE));
        assert_close(
            "LightGcn", &moved_output, &permuted(output, DIMENSION, &users, &items), 1e-5,
        );

        let fresh = light_gcn_plus_plus::<Flex>(&edges, 2);
        let model = fresh.clone().with_table(&table).unwrap();
        let moved_model = fresh.with_table(&moved_table).unwrap();
        let output = values(model.embeddings(&edges.powers(0.6, -0.1), INFERENCE));
        let moved_output = values(moved_model.embeddings(&moved_edges.powers(0.6, -0.1), INFERENCE));
        assert_close(
            "LightGcnPlusPlus",
            &moved_output,
            &permuted(output, DIMENSION, &users, &items),
            1e-5,
        );

        let fresh = ngcf::<Flex>(&edges, 0.1);
        let model = fresh.clone().with_table(&table).unwrap();
        let moved_model = fresh.with_table(&moved_table).unwrap();
        let output = values(model.embeddings(&graph, INFERENCE));
        let moved_output = values(moved_model.embeddings(&moved_graph, INFERENCE));
        let width = model.output_dimension();
        assert_close("Ngcf", &moved_output, &permuted(output, width, &users, &items), 1e-4);
    }
}
