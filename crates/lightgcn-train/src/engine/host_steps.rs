//! Steps of linear models whose batches the host plans: propagate to the batch's rows → loss with its
//! gradient → propagate back, without autodiff and its tables.

use crate::engine::setup::LinearSetup;
use crate::engine::softmax;
use crate::engine::step::{Shard, StepEngine, StepResult};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::UserId;
use lightgcn_kernels::{
    BprBatch, LossGradient, RowIndices, SoftmaxBatch, SparseMatrix, TrainingBackend, add_rows,
    bpr_loss_gradient, gather_rows, pair_cosines, propagate_rows, propagate_rows_transposed,
    softmax_loss_gradient,
};
use lightgcn_loss::{LossConfig, SoftmaxConfig, TopKConfig};
use lightgcn_sample::{BatchSampler, PositiveSet, TripleBatch, shared_negatives};
use std::sync::Arc;

/// The node has no row in the batch.
const ABSENT: u32 = u32::MAX;

/// Reduces batches to their distinct rows. The buffers are reused from batch to batch.
pub(crate) struct HostSteps<B: TrainingBackend> {
    graph: SparseMatrix<B>,
    alphas: Vec<f32>,
    loss: LossConfig,
    l2: f64,
    seed: u64,
    weighted: bool,
    /// The maximum number of pairs whose items are each other's negatives.
    pairs_per_part: usize,
    sampler: Arc<BatchSampler>,
    /// Each node's row in the batch, or [`ABSENT`].
    position: Vec<u32>,
    /// Each item's popularity correction; empty without correction.
    corrections: Vec<f32>,
}

/// A part of a batch, as input to its loss.
enum Batch {
    Bpr(BprBatch),
    Softmax(SoftmaxConfig, SoftmaxBatch),
}

/// A batch and its distinct nodes.
struct Plan {
    triples: TripleBatch,
    /// Items drawn for all pairs.
    shared: Vec<u32>,
    /// Users first, both ascending.
    nodes: Vec<u32>,
    /// How many of the nodes are users.
    n_users: usize,
}

impl<B: TrainingBackend> HostSteps<B> {
    pub(crate) fn new(setup: &LinearSetup<'_>, graph: SparseMatrix<B>) -> Self {
        let config = setup.config;
        Self {
            alphas: setup.linear.alphas.clone(),
            loss: setup.loss,
            l2: config.l2,
            seed: config.seed,
            weighted: config.positives == PositiveSet::AllPairs,
            pairs_per_part: config.batch_size,
            sampler: Arc::clone(setup.sampler),
            position: vec![ABSENT; graph.n_rows()],
            corrections: match &setup.loss {
                LossConfig::Softmax(config) => {
                    softmax::corrections(config, setup.sampler.positives())
                }
                LossConfig::Bpr => Vec::new(),
            },
            graph,
        }
    }
}

impl<B: TrainingBackend> StepEngine<B, Tensor<B, 2>, Tensor<B, 2>> for HostSteps<B> {
    fn step(&mut self, table: &Tensor<B, 2>, shard: &Shard<'_>) -> StepResult<B, Tensor<B, 2>> {
        if shard.places.len() > self.pairs_per_part {
            return self.step_in_parts(table, shard);
        }
        let plan = self.plan(shard);
        let device = table.device();
        let indices = RowIndices::from_slice(&plan.nodes, self.position.len(), &device);
        let (graph, alphas) = (&self.graph, &self.alphas);
        let embeddings = propagate_rows(graph, table.clone(), alphas, &indices);
        let LossGradient { mut loss, gradient } = match self.loss {
            LossConfig::Bpr => bpr_loss_gradient(embeddings, &self.bpr_batch(&plan.triples)),
            LossConfig::Softmax(config) => {
                let mut batch = self.softmax_batch(&config, &plan);
                if let Some(top_k) = config.top_k {
                    let thresholds = shard.context.thresholds;
                    weight_by_top_k(&top_k, &mut batch, &embeddings, (&plan, thresholds));
                }
                softmax_loss_gradient(embeddings, &batch, &softmax::options(&config))
            }
        };
        let mut gradient = propagate_rows_transposed(graph, gradient, alphas, &indices);
        if self.l2 > 0.0 {
            let repeats = self.repeats(&plan);
            let n = repeats.len();
            let factors = Tensor::<B, 2>::from_data(TensorData::new(repeats, [n, 1]), &device);
            let rows = gather_rows(table.clone(), &indices);
            let pull = rows.clone() * factors.mul_scalar(self.l2 / plan.triples.len() as f64);
            // Rows first: sums of long vectors have no fixed order.
            let l2 = (pull.clone() * rows).sum_dim(1).sum().mul_scalar(0.5);
            loss = loss + l2;
            gradient = add_rows(gradient, pull, &indices);
        }
        self.forget(&plan.nodes);
        StepResult { loss, gradient }
    }
}

impl<B: TrainingBackend> HostSteps<B> {
    /// A step with several parts that share one forward and backward propagation. The loss is the
    /// mean over all pairs.
    fn step_in_parts(
        &mut self,
        table: &Tensor<B, 2>,
        shard: &Shard<'_>,
    ) -> StepResult<B, Tensor<B, 2>> {
        let n_pairs = shard.places.len();
        let starts = shard.places.clone().step_by(self.pairs_per_part);
        let parts: Vec<(Plan, Batch)> = (0..)
            .zip(starts)
            .map(|(n, start)| {
                let plan = self.plan(&Shard {
                    batches: shard.batches,
                    places: start..(start + self.pairs_per_part).min(shard.places.end),
                    number: shard.number + n,
                    context: shard.context,
                });
                let batch = match self.loss {
                    LossConfig::Bpr => Batch::Bpr(self.bpr_batch(&plan.triples)),
                    LossConfig::Softmax(config) => {
                        Batch::Softmax(config, self.softmax_batch(&config, &plan))
                    }
                };
                self.forget(&plan.nodes);
                (plan, batch)
            })
            .collect();
        let all = parts
            .iter()
            .flat_map(|(plan, _)| plan.nodes.iter().copied());
        let mut nodes: Vec<u32> = all.collect();
        nodes.sort_unstable();
        nodes.dedup();
        for (row, &node) in (0..).zip(&nodes) {
            self.position[node as usize] = row;
        }
        let device = table.device();
        let indices = RowIndices::from_slice(&nodes, self.position.len(), &device);
        let (graph, alphas) = (&self.graph, &self.alphas);
        let embeddings = propagate_rows(graph, table.clone(), alphas, &indices);
        let mut sum = StepResult {
            loss: Tensor::zeros([1], &device),
            gradient: embeddings.zeros_like(),
        };
        for (plan, batch) in parts {
            let rows = plan.nodes.iter().map(|&node| self.position[node as usize]);
            let rows = RowIndices::from_slice(&rows.collect::<Vec<_>>(), nodes.len(), &device);
            let part = gather_rows(embeddings.clone(), &rows);
            let share = plan.triples.len() as f64 / n_pairs as f64;
            let LossGradient { loss, gradient } = match batch {
                Batch::Bpr(batch) => bpr_loss_gradient(part, &batch),
                Batch::Softmax(config, mut batch) => {
                    if let Some(top_k) = config.top_k {
                        let thresholds = shard.context.thresholds;
                        weight_by_top_k(&top_k, &mut batch, &part, (&plan, thresholds));
                    }
                    softmax_loss_gradient(part, &batch, &softmax::options(&config))
                }
            };
            sum.loss = sum.loss + loss.mul_scalar(share);
            sum.gradient = add_rows(sum.gradient, gradient.mul_scalar(share), &rows);
        }
        let gradient = propagate_rows_transposed(graph, sum.gradient, alphas, &indices);
        self.forget(&nodes);
        StepResult { gradient, ..sum }
    }

    fn forget(&mut self, nodes: &[u32]) {
        for &node in nodes {
            self.position[node as usize] = ABSENT;
        }
    }

    /// Draws the pairs and marks the rows of their distinct nodes in `position`.
    fn plan(&mut self, shard: &Shard<'_>) -> Plan {
        let triples = shard.batches.triples(shard.places.clone());
        let positives = self.sampler.positives();
        let (first_item, n_items) = (positives.n_users() as u32, positives.n_items() as u32);
        let shared = match self.loss {
            LossConfig::Softmax(config) => {
                let (epoch, count) = (shard.batches.epoch(), config.shared_negatives);
                shared_negatives(self.seed, epoch, shard.number, count, n_items)
            }
            LossConfig::Bpr => Vec::new(),
        };
        let mut nodes = triples.users.clone();
        nodes.sort_unstable();
        nodes.dedup();
        let n_users = nodes.len();
        let mut items = triples.positives.clone();
        if self.loss == LossConfig::Bpr {
            items.extend_from_slice(&triples.negatives);
        }
        items.extend_from_slice(&shared);
        items.sort_unstable();
        items.dedup();
        nodes.extend(items.iter().map(|item| first_item + item));
        for (row, &node) in (0..).zip(&nodes) {
            self.position[node as usize] = row;
        }
        Plan {
            triples,
            shared,
            nodes,
            n_users,
        }
    }

    fn user_row(&self, user: u32) -> u32 {
        self.position[user as usize]
    }

    fn item_row(&self, item: u32) -> u32 {
        self.position[self.sampler.positives().n_users() + item as usize]
    }

    /// The weights of the pairs over `divisor`.
    fn weights<'a>(
        &self,
        batch: &'a TripleBatch,
        divisor: usize,
    ) -> impl Fn(usize) -> f32 + use<'a, B> {
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
        let users = batch.users.iter();
        BprBatch {
            users: users.map(|&user| self.user_row(user)).collect(),
            positives: items(&batch.positives),
            negatives: items(&batch.negatives),
            weights: (0..batch.len()).map(weight).collect(),
        }
    }

    fn softmax_batch(&self, softmax: &SoftmaxConfig, plan: &Plan) -> SoftmaxBatch {
        let batch = &plan.triples;
        let mut order: Vec<usize> = (0..batch.len()).collect();
        // Stable: pairs of one user stay in the batch's order.
        order.sort_by_key(|&pair| batch.users[pair]);
        let candidate = |item: u32| self.item_row(item) - plan.n_users as u32;
        let weight = self.weights(batch, batch.len());
        let users = order.iter().map(|&p| self.user_row(batch.users[p]));
        let items = order.iter().map(|&p| candidate(batch.positives[p]));
        SoftmaxBatch {
            n_users: plan.n_users,
            users: users.collect(),
            items: items.collect(),
            weights: order.iter().map(|&p| weight(p)).collect(),
            candidate_weights: self.candidate_weights(softmax, plan),
            excluded: softmax.mask_positives.then(|| {
                let users = plan.nodes[..plan.n_users].iter();
                users.map(|&user| self.known(user, plan.n_users)).collect()
            }),
        }
    }

    /// The weight of each candidate: its popularity correction for each pair that has it, plus that
    /// of shared items for each time it was drawn.
    fn candidate_weights(&self, softmax: &SoftmaxConfig, plan: &Plan) -> Vec<f32> {
        let candidate = |item: u32| self.item_row(item) as usize - plan.n_users;
        let mut weights = vec![0.0; plan.nodes.len() - plan.n_users];
        for &item in &plan.triples.positives {
            let correction = self.corrections.get(item as usize);
            weights[candidate(item)] += correction.copied().unwrap_or(1.0);
        }
        let n_items = self.sampler.positives().n_items();
        let drawn = softmax::shared_correction(softmax, n_items);
        for &item in &plan.shared {
            weights[candidate(item)] += drawn;
        }
        weights
    }

    /// The candidates that are positives of the user, ascending.
    fn known(&self, user: u32, n_users: usize) -> Vec<u32> {
        let known = self.sampler.positives().items_of(UserId(user)).iter();
        known
            .map(|item| self.item_row(item.0))
            .filter(|&row| row != ABSENT)
            .map(|row| row - n_users as u32)
            .collect()
    }

    /// How often the batch reads each of its rows: shared negatives are not regularized.
    fn repeats(&self, plan: &Plan) -> Vec<f32> {
        let batch = &plan.triples;
        let mut repeats = vec![0.0; plan.nodes.len()];
        for &user in &batch.users {
            repeats[self.user_row(user) as usize] += 1.0;
        }
        let negatives: &[u32] = match self.loss {
            LossConfig::Bpr => &batch.negatives,
            LossConfig::Softmax(_) => &[],
        };
        for &item in batch.positives.iter().chain(negatives) {
            repeats[self.item_row(item) as usize] += 1.0;
        }
        repeats
    }
}

/// Multiplies the weights of the pairs by those of SL@K, which are constants to the gradient.
fn weight_by_top_k<B: TrainingBackend>(
    top_k: &TopKConfig,
    batch: &mut SoftmaxBatch,
    embeddings: &Tensor<B, 2>,
    (plan, thresholds): (&Plan, &[f32]),
) {
    let (n_rows, first_item) = (plan.nodes.len(), plan.n_users as u32);
    let device = embeddings.device();
    let items: Vec<u32> = batch.items.iter().map(|item| first_item + item).collect();
    let users = RowIndices::from_slice(&batch.users, n_rows, &device);
    let items = RowIndices::from_slice(&items, n_rows, &device);
    let cosines = pair_cosines(embeddings.clone(), &users, &items).into_data();
    let pairs = batch.weights.iter_mut().zip(&batch.users);
    for ((weight, &user), cosine) in pairs.zip(cosines.iter::<f32>()) {
        let threshold = thresholds[plan.nodes[user as usize] as usize];
        *weight *= top_k.weight(cosine, threshold);
    }
}
