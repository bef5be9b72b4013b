//! A sparse matrix on a device.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};
use lightgcn_graph::Adjacency;

use crate::csr::{CsrSlices, HostCsr};
use crate::error::KernelError;
#[cfg(feature = "flex")]
use crate::row_order::RowOrder;
use crate::split::SplitRows;
use crate::upload::{upload_floats, upload_ints};

/// The CSR arrays of one direction.
#[derive(Module, Debug)]
pub(crate) struct CsrArrays<B: Backend> {
    /// `[n_rows + 1]`, `i32`, from 0 to the number of edges, never decreasing.
    pub(crate) row_offsets: Tensor<B, 1, Int>,
    /// `[n_edges]`, `i32`, each below the number of columns.
    pub(crate) columns: Tensor<B, 1, Int>,
    /// `[n_edges]`, `f32`.
    pub(crate) values: Tensor<B, 1>,
    /// Whether the columns ascend within each row.
    ascending: bool,
    /// How the CPU visits the rows.
    #[cfg(feature = "flex")]
    #[module(skip)]
    order: RowOrder,
    /// The rows that GPUs sum in pieces.
    split: Option<SplitRows<B>>,
}

impl<B: Backend> CsrArrays<B> {
    fn upload(host: HostCsr, device: &B::Device) -> Self {
        Self {
            ascending: host.has_sorted_rows(),
            #[cfg(feature = "flex")]
            order: RowOrder::default(),
            split: SplitRows::upload(&host.row_offsets, device),
            row_offsets: upload_ints(host.row_offsets, device),
            columns: upload_ints(host.columns, device),
            values: upload_floats(host.values, device),
        }
    }
}

/// A matrix in compressed sparse rows on a device, together with its transpose, which gradients
/// need. A symmetric matrix is its own transpose and is stored once.
///
/// It is a burn [`Module`] made of plain tensors: in a model it follows `to_device` and `valid()`,
/// but it is neither counted among the parameters, nor saved in records, nor differentiated.
/// Cloning it copies no array.
///
/// The arrays are checked once, in [`from_csr`](Self::from_csr), and cannot be changed afterwards:
/// kernels rely on that.
///
/// # Example
///
/// ```
/// use burn::backend::Flex;
/// use lightgcn_kernels::{CsrSlices, SparseMatrix, sparse_dense};
/// use burn::tensor::Tensor;
///
/// # fn main() -> Result<(), lightgcn_kernels::KernelError> {
/// let device = Default::default();
/// // 0 2 0
/// // 1 0 3
/// let matrix =
///     SparseMatrix::<Flex>::from_csr(
///         CsrSlices {
///             n_columns: 3,
///             row_offsets: &[0, 1, 3],
///             columns: &[1, 0, 2],
///             values: &[2., 1., 3.],
///         },
///         false,
///         &device,
///     )?;
/// let dense = Tensor::from_floats([[1.0], [10.0], [100.0]], &device);
/// let product = sparse_dense(&matrix, dense);
/// assert_eq!(product.into_data().iter::<f32>().collect::<Vec<_>>(), [20.0, 301.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Module, Debug)]
pub struct SparseMatrix<B: Backend> {
    n_rows: usize,
    n_columns: usize,
    arrays: CsrArrays<B>,
    /// `None` if the matrix is symmetric.
    transposed: Option<CsrArrays<B>>,
    /// Whether products read operands of 16 bits, on backends that can.
    bf16_operands: bool,
}

impl<B: Backend> SparseMatrix<B> {
    /// Checks a matrix in compressed sparse rows and puts it on `device`.
    ///
    /// Rows may be empty, and an edge may be given more than once (the weights add up). With
    /// `symmetric` no transpose is stored; symmetry is checked (weights up to rounding), since
    /// otherwise gradients would be silently wrong.
    ///
    /// O(rows + columns + edges) on the host.
    ///
    /// # Errors
    ///
    /// [`KernelError`] for an invalid offset, column id or value, for more than `i32::MAX` rows,
    /// columns or edges, and for a matrix that is declared symmetric but is not.
    pub fn from_csr(
        csr: CsrSlices<'_>,
        symmetric: bool,
        device: &B::Device,
    ) -> Result<Self, KernelError> {
        let host = HostCsr::new(csr)?;
        let transposed = if symmetric {
            host.check_symmetric()?;
            None
        } else {
            Some(CsrArrays::upload(host.transpose(), device))
        };
        Ok(Self {
            n_rows: host.n_rows,
            n_columns: host.n_columns,
            arrays: CsrArrays::upload(host, device),
            transposed,
            bf16_operands: false,
        })
    }

    /// Puts an adjacency matrix on `device`, without a transpose if it is symmetric.
    ///
    /// O(rows + columns + entries) on the host.
    ///
    /// # Errors
    ///
    /// [`KernelError::TooLarge`] beyond `i32::MAX` rows, columns or entries.
    pub fn from_graph(adjacency: &Adjacency, device: &B::Device) -> Result<Self, KernelError> {
        Self::from_csr(
            CsrSlices {
                n_columns: adjacency.n_columns(),
                row_offsets: adjacency.row_offsets(),
                columns: adjacency.columns(),
                values: adjacency.values(),
            },
            adjacency.is_symmetric(),
            device,
        )
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Number of stored entries.
    pub fn n_edges(&self) -> usize {
        self.arrays.columns.dims()[0]
    }

    /// Whether the matrix was declared (and found) symmetric, so that one copy serves both
    /// directions.
    pub fn is_symmetric(&self) -> bool {
        self.transposed.is_none()
    }

    /// Whether the columns ascend within each row.
    pub(crate) fn has_ascending_columns(&self) -> bool {
        self.arrays.ascending
    }

    /// How the CPU visits the rows.
    #[cfg(feature = "flex")]
    pub(crate) fn row_order(&self) -> &RowOrder {
        &self.arrays.order
    }

    /// The rows that GPUs sum in pieces, if there are any.
    #[cfg(feature = "cube")]
    pub(crate) fn split(&self) -> Option<&SplitRows<B>> {
        self.arrays.split.as_ref()
    }

    /// The same matrix, but products read operands rounded to 16 bits (bf16), which halves what they read from
    /// scattered rows; sums, addends and results stay in 32.
    ///
    /// On the CPU this concerns the whole products within [`propagate_rows`](crate::propagate_rows()) and
    /// [`propagate_rows_transposed`](crate::propagate_rows_transposed()); on GPUs, for tables of an even width,
    /// [`propagate`](crate::propagate()) and [`sparse_dense`](crate::sparse_dense()) as well. Other backends
    /// compute as before. Copies no array.
    #[must_use]
    pub fn with_bf16_operands(self) -> Self {
        Self {
            bf16_operands: true,
            ..self
        }
    }

    /// Whether [`with_bf16_operands`](Self::with_bf16_operands) was called.
    pub fn has_bf16_operands(&self) -> bool {
        self.bf16_operands
    }

    /// The transpose. Copies no array.
    pub fn transpose(&self) -> Self {
        match &self.transposed {
            None => self.clone(),
            Some(transposed) => Self {
                n_rows: self.n_columns,
                n_columns: self.n_rows,
                arrays: transposed.clone(),
                transposed: Some(self.arrays.clone()),
                bf16_operands: self.bf16_operands,
            },
        }
    }

    /// The start of each row, `[n_rows + 1]`, `i32`.
    pub fn row_offsets(&self) -> Tensor<B, 1, Int> {
        self.arrays.row_offsets.clone()
    }

    /// The column of each edge, `[n_edges]`, `i32`.
    pub fn columns(&self) -> Tensor<B, 1, Int> {
        self.arrays.columns.clone()
    }

    /// The weight of each edge, `[n_edges]`, `f32`.
    pub fn values(&self) -> Tensor<B, 1> {
        self.arrays.values.clone()
    }

    /// The device that holds the arrays.
    pub fn device(&self) -> B::Device {
        self.arrays.values.device()
    }
}

#[cfg(test)]
mod tests;
