//! Ridge regression of small dimension.

use rayon::prelude::*;

/// The matrix W, `[n_outputs, n_inputs]`, that minimizes Σ ‖W x − y‖² + λ ‖W‖² over the rows x of
/// `inputs` (`[n, n_inputs]`) and y of `outputs` (`[n, n_outputs]`), with λ = `ridge` times the mean of
/// the diagonal of Σ x xᵀ. Solved by Cholesky's method in double precision. O(n · n_inputs · (n_inputs
/// + n_outputs) + n_inputs³); the sums run in the order of the rows.
pub(crate) fn solve_ridge(
    inputs: &[f64],
    n_inputs: usize,
    outputs: &[f64],
    n_outputs: usize,
    ridge: f64,
) -> Vec<f64> {
    let mut gram = items(inputs, n_inputs, inputs, n_inputs);
    let targets = items(outputs, n_outputs, inputs, n_inputs);
    let trace: f64 = (0..n_inputs).map(|n| gram[n * n_inputs + n]).sum();
    let lambda = (ridge * trace / n_inputs as f64).max(f64::MIN_POSITIVE);
    (0..n_inputs).for_each(|n| gram[n * n_inputs + n] += lambda);
    if !(lambda > f64::MIN_POSITIVE && cholesky(&mut gram, n_inputs)) {
        return vec![0.0; n_outputs * n_inputs];
    }
    let mut solution = targets;
    solution
        .par_chunks_exact_mut(n_inputs)
        .for_each(|row| substitute(&gram, n_inputs, row));
    solution
}

/// Aᵀ B for A `[n, a]` and B `[n, b]`: `[a, b]`.
fn items(a: &[f64], n_a: usize, b: &[f64], n_b: usize) -> Vec<f64> {
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

/// Replaces the lower triangle of a symmetric matrix by its factor L with L Lᵀ the matrix; false where
/// it is not positive definite.
pub(crate) fn cholesky(matrix: &mut [f64], n: usize) -> bool {
    for column in 0..n {
        for row in column..n {
            let (a, b) = (
                &matrix[row * n..][..column],
                &matrix[column * n..][..column],
            );
            let sum: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            let left = matrix[row * n + column] - sum;
            if row > column {
                matrix[row * n + column] = left / matrix[column * n + column];
            } else if left > 0.0 && left.is_finite() {
                matrix[column * n + column] = left.sqrt();
            } else {
                return false;
            }
        }
    }
    true
}

/// Replaces `x` by the solution of L Lᵀ y = x.
pub(crate) fn substitute(factor: &[f64], n: usize, x: &mut [f64]) {
    for row in 0..n {
        let sum: f64 = factor[row * n..][..row]
            .iter()
            .zip(&x[..row])
            .map(|(l, x)| l * x)
            .sum();
        x[row] = (x[row] - sum) / factor[row * n + row];
    }
    for row in (0..n).rev() {
        let sum: f64 = (row + 1..n)
            .map(|below| factor[below * n + row] * x[below])
            .sum();
        x[row] = (x[row] - sum) / factor[row * n + row];
    }
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
    fn a_matrix_that_is_not_positive_is_refused() {
        assert!(!cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2));
        let mut good = [4.0, 2.0, 2.0, 2.0];
        assert!(cholesky(&mut good, 2));
        let mut x = [8.0, 6.0];
        substitute(&good, 2, &mut x);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
    }
}
