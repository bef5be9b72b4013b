//! Negative samplers and triple batches for pairwise training.
//!
//! A recommender that learns by comparison, such as BPR, sees triples: a user, an item that the
//! user has (the positive), and items that the user does not have (the negatives). [`Positives`]
//! defines what counts as positive, a [`NegativeSampler`] draws negatives, and a [`BatchSampler`]
//! deals whole epochs in batches that are available in any order, from any thread: to resume in
//! mid-epoch, request batch n.
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
//! use lightgcn_sample::{BatchSampler, PositiveSet, Positives, SamplerConfig, UniformNegatives};
//! use std::sync::Arc;
//!
//! let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! for (user, item) in [(0, 0), (0, 1), (1, 2)] {
//!     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
//! }
//! let split = Split::new(pairs.build(2, 4)?, Truth::empty(2, 4), Truth::empty(2, 4))?;
//!
//! let positives = Arc::new(Positives::new(&split.train, PositiveSet::Targets)?);
//! let negatives = UniformNegatives::new(Arc::clone(&positives));
//! let config = SamplerConfig { batch_size: 2, n_negatives: 3, ..SamplerConfig::default() };
//! let sampler = BatchSampler::new(positives, Box::new(negatives), config)?;
//!
//! let epoch = sampler.epoch(0);
//! assert_eq!(epoch.n_batches(), 2);
//! let batch = epoch.batch(1); // the last, short one
//! assert_eq!((batch.users.len(), batch.negatives.len()), (1, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How draws are defined
//!
//! Randomness is counter-based ([`lightgcn_core::random`], Philox4x32-10): every draw is a function
//! of (seed, stream, epoch, position), so any thread, or another device, makes the same triples.
//! Drawing a sample needs only 32-bit words and 32-bit arithmetic; `below(n)` is the high half of
//! word × n with Lemire's rejection of biased words ([`lightgcn_core::random::Draws::below`]).
//!
//! * **Order.** The epoch's order is a Fisher and Yates shuffle: for `last` from n − 1 down to 1,
//!   `last` is swapped with `below(last + 1)`, drawn at position `round · 2^32 + last` of
//!   [`Stream::Shuffle`]. `round` is 0, except in later rounds of [`PositiveOrder::ByUser`]. What
//!   is shuffled are the pairs (or users) that can have a negative, ascending.
//! * **Positive.** By pair, the positive is the pair's item. By user, it is number
//!   `below(count)` of the user's positives, drawn at position t of
//!   [`Stream::PositiveSampling`], where t is the triple's place in the epoch's order.
//! * **Negatives.** Negative j of triple t is drawn at position t · n_negatives + j of
//!   [`Stream::NegativeSampling`], so each is independent of the others; the same item may be drawn
//!   twice. Up to [`MAX_REJECTIONS`] candidates are drawn one after the other and the first that is
//!   not a positive is taken; if all are positives, one more number makes an exact draw among the
//!   remaining items. [`UniformNegatives`] and [`PopularityNegatives`] state their candidates and
//!   their last draw.
//!
//! Triples therefore do not depend on the batch size; only where they are cut does.
//!
//! [`Stream::Shuffle`]: lightgcn_core::random::Stream::Shuffle
//! [`Stream::PositiveSampling`]: lightgcn_core::random::Stream::PositiveSampling
//! [`Stream::NegativeSampling`]: lightgcn_core::random::Stream::NegativeSampling
#![forbid(unsafe_code)]

mod batch;
mod config;
mod error;
mod negatives;
mod popularity;
mod positives;
mod sampler;
mod shared;
#[cfg(test)]
mod testing;
mod uniform;

pub use batch::{BatchSampler, EpochBatches, TripleBatch};
pub use config::{MAX_NEGATIVES, PositiveOrder, SamplerConfig};
pub use error::SampleError;
pub use negatives::NegativeSampling;
pub use popularity::PopularityNegatives;
pub use positives::{PositiveSet, Positives};
pub use sampler::{MAX_REJECTIONS, NegativeSampler};
pub use shared::{first_shared_position, shared_negatives};
pub use uniform::UniformNegatives;
