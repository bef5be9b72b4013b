//! Cuts rows with many edges into pieces that different GPU workers sum.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::upload::upload_ints;

/// Rows with more edges are cut into pieces of at most this many: enough for a piece to be worth
/// its partial sum, few enough that no worker is busy long after the others.
pub(crate) const LONGEST_PIECE: usize = 128;

/// The long rows of a matrix.
#[derive(Module, Debug)]
pub(crate) struct SplitRows<B: Backend> {
    /// Where each piece starts and ends among the edges, `[2 * n_pieces]`, `i32`, row by row.
    pub(crate) pieces: Tensor<B, 1, Int>,
    /// The long rows, `[n_rows]`, `i32`, ascending.
    pub(crate) rows: Tensor<B, 1, Int>,
    /// The start of each long row's pieces, `[n_rows + 1]`, `i32`.
    pub(crate) row_pieces: Tensor<B, 1, Int>,
}

impl<B: Backend> SplitRows<B> {
    /// The rows longer than [`LONGEST_PIECE`] of a checked matrix, if there are any. O(rows + edges).
    pub(crate) fn upload(row_offsets: &[i32], device: &B::Device) -> Option<Self> {
        let plan = Plan::new(row_offsets)?;
        Some(Self {
            pieces: upload_ints(plan.pieces, device),
            rows: upload_ints(plan.rows, device),
            row_pieces: upload_ints(plan.row_pieces, device),
        })
    }

    #[cfg_attr(not(feature = "cube"), allow(dead_code))]
    pub(crate) fn n_pieces(&self) -> usize {
        self.pieces.dims()[0] / 2
    }

    #[cfg_attr(not(feature = "cube"), allow(dead_code))]
    pub(crate) fn n_rows(&self) -> usize {
        self.rows.dims()[0]
    }
}

#[derive(Debug, PartialEq)]
struct Plan {
    pieces: Vec<i32>,
    rows: Vec<i32>,
    row_pieces: Vec<i32>,
}

impl Plan {
    fn new(row_offsets: &[i32]) -> Option<Self> {
        let mut plan = Self {
            pieces: Vec::new(),
            rows: Vec::new(),
            row_pieces: vec![0],
        };
        for (row, bounds) in row_offsets.windows(2).enumerate() {
            let (mut start, end) = (bounds[0], bounds[1]);
            if end - start <= LONGEST_PIECE as i32 {
                continue;
            }
            while start < end {
                let stop = end.min(start.saturating_add(LONGEST_PIECE as i32));
                plan.pieces.extend([start, stop]);
                start = stop;
            }
            plan.rows.push(row as i32);
            plan.row_pieces.push(plan.pieces.len() as i32 / 2);
        }
        (!plan.rows.is_empty()).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_rows_are_cut() {
        assert_eq!(Plan::new(&[0, 5, 5, 133]), None);
        let plan = Plan::new(&[0, 5, 134, 134, 434]).unwrap();
        assert_eq!(plan.rows, [1, 3]);
        assert_eq!(plan.row_pieces, [0, 2, 5]);
        let pieces = [5, 133, 133, 134, 134, 262, 262, 390, 390, 434];
        assert_eq!(plan.pieces, pieces);
    }
}
