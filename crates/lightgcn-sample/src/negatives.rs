//! What a negative sampler is, and how one is chosen by name.

use crate::{PopularityNegatives, Positives, SampleError, UniformNegatives};
use lightgcn_core::random::Draws;
use lightgcn_core::{ItemId, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many candidates are rejected for being positives before one exact draw among the rest.
pub const MAX_REJECTIONS: usize = 16;

/// Draws items that a user did not take.
///
/// A sampler keeps no state between draws: the item is a function of the user and of the
/// words taken from `draws`, of which it may take up to 2^26.
pub trait NegativeSampler: Send + Sync {
    /// An item that is no training positive of the user, or none exactly where every item
    /// is a positive.
    fn sample(&self, user: UserId, draws: &mut Draws) -> Option<ItemId>;
}

/// The choice of a negative sampler, as a configuration file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NegativeSampling {
    /// [`UniformNegatives`].
    #[default]
    Uniform,
    /// [`PopularityNegatives`] with this exponent.
    Popularity {
        /// The exponent of popularity; 0.75 is usual.
        alpha: f64,
    },
}

impl NegativeSampling {
    /// Makes the sampler.
    ///
    /// # Errors
    /// As the sampler's constructor.
    pub fn build(self, positives: Arc<Positives>) -> Result<Box<dyn NegativeSampler>, SampleError> {
        Ok(match self {
            Self::Uniform => Box::new(UniformNegatives::new(positives)),
            Self::Popularity { alpha } => Box::new(PopularityNegatives::new(positives, alpha)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::positives_of;
    use lightgcn_core::random::{Random, Stream};

    #[test]
    fn choices_are_read_and_made() {
        let positives = positives_of(1, 3, &[(0, 0), (0, 2)]);
        for text in [r#""uniform""#, r#"{"popularity":{"alpha":0.75}}"#] {
            let choice: NegativeSampling = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&choice).unwrap(), text);
            let sampler = choice.build(Arc::clone(&positives)).unwrap();
            let mut draws = Random::new(1, Stream::NegativeSampling).at(0, 0);
            assert_eq!(sampler.sample(UserId(0), &mut draws), Some(ItemId(1)));
        }
        let bad = NegativeSampling::Popularity { alpha: f64::NAN };
        assert!(matches!(
            bad.build(positives),
            Err(SampleError::Config { .. })
        ));
    }
}
