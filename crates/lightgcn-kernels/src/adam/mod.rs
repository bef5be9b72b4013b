//! One step of Adam.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// The scalars of one Adam step (Kingma & Ba, ICLR 2015, algorithm 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay of the second moment, in `[0, 1)`.
    pub beta_2: f32,
    /// Added to the root of the bias-corrected second moment.
    pub epsilon: f32,
    /// L2 penalty: this times the parameters is added to the gradients. Zero for none.
    pub weight_decay: f32,
    /// Number of this step, from 1.
    pub time: u64,
}

impl AdamStep {
    /// `1 - beta_1^time`, by which the first moment is divided.
    pub fn bias_correction_1(&self) -> f64 {
        1.0 - f64::from(self.beta_1).powf(self.time as f64)
    }

    /// `1 - beta_2^time`, by which the second moment is divided.
    pub fn bias_correction_2(&self) -> f64 {
        1.0 - f64::from(self.beta_2).powf(self.time as f64)
    }
}

/// The tensors of one Adam step, all of one shape and on one device.
#[derive(Debug, Clone)]
pub struct AdamTensors<B: Backend, const D: usize> {
    /// What is trained.
    pub parameters: Tensor<B, D>,
    /// Running mean of the gradients; zeros before the first step.
    pub first_moment: Tensor<B, D>,
    /// Running mean of the squared gradients; zeros before the first step.
    pub second_moment: Tensor<B, D>,
}
