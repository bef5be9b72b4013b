//! Propagation for a batch's rows on GPUs: the outermost product is computed at those rows alone.

use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use crate::backend::SparseBackend;
use crate::cube::{contiguous, dims, is_float};
use crate::propagate::cube::horner;
use crate::row_indices::RowIndices;
use crate::sparse_dense::device_csr::{Base, DeviceCsr};
use crate::sparse_matrix::SparseMatrix;

pub(crate) fn propagate_rows<R, F, I, BT>(
    matrix: &SparseMatrix<CubeBackend<R, F, I, BT>>,
    x: CubeTensor<R>,
    alphas: &[f32],
    rows: &RowIndices<CubeBackend<R, F, I, BT>>,
) -> CubeTensor<R>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    type Own<R, F, I, BT> = CubeBackend<R, F, I, BT>;
    let fits = is_float(x.dtype) && dims(&x)[1] > 0 && !rows.is_empty();
    match (DeviceCsr::new(matrix), alphas) {
        // y = A (sum_k alphas[k + 1] A^k x) + alphas[0] x: only the outer product is restricted to rows.
        // Not with very long rows, since the list gives each row one cube.
        (Some(csr), [first, others @ ..]) if fits && csr.has_short_rows() && !others.is_empty() => {
            let x = contiguous(x);
            let (inner, scale) = match others {
                [last] => (x.clone(), *last),
                others => (horner(&csr, &x, others), 1.0),
            };
            let base = Base {
                table: x,
                alpha: *first,
            };
            let list = contiguous(rows.tensor().into_primitive());
            csr.listed_rows(&inner, scale, &base, list)
        }
        _ => {
            let all = <Own<R, F, I, BT> as SparseBackend>::propagate(matrix, x, alphas);
            <Own<R, F, I, BT> as SparseBackend>::gather_rows(all, rows)
        }
    }
}
