//! The steps of a batch that never leaves its device: cut, losses, sums and L2.

use std::collections::BTreeSet;

use burn::tensor::{DType, Tensor, TensorData};
use lightgcn_core::random::{Random as CoreRandom, Stream};
use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
use lightgcn_kernels::{
    BatchCut, BprBatch, KernelError, L2Penalty, NodeBatch, NodeSoftmax, PairTable, RowIndices,
    SlotGradient, SoftmaxBatch, SoftmaxOptions, TrainingBackend, add_l2, bpr_loss_gradient,
    bpr_slot_gradient, cut_batch, reference, segment_sum_rows, softmax_loss_gradient,
    softmax_slot_gradient, sort_slots, sum_slots,
};
use lightgcn_sample::{NegativeSampler, PositiveSet, Positives, UniformNegatives};
use lightgcn_simd::CsrError;
use std::sync::Arc;

use crate::backends::on_every_backend;
use crate::cases::{DIMS, Random, assert_close, elements, tensor, widened};

on_every_backend! {
    cuts: check_cuts;
    sorting: check_sorting;
    bpr: check_bpr;
    softmax: check_softmax;
    l2: check_l2;
}

const N_USERS: usize = 40;
const N_ITEMS: usize = 30;
const N_NODES: usize = N_USERS + N_ITEMS;

/// Each user's items: none, few or many, and one user with every item.
fn taken() -> Vec<BTreeSet<u32>> {
    let mut random = Random(3);
    let mut taken: Vec<BTreeSet<u32>> = (0..N_USERS)
        .map(|user| {
            let n = [0, 3, 25, 7][user % 4];
            (0..n).map(|_| random.below(N_ITEMS) as u32).collect()
        })
        .collect();
    taken[5] = (0..N_ITEMS as u32).collect();
    taken
}

/// The table, and the pairs in its order.
fn pairs<B: TrainingBackend>(device: &B::Device) -> (PairTable<B>, Vec<(u32, u32, f32)>) {
    let taken = taken();
    let (mut offsets, mut items, mut pairs) = (vec![0], Vec::new(), Vec::new());
    for (user, taken) in (0u32..).zip(&taken) {
        for &item in taken {
            pairs.push((user, item, 0.25 + (pairs.len() % 4) as f32));
            items.push(item);
        }
        offsets.push(items.len() as u64);
    }
    let weights: Vec<f32> = pairs.iter().map(|pair| pair.2).collect();
    let table = PairTable::from_slices(&offsets, &items, &weights, N_ITEMS, device);
    (table.unwrap_or_else(|e| panic!("{e}")), pairs)
}

fn cut(n_pairs: usize, n_negatives: usize, n_shared: usize) -> BatchCut {
    BatchCut {
        first_pair: 2,
        n_pairs,
        seed: 77,
        epoch: 4,
        n_negatives,
        n_shared,
        first_shared: (1 << 62) + 12,
        divisor: 8.0,
    }
}

/// `n` pairs in some order, with repeats.
fn order(n: usize, n_pairs: usize) -> Vec<u32> {
    let mut random = Random(n as u64);
    (0..n).map(|_| random.below(n_pairs) as u32).collect()
}

fn batch<B: TrainingBackend>(
    device: &B::Device,
    cut: &BatchCut,
) -> (NodeBatch<B>, PairTable<B>, Vec<u32>) {
    let (table, pairs) = pairs::<B>(device);
    let order = order(cut.first_pair + cut.n_pairs + 1, pairs.len());
    let batch = cut_batch(&table, &table.order(&order), cut);
    let nodes: Vec<u32> = batch.nodes().into_data().iter().collect();
    (batch, table, nodes)
}

/// The sampler that the CPU trains with.
fn sampler() -> UniformNegatives {
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])
        .expect("taken items make positives");
    for (user, taken) in (0..).zip(taken()) {
        for item in taken {
            let (user, item) = (UserId(user), ItemId(item));
            pairs
                .push(user, item, 1.0, &[1], None)
                .expect("taken items make positives");
        }
    }
    let empty = || Truth::empty(N_USERS, N_ITEMS);
    let split = Split::new(
        pairs
            .build(N_USERS, N_ITEMS)
            .expect("taken items make positives"),
        empty(),
        empty(),
    )
    .expect("taken items make positives");
    let positives =
        Positives::new(&split.train, PositiveSet::Targets).expect("taken items make positives");
    UniformNegatives::new(Arc::new(positives))
}

/// The draws are those of the CPU's sampler to the last bit, also where a position passes 2^32.
fn check_cuts<B: TrainingBackend>(device: &B::Device) {
    let (table, pairs) = pairs::<B>(device);
    let sampler = sampler();
    let first_shared = (1 << 32) - 5;
    for cut in [
        cut(1, 1, 0),
        cut(300, 3, 0),
        BatchCut {
            seed: u64::MAX - 3,
            ..cut(700, 2, 0)
        },
        cut(257, 0, 0),
        cut(40, 0, 9),
        BatchCut {
            first_shared,
            ..cut(40, 0, 9)
        },
    ] {
        let order = order(cut.first_pair + cut.n_pairs, pairs.len());
        let on_device = table.order(&order);
        let random = CoreRandom::new(cut.seed, Stream::NegativeSampling);
        let chosen: Vec<_> = order[cut.first_pair..]
            .iter()
            .map(|&pair| pairs[pair as usize])
            .collect();
        let users = chosen.iter().map(|pair| pair.0);
        let items = chosen.iter().map(|pair| pair.1);
        let negatives = (0..cut.n_pairs * cut.n_negatives).map(|n| {
            let position = cut.first_pair * cut.n_negatives + n;
            let user = UserId(chosen[n / cut.n_negatives].0);
            let item = sampler.sample(user, &mut random.at(cut.epoch, position as u64));
            item.map_or(0, |item| item.0)
        });
        let shared = (0..cut.n_shared as u64).map(|n| {
            random
                .at(cut.epoch, cut.first_shared + n)
                .below(N_ITEMS as u32)
        });
        let nodes = items.chain(negatives).chain(shared);
        let expected: Vec<u32> = users
            .chain(nodes.map(|item| N_USERS as u32 + item))
            .collect();
        let weights: Vec<f32> = chosen.iter().map(|pair| pair.2 / 8.0).collect();
        for batch in [
            cut_batch(&table, &on_device, &cut),
            reference::cut_batch(&table, &on_device, &cut),
        ] {
            let nodes: Vec<u32> = batch.nodes().into_data().iter().collect();
            assert_eq!(nodes, expected);
            assert_eq!(nodes.len(), batch.n_slots());
            let found: Vec<f32> = batch.weights().into_data().iter().collect();
            assert_eq!(found, weights);
        }
    }
}

#[cfg(feature = "flex")]
#[test]
fn positives_that_do_not_ascend_are_an_error() {
    let build = |items: &[u32]| {
        let device = Default::default();
        PairTable::<lightgcn_kernels::CpuBackend>::from_slices(
            &[0, 1, 3],
            items,
            &[1.0; 3],
            4,
            &device,
        )
    };
    assert!(build(&[3, 0, 2]).is_ok());
    let error = KernelError::NotAscending { row: 1 };
    assert_eq!(build(&[3, 2, 2]).unwrap_err(), error);
    let out_of_range = build(&[3, 2, 4]).unwrap_err();
    assert!(matches!(
        out_of_range,
        KernelError::Csr(CsrError::ColumnOutOfRange { column: 4, .. })
    ));
}

/// More slots than several tiles hold, and fewer than one.
fn check_sorting<B: TrainingBackend>(device: &B::Device) {
    for cut in [cut(1, 1, 0), cut(90, 0, 3), cut(400, 2, 0), cut(256, 1, 0)] {
        let (batch, _, nodes) = batch::<B>(device, &cut);
        let mut expected: Vec<i64> = (0..nodes.len() as i64).collect();
        expected.sort_by_key(|&slot| nodes[slot as usize]);
        let sorted = sort_slots(&batch);
        let [rows, order] = sorted.tensors();
        let order: Vec<i64> = order.into_data().iter().collect();
        assert_eq!(order, expected);
        let rows: Vec<u32> = rows.into_data().iter().collect();
        let in_order = expected.iter().map(|&slot| nodes[slot as usize]);
        assert_eq!(rows, in_order.collect::<Vec<u32>>());

        let indices = RowIndices::<B>::from_slice(&nodes, N_NODES, device);
        for dim in DIMS {
            let rows = tensor::<B>(
                &Random(dim as u64).floats(nodes.len() * dim),
                nodes.len(),
                dim,
                device,
            );
            let expected = elements(segment_sum_rows(rows.clone(), &indices));
            let found = elements(sum_slots(rows.clone(), &sorted));
            assert_close(&found, &expected, 1e-6, "sums");
            let found = elements(reference::sum_slots(rows, &sorted));
            assert_close(&found, &expected, 1e-6, "reference");
        }
    }
}

/// The loss and the gradient by all embeddings.
fn whole<B: TrainingBackend>(found: SlotGradient<B>, batch: &NodeBatch<B>) -> (Vec<f64>, Vec<f64>) {
    let loss: f64 = elements(found.losses).iter().sum();
    let sorted = sort_slots(batch);
    (vec![loss], elements(sum_slots(found.gradient, &sorted)))
}

fn check_bpr<B: TrainingBackend>(device: &B::Device) {
    for (dim, cut) in DIMS.into_iter().zip([
        cut(1, 1, 0),
        cut(300, 1, 0),
        cut(20, 3, 0),
        cut(130, 2, 0),
        cut(64, 1, 0),
    ]) {
        let (batch, _, nodes) = batch::<B>(device, &cut);
        let x = Random(dim as u64).floats(N_NODES * dim);
        let x = tensor::<B>(&x, N_NODES, dim, device);
        let (users, rest) = nodes.split_at(cut.n_pairs);
        let (positives, negatives) = rest.split_at(cut.n_pairs);
        let expected = bpr_loss_gradient(
            x.clone(),
            &BprBatch {
                users: users.to_vec(),
                positives: positives.to_vec(),
                negatives: negatives.to_vec(),
                weights: batch.weights().to_data().iter().collect(),
            },
        );
        let (loss, gradient) = (elements(expected.loss), elements(expected.gradient));
        for found in [
            bpr_slot_gradient(x.clone(), &batch),
            reference::bpr_slot_gradient(x, &batch),
        ] {
            let (found, found_gradient) = whole(found, &batch);
            assert_close(&found, &loss, 1e-5, "loss");
            assert_close(&found_gradient, &gradient, 1e-5, "gradient");
        }
    }
}

/// The batch as the operation on distinct rows takes it, and the nodes of those rows.
fn distinct(
    nodes: &[u32],
    n: usize,
    weights: &[f32],
    counts: impl Fn(usize, u32) -> f32,
    mask: bool,
) -> (SoftmaxBatch, Vec<u32>) {
    let unique = |nodes: &[u32]| -> Vec<u32> {
        let set: BTreeSet<u32> = nodes.iter().copied().collect();
        set.into_iter().collect()
    };
    let (users, candidates) = (unique(&nodes[..n]), unique(&nodes[n..]));
    let row = |rows: &[u32], node: u32| rows.partition_point(|&other| other < node) as u32;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&pair| nodes[pair]);
    let mut candidate_weights = vec![0.0; candidates.len()];
    for (slot, &node) in nodes[n..].iter().enumerate() {
        candidate_weights[row(&candidates, node) as usize] += counts(slot, node - N_USERS as u32);
    }
    let taken = taken();
    let excluded = users.iter().map(|&user| {
        let known = &taken[user as usize];
        let is_known = |node: u32| known.contains(&(node - N_USERS as u32));
        let rows = 0..candidates.len() as u32;
        rows.filter(|&row| is_known(candidates[row as usize]))
            .collect()
    });
    let batch = SoftmaxBatch {
        n_users: users.len(),
        users: order.iter().map(|&pair| row(&users, nodes[pair])).collect(),
        items: order
            .iter()
            .map(|&pair| row(&candidates, nodes[n + pair]))
            .collect(),
        weights: order.iter().map(|&pair| weights[pair]).collect(),
        candidate_weights,
        excluded: mask.then(|| excluded.collect()),
    };
    (batch, [users, candidates].concat())
}

fn floats<B: TrainingBackend>(numbers: &[f32], device: &B::Device) -> Tensor<B, 1> {
    let data = TensorData::new(numbers.to_vec(), [numbers.len()]);
    Tensor::from_data(data, (device, DType::F32))
}

fn check_softmax<B: TrainingBackend>(device: &B::Device) {
    let cases = [
        (3, cut(1, 0, 0), true, false),
        (50, cut(60, 0, 7), true, false),
        (64, cut(150, 0, 0), false, true),
        (1, cut(30, 0, 2), true, true),
    ];
    for (dim, cut, mask, top_k) in cases {
        let (batch, table, nodes) = batch::<B>(device, &cut);
        let options = SoftmaxOptions {
            temperature: 0.2,
            negative_weight: 0.9,
        };
        let item_weights: Vec<f32> = (0..N_ITEMS).map(|n| 0.5 + n as f32 / 9.0).collect();
        let thresholds = Random(8).floats(N_USERS);
        let x = Random(dim as u64).floats(N_NODES * dim);
        let mut weights: Vec<f32> = batch.weights().to_data().iter().collect();
        if top_k {
            let unit = |node: u32| -> Vec<f64> {
                let row = widened(&x[node as usize * dim..][..dim]);
                let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                row.iter().map(|x| x / length).collect()
            };
            for (pair, weight) in weights.iter_mut().enumerate() {
                let (user, item) = (unit(nodes[pair]), unit(nodes[cut.n_pairs + pair]));
                let cosine: f64 = user.iter().zip(&item).map(|(a, b)| a * b).sum();
                let margin = cosine - f64::from(thresholds[nodes[pair] as usize]);
                *weight *= (1.0 / (1.0 + (-margin / 0.5).exp())) as f32;
            }
        }
        let counts = |slot: usize, item: u32| match slot < cut.n_pairs {
            true => item_weights[item as usize],
            false => 1.75,
        };
        let (whole_batch, rows) = distinct(&nodes, cut.n_pairs, &weights, counts, mask);
        let x = tensor::<B>(&x, N_NODES, dim, device);
        let rows = RowIndices::<B>::from_slice(&rows, N_NODES, device);
        let embeddings = reference::gather_rows(x.clone(), &rows);
        let expected = softmax_loss_gradient(embeddings, &whole_batch, &options);
        let loss = elements(expected.loss);
        let gradient = elements(segment_sum_rows(expected.gradient, &rows));
        let softmax = NodeSoftmax {
            options,
            mask_positives: mask,
            item_weights: floats::<B>(&item_weights, device),
            shared_weight: 1.75,
            top_k: top_k.then(|| (floats::<B>(&thresholds, device), 0.5)),
        };
        for (name, found) in [
            (
                "fast",
                softmax_slot_gradient(x.clone(), &batch, &table, &softmax),
            ),
            (
                "reference",
                reference::softmax_slot_gradient(x, &batch, &table, &softmax),
            ),
        ] {
            let (found, found_gradient) = whole(found, &batch);
            assert_close(&found, &loss, 2e-5, &format!("{name}: loss at {dim}"));
            let what = format!("{name}: gradient at {dim}");
            assert_close(&found_gradient, &gradient, 2e-5, &what);
        }
    }
}

fn check_l2<B: TrainingBackend>(device: &B::Device) {
    for (dim, cut) in [
        (1, cut(30, 2, 0)),
        (50, cut(90, 0, 20)),
        (64, cut(300, 1, 0)),
    ] {
        let (batch, _, nodes) = batch::<B>(device, &cut);
        let sorted = sort_slots(&batch);
        let own = &nodes[..batch.n_own_slots()];
        let x = Random(dim as u64).floats(N_NODES * dim);
        let start = Random(9).floats(N_NODES * dim);
        let losses = Random(10).floats(700);
        for factor in [0.0, 0.125] {
            let mut loss: f64 = widened(&losses).iter().sum();
            let mut gradient = widened(&start);
            for &row in own {
                for here in row as usize * dim..(row as usize + 1) * dim {
                    gradient[here] += factor * f64::from(x[here]);
                    loss += 0.5 * factor * f64::from(x[here]).powi(2);
                }
            }
            let run = |slow: bool| {
                let arguments = (
                    floats::<B>(&losses, device),
                    tensor::<B>(&start, N_NODES, dim, device),
                    tensor::<B>(&x, N_NODES, dim, device),
                );
                let (losses, start, x) = arguments;
                let penalty = L2Penalty {
                    table: x,
                    slots: &sorted,
                    n_own_slots: own.len(),
                    factor: factor as f32,
                };
                let kept = start.clone();
                let found = match slow {
                    true => reference::add_l2(losses, start, penalty),
                    false => add_l2(losses, start, penalty),
                };
                (found, kept)
            };
            for slow in [false, true] {
                let (found, kept) = run(slow);
                assert_close(&elements(found.loss), &[loss], 1e-5, "loss");
                assert_close(&elements(found.gradient), &gradient, 1e-5, "gradient");
                let kept = elements(kept);
                assert_eq!(kept, widened(&start), "a shared gradient stays as it was");
            }
        }
    }
}

#[cfg(feature = "flex")]
#[test]
#[should_panic(expected = "pair 4000 at position 1 is outside")]
fn an_order_of_other_pairs_panics() {
    let (table, _) = pairs::<lightgcn_kernels::CpuBackend>(&Default::default());
    table.order(&[0, 4000]);
}
