//! Adam on GPUs: one pass over memory, in place if no one else holds the tensors.

use burn::tensor::{DType, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::{AdamStep, AdamTensors, reference};
use crate::cube::{OnCube, contiguous, is_float, units, vector_size};
use crate::primitive::{float_primitive, float_tensor};

/// One unit per vector of parameters. Moments are `f32` even where parameters are not: in 16 bits,
/// `(1 − beta_2) g²` would be lost when added to `v`.
#[cube(launch_unchecked)]
fn adam_kernel<F: Float, N: Size>(
    gradients: &Array<Vector<F, N>>,
    parameters: &mut Array<Vector<F, N>>,
    first_moment: &mut Array<Vector<f32, N>>,
    second_moment: &mut Array<Vector<f32, N>>,
    length: u32,
    step_size: f32,
    beta_1: f32,
    beta_2: f32,
    inverse_root_correction_2: f32,
    epsilon: f32,
    weight_decay: f32,
    #[define(F)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < length as usize {
        let p = Vector::<f32, N>::cast_from(parameters[ABSOLUTE_POS]);
        let g =
            Vector::<f32, N>::cast_from(gradients[ABSOLUTE_POS]) + p * Vector::new(weight_decay);
        let m = first_moment[ABSOLUTE_POS];
        // m + (1 − β)(g − m), as the CPU does; β m + (1 − β) g rounds differently.
        let m = m + (g - m) * Vector::new(1.0f32 - beta_1);
        let v = second_moment[ABSOLUTE_POS] * Vector::new(beta_2)
            + g * g * Vector::new(1.0f32 - beta_2);
        // Divisions shared by all parameters are done once, on the host, in f64.
        let root = Vector::<f32, N>::sqrt(v) * Vector::new(inverse_root_correction_2);
        let step = m * Vector::new(step_size) / (root + Vector::new(epsilon));
        parameters[ABSOLUTE_POS] = Vector::cast_from(p - step);
        first_moment[ABSOLUTE_POS] = m;
        second_moment[ABSOLUTE_POS] = v;
    }
}

/// The tensor itself if no one else holds it, otherwise a copy; without padding either way.
fn to_write<R: CubeRuntime>(tensor: CubeTensor<R>) -> CubeTensor<R> {
    let tensor = contiguous(tensor);
    if tensor.handle.can_mut() {
        tensor
    } else {
        contiguous(tensor.copy())
    }
}

pub(crate) fn adam_step<B: OnCube, const D: usize>(
    step: &AdamStep,
    tensors: AdamTensors<B, D>,
    gradients: Tensor<B, D>,
) -> AdamTensors<B, D> {
    let dtype = tensors.parameters.dtype();
    let moments = [tensors.first_moment.dtype(), tensors.second_moment.dtype()];
    let n_elements = tensors.parameters.shape().num_elements();
    let fits = is_float(dtype) && gradients.dtype() == dtype && moments == [DType::F32; 2];
    if !fits || n_elements == 0 {
        return reference::adam_step(step, tensors, gradients);
    }
    let gradients = contiguous(float_primitive(gradients));
    let parameters = to_write(float_primitive(tensors.parameters));
    let first_moment = to_write(float_primitive(tensors.first_moment));
    let second_moment = to_write(float_primitive(tensors.second_moment));
    let width = vector_size(n_elements);
    let n = n_elements / width;
    let client = gradients.client.clone();
    let (count, cube_dim) = units(&client, n);
    // SAFETY: all four buffers hold `n` vectors without padding (burn's optimizers keep them in one
    // shape), the kernel checks its position against that, and no one else holds what is written.
    unsafe {
        adam_kernel::launch_unchecked::<B::Runtime>(
            &client,
            count,
            cube_dim,
            width,
            gradients.into_array_arg(),
            parameters.clone().into_array_arg(),
            first_moment.clone().into_array_arg(),
            second_moment.clone().into_array_arg(),
            n as u32,
            (step.learning_rate / step.bias_correction_1()) as f32,
            step.beta_1,
            step.beta_2,
            (1.0 / step.bias_correction_2().sqrt()) as f32,
            step.epsilon,
            step.weight_decay,
            dtype.into(),
        );
    }
    AdamTensors {
        parameters: float_tensor(parameters),
        first_moment: float_tensor(first_moment),
        second_moment: float_tensor(second_moment),
    }
}
