//! Steps of linear models that run entirely on a device: batches are cut, negatives drawn and losses
//! added up there, and only the loss is read back.

use crate::TrainError;
use crate::engine::setup::LinearSetup;
use crate::engine::softmax;
use crate::engine::step::{Shard, StepEngine, StepResult};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use lightgcn_kernels::{
    BatchCut, L2Penalty, LossGradient, NodeSoftmax, PairOrder, PairTable, SparseMatrix,
    TrainingBackend, add_l2, bpr_slot_gradient, cut_batch, propagate, softmax_slot_gradient,
    sort_slots, sum_slots,
};
use lightgcn_loss::{LossConfig, SoftmaxConfig};
use lightgcn_sample::{EpochBatches, PositiveSet, Positives, first_shared_position};

/// Computes steps on the device; the host sends only a few numbers.
pub(crate) struct DeviceSteps<B: Backend> {
    graph: SparseMatrix<B>,
    alphas: Vec<f32>,
    l2: f64,
    seed: u64,
    n_negatives: usize,
    pairs: PairTable<B>,
    /// The pairs in the order of the current epoch.
    order: PairOrder<B>,
    /// What the softmax loss needs; `None` with BPR.
    softmax: Option<DeviceSoftmax<B>>,
}

struct DeviceSoftmax<B: Backend> {
    config: SoftmaxConfig,
    node: NodeSoftmax<B>,
}

impl<B: TrainingBackend> DeviceSteps<B> {
    /// Puts the positives on the device of the `graph`, once per run.
    pub(crate) fn new(setup: &LinearSetup<'_>, graph: SparseMatrix<B>) -> Result<Self, TrainError> {
        let (config, device) = (setup.config, graph.device());
        let positives = setup.sampler.positives();
        let items: Vec<u32> = positives.items().iter().map(|item| item.0).collect();
        let ones;
        let weights = if config.positives == PositiveSet::AllPairs {
            positives.weights()
        } else {
            ones = vec![1.0; items.len()];
            &ones
        };
        let n_items = positives.n_items();
        let pairs = PairTable::from_slices(positives.offsets(), &items, weights, n_items, &device)?;
        let (n_negatives, softmax) = match setup.loss {
            LossConfig::Bpr => (config.negatives, None),
            LossConfig::Softmax(config) => {
                let node = node_softmax(&config, positives, &device);
                (0, Some(DeviceSoftmax { config, node }))
            }
        };
        Ok(Self {
            graph,
            alphas: setup.linear.alphas.clone(),
            l2: config.l2,
            seed: config.seed,
            n_negatives,
            // A single placeholder pair until an epoch begins.
            order: pairs.order(&[0]),
            pairs,
            softmax,
        })
    }
}

impl<B: TrainingBackend> StepEngine<B, Tensor<B, 2>, Tensor<B, 2>> for DeviceSteps<B> {
    /// Puts the order of an epoch on the device, and the thresholds of SL@K if there are any.
    fn begin_epoch(&mut self, batches: &EpochBatches<'_>, thresholds: &[f32]) {
        self.order = self.pairs.order(&batches.pair_numbers());
        if let Some(DeviceSoftmax { config, node }) = &mut self.softmax
            && let Some(top_k) = config.top_k
        {
            let thresholds = floats(thresholds, &node.item_weights.device());
            node.top_k = Some((thresholds, top_k.temperature as f32));
        }
    }

    fn step(&mut self, table: &Tensor<B, 2>, shard: &Shard<'_>) -> StepResult<B, Tensor<B, 2>> {
        let n_pairs = shard.places.len();
        let n_shared = match &self.softmax {
            Some(softmax) => softmax.config.shared_negatives,
            None => 0,
        };
        let cut = BatchCut {
            first_pair: shard.places.start,
            n_pairs,
            seed: self.seed,
            epoch: shard.batches.epoch(),
            n_negatives: self.n_negatives,
            n_shared,
            first_shared: first_shared_position(shard.number, n_shared),
            divisor: (n_pairs * self.n_negatives.max(1)) as f32,
        };
        let batch = cut_batch(&self.pairs, &self.order, &cut);
        let embeddings = propagate(&self.graph, table.clone(), &self.alphas);
        let found = match &self.softmax {
            None => bpr_slot_gradient(embeddings, &batch),
            Some(s) => softmax_slot_gradient(embeddings, &batch, &self.pairs, &s.node),
        };
        let sorted = sort_slots(&batch);
        let gradient = sum_slots(found.gradient, &sorted);
        let gradient = propagate(&self.graph.transpose(), gradient, &self.alphas);
        let penalty = L2Penalty {
            table: table.clone(),
            slots: &sorted,
            n_own_slots: batch.n_own_slots(),
            factor: (self.l2 / n_pairs as f64) as f32,
        };
        let LossGradient { loss, gradient } = add_l2(found.losses, gradient, penalty);
        StepResult { loss, gradient }
    }
}

fn floats<B: Backend>(numbers: &[f32], device: &B::Device) -> Tensor<B, 1> {
    let data = TensorData::new(numbers.to_vec(), [numbers.len()]);
    Tensor::from_data(data, (device, DType::F32))
}

fn node_softmax<B: Backend>(
    config: &SoftmaxConfig,
    positives: &Positives,
    device: &B::Device,
) -> NodeSoftmax<B> {
    let corrections = softmax::corrections(config, positives);
    let item_weights = if corrections.is_empty() {
        vec![1.0; positives.n_items()]
    } else {
        corrections
    };
    NodeSoftmax {
        options: softmax::options(config),
        mask_positives: config.mask_positives,
        item_weights: floats(&item_weights, device),
        shared_weight: softmax::shared_correction(config, positives.n_items()),
        top_k: None,
    }
}
