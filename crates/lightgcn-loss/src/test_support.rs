//! What the tests of several losses share.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};

/// The CPU backend with gradients.
pub(crate) type B = Autodiff<Flex>;

/// A tensor of 64-bit floats, so that finite differences are sharp.
pub(crate) fn f64_tensor<const D: usize>(shape: [usize; D], values: &[f64]) -> Tensor<B, D> {
    let data = TensorData::new(values.to_vec(), shape);
    Tensor::from_data(data, (&Default::default(), DType::F64))
}

/// The elements of a tensor of any float type.
pub(crate) fn values<B: burn::tensor::backend::Backend, const D: usize>(
    tensor: Tensor<B, D>,
) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Fails unless each pair differs by at most `tolerance`, relative above 1.
pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * e.abs().max(1.0),
            "element {index}: found {f}, expected {e}"
        );
    }
}

/// Holds the gradient of `loss` at `at` against central differences.
pub(crate) fn gradient_check(loss: impl Fn(Tensor<B, 1>) -> Tensor<B, 1>, at: &[f64]) {
    let x = f64_tensor([at.len()], at).require_grad();
    let gradients = loss(x.clone()).backward();
    let Some(gradient) = x.grad(&gradients) else {
        panic!("the loss does not depend on its argument");
    };
    let found = values(gradient);
    let step = 1e-5;
    let expected: Vec<f64> = (0..at.len())
        .map(|index| {
            let value = |shift: f64| {
                let mut moved = at.to_vec();
                moved[index] += shift;
                values(loss(f64_tensor([at.len()], &moved)))[0]
            };
            (value(step) - value(-step)) / (2.0 * step)
        })
        .collect();
    assert!(found.iter().any(|slope| *slope != 0.0));
    // burn holds the scalars of a backward pass in 32 bits.
    assert_close(&found, &expected, 1e-6);
}
