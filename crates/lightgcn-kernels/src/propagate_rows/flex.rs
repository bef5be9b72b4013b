//! Propagation for a batch's rows on the CPU.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use lightgcn_simd::{Operands, Polynomial, RowValues, Scratch};

use crate::buffers::take;
use crate::flex::{CsrBuffers, dims, floats, matrix as matrix_of};
use crate::primitive::float_primitive;
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

/// Work buffers kept between calls, each lent to one caller at a time: fresh pages for two tables
/// per step cost as much as a layer.
static SCRATCH: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

fn pool() -> MutexGuard<'static, Vec<Scratch>> {
    // After a panic elsewhere, the mutex only guards plain memory, which is safe to reuse.
    SCRATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees the buffers that are not lent.
pub(crate) fn release_scratch() {
    pool().clear();
}

fn with_scratch<T>(matrix: &SparseMatrix<Flex>, work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = pool().pop().unwrap_or_default();
    scratch.set_operands(match matrix.has_bf16_operands() {
        true => Operands::Bf16,
        false => Operands::F32,
    });
    let result = work(&mut scratch);
    pool().push(scratch);
    result
}

pub(crate) fn propagate_rows(
    matrix: &SparseMatrix<Flex>,
    x: Tensor<Flex, 2>,
    alphas: &[f32],
    rows: &RowIndices<Flex>,
) -> Tensor<Flex, 2> {
    if x.dtype() != DType::F32 {
        return super::reference::propagate_rows(matrix, x, alphas, rows);
    }
    let x = float_primitive(x).to_contiguous();
    let [_, dim] = dims(&x);
    let buffers = CsrBuffers::new(matrix);
    let mut out = vec![0.0; rows.len() * dim];
    with_scratch(matrix, |scratch| {
        let x = floats(&x);
        // A single layer is computed only at the batch's rows, in their own order.
        let whole = alphas.len() > 2;
        let view = if whole {
            buffers.ordered_view()
        } else {
            buffers.view()
        };
        let polynomial = Polynomial {
            a: view,
            alphas,
            dim,
        };
        lightgcn_simd::propagate_rows(&polynomial, rows.as_slice(), x, scratch, &mut out);
    });
    matrix_of(out, rows.len(), dim)
}

pub(crate) fn propagate_rows_transposed(
    matrix: &SparseMatrix<Flex>,
    gradients: Tensor<Flex, 2>,
    alphas: &[f32],
    rows: &RowIndices<Flex>,
) -> Tensor<Flex, 2> {
    // `add_transposed_rows` searches the rows' entries by column, so columns must ascend.
    if gradients.dtype() != DType::F32 || !matrix.has_ascending_columns() {
        return super::reference::propagate_rows_transposed(matrix, gradients, alphas, rows);
    }
    let gradients = float_primitive(gradients).to_contiguous();
    let [_, dim] = dims(&gradients);
    let (forward, backward) = (
        CsrBuffers::new(matrix),
        CsrBuffers::new(&matrix.transpose()),
    );
    let mut out = take(rows.n_rows() * dim);
    let whole = alphas.len() > 2;
    with_scratch(matrix, |scratch| {
        let transposed = if whole {
            backward.ordered_view()
        } else {
            backward.view()
        };
        let polynomial = Polynomial {
            a: forward.view(),
            alphas,
            dim,
        };
        let batch = RowValues {
            rows: rows.as_slice(),
            values: floats(&gradients),
        };
        lightgcn_simd::propagate_rows_transposed(&polynomial, transposed, batch, scratch, &mut out);
    });
    matrix_of(out, rows.n_rows(), dim)
}
