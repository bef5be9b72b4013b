//! The test suite that every model must pass, on every backend.
//! [`conformance!`](crate::conformance!) generates a model's tests.
//!
//! Like tests, the functions panic if a model fails.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use crate::run::sequences::sequences;
use crate::{Observer, TrainConfig, TrainEvent, Trainer};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, Interactions, InteractionsBuilder, ItemId, Lineage,
    Split, Truth, UserId, Vocabulary,
};
use lightgcn_graph::{GraphOptions, TrainGraph};
use lightgcn_kernels::SparseMatrix;
use lightgcn_nn::{EmbeddingModel, ForwardMode, GradientBackend, Graphs, ModelConfig, NodeCounts};
use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};

/// Generates the tests of one model: `conformance!(NAME, BACKEND, CONFIG)`, where `BACKEND` is an
/// autodiff backend, and `CONFIG` gives the model's config.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $backend:ty, $config:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::conformance!(@tests $backend, $config,
                learns_a_planted_pattern
                is_finite_on_odd_graphs
                gradients_equal_finite_differences
                relabeling_permutes_the_output
                repeats_the_same_bits
            );
        }
    };
    (@tests $backend:ty, $config:expr, $($test:ident)*) => {$(
        #[test]
        fn $test() {
            $crate::conformance::$test::<$backend, _>(&$config, &Default::default());
        }
    )*};
}

/// Users and items in a block of the planted pattern.
const BLOCK: u32 = 8;
/// Blocks of the planted pattern.
const BLOCKS: u32 = 3;

/// A dataset of users and items in blocks: each user bought all items of their block except one,
/// which is the user's validation target.
fn planted() -> Dataset {
    let n = (BLOCK * BLOCKS) as usize;
    let (mut bought, mut withheld) = (Vec::new(), Vec::new());
    for user in 0..BLOCK * BLOCKS {
        let first = user / BLOCK * BLOCK;
        for item in first..first + BLOCK {
            if item - first == user % BLOCK {
                withheld.push((UserId(user), ItemId(item)));
            } else {
                bought.push(Edge::new(user, item));
            }
        }
    }
    let truth = Truth::from_pairs(n, n, withheld).unwrap();
    Dataset::new(
        Split::new(interactions(&bought, n, n), truth, Truth::empty(n, n)).unwrap(),
        Vocabulary::from_names((0..n).map(|row| format!("u{row}"))).unwrap(),
        Vocabulary::from_names((0..n).map(|row| format!("i{row}"))).unwrap(),
        Catalogue::unknown(n),
        BehaviorWeightsConfig::single("purchase").check().unwrap(),
        Lineage::default(),
    )
    .unwrap()
}

/// A purchase, at a time that follows no order of items.
#[derive(Clone, Copy)]
struct Edge {
    user: u32,
    item: u32,
    weight: f32,
    time: i64,
}

impl Edge {
    /// A purchase with a weight of its own.
    fn new(user: u32, item: u32) -> Self {
        let weight = 0.5 + (user * 7 + item * 3) as f32 % 5.0 / 10.0;
        let time = i64::from((user * 13 + item * 29 + user * item * 7) % 101);
        Self {
            user,
            item,
            weight,
            time,
        }
    }
}

fn interactions(edges: &[Edge], n_users: usize, n_items: usize) -> Interactions {
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    for edge in edges {
        let (user, item) = (UserId(edge.user), ItemId(edge.item));
        let time = Some(edge.time);
        pairs.push(user, item, edge.weight, &[1], time).unwrap();
    }
    pairs.build(n_users, n_items).unwrap()
}

/// A few edges.
struct Case {
    nodes: NodeCounts,
    edges: Vec<Edge>,
}

impl Case {
    fn new(n_users: usize, n_items: usize, edges: &[(u32, u32)]) -> Self {
        Self {
            nodes: NodeCounts::new(n_users, n_items).unwrap(),
            edges: edges.iter().map(|&(u, i)| Edge::new(u, i)).collect(),
        }
    }

    /// The graphs that a model asks for.
    fn graphs<B: Backend, M: ModelConfig>(&self, config: &M, device: &B::Device) -> Graphs<B> {
        let train = interactions(&self.edges, self.nodes.users(), self.nodes.items());
        let graph = TrainGraph::from_interactions(&train, &GraphOptions::default()).unwrap();
        let graphs = config.graphs().into_iter().map(|request| {
            let adjacency = graph.adjacency(&request).unwrap();
            SparseMatrix::from_graph(&adjacency, device).unwrap()
        });
        let graphs = Graphs::new(graphs.collect());
        match config.sequence_length() {
            Some(most) => graphs.with_sequences(sequences(&train, most).unwrap()),
            None => graphs,
        }
    }

    fn model<B: GradientBackend, M: ModelConfig>(
        &self,
        config: &M,
        seed: u64,
        device: &B::Device,
    ) -> M::Module<B> {
        config.init::<B>(&self.nodes, seed, device).unwrap()
    }
}

fn values<B: Backend>(tensor: Tensor<B, 2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().iter::<f32>().collect()
}

fn infer<B: GradientBackend, M: EmbeddingModel<B>>(model: &M, graphs: &Graphs<B>) -> Vec<f32> {
    values(model.embeddings(graphs, ForwardMode::Inference))
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        if let TrainEvent::Epoch { record, .. } = event {
            self.0.push(record.loss);
        }
    }
}

/// Trains on a planted block pattern: the loss must fall, and for nine out of ten users the
/// withheld cell must rank first among the items they did not buy.
///
/// # Panics
/// If the model fails.
pub fn learns_a_planted_pattern<B: GradientBackend, M: ModelConfig>(
    config: &M,
    device: &B::Device,
) {
    let dataset = planted();
    let train = dataset.split.train.interactions();
    let options = TrainConfig {
        epochs: 60,
        batch_size: 64,
        learning_rate: 0.02,
        validate_every: Some(60),
        ..TrainConfig::published()
    };
    let mut losses = Losses::default();
    let trainer = Trainer::new(&dataset).model(config.clone()).config(options);
    let (trained, _) = trainer.observer(&mut losses).run_on::<B>(device).unwrap();
    let (first, last) = (losses.0[0], losses.0[losses.0.len() - 1]);
    assert!(
        last < 0.7 * first,
        "the loss fell only from {first} to {last}"
    );

    let table = &trained.artifact.embeddings;
    let (data, dimension) = (table.data().to_vec(), table.dimension());
    let ranker = EmbeddingRanker::from_nodes("subject", data, train.n_users(), dimension).unwrap();
    let users: Vec<UserId> = dataset.split.validation.truth().users().collect();
    let lists = ranker.top_k(&users, 1, &Exclusions::targets(train));
    let truth = dataset.split.validation.truth();
    let right = users
        .iter()
        .zip(&lists)
        .filter(|(u, list)| list[0].item == truth.items_of(**u)[0]);
    let right = right.count();
    assert!(
        right * 10 >= users.len() * 9,
        "only {right} of {} withheld cells rank first",
        users.len()
    );
}

/// Isolated nodes, a graph of one edge, and a user with every item: all finite.
///
/// # Panics
/// If the model fails.
pub fn is_finite_on_odd_graphs<B: GradientBackend, M: ModelConfig>(config: &M, device: &B::Device) {
    let graphs = [
        (1, 1, vec![(0, 0)]),
        (3, 4, vec![(1, 2)]),
        (2, 3, vec![(0, 0), (0, 1), (0, 2), (1, 1)]),
    ];
    for (n_users, n_items, edges) in graphs {
        let case = Case::new(n_users, n_items, &edges);
        let model = case.model::<B, M>(config, 5, device);
        let graphs = case.graphs(config, device);
        let out = model.embeddings(&graphs, ForwardMode::Training { seed: 1 });
        let gradients =
            GradientsParams::from_grads(out.clone().powf_scalar(2.0).sum().backward(), &model);
        let found = values(out);
        assert_eq!(found.len(), (n_users + n_items) * model.output_dimension());
        assert!(
            found.iter().all(|x| x.is_finite()),
            "{edges:?} gives {found:?}"
        );
        let flat = flat_gradients::<B, M::Module<B>>(&model, &gradients);
        assert!(
            flat.iter().flatten().all(|x| x.is_finite()),
            "{edges:?} has gradients {flat:?}"
        );
    }
}

/// A small irregular graph with an isolated user and an isolated item.
fn small() -> Case {
    let edges = [
        (0, 0),
        (0, 1),
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 0),
        (2, 3),
        (3, 4),
        (3, 1),
    ];
    Case::new(5, 6, &edges)
}

/// The gradient of every parameter equals central finite differences of a fixed weighted sum of
/// the final embeddings.
///
/// # Panics
/// If the model fails.
pub fn gradients_equal_finite_differences<B: GradientBackend, M: ModelConfig>(
    config: &M,
    device: &B::Device,
) {
    const STEP: f32 = 2e-3;
    let case = small();
    let graphs = case.graphs(config, device);
    let model = case.model::<B, M>(config, 11, device).held(&graphs);
    let weigh = |model: &M::Module<B>| {
        let out = model.embeddings(&graphs, ForwardMode::Inference);
        let [rows, columns] = out.dims();
        let weights: Vec<f32> = (0..rows * columns)
            .map(|n| ((n * 37 % 17) as f32 - 8.0) / 8.0)
            .collect();
        (out * Tensor::from_data(TensorData::new(weights, [rows, columns]), device)).sum()
    };
    let gradients = GradientsParams::from_grads(weigh(&model).backward(), &model);
    let gradients = flat_gradients::<B, M::Module<B>>(&model, &gradients);
    let mut checked = 0;
    for (parameter, gradient) in gradients.iter().enumerate() {
        for element in (0..gradient.len()).step_by((gradient.len() / 12).max(1)) {
            let shifted = |step: f32| {
                let mut shift = Shift {
                    parameter,
                    element,
                    step,
                    seen: 0,
                };
                let data = weigh(&model.clone().map(&mut shift)).into_data();
                data.iter::<f64>().sum::<f64>()
            };
            let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * f64::from(STEP));
            let found = f64::from(gradient[element]);
            assert!(
                (difference - found).abs() <= 2e-2 * (1.0 + found.abs()),
                "parameter {parameter}, element {element}: gradient {found}, difference {difference}"
            );
            checked += 1;
        }
    }
    assert!(checked > 0, "the model has no parameter with a gradient");
}

/// Renaming users and items, in the graph and in the layer-0 table, renames the output.
///
/// # Panics
/// If the model fails.
pub fn relabeling_permutes_the_output<B: GradientBackend, M: ModelConfig>(
    config: &M,
    device: &B::Device,
) {
    let case = small();
    let (n_users, n_items, n_nodes) = (case.nodes.users(), case.nodes.items(), case.nodes.total());
    let user = |u: u32| (u + 2) % n_users as u32;
    let item = |i: u32| (i * 5 + 1) % n_items as u32;
    let renamed = case.edges.iter().map(|edge| Edge {
        user: user(edge.user),
        item: item(edge.item),
        ..*edge
    });
    let renamed = Case {
        nodes: case.nodes.clone(),
        edges: renamed.collect(),
    };
    let new_row = |row: usize| match row.checked_sub(n_users) {
        None => user(row as u32) as usize,
        Some(i) => n_users + item(i as u32) as usize,
    };
    let model = case.model::<B, M>(config, 13, device);
    let mut permute = PermuteRows {
        n_rows: n_nodes,
        old_of_new: vec![0; n_nodes],
    };
    (0..n_nodes).for_each(|row| permute.old_of_new[new_row(row)] = row);
    let moved = model.clone().map(&mut permute);

    let before = infer(&model, &case.graphs(config, device));
    let after = infer(&moved, &renamed.graphs(config, device));
    let width = model.output_dimension();
    for row in 0..n_nodes {
        let new = new_row(row);
        let (a, b) = (
            &before[row * width..][..width],
            &after[new * width..][..width],
        );
        let same = a
            .iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + a.abs()));
        assert!(same, "row {row} became {b:?} instead of {a:?}");
    }
}

/// The same seed gives the same bits, another seed gives different ones, and a saved model loads to
/// the same bits.
///
/// # Panics
/// If the model fails.
pub fn repeats_the_same_bits<B: GradientBackend, M: ModelConfig>(config: &M, device: &B::Device) {
    let case = small();
    let graphs = case.graphs(config, device);
    let bits = |model: &M::Module<B>| -> Vec<u32> {
        infer(model, &graphs).iter().map(|x| x.to_bits()).collect()
    };
    let build = |seed| case.model::<B, M>(config, seed, device);
    let model = build(17);
    assert_eq!(bits(&model), bits(&build(17)), "one seed, two models");
    let other = build(18);
    assert_ne!(bits(&model), bits(&other), "two seeds, one model");

    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::default();
    let bytes = Recorder::<B>::record(&recorder, model.clone().into_record(), ()).unwrap();
    let record = Recorder::<B>::load(&recorder, bytes, device).unwrap();
    let loaded = other.load_record(record);
    assert_eq!(bits(&model), bits(&loaded), "a saved model changed");
}

/// The gradients of each float parameter, in the order of a visit.
fn flat_gradients<B, M>(model: &M, gradients: &GradientsParams) -> Vec<Vec<f32>>
where
    B: AutodiffBackend,
    M: Module<B>,
{
    struct Collect<'a> {
        gradients: &'a GradientsParams,
        found: Vec<Vec<f32>>,
    }
    impl<B: AutodiffBackend> ModuleVisitor<B> for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
            let gradient = self.gradients.get::<B::InnerBackend, D>(parameter.id);
            let gradient = gradient.map(|g| g.into_data().iter::<f32>().collect());
            self.found.push(gradient.unwrap_or_default());
        }
    }
    let mut collect = Collect {
        gradients,
        found: Vec::new(),
    };
    model.visit(&mut collect);
    collect.found
}

/// Adds `step` to one element of one float parameter.
struct Shift {
    parameter: usize,
    element: usize,
    step: f32,
    seen: usize,
}

impl<B: Backend> ModuleMapper<B> for Shift {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = parameter.consume();
        let here = self.seen == self.parameter;
        self.seen += 1;
        if !here {
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let (shape, device) = (tensor.shape(), tensor.device());
        let mut values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        values[self.element] += self.step;
        let tensor = Tensor::from_data(TensorData::new(values, shape), &device).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// Permutes the rows of every parameter with one row per node.
struct PermuteRows {
    n_rows: usize,
    old_of_new: Vec<usize>,
}

impl<B: Backend> ModuleMapper<B> for PermuteRows {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = parameter.consume();
        let shape = tensor.shape();
        if D != 2 || shape.dims::<D>()[0] != self.n_rows {
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let device = tensor.device();
        let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        let width = values.len() / self.n_rows;
        let rows = self
            .old_of_new
            .iter()
            .flat_map(|&row| &values[row * width..(row + 1) * width]);
        let data = TensorData::new(rows.copied().collect::<Vec<f32>>(), shape);
        Param::from_mapped_value(id, Tensor::from_data(data, &device).require_grad(), mapper)
    }
}
