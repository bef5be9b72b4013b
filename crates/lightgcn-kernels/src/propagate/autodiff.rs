//! One backward step for all layers.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::module::AutodiffModule;
use burn::tensor::ops::FloatTensor;

use crate::backend::SparseBackend;
use crate::sparse_matrix::SparseMatrix;

#[derive(Debug)]
struct Propagate;

impl<B: SparseBackend> Backward<B, 1> for Propagate {
    type State = (SparseMatrix<B>, Vec<f32>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (matrix, alphas) = ops.state;
        let [parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            let gradient = B::propagate(&matrix.transpose(), gradient, &alphas);
            grads.register::<B>(parent.id, gradient);
        }
    }
}

pub(crate) fn propagate<B: SparseBackend, C: CheckpointStrategy>(
    matrix: &SparseMatrix<Autodiff<B, C>>,
    x: FloatTensor<Autodiff<B, C>>,
    alphas: &[f32],
) -> FloatTensor<Autodiff<B, C>> {
    let matrix = matrix.valid();
    let propagated = B::propagate(&matrix, x.primitive.clone(), alphas);
    match Propagate
        .prepare::<C>([x.node.clone()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(step) => step.finish((matrix, alphas.to_vec()), propagated),
        OpsKind::UnTracked(step) => step.finish(propagated),
    }
}
