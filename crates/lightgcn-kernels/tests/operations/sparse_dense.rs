use burn::backend::Autodiff;
use burn::tensor::Tensor;
use lightgcn_kernels::{SparseBackend, reference, sparse_dense};

use crate::backends::on_every_backend;
use crate::cases::{Case, DIMS, Random, assert_close, elements, tensor, widened};

on_every_backend! {
    product: check_product;
    strided_input: check_strided_input;
    gradient: check_gradient;
    finite_differences: check_finite_differences;
}

fn check_product<B: SparseBackend>(device: &B::Device) {
    for case in Case::all() {
        let matrix = case.matrix::<B>(device);
        assert_eq!(matrix.n_edges(), case.edges.len());
        for dim in DIMS {
            let x = Random(dim as u64).floats(case.n_columns * dim);
            let expected = case.product(&widened(&x), dim);
            let x = tensor::<B>(&x, case.n_columns, dim, device);
            let found = sparse_dense(&matrix, x.clone());
            assert_eq!(found.dims(), [case.n_rows, dim]);
            assert_close(&elements(found), &expected, 1e-5, case.name);
            let by_reference = reference::sparse_dense(&matrix, x);
            assert_close(&elements(by_reference), &expected, 1e-5, case.name);
        }
    }
}

/// The input is a transposed view, then a view that starts inside its buffer.
fn check_strided_input<B: SparseBackend>(device: &B::Device) {
    let dim = 5;
    for case in Case::all() {
        let matrix = case.matrix::<B>(device);
        let rows = case.n_columns;
        let padded = Random(3).floats((rows + 2) * dim);
        let x = &padded[dim..(rows + 1) * dim];
        let expected = elements(sparse_dense(&matrix, tensor::<B>(x, rows, dim, device)));

        let inside = tensor::<B>(&padded, rows + 2, dim, device).narrow(0, 1, rows);
        assert_eq!(
            elements(sparse_dense(&matrix, inside)),
            expected,
            "{}",
            case.name
        );

        let columns: Vec<f32> = (0..dim * rows)
            .map(|n| x[n % rows * dim + n / rows])
            .collect();
        let transposed = tensor::<B>(&columns, dim, rows, device).transpose();
        assert_eq!(
            elements(sparse_dense(&matrix, transposed)),
            expected,
            "{}",
            case.name
        );
    }
}

/// Gradient of `sum(weights * A x)`: the transpose times the weights, also by burn's own steps
/// through the reference body.
fn check_gradient<B: SparseBackend>(device: &B::Device) {
    for case in Case::all() {
        let matrix = case.matrix::<Autodiff<B>>(device);
        for dim in DIMS {
            let weights = Random(7).floats(case.n_rows * dim);
            let expected = case.transpose().product(&widened(&weights), dim);
            let weights = tensor::<Autodiff<B>>(&weights, case.n_rows, dim, device);
            let x = Random(8).floats(case.n_columns * dim);
            let gradient = |product: fn(&_, Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2>| {
                let x = tensor::<Autodiff<B>>(&x, case.n_columns, dim, device).require_grad();
                let loss = (product(&matrix, x.clone()) * weights.clone()).sum();
                let gradients = loss.backward();
                x.grad(&gradients).map(elements)
            };
            let found = gradient(sparse_dense).expect("x has a gradient");
            assert_close(&found, &expected, 1e-5, case.name);
            // Without edges the reference body does not depend on x.
            let zeros = || vec![0.0; case.n_columns * dim];
            let by_reference = gradient(reference::sparse_dense).unwrap_or_else(zeros);
            assert_close(&by_reference, &expected, 1e-5, case.name);
        }
    }
}

/// Gradient of `sum((A x)^2)` against central differences, which are exact for a square.
fn check_finite_differences<B: SparseBackend>(device: &B::Device) {
    let (dim, step) = (3, 0.25);
    for case in Case::all() {
        let x = Random(9).floats(case.n_columns * dim);
        let matrix = case.matrix::<Autodiff<B>>(device);
        let tracked = tensor::<Autodiff<B>>(&x, case.n_columns, dim, device).require_grad();
        let product = sparse_dense(&matrix, tracked.clone());
        let gradients = (product.clone() * product).sum().backward();
        let gradient = elements(tracked.grad(&gradients).expect("x has a gradient"));

        let matrix = case.matrix::<B>(device);
        let loss = |position: usize, change: f32| {
            let mut moved = x.clone();
            moved[position] += change;
            let product = sparse_dense(&matrix, tensor::<B>(&moved, case.n_columns, dim, device));
            elements(product).iter().map(|y| y * y).sum::<f64>()
        };
        // A handful of elements: each costs two products.
        let positions: Vec<usize> = (0..x.len()).step_by(1 + x.len() / 12).collect();
        let differences: Vec<f64> = positions
            .iter()
            .map(|&n| (loss(n, step) - loss(n, -step)) / (2.0 * f64::from(step)))
            .collect();
        let chosen: Vec<f64> = positions.iter().map(|&n| gradient[n]).collect();
        assert_close(&chosen, &differences, 1e-4, case.name);
    }
}

#[cfg(feature = "flex")]
mod on_the_cpu {
    use super::*;
    use burn::backend::Flex;
    use burn::tensor::{DType, TensorData};

    #[test]
    fn other_element_types_go_through_the_reference() {
        let device = Default::default();
        for case in Case::all() {
            let x = widened(&Random(4).floats(case.n_columns * 3));
            let expected = case.product(&x, 3);
            let data = TensorData::new(x, [case.n_columns, 3]);
            let x = Tensor::<Flex, 2>::from_data(data, (&device, DType::F64));
            let found = sparse_dense(&case.matrix::<Flex>(&device), x);
            assert_eq!(found.dtype(), DType::F64);
            assert_close(&elements(found), &expected, 1e-14, case.name);
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let device = Default::default();
        let case = Case::square().swap_remove(2);
        let x = Random(5).floats(case.n_columns * 64);
        let product = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let x = tensor::<Flex>(&x, case.n_columns, 64, &device);
                elements(sparse_dense(&case.matrix::<Flex>(&device), x))
            })
        };
        let one = product(1);
        assert_eq!(product(2), one);
        assert_eq!(product(5), one);
    }

    #[test]
    #[should_panic(
        expected = "the matrix is [17, 41], so the dense factor must have 41 rows, but it is [17, 2]"
    )]
    fn a_dense_factor_of_the_wrong_height_panics() {
        let device = Default::default();
        let case = Case::all()
            .into_iter()
            .find(|case| case.name == "rectangular")
            .unwrap();
        sparse_dense(
            &case.matrix::<Flex>(&device),
            Tensor::zeros([17, 2], &device),
        );
    }

    #[test]
    fn the_backward_step_does_not_keep_the_input() {
        let device = Default::default();
        let case = Case::square().swap_remove(2);
        let matrix = case.matrix::<Autodiff<Flex>>(&device);
        let x = Random(6).floats(case.n_columns * 4);
        let x = tensor::<Autodiff<Flex>>(&x, case.n_columns, 4, &device).require_grad();
        let product = sparse_dense(&matrix, x.clone());
        assert!(x.inner().into_primitive().tensor().is_unique());
        drop(product);
    }
}
