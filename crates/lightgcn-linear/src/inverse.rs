//! The inverse of a large symmetric matrix, in place and on all threads.

use crate::dense::{inverse_positive_definite, multiply};
use faer::{Accum, Mat, MatMut, MatRef};
use rayon::prelude::*;

/// The number of rows and columns eliminated at a time; a constant, since the order of sums depends
/// on it.
pub(crate) const BLOCK: usize = 512;

/// Replaces a symmetric positive definite matrix A (`[n, n]`, row by row; only the lower triangle
/// is read) with −A⁻¹, both triangles. Returns false if a pivot is not positive definite; the
/// matrix is then garbage.
///
/// Gauss-Jordan elimination of symmetric blocks, known in statistics as the sweep operator
/// (Goodnight, The American Statistician 1979): n³ multiply-adds, almost all of them in products of
/// dense blocks, and `8 · n · block` bytes of scratch. The blocks are of a fixed size and each
/// panel of rows belongs to one thread, so the bits do not depend on the number of threads.
pub(crate) fn negative_inverse(a: &mut [f32], n: usize, block: usize) -> bool {
    for first in (0..n).step_by(block) {
        let size = block.min(n - first);
        let Some(step) = Step::new(a, n, first, size) else {
            return false;
        };
        let panels = a.par_chunks_mut(block * n).enumerate();
        panels.for_each(|(p, panel)| step.update(p * block, panel));
    }
    mirror(a, n, block);
    true
}

/// The elimination of one block of columns.
struct Step {
    n: usize,
    first: usize,
    size: usize,
    /// The block's columns of the whole symmetric matrix, `[n, size]`.
    columns: Vec<f32>,
    /// The columns times the inverse D of the block on the diagonal, `[n, size]`.
    scaled: Vec<f32>,
    /// −D, `[size, size]`.
    pivot: Vec<f32>,
}

impl Step {
    fn new(a: &[f32], n: usize, first: usize, size: usize) -> Option<Self> {
        let end = first + size;
        let mut columns = vec![0.0; n * size];
        columns
            .par_chunks_exact_mut(size)
            .enumerate()
            .for_each(|(row, out)| {
                if row >= first {
                    // Below the diagonal, and the block itself, whose upper half is not read.
                    out.copy_from_slice(&a[row * n + first..row * n + end]);
                } else {
                    let transposed = a[first * n + row..].iter().step_by(n);
                    out.iter_mut()
                        .zip(transposed)
                        .for_each(|(to, from)| *to = *from);
                }
            });
        let diagonal = |r: usize, c: usize| f64::from(a[(first + r) * n + first + c]);
        let inverse = inverse_positive_definite(Mat::from_fn(size, size, diagonal))?;
        let mut pivot = vec![0.0; size * size];
        for r in 0..size {
            for c in 0..=r {
                pivot[r * size + c] = -inverse[(r, c)] as f32;
                pivot[c * size + r] = pivot[r * size + c];
            }
        }
        let mut scaled = vec![0.0; n * size];
        scaled
            .par_chunks_mut(BLOCK * size)
            .zip(columns.par_chunks(BLOCK * size))
            .for_each(|(out, columns)| {
                let rows = out.len() / size;
                multiply(
                    MatRef::from_row_major_slice(columns, rows, size),
                    MatRef::from_row_major_slice(&pivot[..], size, size),
                    -1.0,
                    Accum::Replace,
                    MatMut::from_row_major_slice_mut(out, rows, size),
                );
            });
        let finite = scaled.iter().all(|x| x.is_finite());
        finite.then_some(Self {
            n,
            first,
            size,
            columns,
            scaled,
            pivot,
        })
    }

    /// Updates the panel that begins at row `top`, up to the diagonal.
    fn update(&self, top: usize, panel: &mut [f32]) {
        let (n, first, size) = (self.n, self.first, self.size);
        let rows = panel.len() / n;
        if top == first {
            for (r, row) in panel.chunks_exact_mut(n).enumerate() {
                for (c, x) in row[..first].iter_mut().enumerate() {
                    *x = self.scaled[c * size + r];
                }
                row[first..first + size].copy_from_slice(&self.pivot[r * size..(r + 1) * size]);
            }
            return;
        }
        let width = top + rows;
        multiply(
            MatRef::from_row_major_slice(&self.scaled[top * size..width * size], rows, size),
            MatRef::from_row_major_slice(&self.columns[..width * size], width, size).transpose(),
            -1.0,
            Accum::Add,
            // faer 0.24 swaps the strides of `from_row_major_slice_with_stride_mut`.
            MatMut::from_column_major_slice_with_stride_mut(panel, width, rows, n).transpose_mut(),
        );
        if top > first {
            for (r, row) in panel.chunks_exact_mut(n).enumerate() {
                let scaled = &self.scaled[(top + r) * size..(top + r + 1) * size];
                row[first..first + size].copy_from_slice(scaled);
            }
        }
    }
}

/// Copies the lower triangle to the upper one, square by square.
fn mirror(a: &mut [f32], n: usize, block: usize) {
    for top in (0..n).step_by(block) {
        let end = (top + block).min(n);
        let (above, below) = a.split_at_mut(end * n);
        let panel = &mut above[top * n..];
        for r in 0..end - top {
            for c in r + 1..end - top {
                panel[r * n + top + c] = panel[c * n + top + r];
            }
        }
        let below = &*below;
        panel
            .par_chunks_mut(16 * n)
            .enumerate()
            .for_each(|(strip, rows)| {
                let column = top + strip * 16;
                for (c, source) in below.chunks_exact(n).enumerate() {
                    for (r, row) in rows.chunks_exact_mut(n).enumerate() {
                        row[end + c] = source[column + r];
                    }
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagonally dominant matrix of `n` rows.
    fn matrix(n: usize) -> Vec<f32> {
        let cell = |r: usize, c: usize| match r == c {
            true => n as f32,
            false => ((r * c + r + c) % 7) as f32 / 7.0,
        };
        (0..n * n).map(|x| cell(x / n, x % n)).collect()
    }

    #[test]
    fn by_hand() {
        // The upper triangle is never read.
        let mut a = [2.0, 99.0, 1.0, 1.0];
        assert!(negative_inverse(&mut a, 2, 1));
        assert_eq!(a, [-1.0, 1.0, 1.0, -2.0]);
    }

    #[test]
    fn equals_the_direct_inverse_whatever_the_block() {
        for (n, block) in [(1, 1), (5, 2), (6, 3), (7, 10), (33, 8), (64, 16)] {
            let a = matrix(n);
            let mut inverse = a.clone();
            assert!(negative_inverse(&mut inverse, n, block));
            for r in 0..n {
                for c in 0..n {
                    let dot: f64 = (0..n)
                        .map(|k| f64::from(a[r * n + k]) * f64::from(inverse[k * n + c]))
                        .sum();
                    let identity = if r == c { -1.0 } else { 0.0 };
                    assert!(
                        (dot - identity).abs() < 1e-5,
                        "{n}, {block}: {dot} at {r}, {c}"
                    );
                    assert_eq!(inverse[r * n + c], inverse[c * n + r]);
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_an_error() {
        assert!(!negative_inverse(&mut [1.0, 1.0, 1.0, 1.0], 2, 1));
        assert!(!negative_inverse(&mut [1.0, 2.0, 2.0, 1.0], 2, 2));
    }
}
