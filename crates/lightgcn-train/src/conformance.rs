//! One suite that every model must pass, on every backend. [`conformance!`](crate::conformance!)
//! makes the tests of a model of it.
//!
//! The functions panic where a model fails, as tests do.

use crate::{Observer, TrainConfig, TrainEvent, Trainer};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemId, Lineage, Split, Truth,
    UserId, Vocabulary,
};
use lightgcn_graph::{GraphOptions, TrainGraph};
use lightgcn_kernels::{SparseMatrix, TrainingBackend};
use lightgcn_nn::{EmbeddingModel, ForwardMode, GradientBackend, Graphs, ModelConfig, NodeCounts};
use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};

/// Makes the tests of one model: `conformance!(NAME, BACKEND, CONFIG)`, where `BACKEND` is an
/// autodiff backend, and `CONFIG` gives the model's config.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $backend:ty, $config:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn withheld_cells_of_a_planted_pattern_rank_first() {
                $crate::conformance::learns_a_planted_pattern::<$backend, _>(
                    &$config,
                    &Default::default(),
                );
            }

            #[test]
            fn embeddings_are_finite_on_odd_graphs() {
                $crate::conformance::is_finite_on_odd_graphs::<$backend, _>(
                    &$config,
                    &Default::default(),
                );
            }

            #[test]
            fn gradients_equal_finite_differences() {
                $crate::conformance::gradients_equal_finite_differences::<$backend, _>(
                    &$config,
                    &Default::default(),
                );
            }

            #[test]
            fn relabeling_nodes_permutes_the_output() {
                $crate::conformance::relabeling_permutes_the_output::<$backend, _>(
                    &$config,
                    &Default::default(),
                );
            }

            #[test]
            fn saving_loading_and_seeds_repeat_the_same_bits() {
                $crate::conformance::repeats_the_same_bits::<$backend, _>(
                    &$config,
                    &Default::default(),
                );
            }
        }
    };
}

/// Users and items in a block of the planted pattern.
const BLOCK: u32 = 8;
/// Blocks of the planted pattern.
const BLOCKS: u32 = 3;

/// A dataset of users and items in blocks: each user bought all items of the own
/// block but one, which is the user's validation target.
fn planted() -> Dataset {
    let n = (BLOCK * BLOCKS) as usize;
    let mut pairs = builder();
    let mut withheld = Vec::new();
    for user in 0..BLOCK * BLOCKS {
        let first = user / BLOCK * BLOCK;
        for item in first..first + BLOCK {
            if item - first == user % BLOCK {
                withheld.push((UserId(user), ItemId(item)));
            } else {
                push(&mut pairs, user, item);
            }
        }
    }
    let train = pairs
        .build(n, n)
        .unwrap_or_else(|e| panic!("the planted pattern: {e}"));
    let truth = Truth::from_pairs(n, n, withheld).unwrap_or_else(|e| panic!("its truth: {e}"));
    let dataset = Split::new(train, truth, Truth::empty(n, n)).and_then(|split| {
        let users = Vocabulary::from_names((0..n).map(|row| format!("u{row}")))?;
        let items = Vocabulary::from_names((0..n).map(|row| format!("i{row}")))?;
        let behaviors = BehaviorWeightsConfig::single("purchase").check()?;
        let lineage = Lineage::default();
        Dataset::new(
            split,
            users,
            items,
            Catalogue::unknown(n),
            behaviors,
            lineage,
        )
    });
    dataset.unwrap_or_else(|e| panic!("the planted dataset: {e}"))
}

fn builder() -> InteractionsBuilder {
    InteractionsBuilder::from_names(&["purchase"], &["purchase"])
        .unwrap_or_else(|e| panic!("one behavior: {e}"))
}

fn push(pairs: &mut InteractionsBuilder, user: u32, item: u32) {
    let weight = 0.5 + (user * 7 + item * 3) as f32 % 5.0 / 10.0;
    let pushed = pairs.push(UserId(user), ItemId(item), weight, &[1], None);
    pushed.unwrap_or_else(|e| panic!("a pair: {e}"));
}

/// Whether edges have weights of their own or weigh the same.
#[derive(Clone, Copy, PartialEq)]
enum Weights {
    ByLabel,
    Equal,
}

/// A model's graphs of a few edges.
struct Case {
    nodes: NodeCounts,
    edges: Vec<(u32, u32)>,
    weights: Weights,
}

impl Case {
    fn new(n_users: usize, n_items: usize, edges: &[(u32, u32)]) -> Self {
        Self {
            nodes: NodeCounts::new(n_users, n_items).unwrap_or_else(|e| panic!("{e}")),
            edges: edges.to_vec(),
            weights: Weights::ByLabel,
        }
    }

    fn graphs<B: Backend, M: ModelConfig>(&self, config: &M, device: &B::Device) -> Graphs<B> {
        let mut pairs = builder();
        for &(user, item) in &self.edges {
            match self.weights {
                Weights::ByLabel => push(&mut pairs, user, item),
                Weights::Equal => pairs
                    .push(UserId(user), ItemId(item), 1.0, &[1], None)
                    .unwrap_or_else(|e| panic!("a pair: {e}")),
            }
        }
        let train = pairs.build(self.nodes.users(), self.nodes.items());
        let train = train.unwrap_or_else(|e| panic!("edges: {e}"));
        let graph = TrainGraph::from_interactions(&train, &GraphOptions::default());
        let graph = graph.unwrap_or_else(|e| panic!("a graph: {e}"));
        let graphs = config.graphs().into_iter().map(|request| {
            let adjacency = graph.adjacency(&request);
            let adjacency = adjacency.unwrap_or_else(|e| panic!("an adjacency: {e}"));
            SparseMatrix::from_graph(&adjacency, device).unwrap_or_else(|e| panic!("a matrix: {e}"))
        });
        Graphs::new(graphs.collect())
    }

    fn model<B: GradientBackend<InnerBackend: TrainingBackend>, M: ModelConfig>(
        &self,
        config: &M,
        seed: u64,
        device: &B::Device,
    ) -> M::Module<B> {
        let model = config.init::<B>(&self.nodes, seed, device);
        model.unwrap_or_else(|e| panic!("the model: {e}"))
    }
}

fn values<B: Backend>(tensor: Tensor<B, 2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().iter::<f32>().collect()
}

fn infer<B: GradientBackend<InnerBackend: TrainingBackend>, M: EmbeddingModel<B>>(
    model: &M,
    graphs: &Graphs<B>,
) -> Vec<f32> {
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

/// Trains on a planted block pattern: the loss must fall, and the withheld cell of nine users
/// in ten must rank first among the items that they did not buy.
///
/// # Panics
/// If the model fails.
pub fn learns_a_planted_pattern<
    B: GradientBackend<InnerBackend: TrainingBackend>,
    M: ModelConfig,
>(
    config: &M,
    device: &B::Device,
) {
    let dataset = planted();
    let train = dataset.split.train.interactions();
    let options = TrainConfig {
        epochs: 60,
        batch_size: 64,
        learning_rate: 0.02,
        validate_every: 60,
        ..TrainConfig::published()
    };
    let mut losses = Losses::default();
    let trainer = Trainer::new(&dataset).model(config.clone()).config(options);
    let trained = trainer.observer(&mut losses).run_on::<B>(device);
    let (trained, _) = trained.unwrap_or_else(|e| panic!("{e}"));
    let (first, last) = (losses.0[0], losses.0[losses.0.len() - 1]);
    assert!(
        last < 0.7 * first,
        "the loss fell only from {first} to {last}"
    );

    let table = &trained.artifact.embeddings;
    let (data, dimension) = (table.data().to_vec(), table.dimension());
    let ranker = EmbeddingRanker::from_nodes("subject", data, train.n_users(), dimension);
    let ranker = ranker.unwrap_or_else(|e| panic!("{e}"));
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
pub fn is_finite_on_odd_graphs<
    B: GradientBackend<InnerBackend: TrainingBackend>,
    M: ModelConfig,
>(
    config: &M,
    device: &B::Device,
) {
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
pub fn gradients_equal_finite_differences<
    B: GradientBackend<InnerBackend: TrainingBackend>,
    M: ModelConfig,
>(
    config: &M,
    device: &B::Device,
) {
    const STEP: f32 = 2e-3;
    let case = small();
    let graphs = case.graphs(config, device);
    let model = case.model::<B, M>(config, 11, device);
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
pub fn relabeling_permutes_the_output<
    B: GradientBackend<InnerBackend: TrainingBackend>,
    M: ModelConfig,
>(
    config: &M,
    device: &B::Device,
) {
    // Weights depend on labels, so every pair has the same.
    let plain = |edges: &[(u32, u32)]| Case {
        weights: Weights::Equal,
        edges: edges.to_vec(),
        nodes: small().nodes,
    };
    let Case { nodes, edges, .. } = small();
    let (n_users, n_items, n_nodes) = (nodes.users(), nodes.items(), nodes.total());
    let user = |u: u32| (u + 2) % n_users as u32;
    let item = |i: u32| (i * 5 + 1) % n_items as u32;
    let renamed: Vec<(u32, u32)> = edges.iter().map(|&(u, i)| (user(u), item(i))).collect();
    let new_row = |row: usize| match row.checked_sub(n_users) {
        None => user(row as u32) as usize,
        Some(i) => n_users + item(i as u32) as usize,
    };
    let model = plain(&edges).model::<B, M>(config, 13, device);
    let mut permute = PermuteRows {
        n_rows: n_nodes,
        old_of_new: vec![0; n_nodes],
    };
    (0..n_nodes).for_each(|row| permute.old_of_new[new_row(row)] = row);
    let moved = model.clone().map(&mut permute);

    let before = infer(&model, &plain(&edges).graphs(config, device));
    let after = infer(&moved, &plain(&renamed).graphs(config, device));
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

/// The same seed gives the same bits, another seed others, and a saved model loads to its bits.
///
/// # Panics
/// If the model fails.
pub fn repeats_the_same_bits<B: GradientBackend<InnerBackend: TrainingBackend>, M: ModelConfig>(
    config: &M,
    device: &B::Device,
) {
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
    let bytes = Recorder::<B>::record(&recorder, model.clone().into_record(), ());
    let bytes = bytes.unwrap_or_else(|e| panic!("saving: {e}"));
    let record = Recorder::<B>::load(&recorder, bytes, device);
    let loaded = other.load_record(record.unwrap_or_else(|e| panic!("loading: {e}")));
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

/// Permutes the rows of every parameter with one row a node.
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
