//! The models with contrastive losses: against PyTorch, and at the edges.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::backend::Flex;
use burn::tensor::Tensor;
use lightgcn_kernels::SparseBackend;
use lightgcn_nn::{
    Egcf, EgcfConfig, EmbeddingInitializer, EmbeddingModel, ForwardMode, Graphs, Iteration,
    NodeCounts, TrainingStep, XSimGcl, XSimGclConfig,
};
use serde_json::Value;

use common::golden::{cases, flat_f32, graph, hold, ids, integer, matrix};
use common::{B, DIMENSION, Edges, INFERENCE, assert_close, bits, to_f64, values};

const NORMAL: EmbeddingInitializer = EmbeddingInitializer::Normal { std: 0.5 };

fn xsimgcl<B: SparseBackend>(nodes: &NodeCounts, noise: f64) -> XSimGcl<B> {
    let config = XSimGclConfig {
        dimension: DIMENSION,
        layers: 2,
        noise,
        initializer: NORMAL,
        ..XSimGclConfig::default()
    };
    config.init(nodes, 7, &Default::default()).unwrap()
}

fn egcf<B: SparseBackend>(nodes: &NodeCounts, iteration: Iteration) -> Egcf<B> {
    let config = EgcfConfig {
        dimension: DIMENSION,
        layers: 2,
        iteration,
        initializer: NORMAL,
        ..EgcfConfig::default()
    };
    config.init(nodes, 7, &Default::default()).unwrap()
}

/// The gradient of a loss by the table.
fn table_gradient<M: EmbeddingModel<B>>(model: &M, loss: &Tensor<B, 1>) -> Vec<f64> {
    values(model.layer0().grad(&loss.backward()).unwrap())
}

#[test]
fn xsimgcl_equals_pytorch() {
    let cases = cases(include_str!("../goldens/xsimgcl.json"));
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let (nodes, graphs) = graph(case);
        let table = flat_f32(&case["table"]);
        let config = XSimGclConfig {
            dimension: table.len() / nodes.total(),
            layers: integer(&case["layers"]),
            contrast_layer: integer(&case["contrast_layer"]),
            temperature: case["temperature"].as_f64().unwrap(),
            ..XSimGclConfig::default()
        };
        let model = config.init::<B>(&nodes, 0, &Default::default()).unwrap();
        let model = model.with_table(&table).unwrap();
        let noise = |layer: usize| Some(matrix(&case["noise"][layer - 1]));
        let [embeddings, contrasted] = model.views(&graphs, noise);
        hold(case, "embeddings", values(embeddings.clone()));
        hold(case, "contrasted", values(contrasted));
        let sum = (embeddings * matrix(&case["coefficients"])).sum();
        hold(case, "table_gradient", table_gradient(&model, &sum));

        let (users, items) = (ids(&case["users"]), ids(&case["items"]));
        let views = model.views(&graphs, noise);
        let loss = model.contrastive_loss(views, &users, &items);
        hold(case, "contrastive_loss", values(loss.clone()));
        let gradient = table_gradient(&model, &loss);
        hold(case, "contrastive_table_gradient", gradient);

        let embeddings = model.embeddings(&graphs, INFERENCE);
        hold(case, "inference", values(embeddings));
    }
}

/// EGCF of a case, with its table: zeros for users.
fn golden_egcf(case: &Value, nodes: &NodeCounts) -> Egcf<B> {
    let items = flat_f32(&case["items_table"]);
    let dimension = items.len() / nodes.items();
    let mut table = vec![0.0; nodes.users() * dimension];
    table.extend(items);
    let config = EgcfConfig {
        dimension,
        layers: integer(&case["layers"]),
        iteration: serde_json::from_value(case["iteration"].clone()).unwrap(),
        temperature: case["temperature"].as_f64().unwrap(),
        ..EgcfConfig::default()
    };
    let model = config.init::<B>(nodes, 0, &Default::default()).unwrap();
    model.with_table(&table).unwrap()
}

#[test]
fn egcf_equals_pytorch() {
    let cases = cases(include_str!("../goldens/egcf.json"));
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let (nodes, graphs) = graph(case);
        let model = golden_egcf(case, &nodes);
        let first_item = nodes.users() * model.output_dimension();
        let hold_gradient = |key: &str, loss: &Tensor<B, 1>| {
            let mut gradient = table_gradient(&model, loss);
            hold(case, key, gradient.split_off(first_item));
            assert!(gradient.iter().all(|slope| *slope == 0.0), "{gradient:?}");
        };
        let embeddings = || model.embeddings(&graphs, ForwardMode::Training { seed: 1 });
        hold(case, "embeddings", values(embeddings()));
        let sum = (embeddings() * matrix(&case["coefficients"])).sum();
        hold_gradient("items_gradient", &sum);

        let (users, items) = (ids(&case["users"]), ids(&case["items"]));
        let loss = model.contrastive_loss(embeddings(), &users, &items);
        hold(case, "contrastive_loss", values(loss.clone()));
        hold_gradient("contrastive_items_gradient", &loss);
    }
}

/// The loss of a training pass and its gradient are finite.
fn check_finite<M: EmbeddingModel<B>>(model: &M, graphs: &Graphs<B>, step: &TrainingStep<'_>) {
    let pass = model.training_pass(graphs, step);
    let loss = pass.embeddings.unwrap().powf_scalar(2.0).sum() + pass.auxiliary_loss.unwrap();
    assert!(values(loss.clone())[0].is_finite());
    let gradient = table_gradient(model, &loss);
    assert!(gradient.iter().all(|e| e.is_finite()), "{gradient:?}");
    let embeddings = values(model.embeddings(graphs, INFERENCE));
    assert!(embeddings.iter().all(|e| e.is_finite()));
}

#[test]
fn one_pair_and_graphs_without_edges_stay_finite() {
    let one = |edges| Edges {
        n_users: 1,
        n_items: 1,
        edges,
    };
    let empty = Edges {
        edges: Vec::new(),
        ..Edges::small()
    };
    for edges in [one(vec![(0, 0, 1.0)]), one(Vec::new()), empty] {
        let (nodes, graphs) = (edges.nodes(), edges.normalized());
        // A pair that is repeated.
        let step = TrainingStep {
            seed: 3,
            users: &[0, 0],
            items: &[0, 0],
        };
        check_finite(&xsimgcl(&nodes, 0.2), &graphs, &step);
        for iteration in [Iteration::Parallel, Iteration::Alternating] {
            check_finite(&egcf(&nodes, iteration), &graphs, &step);
        }
    }
}

#[test]
fn noise_moves_each_row_by_its_length_away_from_zero() {
    let edges = Edges::small();
    let graphs = edges.normalized::<Flex>();
    let config = XSimGclConfig {
        dimension: DIMENSION,
        layers: 1,
        noise: 0.25,
        ..XSimGclConfig::default()
    };
    let model = config.init::<Flex>(&edges.nodes(), 7, &Default::default());
    let model = model.unwrap();
    let plain = values(model.embeddings(&graphs, INFERENCE));
    let noisy = values(model.embeddings(&graphs, ForwardMode::Training { seed: 5 }));
    let rows = plain.chunks(DIMENSION).zip(noisy.chunks(DIMENSION));
    for (node, (plain, noisy)) in rows.enumerate() {
        let moved: Vec<f64> = plain.iter().zip(noisy).map(|(p, n)| n - p).collect();
        let length = moved.iter().map(|e| e * e).sum::<f64>().sqrt();
        // The last user and the last item have no edges, so that there is nothing to move.
        let expected = if [3, 8].contains(&node) { 0.0 } else { 0.25 };
        assert!((length - expected).abs() < 1e-6, "node {node}: {length}");
        assert!(plain.iter().zip(&moved).all(|(p, m)| p * m >= 0.0));
    }
}

#[test]
fn noise_is_a_function_of_the_step() {
    let edges = Edges::small();
    let graphs = edges.normalized::<Flex>();
    let model = xsimgcl::<Flex>(&edges.nodes(), 0.2);
    let pass = |seed| {
        let step = TrainingStep {
            seed,
            users: &[2, 0, 2],
            items: &[1, 0, 3],
        };
        let pass = model.training_pass(&graphs, &step);
        (
            bits(pass.embeddings.unwrap()),
            bits(pass.auxiliary_loss.unwrap()),
        )
    };
    assert_eq!(pass(3), pass(3));
    assert_ne!(pass(3).0, pass(4).0);
    assert_ne!(pass(3).1, pass(4).1);
    let embeddings = model.embeddings(&graphs, ForwardMode::Training { seed: 3 });
    assert_eq!(bits(embeddings), pass(3).0);
}

#[test]
fn without_noise_training_and_inference_agree() {
    let edges = Edges::small();
    let graphs = edges.normalized::<Flex>();
    let model = xsimgcl::<Flex>(&edges.nodes(), 0.0);
    let training = model.embeddings(&graphs, ForwardMode::Training { seed: 1 });
    let inference = values(model.embeddings(&graphs, INFERENCE));
    assert_close("embeddings", &values(training), &inference, 1e-6);
    let weights = to_f64(&model.linear_layer_weights().unwrap());
    assert_eq!(weights, [0.0, 0.5, 0.5]);
    assert_eq!(model.training_layer_weights(), None);
}

#[test]
fn without_weight_there_is_no_contrastive_loss() {
    let edges = Edges::small();
    let (nodes, graphs) = (edges.nodes(), edges.normalized::<Flex>());
    let step = TrainingStep {
        seed: 1,
        users: &[0],
        items: &[0],
    };
    let config = XSimGclConfig {
        contrast_weight: 0.0,
        ..XSimGclConfig::default()
    };
    let model = config.init::<Flex>(&nodes, 7, &Default::default()).unwrap();
    let pass = model.training_pass(&graphs, &step);
    assert!(pass.auxiliary_loss.is_none());
    let config = EgcfConfig {
        contrast_weight: 0.0,
        ..EgcfConfig::default()
    };
    let model = config.init::<Flex>(&nodes, 7, &Default::default()).unwrap();
    let pass = model.training_pass(&graphs, &step);
    assert!(pass.auxiliary_loss.is_none());
}

#[test]
fn users_of_egcf_have_nothing_of_their_own() {
    let edges = Edges::small();
    let (nodes, graphs) = (edges.nodes(), edges.normalized::<Flex>());
    for iteration in [Iteration::Parallel, Iteration::Alternating] {
        let model = egcf::<Flex>(&nodes, iteration);
        let table = values(model.layer0());
        let (users, items) = table.split_at(nodes.users() * DIMENSION);
        assert!(users.iter().all(|e| *e == 0.0) && items.iter().all(|e| *e != 0.0));
        // What their rows hold is not read.
        let mut other: Vec<f32> = table.iter().map(|e| *e as f32).collect();
        other[..users.len()].fill(9.0);
        let expected = bits(model.embeddings(&graphs, INFERENCE));
        let model = model.with_table(&other).unwrap();
        assert_eq!(bits(model.embeddings(&graphs, INFERENCE)), expected);
    }
}
