//! CSR arrays on the host: validation, transposition, the check of symmetry.

use lightgcn_simd::CsrView;

use crate::error::KernelError;

/// Maximum relative difference between `(r, c)` and `(c, r)` of a matrix that counts as symmetric:
/// far above the rounding errors of a normalization, far below the difference of distinct weights.
const SYMMETRY_TOLERANCE: f32 = 1e-4;

/// A matrix in compressed sparse rows, not yet checked.
///
/// Row `r` holds the edges `row_offsets[r]..row_offsets[r + 1]`; edge `e` is in column `columns[e]` and
/// weighs `values[e]`.
#[derive(Clone, Copy, Debug)]
pub struct CsrSlices<'a> {
    /// Number of columns.
    pub n_columns: usize,
    /// The start of each row, then the number of edges: `[n_rows + 1]`.
    pub row_offsets: &'a [u64],
    /// The column of each edge, `[n_edges]`.
    pub columns: &'a [u32],
    /// The weight of each edge, `[n_edges]`.
    pub values: &'a [f32],
}

/// A checked matrix in compressed sparse rows whose indices fit a device's `i32`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostCsr {
    pub(crate) n_rows: usize,
    pub(crate) n_columns: usize,
    /// `[n_rows + 1]`
    pub(crate) row_offsets: Vec<i32>,
    /// `[n_edges]`
    pub(crate) columns: Vec<i32>,
    /// `[n_edges]`
    pub(crate) values: Vec<f32>,
}

impl HostCsr {
    /// Checks every offset, id and value. O(rows + edges).
    pub(crate) fn new(csr: CsrSlices<'_>) -> Result<Self, KernelError> {
        let CsrSlices {
            n_columns,
            row_offsets,
            columns,
            values,
        } = csr;
        let view = CsrView::new(row_offsets, columns, values, n_columns)?;
        check_counts(view.n_rows(), n_columns, view.nnz())?;
        if let Some(edge) = values.iter().position(|value| !value.is_finite()) {
            return Err(KernelError::ValueNotFinite {
                row: row_offsets.partition_point(|&offset| offset <= edge as u64) - 1,
                column: columns[edge],
                value: values[edge],
            });
        }
        Ok(Self {
            n_rows: view.n_rows(),
            n_columns,
            row_offsets: row_offsets.iter().map(|&offset| offset as i32).collect(),
            columns: columns.iter().map(|&column| column as i32).collect(),
            values: values.to_vec(),
        })
    }

    /// The transpose, each row sorted by column. O(rows + columns + edges).
    pub(crate) fn transpose(&self) -> Self {
        let mut row_offsets = vec![0i32; self.n_columns + 1];
        for &column in &self.columns {
            row_offsets[column as usize + 1] += 1;
        }
        for column in 0..self.n_columns {
            row_offsets[column + 1] += row_offsets[column];
        }
        let mut next = row_offsets.clone();
        let mut columns = vec![0i32; self.columns.len()];
        let mut values = vec![0f32; self.columns.len()];
        for row in 0..self.n_rows {
            for edge in self.edges(row) {
                let slot = &mut next[self.columns[edge] as usize];
                columns[*slot as usize] = row as i32;
                values[*slot as usize] = self.values[edge];
                *slot += 1;
            }
        }
        Self {
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            row_offsets,
            columns,
            values,
        }
    }

    /// Checks that the matrix equals its transpose. O(rows + edges).
    pub(crate) fn check_symmetric(&self) -> Result<(), KernelError> {
        if self.n_rows != self.n_columns {
            return Err(KernelError::SymmetricNotSquare {
                n_rows: self.n_rows,
                n_columns: self.n_columns,
            });
        }
        let mirrored = self.transpose();
        // A second transposition sorts each row, which the comparison needs.
        let sorted_again;
        let sorted = if self.has_sorted_rows() {
            self
        } else {
            sorted_again = mirrored.transpose();
            &sorted_again
        };
        for row in 0..self.n_rows {
            let (here, there) = (sorted.edges(row), mirrored.edges(row));
            let same = sorted.columns[here.clone()] == mirrored.columns[there.clone()]
                && sorted.values[here]
                    .iter()
                    .zip(&mirrored.values[there])
                    .all(|(a, b)| (a - b).abs() <= SYMMETRY_TOLERANCE * a.abs().max(b.abs()));
            if !same {
                return Err(KernelError::NotSymmetric { row });
            }
        }
        Ok(())
    }

    fn edges(&self, row: usize) -> std::ops::Range<usize> {
        self.row_offsets[row] as usize..self.row_offsets[row + 1] as usize
    }

    /// Whether the columns ascend within each row.
    pub(crate) fn has_sorted_rows(&self) -> bool {
        (0..self.n_rows).all(|row| self.columns[self.edges(row)].is_sorted())
    }
}

/// Checks whether a matrix with these counts can be addressed on a device with 32-bit indices,
/// before its arrays are built.
///
/// # Errors
///
/// [`KernelError::TooLarge`] if there are more than `i32::MAX` rows, columns or edges.
pub fn check_counts(n_rows: usize, n_columns: usize, n_edges: usize) -> Result<(), KernelError> {
    let limit = i32::MAX as usize;
    for (what, count) in [("rows", n_rows), ("columns", n_columns), ("edges", n_edges)] {
        if count > limit {
            return Err(KernelError::TooLarge { what, count, limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
