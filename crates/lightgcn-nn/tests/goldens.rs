//! Layers and models against PyTorch Geometric and PyTorch: see `goldens/make_goldens.py`.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use lightgcn_core::{InteractionsBuilder, ItemId, UserId};
use lightgcn_graph::{GraphOptions, TrainGraph};
use lightgcn_kernels::{CsrSlices, SparseMatrix, sparse_dense};
use lightgcn_loss::{Batch, BatchIds, Bpr, Loss, TableRows, Tables, bpr_loss, bpr_loss_weighted};
use lightgcn_nn::{
    BehaviorGraphsConfig, CrgcnConfig, EmbeddingModel, Fact, ForwardMode, Graphs, Kgat, KgatConfig,
    LayerWeights, LgConv, LightGcnConfig, MbCgcnConfig, MbgcnConfig, ModelConfig, NgcfConfig,
    NodeCounts,
};
use serde_json::Value;
use std::collections::BTreeMap;

use common::golden::{TOLERANCE, cases, flat, flat_f32, graph, hold, ids, integer, matrix, vector};
use common::{B, assert_close, values};

#[test]
fn lg_conv_equals_pytorch_geometric() {
    let cases = cases(include_str!("../goldens/lg_conv.json"));
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let (_, graphs) = graph(case);
        let x = matrix(&case["x"]).require_grad();
        let output = LgConv::new().forward(graphs.first(), x.clone());
        hold(case, "output", values(output.clone()));
        let gradients = (output * matrix(&case["coefficients"])).sum().backward();
        hold(case, "gradient", values(x.grad(&gradients).unwrap()));
    }
}

#[test]
fn light_gcn_equals_pytorch_geometric() {
    let device = Default::default();
    let cases = cases(include_str!("../goldens/light_gcn.json"));
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let (nodes, graphs) = graph(case);
        let table = flat_f32(&case["table"]);
        let weights = match case["uniform"].as_bool().unwrap() {
            true => LayerWeights::Uniform,
            false => LayerWeights::Given(flat_f32(&case["alpha"])),
        };
        let config = LightGcnConfig {
            dimension: table.len() / nodes.total(),
            layers: integer(&case["layers"]),
            layer_weights: weights,
            ..LightGcnConfig::default()
        };
        let model = config.init::<B>(&nodes, 0, &device).unwrap();
        let model = model.with_table(&table).unwrap();
        let embeddings = model.embeddings(&graphs, ForwardMode::Training { seed: 1 });
        hold(case, "embeddings", values(embeddings.clone()));

        let (users, positives) = (ids(&case["users"]), ids(&case["positives"]));
        let negatives = ids(&case["negatives"]);
        let scores = model.score(embeddings.clone(), &users, &positives);
        hold(case, "positive_scores", values(scores));

        let ids = BatchIds {
            users: &users,
            positives: &positives,
            negatives: &negatives,
            shared: &[],
        };
        let rows = TableRows::new(nodes.users(), nodes.items());
        let batch = Batch::new(&ids, rows, &device);
        // PyTorch Geometric leaves out the half of the published L2 term.
        let regularization = 2.0 * case["lambda_reg"].as_f64().unwrap();
        let layer0 = model.layer0();
        let l2 = batch.l2(layer0.clone()).mul_scalar(regularization);
        let ranking = Bpr.forward(Tables { embeddings, layer0 }, &batch);
        hold(case, "bpr", values(ranking.clone()));
        let total = ranking + l2;
        hold(case, "loss", values(total.clone()));
        let gradients = total.backward();
        let gradient = model.embedding.val().grad(&gradients).unwrap();
        hold(case, "table_gradient", values(gradient));
    }
}

fn golden_linear(layer: &Value, weight: &str, bias: &str) -> Linear<B> {
    Linear {
        weight: Param::from_tensor(matrix(&layer[weight])),
        bias: Some(Param::from_tensor(vector(&layer[bias]))),
    }
}

#[test]
fn ngcf_equals_pytorch() {
    let device = Default::default();
    let cases = cases(include_str!("../goldens/ngcf.json"));
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let (nodes, graphs) = graph(case);
        let config = NgcfConfig {
            dimension: integer(&case["dimension"]),
            layer_widths: flat(&case["hidden"]).iter().map(|w| *w as usize).collect(),
            message_dropout: 0.0,
            ..NgcfConfig::default()
        };
        let model = config.init::<B>(&nodes, 0, &device).unwrap();
        let mut model = model.with_table(&flat_f32(&case["table"])).unwrap();
        let golden_layers = case["layers"].as_array().unwrap();
        assert_eq!(model.layers.len(), golden_layers.len());
        for (layer, golden) in model.layers.iter_mut().zip(golden_layers) {
            layer.sum = golden_linear(golden, "w1", "b1");
            layer.interaction = golden_linear(golden, "w2", "b2");
        }

        let embeddings = model.embeddings(&graphs, ForwardMode::Training { seed: 1 });
        assert_eq!(embeddings.dims(), [nodes.total(), model.output_dimension()]);
        hold(case, "embeddings", values(embeddings.clone()));
        let gradients = (embeddings * matrix(&case["coefficients"]))
            .sum()
            .backward();
        let gradient = model.embedding.val().grad(&gradients).unwrap();
        hold(case, "table_gradient", values(gradient));
        for (layer, golden) in model
            .layers
            .iter()
            .zip(case["layer_gradients"].as_array().unwrap())
        {
            for (linear, weight, bias) in
                [(&layer.sum, "w1", "b1"), (&layer.interaction, "w2", "b2")]
            {
                let gradient = linear.weight.val().grad(&gradients).unwrap();
                assert_close(weight, &values(gradient), &flat(&golden[weight]), TOLERANCE);
                let gradient = linear
                    .bias
                    .as_ref()
                    .unwrap()
                    .val()
                    .grad(&gradients)
                    .unwrap();
                assert_close(bias, &values(gradient), &flat(&golden[bias]), TOLERANCE);
            }
        }
    }
}

const BEHAVIORS: [&str; 3] = ["view", "cart", "buy"];

/// The graphs that the model asks for, of a log with a graph of the case for each behavior.
fn behavior_graphs(case: &Value, names: &[&str], config: &impl ModelConfig) -> Graphs<B> {
    let graphs = case["graphs"].as_array().unwrap();
    let mut counts = BTreeMap::<(u32, u32), Vec<u32>>::new();
    for (behavior, graph) in graphs.iter().enumerate() {
        for edge in graph["edges"].as_array().unwrap() {
            let pair = (integer(&edge[0]) as u32, integer(&edge[1]) as u32);
            counts.entry(pair).or_insert(vec![0; names.len()])[behavior] = 1;
        }
    }
    let mut pairs = InteractionsBuilder::from_names(names, &["buy"]).unwrap();
    for ((user, item), counts) in counts {
        let (user, item) = (UserId(user), ItemId(item));
        pairs.push(user, item, 0.25, &counts, None).unwrap();
    }
    let (n_users, n_items) = (
        integer(&graphs[0]["n_users"]),
        integer(&graphs[0]["n_items"]),
    );
    let pairs = pairs.build(n_users, n_items).unwrap();
    let graph = TrainGraph::from_interactions(&pairs, &GraphOptions::default()).unwrap();
    let requests = config.graphs().into_iter();
    let matrices = requests.map(|request| {
        let adjacency = graph.adjacency(&request).unwrap();
        SparseMatrix::from_graph(&adjacency, &Default::default()).unwrap()
    });
    Graphs::new(matrices.collect())
}

/// Compares a model with its golden; `parameters` are those beside the table.
fn hold_behavior_case<M: EmbeddingModel<B>>(
    case: &Value,
    model: &M,
    graphs: &Graphs<B>,
    gradients: impl Fn(&M, &<B as AutodiffBackend>::Gradients) -> Vec<Vec<f64>>,
) {
    let embeddings = model.embeddings(graphs, ForwardMode::Inference);
    hold(case, "embeddings", values(embeddings.clone()));
    let loss = (embeddings * matrix(&case["coefficients"])).sum();
    let grads = loss.backward();
    let table = model.table().val().grad(&grads).unwrap();
    hold(case, "table_gradient", values(table));
    let golden = case["parameter_gradients"].as_array().unwrap();
    let found = gradients(model, &grads);
    assert_eq!(found.len(), golden.len());
    for (found, golden) in found.iter().zip(golden) {
        assert_close("parameter", found, &flat(golden), TOLERANCE);
    }
}

#[test]
fn models_over_behaviors_equal_pytorch() {
    let device = Default::default();
    let cases = cases(include_str!("../goldens/behaviors.json"));
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let n_behaviors = case["graphs"].as_array().unwrap().len();
        let names = &BEHAVIORS[3 - n_behaviors..];
        let config = BehaviorGraphsConfig {
            dimension: 4,
            behaviors: names.iter().map(|name| (*name).to_owned()).collect(),
            layers: integer(&case["layers"]),
            ..BehaviorGraphsConfig::default()
        };
        let first = &case["graphs"][0];
        let nodes = NodeCounts::new(integer(&first["n_users"]), integer(&first["n_items"]));
        let (nodes, table) = (nodes.unwrap(), flat_f32(&case["table"]));
        let golden = case["parameters"].as_array().unwrap();
        match case["model"].as_str().unwrap() {
            "crgcn" => {
                let config = CrgcnConfig(config);
                let graphs = behavior_graphs(case, names, &config);
                let model = config.init::<B>(&nodes, 0, &device).unwrap();
                let model = model.with_table(&table).unwrap();
                hold_behavior_case(case, &model, &graphs, |_, _| Vec::new());
            }
            "mb-cgcn" => {
                let config = MbCgcnConfig(config);
                let graphs = behavior_graphs(case, names, &config);
                let model = config.init::<B>(&nodes, 0, &device).unwrap();
                let mut model = model.with_table(&table).unwrap();
                for (maps, golden) in model.maps.iter_mut().zip(golden.chunks(2)) {
                    maps.users = Param::from_tensor(matrix(&golden[0]));
                    maps.items = Param::from_tensor(matrix(&golden[1]));
                }
                hold_behavior_case(case, &model, &graphs, |model, grads| {
                    let maps = model
                        .maps
                        .iter()
                        .flat_map(|maps| [&maps.users, &maps.items]);
                    maps.map(|map| values(map.val().grad(grads).unwrap()))
                        .collect()
                });
            }
            _ => {
                let config = MbgcnConfig(config);
                let graphs = behavior_graphs(case, names, &config);
                let model = config.init::<B>(&nodes, 0, &device).unwrap();
                let mut model = model.with_table(&table).unwrap();
                model.behavior_logits = Param::from_tensor(vector(&golden[0]));
                hold_behavior_case(case, &model, &graphs, |model, grads| {
                    vec![values(model.behavior_logits.val().grad(grads).unwrap())]
                });
            }
        }
    }
}

/// A matrix of ones at the edges.
fn directed(n_nodes: usize, edges: &Value) -> SparseMatrix<B> {
    let edges = edges.as_array().unwrap().iter().map(ids);
    let mut edges: Vec<_> = edges.collect();
    edges.sort();
    let starts = (0..=n_nodes).map(|row| edges.partition_point(|e| (e[0] as usize) < row) as u64);
    let csr = CsrSlices {
        n_columns: n_nodes,
        row_offsets: &starts.collect::<Vec<_>>(),
        columns: &edges.iter().map(|edge| edge[1]).collect::<Vec<_>>(),
        values: &vec![1.0; edges.len()],
    };
    SparseMatrix::from_csr(csr, false, &Default::default()).unwrap()
}

/// The model of a case, with its numbers.
fn kgat(case: &Value) -> (Kgat<B>, Graphs<B>) {
    let list = |key: &str| case[key].as_array().unwrap();
    let counts: Vec<usize> = list("counts").iter().map(integer).collect();
    let nodes = NodeCounts::new(counts[0], counts[1]).unwrap();
    let nodes = nodes.with("entity", counts[2]).unwrap();
    let graphs = list("graphs").iter();
    let graphs = Graphs::new(graphs.map(|edges| directed(nodes.total(), edges)).collect());
    let width = |value: &Value| matrix(value).dims()[1];
    let config = KgatConfig {
        dimension: width(&case["table"]),
        relation_dimension: width(&case["relations"][0]["map"]),
        layer_widths: list("layers").iter().map(|l| width(&l["w1"])).collect(),
        relations: (1..graphs.all().len()).map(|n| n.to_string()).collect(),
        ..KgatConfig::default()
    };
    let model = config.init::<B>(&nodes, 0, &Default::default()).unwrap();
    let mut model = model.with_table(&flat_f32(&case["table"])).unwrap();
    for (relation, golden) in model.relations.iter_mut().zip(list("relations")) {
        relation.map = Param::from_tensor(matrix(&golden["map"]));
        relation.translation = Param::from_tensor(matrix(&golden["translation"]));
    }
    for (layer, golden) in model.layers.iter_mut().zip(list("layers")) {
        for (linear, [w, b]) in [
            (&mut layer.sum, ["w1", "b1"]),
            (&mut layer.product, ["w2", "b2"]),
        ] {
            linear.weight = Param::from_tensor(matrix(&golden[w]));
            linear.bias = Some(Param::from_tensor(vector(&golden[b])));
        }
    }
    (model, graphs)
}

#[test]
fn kgat_equals_pytorch() {
    let cases = cases(include_str!("../goldens/kgat.json"));
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let (model, graphs) = kgat(case);
        let n_nodes = model.n_nodes();
        let unit = Tensor::<B, 2>::eye(n_nodes, &Default::default());
        let attention = sparse_dense(&model.attention(&graphs), unit);
        // The same edge by edge, each by the relation that it belongs to.
        let edges = model.edge_attention(&graphs).unwrap();
        let mut dense = vec![0.0; n_nodes * n_nodes];
        for head in 0..n_nodes {
            let row = edges.offsets[head] as usize..edges.offsets[head + 1] as usize;
            let ends = row.clone().map(|n| (edges.relations[n], edges.tails[n]));
            assert!(ends.is_sorted_by(|a, b| a < b));
            for n in row {
                let (tail, relation) = (edges.tails[n] as usize, edges.relations[n] as usize);
                dense[head * n_nodes + tail] += f64::from(edges.weights[n]);
                let ends = if relation % 2 == 0 {
                    [head, tail]
                } else {
                    [tail, head]
                };
                let graph = case["graphs"][relation / 2].as_array().unwrap();
                let ends = serde_json::json!(ends);
                assert!(graph.contains(&ends), "{ends} by {relation}");
            }
        }
        for (dense, sparse) in dense.iter().zip(values(attention.clone())) {
            assert!((dense - sparse).abs() < 1e-6, "{dense} is not {sparse}");
        }
        hold(case, "attention", values(attention));
        let embeddings = model.embeddings(&graphs, ForwardMode::Inference);
        hold(case, "embeddings", values(embeddings.clone()));
        let grads = (embeddings * matrix(&case["coefficients"]))
            .sum()
            .backward();
        hold(
            case,
            "table_gradient",
            values(model.layer0().grad(&grads).unwrap()),
        );
        let found = model
            .layers
            .iter()
            .flat_map(|layer| [&layer.sum, &layer.product]);
        let found = found.flat_map(|linear| {
            let bias = linear.bias.as_ref().unwrap().val();
            let weight = linear.weight.val().grad(&grads).unwrap();
            [values(weight), values(bias.grad(&grads).unwrap())]
        });
        let golden = case["layer_gradients"].as_array().unwrap();
        for (found, golden) in found.zip(golden) {
            assert_close("layer gradient", &found, &flat(golden), TOLERANCE);
        }

        let facts = case["facts"].as_array().unwrap().iter().map(ids);
        let facts = facts.map(|fact| Fact {
            relation: fact[0] as usize,
            head: fact[1],
            tail: fact[2],
            other: fact[3],
        });
        let loss = model.translation_loss(&facts.collect::<Vec<_>>());
        hold(case, "translation_loss", values(loss.clone()));
        let grads = loss.backward();
        let of_table = values(model.layer0().grad(&grads).unwrap());
        hold(case, "translation_table_gradient", of_table);
        let spaces = model.relations.iter();
        let spaces = spaces.flat_map(|relation| [&relation.map, &relation.translation]);
        let golden = case["translation_gradients"].as_array().unwrap();
        let mut held = 0;
        for (space, golden) in spaces.zip(golden) {
            // A relation without a fact has none.
            if let Some(found) = space.val().grad(&grads) {
                assert_close("translation", &values(found), &flat(golden), TOLERANCE);
                held += 1;
            } else {
                assert!(flat(golden).iter().all(|&element| element == 0.0));
            }
        }
        assert!(held >= 4, "{held} spaces have a gradient");
    }
}

#[test]
fn bpr_equals_pytorch() {
    let cases = cases(include_str!("../goldens/bpr.json"));
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let positive = vector(&case["positive_scores"]).require_grad();
        let negative = matrix(&case["negative_scores"]).require_grad();
        let loss = bpr_loss(positive.clone(), negative.clone());
        hold(case, "loss", values(loss.clone()));
        let gradients = loss.backward();
        hold(
            case,
            "positive_gradient",
            values(positive.grad(&gradients).unwrap()),
        );
        hold(
            case,
            "negative_gradient",
            values(negative.grad(&gradients).unwrap()),
        );

        let loss = bpr_loss_weighted(positive.clone(), negative, vector(&case["weights"]));
        hold(case, "weighted_loss", values(loss.clone()));
        let gradients = loss.backward();
        hold(
            case,
            "weighted_positive_gradient",
            values(positive.grad(&gradients).unwrap()),
        );
    }
}
