//! The order in which whole products visit a matrix's rows on the CPU.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use lightgcn_simd::{CsrView, OrderedRows};

/// Matrices with fewer entries stay in the cache in any order.
const LEAST_ENTRIES: usize = 1 << 17;
/// Ordering costs as much as about thirty products, so it waits until a few have been taken: a matrix that is
/// multiplied this often is trained on, and will be multiplied thousands of times.
const PRODUCTS_BEFORE: u32 = 4;

/// A better order of the rows, computed once it pays off. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowOrder {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    products: AtomicU32,
    rows: OnceLock<OrderedRows>,
}

impl RowOrder {
    /// The rows of the matrix in a better order, once that pays off. Call it once per product.
    pub(crate) fn rows(&self, a: CsrView<'_, i32, i32>) -> Option<&OrderedRows> {
        if a.nnz() < LEAST_ENTRIES || a.n_rows() != a.n_columns() {
            return None;
        }
        if self.shared.products.load(Ordering::Relaxed) < PRODUCTS_BEFORE {
            self.shared.products.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let rows = &self.shared.rows;
        Some(rows.get_or_init(|| OrderedRows::by_neighbors(a)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_once_it_pays_and_clones_share_it() {
        let n = 1000_usize;
        let offsets: Vec<i32> = (0..=n as i32).map(|row| row * 200).collect();
        let columns: Vec<i32> = (0..n * 200).map(|entry| (entry % n) as i32).collect();
        let values = vec![1.0; columns.len()];
        let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
        let order = RowOrder::default();
        for _ in 0..PRODUCTS_BEFORE {
            assert!(order.rows(a).is_none());
        }
        let other = order.clone();
        assert!(std::ptr::eq(order.rows(a).unwrap(), other.rows(a).unwrap()));
        let small = CsrView::new(&[0, 1], &[0], &[1.0], 1).unwrap();
        assert!((0..9).all(|_| RowOrder::default().rows(small).is_none()));
    }
}
