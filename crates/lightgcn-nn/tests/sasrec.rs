//! SASRec: against PyTorch, and at the edges.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::backend::Flex;
use burn::module::Param;
use burn::nn::{LayerNorm, Linear};
use lightgcn_kernels::SparseBackend;
use lightgcn_nn::{
    CausalBlock, EmbeddingInitializer, EmbeddingModel, ForwardMode, Graphs, NodeCounts, SasRec,
    SasRecConfig, Sequences, TrainingStep,
};
use serde_json::Value;

use common::golden::{TOLERANCE, cases, flat, flat_f32, hold, ids, integer, matrix, vector};
use common::{B, DIMENSION, Edges, INFERENCE, assert_close, bits, values};

fn norm(norm: &mut LayerNorm<B>, golden: &Value) {
    norm.gamma = Param::from_tensor(vector(&golden["gamma"]));
    norm.beta = Some(Param::from_tensor(vector(&golden["beta"])));
}

fn linear(linear: &mut Linear<B>, golden: &Value) {
    linear.weight = Param::from_tensor(matrix(&golden["weight"]));
    linear.bias = Some(Param::from_tensor(vector(&golden["bias"])));
}

fn fill(block: &mut CausalBlock<B>, golden: &Value) {
    norm(&mut block.attention_norm, &golden["attention_norm"]);
    block.query = Param::from_tensor(matrix(&golden["query"]));
    block.key = Param::from_tensor(matrix(&golden["key"]));
    block.value = Param::from_tensor(matrix(&golden["value"]));
    norm(&mut block.forward_norm, &golden["forward_norm"]);
    linear(&mut block.inner, &golden["inner"]);
    linear(&mut block.outer, &golden["outer"]);
}

/// The model of a case, with its numbers.
fn golden_model(case: &Value) -> SasRec<B> {
    let (n_users, n_items) = (integer(&case["n_users"]), integer(&case["n_items"]));
    let items = flat_f32(&case["items_table"]);
    let dimension = items.len() / n_items;
    let blocks = case["blocks"].as_array().unwrap();
    let config = SasRecConfig {
        dimension,
        layers: blocks.len(),
        sequence_length: case["places"].as_array().unwrap().len(),
        dropout: 0.0,
        temperature: case["temperature"].as_f64().unwrap(),
        ..SasRecConfig::default()
    };
    let nodes = NodeCounts::new(n_users, n_items).unwrap();
    let model = config.init::<B>(&nodes, 0, &Default::default()).unwrap();
    let mut table = vec![0.0; n_users * dimension];
    table.extend(items);
    let mut model = model.with_table(&table).unwrap();
    model.places = Param::from_tensor(matrix(&case["places"]));
    for (block, golden) in model.blocks.iter_mut().zip(blocks) {
        fill(block, golden);
    }
    norm(&mut model.norm, &case["norm"]);
    model
}

#[test]
fn sasrec_equals_pytorch() {
    let cases = cases(include_str!("../goldens/sasrec.json"));
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let model = golden_model(case);
        let x = matrix(&case["block_input"]).require_grad();
        let [rows, dimension] = x.dims();
        let length = integer(&case["block_length"]);
        let cube = x.clone().reshape([rows / length, length, dimension]);
        let output = model.blocks[0].forward(cube, ForwardMode::Training { seed: 1 });
        let output = output.reshape([rows, dimension]);
        hold(case, "block_output", values(output.clone()));
        let gradients = (output * matrix(&case["coefficients"])).sum().backward();
        hold(case, "block_gradient", values(x.grad(&gradients).unwrap()));

        let histories: Vec<Vec<u32>> = case["histories"]
            .as_array()
            .unwrap()
            .iter()
            .map(ids)
            .collect();
        let histories = Sequences::new(histories, length);
        let all: Vec<&[u32]> = (0..histories.n_users())
            .map(|user| histories.items_of(user))
            .collect();
        let others = ids(&case["others"]);
        let loss = model.next_item_loss(&all, &others, ForwardMode::Training { seed: 1 });
        hold(case, "loss", values(loss.clone()));
        let gradients = loss.backward();
        let mut gradient = values(model.layer0().grad(&gradients).unwrap());
        let items = gradient.split_off(model.n_users() * dimension);
        hold(case, "items_gradient", items);
        assert!(gradient.iter().all(|slope| *slope == 0.0));
        let found = model.blocks.iter().flat_map(|block| {
            let maps = [&block.query, &block.key, &block.value];
            let maps = maps.map(|map| values(map.val().grad(&gradients).unwrap()));
            let linears = [&block.inner, &block.outer];
            let linears =
                linears.map(|linear| values(linear.weight.val().grad(&gradients).unwrap()));
            maps.into_iter().chain(linears)
        });
        let golden = case["map_gradients"].as_array().unwrap();
        for (found, golden) in found.zip(golden) {
            assert_close("map", &found, &flat(golden), TOLERANCE);
        }
        let places = values(model.places.val().grad(&gradients).unwrap());
        hold(case, "places_gradient", places);

        let graphs = Edges::small().normalized().with_sequences(histories);
        let embeddings = model.embeddings(&graphs, INFERENCE);
        hold(case, "embeddings", values(embeddings));
    }
}

const NORMAL: EmbeddingInitializer = EmbeddingInitializer::Normal { std: 0.5 };

fn model<B: SparseBackend>(edges: &Edges, dropout: f64) -> SasRec<B> {
    let config = SasRecConfig {
        dimension: DIMENSION,
        sequence_length: 4,
        dropout,
        initializer: NORMAL,
        ..SasRecConfig::default()
    };
    config.init(&edges.nodes(), 7, &Default::default()).unwrap()
}

fn with<B: SparseBackend>(histories: &[&[u32]]) -> Graphs<B> {
    let histories = histories.iter().map(|history| history.to_vec());
    let graphs = Edges::small().normalized();
    graphs.with_sequences(Sequences::new(histories, 4))
}

fn users(model: &SasRec<Flex>, histories: &[&[u32]]) -> Vec<Vec<u32>> {
    let embeddings = bits(model.embeddings(&with(histories), INFERENCE));
    let users = embeddings.chunks(DIMENSION).take(model.n_users());
    users.map(<[u32]>::to_vec).collect()
}

#[test]
fn a_user_is_the_output_at_their_latest_item() {
    let edges = Edges::small();
    let model = model::<Flex>(&edges, 0.5);
    // One event, none, as many as count, and more.
    let found = users(&model, &[&[2], &[], &[0, 3, 1, 2], &[4, 4, 0, 3, 1, 2]]);
    assert!(found[1].iter().all(|bits| f32::from_bits(*bits) == 0.0));
    assert_eq!(found[2], found[3], "only the latest four count");
    assert_ne!(found[0], found[2]);
    // The order of earlier items matters, and what is beyond others' ends does not.
    let alone = users(&model, &[&[2], &[], &[], &[]]);
    let near = |a: &[u32], b: &[u32]| {
        let pairs = a.iter().zip(b);
        pairs
            .into_iter()
            .all(|(a, b)| (f32::from_bits(*a) - f32::from_bits(*b)).abs() < 1e-5)
    };
    assert!(near(&alone[0], &found[0]));
    let other = users(&model, &[&[2], &[], &[3, 0, 1, 2], &[]]);
    assert!(!near(&other[2], &found[2]));
    let items = values(model.embeddings(&with(&[&[2], &[], &[], &[]]), INFERENCE));
    let table = values(model.layer0());
    assert_eq!(items[4 * DIMENSION..], table[4 * DIMENSION..]);
}

#[test]
fn no_place_sees_a_later_one() {
    let model = model::<Flex>(&Edges::small(), 0.0);
    let outputs = |histories: &[&[u32]]| values(model.outputs(histories, INFERENCE));
    let (a, b) = (outputs(&[&[0, 1, 2, 3]]), outputs(&[&[0, 1, 4, 0]]));
    assert_eq!(a[..2 * DIMENSION], b[..2 * DIMENSION]);
    assert_ne!(a[2 * DIMENSION..], b[2 * DIMENSION..]);
}

#[test]
fn a_step_is_a_function_of_its_seed_and_finite_whatever_users_did() {
    let edges = Edges::small();
    let model = model::<B>(&edges, 0.3);
    let pass = |histories: &[&[u32]], seed| {
        let step = TrainingStep {
            seed,
            users: &[0, 1, 1, 3],
            items: &[0, 1, 1, 2],
        };
        let pass = model.training_pass(&with(histories), &step);
        assert!(pass.embeddings.is_none());
        let loss = pass.auxiliary_loss.unwrap();
        let gradients = loss.backward();
        let gradient = values(model.layer0().grad(&gradients).unwrap());
        assert!(gradient.iter().all(|slope| slope.is_finite()));
        bits(loss)[0]
    };
    let usual: [&[u32]; 4] = [&[0, 1, 2], &[3, 4], &[1], &[]];
    assert_eq!(pass(&usual, 1), pass(&usual, 1));
    assert_ne!(pass(&usual, 1), pass(&usual, 2));
    assert!(f32::from_bits(pass(&usual, 1)) > 0.0);
    // No user has two items, or any.
    assert_eq!(f32::from_bits(pass(&[&[0], &[], &[1], &[2]], 1)), 0.0);
    assert_eq!(f32::from_bits(pass(&[&[], &[], &[], &[]], 1)), 0.0);
}

#[test]
fn the_loss_by_hand_over_equal_items() {
    // With equal rows for all items every candidate is as likely.
    let edges = Edges::small();
    let model = model::<Flex>(&edges, 0.0);
    let model = model
        .with_table(&vec![0.25; edges.n_nodes() * DIMENSION])
        .unwrap();
    let loss = |histories: &[&[u32]], others: &[u32]| {
        values(model.next_item_loss(histories, others, INFERENCE))[0]
    };
    // The candidates are 1 and 2, and then 0 and 3 as well; each counts once.
    assert!((loss(&[&[0, 1, 2], &[3, 1]], &[]) - 2.0_f64.ln()).abs() < 1e-6);
    assert!((loss(&[&[0, 1, 2], &[3, 1]], &[0, 1, 3, 3]) - 4.0_f64.ln()).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "SasRec: there are no sequences")]
fn without_sequences_it_panics() {
    let edges = Edges::small();
    let graphs = Graphs::new(edges.normalized::<Flex>().all().to_vec());
    model::<Flex>(&edges, 0.0).embeddings(&graphs, INFERENCE);
}
