//! Epochs of triples, cut into batches.

use crate::{NegativeSampler, PositiveOrder, Positives, SampleError, SamplerConfig};
use lightgcn_core::UserId;
use lightgcn_core::random::{Random, Stream};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A batch of triples: row n is user `users[n]`, who has `positives[n]` and none of row n of
/// `negatives`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TripleBatch {
    /// The users' rows: `[batch]`.
    pub users: Vec<u32>,
    /// The rows of the positive items: `[batch]`.
    pub positives: Vec<u32>,
    /// The rows of the negative items: `[batch * n_negatives]`, row by row.
    pub negatives: Vec<u32>,
    /// The weights of the positive pairs, positive and finite: `[batch]`.
    pub weights: Vec<f32>,
    /// The number of negatives per row; at least 1.
    pub n_negatives: usize,
}

impl TripleBatch {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether the batch has no rows; batches of an epoch always have at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The negatives of one row: `[n_negatives]`.
    ///
    /// # Panics
    /// If the row is out of range.
    #[must_use]
    pub fn negatives_of(&self, row: usize) -> &[u32] {
        &self.negatives[row * self.n_negatives..(row + 1) * self.n_negatives]
    }
}

/// Deals triples in epochs and batches.
pub struct BatchSampler {
    positives: Arc<Positives>,
    negatives: Box<dyn NegativeSampler>,
    config: SamplerConfig,
    /// What is shuffled, ascending: pair numbers, or users.
    entries: Vec<u32>,
    /// By pair: the user of each positive. Empty otherwise.
    pair_users: Vec<u32>,
    epoch_len: usize,
    skipped_users: usize,
}

impl BatchSampler {
    /// A sampler of batches. `negatives` must draw against the same positives. O(positives).
    ///
    /// # Errors
    /// [`SampleError::Config`] with every issue of the configuration, [`SampleError::NoNegatives`]
    /// if no user can have a negative.
    pub fn new(
        positives: Arc<Positives>,
        negatives: Box<dyn NegativeSampler>,
        config: SamplerConfig,
    ) -> Result<Self, SampleError> {
        config.check()?;
        let (mut entries, mut pair_users) = (Vec::new(), Vec::new());
        let (mut n_taking, mut skipped_users) = (0, 0);
        for (user, bounds) in (0u32..).zip(positives.offsets().windows(2)) {
            let pairs = bounds[0] as u32..bounds[1] as u32;
            if pairs.is_empty() {
                continue;
            }
            n_taking += 1;
            if config.order == PositiveOrder::ByPair {
                pair_users.extend(pairs.clone().map(|_| user));
            }
            if positives.has_everything(UserId(user)) {
                skipped_users += 1;
            } else if config.order == PositiveOrder::ByPair {
                entries.extend(pairs);
            } else {
                entries.push(user);
            }
        }
        if entries.is_empty() {
            return Err(SampleError::NoNegatives {
                n_users: n_taking,
                n_items: positives.n_items(),
            });
        }
        let epoch_len = match config.order {
            PositiveOrder::ByUser {
                users_per_epoch: Some(n),
            } => n as usize,
            _ => entries.len(),
        };
        Ok(Self {
            positives,
            negatives,
            config,
            entries,
            pair_users,
            epoch_len,
            skipped_users,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SamplerConfig {
        &self.config
    }

    /// The positives.
    #[must_use]
    pub fn positives(&self) -> &Positives {
        &self.positives
    }

    /// The number of users excluded because every item is a positive of theirs.
    #[must_use]
    pub fn skipped_users(&self) -> usize {
        self.skipped_users
    }

    /// How many rows an epoch has; at least 1.
    #[must_use]
    pub fn n_triples(&self) -> usize {
        self.epoch_len
    }

    /// How many batches an epoch has, short ones included; at least 1.
    #[must_use]
    pub fn n_batches(&self) -> usize {
        let full_rounds = self.epoch_len / self.entries.len();
        let rest = self.epoch_len % self.entries.len();
        full_rounds * self.batches_per_round() + rest.div_ceil(self.config.batch_size)
    }

    /// The batches of an epoch. O(rows of the epoch), for the shuffle.
    #[must_use]
    pub fn epoch(&self, epoch: u32) -> EpochBatches<'_> {
        let random = Random::new(self.config.seed, Stream::Shuffle);
        let mut order = Vec::with_capacity(self.epoch_len);
        let mut round = 0;
        while order.len() < self.epoch_len {
            let mut entries = self.entries.clone();
            shuffle(random, epoch, round, &mut entries);
            entries.truncate(self.epoch_len - order.len());
            order.append(&mut entries);
            round += 1;
        }
        EpochBatches {
            sampler: self,
            epoch,
            order,
        }
    }

    fn batches_per_round(&self) -> usize {
        self.entries.len().div_ceil(self.config.batch_size)
    }

    /// The places in the epoch's order that batch `n` takes; empty beyond the last.
    fn places(&self, n: usize) -> Range<usize> {
        let (round, nth) = (n / self.batches_per_round(), n % self.batches_per_round());
        let round_start = round * self.entries.len();
        let round_end = self.epoch_len.min(round_start + self.entries.len());
        let start = round_start + nth * self.config.batch_size;
        start..round_end.min(start.saturating_add(self.config.batch_size))
    }
}

impl fmt::Debug for BatchSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSampler")
            .field("config", &self.config)
            .field("n_triples", &self.n_triples())
            .field("skipped_users", &self.skipped_users)
            .finish_non_exhaustive()
    }
}

/// Fisher and Yates's shuffle; round 0 equals [`Random::shuffle`].
fn shuffle(random: Random, epoch: u32, round: u64, entries: &mut [u32]) {
    for last in (1..entries.len()).rev() {
        let position = (round << 32) | last as u64;
        let other = random.at(epoch, position).below(last as u32 + 1);
        entries.swap(last, other as usize);
    }
}

/// The batches of one epoch, available in any order and from any thread.
#[derive(Debug)]
pub struct EpochBatches<'a> {
    sampler: &'a BatchSampler,
    epoch: u32,
    /// Pair numbers, or users.
    order: Vec<u32>,
}

impl EpochBatches<'_> {
    /// The epoch's number.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// How many batches the epoch has, short ones included; at least 1.
    #[must_use]
    pub fn n_batches(&self) -> usize {
        self.sampler.n_batches()
    }

    /// Batch `n`, the same whenever and wherever it is requested. All have
    /// [`SamplerConfig::batch_size`] rows, except the last one (by user: of each round), which may
    /// be shorter. O(batch · n_negatives · log items).
    ///
    /// # Panics
    /// If there is no batch `n`, or if a [`NegativeSampler`] breaks its contract by giving no
    /// negative for a user that has one.
    #[must_use]
    pub fn batch(&self, n: usize) -> TripleBatch {
        let n_batches = self.n_batches();
        assert!(
            n < n_batches,
            "batch {n} is out of range: the epoch has {n_batches}"
        );
        self.triples(self.sampler.places(n))
    }

    /// The triples at some places of the epoch's order, such as part of a batch. O(places ·
    /// n_negatives · log items).
    ///
    /// # Panics
    /// If a place is out of range, or as [`batch`](Self::batch).
    #[must_use]
    pub fn triples(&self, places: Range<usize>) -> TripleBatch {
        let n_negatives = self.sampler.config.n_negatives;
        let mut batch = self.pairs(places.clone());
        batch.n_negatives = n_negatives;
        batch.negatives.reserve(batch.len() * n_negatives);
        for (row, place) in places.enumerate() {
            self.draw_negatives(UserId(batch.users[row]), place, &mut batch.negatives);
        }
        batch
    }

    /// The same without negatives. O(places).
    ///
    /// # Panics
    /// If a place is out of range.
    #[must_use]
    pub fn pairs(&self, places: Range<usize>) -> TripleBatch {
        let positives = &self.sampler.positives;
        let mut batch = TripleBatch {
            users: Vec::with_capacity(places.len()),
            positives: Vec::with_capacity(places.len()),
            negatives: Vec::new(),
            weights: Vec::with_capacity(places.len()),
            n_negatives: 0,
        };
        for place in places {
            let (user, pair) = self.positive(place);
            batch.users.push(user.0);
            batch.positives.push(positives.items()[pair].0);
            batch.weights.push(positives.weights()[pair]);
        }
        batch
    }

    /// The places of the epoch's order that batch `n` takes; empty beyond the last.
    #[must_use]
    pub fn places(&self, n: usize) -> Range<usize> {
        self.sampler.places(n)
    }

    /// For each place of the epoch's order the number of its pair among the positives, as
    /// [`Positives::items`] and [`Positives::weights`] count them: with these, a device can cut the
    /// batches itself. O(rows of the epoch).
    #[must_use]
    pub fn pair_numbers(&self) -> Vec<u32> {
        let pair = |place| self.positive(place).1 as u32;
        (0..self.order.len()).map(pair).collect()
    }

    /// The batches from the first to the last.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TripleBatch> + '_ {
        (0..self.n_batches()).map(|n| self.batch(n))
    }

    fn draw_negatives(&self, user: UserId, place: usize, negatives: &mut Vec<u32>) {
        let BatchSampler {
            positives, config, ..
        } = self.sampler;
        let random = Random::new(config.seed, Stream::NegativeSampling);
        let first = place as u64 * config.n_negatives as u64;
        for position in first..first + config.n_negatives as u64 {
            let mut draws = random.at(self.epoch, position);
            let Some(item) = self.sampler.negatives.sample(user, &mut draws) else {
                panic!(
                    "the negative sampler gave nothing for user row {user}, who has {} of {} \
                     items",
                    positives.items_of(user).len(),
                    positives.n_items()
                );
            };
            negatives.push(item.0);
        }
    }

    /// The user and the number of the positive pair at a place of the epoch's order.
    fn positive(&self, place: usize) -> (UserId, usize) {
        let entry = self.order[place];
        let BatchSampler {
            positives,
            config,
            pair_users,
            ..
        } = self.sampler;
        if config.order == PositiveOrder::ByPair {
            return (UserId(pair_users[entry as usize]), entry as usize);
        }
        let user = UserId(entry);
        let random = Random::new(config.seed, Stream::PositiveSampling);
        let n_positives = positives.items_of(user).len() as u32;
        let nth = random.at(self.epoch, place as u64).below(n_positives);
        let start = positives.offsets()[user.index()] as usize;
        (user, start + nth as usize)
    }
}

#[cfg(test)]
mod tests;
