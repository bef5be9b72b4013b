//! The rows of a matrix in an order that keeps the cache warm.

mod order;
#[cfg(test)]
mod tests;

/// A copy of a CSR matrix whose rows lie in the order in which whole products should visit them, so
/// that rows which follow each other read much the same rows of the dense operand: see
/// [`CsrView::with_order`](crate::CsrView::with_order).
///
/// Results do not change by a bit: every row adds its entries in the order in which they stood.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedRows {
    row_offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f32>,
    n_columns: usize,
    /// The row of the matrix that each stored row is: a permutation.
    original: Vec<u32>,
}

impl OrderedRows {
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.original.len(), self.n_columns)
    }

    pub(crate) fn nnz(&self) -> usize {
        self.columns.len()
    }

    /// The row of the matrix that each stored row is: a permutation.
    pub(crate) fn original(&self) -> &[u32] {
        &self.original
    }
}
