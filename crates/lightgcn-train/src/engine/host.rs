//! Reading a tensor back from its device.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// The numbers of a tensor.
///
/// # Panics
/// If its device has failed.
pub(crate) fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.into_vec::<f32>()
        .unwrap_or_else(|error| panic!("a float table is not f32: {error:?}"))
}
