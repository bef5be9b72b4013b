//! Concatenation that other threads cannot disturb.

use burn::tensor::backend::Backend;
use burn::tensor::{BasicOps, Tensor, TensorKind};

/// The tensors one after the other along a dimension, like [`Tensor::cat`], with the right gradient even while
/// other threads compute gradients.
///
/// burn 0.21's `cat` lets go of its inputs before its output is part of the autodiff graph. In between, a
/// backward pass on another thread may take the inputs for unused and free their steps, and the gradient
/// silently lacks what flows through them. Here they are held until the output is there.
///
/// # Panics
/// If there is none, or the shapes differ in another dimension.
#[must_use]
pub fn concatenate<B, const D: usize, K>(
    tensors: Vec<Tensor<B, D, K>>,
    dim: usize,
) -> Tensor<B, D, K>
where
    B: Backend,
    K: TensorKind<B> + BasicOps<B>,
{
    // Shares the data.
    let inputs = tensors.clone();
    let all = Tensor::cat(tensors, dim);
    drop(inputs);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::{Autodiff, Flex};
    use std::sync::atomic::{AtomicBool, Ordering};

    type B = Autodiff<Flex>;

    fn gradient(n: usize) -> Vec<f32> {
        let device = Default::default();
        let table = Tensor::<B, 2>::ones([n, 2], &device).require_grad();
        // A first pass takes the table itself out of the graph, as in training.
        let _ = table.clone().sum().backward();
        let (above, below) = (
            table.clone().narrow(0, 0, 1),
            table.clone().narrow(0, 1, n - 1),
        );
        let all = concatenate(vec![above * 3.0, below], 0);
        let gradients = all.sum().backward();
        table
            .grad(&gradients)
            .unwrap()
            .into_data()
            .to_vec()
            .unwrap()
    }

    #[test]
    fn gradients_are_whole_beside_other_backward_passes() {
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let x = Tensor::<B, 1>::ones([2], &Default::default()).require_grad();
                    let _ = (x * 2.0).sum().backward();
                }
            });
            for _ in 0..50 {
                let found = gradient(2000);
                assert_eq!(found[..2], [3.0, 3.0]);
                assert!(found[2..].iter().all(|&x| x == 1.0));
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
