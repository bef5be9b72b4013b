//! One backward step for the product.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::module::AutodiffModule;
use burn::tensor::ops::FloatTensor;

use crate::backend::SparseBackend;
use crate::sparse_matrix::SparseMatrix;

#[derive(Debug)]
struct SparseDense;

impl<B: SparseBackend> Backward<B, 1> for SparseDense {
    type State = SparseMatrix<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            let gradient = B::sparse_dense(&ops.state.transpose(), gradient);
            grads.register::<B>(parent.id, gradient);
        }
    }
}

pub(crate) fn sparse_dense<B: SparseBackend, C: CheckpointStrategy>(
    matrix: &SparseMatrix<Autodiff<B, C>>,
    dense: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let matrix = matrix.valid();
    let product = B::sparse_dense(&matrix, dense.primitive.clone());
    match SparseDense
        .prepare::<C>([dense.node.clone()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(step) => step.finish(matrix, product),
        OpsKind::UnTracked(step) => step.finish(product),
    }
}
