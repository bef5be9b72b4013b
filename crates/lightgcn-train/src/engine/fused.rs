//! The fused step of models whose propagation is linear: sample → propagate to the batch's rows →
//! loss with its gradient → propagate back, without autodiff and its tables.

use crate::engine::steps::Here;
use crate::{LossConfig, SoftmaxConfig, TopKConfig, ValidTrainConfig};
use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::UserId;
use lightgcn_kernels::{
    BprBatch, LossGradient, RowIndices, SoftmaxBatch, SoftmaxOptions, SparseBackend, SparseMatrix,
    TrainingBackend, add_rows, bpr_loss_gradient, gather_rows, pair_cosines, propagate_rows,
    propagate_rows_transposed, softmax_loss_gradient,
};
use lightgcn_nn::EmbeddingModel;
use lightgcn_sample::{BatchSampler, PositiveSet, Positives, TripleBatch, shared_negatives};

/// No row of the batch.
const ABSENT: u32 = u32::MAX;

/// What makes a model's steps fusable: one table, and fixed weights of its layers.
#[derive(Clone)]
pub(crate) struct Linear {
    /// The table's parameter.
    pub(crate) table: ParamId,
    /// The final embeddings are `Σ_k alphas[k] Âᵏ table`.
    pub(crate) alphas: Vec<f32>,
}

/// Whether and how a model is linear in its only parameter.
pub(crate) fn linear<B, M>(model: &M) -> Option<Linear>
where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
{
    let alphas = model.linear_layer_weights()?;
    let mut parameters = Parameters(Vec::new());
    model.visit(&mut parameters);
    match parameters.0[..] {
        [(table, 2)] => Some(Linear { table, alphas }),
        _ => None,
    }
}

/// Identity and rank of each float parameter.
struct Parameters(Vec<(ParamId, usize)>);

impl<B: Backend> ModuleVisitor<B> for Parameters {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        self.0.push((parameter.id, D));
    }
}

/// A loss and the gradient of the layer-0 table.
pub(crate) struct TableGradient<B: Backend> {
    pub(crate) loss: Tensor<B, 1>,
    /// `[n_nodes, dim]`.
    pub(crate) gradient: Tensor<B, 2>,
}

/// Makes batches of distinct rows and their losses. Its buffers serve one batch after the other.
pub(crate) struct FusedSteps {
    linear: Linear,
    loss: LossConfig,
    l2: f64,
    seed: u64,
    weighted: bool,
    n_users: usize,
    n_items: usize,
    /// For each node its row in the batch, or [`ABSENT`].
    position: Vec<u32>,
    /// For each item what its popularity correction multiplies; empty without correction.
    corrections: Vec<f32>,
}

pub(crate) fn softmax_settings(spec: &SoftmaxConfig) -> SoftmaxOptions {
    SoftmaxOptions {
        temperature: spec.temperature as f32,
        negative_weight: spec.negative_weight as f32,
    }
}

/// What the correction for popularity multiplies for an item that was drawn: one of n was drawn with
/// chance 1 / n.
pub(crate) fn shared_weight(spec: &SoftmaxConfig, n_items: usize) -> f32 {
    (n_items as f64).powf(spec.popularity_correction) as f32
}

/// For each item what a correction for its popularity multiplies; empty without correction.
pub(crate) fn popularity_corrections(spec: &SoftmaxConfig, positives: &Positives) -> Vec<f32> {
    if spec.popularity_correction <= 0.0 {
        return Vec::new();
    }
    let all = positives.n_pairs() as f64;
    // An item without a positive is never in a batch of its own accord.
    let share = |count: u32| f64::from(count.max(1)) / all;
    let counts = positives.popularity().into_iter();
    counts
        .map(|count| share(count).powf(-spec.popularity_correction) as f32)
        .collect()
}

/// The distinct nodes of a batch, users first, both ascending.
struct Rows {
    nodes: Vec<u32>,
    n_users: usize,
}

impl FusedSteps {
    pub(crate) fn new(
        linear: Linear,
        loss: LossConfig,
        config: &ValidTrainConfig,
        sampler: &BatchSampler,
    ) -> Self {
        let positives = sampler.positives();
        let corrections = match loss {
            LossConfig::Softmax(spec) => popularity_corrections(&spec, positives),
            LossConfig::Bpr => Vec::new(),
        };
        Self {
            linear,
            loss,
            l2: config.l2,
            seed: config.seed,
            weighted: config.positives == PositiveSet::AllPairs,
            n_users: positives.n_users(),
            n_items: positives.n_items(),
            position: vec![ABSENT; positives.n_users() + positives.n_items()],
            corrections,
        }
    }

    /// The table's parameter.
    pub(crate) fn table(&self) -> ParamId {
        self.linear.table
    }

    /// The loss of a batch, and the gradient of the layer-0 `table`.
    pub(crate) fn step<B: TrainingBackend>(
        &mut self,
        table: Tensor<B, 2>,
        graph: &SparseMatrix<B>,
        sampler: &BatchSampler,
        batch: &TripleBatch,
        here: Here<'_>,
    ) -> TableGradient<B> {
        let extra = match self.loss {
            LossConfig::Softmax(spec) => {
                let (count, n_items) = (spec.shared_negatives, self.n_items as u32);
                shared_negatives(self.seed, here.epoch, here.batch, count, n_items)
            }
            LossConfig::Bpr => Vec::new(),
        };
        let rows = self.rows(batch, &extra);
        let device = table.device();
        let indices = RowIndices::from_slice(&rows.nodes, self.position.len(), &device);
        let alphas = &self.linear.alphas;
        let embeddings = propagate_rows(graph, table.clone(), alphas, &indices);
        let LossGradient { mut loss, gradient } = match self.loss {
            LossConfig::Bpr => bpr_loss_gradient(embeddings, &self.bpr_batch(batch)),
            LossConfig::Softmax(spec) => {
                let mut softmax = self.softmax_batch(&spec, sampler, batch, &extra, &rows);
                if let Some(top_k) = spec.top_k {
                    weigh(&top_k, &mut softmax, &embeddings, &rows, here.thresholds);
                }
                softmax_loss_gradient(embeddings, &softmax, &softmax_settings(&spec))
            }
        };
        let mut gradient = propagate_rows_transposed(graph, gradient, alphas, &indices);
        if self.l2 > 0.0 {
            let repeats = self.repeats(batch, &rows);
            let n = repeats.len();
            let factors = Tensor::<B, 2>::from_data(TensorData::new(repeats, [n, 1]), &device);
            let here = gather_rows(table, &indices);
            let pull = here.clone() * factors.mul_scalar(self.l2 / batch.len() as f64);
            // Rows first: sums of long vectors have no fixed order.
            let l2 = (pull.clone() * here).sum_dim(1).sum().mul_scalar(0.5);
            loss = loss + l2;
            gradient = add_rows(gradient, pull, &indices);
        }
        for &node in &rows.nodes {
            self.position[node as usize] = ABSENT;
        }
        TableGradient { loss, gradient }
    }

    /// The distinct nodes of the batch, whose rows are marked in `position`.
    fn rows(&mut self, batch: &TripleBatch, extra: &[u32]) -> Rows {
        let mut users = batch.users.clone();
        users.sort_unstable();
        users.dedup();
        let mut items = batch.positives.clone();
        if self.loss == LossConfig::Bpr {
            items.extend_from_slice(&batch.negatives);
        }
        items.extend_from_slice(extra);
        items.sort_unstable();
        items.dedup();
        let n_users = users.len();
        let first_item = self.n_users as u32;
        let mut nodes = users;
        nodes.extend(items.iter().map(|item| first_item + item));
        for (row, &node) in (0..).zip(&nodes) {
            self.position[node as usize] = row;
        }
        Rows { nodes, n_users }
    }

    fn user_row(&self, user: u32) -> u32 {
        self.position[user as usize]
    }

    fn item_row(&self, item: u32) -> u32 {
        self.position[self.n_users + item as usize]
    }

    /// The weights of the pairs over `divisor`.
    fn weights<'a>(
        &self,
        batch: &'a TripleBatch,
        divisor: usize,
    ) -> impl Fn(usize) -> f32 + use<'a> {
        let (weighted, divisor) = (self.weighted, divisor as f32);
        move |pair| {
            if weighted {
                batch.weights[pair] / divisor
            } else {
                1.0 / divisor
            }
        }
    }

    fn bpr_batch(&self, batch: &TripleBatch) -> BprBatch {
        let items = |items: &[u32]| items.iter().map(|&item| self.item_row(item)).collect();
        let weight = self.weights(batch, batch.len() * batch.n_negatives);
        BprBatch {
            users: batch
                .users
                .iter()
                .map(|&user| self.user_row(user))
                .collect(),
            positives: items(&batch.positives),
            negatives: items(&batch.negatives),
            weights: (0..batch.len()).map(weight).collect(),
        }
    }

    fn softmax_batch(
        &self,
        spec: &SoftmaxConfig,
        sampler: &BatchSampler,
        batch: &TripleBatch,
        extra: &[u32],
        rows: &Rows,
    ) -> SoftmaxBatch {
        let mut order: Vec<usize> = (0..batch.len()).collect();
        // Stable: pairs of one user stay in the batch's order.
        order.sort_by_key(|&pair| batch.users[pair]);
        let candidate = |item: u32| self.item_row(item) - rows.n_users as u32;
        let mut candidate_weights = vec![0.0; rows.nodes.len() - rows.n_users];
        for &item in &batch.positives {
            let correction = self.corrections.get(item as usize);
            candidate_weights[candidate(item) as usize] += correction.copied().unwrap_or(1.0);
        }
        let drawn = shared_weight(spec, self.n_items);
        for &item in extra {
            candidate_weights[candidate(item) as usize] += drawn;
        }
        let weight = self.weights(batch, batch.len());
        SoftmaxBatch {
            n_users: rows.n_users,
            users: order
                .iter()
                .map(|&p| self.user_row(batch.users[p]))
                .collect(),
            items: order
                .iter()
                .map(|&p| candidate(batch.positives[p]))
                .collect(),
            weights: order.iter().map(|&p| weight(p)).collect(),
            candidate_weights,
            excluded: spec.mask_positives.then(|| {
                let users = rows.nodes[..rows.n_users].iter();
                users
                    .map(|&user| self.known(sampler, user, rows.n_users))
                    .collect()
            }),
        }
    }

    /// The candidates that are positives of the user, ascending.
    fn known(&self, sampler: &BatchSampler, user: u32, n_users: usize) -> Vec<u32> {
        let known = sampler.positives().items_of(UserId(user)).iter();
        known
            .map(|item| self.item_row(item.0))
            .filter(|&row| row != ABSENT)
            .map(|row| row - n_users as u32)
            .collect()
    }

    /// How often the batch reads each of its rows: shared negatives are not regularized.
    fn repeats(&self, batch: &TripleBatch, rows: &Rows) -> Vec<f32> {
        let mut repeats = vec![0.0; rows.nodes.len()];
        for &user in &batch.users {
            repeats[self.user_row(user) as usize] += 1.0;
        }
        let negatives: &[u32] = match self.loss {
            LossConfig::Softmax(_) => &[],
            LossConfig::Bpr => &batch.negatives,
        };
        for &item in batch.positives.iter().chain(negatives) {
            repeats[self.item_row(item) as usize] += 1.0;
        }
        repeats
    }
}

/// Multiplies the weights of the pairs by those of SL@K, which are constants to the gradient.
fn weigh<B: TrainingBackend>(
    top_k: &TopKConfig,
    batch: &mut SoftmaxBatch,
    embeddings: &Tensor<B, 2>,
    rows: &Rows,
    thresholds: &[f32],
) {
    let (n_rows, first_item) = (rows.nodes.len(), rows.n_users as u32);
    let device = embeddings.device();
    let items: Vec<u32> = batch.items.iter().map(|item| first_item + item).collect();
    let users = RowIndices::from_slice(&batch.users, n_rows, &device);
    let items = RowIndices::from_slice(&items, n_rows, &device);
    let cosines = pair_cosines(embeddings.clone(), &users, &items).into_data();
    let pairs = batch.weights.iter_mut().zip(&batch.users);
    for ((weight, &user), cosine) in pairs.zip(cosines.iter::<f32>()) {
        let threshold = thresholds[rows.nodes[user as usize] as usize];
        *weight *= top_k.weight(cosine, threshold);
    }
}
