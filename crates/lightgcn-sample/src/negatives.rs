//! The choice of a negative sampler by name.

use crate::{NegativeSampler, PopularityNegatives, Positives, SampleError, UniformNegatives};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    use lightgcn_core::{ItemId, UserId};

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
