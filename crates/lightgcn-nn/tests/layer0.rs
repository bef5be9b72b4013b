//! What depends on the layer-0 table: exchanging it, and being linear in it.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::backend::Flex;
use burn::module::{Module, ParamId};
use lightgcn_nn::{EmbeddingModel, LayerWeights, LgConv, LightGcnConfig};

use common::{
    B, DIMENSION, Edges, INFERENCE, assert_close, bits, light_gcn, light_gcn_plus_plus,
    matrix_factorization, ngcf, numbers, tensor, values, weighted_sum,
};

#[test]
fn another_layer_0_keeps_the_parameters_identity() {
    fn check<M: EmbeddingModel<B>>(
        model: M,
        edges: &Edges,
        parameter: impl Fn(&M) -> (ParamId, bool),
    ) {
        let shape = model.layer0().dims();
        let old = values(model.layer0());
        let (id, _) = parameter(&model);
        let source = tensor::<B>(shape, numbers(shape[0] * shape[1], 8)).require_grad();
        // Not a leaf: what it was made from must get no gradient.
        let table = source.clone() * 2.0;
        let expected = values(table.clone());
        assert_ne!(old, expected);

        let model = model.with_layer0(table);
        assert_eq!(parameter(&model), (id, true));
        assert_eq!(values(model.layer0()), expected);
        let gradients = weighted_sum(&model, &edges.normalized(), INFERENCE).backward();
        let gradient = values(model.layer0().grad(&gradients).unwrap());
        assert!(gradient.iter().any(|slope| *slope != 0.0));
        assert!(source.grad(&gradients).is_none());
    }
    let edges = Edges::small();
    check(
        light_gcn(&edges, LayerWeights::Uniform, 2),
        &edges,
        |model| (model.embedding.id, model.embedding.is_require_grad()),
    );
    check(light_gcn_plus_plus(&edges, 2), &edges, |model| {
        (model.embedding.id, model.embedding.is_require_grad())
    });
    check(ngcf(&edges, 0.5), &edges, |model| {
        (model.embedding.id, model.embedding.is_require_grad())
    });
    check(matrix_factorization(&edges), &edges, |model| {
        (model.embedding.id, model.embedding.is_require_grad())
    });
}

#[test]
fn another_layer_0_stays_frozen_where_the_old_one_was() {
    let edges = Edges::small();
    let model = light_gcn::<B>(&edges, LayerWeights::Uniform, 2).no_grad();
    let table = model.layer0() * 3.0;
    assert!(!model.with_layer0(table).embedding.is_require_grad());
}

#[test]
fn the_output_follows_another_layer_0() {
    let edges = Edges::small();
    let graph = edges.normalized::<Flex>();
    let first = light_gcn::<Flex>(&edges, LayerWeights::Given(vec![0.5, 0.25, 2.0]), 2);
    let config = LightGcnConfig {
        dimension: DIMENSION,
        layers: 2,
        layer_weights: LayerWeights::Given(vec![0.5, 0.25, 2.0]),
        ..LightGcnConfig::default()
    };
    let other = config
        .init::<Flex>(&edges.nodes(), 99, &Default::default())
        .unwrap();
    let expected = bits(first.embeddings(&graph, INFERENCE));
    assert_ne!(bits(other.embeddings(&graph, INFERENCE)), expected);
    let other = other.with_layer0(first.layer0());
    assert_eq!(bits(other.embeddings(&graph, INFERENCE)), expected);
}

#[test]
#[should_panic(expected = "the table is [8, 3]; the model needs [9, 3]")]
fn a_layer_0_of_another_shape_panics() {
    let model = light_gcn::<Flex>(&Edges::small(), LayerWeights::Uniform, 1);
    let _ = model.with_layer0(tensor([8, 3], numbers(24, 1)));
}

#[test]
fn linear_models_equal_their_layer_weights_times_powers_of_the_graph() {
    fn check<M: EmbeddingModel<Flex>>(model: &M, edges: &Edges, expected: &[f32]) {
        let graph = edges.normalized::<Flex>();
        let weights = model.linear_layer_weights().unwrap();
        assert_eq!(weights, expected);
        let mut power = model.layer0();
        let mut sum = power.clone() * weights[0];
        for weight in &weights[1..] {
            power = LgConv::new().forward(graph.first(), power);
            sum = sum + power.clone() * *weight;
        }
        let found = values(model.embeddings(&graph, INFERENCE));
        assert_close("linear", &found, &values(sum), 1e-6);
    }
    let edges = Edges::small();
    let uniform = light_gcn(&edges, LayerWeights::Uniform, 3);
    check(&uniform, &edges, &[0.25; 4]);
    let given = light_gcn(&edges, LayerWeights::Given(vec![0.5, -1.0, 2.0]), 2);
    check(&given, &edges, &[0.5, -1.0, 2.0]);
    check(&matrix_factorization(&edges), &edges, &[1.0]);
    let learned = light_gcn::<Flex>(&edges, LayerWeights::Learned, 2);
    assert_eq!(learned.linear_layer_weights(), None);
    let normalized = light_gcn_plus_plus::<Flex>(&edges, 2);
    assert_eq!(normalized.linear_layer_weights(), None);
    assert_eq!(ngcf::<Flex>(&edges, 0.0).linear_layer_weights(), None);
}
