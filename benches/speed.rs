//! Benchmarks of everything that grows with the shop, one file per subject.
//!
//! ```text
//! cargo bench -p lightgcn --bench speed                          # all, a few minutes
//! cargo bench -p lightgcn --bench speed -- '^product/'           # one group
//! RAYON_NUM_THREADS=1 cargo bench -p lightgcn --bench speed      # one thread
//! python3 benches/record.py                                      # both, into a CSV file
//! ```
//!
//! One program, so that it is linked once. See docs/benchmarks.md.

mod adam;
mod common;
mod evaluation;
mod ingestion;
mod loss;
mod machine;
mod product;
mod propagation;
mod rows;
mod sampling;
mod top_k;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

/// As in the command: this allocator keeps large buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(900));
    targets =
        machine::bench,
        product::bench,
        propagation::bench,
        rows::bench,
        loss::bench,
        adam::bench,
        sampling::bench,
        evaluation::bench,
        top_k::bench,
        ingestion::bench
}
criterion_main!(benches);
