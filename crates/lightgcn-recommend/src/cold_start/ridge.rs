//! Ridge regression of small dimension.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::{factor, solve};
use faer::{MatMut, Par, Spec};
use rayon::prelude::*;

/// The matrix W, `[n_outputs, n_inputs]`, that minimizes Σ ‖W x − y‖² + λ ‖W‖² over the rows x of
/// `inputs` (`[n, n_inputs]`) and y of `outputs` (`[n, n_outputs]`), with λ = `ridge` times the mean of
/// the diagonal of Σ x xᵀ. Solved by Cholesky factorization in double precision; zero where the inputs
/// are. O(n · n_inputs · (n_inputs + n_outputs) + n_inputs³). The sums run in the order of the rows, and the
/// factorization on one thread, so the bits do not depend on the number of threads.
pub(crate) fn solve_ridge(
    inputs: &[f64],
    n_inputs: usize,
    outputs: &[f64],
    n_outputs: usize,
    ridge: f64,
) -> Vec<f64> {
    let mut gram = transposed_product(inputs, n_inputs, inputs, n_inputs);
    let mut solution = transposed_product(outputs, n_outputs, inputs, n_inputs);
    let trace: f64 = (0..n_inputs).map(|n| gram[n * n_inputs + n]).sum();
    let lambda = ridge * trace / n_inputs as f64;
    (0..n_inputs).for_each(|n| gram[n * n_inputs + n] += lambda);
    // A row of the solution is a column of the right-hand side.
    let rhs = MatMut::from_column_major_slice_mut(&mut solution, n_inputs, n_outputs);
    let gram = MatMut::from_row_major_slice_mut(&mut gram, n_inputs, n_inputs);
    if !(lambda > 0.0 && solve_positive_definite(gram, rhs)) {
        solution.fill(0.0);
    }
    solution
}

/// Aᵀ B for A `[n, a]` and B `[n, b]`: `[a, b]`.
fn transposed_product(a: &[f64], n_a: usize, b: &[f64], n_b: usize) -> Vec<f64> {
    let mut out = vec![0.0; n_a * n_b];
    out.par_chunks_exact_mut(n_b)
        .enumerate()
        .for_each(|(column, out)| {
            for (a, b) in a.chunks_exact(n_a).zip(b.chunks_exact(n_b)) {
                let factor = a[column];
                for (out, &b) in out.iter_mut().zip(b) {
                    *out += factor * b;
                }
            }
        });
    out
}

/// Replaces the right-hand side with the solution; returns false if the matrix is not positive
/// definite.
pub(crate) fn solve_positive_definite(mut matrix: MatMut<'_, f64>, rhs: MatMut<'_, f64>) -> bool {
    let n = matrix.nrows();
    let scratch = StackReq::any_of(&[
        factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Spec::default()),
        solve::solve_in_place_scratch::<f64>(n, rhs.ncols(), Par::Seq),
    ]);
    let mut buffer = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut buffer);
    let factored = factor::cholesky_in_place(
        matrix.as_mut(),
        Default::default(),
        Par::Seq,
        stack,
        Spec::default(),
    );
    if factored.is_ok() {
        solve::solve_in_place(matrix.as_ref(), rhs, Par::Seq, stack);
    }
    factored.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_map_is_found_again() {
        // y = (2 a − b, 3 b) on four points.
        let inputs = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, -1.0];
        let outputs: Vec<f64> = inputs
            .chunks(2)
            .flat_map(|x| [2.0 * x[0] - x[1], 3.0 * x[1]])
            .collect();
        let map = solve_ridge(&inputs, 2, &outputs, 2, 1e-12);
        for (got, expected) in map.iter().zip([2.0, -1.0, 0.0, 3.0]) {
            assert!((got - expected).abs() < 1e-9, "{map:?}");
        }
        // A strong ridge shrinks, and nothing to learn from gives the zero map.
        let shrunk = solve_ridge(&inputs, 2, &outputs, 2, 1.0);
        assert!(shrunk[0] < 2.0 && shrunk[0] > 0.0);
        assert_eq!(solve_ridge(&[], 2, &[], 1, 1.0), [0.0, 0.0]);
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        let solved = |mut matrix: [f64; 4]| {
            let mut x = [8.0, 6.0];
            let rhs = MatMut::from_column_major_slice_mut(&mut x, 2, 1);
            let matrix = MatMut::from_row_major_slice_mut(&mut matrix, 2, 2);
            solve_positive_definite(matrix, rhs).then_some(x)
        };
        assert_eq!(solved([1.0, 2.0, 2.0, 1.0]), None);
        let x = solved([4.0, 2.0, 2.0, 2.0]).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
    }
}
