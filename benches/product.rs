//! The sparse × dense product, with the dense operand in 32 and in 16 bits, and the check of a matrix.
//! Elements are the matrix's entries.

use std::cell::LazyCell;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lightgcn::simd::{Bf16, round_to_bf16, sparse_dense};

use crate::common::{DIM, embeddings, id, shops};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    for shop in shops() {
        group.throughput(Throughput::Elements(shop.n_entries()));
        let a = LazyCell::new(|| shop.matrix());
        let x = LazyCell::new(|| embeddings(shop.n_nodes()));
        let rounded = LazyCell::new(|| {
            let mut rounded = vec![Bf16::ZERO; x.len()];
            round_to_bf16(&x, &mut rounded);
            rounded
        });
        let mut out = Vec::new();
        group.bench_function(id("f32", shop.name), |b| {
            out.resize(x.len(), 0.0);
            b.iter(|| sparse_dense(*a, &x, DIM, &mut out));
        });
        group.bench_function(id("bf16", shop.name), |b| {
            out.resize(x.len(), 0.0);
            b.iter(|| sparse_dense(*a, &rounded, DIM, &mut out));
        });
        group.bench_function(id("check", shop.name), |b| {
            b.iter(|| black_box(shop.matrix()));
        });
    }
    group.finish();
}
