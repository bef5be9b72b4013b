//! Propagation on GPUs: Horner's rule with one product per layer, between two buffers. Each product adds
//! `alphas[k] x` as it writes, so no layer is stored and no pass over memory is added.

use burn::tensor::Tensor;
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::cube::{OnCube, contiguous, dims, empty, is_float, units, vector_size};
use crate::primitive::{float_primitive, float_tensor};
use crate::sparse_dense::device_csr::{Base, DeviceCsr, Terms};
use crate::sparse_dense::packed::{self, pack};
use crate::sparse_matrix::SparseMatrix;

/// One unit per vector.
#[cube(launch_unchecked)]
fn scale_kernel<F: Float, N: Size>(
    x: &Array<Vector<F, N>>,
    out: &mut Array<Vector<F, N>>,
    length: u32,
    factor: f32,
    #[define(F)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < length as usize {
        let scaled = Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]) * Vector::new(factor);
        out[ABSOLUTE_POS] = Vector::cast_from(scaled);
    }
}

/// `factor * x` of a contiguous matrix that is not empty.
pub(crate) fn scaled<R: CubeRuntime>(x: &CubeTensor<R>, factor: f32) -> CubeTensor<R> {
    let [rows, dim] = dims(x);
    let out = empty(x, [rows, dim], x.dtype);
    // Each number is scaled by itself, so vectors may straddle rows: they only have to divide the
    // whole buffer.
    let width = vector_size(rows * dim);
    let n = rows * dim / width;
    let (count, cube_dim) = units(&x.client, n);
    // SAFETY: both buffers hold `n` vectors, and the kernel checks its position against that.
    unsafe {
        scale_kernel::launch_unchecked::<R>(
            &x.client,
            count,
            cube_dim,
            width,
            x.clone().into_array_arg(),
            out.clone().into_array_arg(),
            n as u32,
            factor,
            x.dtype.into(),
        );
    }
    out
}

/// `scale` times the product, plus `alpha * x`.
fn terms<R: CubeRuntime>(x: &CubeTensor<R>, scale: f32, alpha: f32) -> Terms<R> {
    let base = Base {
        table: x.clone(),
        alpha,
    };
    Terms {
        scale,
        base: Some(base),
    }
}

/// `sum_k alphas[k] A^k x` for a contiguous `x`, with at most two buffers in addition to it.
pub(crate) fn horner<R: CubeRuntime>(
    csr: &DeviceCsr<R>,
    x: &CubeTensor<R>,
    alphas: &[f32],
) -> CubeTensor<R> {
    let [inner @ .., last] = alphas else {
        return x.clone();
    };
    // Packing only helps products, and with a single coefficient there is none.
    if csr.packs(x) && !inner.is_empty() {
        return packed_horner(csr, x, inner, *last);
    }
    let mut layers = inner.iter().rev();
    let Some(&alpha) = layers.next() else {
        return scaled(x, *last);
    };
    // The innermost product takes x itself and applies the last coefficient as its scale, which saves a
    // pass over x: alphas[K] A x + alphas[K - 1] x.
    let mut y = csr.product(x, &terms(x, *last, alpha));
    // `x` is never one of the two buffers below: each later product still adds `alphas[k] x`.
    let mut spare: Option<CubeTensor<R>> = None;
    // A product cannot write the buffer it reads, so two buffers alternate.
    for &alpha in layers {
        let out = spare.unwrap_or_else(|| empty(x, dims(x), x.dtype));
        csr.product_into(&y, &terms(x, 1.0, alpha), &out);
        spare = Some(std::mem::replace(&mut y, out));
    }
    y
}

/// The same with 16-bit operands: inner layers are written in that form, the result is not.
fn packed_horner<R: CubeRuntime>(
    csr: &DeviceCsr<R>,
    x: &CubeTensor<R>,
    inner: &[f32],
    last: f32,
) -> CubeTensor<R> {
    let [first, middle @ ..] = inner else {
        return scaled(x, last);
    };
    // The last coefficient scales the first product only, as in `horner`.
    let (mut y, mut scale) = (pack(x), last);
    for &alpha in middle.iter().rev() {
        y = packed::packed_product(csr, &y, &terms(x, scale, alpha));
        scale = 1.0;
    }
    packed::product(csr, &y, &terms(x, scale, *first))
}

pub(crate) fn propagate<B: OnCube>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
) -> Tensor<B, 2> {
    let csr = DeviceCsr::new(matrix);
    let Some(csr) = csr.filter(|_| is_float(x.dtype()) && x.dims()[1] > 0) else {
        return super::reference::propagate(matrix, x, alphas);
    };
    float_tensor(horner(&csr, &contiguous(float_primitive(x)), alphas))
}
