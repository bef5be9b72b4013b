use super::*;
use crate::testing::{chi_square, positives_of, train};
use crate::{NegativeSampling, PositiveSet, UniformNegatives};
use lightgcn_core::ItemId;
use lightgcn_core::random::Draws;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn config(batch_size: usize, n_negatives: usize, order: PositiveOrder) -> SamplerConfig {
    SamplerConfig {
        batch_size,
        n_negatives,
        order,
        seed: 42,
    }
}

fn by_user(users_per_epoch: Option<u32>) -> PositiveOrder {
    PositiveOrder::ByUser { users_per_epoch }
}

fn sampler(positives: &Arc<Positives>, config: SamplerConfig) -> BatchSampler {
    let negatives = Box::new(UniformNegatives::new(Arc::clone(positives)));
    BatchSampler::new(Arc::clone(positives), negatives, config).unwrap()
}

/// 30 users over 20 items; user u takes the items below u mod 7 (so some take none).
fn shop() -> Arc<Positives> {
    let pairs: Vec<(u32, u32)> = (0..30)
        .flat_map(|user| (0..user % 7).map(move |item| (user, item)))
        .collect();
    positives_of(30, 20, &pairs)
}

#[test]
fn an_epoch_by_pair_has_every_pair_once() {
    let positives = shop();
    let sampler = sampler(&positives, config(16, 2, PositiveOrder::ByPair));
    let n_pairs = positives.n_pairs();
    assert_eq!(sampler.n_triples(), n_pairs);
    assert_eq!(sampler.n_batches(), n_pairs.div_ceil(16));
    let mut orders = Vec::new();
    for epoch in 0..3 {
        let epoch = sampler.epoch(epoch);
        let sizes: Vec<usize> = epoch.iter().map(|batch| batch.len()).collect();
        assert!(sizes[..sizes.len() - 1].iter().all(|&size| size == 16));
        assert_eq!(sizes.iter().sum::<usize>(), n_pairs);
        let pairs: Vec<(u32, u32)> = epoch
            .iter()
            .flat_map(|batch| batch.users.into_iter().zip(batch.positives))
            .collect();
        assert_eq!(pairs.iter().collect::<BTreeSet<_>>().len(), n_pairs);
        orders.push(pairs);
    }
    assert_ne!(orders[0], orders[1]);
    assert_ne!(orders[1], orders[2]);
}

#[test]
fn pair_numbers_and_places_make_the_same_batches() {
    let positives = shop();
    let orders = [PositiveOrder::ByPair, by_user(Some(9)), by_user(None)];
    for order in orders {
        let sampler = sampler(&positives, config(4, 1, order));
        let epoch = sampler.epoch(3);
        let pairs = epoch.pair_numbers();
        assert_eq!(pairs.len(), sampler.n_triples());
        for n in 0..epoch.n_batches() {
            let batch = epoch.batch(n);
            let pairs = &pairs[epoch.places(n)];
            let items = pairs.iter().map(|&pair| positives.items()[pair as usize].0);
            assert_eq!(items.collect::<Vec<_>>(), batch.positives);
            let weights = pairs.iter().map(|&pair| positives.weights()[pair as usize]);
            assert_eq!(weights.collect::<Vec<_>>(), batch.weights);
        }
    }
}

#[test]
fn weights_are_those_of_the_pairs() {
    let train = train(2, 3, &[(0, 0, true), (0, 1, false), (1, 2, false)]);
    let positives = Arc::new(Positives::new(&train, PositiveSet::AllPairs).unwrap());
    let batch = sampler(&positives, config(9, 1, PositiveOrder::ByPair))
        .epoch(0)
        .batch(0);
    let pairs = batch.users.iter().zip(&batch.positives).zip(&batch.weights);
    let pairs: BTreeMap<_, _> = pairs.map(|((&u, &i), &w)| ((u, i), w)).collect();
    let expected = [((0, 0), 1.0), ((0, 1), 0.1), ((1, 2), 0.1)];
    assert_eq!(pairs, expected.into());
}

#[test]
fn an_epoch_by_user_has_every_user_once() {
    let positives = shop();
    let sampler = sampler(&positives, config(10, 1, by_user(None)));
    // Users 0, 7, 14, 21 and 28 have no positive.
    assert_eq!((sampler.n_triples(), sampler.n_batches()), (25, 3));
    let users: Vec<u32> = sampler.epoch(0).iter().flat_map(|b| b.users).collect();
    assert_eq!(users.len(), 25);
    assert_eq!(users.iter().collect::<BTreeSet<_>>().len(), 25);
}

#[test]
fn rounds_by_user_never_share_a_batch() {
    let positives = shop();
    for (users_per_epoch, sizes) in [
        (7, &[7][..]),
        (25, &[10, 10, 5]),
        (63, &[10, 10, 5, 10, 10, 5, 10, 3]),
    ] {
        let sampler = sampler(&positives, config(10, 1, by_user(Some(users_per_epoch))));
        let epoch = sampler.epoch(4);
        assert_eq!(sampler.n_batches(), sizes.len());
        let mut rounds: Vec<Vec<u32>> = vec![Vec::new()];
        for (batch, &size) in epoch.iter().zip(sizes) {
            assert_eq!(batch.len(), size);
            if rounds.last().unwrap().len() == 25 {
                rounds.push(Vec::new());
            }
            rounds.last_mut().unwrap().extend(batch.users);
        }
        for round in &rounds {
            assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), round.len());
        }
        if let [first, second, ..] = rounds.as_slice() {
            assert_ne!(first, second);
        }
    }
}

#[test]
fn positives_by_user_are_uniform() {
    // One user with 8 positives: at 7 degrees of freedom the 99.9 % point is 24.32.
    let pairs: Vec<(u32, u32)> = (0..8).map(|item| (0, item)).collect();
    let positives = positives_of(1, 9, &pairs);
    let sampler = sampler(&positives, config(4, 1, by_user(Some(40))));
    let mut counts = [0; 8];
    for epoch in 0..1_000 {
        for batch in sampler.epoch(epoch).iter() {
            assert_eq!(batch.len(), 1, "one user cannot be in a batch twice");
            assert_eq!(batch.negatives, [8]);
            counts[batch.positives[0] as usize] += 1;
        }
    }
    assert_eq!(counts.iter().sum::<u64>(), 40_000);
    let chi = chi_square(&counts, &[1.0 / 8.0; 8]);
    assert!(chi < 24.32, "chi-square {chi}, counts {counts:?}");
}

#[test]
fn the_order_of_an_epoch_is_uniform() {
    // Which of 6 pairs comes first: at 5 degrees of freedom the 99.9 % point is 20.52.
    let pairs: Vec<(u32, u32)> = (0..6).map(|user| (user, user)).collect();
    let sampler = sampler(
        &positives_of(6, 7, &pairs),
        config(6, 1, PositiveOrder::ByPair),
    );
    let mut counts = [0; 6];
    for epoch in 0..12_000 {
        counts[sampler.epoch(epoch).batch(0).users[0] as usize] += 1;
    }
    let chi = chi_square(&counts, &[1.0 / 6.0; 6]);
    assert!(chi < 20.52, "chi-square {chi}, counts {counts:?}");
}

#[test]
fn triples_do_not_depend_on_the_batch_size() {
    let positives = shop();
    let all = |batch_size, order| {
        let sampler = sampler(&positives, config(batch_size, 3, order));
        let epoch = sampler.epoch(2);
        epoch.iter().fold(TripleBatch::default(), |mut all, batch| {
            all.users.extend(batch.users);
            all.positives.extend(batch.positives);
            all.negatives.extend(batch.negatives);
            all.weights.extend(batch.weights);
            all
        })
    };
    for order in [PositiveOrder::ByPair, by_user(None), by_user(Some(60))] {
        assert_eq!(all(7, order), all(1_000, order));
        assert_eq!(all(7, order), all(usize::MAX, order));
    }
}

#[test]
fn threads_make_the_same_batches_in_any_order() {
    let positives = shop();
    let negatives = NegativeSampling::Popularity { alpha: 0.75 };
    let negatives = negatives.build(Arc::clone(&positives)).unwrap();
    let config = config(5, 4, PositiveOrder::ByPair);
    let sampler = BatchSampler::new(positives, negatives, config).unwrap();
    let expected: Vec<TripleBatch> = sampler.epoch(1).iter().collect();
    let epoch = sampler.epoch(1);
    for threads in [2, 3, 8] {
        let mut found: Vec<(usize, TripleBatch)> = std::thread::scope(|scope| {
            let work = |thread: usize| {
                let numbers = (thread..epoch.n_batches()).step_by(threads).rev();
                numbers.map(|n| (n, epoch.batch(n))).collect::<Vec<_>>()
            };
            let handles: Vec<_> = (0..threads).map(|t| scope.spawn(move || work(t))).collect();
            let parts = handles.into_iter().map(|handle| handle.join().unwrap());
            parts.flatten().collect()
        });
        found.sort_by_key(|&(n, _)| n);
        assert!(
            found
                .into_iter()
                .map(|(_, batch)| batch)
                .eq(expected.iter().cloned())
        );
    }
}

/// The documented law, step by step, for one triple.
#[test]
fn draws_follow_the_documented_law() {
    let positives = shop();
    let sampler = sampler(&positives, config(4, 2, by_user(None)));
    let batch = sampler.epoch(9).batch(3);
    let mut order: Vec<u32> = (0..30).filter(|user| user % 7 != 0).collect();
    Random::new(42, Stream::Shuffle).shuffle(9, &mut order);
    let place = 3 * 4 + 1;
    let user = order[place];
    assert_eq!(batch.users[1], user);
    // User u has the items 0 .. u mod 7, so the n-th positive is item n.
    let mut draws = Random::new(42, Stream::PositiveSampling).at(9, place as u64);
    assert_eq!(batch.positives[1], draws.below(user % 7));
    for nth in 0..2 {
        let random = Random::new(42, Stream::NegativeSampling);
        let mut draws = random.at(9, (place * 2 + nth) as u64);
        let candidates = std::iter::repeat_with(|| draws.below(20));
        let negative = candidates.take(16).find(|&item| item >= user % 7);
        assert_eq!(Some(batch.negatives_of(1)[nth]), negative);
    }
}

#[test]
fn users_with_everything_are_left_out_and_counted() {
    let positives = positives_of(3, 2, &[(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]);
    for order in [PositiveOrder::ByPair, by_user(None), by_user(Some(5))] {
        let sampler = sampler(&positives, config(2, 1, order));
        assert_eq!(sampler.skipped_users(), 2);
        for batch in sampler.epoch(0).iter() {
            assert!(!batch.is_empty());
            assert!(batch.users.iter().all(|&user| user == 1));
            assert!(batch.negatives.iter().all(|&item| item == 1));
        }
    }
    let everything = positives_of(2, 1, &[(0, 0)]);
    let negatives = Box::new(UniformNegatives::new(Arc::clone(&everything)));
    let error = BatchSampler::new(everything, negatives, SamplerConfig::default()).unwrap_err();
    let (n_users, n_items) = (1, 1);
    assert_eq!(error, SampleError::NoNegatives { n_users, n_items });
}

#[test]
#[should_panic(expected = "batch 3 is out of range: the epoch has 3")]
fn a_batch_beyond_the_epoch_panics() {
    let _ = sampler(&shop(), config(10, 1, by_user(None)))
        .epoch(0)
        .batch(3);
}

#[test]
#[should_panic(expected = "gave nothing for user row")]
fn a_sampler_that_breaks_its_contract_is_named() {
    struct Nothing;
    impl NegativeSampler for Nothing {
        fn sample(&self, _user: UserId, _draws: &mut Draws) -> Option<ItemId> {
            None
        }
    }
    let sampler = BatchSampler::new(shop(), Box::new(Nothing), SamplerConfig::default()).unwrap();
    let _ = sampler.epoch(0).batch(0);
}

#[test]
fn bad_configurations_are_errors() {
    let positives = shop();
    let negatives = Box::new(UniformNegatives::new(Arc::clone(&positives)));
    let bad = config(0, 0, PositiveOrder::ByPair);
    let error = BatchSampler::new(positives, negatives, bad).unwrap_err();
    assert!(matches!(error, SampleError::Config { issues } if issues.len() == 2));
}

proptest! {
    #[test]
    fn epochs_are_complete_and_negatives_are_no_positives(
        pairs in prop::collection::btree_set((0u32..12, 0u32..6), 1..60),
        batch_size in 1usize..20,
        n_negatives in 1usize..4,
        seed in any::<u64>(),
        popularity in any::<bool>(),
    ) {
        let list: Vec<(u32, u32)> = pairs.iter().copied().collect();
        let positives = positives_of(12, 6, &list);
        let everything = |user: u32| positives.has_everything(UserId(user));
        let negatives = match popularity {
            true => NegativeSampling::Popularity { alpha: 0.75 },
            false => NegativeSampling::Uniform,
        };
        let negatives = negatives.build(Arc::clone(&positives)).unwrap();
        let config = SamplerConfig { seed, ..config(batch_size, n_negatives, PositiveOrder::ByPair) };
        let Ok(sampler) = BatchSampler::new(Arc::clone(&positives), negatives, config) else {
            prop_assert!(list.iter().all(|&(user, _)| everything(user)));
            return Ok(());
        };
        let mut seen = Vec::new();
        for batch in sampler.epoch(0).iter() {
            prop_assert_eq!(batch.negatives.len(), batch.len() * n_negatives);
            for row in 0..batch.len() {
                let user = batch.users[row];
                seen.push((user, batch.positives[row]));
                for &item in batch.negatives_of(row) {
                    prop_assert!(item < 6 && !pairs.contains(&(user, item)));
                }
            }
        }
        seen.sort_unstable();
        let expected: Vec<_> = list.into_iter().filter(|&(user, _)| !everything(user)).collect();
        prop_assert_eq!(seen, expected);
        let skipped = (0..12).filter(|&user| everything(user)).count();
        prop_assert_eq!(sampler.skipped_users(), skipped);
    }
}
