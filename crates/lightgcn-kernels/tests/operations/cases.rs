//! Matrices of many shapes, and what a plain loop makes of them.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use lightgcn_kernels::{CsrSlices, SparseMatrix};

/// Widths that meet every path of the loops: a scalar, a short tail, and full registers with and
/// without a tail.
pub(crate) const DIMS: [usize; 5] = [1, 3, 50, 64, 100];

/// A matrix on the host.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) n_rows: usize,
    pub(crate) n_columns: usize,
    pub(crate) edges: Vec<(usize, usize, f32)>,
    pub(crate) symmetric: bool,
}

impl Case {
    /// All shapes of matrices.
    pub(crate) fn all() -> Vec<Self> {
        let mut cases = Self::square();
        cases.extend([
            Self::random("rectangular", 17, 41, 120),
            Self::random("one row", 1, 60, 45),
            Self::random("one column", 33, 1, 20),
            Self::random("rectangular without edges", 5, 3, 0),
        ]);
        cases
    }

    /// The square ones, which propagate.
    pub(crate) fn square() -> Vec<Self> {
        let mut repeated = Self::random("edges given twice", 6, 6, 20);
        repeated.edges.extend_from_within(5..9);
        vec![
            Self {
                name: "path of three nodes",
                n_rows: 3,
                n_columns: 3,
                edges: vec![(0, 1, 0.5), (1, 0, 0.5), (1, 2, 2.0), (2, 1, 2.0)],
                symmetric: true,
            },
            Self::random_symmetric("symmetric with isolated nodes", 40, 60),
            Self::random("asymmetric", 29, 29, 150),
            Self::random("mostly empty rows", 50, 50, 12),
            Self::random("without edges", 4, 4, 0),
            repeated,
            Self::long_rows(),
        ]
    }

    /// Rows that are longer than a GPU's worker sums: of several pieces, of one edge more than a
    /// piece, and of a whole piece.
    fn long_rows() -> Self {
        let mut case = Self::random("long rows", 40, 40, 100);
        let mut random = Random(11);
        for (row, n_edges) in [(3, 700), (17, 129), (39, 128)] {
            case.edges.retain(|edge| edge.0 != row);
            case.edges
                .extend((0..n_edges).map(|_| (row, random.below(40), random.float() / 8.0)));
        }
        case
    }

    fn random(name: &'static str, n_rows: usize, n_columns: usize, n_edges: usize) -> Self {
        let mut random = Random(name.len() as u64);
        let edges = (0..n_edges)
            .map(|_| {
                (
                    random.below(n_rows),
                    random.below(n_columns),
                    random.float(),
                )
            })
            .collect();
        Self {
            name,
            n_rows,
            n_columns,
            edges,
            symmetric: false,
        }
    }

    fn random_symmetric(name: &'static str, n_nodes: usize, n_pairs: usize) -> Self {
        let mut case = Self::random(name, n_nodes, n_nodes, n_pairs);
        case.edges.retain(|&(row, column, _)| row != column);
        case.edges
            .sort_by_key(|&(row, column, _)| (row.min(column), row.max(column)));
        case.edges
            .dedup_by_key(|&mut (row, column, _)| (row.min(column), row.max(column)));
        let mirrored: Vec<_> = case
            .edges
            .iter()
            .map(|&(row, column, value)| (column, row, value))
            .collect();
        case.edges.extend(mirrored);
        case.symmetric = true;
        case
    }

    /// The same matrix on a device.
    pub(crate) fn matrix<B: Backend>(&self, device: &B::Device) -> SparseMatrix<B> {
        let mut edges = self.edges.clone();
        edges.sort_by_key(|&(row, _, _)| row);
        let row_offsets: Vec<u64> = (0..=self.n_rows)
            .map(|row| edges.partition_point(|edge| edge.0 < row) as u64)
            .collect();
        let columns: Vec<u32> = edges.iter().map(|edge| edge.1 as u32).collect();
        let values: Vec<f32> = edges.iter().map(|edge| edge.2).collect();
        SparseMatrix::from_csr(
            CsrSlices {
                n_columns: self.n_columns,
                row_offsets: &row_offsets,
                columns: &columns,
                values: &values,
            },
            self.symmetric,
            device,
        )
        .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// `A x` in `f64`.
    pub(crate) fn product(&self, x: &[f64], dim: usize) -> Vec<f64> {
        let mut product = vec![0.0; self.n_rows * dim];
        for &(row, column, value) in &self.edges {
            for d in 0..dim {
                product[row * dim + d] += f64::from(value) * x[column * dim + d];
            }
        }
        product
    }

    /// The transpose.
    pub(crate) fn transpose(&self) -> Self {
        let flip = |&(row, column, value): &(usize, usize, f32)| (column, row, value);
        Self {
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            edges: self.edges.iter().map(flip).collect(),
            ..self.clone()
        }
    }

    /// `sum_k alphas[k] A^k x` in `f64`, layer by layer.
    pub(crate) fn propagate(&self, x: &[f64], dim: usize, alphas: &[f32]) -> Vec<f64> {
        let mut sum = vec![0.0; x.len()];
        let mut layer = x.to_vec();
        for &alpha in alphas {
            for (sum, &value) in sum.iter_mut().zip(&layer) {
                *sum += f64::from(alpha) * value;
            }
            layer = self.product(&layer, dim);
        }
        sum
    }
}

/// A small generator of test numbers (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// Uniform in `[-1, 1)`.
    pub(crate) fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }
}

/// A tensor `[rows, dim]` of `f32`.
pub(crate) fn tensor<B: Backend>(
    elements: &[f32],
    rows: usize,
    dim: usize,
    device: &B::Device,
) -> Tensor<B, 2> {
    let data = TensorData::new(elements.to_vec(), [rows, dim]);
    Tensor::from_data(data, (device, DType::F32))
}

/// The elements of a tensor as `f64`.
pub(crate) fn elements<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub(crate) fn widened(elements: &[f32]) -> Vec<f64> {
    elements.iter().copied().map(f64::from).collect()
}

/// Asserts that two results agree to `tolerance` relative to the largest expected element.
pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(1.0f64, |scale, x| scale.max(x.abs()));
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}: element {position} is {found}, expected {expected}"
        );
    }
}
