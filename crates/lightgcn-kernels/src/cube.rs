//! Shared by the GPU kernels: layouts, launch sizes, and tensors around raw buffers.
//!
//! A *worker* is the row of units (`UNIT_POS_X`) that processes one row of a table; each unit takes
//! every `CUBE_DIM_X`-th vector of it. No kernel uses atomics or plane operations, so results are
//! reproducible for any plane width.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Shape, TensorMetadata};
use burn_cubecl::cubecl::client::ComputeClient;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim};
use burn_cubecl::cubecl::server::CubeCountSelection;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement, kernel};

/// A backend of CubeCL, whose tensors are buffers of one runtime.
pub(crate) trait OnCube:
    Backend<
        FloatTensorPrimitive = CubeTensor<<Self as OnCube>::Runtime>,
        IntTensorPrimitive = CubeTensor<<Self as OnCube>::Runtime>,
    >
{
    type Runtime: CubeRuntime;
}

impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> OnCube
    for CubeBackend<R, F, I, BT>
{
    type Runtime = R;
}

/// The approximate number of units in a cube: few, so that its longest row does not delay many
/// others.
const UNITS: u32 = 128;
/// The maximum number of units that share one row, a plane on most GPUs; wider rows take several
/// turns.
const MOST_UNITS_A_ROW: u32 = 32;

/// Whether the kernels read and write this element type; sums are `f32` whatever is stored.
pub(crate) fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F16 | DType::BF16)
}

/// The tensor with its rows one after the other. CUDA pads rows, and kernels over raw arrays would
/// read the padding as numbers; wgpu does not pad, so tests there cannot catch a missing call.
pub(crate) fn contiguous<R: CubeRuntime>(tensor: CubeTensor<R>) -> CubeTensor<R> {
    kernel::into_contiguous(tensor)
}

/// The extents of a matrix.
///
/// # Panics
///
/// If the tensor's rank is not 2.
pub(crate) fn dims<R: CubeRuntime>(tensor: &CubeTensor<R>) -> [usize; 2] {
    tensor.shape().dims()
}

/// An uninitialized tensor on the device of another one.
pub(crate) fn empty<R: CubeRuntime, const D: usize>(
    beside: &CubeTensor<R>,
    shape: [usize; D],
    dtype: DType,
) -> CubeTensor<R> {
    let (client, device) = (beside.client.clone(), beside.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), dtype)
}

/// The number of elements that a unit moves at a time in rows of `dim`: it must divide `dim`, or
/// vectors would straddle two rows.
///
/// It must depend only on `dim`: the order in which lanes are summed follows from it, and so do the
/// bits of a result.
pub(crate) fn vector_size(dim: usize) -> usize {
    [4, 2]
        .into_iter()
        .find(|n| dim.is_multiple_of(*n))
        .unwrap_or(1)
}

/// At least `n` cubes, in up to three dimensions, since each is limited. There may be more, so
/// kernels check their position.
pub(crate) fn cubes<R: CubeRuntime>(client: &ComputeClient<R>, n: usize) -> CubeCount {
    CubeCountSelection::new(client, n as u32).cube_count()
}

/// How workers walk rows of `dim` elements: a cube has `y` workers of `x` units each.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    /// Elements per vector.
    pub(crate) vector_size: usize,
    /// Vectors per row.
    pub(crate) vectors: u32,
    /// Units per worker.
    pub(crate) x: u32,
    /// Workers per cube.
    pub(crate) y: u32,
}

impl Walk {
    pub(crate) fn new(dim: usize) -> Self {
        let vector_size = vector_size(dim);
        Self {
            vector_size,
            ..Self::scalars(dim / vector_size)
        }
    }

    /// Rows of `n` numbers that are read one at a time.
    pub(crate) fn scalars(n: usize) -> Self {
        let vectors = n as u32;
        let x = vectors.clamp(1, MOST_UNITS_A_ROW);
        Self {
            vector_size: 1,
            vectors,
            x,
            // Narrow rows get more workers, but at most 32: the sum of a cube is unrolled over
            // them.
            y: (UNITS / x).clamp(1, 32),
        }
    }

    pub(crate) fn cube_dim(&self) -> CubeDim {
        CubeDim::new_2d(self.x, self.y)
    }

    /// Cubes for one worker per row.
    pub(crate) fn cubes<R: CubeRuntime>(&self, client: &ComputeClient<R>, n: usize) -> CubeCount {
        cubes(client, n.div_ceil(self.y as usize))
    }
}

/// Count and size of cubes for one unit per piece of work.
pub(crate) fn units<R: CubeRuntime>(client: &ComputeClient<R>, n: usize) -> (CubeCount, CubeDim) {
    let cube_dim = CubeDim::new_1d(UNITS);
    (cubes(client, n.div_ceil(UNITS as usize)), cube_dim)
}

/// One unit per vector.
#[cube(launch_unchecked)]
fn fill_kernel<F: Numeric, N: Size>(
    out: &mut Array<Vector<F, N>>,
    length: u32,
    #[define(F)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < length as usize {
        out[ABSOLUTE_POS] = Vector::new(F::from_int(0));
    }
}

/// A tensor of zeros on the device of another one.
pub(crate) fn zeros<R: CubeRuntime, const D: usize>(
    beside: &CubeTensor<R>,
    shape: [usize; D],
    dtype: DType,
) -> CubeTensor<R> {
    let out = empty(beside, shape, dtype);
    let elements: usize = shape.iter().product();
    if elements == 0 {
        return out;
    }
    // Vectors may straddle rows: they only have to divide the whole buffer.
    let width = vector_size(elements);
    let (count, cube_dim) = units(&out.client, elements / width);
    // SAFETY: the buffer holds `elements` elements, and the kernel checks its position against
    // their number in vectors.
    unsafe {
        fill_kernel::launch_unchecked::<R>(
            &out.client,
            count,
            cube_dim,
            width,
            out.clone().into_array_arg(),
            (elements / width) as u32,
            dtype.into(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_cover_rows_of_any_width() {
        for dim in [1, 2, 3, 4, 50, 64, 90, 100, 128, 250, 256, 1021] {
            let walk = Walk::new(dim);
            assert_eq!(walk.vectors as usize * walk.vector_size, dim);
            assert!(walk.x * walk.y <= 128 && walk.x >= 1 && walk.y >= 1);
        }
    }
}
