//! Drawing a batch of pairs with one negative each, and shuffling an epoch. Elements are triples.

use std::cell::LazyCell;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use lightgcn::sample::{BatchSampler, PopularityNegatives, SamplerConfig};

use crate::common::{BATCH, Shop, id, shops};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("sampling");
    for shop in shops() {
        let uniform = LazyCell::new(|| shop.sampler().epoch(0));
        let popular = LazyCell::new(|| by_popularity(shop));
        let popular = LazyCell::new(|| popular.epoch(0));
        // Batch after batch, as training draws them.
        let mut number = 0;
        let mut next = |n_batches: usize| {
            number = (number + 1) % (n_batches - 1);
            number
        };
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(id("uniform", shop.name), |b| {
            b.iter(|| uniform.batch(next(uniform.n_batches())));
        });
        group.bench_function(id("by-popularity", shop.name), |b| {
            b.iter(|| popular.batch(next(popular.n_batches())));
        });
        group.throughput(Throughput::Elements(shop.n_pairs as u64));
        group.bench_function(id("shuffle-of-an-epoch", shop.name), |b| {
            b.iter_with_large_drop(|| shop.sampler().epoch(1));
        });
    }
    group.finish();
}

/// Negatives by popularity to the power of 0.75.
fn by_popularity(shop: &Shop) -> BatchSampler {
    let positives = Arc::new(shop.sampler().positives().clone());
    let negatives = PopularityNegatives::new(Arc::clone(&positives), 0.75);
    let negatives = Box::new(negatives.expect("the exponent is finite"));
    let config = SamplerConfig {
        batch_size: BATCH,
        ..SamplerConfig::default()
    };
    BatchSampler::new(positives, negatives, config).expect("the settings are valid")
}
