use super::*;
use burn::backend::{Autodiff, Flex};
use burn::module::AutodiffModule;
use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
use lightgcn_graph::{GraphOptions, Normalization, TrainGraph};

/// ```text
/// 0 2 0
/// 1 0 3
/// ```
fn rectangular<B: Backend>() -> SparseMatrix<B> {
    let (offsets, columns, values) = ([0, 1, 3], [1, 0, 2], [2.0, 1.0, 3.0]);
    SparseMatrix::from_csr(
        CsrSlices {
            n_columns: 3,
            row_offsets: &offsets,
            columns: &columns,
            values: &values,
        },
        false,
        &Default::default(),
    )
    .expect("the matrix is well formed")
}

type Arrays = (Vec<i32>, Vec<i32>, Vec<f32>);

fn arrays<B: Backend>(matrix: &SparseMatrix<B>) -> Arrays {
    (
        matrix
            .row_offsets()
            .into_data()
            .to_vec()
            .expect("the element type is kept"),
        matrix
            .columns()
            .into_data()
            .to_vec()
            .expect("the element type is kept"),
        matrix
            .values()
            .into_data()
            .to_vec()
            .expect("the element type is kept"),
    )
}

#[test]
fn transposing_twice_gives_the_matrix_back() {
    let matrix = rectangular::<Flex>();
    assert_eq!(
        (matrix.n_rows(), matrix.n_columns(), matrix.n_edges()),
        (2, 3, 3)
    );
    assert!(!matrix.is_symmetric());
    let transposed = matrix.transpose();
    assert_eq!((transposed.n_rows(), transposed.n_columns()), (3, 2));
    assert_eq!(
        arrays(&transposed),
        (vec![0, 1, 2, 3], vec![1, 0, 1], vec![1.0, 2.0, 3.0])
    );
    assert_eq!(arrays(&transposed.transpose()), arrays(&matrix));
}

#[test]
fn a_symmetric_matrix_shares_its_arrays_with_its_transpose() {
    let device = Default::default();
    let (offsets, columns, values) = ([0, 1, 2], [1, 0], [2.0, 2.0]);
    let matrix = SparseMatrix::<Flex>::from_csr(
        CsrSlices {
            n_columns: 2,
            row_offsets: &offsets,
            columns: &columns,
            values: &values,
        },
        true,
        &device,
    )
    .unwrap();
    assert!(matrix.is_symmetric());
    let address = |matrix: &SparseMatrix<Flex>| {
        let values = matrix.values().into_primitive().tensor();
        values.bytes().as_ptr()
    };
    assert_eq!(address(&matrix), address(&matrix.transpose()));
}

#[test]
fn a_wrong_claim_of_symmetry_is_an_error() {
    let device = Default::default();
    let error = SparseMatrix::<Flex>::from_csr(
        CsrSlices {
            n_columns: 2,
            row_offsets: &[0, 1, 1],
            columns: &[1],
            values: &[1.0],
        },
        true,
        &device,
    );
    assert_eq!(error.unwrap_err(), KernelError::NotSymmetric { row: 0 });
}

#[test]
fn as_a_module_it_has_no_parameters_and_keeps_its_arrays() {
    let matrix = rectangular::<Autodiff<Flex>>();
    assert_eq!(matrix.num_params(), 0);
    let expected = arrays(&matrix);
    let moved = matrix.to_device(&Default::default());
    let recorded = moved.clone().load_record(moved.into_record());
    assert_eq!(arrays(&recorded), expected);
    assert_eq!(arrays(&recorded.valid()), expected);
}

#[test]
fn a_training_graph_becomes_a_matrix() {
    // User 0 bought item 0; user 1 bought items 0 and 1. Items are nodes 2 and 3.
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    for (user, item) in [(0, 0), (1, 0), (1, 1)] {
        pairs
            .push(UserId(user), ItemId(item), 1.0, &[1], None)
            .unwrap();
    }
    let pairs = pairs.build(2, 2).unwrap();
    let split = Split::new(pairs, Truth::empty(2, 2), Truth::empty(2, 2)).unwrap();
    let graph = TrainGraph::new(&split.train, &GraphOptions::default()).unwrap();
    for normalization in [Normalization::Symmetric, Normalization::Left] {
        let adjacency = graph.adjacency(&normalization.into()).unwrap();
        let matrix = SparseMatrix::<Flex>::from_graph(&adjacency, &Default::default()).unwrap();
        assert_eq!(matrix.is_symmetric(), adjacency.is_symmetric());
        assert_eq!((matrix.n_rows(), matrix.n_columns()), (4, 4));
        assert_eq!(
            arrays(&matrix),
            (
                vec![0, 1, 3, 5, 6],
                vec![2, 2, 3, 0, 1, 1],
                adjacency.values().to_vec()
            )
        );
    }
}
