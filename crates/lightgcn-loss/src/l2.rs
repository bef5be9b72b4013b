//! L2 regularization of the rows that a batch reads.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Half the squared length of the rows that a batch reads, per pair of the batch:
///
/// ```text
/// L2 = 1/2 · Σ_rows ‖e‖² / batch_size
/// ```
///
/// The rows are those of the users, the positives and the negatives, a row counting as often as the
/// batch reads it. As published, they are the rows of **layer 0**: LightGCN has no other
/// parameters, and regularizing the propagated embeddings instead gives different results. Multiply
/// the term by the strength λ (published: 1e-4) and add it to the loss.
///
/// Source: He et al., *LightGCN*, SIGIR 2020, equation 15, in the form of the authors' code, which
/// divides by the batch size. PyTorch Geometric's `LightGCN` omits the half, so its λ is half of
/// this one.
///
/// # Shapes
///
/// - rows: any number of tensors `[n_rows, dim]`
/// - output: `[1]`, not negative
///
/// # Panics
///
/// If there are no tensors, or if `batch_size` is 0.
pub fn l2_regularization<B: Backend>(
    rows: impl IntoIterator<Item = Tensor<B, 2>>,
    batch_size: usize,
) -> Tensor<B, 1> {
    assert!(batch_size > 0, "l2_regularization: the batch size is 0");
    rows.into_iter()
        .map(squared_length)
        .reduce(|sum, length| sum + length)
        .map(|sum| sum.div_scalar(2.0 * batch_size as f64))
        .unwrap_or_else(|| panic!("l2_regularization: no rows were given"))
}

/// `Σ‖e‖²` over rows, `[1]`. Rows are summed first: see the crate's note on determinism.
fn squared_length<B: Backend>(rows: Tensor<B, 2>) -> Tensor<B, 1> {
    (rows.clone() * rows).sum_dim(1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{B, assert_close, f64_tensor, gradient_check, values};

    #[test]
    fn it_equals_the_formula() {
        let users = f64_tensor([2, 2], &[1.0, 2.0, 0.0, -3.0]);
        let positives = f64_tensor([1, 2], &[0.5, 0.5]);
        // Squared lengths 5, 9 and 0.5.
        let term = l2_regularization::<B>([users, positives], 2);
        assert_close(&values(term), &[14.5 / 4.0], 1e-12);
    }

    #[test]
    fn gradient_equals_finite_differences() {
        gradient_check(
            |x: Tensor<B, 1>| {
                let rows = x.reshape([3, 2]);
                l2_regularization([rows.clone(), rows], 3)
            },
            &[0.5, -1.5, 2.0, 0.25, -0.75, 1.0],
        );
    }

    #[test]
    #[should_panic(expected = "the batch size is 0")]
    fn an_empty_batch_panics() {
        l2_regularization::<B>([f64_tensor([1, 1], &[1.0])], 0);
    }

    #[test]
    #[should_panic(expected = "no rows were given")]
    fn no_rows_panic() {
        l2_regularization::<B>([], 1);
    }
}
