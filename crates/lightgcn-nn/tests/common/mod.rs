//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use burn::backend::{Autodiff, Flex};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::SparseMatrix;

/// The CPU backend with gradients.
pub(crate) type B = Autodiff<Flex>;

/// A bipartite graph as (user, item, weight).
#[derive(Clone, Debug)]
pub(crate) struct Edges {
    pub(crate) n_users: usize,
    pub(crate) n_items: usize,
    pub(crate) edges: Vec<(usize, usize, f64)>,
}

impl Edges {
    pub(crate) fn n_nodes(&self) -> usize {
        self.n_users + self.n_items
    }

    /// `w / sqrt(weighted degree of u · weighted degree of i)`, users first.
    pub(crate) fn normalized<B: Backend>(&self) -> SparseMatrix<B> {
        let n_nodes = self.n_nodes();
        let mut degrees = vec![0.0; n_nodes];
        let mut rows = vec![Vec::new(); n_nodes];
        for &(user, item, weight) in &self.edges {
            let item = item + self.n_users;
            for (from, to) in [(user, item), (item, user)] {
                degrees[from] += weight;
                rows[from].push((to, weight));
            }
        }
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (from, mut row) in rows.into_iter().enumerate() {
            row.sort_by_key(|(to, _)| *to);
            for (to, weight) in row {
                columns.push(to as u32);
                values.push((weight / f64::sqrt(degrees[from] * degrees[to])) as f32);
            }
            offsets.push(columns.len() as u64);
        }
        let device = Default::default();
        SparseMatrix::from_csr(n_nodes, n_nodes, &offsets, &columns, &values, true, &device)
            .unwrap()
    }

    /// Four users, five items; user 3 and item 4 have no edge.
    pub(crate) fn small() -> Self {
        Self {
            n_users: 4,
            n_items: 5,
            edges: vec![
                (0, 0, 1.0),
                (0, 1, 0.5),
                (0, 3, 0.1),
                (1, 1, 1.0),
                (1, 2, 2.0),
                (2, 3, 0.25),
                (2, 0, 0.75),
            ],
        }
    }
}

/// Numbers between -1 and 1 that follow no simple rule and are exact in 32 bits.
pub(crate) fn numbers(count: usize, salt: u64) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let hash = (index + 1 + 1000 * salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((hash ^ (hash >> 31)) >> 16) as u16 as f32 / 32768.0 - 1.0
        })
        .collect()
}

pub(crate) fn tensor<B: Backend>(shape: [usize; 2], elements: Vec<f32>) -> Tensor<B, 2> {
    Tensor::from_data(TensorData::new(elements, shape), &Default::default())
}

pub(crate) fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub(crate) fn bits<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<u32> {
    tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
}

/// Fails unless each pair differs by at most `tolerance` of the largest expected element.
pub(crate) fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let scale = expected.iter().fold(0.0_f64, |most, e| most.max(e.abs()));
    assert!(scale > 0.0, "{what}: nothing but zeros is expected");
    for (index, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * scale,
            "{what}, element {index}: found {f}, expected {e}"
        );
    }
}

pub(crate) fn to_f64(elements: &[f32]) -> Vec<f64> {
    elements.iter().map(|element| f64::from(*element)).collect()
}
