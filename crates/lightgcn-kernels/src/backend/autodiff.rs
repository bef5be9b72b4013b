//! Autodiff: every operation is linear in its tensor, and one backward step computes its transpose.

use std::fmt::Debug;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::SparseBackend;
use crate::memory::{DeviceMemory, MemoryInUse};
use crate::primitive::{float_primitive, float_tensor};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

impl<B: SparseBackend, C: CheckpointStrategy> SparseBackend for Autodiff<B, C> {
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let matrix = matrix.valid();
        let product = B::sparse_dense(&matrix, dense.clone().inner());
        linear(dense, product, matrix, |matrix, gradient| {
            B::sparse_dense(&matrix.transpose(), gradient)
        })
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
    ) -> Tensor<Self, 2> {
        let matrix = matrix.valid();
        let propagated = B::propagate(&matrix, x.clone().inner(), alphas);
        let kept = (matrix, alphas.to_vec());
        linear(x, propagated, kept, |(matrix, alphas), gradient| {
            B::propagate(&matrix.transpose(), gradient, alphas)
        })
    }

    fn pair_dots(
        first: Tensor<Self, 2>,
        first_rows: &RowIndices<Self>,
        second: Tensor<Self, 2>,
        second_rows: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        let rows = (first_rows.inner(), second_rows.inner());
        let dots = B::pair_dots(first.inner(), &rows.0, second.inner(), &rows.1);
        Tensor::from_inner(dots)
    }

    fn device_memory(device: &Self::Device) -> Option<DeviceMemory> {
        B::device_memory(device)
    }

    fn memory_in_use(device: &Self::Device) -> Option<MemoryInUse> {
        B::memory_in_use(device)
    }

    fn gather_rows(table: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        let indices = indices.inner();
        let rows = B::gather_rows(table.clone().inner(), &indices);
        linear(table, rows, indices, |indices, gradient| {
            B::segment_sum_rows(gradient, indices)
        })
    }

    fn segment_sum_rows(rows: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        let indices = indices.inner();
        let sums = B::segment_sum_rows(rows.clone().inner(), &indices);
        linear(rows, sums, indices, |indices, gradient| {
            B::gather_rows(gradient, indices)
        })
    }
}

/// From what an operation kept and the gradient by its result to the gradient by its tensor.
type Transposed<B, S> = fn(&S, Tensor<B, 2>) -> Tensor<B, 2>;

/// Puts the result of a linear operation on `input` into the graph: one node, which keeps `kept` for
/// `transposed`.
fn linear<B: Backend, C: CheckpointStrategy, S: Clone + Debug + Send + 'static>(
    input: Tensor<Autodiff<B, C>, 2>,
    result: Tensor<B, 2>,
    kept: S,
    transposed: Transposed<B, S>,
) -> Tensor<Autodiff<B, C>, 2> {
    let (input, result) = (float_primitive(input), float_primitive(result));
    let step = Linear { transposed };
    let step = step.prepare::<C>([input.node]).compute_bound();
    float_tensor(match step.stateful() {
        OpsKind::Tracked(step) => step.finish(kept, result),
        OpsKind::UnTracked(step) => step.finish(result),
    })
}

#[derive(Debug)]
struct Linear<B: Backend, S> {
    transposed: Transposed<B, S>,
}

impl<B: Backend, S: Clone + Debug + Send + 'static> Backward<B, 1> for Linear<B, S> {
    type State = S;

    fn backward(self, ops: Ops<S, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            let gradient = (self.transposed)(&ops.state, float_tensor(gradient));
            grads.register::<B>(parent.id, float_primitive(gradient));
        }
    }
}
