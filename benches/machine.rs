//! Whether the machine is fit for measuring: the same arithmetic, in registers only, on one thread and on all
//! threads at once. Elements are the arithmetic of one thread.
//!
//! On idle cores both take the same time. If `all-threads` takes as many times longer as there are threads,
//! the machine gives them the speed of one, as virtual machines sometimes do without telling, and no other
//! figure of several threads is valid at that moment.

use std::hint::black_box;

use criterion::{Criterion, Throughput};

use crate::common::id;

const STEPS: u64 = 200_000;

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine");
    group.throughput(Throughput::Elements(STEPS));
    group.bench_function(id("arithmetic", "one-thread"), |b| {
        b.iter(|| spin(STEPS));
    });
    group.throughput(Throughput::Elements(
        STEPS * rayon::current_num_threads() as u64,
    ));
    group.bench_function(id("arithmetic", "all-threads"), |b| {
        b.iter(|| rayon::broadcast(|_| spin(STEPS)));
    });
    group.finish();
}

fn spin(steps: u64) -> f32 {
    // Hidden from the compiler, which would work the loop out.
    let mut x = black_box([0.5_f32; 32]);
    for _ in 0..steps {
        for x in &mut x {
            *x = *x * 0.999 + 0.001;
        }
    }
    x.iter().sum()
}
