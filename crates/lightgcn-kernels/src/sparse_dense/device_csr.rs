//! A matrix's arrays in the form that kernels take.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;

use crate::cube::{OnCube, contiguous, dims};
use crate::sparse_matrix::SparseMatrix;

/// A table that is added to a product, times a factor.
#[derive(Clone)]
pub(crate) struct Base<R: CubeRuntime> {
    /// `[n_rows, dim]`, contiguous, of the product's element type.
    pub(crate) table: CubeTensor<R>,
    /// Its factor.
    pub(crate) alpha: f32,
}

/// The factor of a product, and what is added to it.
pub(crate) struct Terms<R: CubeRuntime> {
    pub(crate) scale: f32,
    pub(crate) base: Option<Base<R>>,
}

impl<R: CubeRuntime> Terms<R> {
    /// Only the product.
    pub(crate) fn plain() -> Self {
        Self {
            scale: 1.0,
            base: None,
        }
    }
}

/// A matrix's arrays as contiguous buffers.
pub(crate) struct DeviceCsr<R: CubeRuntime> {
    pub(super) n_rows: usize,
    pub(super) row_offsets: CubeTensor<R>,
    pub(super) columns: CubeTensor<R>,
    pub(super) values: CubeTensor<R>,
    pub(super) split: Option<Split<R>>,
    /// Whether whole products read operands of 16 bits.
    bf16_operands: bool,
}

pub(super) struct Split<R: CubeRuntime> {
    pub(super) pieces: CubeTensor<R>,
    pub(super) n_pieces: usize,
    pub(super) rows: CubeTensor<R>,
    pub(super) row_pieces: CubeTensor<R>,
    pub(super) n_rows: usize,
}

impl<R: CubeRuntime> DeviceCsr<R> {
    /// `None` for a matrix without edges: a buffer cannot be empty.
    pub(crate) fn new<B: OnCube<Runtime = R>>(matrix: &SparseMatrix<B>) -> Option<Self> {
        if matrix.n_edges() == 0 {
            return None;
        }
        let split = matrix.split().map(|split| Split {
            n_pieces: split.n_pieces(),
            n_rows: split.n_rows(),
            pieces: contiguous(split.pieces.clone().into_primitive()),
            rows: contiguous(split.rows.clone().into_primitive()),
            row_pieces: contiguous(split.row_pieces.clone().into_primitive()),
        });
        Some(Self {
            n_rows: matrix.n_rows(),
            row_offsets: contiguous(matrix.row_offsets().into_primitive()),
            columns: contiguous(matrix.columns().into_primitive()),
            values: contiguous(matrix.values().into_primitive().tensor()),
            split,
            bf16_operands: matrix.has_bf16_operands(),
        })
    }

    /// Whether products with this operand read it rounded to 16 bits.
    pub(crate) fn packs(&self, x: &CubeTensor<R>) -> bool {
        self.bf16_operands && is_packable(x)
    }

    /// Whether no row is so long that a single cube should not sum it.
    pub(crate) fn has_short_rows(&self) -> bool {
        self.split
            .as_ref()
            .is_none_or(|s| s.n_pieces <= 64 * s.n_rows)
    }
}

/// Whether a table can be packed: `f32`, of an even number of columns.
fn is_packable<R: CubeRuntime>(x: &CubeTensor<R>) -> bool {
    let dim = dims(x)[1];
    x.dtype == DType::F32 && dim > 0 && dim.is_multiple_of(2)
}
