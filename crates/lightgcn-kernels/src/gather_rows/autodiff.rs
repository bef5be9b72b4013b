//! Backward steps: gather and segment sum are each other's gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::ops::FloatTensor;

use crate::backend::SparseBackend;
use crate::row_indices::RowIndices;

#[derive(Debug)]
struct GatherRows;

impl<B: SparseBackend> Backward<B, 1> for GatherRows {
    type State = RowIndices<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::segment_sum_rows(gradient, &ops.state));
        }
    }
}

#[derive(Debug)]
struct SegmentSumRows;

impl<B: SparseBackend> Backward<B, 1> for SegmentSumRows {
    type State = RowIndices<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::gather_rows(gradient, &ops.state));
        }
    }
}

pub(crate) fn gather_rows<B: SparseBackend, C: CheckpointStrategy>(
    table: FloatTensor<Autodiff<B, C>>,
    indices: &RowIndices<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let indices = indices.inner();
    let rows = B::gather_rows(table.primitive.clone(), &indices);
    match GatherRows
        .prepare::<C>([table.node.clone()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(step) => step.finish(indices, rows),
        OpsKind::UnTracked(step) => step.finish(rows),
    }
}

pub(crate) fn segment_sum_rows<B: SparseBackend, C: CheckpointStrategy>(
    rows: FloatTensor<Autodiff<B, C>>,
    indices: &RowIndices<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let indices = indices.inner();
    let sums = B::segment_sum_rows(rows.primitive.clone(), &indices);
    match SegmentSumRows
        .prepare::<C>([rows.node.clone()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(step) => step.finish(indices, sums),
        OpsKind::UnTracked(step) => step.finish(sums),
    }
}
