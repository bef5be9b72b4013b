use burn::backend::Autodiff;
use burn::tensor::Tensor;
use lightgcn_kernels::{
    SparseBackend, SparseMatrix, TrainingBackend, propagate, reference, sparse_dense,
};

use crate::backends::on_every_backend;
use crate::cases::{Case, DIMS, Random, assert_close, elements, tensor, widened};

/// One to five layers, with zeros and signs.
const ALPHAS: [&[f32]; 5] = [
    &[0.75],
    &[0.0, 1.0],
    &[0.25, 0.25, 0.25, 0.25],
    &[0.5, -0.25, 0.0, 0.125],
    &[0.1, 0.2, 0.3, 0.2, 0.1],
];

/// Propagation by one of the bodies.
type Operation<B> = fn(&SparseMatrix<B>, Tensor<B, 2>, &[f32]) -> Tensor<B, 2>;

on_every_backend! {
    forward: check_forward;
    gradient: check_gradient;
    finite_differences: check_finite_differences;
    bf16_operands: check_bf16_operands;
}

/// The nearest bf16, ties to even.
fn rounded(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}

/// Horner's rule whose products read rounded operands.
fn propagate_rounded(case: &Case, x: &[f32], dim: usize, alphas: &[f32]) -> Vec<f64> {
    let (last, inner) = alphas.split_last().expect("there is a layer");
    let (mut y, mut scale) = (x.to_vec(), *last);
    for &alpha in inner.iter().rev() {
        let operand: Vec<f64> = y.iter().map(|&y| f64::from(rounded(y))).collect();
        let product = case.product(&operand, dim);
        let next = product.iter().zip(x).map(|(product, &x)| {
            (f64::from(scale) * product + f64::from(alpha) * f64::from(x)) as f32
        });
        y = next.collect();
        scale = 1.0;
    }
    widened(&y)
}

/// Where a backend reads operands of 16 bits, it rounds them to the nearest; elsewhere the flag
/// changes nothing. Odd widths stay in 32 bits.
fn check_bf16_operands<B: TrainingBackend>(device: &B::Device) {
    for case in Case::square() {
        let matrix = case.matrix::<B>(device).with_bf16_operands();
        for (dim, alphas, tolerance) in [
            (64, ALPHAS[1], 1e-5),
            (50, ALPHAS[3], 4e-3),
            (100, ALPHAS[4], 4e-3),
            (2, ALPHAS[2], 4e-3),
            (3, ALPHAS[2], 1e-5),
        ] {
            let x = Random(dim as u64).floats(case.n_rows * dim);
            let exact = case.propagate(&widened(&x), dim, alphas);
            let rounds = B::runs_steps_on_device() && dim % 2 == 0;
            let expected = match rounds {
                true => propagate_rounded(&case, &x, dim, alphas),
                false => exact.clone(),
            };
            let x = tensor::<B>(&x, case.n_rows, dim, device);
            let found = elements(propagate(&matrix, x.clone(), alphas));
            assert_close(&found, &expected, tolerance, case.name);
            assert_close(&found, &exact, 2e-2, case.name);
            let differs = found.iter().zip(&exact).any(|(a, b)| (a - b).abs() > 1e-4);
            assert_eq!(differs, rounds && !case.edges.is_empty(), "{}", case.name);
            if alphas == ALPHAS[1] {
                let product = elements(sparse_dense(&matrix, x));
                assert_close(&product, &expected, 1e-5, case.name);
            }
        }
    }
}

/// A table of no numbers does not become one of numbers.
#[cfg(feature = "wgpu")]
#[test]
fn rounding_keeps_what_is_no_number() {
    let Some(device) = crate::backends::wgpu() else {
        return;
    };
    let case = &Case::square()[0];
    let matrix = case.matrix::<lightgcn_kernels::WgpuBackend>(&device);
    let canonical = [f32::NAN, f32::from_bits(0x7fff_ffff), f32::INFINITY];
    let x: Vec<f32> = canonical.into_iter().flat_map(|x| [x, x]).collect();
    let found = propagate(
        &matrix.with_bf16_operands(),
        tensor(&x, 3, 2, &device),
        &[0.0, 1.0],
    );
    assert!(elements(found).iter().all(|y| !y.is_finite()));
}

fn check_forward<B: SparseBackend>(device: &B::Device) {
    for case in Case::square() {
        let matrix = case.matrix::<B>(device);
        for (dim, alphas) in DIMS.into_iter().zip(ALPHAS) {
            let x = Random(dim as u64).floats(case.n_rows * dim);
            let expected = case.propagate(&widened(&x), dim, alphas);
            let x = tensor::<B>(&x, case.n_rows, dim, device);
            let found = elements(propagate(&matrix, x.clone(), alphas));
            assert_close(&found, &expected, 1e-5, case.name);
            let by_reference = elements(reference::propagate(&matrix, x, alphas));
            assert_close(&by_reference, &expected, 1e-5, case.name);
        }
    }
}

/// Gradient of `sum(weights * P x)`: the same polynomial of the transpose times the weights, also
/// by burn's own steps through the reference body.
fn check_gradient<B: SparseBackend>(device: &B::Device) {
    for case in Case::square() {
        let matrix = case.matrix::<Autodiff<B>>(device);
        for (dim, alphas) in DIMS.into_iter().zip(ALPHAS) {
            let weights = Random(7).floats(case.n_rows * dim);
            let expected = case.transpose().propagate(&widened(&weights), dim, alphas);
            let weights = tensor::<Autodiff<B>>(&weights, case.n_rows, dim, device);
            let x = Random(8).floats(case.n_rows * dim);
            let gradient = |operation: Operation<Autodiff<B>>| {
                let x = tensor::<Autodiff<B>>(&x, case.n_rows, dim, device).require_grad();
                let loss = (operation(&matrix, x.clone(), alphas) * weights.clone()).sum();
                let gradients = loss.backward();
                elements(x.grad(&gradients).expect("x has a gradient"))
            };
            assert_close(&gradient(propagate), &expected, 1e-5, case.name);
            assert_close(&gradient(reference::propagate), &expected, 1e-5, case.name);
        }
    }
}

/// Gradient of `sum((P x)^2)` against central differences, which are exact for a square.
fn check_finite_differences<B: SparseBackend>(device: &B::Device) {
    let (dim, step, alphas) = (3, 0.25, ALPHAS[3]);
    for case in Case::square() {
        let x = Random(9).floats(case.n_rows * dim);
        let matrix = case.matrix::<Autodiff<B>>(device);
        let tracked = tensor::<Autodiff<B>>(&x, case.n_rows, dim, device).require_grad();
        let propagated = propagate(&matrix, tracked.clone(), alphas);
        let gradients = (propagated.clone() * propagated).sum().backward();
        let gradient = elements(tracked.grad(&gradients).expect("x has a gradient"));

        let matrix = case.matrix::<B>(device);
        let loss = |position: usize, change: f32| {
            let mut moved = x.clone();
            moved[position] += change;
            let x = tensor::<B>(&moved, case.n_rows, dim, device);
            let propagated = elements(propagate(&matrix, x, alphas));
            propagated.iter().map(|y| y * y).sum::<f64>()
        };
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

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let device = Default::default();
        let case = Case::square().swap_remove(1);
        let x = Random(5).floats(case.n_rows * 100);
        let propagated = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let x = tensor::<Flex>(&x, case.n_rows, 100, &device);
                elements(propagate(&case.matrix::<Flex>(&device), x, ALPHAS[4]))
            })
        };
        let one = propagated(1);
        assert_eq!(propagated(2), one);
        assert_eq!(propagated(5), one);
    }

    #[test]
    fn the_backward_step_does_not_keep_the_input() {
        let device = Default::default();
        let case = Case::square().swap_remove(1);
        let matrix = case.matrix::<Autodiff<Flex>>(&device);
        let x = Random(6).floats(case.n_rows * 4);
        let x = tensor::<Autodiff<Flex>>(&x, case.n_rows, 4, &device).require_grad();
        let propagated = propagate(&matrix, x.clone(), ALPHAS[2]);
        assert!(x.inner().into_primitive().tensor().is_unique());
        drop(propagated);
    }

    #[test]
    #[should_panic(expected = "the matrix must be square, but it is [17, 41]")]
    fn a_rectangular_matrix_panics() {
        let device = Default::default();
        let case = Case::all()
            .into_iter()
            .find(|case| case.name == "rectangular")
            .unwrap();
        propagate(
            &case.matrix::<Flex>(&device),
            Tensor::zeros([41, 2], &device),
            &[1.0],
        );
    }

    #[test]
    #[should_panic(expected = "alphas is empty")]
    fn no_layer_weights_panic() {
        let device = Default::default();
        let matrix = Case::square()[0].matrix::<Flex>(&device);
        propagate(&matrix, Tensor::zeros([3, 2], &device), &[]);
    }

    #[test]
    #[should_panic(expected = "the matrix has 3 nodes, but x is [4, 2]")]
    fn another_number_of_nodes_panics() {
        let device = Default::default();
        let matrix = Case::square()[0].matrix::<Flex>(&device);
        propagate(&matrix, Tensor::zeros([4, 2], &device), &[1.0]);
    }
}
