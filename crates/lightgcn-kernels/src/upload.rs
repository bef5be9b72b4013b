//! Uploads numbers from the host to a device, with explicit types, since backends differ in their
//! defaults.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Int, Tensor, TensorData};

/// `[n]`, `i32`.
pub(crate) fn upload_ints<B: Backend>(ints: Vec<i32>, device: &B::Device) -> Tensor<B, 1, Int> {
    let shape = [ints.len()];
    Tensor::from_data(TensorData::new(ints, shape), (device, DType::I32))
}

/// `[n]`, `f32`.
pub(crate) fn upload_floats<B: Backend>(floats: Vec<f32>, device: &B::Device) -> Tensor<B, 1> {
    let shape = [floats.len()];
    Tensor::from_data(TensorData::new(floats, shape), (device, DType::F32))
}
