//! Shares the steps of a model among the ranks of a job.
//!
//! Each rank computes the gradient of its part of a step's batches; the sum over the ranks, in their
//! order, goes to Adam on all of them, so that all have the same model. For models of one table, rows
//! that no rank touched are not sent.

use crate::engine::choose::ModelEngine;
use crate::engine::host::host;
use crate::engine::step::{Shard, StepResult};
use crate::ranks::{Ranks, Traffic, own_part, sum_rows};
use crate::{LossConfig, TrainConfig, TrainError};
use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_loss::Loss;
use lightgcn_nn::{EmbeddingModel, GradientBackend};
use std::ops::Range;
use std::sync::Arc;

/// Shares steps with the other ranks.
pub(crate) struct Ranked {
    ranks: Arc<dyn Ranks>,
    /// Pairs per batch, if the pairs of a batch belong together: each other's items are their
    /// negatives. `None` if a step may be cut anywhere.
    batch_size: Option<usize>,
    traffic: Traffic,
}

impl Ranked {
    /// `None` if there is one rank.
    pub(crate) fn new(
        ranks: &Arc<dyn Ranks>,
        config: &TrainConfig,
        loss: &impl Loss,
    ) -> Result<Option<Self>, TrainError> {
        let (batches, size) = (config.batches_per_step(), ranks.size());
        if size == 1 {
            return Ok(None);
        }
        if config.workers > 1 {
            return Err(TrainError::config(
                "several ranks have one worker each: remove workers, and start a rank per device",
            ));
        }
        let by_pair = is_shared_by_pair(loss);
        if !by_pair && batches < size && ranks.rank() == 0 {
            tracing::warn!(
                "only {batches} of {size} ranks have work: in-batch negatives need whole batches; \
                set accumulate to the number of ranks or a multiple of it"
            );
        }
        Ok(Some(Self {
            ranks: Arc::clone(ranks),
            batch_size: (!by_pair).then_some(config.batch_size),
            traffic: Traffic::default(),
        }))
    }

    /// The loss of a whole step and its gradient: the `engine` computes this rank's part. Collective.
    pub(crate) fn step<B, M>(
        &mut self,
        engine: &mut ModelEngine<B, M>,
        model: &M,
        batch: &Shard<'_>,
    ) -> StepResult<B::InnerBackend, GradientsParams>
    where
        B: GradientBackend,
        M: EmbeddingModel<B> + AutodiffModule<B>,
    {
        let ranks = &*self.ranks;
        let (first, places) = part(ranks, &batch.places, self.batch_size);
        let share = (places.len() as f64 / batch.places.len() as f64) as f32;
        let own = (!places.is_empty()).then(|| {
            let shard = Shard {
                batches: batch.batches,
                places,
                number: batch.number + first,
                context: batch.context,
            };
            engine.step(model, &shard)
        });
        let mut loss = [0.0];
        let own = own.map(|step| {
            loss = [host(step.loss)[0] * share];
            step.gradient
        });
        let mut sum = SumOverRanks {
            ranks,
            has_part: own.is_some(),
            own: own.unwrap_or_else(GradientsParams::new),
            share,
            sum: GradientsParams::new(),
            bytes: sum_rows(ranks, &mut loss, 1),
            elements: 0,
        };
        model.visit(&mut sum);
        self.traffic.steps += 1;
        self.traffic.bytes += sum.bytes;
        self.traffic.elements += sum.elements;
        StepResult {
            loss: Tensor::from_data(TensorData::from(loss), &model.layer0().device()),
            gradient: sum.sum,
        }
    }

    /// What the steps sent.
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic
    }
}

/// Whether a batch may be cut anywhere: its pairs have no part in each other's loss.
pub(crate) fn is_shared_by_pair(loss: &impl Loss) -> bool {
    loss.fused() == Some(LossConfig::Bpr)
}

/// The first batch of this rank in a step, and its pairs: none if there are too few for all.
fn part(
    ranks: &dyn Ranks,
    places: &Range<usize>,
    batch_size: Option<usize>,
) -> (usize, Range<usize>) {
    let pairs = batch_size.unwrap_or(1);
    let batches = own_part(ranks, places.len().div_ceil(pairs));
    let place = |batch: usize| {
        let place = places.start.saturating_add(batch.saturating_mul(pairs));
        place.min(places.end)
    };
    let first = batch_size.map_or(0, |_| batches.start);
    (first, place(batches.start)..place(batches.end))
}

/// Adds each parameter's gradient over the ranks.
struct SumOverRanks<'a> {
    ranks: &'a dyn Ranks,
    /// Whether this rank computed anything.
    has_part: bool,
    own: GradientsParams,
    /// This rank's share of the step's pairs.
    share: f32,
    sum: GradientsParams,
    /// What this rank sent.
    bytes: u64,
    elements: u64,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for SumOverRanks<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        let value = parameter.val();
        let shape = value.dims();
        let own = self.own.remove::<B::InnerBackend, D>(parameter.id);
        // A rank without a part does not know which parameters have gradients.
        let has_gradient = own.is_some() || !self.has_part;
        let n_elements: usize = shape.iter().product();
        let mut table = own.map_or_else(|| vec![0.0; n_elements], host);
        table.iter_mut().for_each(|x| *x *= self.share);
        self.elements += n_elements as u64;
        let width = (n_elements / shape[0].max(1)).max(1);
        self.bytes += sum_rows(self.ranks, &mut table, width);
        if has_gradient {
            let sum = TensorData::new(table, shape);
            let sum = Tensor::<B::InnerBackend, D>::from_data(sum, &value.device());
            self.sum.register(parameter.id, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads::on_ranks;

    fn parts_of(
        size: usize,
        places: Range<usize>,
        batch: Option<usize>,
    ) -> Vec<(usize, Range<usize>)> {
        on_ranks(size, |ranks| part(&*ranks, &places, batch))
    }

    #[test]
    fn batches_stay_whole_and_the_last_may_be_short() {
        let batches = parts_of(2, 100..170, Some(20));
        assert_eq!(batches, [(0, 100..140), (2, 140..170)]);
        let batches = parts_of(3, 100..170, Some(20));
        assert_eq!(batches, [(0, 100..120), (1, 120..140), (2, 140..170)]);
        let batches = parts_of(4, 0..25, Some(20));
        assert_eq!(batches, [(0, 0..0), (0, 0..20), (1, 20..20), (1, 20..25)]);
    }

    #[test]
    fn pairs_are_shared_evenly() {
        let pairs = parts_of(4, 10..20, None);
        assert_eq!(pairs, [(0, 10..12), (0, 12..15), (0, 15..17), (0, 17..20)]);
    }
}
