//! The best 20 items of catalogues of growing size, for one user and for 1,024 at once, excluding 100 items
//! each. Elements are scores: users × items.

use std::cell::LazyCell;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lightgcn::simd::{Bf16, Element, round_to_bf16, scores, select_top_k, top_k};

use crate::common::{DIM, embeddings, id};

const CATALOGUES: [(usize, &str); 3] = [(10_000, "10k"), (100_000, "100k"), (1_000_000, "1M")];
const K: usize = 20;
const USERS: usize = 1024;

pub(crate) fn bench(c: &mut Criterion) {
    let users = LazyCell::new(|| embeddings(USERS));
    let seen: Vec<u32> = (0..100).map(|n| n * 97).collect();
    let mut group = c.benchmark_group("top-k");
    for (n_items, size) in CATALOGUES {
        // Rows after those of the users.
        let items = LazyCell::new(|| embeddings(USERS + n_items).split_off(USERS * DIM));
        let rounded = LazyCell::new(|| {
            let mut rounded = vec![Bf16::ZERO; items.len()];
            round_to_bf16(&items, &mut rounded);
            rounded
        });
        group.throughput(Throughput::Elements(n_items as u64));
        group.bench_function(id("one-user-f32", size), |b| {
            one_after_the_other(b, &users, &items, &seen);
        });
        group.bench_function(id("one-user-bf16", size), |b| {
            one_after_the_other(b, &users, &rounded, &seen);
        });
        // The parts of a ranker that has scores of another kind.
        let mut all = vec![0.0; n_items];
        group.bench_function(id("scores", size), |b| {
            b.iter(|| scores(&users[..DIM], &items, DIM, &mut all));
        });
        group.bench_function(id("selection", size), |b| {
            b.iter(|| black_box(select_top_k(&all, K, &seen)));
        });
        if n_items <= 100_000 {
            group.throughput(Throughput::Elements((USERS * n_items) as u64));
            group.bench_function(id("1024-users-f32", size), |b| {
                b.iter(|| top_k(&users, &items, DIM, K, |_| &seen));
            });
        }
    }
    group.finish();
}

/// Answers one user after another.
fn one_after_the_other<T: Element>(
    b: &mut criterion::Bencher<'_>,
    users: &[f32],
    items: &[T],
    seen: &[u32],
) {
    let mut users = users.chunks_exact(DIM).cycle();
    b.iter(|| {
        let user = users.next().expect("there are users");
        top_k(user, items, DIM, K, |_| seen)
    });
}
