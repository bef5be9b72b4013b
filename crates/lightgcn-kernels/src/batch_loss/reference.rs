//! The losses in plain tensor operations, on any backend: one row of scores per pair.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, activation};

use super::batch::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions};
use crate::reference::{gather_rows, segment_sum_rows};
use crate::row_indices::RowIndices;

/// The minimum squared length that a vector is divided by.
pub(crate) const LEAST_SQUARED_LENGTH: f64 = 1e-24;

fn column<B: Backend>(numbers: Vec<f32>, device: &B::Device) -> Tensor<B, 2> {
    let rows = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [rows, 1]), device)
}

/// As [`crate::bpr_loss_gradient`], which checks the batch.
pub fn bpr_loss_gradient<B: Backend>(
    embeddings: Tensor<B, 2>,
    batch: &BprBatch,
) -> LossGradient<B> {
    let device = embeddings.device();
    let n_rows = embeddings.dims()[0];
    let n_negatives = batch.negatives.len() / batch.users.len();
    // One triple per negative.
    let each = |rows: &[u32]| -> Vec<u32> {
        rows.iter()
            .flat_map(|&row| std::iter::repeat_n(row, n_negatives))
            .collect()
    };
    let [users, positives, negatives] = [
        each(&batch.users),
        each(&batch.positives),
        batch.negatives.clone(),
    ]
    .map(|rows| RowIndices::<B>::from_slice(&rows, n_rows, &device));
    let row = |rows: &RowIndices<B>| gather_rows(embeddings.clone(), rows);
    let (user, difference) = (row(&users), row(&positives) - row(&negatives));
    let margin = (user.clone() * difference.clone()).sum_dim(1);
    let weights = batch
        .weights
        .iter()
        .flat_map(|&weight| std::iter::repeat_n(weight, n_negatives))
        .collect();
    let weights = column::<B>(weights, &device);
    let loss = (activation::softplus(-margin.clone(), 1.0) * weights.clone()).sum();
    let slope = -activation::sigmoid(-margin) * weights;
    let gradient = segment_sum_rows(slope.clone() * difference, &users)
        + segment_sum_rows(slope.clone() * user.clone(), &positives)
        - segment_sum_rows(slope * user, &negatives);
    LossGradient { loss, gradient }
}

/// As [`crate::softmax_loss_gradient`], which checks the batch. Holds `[batch, n_candidates]`
/// matrices.
pub fn softmax_loss_gradient<B: Backend>(
    embeddings: Tensor<B, 2>,
    batch: &SoftmaxBatch,
    options: &SoftmaxOptions,
) -> LossGradient<B> {
    let device = embeddings.device();
    let [n_rows, _] = embeddings.dims();
    let (n_users, n_candidates) = (batch.n_users, n_rows - batch.n_users);
    let squared = embeddings.clone().powi_scalar(2).sum_dim(1);
    let length = squared.clamp_min(LEAST_SQUARED_LENGTH).sqrt();
    let unit = embeddings / length.clone();
    let users = RowIndices::<B>::from_slice(&batch.users, n_rows, &device);
    let positive_rows: Vec<u32> = batch.items.iter().map(|&i| n_users as u32 + i).collect();
    let positives = RowIndices::<B>::from_slice(&positive_rows, n_rows, &device);
    let user = gather_rows(unit.clone(), &users);
    let positive = gather_rows(unit.clone(), &positives);
    let candidates = unit.clone().narrow(0, n_users, n_candidates);

    let inverse = 1.0 / options.temperature;
    let own = (user.clone() * positive.clone())
        .sum_dim(1)
        .mul_scalar(inverse);
    let scores = user
        .clone()
        .matmul(candidates.clone().transpose())
        .mul_scalar(inverse);
    let (shares, has_negatives) = negative_shares(batch, n_candidates);
    let pairs = batch.users.len();
    let shares = Tensor::<B, 2>::from_data(TensorData::new(shares, [pairs, n_candidates]), &device);
    let has_negatives = column::<B>(has_negatives, &device);
    // Shifting each row by its own maximum keeps one exponential at 1, so that the sum neither
    // overflows nor underflows at any temperature. The clamp is for rows without negatives.
    let masked = scores.clone() - shares.clone().equal_elem(0.0).float().mul_scalar(1e30);
    let top = masked.clone().max_dim(1).clamp_min(-1e6);
    let exponentials = (masked - top.clone()).exp() * shares;
    let total = exponentials.clone().sum_dim(1) + (has_negatives.clone().neg() + 1.0);
    let weights = column::<B>(batch.weights.clone(), &device);
    let second = (total.clone().log() + top) * has_negatives.clone();
    let second = second.mul_scalar(options.negative_weight);
    let loss = ((second - own) * weights.clone()).sum();

    let slope = weights.clone() * has_negatives / total;
    let slope = slope.mul_scalar(options.negative_weight * inverse);
    let by_score = exponentials * slope;
    let by_own = weights.mul_scalar(-inverse);
    let by_user = by_score.clone().matmul(candidates) + by_own.clone() * positive;
    let by_candidate = by_score.transpose().matmul(user.clone());
    let zeros = Tensor::zeros([n_users, unit.dims()[1]], &device);
    let by_unit = segment_sum_rows(by_user, &users)
        + segment_sum_rows(by_own * user, &positives)
        + Tensor::cat(vec![zeros, by_candidate], 0);
    let along = (by_unit.clone() * unit.clone()).sum_dim(1);
    LossGradient {
        loss,
        gradient: (by_unit - along * unit) / length,
    }
}

/// The weight of each candidate in each pair's sum (`[batch, n_candidates]`), and 1 for pairs with
/// a non-empty sum, else 0.
fn negative_shares(batch: &SoftmaxBatch, n_candidates: usize) -> (Vec<f32>, Vec<f32>) {
    let mut shares = Vec::with_capacity(batch.users.len() * n_candidates);
    let mut has_negatives = Vec::with_capacity(batch.users.len());
    for (&user, &item) in batch.users.iter().zip(&batch.items) {
        let start = shares.len();
        shares.extend_from_slice(&batch.candidate_weights);
        shares[start + item as usize] = 0.0;
        let excluded = batch.excluded.as_ref();
        for &item in excluded.map_or(&[][..], |lists| &lists[user as usize]) {
            shares[start + item as usize] = 0.0;
        }
        let any = shares[start..].iter().any(|&share| share > 0.0);
        has_negatives.push(f32::from(u8::from(any)));
    }
    (shares, has_negatives)
}
