use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::record::{BinBytesRecorder, FullPrecisionSettings, Recorder};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use lightgcn_kernels::optim::FusedAdamConfig;
use lightgcn_kernels::{AdamStep, AdamTensors, TrainingBackend, reference};

use crate::backends::on_every_backend;
use crate::cases::{Random, assert_close, elements, tensor, widened};

on_every_backend! {
    steps: check_steps;
    against_burn: check_against_burn;
    record: check_record;
}

const ROWS: usize = 7;
const DIM: usize = 33;

fn step(time: u64) -> AdamStep {
    AdamStep {
        learning_rate: 0.01,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        time,
    }
}

/// Twenty steps against the paper's formulas in `f64`.
fn check_steps<B: TrainingBackend>(device: &B::Device) {
    let start = Random(1).floats(ROWS * DIM);
    let mut expected = widened(&start);
    let (mut first, mut second) = (vec![0.0; start.len()], vec![0.0; start.len()]);
    let zeros = Tensor::zeros([ROWS, DIM], device);
    let mut fused = AdamTensors::<B, 2> {
        parameters: tensor(&start, ROWS, DIM, device),
        first_moment: zeros.clone(),
        second_moment: zeros,
    };
    let mut by_reference = fused.clone();
    let (beta_1, beta_2) = (f64::from(0.9f32), f64::from(0.999f32));
    for time in 1..=20 {
        let gradients = Random(time).floats(start.len());
        for (n, p) in expected.iter_mut().enumerate() {
            let g = f64::from(gradients[n]) + f64::from(0.1f32) * *p;
            first[n] = beta_1 * first[n] + (1.0 - beta_1) * g;
            second[n] = beta_2 * second[n] + (1.0 - beta_2) * g * g;
            let corrected_first: f64 = first[n] / (1.0 - beta_1.powi(time as i32));
            let corrected_second: f64 = second[n] / (1.0 - beta_2.powi(time as i32));
            *p -= 0.01 * corrected_first / (corrected_second.sqrt() + 1e-8);
        }
        let gradients = tensor::<B>(&gradients, ROWS, DIM, device);
        fused = B::adam_step(&step(time), fused, gradients.clone());
        by_reference = reference::adam_step(&step(time), by_reference, gradients);
    }
    for found in [fused, by_reference] {
        assert_close(&elements(found.parameters), &expected, 1e-5, "parameters");
        assert_close(&elements(found.first_moment), &first, 1e-6, "first moment");
        assert_close(
            &elements(found.second_moment),
            &second,
            1e-6,
            "second moment",
        );
    }
}

#[derive(Module, Debug)]
struct Table<B: Backend> {
    weights: Param<Tensor<B, 2>>,
}

impl<B: AutodiffBackend> Table<B> {
    fn new(device: &B::Device) -> Self {
        let start = Random(2).floats(ROWS * DIM);
        Self {
            weights: Param::from_tensor(tensor(&start, ROWS, DIM, device)),
        }
    }

    /// One step down `sum((w - target)^2)`.
    fn step(self, optimizer: &mut impl Optimizer<Self, B>, target: f32) -> Self {
        let difference = self.weights.val() - target;
        let gradients = (difference.clone() * difference).sum().backward();
        let gradients = GradientsParams::from_grads(gradients, &self);
        optimizer.step(0.05, self, gradients)
    }
}

fn check_against_burn<B: TrainingBackend>(device: &B::Device) {
    let mut ours = FusedAdamConfig::new().with_weight_decay(Some(0.01)).init();
    let mut burns = AdamConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(Some(WeightDecayConfig::new(0.01)))
        .init();
    let (mut by_us, mut by_burn) = (
        Table::<Autodiff<B>>::new(device),
        Table::<Autodiff<B>>::new(device),
    );
    for _ in 0..15 {
        by_us = by_us.step(&mut ours, 0.5);
        by_burn = by_burn.step(&mut burns, 0.5);
    }
    let expected = elements(by_burn.weights.val());
    assert_close(&elements(by_us.weights.val()), &expected, 2e-5, "weights");
}

/// Training that is saved and reloaded half-way ends on the same bits as without the break.
fn check_record<B: TrainingBackend>(device: &B::Device) {
    let recorder = BinBytesRecorder::<FullPrecisionSettings>::default();
    let mut optimizer = FusedAdamConfig::new().init();
    let mut table = Table::<Autodiff<B>>::new(device);
    for _ in 0..3 {
        table = table.step(&mut optimizer, 0.25);
    }

    let saved_optimizer = recorder
        .record(optimizer.to_record(), ())
        .unwrap_or_else(|e| panic!("{e}"));
    let saved_table = recorder
        .record(table.clone().into_record(), ())
        .unwrap_or_else(|e| panic!("{e}"));
    let mut reloaded_optimizer = FusedAdamConfig::new().init().load_record(
        recorder
            .load(saved_optimizer, device)
            .unwrap_or_else(|e| panic!("{e}")),
    );
    let mut reloaded = Table::<Autodiff<B>>::new(device).load_record(
        recorder
            .load(saved_table, device)
            .unwrap_or_else(|e| panic!("{e}")),
    );

    for _ in 0..3 {
        table = table.step(&mut optimizer, 0.25);
        reloaded = reloaded.step(&mut reloaded_optimizer, 0.25);
    }
    assert_eq!(
        elements(reloaded.weights.val()),
        elements(table.weights.val())
    );
    // A forgotten state would give another path: the first step of Adam moves by the whole rate.
    let mut forgetful = FusedAdamConfig::new().init();
    let other = table.clone().step(&mut forgetful, 0.25);
    let remembered = table.step(&mut optimizer, 0.25);
    assert_ne!(
        elements(other.weights.val()),
        elements(remembered.weights.val())
    );
}

#[cfg(feature = "flex")]
mod on_the_cpu {
    use super::*;
    use burn::backend::Flex;

    fn address(table: &Table<Autodiff<Flex>>) -> *const u8 {
        table
            .weights
            .val()
            .inner()
            .into_primitive()
            .tensor()
            .bytes()
            .as_ptr()
    }

    #[test]
    fn updates_in_place() {
        let device = Default::default();
        let mut optimizer = FusedAdamConfig::new().init();
        let mut table = Table::<Autodiff<Flex>>::new(&device);
        for _ in 0..3 {
            let before = address(&table);
            table = table.step(&mut optimizer, 0.0);
            assert_eq!(address(&table), before);
        }
    }

    #[test]
    fn leaves_a_clone_of_the_model_alone() {
        let device = Default::default();
        let mut optimizer = FusedAdamConfig::new().init();
        let table = Table::<Autodiff<Flex>>::new(&device);
        let kept = table.clone();
        let before = elements(kept.weights.val());
        let stepped = table.step(&mut optimizer, 0.0);
        assert_eq!(elements(kept.weights.val()), before);
        assert_ne!(elements(stepped.weights.val()), before);
    }

    #[test]
    #[should_panic(expected = "beta_2 is 1; it must be at least 0 and below 1")]
    fn a_beta_of_one_panics() {
        FusedAdamConfig::new().with_beta_2(1.0).build();
    }
}
