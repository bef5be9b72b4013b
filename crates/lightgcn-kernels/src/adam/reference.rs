//! Adam in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{AdamStep, AdamTensors};

/// One Adam step in plain tensor operations, in the form of PyTorch's: the second moment's root is
/// bias-corrected before epsilon is added.
///
/// # Panics
///
/// If the shapes of the tensors differ.
pub fn adam_step<B: Backend, const D: usize>(
    step: &AdamStep,
    tensors: AdamTensors<B, D>,
    gradients: Tensor<B, D>,
) -> AdamTensors<B, D> {
    let AdamTensors {
        parameters,
        first_moment,
        second_moment,
    } = tensors;
    let gradients = if step.weight_decay == 0.0 {
        gradients
    } else {
        gradients + parameters.clone().mul_scalar(step.weight_decay)
    };
    let first_moment = first_moment.mul_scalar(step.beta_1)
        + gradients.clone().mul_scalar(1.0 - f64::from(step.beta_1));
    let second_moment = second_moment.mul_scalar(step.beta_2)
        + (gradients.clone() * gradients).mul_scalar(1.0 - f64::from(step.beta_2));
    let denominator = second_moment
        .clone()
        .sqrt()
        .div_scalar(step.bias_correction_2().sqrt())
        .add_scalar(step.epsilon);
    let step_size = step.learning_rate / step.bias_correction_1();
    let parameters = parameters - first_moment.clone().mul_scalar(step_size) / denominator;
    AdamTensors {
        parameters,
        first_moment,
        second_moment,
    }
}
