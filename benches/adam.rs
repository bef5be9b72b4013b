//! A step of Adam over the whole table. Elements are parameters.

use criterion::{Criterion, Throughput};
use lightgcn::simd::{AdamOptions, AdamTables, adam_step};

use crate::common::{DIM, embeddings, id, shops};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("adam");
    for shop in shops().iter().filter(|shop| shop.name != "gowalla") {
        let n = shop.n_nodes() * DIM;
        group.throughput(Throughput::Elements(n as u64));
        let mut state: Option<[Vec<f32>; 4]> = None;
        let mut step = 0;
        group.bench_function(id("step", shop.name), |b| {
            let [parameters, gradients, first, second] = state.get_or_insert_with(|| {
                let mut parameters = embeddings(2 * shop.n_nodes());
                let gradients = parameters.split_off(n);
                [parameters, gradients, vec![0.0; n], vec![0.0; n]]
            });
            b.iter(|| {
                step += 1;
                let tables = AdamTables {
                    parameters,
                    gradients,
                    first_moment: first,
                    second_moment: second,
                };
                adam_step(&AdamOptions::default(), step, tables);
            });
        });
    }
    group.finish();
}
