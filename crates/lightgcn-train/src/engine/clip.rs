//! Gradient clipping by the joint norm of all gradients.

use crate::ranks::Shards;
use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{ElementConversion, Tensor};
use lightgcn_kernels::TrainingBackend;
use lightgcn_nn::GradientBackend;
use std::ops::Range;

/// Number of elements summed at once: burn's CPU backend sums larger tensors in no fixed order.
const CHUNK: usize = 1 << 20;

/// Scales all gradients of `module` down so that their joint Euclidean norm is at most `limit`
/// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013). The sum runs
/// in a fixed order, so it has the same bits at any thread count. With `shards`, the norm is that of all
/// ranks' tables together, of which the rows of items are the same; collective. O(parameters).
pub(crate) fn clip_by_norm<B: GradientBackend, M: AutodiffModule<B>>(
    module: &M,
    gradients: GradientsParams,
    limit: f64,
    shards: Option<&Shards>,
) -> GradientsParams {
    if B::InnerBackend::runs_steps_on_device() {
        return clip_on_device::<B, M>(module, gradients, limit);
    }
    let mut norm = SquaredNorm {
        gradients: &gradients,
        shards,
        sum: 0.0,
    };
    module.visit(&mut norm);
    let norm = norm.sum.sqrt();
    if norm <= limit || !norm.is_finite() {
        return gradients;
    }
    let mut scale = Scale {
        gradients,
        factor: limit / norm,
    };
    module.visit(&mut scale);
    scale.gradients
}

/// The same without reading the norm back: gradients are multiplied by `min(1, limit / norm)`.
fn clip_on_device<B: AutodiffBackend, M: AutodiffModule<B>>(
    module: &M,
    gradients: GradientsParams,
    limit: f64,
) -> GradientsParams {
    let mut norm = SquaredNormOnDevice::<B> {
        gradients: &gradients,
        sum: None,
    };
    module.visit(&mut norm);
    let Some(sum) = norm.sum else {
        return gradients;
    };
    let factor = (sum.sqrt().recip() * limit).clamp_max(1.0);
    let mut scale = ScaleOnDevice::<B> { gradients, factor };
    module.visit(&mut scale);
    scale.gradients
}

struct SquaredNormOnDevice<'a, B: AutodiffBackend> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for SquaredNormOnDevice<'_, B> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(parameter.id) {
            let sum = (gradient.clone() * gradient).sum();
            self.sum = Some(match self.sum.take() {
                Some(before) => before + sum,
                None => sum,
            });
        }
    }
}

struct ScaleOnDevice<B: AutodiffBackend> {
    gradients: GradientsParams,
    /// `[1]`.
    factor: Tensor<B::InnerBackend, 1>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for ScaleOnDevice<B> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B::InnerBackend, D>(parameter.id) {
            let scaled = gradient * self.factor.clone().reshape([1; D]);
            self.gradients
                .register::<B::InnerBackend, D>(parameter.id, scaled);
        }
    }
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    shards: Option<&'a Shards>,
    sum: f64,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(parameter.id) else {
            return;
        };
        let n_elements = gradient.shape().num_elements();
        let (first, width) = match self.shards {
            Some(shards) => (shards.users().len(), gradient.dims()[1..].iter().product()),
            None => (0, 1),
        };
        let gradient: Tensor<B::InnerBackend, 1> = gradient.flatten(0, D - 1);
        if let Some(shards) = self.shards {
            let users = squared_norm(&gradient, 0..first * width);
            self.sum += shards.sum_of(users);
        }
        self.sum += squared_norm(&gradient, first * width..n_elements);
    }
}

/// The squared norm of some elements.
fn squared_norm<B: Backend>(elements: &Tensor<B, 1>, range: Range<usize>) -> f64 {
    let parts = range.clone().step_by(CHUNK).map(|start| {
        let length = CHUNK.min(range.end - start);
        let part = elements.clone().narrow(0, start, length);
        part.clone().mul(part).sum().into_scalar().elem::<f64>()
    });
    parts.sum()
}

struct Scale {
    gradients: GradientsParams,
    factor: f64,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Scale {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B::InnerBackend, D>(parameter.id) {
            let scaled = gradient.mul_scalar(self.factor);
            self.gradients
                .register::<B::InnerBackend, D>(parameter.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::Autodiff;
    use burn::module::Module;
    use lightgcn_kernels::CpuBackend;

    type B = Autodiff<CpuBackend>;

    #[derive(Module, Debug)]
    struct Two<B: Backend> {
        a: Param<Tensor<B, 1>>,
        b: Param<Tensor<B, 2>>,
    }

    /// The gradients of 3·a and 4·b are 3 and 4: together of norm 5.
    fn clipped(limit: f64) -> (f32, f32) {
        let device = Default::default();
        let module = Two::<B> {
            a: Param::from_tensor(Tensor::from_floats([1.0], &device)),
            b: Param::from_tensor(Tensor::from_floats([[1.0]], &device)),
        };
        let loss = module.a.val().mul_scalar(3.0).sum() + module.b.val().mul_scalar(4.0).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        let gradients = clip_by_norm::<B, _>(&module, gradients, limit, None);
        let a = gradients
            .get::<CpuBackend, 1>(module.a.id)
            .unwrap()
            .into_scalar();
        let b = gradients
            .get::<CpuBackend, 2>(module.b.id)
            .unwrap()
            .into_scalar();
        (a, b)
    }

    #[test]
    fn clipping_on_the_device_equals_clipping_on_the_host() {
        let device = Default::default();
        let module = Two::<B> {
            a: Param::from_tensor(Tensor::from_floats([1.0], &device)),
            b: Param::from_tensor(Tensor::from_floats([[1.0]], &device)),
        };
        for (limit, expected) in [(5.0, [3.0, 4.0]), (1.0, [0.6, 0.8]), (9.0, [3.0, 4.0])] {
            let loss = module.a.val().mul_scalar(3.0).sum() + module.b.val().mul_scalar(4.0).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &module);
            let gradients = clip_on_device::<B, _>(&module, gradients, limit);
            let a = gradients.get::<CpuBackend, 1>(module.a.id).unwrap();
            let b = gradients.get::<CpuBackend, 2>(module.b.id).unwrap();
            let found = [a.into_scalar(), b.into_scalar()];
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(f, e)| (f - e).abs() < 1e-6),
                "{found:?}"
            );
        }
    }

    #[test]
    fn large_gradients_are_scaled_together_and_small_ones_are_kept() {
        assert_eq!(clipped(5.0), (3.0, 4.0));
        let (a, b) = clipped(1.0);
        assert!((a - 0.6).abs() < 1e-6 && (b - 0.8).abs() < 1e-6, "{a} {b}");
    }
}
