//! The fused step where the tables lie on a device of their own: batches are cut, negatives drawn and
//! losses added up there, and nothing is read back but a loss.

use crate::engine::fused::{
    Linear, TableGradient, popularity_corrections, shared_weight, softmax_settings,
};
use crate::engine::steps::Here;
use crate::{LossConfig, SoftmaxConfig, TrainError, ValidTrainConfig};
use burn::module::ParamId;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use lightgcn_kernels::{
    BatchCut, L2Penalty, LossGradient, NodeSoftmax, PairOrder, PairTable, SparseMatrix,
    TrainingBackend, add_l2, bpr_slot_gradient, cut_batch, propagate, softmax_slot_gradient,
    sort_slots, sum_slots,
};
use lightgcn_sample::{
    BatchSampler, EpochBatches, NegativeSampling, PositiveSet, Positives, first_shared_position,
};
use std::ops::Range;

/// Makes the losses of batches on a device.
pub(crate) struct DeviceSteps<B: Backend> {
    linear: Linear,
    loss: LossConfig,
    l2: f64,
    seed: u64,
    n_negatives: usize,
    pairs: PairTable<B>,
    /// The pairs in the order of the epoch in hand.
    order: PairOrder<B>,
    /// What the softmax loss needs; none with BPR.
    softmax: Option<NodeSoftmax<B>>,
}

/// Whether steps of this configuration run wholly on the device of the backend.
pub(crate) fn applies<B: TrainingBackend>(config: &ValidTrainConfig, loss: LossConfig) -> bool {
    B::runs_steps_on_device()
        && config.fused
        && match loss {
            LossConfig::Bpr => config.negative_sampling == NegativeSampling::Uniform,
            // Its negatives are the batch's own items.
            LossConfig::Softmax(_) => true,
        }
}

impl<B: TrainingBackend> DeviceSteps<B> {
    /// Puts the positives on the device, once a run.
    pub(crate) fn new(
        linear: Linear,
        loss: LossConfig,
        config: &ValidTrainConfig,
        sampler: &BatchSampler,
        device: &B::Device,
    ) -> Result<Self, TrainError> {
        let positives = sampler.positives();
        let items: Vec<u32> = positives.items().iter().map(|item| item.0).collect();
        let ones;
        let weights = if config.positives == PositiveSet::AllPairs {
            positives.weights()
        } else {
            ones = vec![1.0; items.len()];
            &ones
        };
        let n_items = positives.n_items();
        let pairs = PairTable::from_slices(positives.offsets(), &items, weights, n_items, device)?;
        let softmax = match loss {
            LossConfig::Bpr => None,
            LossConfig::Softmax(spec) => Some(node_softmax(&spec, positives, device)),
        };
        Ok(Self {
            linear,
            loss,
            l2: config.l2,
            seed: config.seed,
            n_negatives: match loss {
                LossConfig::Bpr => config.negatives,
                LossConfig::Softmax(_) => 0,
            },
            // Of one pair, until an epoch begins.
            order: pairs.order(&[0]),
            pairs,
            softmax,
        })
    }

    /// The table's parameter.
    pub(crate) fn table(&self) -> ParamId {
        self.linear.table
    }

    /// Puts the order of an epoch on the device, and the thresholds of SL@K where there are any.
    /// The order is that of [`EpochBatches::pair_numbers`].
    pub(crate) fn begin_epoch(&mut self, order: &[u32], thresholds: &[f32]) {
        self.order = self.pairs.order(order);
        if let (LossConfig::Softmax(spec), Some(softmax)) = (self.loss, &mut self.softmax)
            && let Some(top_k) = spec.top_k
        {
            let device = softmax.item_weights.device();
            softmax.top_k = Some((floats(thresholds, &device), top_k.temperature as f32));
        }
    }

    /// The loss of a batch, and the gradient of the layer-0 `table`, from nothing but numbers of the
    /// host.
    pub(crate) fn step(
        &self,
        table: Tensor<B, 2>,
        graph: &SparseMatrix<B>,
        batches: &EpochBatches<'_>,
        here: Here<'_>,
    ) -> TableGradient<B> {
        self.shard(table, graph, batches.places(here.batch), here)
    }

    /// As [`step`](Self::step), of some places of the epoch's order.
    pub(crate) fn shard(
        &self,
        table: Tensor<B, 2>,
        graph: &SparseMatrix<B>,
        places: Range<usize>,
        here: Here<'_>,
    ) -> TableGradient<B> {
        let n_shared = match self.loss {
            LossConfig::Softmax(spec) => spec.shared_negatives,
            LossConfig::Bpr => 0,
        };
        let cut = BatchCut {
            first_pair: places.start,
            n_pairs: places.len(),
            seed: self.seed,
            epoch: here.epoch,
            n_negatives: self.n_negatives,
            n_shared,
            first_shared: first_shared_position(here.batch, n_shared),
            divisor: (places.len() * self.n_negatives.max(1)) as f32,
        };
        let batch = cut_batch(&self.pairs, &self.order, &cut);
        let alphas = &self.linear.alphas;
        let embeddings = propagate(graph, table.clone(), alphas);
        let found = match &self.softmax {
            None => bpr_slot_gradient(embeddings, &batch),
            Some(softmax) => softmax_slot_gradient(embeddings, &batch, &self.pairs, softmax),
        };
        let sorted = sort_slots(&batch);
        let gradient = sum_slots(found.gradient, &sorted);
        let gradient = propagate(&graph.transpose(), gradient, alphas);
        let factor = (self.l2 / places.len() as f64) as f32;
        let penalty = L2Penalty {
            table,
            slots: &sorted,
            n_own_slots: batch.n_own_slots(),
            factor,
        };
        let LossGradient { loss, gradient } = add_l2(found.losses, gradient, penalty);
        TableGradient { loss, gradient }
    }
}

fn floats<B: Backend>(numbers: &[f32], device: &B::Device) -> Tensor<B, 1> {
    let data = TensorData::new(numbers.to_vec(), [numbers.len()]);
    Tensor::from_data(data, (device, DType::F32))
}

fn node_softmax<B: Backend>(
    spec: &SoftmaxConfig,
    positives: &Positives,
    device: &B::Device,
) -> NodeSoftmax<B> {
    let corrections = popularity_corrections(spec, positives);
    let item_weights = if corrections.is_empty() {
        vec![1.0; positives.n_items()]
    } else {
        corrections
    };
    NodeSoftmax {
        options: softmax_settings(spec),
        mask_positives: spec.mask_positives,
        item_weights: floats(&item_weights, device),
        shared_weight: shared_weight(spec, positives.n_items()),
        top_k: None,
    }
}
