//! Adam in one fused pass, as an alternative to burn's own optimizer.

use burn::config::Config;
use burn::grad_clipping::GradientClippingConfig;
use burn::module::AutodiffModule;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{LearningRate, SimpleOptimizer};
use burn::record::Record;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::adam::{AdamStep, AdamTensors};
use crate::backend::TrainingBackend;

/// Configuration of [`FusedAdam`], with PyTorch's defaults. burn's own Adam defaults to an epsilon of 1e-5.
///
/// # Example
///
/// ```
/// use burn::backend::{Autodiff, Flex};
/// use burn::nn::{Linear, LinearConfig};
/// use burn::optim::{GradientsParams, Optimizer};
/// use burn::tensor::Tensor;
/// use lightgcn_kernels::optim::FusedAdamConfig;
///
/// type B = Autodiff<Flex>;
///
/// let device = Default::default();
/// let model: Linear<B> = LinearConfig::new(2, 1).with_bias(false).init(&device);
/// let mut optimizer = FusedAdamConfig::new().init();
///
/// let before = model.weight.val().into_data();
/// let loss = model.forward(Tensor::<B, 2>::ones([1, 2], &device)).sum();
/// let gradients = GradientsParams::from_grads(loss.backward(), &model);
/// let model = optimizer.step(1e-3, model, gradients);
///
/// // Adam's first step moves every parameter by the learning rate, against its gradient of 1.
/// let after = model.weight.val().into_data();
/// for (before, after) in before.iter::<f32>().zip(after.iter::<f32>()) {
///     assert!((before - after - 1e-3).abs() < 1e-6);
/// }
/// ```
#[derive(Config, Debug)]
pub struct FusedAdamConfig {
    /// Decay of the first moment, in `[0, 1)`.
    #[config(default = 0.9)]
    pub beta_1: f32,
    /// Decay of the second moment, in `[0, 1)`.
    #[config(default = 0.999)]
    pub beta_2: f32,
    /// Added to the root of the bias-corrected second moment; positive.
    #[config(default = 1e-8)]
    pub epsilon: f32,
    /// L2 penalty on all parameters: this times the parameters is added to their gradients.
    pub weight_decay: Option<f32>,
    /// Clipping of each parameter's gradients before the step.
    pub gradient_clipping: Option<GradientClippingConfig>,
}

impl FusedAdamConfig {
    /// The optimizer without burn's adaptor.
    ///
    /// # Panics
    ///
    /// If a beta is outside `[0, 1)`, epsilon is not positive, or the penalty is negative.
    pub fn build(&self) -> FusedAdam {
        for (name, beta) in [("beta_1", self.beta_1), ("beta_2", self.beta_2)] {
            assert!(
                (0.0..1.0).contains(&beta),
                "FusedAdamConfig: {name} is {beta}; it must be at least 0 and below 1"
            );
        }
        let epsilon = self.epsilon;
        assert!(
            epsilon > 0.0 && epsilon.is_finite(),
            "FusedAdamConfig: epsilon is {epsilon}; it must be positive"
        );
        let weight_decay = self.weight_decay.unwrap_or(0.0);
        assert!(
            weight_decay >= 0.0 && weight_decay.is_finite(),
            "FusedAdamConfig: weight_decay is {weight_decay}; it must not be negative"
        );
        FusedAdam {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon,
            weight_decay,
        }
    }

    /// The optimizer of a module `M`.
    ///
    /// # Panics
    ///
    /// As [`build`](Self::build).
    pub fn init<B, M>(&self) -> OptimizerAdaptor<FusedAdam, M, B>
    where
        B: AutodiffBackend,
        B::InnerBackend: TrainingBackend,
        M: AutodiffModule<B>,
    {
        let optimizer = OptimizerAdaptor::from(self.build());
        match &self.gradient_clipping {
            Some(clipping) => optimizer.with_grad_clipping(clipping.init()),
            None => optimizer,
        }
    }
}

/// Adam (Kingma & Ba, ICLR 2015) with bias correction as PyTorch computes it, by
/// [`TrainingBackend::adam_step`]: one pass over parameters, gradients and moments, in place unless another
/// owner (a clone of the model or of the optimizer) still needs the old values.
///
/// Made by [`FusedAdamConfig`].
#[derive(Clone, Debug)]
pub struct FusedAdam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
}

/// The state of [`FusedAdam`] for one parameter; saved and loaded by burn's recorders.
#[derive(Record, Clone, Debug)]
pub struct FusedAdamState<B: Backend, const D: usize> {
    /// Number of steps taken.
    pub time: usize,
    /// Running mean of the gradients, shaped as the parameter.
    pub first_moment: Tensor<B, D>,
    /// Running mean of the squared gradients, shaped as the parameter.
    pub second_moment: Tensor<B, D>,
}

impl<B: TrainingBackend> SimpleOptimizer<B> for FusedAdam {
    type State<const D: usize> = FusedAdamState<B, D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameters: Tensor<B, D>,
        gradients: Tensor<B, D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<B, D>, Option<Self::State<D>>) {
        let state = state.unwrap_or_else(|| FusedAdamState {
            time: 0,
            first_moment: parameters.zeros_like(),
            second_moment: parameters.zeros_like(),
        });
        let time = state.time + 1;
        let step = AdamStep {
            learning_rate,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            time: time as u64,
        };
        let tensors = AdamTensors {
            parameters,
            first_moment: state.first_moment,
            second_moment: state.second_moment,
        };
        let stepped = B::adam_step(&step, tensors, gradients);
        let state = FusedAdamState {
            time,
            first_moment: stepped.first_moment,
            second_moment: stepped.second_moment,
        };
        (stepped.parameters, Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &B::Device) -> Self::State<D> {
        FusedAdamState {
            time: state.time,
            first_moment: state.first_moment.to_device(device),
            second_moment: state.second_moment.to_device(device),
        }
    }
}
