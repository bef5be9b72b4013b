//! The product of a sparse and a dense matrix.

mod portable;
mod target;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::Level;
use crate::csr::CsrView;
use crate::element::Element;
use crate::index::CsrIndex;
use crate::parallel;
use crate::shape::check_shape;
use target::Target;

/// `out = A · x`, with `x` of shape `[n_columns, dim]` and `out` of shape `[n_rows, dim]`, both
/// row-major. `out` is overwritten. Rows without entries become 0.
///
/// `x` may be stored in 16 bits, which halves memory traffic. Products and sums are still `f32`: on the same
/// machine the result has the same bits as with the widened `x`.
///
/// O(nnz · dim). Runs on rayon's current pool, the rows split by their entries; one thread owns a
/// row and adds its entries in order, so the bits do not depend on the number of threads.
///
/// # Panics
/// If the length of `x` or `out` does not match its shape.
pub fn sparse_dense<O: CsrIndex, C: CsrIndex, D: Element>(
    a: CsrView<'_, O, C>,
    x: &[D],
    dim: usize,
    out: &mut [f32],
) {
    Product {
        a,
        dense: x,
        dim,
        scale: 1.0,
        addend: None,
    }
    .write(Level::detect(), out);
}

/// `scale · (A · dense) + factor · addend`, not yet computed.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a, O: CsrIndex, C: CsrIndex, D: Element = f32> {
    pub(crate) a: CsrView<'a, O, C>,
    /// `[n_columns, dim]`
    pub(crate) dense: &'a [D],
    pub(crate) dim: usize,
    pub(crate) scale: f32,
    /// A factor and a matrix `[n_rows, dim]`.
    pub(crate) addend: Option<(f32, &'a [f32])>,
}

impl<O: CsrIndex, C: CsrIndex, D: Element> Product<'_, O, C, D> {
    /// Computes the product into `out` (`[n_rows, dim]`) on rayon's current pool.
    pub(crate) fn write(self, level: Level, out: &mut [f32]) {
        let Self {
            a,
            dense,
            dim,
            addend,
            ..
        } = self;
        check_shape("the dense operand", dense, a.n_columns(), dim);
        check_shape("the output", out, a.n_rows(), dim);
        if let Some((_, addend)) = addend {
            check_shape("the addend", addend, a.n_rows(), dim);
        }
        if out.is_empty() {
            return;
        }
        // The stored rows are in the better order; the target writes each one to its original row.
        let target = Target::new(out, dim, 0);
        match a.ordered() {
            None => self.write_all(level, &target),
            Some(ordered) => {
                let product = Product {
                    a: ordered.stored(),
                    dense,
                    dim,
                    scale: self.scale,
                    addend,
                };
                product.write_all(level, &target.reordered(ordered.original()));
            }
        }
    }

    /// All rows, in parts of about equal work, measured by entries, since degrees follow a power law.
    fn write_all(&self, level: Level, target: &Target<'_>) {
        let a = self.a;
        let tasks = parallel::task_count((a.nnz() + a.n_rows()).saturating_mul(self.dim));
        if tasks == 1 {
            // SAFETY: `target` has all rows of the matrix, and nothing else writes to it.
            return unsafe { self.write_into(level, 0..a.n_rows(), target) };
        }
        parallel::balanced_ranges(a.row_offsets(), tasks)
            .into_par_iter()
            // SAFETY: as above; the ranges are disjoint, and so are the slots of their rows.
            .for_each(|rows| unsafe { self.write_into(level, rows, target) });
    }

    /// Computes the given rows into `out` (`[rows.len(), dim]`) on this thread, in the matrix's own order.
    pub(crate) fn write_rows(&self, level: Level, rows: Range<usize>, out: &mut [f32]) {
        assert!(rows.end <= self.a.n_rows() && out.len() == rows.len() * self.dim);
        let target = Target::new(out, self.dim, rows.start);
        // SAFETY: `target` has just these rows, and `out` is borrowed mutably.
        unsafe { self.write_into(level, rows, &target) }
    }

    /// # Safety
    /// `target` must have a slot for each of `rows`, which lie in the matrix, and nothing else may use these
    /// slots meanwhile.
    unsafe fn write_into(&self, level: Level, rows: Range<usize>, target: &Target<'_>) {
        // SAFETY: the caller's promise.
        unsafe {
            match level {
                Level::Portable => portable::write_rows(self, rows, target),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(proof) => x86::write_rows(proof, self, rows, target),
            }
        }
    }
}
