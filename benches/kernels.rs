//! The CPU's hot loops on a synthetic graph of the size of Gowalla: 29,858 consumers, 40,981 products
//! and 810,128 interactions (1.62 million non-zeros), with dimension 64.
//!
//! `cargo bench --bench kernels`; `RAYON_NUM_THREADS=1` in the environment measures one thread.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lightgcn_simd::{
    AdamConfig, CsrView, adam_step, gather_rows, propagate_into, scores, segment_sum_rows,
    select_top_k, sparse_dense, sparse_dense_add, top_k,
};

const N_CONSUMERS: usize = 29_858;
const N_PRODUCTS: usize = 40_981;
const N_NODES: usize = N_CONSUMERS + N_PRODUCTS;
const N_INTERACTIONS: usize = 810_128;
const DIM: usize = 64;

/// A number that looks random, from its position alone (the finalizer of SplitMix64).
fn mix(position: u64) -> u64 {
    let mut z = position.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `[0, 1)` from its position alone.
fn uniform(position: u64) -> f64 {
    (mix(position) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The symmetrically normalized adjacency matrix of consumers and products whose degrees follow a
/// power law, popular nodes lying anywhere in the numbering.
struct Graph {
    row_offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Graph {
    fn power_law() -> Self {
        let node = |position: u64, count: usize, exponent: f64| {
            (count as f64 * uniform(position).powf(exponent)) as usize * 7919 % count
        };
        let mut edges = BTreeSet::new();
        for draw in 0.. {
            let consumer = node(2 * draw, N_CONSUMERS, 1.6);
            let product = N_CONSUMERS + node(2 * draw + 1, N_PRODUCTS, 2.2);
            edges.extend([(consumer, product), (product, consumer)]);
            if edges.len() == 2 * N_INTERACTIONS {
                break;
            }
        }
        let mut row_offsets = vec![0; N_NODES + 1];
        for &(row, _) in &edges {
            row_offsets[row + 1] += 1;
        }
        for row in 0..N_NODES {
            row_offsets[row + 1] += row_offsets[row];
        }
        let degree = |node: usize| (row_offsets[node + 1] - row_offsets[node]) as f32;
        let values = edges
            .iter()
            .map(|&(a, b)| 1.0 / (degree(a) * degree(b)).sqrt())
            .collect();
        let columns = edges.iter().map(|&(_, column)| column as u32).collect();
        Self {
            row_offsets,
            columns,
            values,
        }
    }

    fn view(&self) -> CsrView<'_, u64, u32> {
        CsrView::new(&self.row_offsets, &self.columns, &self.values, N_NODES)
            .expect("the generated graph is a CSR matrix")
    }

    /// The products of a consumer, numbered from 0 and sorted.
    fn products(&self, consumer: usize) -> Vec<u32> {
        let edges = self.row_offsets[consumer] as usize..self.row_offsets[consumer + 1] as usize;
        self.columns[edges]
            .iter()
            .map(|&node| node - N_CONSUMERS as u32)
            .collect()
    }
}

fn embeddings() -> Vec<f32> {
    (0..(N_NODES * DIM) as u64)
        .map(|i| uniform(i) as f32 - 0.5)
        .collect()
}

fn propagation(c: &mut Criterion) {
    let graph = Graph::power_law();
    let (a, x) = (graph.view(), embeddings());
    let (mut out, mut work) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    c.bench_function("sparse_dense", |b| {
        b.iter(|| sparse_dense(a, &x, DIM, &mut out))
    });
    c.bench_function("sparse_dense_add", |b| {
        b.iter(|| sparse_dense_add(a, &x, 0.25, &x, DIM, &mut out));
    });
    c.bench_function("propagate, 3 layers", |b| {
        b.iter(|| propagate_into(a, &x, DIM, &[0.25; 4], &mut out, &mut work));
    });
    c.bench_function("check of a CSR matrix", |b| {
        b.iter(|| black_box(graph.view()))
    });
}

fn training(c: &mut Criterion) {
    let graph = Graph::power_law();
    let mut table = embeddings();
    // The nodes of 2,048 triples, drawn by their degree.
    let indices: Vec<u32> = (0..3 * 2048)
        .map(|i| graph.columns[(mix(i) % graph.columns.len() as u64) as usize])
        .collect();
    let mut rows = vec![0.0; indices.len() * DIM];
    c.bench_function("gather_rows, 6144 of 70839", |b| {
        b.iter(|| gather_rows(&table, DIM, &indices, &mut rows));
    });
    let mut gradients = vec![0.0; table.len()];
    c.bench_function("segment_sum_rows, 6144 into 70839", |b| {
        b.iter(|| segment_sum_rows(&rows, DIM, &indices, N_NODES, &mut gradients));
    });
    let (mut first, mut second) = (vec![0.0; table.len()], vec![0.0; table.len()]);
    let mut step = 0;
    c.bench_function("adam_step, 4.5 M parameters", |b| {
        b.iter(|| {
            step += 1;
            let config = AdamConfig::default();
            adam_step(
                &config,
                step,
                &mut table,
                &gradients,
                &mut first,
                &mut second,
            );
        });
    });
}

fn ranking(c: &mut Criterion) {
    let graph = Graph::power_law();
    let embeddings = embeddings();
    let (consumers, products) = embeddings.split_at(N_CONSUMERS * DIM);
    let queries = &consumers[..1024 * DIM];
    let seen: Vec<Vec<u32>> = (0..1024).map(|consumer| graph.products(consumer)).collect();
    c.bench_function("top_k, 1024 queries, 40981 items, k = 20", |b| {
        b.iter(|| top_k(queries, products, DIM, 20, |query| &seen[query]));
    });
    c.bench_function("top_k, 1 query, 40981 items, k = 20", |b| {
        b.iter(|| top_k(&queries[..DIM], products, DIM, 20, |query| &seen[query]));
    });
    let mut all = vec![0.0; N_PRODUCTS];
    c.bench_function("scores, 40981 items", |b| {
        b.iter(|| scores(&queries[..DIM], products, DIM, &mut all));
    });
    c.bench_function("select_top_k, 40981 scores, k = 20", |b| {
        b.iter(|| select_top_k(&all, 20, &seen[0]));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = propagation, training, ranking
}
criterion_main!(benches);
