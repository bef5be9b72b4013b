//! Products of dense matrices that stand in the cache: the inner loops of batch losses.
//!
//! Every element of a product has an accumulator of its own, which starts at 0 (or at what stands
//! there) and adds in the order of the inner dimension, by fused multiply-add where the machine has
//! it. So the bits of an element depend on nothing else that is computed beside it, and AVX2 and
//! AVX-512 give the same.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};

/// What the widths of right operands are multiples of.
pub(crate) const WIDTH: usize = 16;

/// A borrowed left operand: element `(m, k)` is `data[m · row + k · step]`.
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

/// `out = left · right`, or `out += left · right` where `add`.
///
/// `right` is `[steps, columns]` and `out` `[rows, columns]`, both row-major and without gaps. On this
/// thread.
///
/// # Panics
/// When an operand is too short for the shape, or `columns` is no multiple of [`WIDTH`].
pub(crate) fn multiply(
    level: Level,
    shape: Shape,
    left: Left<'_>,
    right: &[f32],
    out: &mut [f32],
    add: bool,
) {
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
    assert!(
        steps == 0 || (rows - 1) * left.row + (steps - 1) * left.step < left.data.len(),
        "the left operand must have every element of its shape"
    );
    match level {
        Level::Portable => portable(shape, left, right, out, add),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::multiply(proof, shape, left, right, out, add),
    }
}

fn portable(shape: Shape, left: Left<'_>, right: &[f32], out: &mut [f32], add: bool) {
    let columns = shape.columns;
    for (m, out) in out.chunks_exact_mut(columns).enumerate() {
        for (n, out) in out.chunks_exact_mut(WIDTH).enumerate() {
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
