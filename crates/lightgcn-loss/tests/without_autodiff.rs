//! Compares the losses by autodiff with those of `lightgcn-kernels`, which return their gradient.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::{SoftmaxBatch, SoftmaxOptions, reference, softmax_loss_gradient};
use lightgcn_loss::{Batch, BatchIds, Loss, SoftmaxConfig, TableRows, Tables};

const N_USERS: usize = 5;
const N_ITEMS: usize = 6;
const DIMENSION: usize = 7;

/// Numbers between −1 and 1 that follow no simple rule.
fn numbers(count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let hash = (index + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((hash ^ (hash >> 31)) >> 16) as u16 as f32 / 32768.0 - 1.0
        })
        .collect()
}

fn table(elements: &[f32]) -> Tensor<Flex, 2> {
    let data = TensorData::new(elements.to_vec(), [N_USERS + N_ITEMS, DIMENSION]);
    Tensor::from_data(data, &Default::default())
}

fn assert_close(found: Tensor<Flex, 2>, expected: Tensor<Flex, 2>) {
    let values = |t: Tensor<Flex, 2>| t.into_data().iter::<f64>().collect::<Vec<_>>();
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(0.0_f64, |most, e| most.max(e.abs()));
    assert!(scale > 1e-3);
    for (index, (f, e)) in found.iter().zip(&expected).enumerate() {
        assert!((f - e).abs() < 1e-5 * scale, "element {index}: {f} and {e}");
    }
}

/// A batch of all nodes, with popularity correction, shared items and known positives, as pairs and
/// as distinct rows whose candidates count as often as they are drawn.
#[test]
fn softmax_losses_and_gradients_agree() {
    let (users, items, extra) = ([0, 1, 2, 2, 4], [3, 0, 3, 5, 0], [1, 3, 1, 4, 2]);
    let shares = [0.5_f32, 0.125, 0.5, 0.0625, 0.125];
    let weights = [1.0_f32, 0.5, 2.0, 0.25, 1.0];
    let known = |user: u32, item: u32| user == 1 && item == 4 || user == 2 && item % 2 == 1;
    let candidates: Vec<u32> = items.iter().chain(&extra).copied().collect();
    let correction = 0.5;

    let device = Default::default();
    let mask: Vec<bool> = users
        .iter()
        .flat_map(|&user| candidates.iter().map(move |&item| known(user, item)))
        .collect();
    let mask = TensorData::new(mask, [users.len(), candidates.len()]);
    type B = Autodiff<Flex>;
    let ids = BatchIds {
        users: &users,
        positives: &items,
        shared: &extra,
        ..BatchIds::default()
    };
    let pairs = Batch::<B>::new(&ids, TableRows::new(N_USERS, N_ITEMS), &device)
        .with_weights(&weights)
        .with_popularity(&shares)
        .with_known_positives(Tensor::from_data(mask, &device));

    let mut candidate_weights = vec![0.0_f32; N_ITEMS];
    for (&item, q) in items.iter().zip(shares) {
        candidate_weights[item as usize] += q.powf(-correction);
    }
    for &item in &extra {
        candidate_weights[item as usize] += (N_ITEMS as f32).powf(correction);
    }
    let excluded = |user: u32| (0..N_ITEMS as u32).filter(|&i| known(user, i)).collect();
    let batch = SoftmaxBatch {
        n_users: N_USERS,
        users: users.to_vec(),
        items: items.to_vec(),
        weights: weights.iter().map(|w| w / users.len() as f32).collect(),
        candidate_weights,
        excluded: Some((0..N_USERS as u32).map(excluded).collect()),
    };

    let elements = numbers((N_USERS + N_ITEMS) * DIMENSION);
    for (temperature, negative_weight) in [(0.1, 1.0), (0.5, 0.75)] {
        let loss = SoftmaxConfig {
            temperature,
            negative_weight,
            popularity_correction: f64::from(correction),
            ..SoftmaxConfig::default()
        };
        let embeddings = Tensor::<B, 2>::from_inner(table(&elements)).require_grad();
        let tables = Tables {
            embeddings: embeddings.clone(),
            layer0: embeddings.clone(),
        };
        let value = loss.forward(tables, &pairs);
        let gradient = embeddings.grad(&value.backward()).unwrap();

        let settings = SoftmaxOptions {
            temperature: temperature as f32,
            negative_weight: negative_weight as f32,
        };
        for other in [
            softmax_loss_gradient(table(&elements), &batch, &settings),
            reference::softmax_loss_gradient(table(&elements), &batch, &settings),
        ] {
            let (one, two) = (value.clone().inner(), other.loss);
            assert_close(two.reshape([1, 1]), one.reshape([1, 1]));
            assert_close(other.gradient, gradient.clone());
        }
    }
}
