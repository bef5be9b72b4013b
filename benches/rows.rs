//! Reading the rows of a batch, and its gradient. Elements are the rows read.

use std::cell::LazyCell;

use criterion::{Criterion, Throughput};
use lightgcn::simd::{gather_rows, segment_sum_rows};

use crate::common::{BATCH, DIM, embeddings, id, shops};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    group.throughput(Throughput::Elements(3 * BATCH as u64));
    for shop in shops() {
        let table = LazyCell::new(|| embeddings(shop.n_nodes()));
        // Users, positives and negatives, a row as often as it occurs.
        let rows = LazyCell::new(|| {
            let batch = shop.batch();
            let items = batch.positives.iter().chain(&batch.negatives);
            let items = items.map(|item| shop.n_users as u32 + item);
            batch.users.iter().copied().chain(items).collect::<Vec<_>>()
        });
        let (mut here, mut sums) = (Vec::new(), Vec::new());
        group.bench_function(id("gather", shop.name), |b| {
            here.resize(rows.len() * DIM, 0.0);
            b.iter(|| gather_rows(&table, DIM, &rows, &mut here));
        });
        group.bench_function(id("segment-sum", shop.name), |b| {
            here.resize(rows.len() * DIM, 0.0);
            sums.resize(table.len(), 0.0);
            b.iter(|| segment_sum_rows(&here, DIM, &rows, shop.n_nodes(), &mut sums));
        });
    }
    group.finish();
}
