//! Propagation for a batch's rows on GPUs: the outermost product is computed only at those rows.

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
use crate::cube::{OnCube, contiguous, is_float};
use crate::primitive::{float_primitive, float_tensor};
use crate::propagate::cube::horner;
use crate::row_indices::RowIndices;
use crate::sparse_dense::device_csr::{Base, DeviceCsr};
use crate::sparse_matrix::SparseMatrix;

pub(crate) fn propagate_rows<B: OnCube + SparseBackend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
    rows: &RowIndices<B>,
) -> Tensor<B, 2> {
    let fits = is_float(x.dtype()) && x.dims()[1] > 0 && !rows.is_empty();
    match (DeviceCsr::new(matrix), alphas) {
        // y = A (sum_k alphas[k + 1] A^k x) + alphas[0] x: only the outer product is restricted to rows.
        // Not with very long rows, since the list gives each row one cube.
        (Some(csr), [first, others @ ..]) if fits && csr.has_short_rows() && !others.is_empty() => {
            let x = contiguous(float_primitive(x));
            let (inner, scale) = match others {
                [last] => (x.clone(), *last),
                others => (horner(&csr, &x, others), 1.0),
            };
            let base = Base {
                table: x,
                alpha: *first,
            };
            let list = contiguous(rows.tensor().into_primitive());
            float_tensor(csr.listed_rows(&inner, scale, &base, list))
        }
        _ => B::gather_rows(B::propagate(matrix, x, alphas), rows),
    }
}
