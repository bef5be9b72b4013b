//! What holds for every model, and what is particular to one.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::collections::HashSet;

use burn::backend::Flex;
use burn::module::{AutodiffModule, Module};
use burn::record::{BinBytesRecorder, FullPrecisionSettings, Recorder};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_nn::{
    AnyModelConfig, ConfigIssue, EmbeddingModel, ForwardMode, GradientBackend, Graphs,
    LayerWeights, LgConv, LightGcn, LightGcnConfig, MatrixFactorizationConfig, ModelConfig,
    ModelVisitor, Ngcf, NgcfConfig, NnError, NodeCounts, VisitModel, split_embeddings,
};

use common::{
    B, DIMENSION, Edges, INFERENCE, assert_close, bits, light_gcn, light_gcn_plus_plus,
    matrix_factorization, ngcf, numbers, to_f64, values, weighted_sum,
};

/// Holds the gradient of a parameter against central differences; `with` makes a model whose
/// parameter has these elements.
fn gradient_check<M: EmbeddingModel<B>, const D: usize>(
    edges: &Edges,
    mode: ForwardMode,
    model: &M,
    parameter: Tensor<B, D>,
    with: impl Fn(Tensor<B, D>) -> M,
) {
    let graph = edges.normalized();
    let gradients = weighted_sum(model, &graph, mode).backward();
    let found = values(parameter.grad(&gradients).unwrap());
    let shape = parameter.dims();
    let elements: Vec<f32> = parameter.into_data().iter().collect();
    let step = 1.0 / 256.0;
    let expected: Vec<f64> = (0..elements.len())
        .map(|index| {
            let value = |shift: f32| {
                let mut moved = elements.clone();
                moved[index] += shift;
                let moved = burn::tensor::TensorData::new(moved, shape);
                let moved = with(Tensor::from_data(moved, &Default::default()));
                values(weighted_sum(&moved, &graph, mode))[0]
            };
            (value(step) - value(-step)) / (2.0 * f64::from(step))
        })
        .collect();
    assert_close("gradient", &found, &expected, 2e-3);
}

fn require_grad<const D: usize>(tensor: Tensor<B, D>) -> burn::module::Param<Tensor<B, D>> {
    burn::module::Param::from_tensor(tensor)
}

#[test]
fn light_gcn_gradients_equal_finite_differences() {
    let edges = Edges::small();
    for weights in [
        LayerWeights::Uniform,
        LayerWeights::Given(vec![0.5, -0.25, 1.0]),
        LayerWeights::Learned,
    ] {
        let model = light_gcn::<B>(&edges, weights, 2);
        let table = model.embedding.val();
        gradient_check(&edges, INFERENCE, &model, table, |table| {
            let mut model = model.clone();
            model.embedding = require_grad(table);
            model
        });
    }
}

#[test]
fn learned_layer_weights_have_gradients_and_start_uniform() {
    let edges = Edges::small();
    let mut model = light_gcn::<B>(&edges, LayerWeights::Learned, 2);
    let third = 1.0 / 3.0;
    assert_close(
        "weights",
        &to_f64(&model.layer_weights()),
        &[third; 3],
        1e-6,
    );
    assert_eq!(model.linear_layer_weights(), None);
    let uniform = light_gcn::<B>(&edges, LayerWeights::Uniform, 2);
    assert_eq!(uniform.linear_layer_weights(), Some(vec![1.0 / 3.0; 3]));
    let graph = edges.normalized();
    assert_close(
        "learned against uniform",
        &values(model.embeddings(&graph, INFERENCE)),
        &values(uniform.embeddings(&graph, INFERENCE)),
        1e-6,
    );

    let logits = Tensor::from_floats([0.3, -0.4, 0.1], &Default::default());
    model.weight_logits = Some(require_grad(logits));
    let sum: f32 = model.layer_weights().iter().sum();
    assert!((sum - 1.0).abs() < 1e-6);
    let logits = model.weight_logits.as_ref().unwrap().val();
    gradient_check(&edges, INFERENCE, &model, logits, |logits| {
        let mut model = model.clone();
        model.weight_logits = Some(require_grad(logits));
        model
    });
}

#[test]
fn layers_left_out_of_training_are_applied_afterwards() {
    let edges = Edges::small();
    let config = LightGcnConfig {
        layers: 2,
        training_layers: Some(0),
        ..LightGcnConfig::default()
    };
    let model: LightGcn<B> = config.init(&edges.nodes(), 3, &Default::default()).unwrap();
    let whole: LightGcn<B> = LightGcnConfig {
        training_layers: None,
        ..config.clone()
    }
    .init(&edges.nodes(), 3, &Default::default())
    .unwrap();
    let graph = edges.normalized();
    let embeddings = |model: &LightGcn<B>, mode| values(model.embeddings(&graph, mode));
    let training = ForwardMode::Training { seed: 1 };
    let table = values(model.embedding.val());
    assert_eq!(embeddings(&model, training), table);
    assert_eq!(model.training_layer_weights(), Some(vec![1.0]));
    assert_eq!(embeddings(&model, INFERENCE), embeddings(&whole, INFERENCE));
    assert_eq!(whole.training_layer_weights(), Some(vec![1.0 / 3.0; 3]));

    let issue = ConfigIssue::TrainingLayers {
        training_layers: 3,
        layers: 2,
    };
    let too_many = LightGcnConfig {
        training_layers: Some(3),
        ..config
    };
    assert_eq!(
        too_many.check(),
        Err(NnError::Config {
            config: "lightgcn",
            issues: vec![issue],
        })
    );
}

#[test]
fn ngcf_gradients_equal_finite_differences() {
    let edges = Edges::small();
    for mode in [INFERENCE, ForwardMode::Training { seed: 5 }] {
        let model = ngcf::<B>(&edges, 0.25);
        gradient_check(&edges, mode, &model, model.embedding.val(), |table| {
            let mut model = model.clone();
            model.embedding = require_grad(table);
            model
        });
        let weight = model.layers[0].interaction.weight.val();
        gradient_check(&edges, mode, &model, weight, |weight| {
            let mut model = model.clone();
            model.layers[0].interaction.weight = require_grad(weight);
            model
        });
        let bias = model.layers[1].sum.bias.as_ref().unwrap().val();
        gradient_check(&edges, mode, &model, bias, |bias| {
            let mut model = model.clone();
            model.layers[1].sum.bias = Some(require_grad(bias));
            model
        });
    }
}

#[test]
fn propagation_equals_a_chain_of_layers() {
    let edges = Edges::small();
    let graph = edges.normalized::<B>();
    let model = light_gcn::<B>(&edges, LayerWeights::Given(vec![0.5, -0.25, 1.0]), 2);
    let conv = LgConv::new();
    let first = conv.forward(graph.first(), model.layer0());
    let second = conv.forward(graph.first(), first.clone());
    let chain = model.layer0() * 0.5 - first * 0.25 + second;
    let embeddings = model.embeddings(&graph, INFERENCE);
    assert_close("chain", &values(embeddings), &values(chain), 1e-6);
}

#[test]
fn isolated_nodes_and_empty_graphs_stay_finite() {
    fn check<M: EmbeddingModel<B>>(model: &M, graph: &Graphs<B>, mode: ForwardMode) {
        let gradients = weighted_sum(model, graph, mode).backward();
        assert!(
            values(model.embeddings(graph, mode))
                .iter()
                .all(|e| e.is_finite())
        );
        let gradient = values(model.layer0().grad(&gradients).unwrap());
        assert!(gradient.iter().all(|e| e.is_finite()));
    }
    let small = Edges::small();
    let empty = Edges {
        edges: Vec::new(),
        ..small.clone()
    };
    let one = Edges {
        edges: vec![(1, 2, 0.5)],
        ..small.clone()
    };
    for edges in [small, empty, one] {
        let graph = edges.normalized();
        check(
            &light_gcn(&edges, LayerWeights::Uniform, 3),
            &graph,
            INFERENCE,
        );
        check(
            &light_gcn(&edges, LayerWeights::Learned, 3),
            &graph,
            INFERENCE,
        );
        check(&light_gcn_plus_plus(&edges, 3), &graph, INFERENCE);
        check(&matrix_factorization(&edges), &graph, INFERENCE);
        // With this dropout whole rows become zero, which must not divide by zero.
        for seed in 0..5 {
            check(&ngcf(&edges, 0.9), &graph, ForwardMode::Training { seed });
        }
    }
}

#[test]
fn an_isolated_node_keeps_its_share_of_layer_0() {
    let edges = Edges::small();
    let graph = edges.normalized::<B>();
    let model = light_gcn::<B>(&edges, LayerWeights::Given(vec![0.25, 1.0, 1.0]), 2);
    let isolated_user = 3 * DIMENSION..4 * DIMENSION;
    let expected: Vec<f64> = values(model.layer0() * 0.25)[isolated_user.clone()].to_vec();
    let found = values(model.embeddings(&graph, INFERENCE))[isolated_user].to_vec();
    assert_close("isolated user", &found, &expected, 1e-6);
}

#[test]
fn a_saved_model_gives_the_same_bits() {
    struct RoundTrip;

    impl ModelVisitor for RoundTrip {
        type Output = ();

        fn visit<M: ModelConfig>(self, config: &M) {
            let edges = Edges::small();
            let init = |seed| {
                config
                    .init(&edges.nodes(), seed, &Default::default())
                    .unwrap()
            };
            round_trip::<B, _>(init(7), init(8));
        }
    }

    fn round_trip<B: GradientBackend, M: EmbeddingModel<B>>(model: M, fresh: M) {
        let graphs = Edges::small().normalized();
        let expected = bits(model.embeddings(&graphs, INFERENCE));
        assert_ne!(bits(fresh.embeddings(&graphs, INFERENCE)), expected);
        let recorder = BinBytesRecorder::<FullPrecisionSettings>::default();
        let saved = Recorder::<B>::record(&recorder, model.into_record(), ()).unwrap();
        let record = Recorder::<B>::load(&recorder, saved, &Default::default()).unwrap();
        let loaded = fresh.load_record(record);
        assert_eq!(bits(loaded.embeddings(&graphs, INFERENCE)), expected);
    }

    for name in AnyModelConfig::NAMES {
        AnyModelConfig::named(name).unwrap().visit(RoundTrip);
    }
    let config = LightGcnConfig {
        layers: 2,
        layer_weights: LayerWeights::Learned,
        ..LightGcnConfig::default()
    };
    let (nodes, device) = (NodeCounts::new(4, 5).unwrap(), Default::default());
    let mut model = config.init::<B>(&nodes, 7, &device).unwrap();
    model.weight_logits = Some(burn::module::Param::from_data([0.5, -0.5, 1.0], &device));
    round_trip(model, config.init(&nodes, 8, &device).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let edges = Edges::small();
    let graph = edges.normalized::<Flex>();
    let step = |dropout_seed| {
        // The backend's own generator must not matter.
        Flex::seed(&Default::default(), dropout_seed);
        let mode = ForwardMode::Training { seed: dropout_seed };
        bits(ngcf::<Flex>(&edges, 0.5).embeddings(&graph, mode))
    };
    assert_eq!(step(3), step(3));
    assert_ne!(step(3), step(4));
    let inference = |model: &Ngcf<Flex>| bits(model.embeddings(&graph, INFERENCE));
    assert_eq!(inference(&ngcf(&edges, 0.5)), inference(&ngcf(&edges, 0.0)));
}

#[test]
fn layers_that_share_a_seed_drop_different_elements() {
    let edges = Edges {
        n_users: 20,
        n_items: 30,
        edges: vec![(0, 0, 1.0)],
    };
    let config = NgcfConfig {
        dimension: 8,
        layer_widths: vec![8, 8],
        message_dropout: 0.5,
        ..NgcfConfig::default()
    };
    let model = config
        .init::<Flex>(&edges.nodes(), 7, &Default::default())
        .unwrap();
    let output = model.embeddings(&edges.normalized(), ForwardMode::Training { seed: 1 });
    let dropped = |layer: usize| -> HashSet<usize> {
        let part = values(output.clone().narrow(1, 8 * layer, 8));
        (0..part.len())
            .filter(|index| part[*index] == 0.0)
            .collect()
    };
    let (first, second) = (dropped(1), dropped(2));
    // Of 400 elements half are dropped in each, a quarter in both; the deviations are 10 and 8.7.
    assert!(first.len().abs_diff(200) < 60 && second.len().abs_diff(200) < 60);
    assert!(first.intersection(&second).count().abs_diff(100) < 50);
}

#[test]
fn the_inner_model_gives_the_same_embeddings() {
    fn check<M>(model: &M, edges: &Edges)
    where
        M: EmbeddingModel<B> + AutodiffModule<B>,
        M::InnerModule: EmbeddingModel<Flex>,
    {
        let outer = bits(model.embeddings(&edges.normalized(), INFERENCE));
        let inner = model.valid();
        assert_eq!(inner.n_nodes(), edges.n_nodes());
        assert_eq!(
            bits(inner.embeddings(&edges.normalized(), INFERENCE)),
            outer
        );
    }
    let edges = Edges::small();
    check(
        &light_gcn(&edges, LayerWeights::Given(vec![0.5, 0.25, 2.0]), 2),
        &edges,
    );
    check(&light_gcn_plus_plus(&edges, 2), &edges);
    check(&ngcf(&edges, 0.5), &edges);
    check(&matrix_factorization(&edges), &edges);
}

#[test]
fn parameters_are_what_the_models_say() {
    let edges = Edges::small();
    let table = edges.n_nodes() * DIMENSION;
    assert_eq!(matrix_factorization::<Flex>(&edges).num_params(), table);
    assert_eq!(
        light_gcn::<Flex>(&edges, LayerWeights::Uniform, 3).num_params(),
        table
    );
    assert_eq!(
        light_gcn::<Flex>(&edges, LayerWeights::Learned, 3).num_params(),
        table + 4
    );
    assert_eq!(light_gcn_plus_plus::<Flex>(&edges, 3).num_params(), table);
    let layers = 2 * (3 * 4 + 4) + 2 * (4 * 2 + 2);
    assert_eq!(ngcf::<Flex>(&edges, 0.1).num_params(), table + layers);
}

#[test]
fn scores_are_dot_products() {
    let edges = Edges::small();
    let model = matrix_factorization::<Flex>(&edges);
    assert_eq!(model.linear_layer_weights(), Some(vec![1.0]));
    let embeddings = model.embeddings(&edges.normalized(), INFERENCE);
    assert_eq!(bits(embeddings.clone()), bits(model.layer0()));
    let (users, items) = split_embeddings(embeddings.clone(), 4);
    assert_eq!(
        (users.dims(), items.dims()),
        ([4, DIMENSION], [5, DIMENSION])
    );
    let all = values(users.matmul(items.transpose()));
    let found = values(model.score(embeddings, &[3, 0, 3], &[4, 2, 0]));
    assert_close(
        "scores",
        &found,
        &[all[3 * 5 + 4], all[2], all[3 * 5]],
        1e-6,
    );
}

#[test]
#[should_panic(expected = "item 5 at position 1 is outside 0..5")]
fn a_score_of_an_unknown_item_panics() {
    let model = matrix_factorization::<Flex>(&Edges::small());
    model.score(model.layer0(), &[0, 0], &[4, 5]);
}

#[test]
#[should_panic(expected = "LightGcn: a graph of [8, 8] for 9 nodes")]
fn a_graph_of_another_size_panics() {
    let model = light_gcn::<Flex>(&Edges::small(), LayerWeights::Uniform, 1);
    let other = Edges {
        n_users: 3,
        n_items: 5,
        edges: vec![(0, 0, 1.0)],
    };
    model.embeddings(&other.normalized(), INFERENCE);
}

#[test]
fn an_invalid_table_is_an_error() {
    let device = Default::default();
    let mut table = numbers(18, 1);
    let model = LightGcnConfig::default().with_dimension(2);
    let model = model
        .init::<Flex>(&NodeCounts::new(4, 5).unwrap(), 1, &device)
        .unwrap();
    assert!(model.clone().with_table(&table).is_ok());
    table[5] = f32::NAN;
    assert!(matches!(
        model.clone().with_table(&table),
        Err(NnError::TableNotFinite {
            row: 2,
            column: 1,
            ..
        })
    ));
    assert!(matches!(
        model.with_table(&table[1..]),
        Err(NnError::TableLength {
            n_nodes: 9,
            dimension: 2,
            found: 17
        })
    ));
    assert!(matches!(
        MatrixFactorizationConfig::default().init::<Flex>(
            &NodeCounts::new(4, 0).unwrap(),
            1,
            &device
        ),
        Err(NnError::Config { .. })
    ));
}
