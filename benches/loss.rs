//! The losses of a batch with their gradients by the embeddings of its rows: in the CPU's loops, as in fused
//! steps, and through burn's autodiff, as for other models. Elements are pairs.
//!
//! The sizes x1, x4 and x16 are batches of 512, 2,048 and 8,192 pairs of the shop x16: what grows is the
//! batch, not the shop.

use std::cell::LazyCell;
use std::collections::HashMap;

use burn::backend::Autodiff;
use burn::tensor::{Tensor, TensorData};
use criterion::{Criterion, Throughput};
use lightgcn::kernels::CpuBackend;
use lightgcn::loss::{Batch, BatchIds, Bpr, Loss, TableRows, Tables};
use lightgcn::simd::{
    BprTriples, SoftmaxGradients, SoftmaxOptions, SoftmaxPairs, SoftmaxTables, softmax_loss,
};

use crate::common::{DIM, embeddings, id, shops};

type B = Autodiff<CpuBackend>;

const TEMPERATURE: f32 = 0.12;
/// t₂ of the sampled softmax, and of BSL as published for Gowalla.
const NEGATIVE_WEIGHTS: [(&str, f32); 2] = [("softmax", 1.0), ("bsl", 0.84)];

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("loss");
    for (n_pairs, size) in [(512, "x1"), (2048, "x4"), (8192, "x16")] {
        group.throughput(Throughput::Elements(n_pairs as u64));
        let pairs = LazyCell::new(|| Pairs::draw(n_pairs));
        let table = LazyCell::new(|| embeddings(pairs.n_rows()));
        let mut gradients = Vec::new();
        group.bench_function(id("bpr", size), |b| {
            gradients.resize(table.len(), 0.0);
            let (users, positives, negatives) = pairs.triples();
            let weights = vec![1.0 / n_pairs as f32; n_pairs];
            let triples = BprTriples {
                users: &users,
                positives: &positives,
                negatives: &negatives,
                weights: &weights,
            };
            b.iter(|| lightgcn::simd::bpr_loss(&triples, &table, DIM, &mut gradients));
        });
        for (name, negative_weight) in NEGATIVE_WEIGHTS {
            let options = SoftmaxOptions {
                temperature: TEMPERATURE,
                negative_weight,
            };
            group.bench_function(id(name, size), |b| {
                gradients.resize(table.len(), 0.0);
                // The items that only occur as negatives of BPR take no part.
                let (users, others) = table.split_at(pairs.n_users * DIM);
                let items = &others[..pairs.n_positives * DIM];
                let (of_users, others) = gradients.split_at_mut(users.len());
                let of_items = &mut others[..items.len()];
                let weights = vec![1.0 / n_pairs as f32; n_pairs];
                let candidate_weights = pairs.candidate_weights();
                let softmax = SoftmaxPairs {
                    users: &pairs.users,
                    items: &pairs.positives,
                    weights: &weights,
                    candidate_weights: &candidate_weights,
                    excluded: None,
                };
                let tables = SoftmaxTables {
                    users,
                    items,
                    dim: DIM,
                };
                b.iter(|| {
                    let gradients = SoftmaxGradients {
                        users: &mut *of_users,
                        items: &mut *of_items,
                    };
                    softmax_loss(&options, &softmax, tables, gradients)
                });
            });
        }
        if n_pairs <= 2048 {
            through_autodiff(&mut group, &pairs, size);
        }
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Forward, backward, and the gradient of the batch's rows; larger batches would need matrices of pairs
/// × pairs that fill the memory.
fn through_autodiff(
    group: &mut Group<'_>,
    pairs: &LazyCell<Pairs, impl FnOnce() -> Pairs>,
    size: &str,
) {
    let device = Default::default();
    let table = |n_rows: usize| {
        let data = TensorData::new(embeddings(n_rows), [n_rows, DIM]);
        Tensor::<B, 2>::from_data(data, &device)
    };
    group.bench_function(id("bpr-autodiff", size), |b| {
        let ids = BatchIds {
            users: &pairs.users,
            positives: &pairs.positives,
            negatives: &pairs.negatives,
            shared: &[],
        };
        let rows = TableRows::new(pairs.n_users, pairs.n_items);
        let batch = Batch::new(&ids, rows, &device);
        let table = table(pairs.n_rows());
        b.iter(|| gradient(&Bpr, &table, &batch));
    });
    for (name, negative_weight) in NEGATIVE_WEIGHTS {
        let softmax = lightgcn::loss::SoftmaxConfig {
            temperature: TEMPERATURE.into(),
            negative_weight: negative_weight.into(),
            ..Default::default()
        };
        group.bench_function(id(&format!("{name}-autodiff"), size), |b| {
            let ids = BatchIds {
                users: &pairs.users,
                positives: &pairs.positives,
                ..BatchIds::default()
            };
            let rows = TableRows::new(pairs.n_users, pairs.n_positives);
            let batch = Batch::new(&ids, rows, &device);
            let table = table(pairs.n_users + pairs.n_positives);
            b.iter(|| gradient(&softmax, &table, &batch));
        });
    }
}

/// The gradient of a batch's loss by the table, on the host.
fn gradient<L: Loss>(loss: &L, table: &Tensor<B, 2>, batch: &Batch<B>) -> TensorData {
    let table = table.clone().require_grad();
    let tables = Tables {
        embeddings: table.clone(),
        layer0: table.clone(),
    };
    let gradients = loss.forward(tables, batch).backward();
    let gradient = table.grad(&gradients);
    gradient.expect("the loss depends on the table").into_data()
}

/// The pairs of a batch with one negative each, as rows among its distinct users and among its
/// distinct items: those that are somebody's positive first.
struct Pairs {
    users: Vec<u32>,
    positives: Vec<u32>,
    negatives: Vec<u32>,
    n_users: usize,
    n_positives: usize,
    n_items: usize,
}

impl Pairs {
    /// The first pairs of an epoch of the shop x16, by user.
    fn draw(n_pairs: usize) -> Self {
        let shop = shops().iter().find(|shop| shop.name == "x16");
        let epoch = shop.expect("x16 is a size").sampler().epoch(0);
        let mut triples: Vec<[u32; 3]> = (0..)
            .flat_map(|number| {
                let batch = epoch.batch(number);
                (0..batch.len())
                    .map(|n| [batch.users[n], batch.positives[n], batch.negatives[n]])
                    .collect::<Vec<_>>()
            })
            .take(n_pairs)
            .collect();
        triples.sort_by_key(|&[user, ..]| user);
        let column = |n: usize| triples.iter().map(move |triple| triple[n]);
        let distinct_users = distinct(column(0).collect());
        let mut items = distinct(column(1).collect());
        let n_positives = items.len();
        let negatives = distinct(column(2).collect());
        let only_negatives = |item: &u32| items.binary_search(item).is_err();
        let others: Vec<u32> = negatives.into_iter().filter(only_negatives).collect();
        items.extend(others);
        let rows = |among: &[u32], n: usize| -> Vec<u32> {
            let rows: HashMap<u32, u32> = among.iter().copied().zip(0..).collect();
            column(n).map(|id| rows[&id]).collect()
        };
        Self {
            users: rows(&distinct_users, 0),
            positives: rows(&items, 1),
            negatives: rows(&items, 2),
            n_users: distinct_users.len(),
            n_positives,
            n_items: items.len(),
        }
    }

    fn n_rows(&self) -> usize {
        self.n_users + self.n_items
    }

    /// Users, positives and negatives as rows of one table, users first.
    fn triples(&self) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let rows = |items: &[u32]| {
            items
                .iter()
                .map(|item| self.n_users as u32 + item)
                .collect()
        };
        (
            self.users.clone(),
            rows(&self.positives),
            rows(&self.negatives),
        )
    }

    /// How often each candidate is a pair's item.
    fn candidate_weights(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.n_positives];
        for &item in &self.positives {
            weights[item as usize] += 1.0;
        }
        weights
    }
}

fn distinct(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
