//! Adam on the CPU: one pass over memory, in place if no one else holds the tensors.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;
use lightgcn_simd::{AdamOptions, AdamTables};

use super::{AdamStep, AdamTensors, reference};
use crate::buffers::give;
use crate::flex::floats;
use crate::primitive::{float_primitive, float_tensor};

/// Tables are moved to huge pages once every this many steps: the first step allocates them, and a
/// copy (of the best model so far) may bring them back to small pages. Usually they are already
/// there, which is cheap.
const MOVE_EVERY: u64 = 512;

pub(crate) fn adam_step<const D: usize>(
    step: &AdamStep,
    tensors: AdamTensors<Flex, D>,
    gradients: Tensor<Flex, D>,
) -> AdamTensors<Flex, D> {
    let all_f32 = [
        gradients.dtype(),
        tensors.parameters.dtype(),
        tensors.first_moment.dtype(),
        tensors.second_moment.dtype(),
    ] == [DType::F32; 4];
    if !all_f32 {
        return reference::adam_step(step, tensors, gradients);
    }
    let gradients = float_primitive(gradients).to_contiguous();
    let mut parameters = whole_buffer(float_primitive(tensors.parameters));
    let mut first_moment = whole_buffer(float_primitive(tensors.first_moment));
    let mut second_moment = whole_buffer(float_primitive(tensors.second_moment));
    if step.time % MOVE_EVERY == 1 {
        for tensor in [&mut parameters, &mut first_moment, &mut second_moment] {
            lightgcn_simd::move_to_huge_pages(tensor.storage_mut());
        }
    }
    lightgcn_simd::adam_step(
        &AdamOptions {
            learning_rate: step.learning_rate as f32,
            beta_1: step.beta_1,
            beta_2: step.beta_2,
            epsilon: step.epsilon,
            weight_decay: step.weight_decay,
        },
        step.time,
        AdamTables {
            parameters: parameters.storage_mut(),
            gradients: floats(&gradients),
            first_moment: first_moment.storage_mut(),
            second_moment: second_moment.storage_mut(),
        },
    );
    reclaim(gradients);
    AdamTensors {
        parameters: float_tensor(parameters),
        first_moment: float_tensor(first_moment),
        second_moment: float_tensor(second_moment),
    }
}

/// Keeps the gradient's buffer for the next step, if no one else holds it.
fn reclaim(tensor: FlexTensor) {
    if tensor.is_unique()
        && let Ok(buffer) = tensor.into_data().into_vec::<f32>()
    {
        give(buffer);
    }
}

/// The tensor itself if its elements are its whole buffer in order, otherwise a copy that is.
///
/// Calling `to_contiguous` in every case would share the buffer and force a copy on writing.
fn whole_buffer(tensor: FlexTensor) -> FlexTensor {
    let n_elements = tensor.layout().num_elements();
    let is_whole = tensor
        .as_slice::<f32>()
        .is_some_and(|elements| elements.len() == n_elements)
        && tensor.bytes().len() == n_elements * size_of::<f32>();
    if is_whole {
        tensor
    } else {
        tensor.to_contiguous()
    }
}
