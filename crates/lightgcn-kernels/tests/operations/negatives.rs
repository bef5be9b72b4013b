use burn::tensor::{DType, Int, Tensor, TensorData};
use lightgcn_core::random::{Random as CoreRandom, Stream};
use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
use lightgcn_kernels::{
    NegativeDraws, PositiveTable, TrainingBackend, reference, sample_negatives,
};
use lightgcn_sample::{NegativeSampler, PositiveSet, Positives, UniformNegatives};
use std::sync::Arc;

use crate::backends::on_every_backend;

on_every_backend! {
    triples: check_triples;
    outsiders: check_outsiders;
}

const N_ITEMS: u32 = 300;

/// Users with no, few, all but few, and all items.
fn positives() -> Arc<Positives> {
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])
        .unwrap_or_else(|e| panic!("{e}"));
    for item in 0..N_ITEMS {
        let users = [
            (1, item % 37 == 5),
            (2, ![0, 7, 8, 299].contains(&item)),
            (3, true),
            (4, item == 0 || item == 299),
        ];
        for (user, _) in users.into_iter().filter(|(_, takes)| *takes) {
            pairs
                .push(UserId(user), ItemId(item), 1.0, &[1], None)
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let pairs = pairs
        .build(5, N_ITEMS as usize)
        .unwrap_or_else(|e| panic!("{e}"));
    let empty = || Truth::empty(5, N_ITEMS as usize);
    let split = Split::new(pairs, empty(), empty()).unwrap_or_else(|e| panic!("{e}"));
    let positives = Positives::new(&split.train, PositiveSet::Targets);
    Arc::new(positives.unwrap_or_else(|e| panic!("{e}")))
}

fn table<B: TrainingBackend>(positives: &Positives, device: &B::Device) -> PositiveTable<B> {
    let items: Vec<u32> = positives.items().iter().map(|item| item.0).collect();
    PositiveTable::from_slices(positives.offsets(), &items, N_ITEMS as usize, device)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn ints<B: TrainingBackend>(ints: &[i32], device: &B::Device) -> Tensor<B, 1, Int> {
    Tensor::from_data(
        TensorData::new(ints.to_vec(), [ints.len()]),
        (device, DType::I32),
    )
}

fn drawn<B: TrainingBackend>(negatives: Tensor<B, 1, Int>) -> Vec<i64> {
    negatives.into_data().iter().collect()
}

/// The draws of the sampler that the CPU trains with, to the last bit, also where the position
/// passes 2^32.
fn check_triples<B: TrainingBackend>(device: &B::Device) {
    let positives = positives();
    let table = table::<B>(&positives, device);
    let sampler = UniformNegatives::new(Arc::clone(&positives));
    let users: Vec<i32> = (0..500).map(|n| n % 5).collect();
    for (seed, first_pair, n_negatives) in [
        (7, 0, 1),
        (u64::MAX - 3, 12_345, 3),
        (1 << 40, (1 << 31) - 100, 2),
    ] {
        let draws = NegativeDraws {
            seed,
            epoch: 9,
            first_pair,
            n_negatives,
        };
        let random = CoreRandom::new(seed, Stream::NegativeSampling);
        let expected: Vec<i64> = (0..users.len() * n_negatives)
            .map(|n| {
                let position = first_pair * n_negatives as u64 + n as u64;
                let user = UserId(users[n / n_negatives] as u32);
                let item = sampler.sample(user, &mut random.at(9, position));
                item.map_or(-1, |item| i64::from(item.0))
            })
            .collect();
        let users = ints::<B>(&users, device);
        let found = sample_negatives(&table, users.clone(), &draws);
        assert_eq!(drawn(found), expected);
        assert_eq!(
            drawn(reference::sample_negatives(&table, users, &draws)),
            expected
        );
    }
}

fn check_outsiders<B: TrainingBackend>(device: &B::Device) {
    let table = table::<B>(&positives(), device);
    let draws = NegativeDraws {
        seed: 1,
        epoch: 0,
        first_pair: 0,
        n_negatives: 1,
    };
    let found = drawn(sample_negatives(
        &table,
        ints(&[5, -1, i32::MAX, 3], device),
        &draws,
    ));
    assert_eq!(found, [-1; 4]);
}

#[cfg(feature = "flex")]
#[test]
fn positives_that_do_not_ascend_are_an_error() {
    let build = |items: &[u32]| {
        PositiveTable::<lightgcn_kernels::CpuBackend>::from_slices(
            &[0, 1, 3],
            items,
            4,
            &Default::default(),
        )
    };
    assert!(build(&[3, 0, 2]).is_ok());
    let error = lightgcn_kernels::KernelError::NotAscending { row: 1 };
    assert_eq!(build(&[3, 2, 2]).unwrap_err(), error);
    assert!(build(&[3, 2, 4]).is_err());
}
