//! Where the rows of a product go.

use std::marker::PhantomData;

use crate::element::Element;

/// The rows of an output matrix, shared by threads that each write their own ones.
pub(super) struct Target<'a, T> {
    start: *mut T,
    dim: usize,
    /// The first row's number where the output does not begin with row 0.
    first: usize,
    /// Where row `n` goes, if not to place `n`: a permutation.
    places: Option<&'a [u32]>,
    output: PhantomData<&'a mut [T]>,
}

// SAFETY: the output is borrowed mutably for the target's life, and whoever takes a row promises to be
// the only one.
unsafe impl<T: Element> Sync for Target<'_, T> {}

impl<'a, T: Element> Target<'a, T> {
    /// The rows from `first` on, in their order, `dim` numbers each.
    pub(super) fn new(out: &'a mut [T], dim: usize, first: usize) -> Self {
        Self {
            start: out.as_mut_ptr(),
            dim,
            first,
            places: None,
            output: PhantomData,
        }
    }

    /// The same rows, of which row `n` goes to `places[n]`, distinct places of the output.
    pub(super) fn placed(self, places: &'a [u32]) -> Self {
        Self {
            places: Some(places),
            ..self
        }
    }

    /// The place of a row of the matrix: its row in the output and in an addend.
    #[inline(always)]
    pub(super) fn place(&self, row: usize) -> usize {
        match self.places {
            None => row,
            Some(places) => places[row] as usize,
        }
    }

    /// Where the numbers at a place begin.
    ///
    /// # Safety
    /// The place must be one of the output.
    #[inline(always)]
    pub(super) unsafe fn at(&self, place: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.start.add((place - self.first) * self.dim) }
    }

    /// The numbers at a place.
    ///
    /// # Safety
    /// The place must be one of the output, and nobody else may use it for as long as the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "threads share the target and own rows of it"
    )]
    pub(super) unsafe fn row(&self, place: usize) -> &mut [T] {
        // SAFETY: the caller's promise; every row has `dim` numbers.
        unsafe { std::slice::from_raw_parts_mut(self.at(place), self.dim) }
    }
}
