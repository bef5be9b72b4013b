//! The batches of a run.

use crate::{TrainConfig, TrainError};
use lightgcn_core::Train;
use lightgcn_sample::{BatchSampler, Positives, SamplerConfig};
use std::sync::Arc;

/// Makes the sampler that a configuration describes. Negatives avoid training pairs only.
pub(crate) fn sampler(train: &Train, config: &TrainConfig) -> Result<BatchSampler, TrainError> {
    let positives = Arc::new(Positives::new(train, config.positives)?);
    let negatives = config.negative_sampling.build(Arc::clone(&positives))?;
    let sampler = SamplerConfig {
        batch_size: config.pairs_per_step(),
        n_negatives: config.negatives,
        order: config.order,
        seed: config.seed,
    };
    Ok(BatchSampler::new(positives, negatives, sampler)?)
}
