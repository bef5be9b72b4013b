//! The dense linear algebra of this crate, each step on one thread, so that its bits depend only on
//! the numbers.

use crate::LinearError;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::{cholesky, evd, householder, matmul, qr};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, Spec};
use rayon::prelude::*;

/// The number of rows per thread at a time; a constant, since the order of sums depends on it.
const ROWS: usize = 2048;

/// `out` (+)= `factor` · `a` · `b`.
pub(crate) fn multiply(
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    factor: f32,
    accumulate: Accum,
    out: MatMut<'_, f32>,
) {
    matmul::matmul(out, accumulate, a, b, factor, Par::Seq);
}

/// The Gram matrix AᵀA, `[dim, dim]`, of `a` (`[n, dim]`, row by row), in double precision.
pub(crate) fn gram(a: &[f32], dim: usize) -> Mat<f64> {
    let parts: Vec<Mat<f64>> = a
        .par_chunks(ROWS * dim)
        .map(|rows| {
            let rows = wide(rows, dim);
            let mut part = Mat::zeros(dim, dim);
            let (left, right) = (rows.transpose(), rows.as_ref());
            matmul::matmul(&mut part, Accum::Replace, left, right, 1.0, Par::Seq);
            part
        })
        .collect();
    let mut sum = Mat::zeros(dim, dim);
    for part in parts {
        sum += part;
    }
    sum
}

/// `a` · `b`, `[n, b.ncols()]` row by row, of `a` (`[n, dim]`).
pub(crate) fn rows_times(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Vec<f32> {
    let width = b.ncols();
    let mut out = vec![0.0; a.nrows() * width];
    let chunks = out.par_chunks_mut(ROWS * width).enumerate();
    chunks.for_each(|(n, out)| {
        let rows = a.subrows(n * ROWS, out.len() / width);
        let mut product = Mat::<f64>::zeros(rows.nrows(), width);
        matmul::matmul(&mut product, Accum::Replace, rows, b, 1.0, Par::Seq);
        for (r, out) in out.chunks_exact_mut(width).enumerate() {
            for (c, out) in out.iter_mut().enumerate() {
                *out = product[(r, c)] as f32;
            }
        }
    });
    out
}

/// A table of `dim` columns in double precision.
pub(crate) fn wide(table: &[f32], dim: usize) -> Mat<f64> {
    Mat::from_fn(table.len() / dim, dim, |r, c| f64::from(table[r * dim + c]))
}

/// An orthonormal basis of the columns of `a`, `[n, min(n, dim)]`, by Householder's reflections:
/// orthonormal even if the columns are linearly dependent.
pub(crate) fn orthonormal_basis(mut a: Mat<f64>) -> Mat<f64> {
    let (n, dim) = a.shape();
    let size = n.min(dim);
    let block = qr::no_pivoting::factor::recommended_block_size::<f64>(n, dim);
    let mut coefficients = Mat::zeros(block, size);
    let scratch = qr::no_pivoting::factor::qr_in_place_scratch::<f64>(
        n,
        dim,
        block,
        Par::Seq,
        Spec::default(),
    );
    qr::no_pivoting::factor::qr_in_place(
        a.as_mut(),
        coefficients.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    );
    let mut basis = Mat::identity(n, size);
    let scratch = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
        n, block, size,
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        a.as_ref().subcols(0, size),
        coefficients.as_ref(),
        Conj::No,
        basis.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
    basis
}

/// The eigenvalues, descending, of a symmetric matrix, and its eigenvectors as columns in that
/// order.
pub(crate) fn symmetric_eigen(a: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), LinearError> {
    let n = a.nrows();
    let mut vectors = Mat::zeros(n, n);
    let mut values = Diag::zeros(n);
    let scratch = evd::self_adjoint_evd_scratch::<f64>(
        n,
        evd::ComputeEigenvectors::Yes,
        Par::Seq,
        Spec::default(),
    );
    evd::self_adjoint_evd(
        a.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    )
    .map_err(|_| LinearError::NoConvergence)?;
    let values: Vec<f64> = values.column_vector().iter().copied().collect();
    let descending = values.into_iter().rev().collect();
    Ok((
        descending,
        Mat::from_fn(n, n, |r, c| vectors[(r, n - 1 - c)]),
    ))
}

/// The inverse of a symmetric positive definite matrix by its Cholesky factors; `None` if it is not
/// positive definite. The lower triangle is read, and the lower triangle of the result is valid.
pub(crate) fn inverse_positive_definite(mut a: Mat<f64>) -> Option<Mat<f64>> {
    let n = a.nrows();
    let scratch =
        cholesky::llt::factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Spec::default());
    cholesky::llt::factor::cholesky_in_place(
        a.as_mut(),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    )
    .ok()?;
    let mut inverse = Mat::zeros(n, n);
    cholesky::llt::inverse::inverse(
        inverse.as_mut(),
        a.as_ref(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(
            cholesky::llt::inverse::inverse_scratch::<f64>(n, Par::Seq),
        )),
    );
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_is_orthonormal_even_of_dependent_columns() {
        // The third column is the sum of the first two.
        let a = Mat::from_fn(5, 3, |r, c| match c {
            0 => r as f64 + 1.0,
            1 => (r * r) as f64,
            _ => (r * r + r) as f64 + 1.0,
        });
        let q = orthonormal_basis(a.clone());
        let gram = q.transpose() * &q;
        for r in 0..3 {
            for c in 0..3 {
                assert!((gram[(r, c)] - f64::from(u8::from(r == c))).abs() < 1e-14);
            }
        }
        let spanned = &q * (q.transpose() * &a);
        assert!((&spanned - &a).norm_max() < 1e-13);
        assert_eq!(
            orthonormal_basis(Mat::from_fn(2, 3, |r, c| (r + c) as f64)).ncols(),
            2
        );
    }

    #[test]
    fn eigenvalues_descend() {
        let a = Mat::from_fn(2, 2, |r, c| if r == c { 2.0 } else { 1.0 });
        let (values, vectors) = symmetric_eigen(&a).unwrap();
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14);
        assert!((vectors[(0, 0)] - vectors[(1, 0)]).abs() < 1e-14);
    }

    #[test]
    fn inverse_by_hand_and_refusal() {
        let a = Mat::from_fn(2, 2, |r, c| [[2.0, 1.0], [1.0, 1.0]][r][c]);
        let inverse = inverse_positive_definite(a).unwrap();
        assert!((inverse[(0, 0)] - 1.0).abs() < 1e-15);
        assert!((inverse[(1, 0)] + 1.0).abs() < 1e-15);
        assert!((inverse[(1, 1)] - 2.0).abs() < 1e-15);
        let singular = Mat::from_fn(2, 2, |_, _| 1.0);
        assert!(inverse_positive_definite(singular).is_none());
    }

    #[test]
    fn products_over_several_chunks() {
        let (n, dim) = (2 * ROWS + 7, 3);
        let table: Vec<f32> = (0..n * dim).map(|x| (x % 5) as f32).collect();
        let sum = |r: usize, c: usize| -> f64 {
            let product = |row: &[f32]| f64::from(row[r]) * f64::from(row[c]);
            table.chunks_exact(dim).map(product).sum()
        };
        let gram = gram(&table, dim);
        assert_eq!(gram, Mat::from_fn(dim, dim, sum));
        let b = Mat::from_fn(dim, 2, |r, c| if r == 2 * c { 2.0 } else { 0.0 });
        let product = rows_times(wide(&table, dim).as_ref(), b.as_ref());
        for (row, product) in table.chunks_exact(dim).zip(product.chunks_exact(2)) {
            assert_eq!(product, [2.0 * row[0], 2.0 * row[2]]);
        }
    }
}
