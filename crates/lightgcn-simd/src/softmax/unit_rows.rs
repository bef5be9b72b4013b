//! Vectors normalized to length 1.

use super::block::PANEL;
use crate::dense::WIDTH;

/// The minimum length that a vector is divided by.
const LEAST_NORM: f32 = 1e-12;

/// Rows of length 1, padded with zeros to whole registers and whole panels: `[whole panels, width]`. Zeros
/// change no product, so no loop needs a tail.
pub(super) struct UnitRows {
    data: Vec<f32>,
    norms: Vec<f32>,
    dim: usize,
    width: usize,
}

impl UnitRows {
    /// The rows of `[n_rows, dim]`, normalized to length 1.
    pub(super) fn new(rows: &[f32], dim: usize) -> Self {
        let width = dim.next_multiple_of(WIDTH);
        let n_rows = rows.len() / dim;
        // Whole panels, since candidates are transposed panel by panel; the rows past `n_rows` stay
        // zero.
        let mut data = vec![0.0; n_rows.next_multiple_of(PANEL) * width];
        let norms = rows
            .chunks_exact(dim)
            .zip(data.chunks_exact_mut(width))
            .map(|(row, unit)| {
                let norm = sum_of_products(row, row).sqrt().max(LEAST_NORM);
                // The zip ends at `dim`: the padding keeps its zeros.
                for (unit, x) in unit.iter_mut().zip(row) {
                    *unit = x / norm;
                }
                norm
            })
            .collect();
        Self {
            data,
            norms,
            dim,
            width,
        }
    }

    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }

    pub(super) fn n_rows(&self) -> usize {
        self.norms.len()
    }

    /// Numbers in an original row.
    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Numbers in a stored row, a multiple of 16.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Turns the gradient `g` with respect to a unit row `u` (`[width]`) into that with respect to the
    /// original row (`[dim]`): `(g − (g · u) u) / length`, since moving along the row does not change its
    /// direction.
    pub(super) fn through(&self, row: usize, gradient: &[f32], out: &mut [f32]) {
        let unit = &self.data[row * self.width..][..self.width];
        // Over the whole width: the padding of `unit` is zero and adds nothing.
        let along = sum_of_products(gradient, unit);
        for ((out, g), x) in out.iter_mut().zip(gradient).zip(unit) {
            *out = (*g - along * x) / self.norms[row];
        }
    }
}

/// `Σ a · b`, in eight running sums that the compiler keeps in a register. The order is fixed and
/// no fused multiply-add is used, so the bits are the same on every machine.
fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
