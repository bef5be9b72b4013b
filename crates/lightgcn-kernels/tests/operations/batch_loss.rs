use lightgcn_kernels::{
    BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions, TrainingBackend, bpr_loss_gradient,
    reference, softmax_loss_gradient,
};

use crate::backends::on_every_backend;
use crate::cases::{DIMS, Random, assert_close, elements, tensor};

on_every_backend! {
    bpr: check_bpr;
    bpr_far_margins: check_far_margins;
    softmax: check_softmax;
    softmax_without_negatives: check_without_negatives;
}

const N_ROWS: usize = 19;

fn bpr_batch(n_pairs: usize, n_negatives: usize) -> BprBatch {
    let mut random = Random(n_negatives as u64);
    let mut rows = |n: usize| (0..n).map(|_| random.below(N_ROWS) as u32).collect();
    BprBatch {
        users: rows(n_pairs),
        positives: rows(n_pairs),
        negatives: rows(n_pairs * n_negatives),
        weights: (1..=n_pairs).map(|n| n as f32 / n_pairs as f32).collect(),
    }
}

/// The loss and gradient in `f64` by plain loops.
fn bpr_by_hand(x: &[f32], dim: usize, batch: &BprBatch) -> (f64, Vec<f64>) {
    let at = |row: u32, d: usize| f64::from(x[row as usize * dim + d]);
    let (mut loss, mut gradient) = (0.0, vec![0.0; x.len()]);
    let n_negatives = batch.negatives.len() / batch.users.len();
    for (n, &negative) in batch.negatives.iter().enumerate() {
        let pair = n / n_negatives;
        let (user, positive) = (batch.users[pair], batch.positives[pair]);
        let margin: f64 = (0..dim)
            .map(|d| at(user, d) * (at(positive, d) - at(negative, d)))
            .sum();
        let weight = f64::from(batch.weights[pair]);
        loss += weight * ((-margin.abs()).exp().ln_1p() + (-margin).max(0.0));
        let slope = -weight / (1.0 + margin.exp());
        for d in 0..dim {
            gradient[user as usize * dim + d] += slope * (at(positive, d) - at(negative, d));
            gradient[positive as usize * dim + d] += slope * at(user, d);
            gradient[negative as usize * dim + d] -= slope * at(user, d);
        }
    }
    (loss, gradient)
}

fn assert_loss<B: TrainingBackend>(found: LossGradient<B>, expected: &(f64, Vec<f64>), what: &str) {
    assert_close(&elements(found.loss), &[expected.0], 1e-5, what);
    assert_close(&elements(found.gradient), &expected.1, 1e-5, what);
}

fn check_bpr<B: TrainingBackend>(device: &B::Device) {
    for (dim, (pairs, negatives)) in
        DIMS.into_iter()
            .zip([(1, 1), (40, 1), (33, 3), (7, 2), (300, 1)])
    {
        let batch = bpr_batch(pairs, negatives);
        let x = Random(dim as u64).floats(N_ROWS * dim);
        let expected = bpr_by_hand(&x, dim, &batch);
        let x = tensor::<B>(&x, N_ROWS, dim, device);
        assert_loss(bpr_loss_gradient(x.clone(), &batch), &expected, "bpr");
        assert_loss(
            reference::bpr_loss_gradient(x, &batch),
            &expected,
            "reference",
        );
    }
}

/// Margins whose exponentials overflow.
fn check_far_margins<B: TrainingBackend>(device: &B::Device) {
    let batch = BprBatch {
        users: vec![0, 0],
        positives: vec![1, 2],
        negatives: vec![2, 1],
        weights: vec![1.0, 1.0],
    };
    let x = [20.0, 20.0, -20.0];
    let found = bpr_loss_gradient(tensor::<B>(&x, 3, 1, device), &batch);
    assert_close(&elements(found.loss), &[800.0], 1e-6, "loss");
    let gradient = elements(found.gradient);
    assert_close(&gradient, &[40.0, -0.0 + 20.0, -20.0], 1e-6, "gradient");
}

fn softmax_batch(masked: bool) -> SoftmaxBatch {
    let (n_users, n_candidates, n_pairs) = (6, 13, 20);
    let mut random = Random(5);
    let mut users: Vec<u32> = (0..n_pairs).map(|_| random.below(n_users) as u32).collect();
    users.sort_unstable();
    SoftmaxBatch {
        n_users,
        items: (0..n_pairs)
            .map(|_| random.below(n_candidates) as u32)
            .collect(),
        weights: (1..=n_pairs).map(|n| n as f32 / 20.0).collect(),
        candidate_weights: (0..n_candidates).map(|n| 0.5 + n as f32 / 4.0).collect(),
        excluded: masked.then(|| {
            (0..n_users as u32)
                .map(|user| {
                    if user == 2 {
                        vec![]
                    } else {
                        vec![user, user + 4]
                    }
                })
                .collect()
        }),
        users,
    }
}

/// The loss in `f64` by plain loops.
fn softmax_by_hand(x: &[f64], dim: usize, batch: &SoftmaxBatch, settings: &SoftmaxOptions) -> f64 {
    let unit = |row: usize| {
        let row = &x[row * dim..][..dim];
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
        row.iter().map(|x| x / length).collect::<Vec<f64>>()
    };
    let rows: Vec<Vec<f64>> = (0..x.len() / dim).map(unit).collect();
    let (tau, t2) = (
        f64::from(settings.temperature),
        f64::from(settings.negative_weight),
    );
    let mut loss = 0.0;
    for pair in 0..batch.users.len() {
        let (user, item) = (batch.users[pair] as usize, batch.items[pair] as usize);
        let score = |j: usize| -> f64 {
            let other = &rows[batch.n_users + j];
            rows[user]
                .iter()
                .zip(other)
                .map(|(a, b)| a * b)
                .sum::<f64>()
                / tau
        };
        let excluded = batch
            .excluded
            .as_ref()
            .map_or(&[][..], |lists| &lists[user]);
        let total: f64 = (0..batch.candidate_weights.len())
            .filter(|&j| j != item && !excluded.contains(&(j as u32)))
            .map(|j| f64::from(batch.candidate_weights[j]) * score(j).exp())
            .sum();
        let second = if total > 0.0 { t2 * total.ln() } else { 0.0 };
        loss += f64::from(batch.weights[pair]) * (second - score(item));
    }
    loss
}

fn check_softmax<B: TrainingBackend>(device: &B::Device) {
    for (masked, (dim, temperature)) in [(false, (64, 0.12)), (true, (50, 0.2)), (true, (3, 0.05))]
    {
        let batch = softmax_batch(masked);
        let settings = SoftmaxOptions {
            temperature,
            negative_weight: 0.84,
        };
        let n_rows = batch.n_users + batch.candidate_weights.len();
        let x = Random(dim as u64).floats(n_rows * dim);
        let wide: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let loss = softmax_by_hand(&wide, dim, &batch, &settings);
        let step = 1e-5;
        let differences = (0..x.len()).map(|n| {
            let moved = |by: f64| {
                let mut moved = wide.clone();
                moved[n] += by;
                softmax_by_hand(&moved, dim, &batch, &settings)
            };
            (moved(step) - moved(-step)) / (2.0 * step)
        });
        let expected = (loss, differences.collect::<Vec<f64>>());
        let x = tensor::<B>(&x, n_rows, dim, device);
        let found = softmax_loss_gradient(x.clone(), &batch, &settings);
        assert_close(&elements(found.loss), &[expected.0], 1e-5, "loss");
        assert_close(&elements(found.gradient), &expected.1, 1e-4, "gradient");
        let found = reference::softmax_loss_gradient(x, &batch, &settings);
        assert_close(&elements(found.loss), &[expected.0], 1e-5, "reference");
        assert_close(&elements(found.gradient), &expected.1, 1e-4, "reference");
    }
}

/// A pair whose other candidates are all excluded has its first term alone.
fn check_without_negatives<B: TrainingBackend>(device: &B::Device) {
    let batch = SoftmaxBatch {
        n_users: 1,
        users: vec![0],
        items: vec![0],
        weights: vec![2.0],
        candidate_weights: vec![1.0, 1.0],
        excluded: Some(vec![vec![0, 1]]),
    };
    let settings = SoftmaxOptions {
        temperature: 0.5,
        negative_weight: 1.0,
    };
    let x = tensor::<B>(&[1.0, 0.0, 3.0, 3.0, 0.0, 1.0], 3, 2, device);
    let found = softmax_loss_gradient(x, &batch, &settings);
    let cosine = 0.5f64.sqrt();
    assert_close(&elements(found.loss), &[-4.0 * cosine], 1e-6, "loss");
    let expected = [0.0, -4.0 * cosine, -cosine / 1.5, cosine / 1.5, 0.0, 0.0];
    assert_close(&elements(found.gradient), &expected, 1e-6, "gradient");
}
