//! Propagation of LightGCN, forward and backward: of the whole table, and of the rows of a batch as
//! fused training steps take it. Elements are the matrix's entries, once whatever the layers.

use std::cell::LazyCell;

use burn::backend::Autodiff;
use burn::tensor::{Tensor, TensorData};
use criterion::{BatchSize, Criterion, Throughput};
use lightgcn::kernels::{self, CpuBackend, SparseMatrix};
use lightgcn::simd::{
    CsrView, Polynomial, RowValues, Scratch, propagate_into, propagate_rows,
    propagate_rows_transposed,
};

use crate::common::{DIM, Shop, embeddings, id, shops};

/// The mean of layers 0 to 3.
const THREE_LAYERS: [f32; 4] = [0.25; 4];
/// The mean of layers 0 and 1.
const ONE_LAYER: [f32; 2] = [0.5; 2];

type B = Autodiff<CpuBackend>;

pub(crate) fn bench(c: &mut Criterion) {
    whole(c);
    of_a_batch(c);
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("propagation");
    for shop in shops() {
        group.throughput(Throughput::Elements(shop.n_entries()));
        let a = LazyCell::new(|| shop.matrix());
        let x = LazyCell::new(|| embeddings(shop.n_nodes()));
        let (mut out, mut work) = (Vec::new(), Vec::new());
        group.bench_function(id("forward", shop.name), |b| {
            out.resize(x.len(), 0.0);
            work.resize(x.len(), 0.0);
            let polynomial = polynomial(*a, &THREE_LAYERS);
            b.iter(|| propagate_into(&polynomial, &x, &mut out, &mut work));
        });
        // As burn runs it for models trained through autodiff: with newly allocated buffers.
        let graph = LazyCell::new(|| burn_matrix(shop));
        group.bench_function(id("forward-autodiff", shop.name), |b| {
            let table = burn_table(&x);
            b.iter_with_large_drop(|| {
                kernels::propagate(&graph, table.clone().require_grad(), &THREE_LAYERS)
            });
        });
        group.bench_function(id("backward-autodiff", shop.name), |b| {
            let table = burn_table(&x);
            b.iter_batched(
                || {
                    let table = table.clone().require_grad();
                    kernels::propagate(&graph, table, &THREE_LAYERS)
                },
                |embeddings| embeddings.backward(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn of_a_batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("propagation-of-a-batch");
    for shop in shops() {
        group.throughput(Throughput::Elements(shop.n_entries()));
        let a = LazyCell::new(|| shop.matrix());
        let x = LazyCell::new(|| embeddings(shop.n_nodes()));
        let rows = LazyCell::new(|| shop.nodes_of(&shop.batch()));
        let mut scratch = Scratch::default();
        let (mut here, mut out) = (Vec::new(), Vec::new());
        for (layers, alphas) in [("3-layers", &THREE_LAYERS[..]), ("1-layer", &ONE_LAYER[..])] {
            group.bench_function(id(&format!("forward-{layers}"), shop.name), |b| {
                here.resize(rows.len() * DIM, 0.0);
                let polynomial = polynomial(*a, alphas);
                b.iter(|| propagate_rows(&polynomial, &rows, &x, &mut scratch, &mut here));
            });
            group.bench_function(id(&format!("backward-{layers}"), shop.name), |b| {
                here.resize(rows.len() * DIM, 0.0);
                out.resize(x.len(), 0.0);
                let polynomial = polynomial(*a, alphas);
                let batch = RowValues {
                    rows: &rows[..],
                    values: &here,
                };
                b.iter(|| {
                    // A symmetric matrix is its own transpose.
                    propagate_rows_transposed(&polynomial, *a, batch, &mut scratch, &mut out);
                });
            });
        }
    }
    group.finish();
}

fn polynomial<'a>(a: CsrView<'a, u64, u32>, alphas: &'a [f32]) -> Polynomial<'a, u64, u32> {
    Polynomial {
        a,
        alphas,
        dim: DIM,
    }
}

fn burn_matrix(shop: &Shop) -> SparseMatrix<B> {
    let device = Default::default();
    SparseMatrix::from_graph(shop.adjacency(), &device).expect("the matrix fits the device")
}

fn burn_table(x: &[f32]) -> Tensor<B, 2> {
    let shape = [x.len() / DIM, DIM];
    Tensor::from_data(TensorData::new(x.to_vec(), shape), &Default::default())
}
