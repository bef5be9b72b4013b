//! The losses in plain tensor operations, on any backend. Known positives are looked up on the host.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData, activation};

use super::node_softmax::NodeSoftmax;
use super::slot_gradient::SlotGradient;
use crate::batch_loss::reference::LEAST_SQUARED_LENGTH;
use crate::node_batch::batch::NodeBatch;
use crate::node_batch::pair_table::PairTable;

/// As [`crate::bpr_slot_gradient`], which checks the arguments.
pub fn bpr_slot_gradient<B: Backend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
) -> SlotGradient<B> {
    let (pairs, negatives) = (batch.n_pairs, batch.n_negatives);
    let dim = embeddings.dims()[1];
    let rows = embeddings.select(0, batch.nodes());
    let part = |start: usize, n: usize| rows.clone().narrow(0, start, n);
    let user = part(0, pairs).reshape([pairs, 1, dim]);
    let positive = part(pairs, pairs).reshape([pairs, 1, dim]);
    let negative = part(2 * pairs, pairs * negatives).reshape([pairs, negatives, dim]);
    let difference = positive - negative;
    let margin = (user.clone() * difference.clone()).sum_dim(2);
    let weights = batch.weights().reshape([pairs, 1, 1]);
    let losses = activation::softplus(-margin.clone(), 1.0) * weights.clone();
    let slope = -activation::sigmoid(-margin) * weights;
    let by_user = (slope.clone() * difference).sum_dim(1);
    let by_negative = -(slope.clone() * user.clone());
    let by_positive = slope.sum_dim(1) * user;
    let flat = |gradient: Tensor<B, 3>, n: usize| gradient.reshape([n, dim]);
    SlotGradient {
        losses: losses.reshape([pairs * negatives]),
        gradient: Tensor::cat(
            vec![
                flat(by_user, pairs),
                flat(by_positive, pairs),
                flat(by_negative, pairs * negatives),
            ],
            0,
        ),
    }
}

/// As [`crate::softmax_slot_gradient`], which checks the arguments.
pub fn softmax_slot_gradient<B: Backend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> SlotGradient<B> {
    let device = embeddings.device();
    let (n, shared) = (batch.n_pairs, batch.n_shared);
    let rows = embeddings.select(0, batch.nodes());
    let squared = rows.clone().powi_scalar(2).sum_dim(1);
    let length = squared.clamp_min(LEAST_SQUARED_LENGTH).sqrt();
    let unit = rows / length.clone();
    let user = unit.clone().narrow(0, 0, n);
    let candidates = unit.clone().narrow(0, n, n + shared);
    let positive = unit.clone().narrow(0, n, n);
    let cosine = (user.clone() * positive.clone()).sum_dim(1);
    let mut weights = batch.weights().reshape([n, 1]);
    if let Some((thresholds, temperature)) = &softmax.top_k {
        let users = batch.nodes().narrow(0, 0, n);
        let thresholds = thresholds.clone().select(0, users).reshape([n, 1]);
        let margin = (cosine.clone() - thresholds).div_scalar(*temperature);
        weights = weights * activation::sigmoid(margin);
    }

    let inverse = 1.0 / softmax.options.temperature;
    let scores = user.clone().matmul(candidates.clone().transpose());
    let scores = scores.mul_scalar(inverse);
    let (counts, has_negatives) = counts(batch, pairs, softmax);
    let counts = Tensor::<B, 2>::from_data(TensorData::new(counts, [n, n + shared]), &device);
    let has_negatives = Tensor::<B, 2>::from_data(TensorData::new(has_negatives, [n, 1]), &device);
    let left_out = counts.clone().equal_elem(0.0).float().mul_scalar(1e30);
    let masked = scores - left_out;
    let top = masked.clone().max_dim(1).clamp_min(-1e6);
    let exponentials = (masked - top.clone()).exp() * counts;
    let total = exponentials.clone().sum_dim(1) + (has_negatives.clone().neg() + 1.0);
    let second = (total.clone().log() + top) * has_negatives.clone();
    let second = second.mul_scalar(softmax.options.negative_weight);
    let losses = (second - cosine.mul_scalar(inverse)) * weights.clone();

    let slope = weights.clone() * has_negatives / total;
    let slope = slope.mul_scalar(softmax.options.negative_weight * inverse);
    let by_score = exponentials * slope;
    let by_own = weights.mul_scalar(-inverse);
    let by_user = by_score.clone().matmul(candidates) + by_own.clone() * positive;
    let by_candidate = by_score.transpose().matmul(user.clone());
    let dim = unit.dims()[1];
    let zeros = Tensor::zeros([n, dim], &device);
    let mut own = vec![zeros, by_own * user];
    if shared > 0 {
        own.push(Tensor::zeros([shared, dim], &device));
    }
    let by_unit = Tensor::cat(vec![by_user, by_candidate], 0) + Tensor::cat(own, 0);
    let along = (by_unit.clone() * unit.clone()).sum_dim(1);
    SlotGradient {
        losses: losses.reshape([n]),
        gradient: (by_unit - along * unit) / length,
    }
}

/// The weight of each candidate in each pair's sum (`[n_pairs, n_candidates]`), and 1 for pairs
/// with a non-empty sum, else 0.
fn counts<B: Backend>(
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> (Vec<f32>, Vec<f32>) {
    let host = |tensor: Tensor<B, 1, Int>| -> Vec<usize> {
        let ints = tensor.into_data();
        ints.iter::<i64>().map(|int| int as usize).collect()
    };
    let n = batch.n_pairs;
    let nodes = host(batch.nodes());
    let (offsets, items) = (
        host(pairs.positives.offsets.clone()),
        host(pairs.positives.items.clone()),
    );
    let item_weights: Vec<f32> = softmax.item_weights.to_data().iter().collect();
    let n_users = pairs.positives.n_users();
    let candidates: Vec<usize> = nodes[n..].iter().map(|node| node - n_users).collect();
    let (mut counts, mut has_negatives) = (Vec::new(), Vec::new());
    for (pair, &user) in nodes[..n].iter().enumerate() {
        let known = &items[offsets[user]..offsets[user + 1]];
        let mut any = 0.0;
        for (candidate, item) in candidates.iter().enumerate() {
            let out = *item == candidates[pair]
                || softmax.mask_positives && known.binary_search(item).is_ok();
            let mut count = match candidate < n {
                true => item_weights[*item],
                false => softmax.shared_weight,
            };
            if out {
                count = 0.0;
            } else {
                any = 1.0;
            }
            counts.push(count);
        }
        has_negatives.push(any);
    }
    (counts, has_negatives)
}
