//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod golden;

use burn::backend::{Autodiff, Flex};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::{CsrSlices, SparseBackend, SparseMatrix};
use lightgcn_nn::{
    EmbeddingInitializer, EmbeddingModel, ForwardMode, Graphs, LayerWeights, LightGcn,
    LightGcnConfig, LightGcnPlusPlus, LightGcnPlusPlusConfig, MatrixFactorization,
    MatrixFactorizationConfig, Ngcf, NgcfConfig, NodeCounts, Sequences,
};

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

    pub(crate) fn nodes(&self) -> NodeCounts {
        NodeCounts::new(self.n_users, self.n_items).unwrap()
    }

    /// `w / sqrt(weighted degree of u · weighted degree of i)`, users first.
    pub(crate) fn normalized<B: Backend>(&self) -> Graphs<B> {
        self.matrix(true, |weight, row, column| weight / f64::sqrt(row * column))
    }

    /// `w / (row's weighted degree ^ row · column's ^ column)`, users first.
    pub(crate) fn powers<B: Backend>(&self, row: f64, column: f64) -> Graphs<B> {
        let scale = |weight: f64, row_degree: f64, column_degree: f64| {
            weight / (row_degree.powf(row) * column_degree.powf(column))
        };
        self.matrix(row == column, scale)
    }

    /// The weighted degree of each node, users first.
    pub(crate) fn degrees(&self) -> Vec<f64> {
        let mut degrees = vec![0.0; self.n_nodes()];
        for &(user, item, weight) in &self.edges {
            degrees[user] += weight;
            degrees[item + self.n_users] += weight;
        }
        degrees
    }

    /// Each user's items in the order of the edges.
    fn sequences(&self) -> Sequences {
        let mut users = vec![Vec::new(); self.n_users];
        for &(user, item, _) in &self.edges {
            users[user].push(item as u32);
        }
        Sequences::new(users, 50)
    }

    fn matrix<B: Backend>(
        &self,
        symmetric: bool,
        scale: impl Fn(f64, f64, f64) -> f64,
    ) -> Graphs<B> {
        let n_nodes = self.n_nodes();
        let degrees = self.degrees();
        let mut rows = vec![Vec::new(); n_nodes];
        for &(user, item, weight) in &self.edges {
            let item = item + self.n_users;
            for (from, to) in [(user, item), (item, user)] {
                rows[from].push((to, weight));
            }
        }
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (from, mut row) in rows.into_iter().enumerate() {
            row.sort_by_key(|(to, _)| *to);
            for (to, weight) in row {
                columns.push(to as u32);
                values.push(scale(weight, degrees[from], degrees[to]) as f32);
            }
            offsets.push(columns.len() as u64);
        }
        let device = Default::default();
        let csr = CsrSlices {
            n_columns: n_nodes,
            row_offsets: &offsets,
            columns: &columns,
            values: &values,
        };
        let matrix = SparseMatrix::from_csr(csr, symmetric, &device).unwrap();
        Graphs::from(matrix).with_sequences(self.sequences())
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

pub(crate) const DIMENSION: usize = 3;
const NORMAL: EmbeddingInitializer = EmbeddingInitializer::Normal { std: 0.5 };
pub(crate) const INFERENCE: ForwardMode = ForwardMode::Inference;

pub(crate) fn light_gcn<B: Backend>(
    edges: &Edges,
    weights: LayerWeights,
    layers: usize,
) -> LightGcn<B> {
    let config = LightGcnConfig {
        dimension: DIMENSION,
        layers,
        layer_weights: weights,
        initializer: NORMAL,
        ..LightGcnConfig::default()
    };
    config.init(&edges.nodes(), 7, &Default::default()).unwrap()
}

pub(crate) fn light_gcn_plus_plus<B: Backend>(edges: &Edges, layers: usize) -> LightGcnPlusPlus<B> {
    let config = LightGcnPlusPlusConfig {
        dimension: DIMENSION,
        layers,
        initializer: NORMAL,
        ..LightGcnPlusPlusConfig::default()
    };
    config.init(&edges.nodes(), 7, &Default::default()).unwrap()
}

pub(crate) fn ngcf<B: Backend>(edges: &Edges, dropout: f64) -> Ngcf<B> {
    let config = NgcfConfig {
        dimension: DIMENSION,
        layer_widths: vec![4, 2],
        message_dropout: dropout,
        initializer: NORMAL,
        ..NgcfConfig::default()
    };
    config.init(&edges.nodes(), 7, &Default::default()).unwrap()
}

pub(crate) fn matrix_factorization<B: Backend>(edges: &Edges) -> MatrixFactorization<B> {
    let config = MatrixFactorizationConfig {
        dimension: DIMENSION,
        ..MatrixFactorizationConfig::default()
    };
    config.init(&edges.nodes(), 7, &Default::default()).unwrap()
}

/// The loss `Σ c ⊙ embeddings` with fixed coefficients.
pub(crate) fn weighted_sum<B: SparseBackend, M: EmbeddingModel<B>>(
    model: &M,
    graphs: &Graphs<B>,
    mode: ForwardMode,
) -> Tensor<B, 1> {
    let embeddings = model.embeddings(graphs, mode);
    let shape = embeddings.dims();
    assert_eq!(shape, [model.n_nodes(), model.output_dimension()]);
    (embeddings * tensor(shape, numbers(shape[0] * shape[1], 3))).sum()
}
