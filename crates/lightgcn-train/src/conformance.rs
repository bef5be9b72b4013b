//! One suite that every model must pass, on every backend. [`conformance!`](crate::conformance!)
//! makes the tests of a model of it.
//!
//! The functions panic where a model fails, as tests do.

use crate::run::fit::{FitJob, RunOptions, fit};
use crate::{Observer, TrainConfig, TrainEvent};
use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemId, Lineage, Split, Truth,
    UserId, Vocabulary,
};
use lightgcn_graph::{Adjacency, AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn_kernels::{SparseBackend, SparseMatrix, TrainingBackend};
use lightgcn_nn::{EmbeddingModel, ForwardMode};
use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};

/// Makes the tests of one model: `conformance!(NAME, BACKEND, BUILD)`, where `BACKEND` is an
/// autodiff backend, and `BUILD` a function `(n_users, n_items, seed, &device) -> model`.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $backend:ty, $build:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn withheld_cells_of_a_planted_pattern_rank_first() {
                $crate::conformance::learns_a_planted_pattern::<$backend, _>(
                    $build,
                    &Default::default(),
                );
            }

            #[test]
            fn embeddings_are_finite_on_odd_graphs() {
                $crate::conformance::is_finite_on_odd_graphs::<$backend, _>(
                    $build,
                    &Default::default(),
                );
            }

            #[test]
            fn gradients_equal_finite_differences() {
                $crate::conformance::gradients_equal_finite_differences::<$backend, _>(
                    $build,
                    &Default::default(),
                );
            }

            #[test]
            fn relabeling_nodes_permutes_the_output() {
                $crate::conformance::relabeling_permutes_the_output::<$backend, _>(
                    $build,
                    &Default::default(),
                );
            }

            #[test]
            fn saving_loading_and_seeds_repeat_the_same_bits() {
                $crate::conformance::repeats_the_same_bits::<$backend, _>(
                    $build,
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

/// The adjacency of weighted edges between `n_users` users and `n_items` items.
fn adjacency(n_users: usize, n_items: usize, edges: &[(u32, u32)]) -> Adjacency {
    let mut pairs = builder();
    for &(user, item) in edges {
        push(&mut pairs, user, item);
    }
    let train = pairs
        .build(n_users, n_items)
        .unwrap_or_else(|e| panic!("edges: {e}"));
    let graph = TrainGraph::from_interactions(&train, &GraphOptions::default());
    graph
        .unwrap_or_else(|e| panic!("a graph: {e}"))
        .adjacency(&AdjacencyRequest::default())
        .unwrap_or_else(|e| panic!("an adjacency matrix: {e}"))
}

fn matrix<B: Backend>(adjacency: &Adjacency, device: &B::Device) -> SparseMatrix<B> {
    SparseMatrix::from_graph(adjacency, device).unwrap_or_else(|e| panic!("a matrix: {e}"))
}

fn values<B: Backend>(tensor: Tensor<B, 2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().iter::<f32>().collect()
}

fn infer<B: SparseBackend, M: EmbeddingModel<B>>(model: &M, graph: &SparseMatrix<B>) -> Vec<f32> {
    values(model.embeddings(graph, ForwardMode::Inference))
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
pub fn learns_a_planted_pattern<B, M>(
    build: impl Fn(usize, usize, u64, &B::Device) -> M,
    device: &B::Device,
) where
    B: AutodiffBackend + SparseBackend,
    B::InnerBackend: TrainingBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    M::InnerModule: EmbeddingModel<B::InnerBackend>,
{
    let dataset = planted();
    let train = dataset.split.train.interactions();
    let graph = TrainGraph::new(&dataset.split.train, &GraphOptions::default())
        .unwrap_or_else(|e| panic!("the planted graph: {e}"));
    let adjacency = graph
        .adjacency(&AdjacencyRequest::default())
        .unwrap_or_else(|e| panic!("an adjacency matrix: {e}"));
    let config = TrainConfig {
        epochs: 60,
        batch_size: 64,
        learning_rate: 0.02,
        validate_every: 60,
        ..TrainConfig::default()
    };
    let config = config
        .check()
        .unwrap_or_else(|e| panic!("the configuration: {e}"));
    let job = FitJob {
        dataset: &dataset,
        adjacency: &adjacency,
        config: &config,
        loss: &config.loss,
        run: &RunOptions::default(),
        model_name: "subject",
        device_name: "the device",
        lineage: &dataset.lineage,
    };
    let mut losses = Losses::default();
    let model = build(train.n_users(), train.n_items(), 3, device);
    let fitted = fit::<B, M, _>(model, &job, device, &mut losses).unwrap_or_else(|e| panic!("{e}"));
    let (first, last) = (losses.0[0], losses.0[losses.0.len() - 1]);
    assert!(
        last < 0.7 * first,
        "the loss fell only from {first} to {last}"
    );

    let model = fitted.model.valid();
    let table = infer(&model, &matrix(&adjacency, device));
    let dimension = model.output_dimension();
    let ranker = EmbeddingRanker::from_nodes("subject", table, train.n_users(), dimension)
        .unwrap_or_else(|e| panic!("{e}"));
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
pub fn is_finite_on_odd_graphs<B, M>(
    build: impl Fn(usize, usize, u64, &B::Device) -> M,
    device: &B::Device,
) where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
{
    let graphs = [
        (1, 1, vec![(0, 0)]),
        (3, 4, vec![(1, 2)]),
        (2, 3, vec![(0, 0), (0, 1), (0, 2), (1, 1)]),
    ];
    for (n_users, n_items, edges) in graphs {
        let model = build(n_users, n_items, 5, device);
        let graph = matrix(&adjacency(n_users, n_items, &edges), device);
        let out = model.embeddings(&graph, ForwardMode::Training { seed: 1 });
        let gradients =
            GradientsParams::from_grads(out.clone().powf_scalar(2.0).sum().backward(), &model);
        let found = values(out);
        assert_eq!(found.len(), (n_users + n_items) * model.output_dimension());
        assert!(
            found.iter().all(|x| x.is_finite()),
            "{edges:?} gives {found:?}"
        );
        let flat = flat_gradients::<B, M>(&model, &gradients);
        assert!(
            flat.iter().flatten().all(|x| x.is_finite()),
            "{edges:?} has gradients {flat:?}"
        );
    }
}

/// A small irregular graph with an isolated user and an isolated item.
fn small() -> (usize, usize, Vec<(u32, u32)>) {
    (
        5,
        6,
        vec![
            (0, 0),
            (0, 1),
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 0),
            (2, 3),
            (3, 4),
            (3, 1),
        ],
    )
}

/// The gradient of every parameter equals central finite differences of a fixed weighted sum of
/// the final embeddings.
///
/// # Panics
/// If the model fails.
pub fn gradients_equal_finite_differences<B, M>(
    build: impl Fn(usize, usize, u64, &B::Device) -> M,
    device: &B::Device,
) where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
{
    const STEP: f32 = 2e-3;
    let (n_users, n_items, edges) = small();
    let graph = matrix::<B>(&adjacency(n_users, n_items, &edges), device);
    let model = build(n_users, n_items, 11, device);
    let weigh = |model: &M| {
        let out = model.embeddings(&graph, ForwardMode::Inference);
        let [rows, columns] = out.dims();
        let weights: Vec<f32> = (0..rows * columns)
            .map(|n| ((n * 37 % 17) as f32 - 8.0) / 8.0)
            .collect();
        (out * Tensor::from_data(TensorData::new(weights, [rows, columns]), device)).sum()
    };
    let gradients = GradientsParams::from_grads(weigh(&model).backward(), &model);
    let gradients = flat_gradients::<B, M>(&model, &gradients);
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
pub fn relabeling_permutes_the_output<B, M>(
    build: impl Fn(usize, usize, u64, &B::Device) -> M,
    device: &B::Device,
) where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
{
    let (n_users, n_items, edges) = small();
    let n_nodes = n_users + n_items;
    // Weights depend on labels, so they are taken off by giving every pair the same one.
    let plain = |edges: &[(u32, u32)]| {
        let mut pairs = builder();
        for &(user, item) in edges {
            let pushed = pairs.push(UserId(user), ItemId(item), 1.0, &[1], None);
            pushed.unwrap_or_else(|e| panic!("a pair: {e}"));
        }
        let train = pairs
            .build(n_users, n_items)
            .unwrap_or_else(|e| panic!("edges: {e}"));
        let graph = TrainGraph::from_interactions(&train, &GraphOptions::default());
        let graph = graph.unwrap_or_else(|e| panic!("a graph: {e}"));
        let adjacency = graph.adjacency(&AdjacencyRequest::default());
        let adjacency = adjacency.unwrap_or_else(|e| panic!("an adjacency matrix: {e}"));
        matrix::<B>(&adjacency, device)
    };
    let user = |u: u32| (u + 2) % n_users as u32;
    let item = |i: u32| (i * 5 + 1) % n_items as u32;
    let renamed: Vec<(u32, u32)> = edges.iter().map(|&(u, i)| (user(u), item(i))).collect();
    let new_row = |row: usize| match row.checked_sub(n_users) {
        None => user(row as u32) as usize,
        Some(i) => n_users + item(i as u32) as usize,
    };
    let model = build(n_users, n_items, 13, device);
    let mut permute = PermuteRows {
        n_rows: n_nodes,
        old_of_new: vec![0; n_nodes],
    };
    (0..n_nodes).for_each(|row| permute.old_of_new[new_row(row)] = row);
    let moved = model.clone().map(&mut permute);

    let before = infer(&model, &plain(&edges));
    let after = infer(&moved, &plain(&renamed));
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
pub fn repeats_the_same_bits<B, M>(
    build: impl Fn(usize, usize, u64, &B::Device) -> M,
    device: &B::Device,
) where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
{
    let (n_users, n_items, edges) = small();
    let graph = matrix::<B>(&adjacency(n_users, n_items, &edges), device);
    let bits = |model: &M| {
        infer(model, &graph)
            .iter()
            .map(|x| x.to_bits())
            .collect::<Vec<_>>()
    };
    let model = build(n_users, n_items, 17, device);
    assert_eq!(
        bits(&model),
        bits(&build(n_users, n_items, 17, device)),
        "one seed, two models"
    );
    let other = build(n_users, n_items, 18, device);
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
