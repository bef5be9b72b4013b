//! The rows of a matrix in an order that keeps the cache warm.

mod order;
#[cfg(test)]
mod tests;

/// A copy of a CSR matrix with its rows in the order in which whole products should visit them, so that
/// consecutive rows read mostly the same rows of the dense operand: see
/// [`CsrView::with_order`](crate::CsrView::with_order).
///
/// Results keep their bits: every row adds its entries in their original order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedRows {
    row_offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f32>,
    n_columns: usize,
    /// The original row of each stored row: a permutation.
    original: Vec<u32>,
}

impl OrderedRows {
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.original.len(), self.n_columns)
    }

    pub(crate) fn nnz(&self) -> usize {
        self.columns.len()
    }

    /// The original row of each stored row: a permutation.
    pub(crate) fn original(&self) -> &[u32] {
        &self.original
    }
}
