//! LightGCN++ against its formula.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::backend::Flex;
use lightgcn_kernels::{CsrSlices, SparseMatrix};
use lightgcn_nn::{EmbeddingModel, LightGcnPlusPlus, LightGcnPlusPlusConfig, NodeCounts};

use common::{
    B, DIMENSION, Edges, INFERENCE, assert_close, light_gcn_plus_plus, numbers, to_f64, values,
    weighted_sum,
};

const ALPHA: f64 = 0.6;
const BETA: f64 = -0.1;

/// The final embeddings by the formula, edge by edge, in 64 bits.
fn by_formula(edges: &Edges, table: &[f64], layers: usize, gamma: f64) -> Vec<f64> {
    let degrees = edges.degrees();
    let mut output: Vec<f64> = table.iter().map(|e| gamma * e).collect();
    let mut layer = table.to_vec();
    for _ in 0..layers {
        let mut next = vec![0.0; layer.len()];
        for &(user, item, weight) in &edges.edges {
            let item = item + edges.n_users;
            for (row, column) in [(user, item), (item, user)] {
                let entry = weight / (degrees[row].powf(ALPHA) * degrees[column].powf(BETA));
                let message = &layer[column * DIMENSION..][..DIMENSION];
                let length = message.iter().map(|e| e * e).sum::<f64>().sqrt().max(1e-12);
                for (d, e) in message.iter().enumerate() {
                    next[row * DIMENSION + d] += entry * e / length;
                }
            }
        }
        layer = next;
        for (sum, e) in output.iter_mut().zip(&layer) {
            *sum += (1.0 - gamma) / layers as f64 * e;
        }
    }
    output
}

#[test]
fn two_layers_by_hand() {
    // One user, two items; rows do not sum to 1, and the matrix is not symmetric.
    let device = Default::default();
    let graph = SparseMatrix::<Flex>::from_csr(
        CsrSlices {
            n_columns: 3,
            row_offsets: &[0, 2, 3, 4],
            columns: &[1, 2, 0, 0],
            values: &[0.5, 0.25, 2.0, 1.0],
        },
        false,
        &device,
    )
    .unwrap();
    let config = LightGcnPlusPlusConfig {
        dimension: 2,
        gamma: 0.25,
        ..LightGcnPlusPlusConfig::default()
    };
    let model = config
        .init::<Flex>(&NodeCounts::new(1, 2).unwrap(), 0, &device)
        .unwrap();
    let model = model.with_table(&[3.0, 4.0, 0.0, 2.0, 0.0, 7.0]).unwrap();
    // Unit rows of layer 0: (.6, .8), (0, 1), (0, 1).
    // Layer 1: (0, .75), (1.2, 1.6), (.6, .8), of which the unit rows are (0, 1), (.6, .8), (.6, .8).
    // Layer 2: (.45, .6), (0, 2), (0, 1).
    let expected = [
        0.75 + 0.375 * 0.45,
        1.0 + 0.375 * 1.35,
        0.375 * 1.2,
        0.5 + 0.375 * 3.6,
        0.375 * 0.6,
        1.75 + 0.375 * 1.8,
    ];
    let found = values(model.embeddings(&graph.into(), INFERENCE));
    assert_close("by hand", &found, &expected, 1e-6);
}

#[test]
fn values_and_gradients_equal_the_formula() {
    let edges = Edges::small();
    let graph = edges.powers::<B>(ALPHA, BETA);
    assert!(!graph.first().is_symmetric());
    for (layers, gamma) in [(1, 0.0), (2, 0.2), (3, 0.5), (2, 1.0)] {
        let config = LightGcnPlusPlusConfig {
            dimension: DIMENSION,
            layers,
            gamma,
            ..LightGcnPlusPlusConfig::default()
        };
        let model = config
            .init::<B>(&edges.nodes(), 7, &Default::default())
            .unwrap();
        let table = values(model.layer0());
        let expected = by_formula(&edges, &table, layers, gamma);
        let found = values(model.embeddings(&graph, INFERENCE));
        assert_close("values", &found, &expected, 1e-6);

        let coefficients = to_f64(&numbers(table.len(), 3));
        let loss = |table: &[f64]| -> f64 {
            let output = by_formula(&edges, table, layers, gamma);
            output.iter().zip(&coefficients).map(|(e, c)| e * c).sum()
        };
        let step = 1e-6;
        let expected: Vec<f64> = (0..table.len())
            .map(|index| {
                let value = |shift: f64| {
                    let mut moved = table.clone();
                    moved[index] += shift;
                    loss(&moved)
                };
                (value(step) - value(-step)) / (2.0 * step)
            })
            .collect();
        let gradients = weighted_sum(&model, &graph, INFERENCE).backward();
        let found = values(model.layer0().grad(&gradients).unwrap());
        assert_close("gradient", &found, &expected, 1e-5);
    }
}

#[test]
fn an_isolated_node_keeps_its_share_of_layer_0() {
    let edges = Edges::small();
    let model = light_gcn_plus_plus::<B>(&edges, 3);
    let graph = edges.powers::<B>(ALPHA, BETA);
    let isolated_user = 3 * DIMENSION..4 * DIMENSION;
    let expected: Vec<f64> = values(model.layer0() * 0.2)[isolated_user.clone()].to_vec();
    let found = values(model.embeddings(&graph, INFERENCE))[isolated_user.clone()].to_vec();
    assert_close("isolated user", &found, &expected, 1e-6);
    let gradients = weighted_sum(&model, &graph, INFERENCE).backward();
    let gradient = values(model.layer0().grad(&gradients).unwrap());
    assert!(gradient.iter().all(|slope| slope.is_finite()));
    let scaled: Vec<f64> = to_f64(&numbers(gradient.len(), 3))[isolated_user.clone()]
        .iter()
        .map(|c| 0.2 * c)
        .collect();
    assert_close("its gradient", &gradient[isolated_user], &scaled, 1e-6);
}

#[test]
fn rows_of_zeros_give_finite_numbers() {
    let edges = Edges::small();
    let graph = edges.powers::<B>(ALPHA, BETA);
    let table = vec![0.0; edges.n_nodes() * DIMENSION];
    let model: LightGcnPlusPlus<B> = light_gcn_plus_plus(&edges, 2);
    let model = model.with_table(&table).unwrap();
    assert!(
        values(model.embeddings(&graph, INFERENCE))
            .iter()
            .all(|e| *e == 0.0)
    );
    let gradients = weighted_sum(&model, &graph, INFERENCE).backward();
    let gradient = values(model.layer0().grad(&gradients).unwrap());
    assert!(gradient.iter().all(|slope| slope.is_finite()));
}

#[test]
fn the_length_of_layer_0_matters_to_its_own_share_alone() {
    let edges = Edges::small();
    let graph = edges.powers::<Flex>(ALPHA, BETA);
    let config = LightGcnPlusPlusConfig {
        dimension: DIMENSION,
        gamma: 0.0,
        ..LightGcnPlusPlusConfig::default()
    };
    let table = numbers(edges.n_nodes() * DIMENSION, 2);
    let longer: Vec<f32> = table.iter().map(|e| 8.0 * e).collect();
    let output = |table: &[f32]| {
        let model = config.init::<Flex>(&edges.nodes(), 0, &Default::default());
        let model = model.unwrap().with_table(table).unwrap();
        values(model.embeddings(&graph, INFERENCE))
    };
    assert_close(
        "eight times as long",
        &output(&longer),
        &output(&table),
        1e-6,
    );
}
