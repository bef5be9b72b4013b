//! Products of dense matrices that fit in the cache: the inner loops of batch losses.
//!
//! Every element of a product has its own accumulator, which starts at 0 (or at the existing value)
//! and adds in the order of the inner dimension, with fused multiply-add if the machine has it. So
//! an element's bits do not depend on what else is computed, and AVX2 and AVX-512 give the same
//! bits. Splitting the inner dimension over several accumulators would be faster for small tiles
//! but break this.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};

/// Widths of right operands are multiples of this: one AVX-512 register or two of AVX2, so that no tile
/// needs a masked tail.
pub(crate) const WIDTH: usize = 16;

/// A borrowed left operand: element `(m, k)` is `data[m · row + k · step]`. Two strides, so that a matrix
/// and its transpose are read from the same numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) step: usize,
}

/// Rows and columns of a product, and the length of its inner dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    /// A multiple of [`WIDTH`].
    pub(crate) columns: usize,
    pub(crate) steps: usize,
}

/// `left · right`, or the existing values plus `left · right`, not yet computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DenseProduct<'a> {
    pub(crate) shape: Shape,
    pub(crate) left: Left<'a>,
    /// `[steps, columns]`, row-major and without gaps.
    pub(crate) right: &'a [f32],
    /// Whether the output is added to, rather than overwritten.
    pub(crate) add: bool,
}

/// Computes a product into `out`, `[rows, columns]`, row-major and without gaps, on this thread.
///
/// # Panics
/// If an operand is too short for the shape, or `columns` is not a multiple of [`WIDTH`].
pub(crate) fn multiply(level: Level, product: DenseProduct<'_>, out: &mut [f32]) {
    let DenseProduct {
        shape, left, right, ..
    } = product;
    let Shape {
        rows,
        columns,
        steps,
    } = shape;
    assert!(
        columns.is_multiple_of(WIDTH)
            && right.len() == steps * columns
            && out.len() == rows * columns,
        "the operands must have the shape of the product"
    );
    if out.is_empty() {
        return;
    }
    // The AVX forms read the left operand without further checks, so its last element must exist.
    assert!(
        steps == 0 || (rows - 1) * left.row + (steps - 1) * left.step < left.data.len(),
        "the left operand must have every element of its shape"
    );
    match level {
        Level::Portable => portable(product, out),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::multiply(proof, product, out),
    }
}

fn portable(product: DenseProduct<'_>, out: &mut [f32]) {
    let DenseProduct {
        shape,
        left,
        right,
        add,
    } = product;
    let columns = shape.columns;
    for (m, out) in out.chunks_exact_mut(columns).enumerate() {
        for (n, out) in out.chunks_exact_mut(WIDTH).enumerate() {
            // An array of fixed length, which the compiler keeps in vector registers.
            let mut sums = [0.0_f32; WIDTH];
            if add {
                sums.copy_from_slice(out);
            }
            for (k, row) in right.chunks_exact(columns).enumerate() {
                let a = left.data[m * left.row + k * left.step];
                for (sum, &b) in sums.iter_mut().zip(&row[n * WIDTH..][..WIDTH]) {
                    *sum = multiply_add::<PORTABLE_FMA>(a, b, *sum);
                }
            }
            out.copy_from_slice(&sums);
        }
    }
}
