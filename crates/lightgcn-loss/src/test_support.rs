//! What the tests of several losses share.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};

use crate::{Batch, BatchIds, Loss, SoftmaxConfig, TableRows, Tables};

/// The CPU backend with gradients.
pub(crate) type B = Autodiff<Flex>;

/// A tensor of 64-bit floats, so that finite differences are sharp.
pub(crate) fn f64_tensor<const D: usize>(shape: [usize; D], values: &[f64]) -> Tensor<B, D> {
    let data = TensorData::new(values.to_vec(), shape);
    Tensor::from_data(data, (&Default::default(), DType::F64))
}

/// The elements of a tensor of any float type.
pub(crate) fn values<B: burn::tensor::backend::Backend, const D: usize>(
    tensor: Tensor<B, D>,
) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A batch of two users and three items.
pub(crate) fn batch(
    users: &[u32],
    positives: &[u32],
    negatives: &[u32],
    shared: &[u32],
) -> Batch<B> {
    let ids = BatchIds {
        users,
        positives,
        negatives,
        shared,
    };
    Batch::new(&ids, TableRows::new(2, 3), &Default::default())
}

/// Fails unless each pair differs by at most `tolerance`, relative above 1.
pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * e.abs().max(1.0),
            "element {index}: found {f}, expected {e}"
        );
    }
}

/// Holds the gradient of `loss` at `at` against central differences.
pub(crate) fn gradient_check(loss: impl Fn(Tensor<B, 1>) -> Tensor<B, 1>, at: &[f64]) {
    let x = f64_tensor([at.len()], at).require_grad();
    let gradients = loss(x.clone()).backward();
    let Some(gradient) = x.grad(&gradients) else {
        panic!("the loss does not depend on its argument");
    };
    let found = values(gradient);
    let step = 1e-5;
    let expected: Vec<f64> = (0..at.len())
        .map(|index| {
            let value = |shift: f64| {
                let mut moved = at.to_vec();
                moved[index] += shift;
                values(loss(f64_tensor([at.len()], &moved)))[0]
            };
            (value(step) - value(-step)) / (2.0 * step)
        })
        .collect();
    assert!(found.iter().any(|slope| *slope != 0.0));
    // burn holds the scalars of a backward pass in 32 bits.
    assert_close(&found, &expected, 1e-6);
}

/// A softmax loss by its formula, pair by pair and candidate by candidate, in 64 bits on the host.
#[derive(Clone, Debug)]
pub(crate) struct SoftmaxCase {
    pub(crate) config: SoftmaxConfig,
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
    pub(crate) shared: Vec<u32>,
    pub(crate) n_users: usize,
    pub(crate) n_items: usize,
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) popularity: Option<Vec<f32>>,
    /// `[batch, n_candidates]`
    pub(crate) known: Option<Vec<Vec<bool>>>,
    pub(crate) thresholds: Option<Vec<f32>>,
}

impl SoftmaxCase {
    pub(crate) fn new(users: &[u32], items: &[u32], shared: &[u32], nodes: (usize, usize)) -> Self {
        Self {
            config: SoftmaxConfig::default(),
            users: users.to_vec(),
            items: items.to_vec(),
            shared: shared.to_vec(),
            n_users: nodes.0,
            n_items: nodes.1,
            weights: None,
            popularity: None,
            known: None,
            thresholds: None,
        }
    }

    pub(crate) fn batch(&self) -> Batch<B> {
        let device = Default::default();
        let ids = BatchIds {
            users: &self.users,
            positives: &self.items,
            shared: &self.shared,
            ..BatchIds::default()
        };
        let mut batch = Batch::new(&ids, TableRows::new(self.n_users, self.n_items), &device);
        if let Some(weights) = &self.weights {
            batch = batch.with_weights(weights);
        }
        if let Some(popularity) = &self.popularity {
            batch = batch.with_popularity(popularity);
        }
        if let Some(known) = &self.known {
            let shape = [known.len(), known[0].len()];
            let mask = TensorData::new(known.concat(), shape);
            batch = batch.with_known_positives(Tensor::from_data(mask, &device));
        }
        if let Some(thresholds) = &self.thresholds {
            batch = batch.with_top_k_thresholds(thresholds);
        }
        batch
    }

    /// The loss and its gradient as the crate computes them.
    pub(crate) fn run(&self, table: Tensor<B, 2>) -> (f64, Vec<f64>) {
        let table = table.require_grad();
        let tables = Tables {
            embeddings: table.clone(),
            layer0: table.clone(),
        };
        let loss = self.config.forward(tables, &self.batch());
        let Some(gradient) = table.grad(&loss.backward()) else {
            panic!("the loss does not depend on the table");
        };
        (values(loss)[0], values(gradient))
    }

    fn cosine(&self, table: &[f64], user: u32, item: u32) -> f64 {
        let dimension = table.len() / (self.n_users + self.n_items);
        let row = |row: usize| &table[row * dimension..][..dimension];
        let (user, item) = (row(user as usize), row(self.n_users + item as usize));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = |x: &[f64]| dot(x, x).sqrt().max(1e-12);
        dot(user, item) / (length(user) * length(item))
    }

    /// The factor of each pair: its weight, and that of SL@K.
    pub(crate) fn factors(&self, table: &[f64]) -> Vec<f64> {
        (0..self.users.len())
            .map(|p| {
                let weight = self.weights.as_ref().map_or(1.0, |w| f64::from(w[p]));
                let Some(top_k) = self.config.top_k else {
                    return weight;
                };
                let Some(thresholds) = &self.thresholds else {
                    panic!("the case has no thresholds");
                };
                let score = self.cosine(table, self.users[p], self.items[p]);
                let margin = score - f64::from(thresholds[p]);
                weight / (1.0 + (-margin / top_k.temperature).exp())
            })
            .collect()
    }

    /// The loss with these factors of the pairs, which the gradient holds constant.
    pub(crate) fn loss(&self, table: &[f64], factors: &[f64]) -> f64 {
        let batch = self.users.len();
        let temperature = self.config.temperature;
        let candidates: Vec<u32> = self.items.iter().chain(&self.shared).copied().collect();
        let mut loss = 0.0;
        for p in 0..batch {
            let (user, item) = (self.users[p], self.items[p]);
            let logits: Vec<f64> = (0..candidates.len())
                .filter(|&j| candidates[j] != item && !self.known.as_ref().is_some_and(|k| k[p][j]))
                .map(|j| {
                    let popularity = match &self.popularity {
                        None => 1.0,
                        Some(shares) if j < batch => f64::from(shares[j]),
                        Some(_) => 1.0 / self.n_items as f64,
                    };
                    self.cosine(table, user, candidates[j]) / temperature
                        - self.config.popularity_correction * popularity.ln()
                })
                .collect();
            let mut part = -self.cosine(table, user, item) / temperature;
            if !logits.is_empty() {
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logits.iter().map(|z| (z - largest).exp()).sum();
                part += self.config.negative_weight * (sum.ln() + largest);
            }
            loss += factors[p] * part;
        }
        loss / batch as f64
    }

    /// Holds value and gradient against this formula and its central differences, in 64 and 32 bits.
    pub(crate) fn check(&self, table: &[f64]) {
        let factors = self.factors(table);
        let value = self.loss(table, &factors);
        let step = 1e-6;
        let gradient: Vec<f64> = (0..table.len())
            .map(|index| {
                let value = |shift: f64| {
                    let mut moved = table.to_vec();
                    moved[index] += shift;
                    self.loss(&moved, &factors)
                };
                (value(step) - value(-step)) / (2.0 * step)
            })
            .collect();
        assert!(gradient.iter().any(|slope| slope.abs() > 1e-3));
        let n_nodes = self.n_users + self.n_items;
        let wide = f64_tensor([n_nodes, table.len() / n_nodes], table);
        let narrow = wide.clone().cast(DType::F32);
        for (table, value_tolerance, gradient_tolerance) in
            [(wide, 1e-6, 1e-5), (narrow, 1e-5, 1e-4)]
        {
            let (loss, slopes) = self.run(table);
            assert_close(&[loss], &[value], value_tolerance);
            assert_close(&slopes, &gradient, gradient_tolerance);
        }
    }
}
