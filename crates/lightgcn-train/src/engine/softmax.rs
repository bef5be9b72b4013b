//! The settings of a softmax loss in the form that the kernels take.

use lightgcn_kernels::SoftmaxOptions;
use lightgcn_loss::SoftmaxConfig;
use lightgcn_sample::Positives;

/// Temperature and weight of the negatives.
pub(crate) fn options(softmax: &SoftmaxConfig) -> SoftmaxOptions {
    SoftmaxOptions {
        temperature: softmax.temperature as f32,
        negative_weight: softmax.negative_weight as f32,
    }
}

/// The popularity correction of a shared negative, which was drawn with chance 1 / n_items.
pub(crate) fn shared_correction(softmax: &SoftmaxConfig, n_items: usize) -> f32 {
    (n_items as f64).powf(softmax.popularity_correction) as f32
}

/// The popularity correction of each item, which multiplies its term; empty without correction.
pub(crate) fn corrections(softmax: &SoftmaxConfig, positives: &Positives) -> Vec<f32> {
    if softmax.popularity_correction <= 0.0 {
        return Vec::new();
    }
    let all = positives.n_pairs() as f64;
    // An item without a positive is in no batch, except as a shared negative.
    let share = |count: u32| f64::from(count.max(1)) / all;
    let counts = positives.popularity().into_iter();
    counts
        .map(|count| share(count).powf(-softmax.popularity_correction) as f32)
        .collect()
}
