//! The destination of a product's rows.

use std::marker::PhantomData;

/// The rows of an output matrix, shared by threads that each write their own rows. A raw pointer,
/// because reordered rows of one thread lie between those of others, so the output cannot be split
/// into slices.
pub(super) struct Target<'a> {
    start: *mut f32,
    dim: usize,
    /// The first row's number where the output does not begin with row 0.
    first: usize,
    /// Where row `n` goes, if not to row `n` of the output: a permutation.
    rows: Option<&'a [u32]>,
    output: PhantomData<&'a mut [f32]>,
}

// SAFETY: the output is borrowed mutably for the target's life, and anyone who takes a row promises
// to be its only user.
unsafe impl Sync for Target<'_> {}

impl<'a> Target<'a> {
    /// The rows from `first` on, in their order, `dim` numbers each.
    pub(super) fn new(out: &'a mut [f32], dim: usize, first: usize) -> Self {
        Self {
            start: out.as_mut_ptr(),
            dim,
            first,
            rows: None,
            output: PhantomData,
        }
    }

    /// The same output, where row `n` of the product goes to row `rows[n]`. No two rows go to one.
    pub(super) fn reordered(self, rows: &'a [u32]) -> Self {
        Self {
            rows: Some(rows),
            ..self
        }
    }

    /// The slot of a row of the product: its row in the output and in an addend.
    #[inline(always)]
    pub(super) fn slot(&self, row: usize) -> usize {
        match self.rows {
            None => row,
            Some(rows) => rows[row] as usize,
        }
    }

    /// Where the numbers of a slot begin.
    ///
    /// # Safety
    /// The slot must lie in the output.
    #[inline(always)]
    pub(super) unsafe fn at(&self, slot: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.start.add((slot - self.first) * self.dim) }
    }

    /// The numbers of a slot.
    ///
    /// # Safety
    /// The slot must lie in the output, and nothing else may use it while the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "threads share the target and own rows of it"
    )]
    pub(super) unsafe fn row(&self, slot: usize) -> &mut [f32] {
        // SAFETY: the caller's promise; every row has `dim` numbers.
        unsafe { std::slice::from_raw_parts_mut(self.at(slot), self.dim) }
    }
}
