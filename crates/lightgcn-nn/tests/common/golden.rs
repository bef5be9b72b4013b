//! Reading golden files, and comparing with them.

use burn::tensor::Tensor;
use lightgcn_core::{InteractionsBuilder, ItemId, UserId};
use lightgcn_graph::{AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn_kernels::SparseMatrix;
use lightgcn_nn::{Graphs, NodeCounts};
use serde_json::Value;

use super::{B, assert_close, tensor};

/// Relative to the largest element of a tensor.
pub(crate) const TOLERANCE: f64 = 1e-5;

pub(crate) fn cases(text: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(text).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

/// The numbers of nested lists, row by row.
pub(crate) fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(elements) => elements.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

pub(crate) fn flat_f32(value: &Value) -> Vec<f32> {
    flat(value)
        .into_iter()
        .map(|element| element as f32)
        .collect()
}

pub(crate) fn integer(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    flat(value).into_iter().map(|id| id as u32).collect()
}

pub(crate) fn matrix(value: &Value) -> Tensor<B, 2> {
    let elements = flat_f32(value);
    let n_rows = value.as_array().unwrap().len();
    let n_columns = elements.len() / n_rows;
    tensor([n_rows, n_columns], elements)
}

pub(crate) fn vector(value: &Value) -> Tensor<B, 1> {
    Tensor::from_floats(flat_f32(value).as_slice(), &Default::default())
}

/// The nodes and the normalized adjacency of a case, built as from real data.
pub(crate) fn graph(case: &Value) -> (NodeCounts, Graphs<B>) {
    let golden = &case["graph"];
    let (n_users, n_items) = (integer(&golden["n_users"]), integer(&golden["n_items"]));
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    for edge in golden["edges"].as_array().unwrap() {
        let (user, item) = (integer(&edge[0]) as u32, integer(&edge[1]) as u32);
        let weight = edge[2].as_f64().unwrap() as f32;
        pairs
            .push(UserId(user), ItemId(item), weight, &[1], None)
            .unwrap();
    }
    let pairs = pairs.build(n_users, n_items).unwrap();
    let edge_weights = case["weighted"].as_bool().unwrap();
    let graph = TrainGraph::from_interactions(&pairs, &GraphOptions { edge_weights }).unwrap();
    let adjacency = graph.adjacency(&AdjacencyRequest::default()).unwrap();
    let matrix = SparseMatrix::from_graph(&adjacency, &Default::default()).unwrap();
    (NodeCounts::new(n_users, n_items).unwrap(), matrix.into())
}

pub(crate) fn hold(case: &Value, key: &str, found: Vec<f64>) {
    let what = format!("{}: {key}", case["name"]);
    assert_close(&what, &found, &flat(&case[key]), TOLERANCE);
}
