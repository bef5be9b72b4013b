//! Reads and creates Flex tensors without copies.

use burn::backend::Flex;
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};
use lightgcn_simd::CsrView;

use crate::primitive::float_tensor;
use crate::row_order::RowOrder;
use crate::sparse_matrix::SparseMatrix;

/// The elements of a tensor made contiguous.
///
/// # Panics
///
/// If the tensor is not contiguous or has another element type; callers check both.
pub(crate) fn floats(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("a contiguous tensor of f32 shows its elements")
}

fn ints(tensor: &FlexTensor) -> &[i32] {
    tensor
        .as_slice()
        .expect("index tensors are contiguous and i32, as SparseMatrix makes them")
}

/// A tensor of shape `[rows, dim]` around `elements`.
pub(crate) fn matrix(elements: Vec<f32>, rows: usize, dim: usize) -> Tensor<Flex, 2> {
    let layout = Layout::contiguous(Shape::new([rows, dim]));
    let bytes = Bytes::from_elems(elements);
    float_tensor(FlexTensor::new(bytes, layout, DType::F32))
}

/// Shape of a matrix.
///
/// # Panics
///
/// If the tensor's rank is not 2.
pub(crate) fn dims(tensor: &FlexTensor) -> [usize; 2] {
    tensor.layout().shape().dims()
}

/// Shared ownership of a matrix's arrays, from which views borrow.
pub(crate) struct CsrBuffers {
    n_columns: usize,
    row_offsets: FlexTensor,
    columns: FlexTensor,
    values: FlexTensor,
    order: RowOrder,
}

impl CsrBuffers {
    pub(crate) fn new(matrix: &SparseMatrix<Flex>) -> Self {
        Self {
            n_columns: matrix.n_columns(),
            row_offsets: matrix.row_offsets().into_primitive(),
            columns: matrix.columns().into_primitive(),
            values: matrix.values().into_primitive().tensor(),
            order: matrix.row_order().clone(),
        }
    }

    /// The matrix for whole products, with its rows in a better order once that pays off.
    pub(crate) fn ordered_view(&self) -> CsrView<'_, i32, i32> {
        let view = self.view();
        match self.order.rows(view) {
            Some(rows) => view.with_order(rows),
            None => view,
        }
    }

    pub(crate) fn view(&self) -> CsrView<'_, i32, i32> {
        // SAFETY: `SparseMatrix` is only made from arrays that `HostCsr` has checked or transposed:
        // offsets that start at 0, never decrease and end at the number of edges, and columns
        // below `n_columns`. Its fields are private, no method changes them, and Flex never writes
        // to a buffer that has a second owner, which these clones are.
        unsafe {
            CsrView::new_unchecked(
                ints(&self.row_offsets),
                ints(&self.columns),
                floats(&self.values),
                self.n_columns,
            )
        }
    }
}
