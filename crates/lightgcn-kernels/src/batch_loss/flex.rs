//! The losses on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use lightgcn_simd::{BprTriples, SoftmaxGradients, SoftmaxPairs, SoftmaxTables};

use super::batch::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions};
use crate::flex::{dims, floats, matrix};
use crate::primitive::float_primitive;

pub(crate) fn bpr_loss_gradient(
    embeddings: Tensor<Flex, 2>,
    batch: &BprBatch,
) -> LossGradient<Flex> {
    if embeddings.dtype() != DType::F32 {
        return super::reference::bpr_loss_gradient(embeddings, batch);
    }
    let device = embeddings.device();
    let embeddings = float_primitive(embeddings).to_contiguous();
    let [rows, dim] = dims(&embeddings);
    let mut gradient = vec![0.0; rows * dim];
    let triples = BprTriples {
        users: &batch.users,
        positives: &batch.positives,
        negatives: &batch.negatives,
        weights: &batch.weights,
    };
    let loss = lightgcn_simd::bpr_loss(&triples, floats(&embeddings), dim, &mut gradient);
    LossGradient {
        loss: Tensor::from_floats([loss as f32], &device),
        gradient: matrix(gradient, rows, dim),
    }
}

pub(crate) fn softmax_loss_gradient(
    embeddings: Tensor<Flex, 2>,
    batch: &SoftmaxBatch,
    options: &SoftmaxOptions,
) -> LossGradient<Flex> {
    if embeddings.dtype() != DType::F32 {
        return super::reference::softmax_loss_gradient(embeddings, batch, options);
    }
    let device = embeddings.device();
    let embeddings = float_primitive(embeddings).to_contiguous();
    let [rows, dim] = dims(&embeddings);
    let mut gradient = vec![0.0; rows * dim];
    let (users, items) = floats(&embeddings).split_at(batch.n_users * dim);
    let (user_gradients, item_gradients) = gradient.split_at_mut(batch.n_users * dim);
    let loss = lightgcn_simd::softmax_loss(
        options,
        &SoftmaxPairs {
            users: &batch.users,
            items: &batch.items,
            weights: &batch.weights,
            candidate_weights: &batch.candidate_weights,
            excluded: batch.excluded.as_deref(),
        },
        SoftmaxTables { users, items, dim },
        SoftmaxGradients {
            users: user_gradients,
            items: item_gradients,
        },
    );
    LossGradient {
        loss: Tensor::from_floats([loss as f32], &device),
        gradient: matrix(gradient, rows, dim),
    }
}
