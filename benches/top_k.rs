//! The best 20 products of catalogues of growing size: for one consumer who asks, and for 1,024 at
//! once; 100 products of each are left out. Elements are scores: consumers × products.

use std::cell::LazyCell;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lightgcn::simd::{Bf16, Element, round_to_bf16, scores, select_top_k, top_k};

use crate::common::{DIM, embeddings, id};

const CATALOGUES: [(usize, &str); 3] = [(10_000, "10k"), (100_000, "100k"), (1_000_000, "1M")];
const K: usize = 20;
const CONSUMERS: usize = 1024;

pub(crate) fn bench(c: &mut Criterion) {
    let consumers = LazyCell::new(|| embeddings(CONSUMERS));
    let seen: Vec<u32> = (0..100).map(|n| n * 97).collect();
    let mut group = c.benchmark_group("top-k");
    for (n_products, size) in CATALOGUES {
        // Rows after those of the consumers.
        let products =
            LazyCell::new(|| embeddings(CONSUMERS + n_products).split_off(CONSUMERS * DIM));
        let rounded = LazyCell::new(|| {
            let mut rounded = vec![Bf16::ZERO; products.len()];
            round_to_bf16(&products, &mut rounded);
            rounded
        });
        group.throughput(Throughput::Elements(n_products as u64));
        group.bench_function(id("one-consumer-f32", size), |b| {
            one_after_the_other(b, &consumers, &products, &seen);
        });
        group.bench_function(id("one-consumer-bf16", size), |b| {
            one_after_the_other(b, &consumers, &rounded, &seen);
        });
        // The parts of a ranker that has scores of another kind.
        let mut all = vec![0.0; n_products];
        group.bench_function(id("scores", size), |b| {
            b.iter(|| scores(&consumers[..DIM], &products, DIM, &mut all));
        });
        group.bench_function(id("selection", size), |b| {
            b.iter(|| black_box(select_top_k(&all, K, &seen)));
        });
        if n_products <= 100_000 {
            group.throughput(Throughput::Elements((CONSUMERS * n_products) as u64));
            group.bench_function(id("1024-consumers-f32", size), |b| {
                b.iter(|| top_k(&consumers, &products, DIM, K, |_| &seen));
            });
        }
    }
    group.finish();
}

/// Answers consumer after consumer.
fn one_after_the_other<T: Element>(
    b: &mut criterion::Bencher<'_>,
    consumers: &[f32],
    products: &[T],
    seen: &[u32],
) {
    let mut consumers = consumers.chunks_exact(DIM).cycle();
    b.iter(|| {
        let consumer = consumers.next().expect("there are consumers");
        top_k(consumer, products, DIM, K, |_| seen)
    });
}
