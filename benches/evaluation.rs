//! Recall and NDCG of all users over all items, training pairs masked: the whole `evaluate_test`,
//! from final embeddings. Elements are users.

use std::cell::LazyCell;

use criterion::{Criterion, SamplingMode, Throughput};
use lightgcn::recommend::{EmbeddingRanker, EvaluationOptions, evaluate_test};

use crate::common::{DIM, embeddings, id, shops};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("evaluation");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    let options = EvaluationOptions {
        ks: vec![20],
        ..EvaluationOptions::default()
    };
    for shop in shops() {
        group.throughput(Throughput::Elements(shop.n_users as u64));
        let ranker = LazyCell::new(|| {
            let mut users = embeddings(shop.n_nodes());
            let items = users.split_off(shop.n_users * DIM);
            EmbeddingRanker::new("random", users, items, DIM).expect("the embeddings are finite")
        });
        group.bench_function(id("all-users", shop.name), |b| {
            let split = shop.split();
            b.iter(|| evaluate_test(&*ranker, &split.train, &split.test, &options));
        });
    }
    group.finish();
}
