//! Data for the benchmarks: synthetic shops of three sizes, Gowalla if available, and random embeddings.

mod shop;

use criterion::BenchmarkId;

pub(crate) use shop::{Shop, shops};

/// The dimension of all embeddings.
pub(crate) const DIM: usize = 64;
/// The positive pairs per batch.
pub(crate) const BATCH: usize = 2048;

/// A number that looks random, from its position alone (the finalizer of SplitMix64).
pub(crate) fn mix(position: u64) -> u64 {
    let mut z = position.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `[0, 1)` from its position alone.
pub(crate) fn uniform(position: u64) -> f64 {
    (mix(position) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Embeddings from −0.5 to 0.5, `[n_rows, DIM]`.
pub(crate) fn embeddings(n_rows: usize) -> Vec<f32> {
    (0..(n_rows * DIM) as u64)
        .map(|i| uniform(i) as f32 - 0.5)
        .collect()
}

/// Names a benchmark and its size: reports call it `group/what/size`.
pub(crate) fn id(what: &str, size: &str) -> BenchmarkId {
    BenchmarkId::new(what, size)
}
