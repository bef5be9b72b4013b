//! Steps whose batches the host plans, without autodiff and its tables: propagate to the batch's rows →
//! loss with its gradient → propagate back. Or only the loss, if other code makes the embeddings.
//!
//! If the table is split among ranks by user, each computes the pairs of its own users, against the items
//! of the whole batch.

use crate::ValidTrainConfig;
use crate::engine::plan::{Batch, Plan, Planner};
use crate::engine::propagation::Propagation;
use crate::engine::setup::LinearSetup;
use crate::engine::softmax;
use crate::engine::step::{Shard, StepEngine, StepResult};
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::{
    BprBatch, LossGradient, RowIndices, SoftmaxBatch, SparseMatrix, TrainingBackend, add_rows,
    bpr_loss_gradient, gather_rows, pair_cosines, segment_sum_rows, softmax_loss_gradient,
};
use lightgcn_loss::{LossConfig, TopKConfig};
use lightgcn_sample::BatchSampler;
use rayon::prelude::*;
use std::sync::Arc;

/// Computes steps from batches that the host plans.
pub(crate) struct HostSteps<B: TrainingBackend> {
    /// `None` if the tables are final embeddings already.
    propagation: Option<Propagation<B>>,
    l2: f64,
    /// The maximum number of pairs whose items are each other's negatives.
    pairs_per_part: usize,
    planner: Planner,
}

impl<B: TrainingBackend> HostSteps<B> {
    pub(crate) fn new(setup: &LinearSetup<'_>, graph: SparseMatrix<B>) -> Self {
        let shards = setup.shards.cloned();
        let n_users = setup.sampler.positives().n_users();
        let users = shards.as_ref().map_or(0..n_users, |shards| shards.users());
        let rows = (users, graph.n_rows());
        Self {
            planner: Planner::new(setup.loss, setup.config, setup.sampler, rows),
            propagation: Some(Propagation {
                graph,
                alphas: setup.linear.alphas.clone(),
                shards,
            }),
            l2: setup.config.l2,
            pairs_per_part: setup.config.batch_size,
        }
    }

    /// The loss without L2 and its gradient, given final embeddings.
    pub(crate) fn of_embeddings(
        loss: LossConfig,
        config: &ValidTrainConfig,
        sampler: &Arc<BatchSampler>,
    ) -> Self {
        let positives = sampler.positives();
        let n_users = positives.n_users();
        let rows = (0..n_users, n_users + positives.n_items());
        Self {
            planner: Planner::new(loss, config, sampler, rows),
            propagation: None,
            l2: 0.0,
            pairs_per_part: config.batch_size,
        }
    }

    /// The final embeddings of some nodes, of which the first `n_users` are users.
    fn embeddings(
        &self,
        table: &Tensor<B, 2>,
        nodes: &RowIndices<B>,
        n_users: usize,
    ) -> Tensor<B, 2> {
        match &self.propagation {
            Some(propagation) => propagation.rows(table, nodes, n_users),
            None => gather_rows(table.clone(), nodes),
        }
    }

    /// The gradient at the table, given that at the final embeddings of these nodes.
    fn at_table(
        &self,
        gradient: Tensor<B, 2>,
        nodes: &RowIndices<B>,
        n_users: usize,
    ) -> Tensor<B, 2> {
        match &self.propagation {
            Some(propagation) => propagation.transposed_rows(gradient, nodes, n_users),
            None => segment_sum_rows(gradient, nodes),
        }
    }

    /// Adds the L2 penalty on a batch's rows, which the batch reads so often, and its gradient.
    fn add_l2(
        &self,
        mut step: StepResult<B, Tensor<B, 2>>,
        table: &Tensor<B, 2>,
        indices: &RowIndices<B>,
        (repeats, n_users, n_pairs): (Vec<f32>, usize, usize),
    ) -> StepResult<B, Tensor<B, 2>> {
        let n = repeats.len();
        let factors = TensorData::new(repeats, [n, 1]);
        let factors = Tensor::<B, 2>::from_data(factors, &table.device());
        let rows = gather_rows(table.clone(), indices);
        let pull = rows.clone() * factors.mul_scalar(self.l2 / n_pairs as f64);
        // Rows first: sums of long vectors have no fixed order.
        let mut l2 = (pull.clone() * rows).sum_dim(1);
        step.gradient = add_rows(step.gradient, pull, indices);
        let shards = self.propagation.as_ref().and_then(|p| p.shards.as_ref());
        if shards.is_some_and(|shards| !shards.is_first()) {
            // The first rank counts the items.
            if n_users == 0 {
                return step;
            }
            l2 = l2.narrow(0, 0, n_users);
        }
        step.loss = step.loss + l2.sum().mul_scalar(0.5);
        step
    }
}

impl<B: TrainingBackend> StepEngine<B, Tensor<B, 2>, Tensor<B, 2>> for HostSteps<B> {
    fn step(&mut self, table: &Tensor<B, 2>, shard: &Shard<'_>) -> StepResult<B, Tensor<B, 2>> {
        if shard.places.len() > self.pairs_per_part {
            return self.step_in_parts(table, shard);
        }
        let Plan {
            nodes,
            n_users,
            n_pairs,
            repeats,
            batch,
        } = self.planner.plan(shard);
        let indices = RowIndices::from_slice(&nodes, table.dims()[0], &table.device());
        let embeddings = self.embeddings(table, &indices, n_users);
        let thresholds = shard.context.thresholds;
        let LossGradient { loss, gradient } =
            loss_gradient(embeddings, (&nodes, n_users), batch, thresholds);
        let gradient = self.at_table(gradient, &indices, n_users);
        let step = StepResult { loss, gradient };
        match repeats.filter(|_| self.l2 > 0.0) {
            Some(repeats) => self.add_l2(step, table, &indices, (repeats, n_users, n_pairs)),
            None => step,
        }
    }
}

impl<B: TrainingBackend> HostSteps<B> {
    /// A step with several parts that share one forward and backward propagation. The loss is the
    /// mean over all pairs.
    fn step_in_parts(
        &self,
        table: &Tensor<B, 2>,
        shard: &Shard<'_>,
    ) -> StepResult<B, Tensor<B, 2>> {
        let n_pairs = shard.places.len();
        let parts = n_pairs.div_ceil(self.pairs_per_part);
        let (planner, size) = (&self.planner, self.pairs_per_part);
        let plan = |n| {
            let start = shard.places.start + n * size;
            planner.plan(&Shard {
                batches: shard.batches,
                places: start..(start + size).min(shard.places.end),
                number: shard.number + n,
                context: shard.context,
            })
        };
        let plans: Vec<Plan> = (0..parts).into_par_iter().map(plan).collect();
        let nodes = plans.iter().flat_map(|plan| plan.nodes.iter().copied());
        let mut nodes: Vec<u32> = nodes.collect();
        nodes.par_sort_unstable();
        nodes.dedup();
        let n_users = nodes.partition_point(|&node| planner.is_user(node));
        let device = table.device();
        let indices = RowIndices::from_slice(&nodes, table.dims()[0], &device);
        let embeddings = self.embeddings(table, &indices, n_users);
        let thresholds = shard.context.thresholds;
        let part = |plan: Plan| {
            let rows = rows_among(&plan.nodes, &nodes);
            let rows = RowIndices::from_slice(&rows, nodes.len(), &device);
            let own = gather_rows(embeddings.clone(), &rows);
            let share = plan.n_pairs as f64 / n_pairs as f64;
            let nodes = (&plan.nodes[..], plan.n_users);
            let LossGradient { loss, gradient } = loss_gradient(own, nodes, plan.batch, thresholds);
            (loss.mul_scalar(share), gradient.mul_scalar(share), rows)
        };
        let parts: Vec<_> = plans.into_par_iter().map(part).collect();
        let mut sum = StepResult {
            loss: Tensor::zeros([1], &device),
            gradient: embeddings.zeros_like(),
        };
        // One after the other: the sums have a fixed order.
        for (loss, gradient, rows) in parts {
            sum.loss = sum.loss + loss;
            sum.gradient = add_rows(sum.gradient, gradient, &rows);
        }
        let gradient = self.at_table(sum.gradient, &indices, n_users);
        StepResult { gradient, ..sum }
    }
}

/// Where ascending nodes are among more of them, ascending.
fn rows_among(nodes: &[u32], all: &[u32]) -> Vec<u32> {
    let mut first = 0;
    let place = |node: &u32| {
        first += all[first..].partition_point(|other| other < node);
        first as u32
    };
    nodes.iter().map(place).collect()
}

/// The loss of a batch and its gradient at the embeddings of its nodes, of which so many are users.
fn loss_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    nodes: (&[u32], usize),
    batch: Batch,
    thresholds: &[f32],
) -> LossGradient<B> {
    match batch {
        // No pair of the batch is of this rank's users.
        Batch::Bpr(BprBatch { users, .. }) | Batch::Softmax(_, SoftmaxBatch { users, .. })
            if users.is_empty() =>
        {
            LossGradient {
                loss: Tensor::zeros([1], &embeddings.device()),
                gradient: embeddings.zeros_like(),
            }
        }
        Batch::Bpr(batch) => bpr_loss_gradient(embeddings, &batch),
        Batch::Softmax(config, mut batch) => {
            if let Some(top_k) = config.top_k {
                weight_by_top_k(&top_k, &mut batch, &embeddings, (nodes, thresholds));
            }
            softmax_loss_gradient(embeddings, &batch, &softmax::options(&config))
        }
    }
}

/// Multiplies the weights of the pairs by those of SL@K, which are constants to the gradient.
fn weight_by_top_k<B: TrainingBackend>(
    top_k: &TopKConfig,
    batch: &mut SoftmaxBatch,
    embeddings: &Tensor<B, 2>,
    ((nodes, n_users), thresholds): ((&[u32], usize), &[f32]),
) {
    let (n_rows, first_item) = (nodes.len(), n_users as u32);
    let device = embeddings.device();
    let items: Vec<u32> = batch.items.iter().map(|item| first_item + item).collect();
    let users = RowIndices::from_slice(&batch.users, n_rows, &device);
    let items = RowIndices::from_slice(&items, n_rows, &device);
    let cosines = pair_cosines(embeddings.clone(), &users, &items).into_data();
    let pairs = batch.weights.iter_mut().zip(&batch.users);
    for ((weight, &user), cosine) in pairs.zip(cosines.iter::<f32>()) {
        let threshold = thresholds[nodes[user as usize] as usize];
        *weight *= top_k.weight(cosine, threshold);
    }
}
