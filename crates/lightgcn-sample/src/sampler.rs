//! The trait of negative samplers.

use lightgcn_core::random::Draws;
use lightgcn_core::{ItemId, UserId};

/// How many candidates are rejected for being positives before one exact draw among the rest.
pub const MAX_REJECTIONS: usize = 16;

/// Draws items that a user does not have.
///
/// A sampler keeps no state between draws: the item is a function of the user and of the
/// words taken from `draws`, of which it may take up to 2^26.
pub trait NegativeSampler: Send + Sync {
    /// An item that is not a training positive of the user, or `None` if every item is a positive.
    fn sample(&self, user: UserId, draws: &mut Draws) -> Option<ItemId>;
}
