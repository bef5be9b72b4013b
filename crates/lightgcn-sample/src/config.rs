//! How to cut batches.

use crate::SampleError;
use serde::{Deserialize, Serialize};

/// The order in which an epoch visits the positives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PositiveOrder {
    /// An epoch has every positive pair once, shuffled.
    #[default]
    ByPair,
    /// An epoch deals users: the users of one batch are distinct, and each comes with one of its
    /// positives, drawn uniformly. All users are visited in a shuffled round before the next round
    /// starts, and no batch spans two rounds.
    ByUser {
        /// The number of users per epoch, at least 1: fewer than all are chosen at random, more
        /// take several rounds. `None`: every user once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        users_per_epoch: Option<u32>,
    },
}

/// How to batch triples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// The number of positives per batch, at least 1. Default: 2,048.
    pub batch_size: usize,
    /// The number of negatives per positive, 1 to [`MAX_NEGATIVES`]. Default: 1.
    pub n_negatives: usize,
    /// The order in which an epoch visits the positives. Default by pair.
    pub order: PositiveOrder,
    /// The seed of every draw. Default 0.
    pub seed: u64,
}

/// The maximum number of negatives per positive.
pub const MAX_NEGATIVES: usize = 65_536;

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            batch_size: 2_048,
            n_negatives: 1,
            order: PositiveOrder::ByPair,
            seed: 0,
        }
    }
}

impl SamplerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`SampleError::Config`] with every issue found.
    pub fn check(&self) -> Result<(), SampleError> {
        let mut issues = Vec::new();
        if self.batch_size == 0 {
            issues.push("the batch size is 0; it must be at least 1".to_owned());
        }
        if !(1..=MAX_NEGATIVES).contains(&self.n_negatives) {
            issues.push(format!(
                "{} negatives per positive; it must be between 1 and {MAX_NEGATIVES}",
                self.n_negatives
            ));
        }
        let users_per_epoch = Some(0);
        if self.order == (PositiveOrder::ByUser { users_per_epoch }) {
            issues.push("0 users per epoch; it must be at least 1, or omitted for all".to_owned());
        }
        if issues.is_empty() {
            Ok(())
        } else {
            Err(SampleError::Config { issues })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = SamplerConfig {
            batch_size: 0,
            n_negatives: 0,
            order: PositiveOrder::ByUser {
                users_per_epoch: Some(0),
            },
            seed: 1,
        };
        let Err(SampleError::Config { issues }) = config.check() else {
            panic!("a bad configuration was accepted");
        };
        assert_eq!(issues.len(), 3, "{issues:?}");
        let n_negatives = MAX_NEGATIVES + 1;
        let config = SamplerConfig {
            n_negatives,
            ..SamplerConfig::default()
        };
        assert!(matches!(config.check(), Err(SampleError::Config { issues }) if issues.len() == 1));
        assert_eq!(SamplerConfig::default().check(), Ok(()));
    }

    #[test]
    fn configurations_are_read_as_written() {
        let text = r#"{"batch_size":64,"n_negatives":2,"order":"by-pair","seed":7}"#;
        let config: SamplerConfig = serde_json::from_str(text).unwrap();
        assert_eq!(
            (config.batch_size, config.n_negatives, config.seed),
            (64, 2, 7)
        );
        assert_eq!(serde_json::to_string(&config).unwrap(), text);
        let short: SamplerConfig =
            serde_json::from_str(r#"{"order":{"by-user":{"users_per_epoch":5}}}"#).unwrap();
        let order = PositiveOrder::ByUser {
            users_per_epoch: Some(5),
        };
        assert_eq!((short.order, short.batch_size), (order, 2_048));
        assert!(serde_json::from_str::<SamplerConfig>(r#"{"batchsize":64}"#).is_err());
    }
}
