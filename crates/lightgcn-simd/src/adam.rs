//! The Adam optimizer in one pass over the parameters.

use rayon::prelude::*;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};
use crate::parallel;

/// Options of Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015).
///
/// The default is the paper's: learning rate 0.001, decay rates 0.9 and 0.999, epsilon 1e-8, no
/// weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// Step size, positive.
    pub learning_rate: f32,
    /// Decay rate of the mean of the gradients, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay rate of the mean of the squared gradients, in `[0, 1)`.
    pub beta_2: f32,
    /// Added to the denominator, outside the root, to avoid division by zero.
    pub epsilon: f32,
    /// L2 penalty: this times the parameter is added to its gradient. 0 means none.
    pub weight_decay: f32,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// The tables of one step of Adam, all of one length.
#[derive(Debug)]
pub struct AdamTables<'a> {
    /// The parameters.
    pub parameters: &'a mut [f32],
    /// The gradient of the loss with respect to the parameters.
    pub gradients: &'a [f32],
    /// Running mean of the gradients; zeros before step 1.
    pub first_moment: &'a mut [f32],
    /// Running mean of the squared gradients; zeros before step 1.
    pub second_moment: &'a mut [f32],
}

/// One step of Adam with bias correction, in place; `step` counts from 1.
///
/// PyTorch's `torch.optim.Adam`, weight decay included:
///
/// ```text
/// g ← g + weight_decay · p
/// m ← m + (1 − beta_1) · (g − m)
/// v ← beta_2 · v + (1 − beta_2) · g²
/// p ← p − learning_rate / (1 − beta_1^step) · m / (√v / √(1 − beta_2^step) + epsilon)
/// ```
///
/// O(parameters.len()), one pass over memory, on rayon's current pool; every element is computed
/// independently, so that the bits do not depend on the thread count.
///
/// # Panics
/// If the slices differ in length, or `step` is 0.
pub fn adam_step(options: &AdamOptions, step: u64, tables: AdamTables<'_>) {
    adam_step_at(Level::detect(), options, step, tables);
}

fn adam_step_at(level: Level, options: &AdamOptions, step: u64, tables: AdamTables<'_>) {
    let n = tables.parameters.len();
    assert!(step > 0, "Adam's steps count from 1, but step 0 was given");
    for (name, length) in [
        ("gradients", tables.gradients.len()),
        ("first moments", tables.first_moment.len()),
        ("second moments", tables.second_moment.len()),
    ] {
        assert!(length == n, "there are {n} parameters but {length} {name}");
    }
    let factors = Factors::new(options, step);
    let tasks = parallel::task_count(n);
    if tasks == 1 {
        return update(level, factors, tables);
    }
    let size = n.div_ceil(tasks);
    (
        tables.parameters.par_chunks_mut(size),
        tables.gradients.par_chunks(size),
        tables.first_moment.par_chunks_mut(size),
        tables.second_moment.par_chunks_mut(size),
    )
        .into_par_iter()
        .for_each(|(parameters, gradients, first_moment, second_moment)| {
            let part = AdamTables {
                parameters,
                gradients,
                first_moment,
                second_moment,
            };
            update(level, factors, part);
        });
}

/// The factors of one step.
#[derive(Clone, Copy)]
struct Factors {
    weight_decay: f32,
    one_minus_beta_1: f32,
    beta_2: f32,
    one_minus_beta_2: f32,
    inverse_root_correction_2: f32,
    epsilon: f32,
    step_size: f32,
}

impl Factors {
    fn new(options: &AdamOptions, step: u64) -> Self {
        // In f64, as PyTorch does: 1 − beta^step loses most digits of an f32 in the first steps.
        let (beta_1, beta_2) = (f64::from(options.beta_1), f64::from(options.beta_2));
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        Self {
            weight_decay: options.weight_decay,
            one_minus_beta_1: (1.0 - beta_1) as f32,
            beta_2: options.beta_2,
            one_minus_beta_2: (1.0 - beta_2) as f32,
            inverse_root_correction_2: correction(beta_2).sqrt().recip() as f32,
            epsilon: options.epsilon,
            step_size: (f64::from(options.learning_rate) / correction(beta_1)) as f32,
        }
    }
}

fn update(level: Level, factors: Factors, tables: AdamTables<'_>) {
    match level {
        Level::Portable => update_each::<PORTABLE_FMA>(factors, tables),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level proves that the machine has AVX2 and FMA.
        Level::Avx2(_) => unsafe { update_avx2(factors, tables) },
    }
}

/// The same loop, which the compiler vectorizes here for AVX2.
///
/// # Safety
/// The machine must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn update_avx2(factors: Factors, tables: AdamTables<'_>) {
    update_each::<true>(factors, tables);
}

// Inlined into each caller, so that the loop is compiled for that caller's instructions.
#[inline(always)]
fn update_each<const FUSED: bool>(factors: Factors, tables: AdamTables<'_>) {
    let AdamTables {
        parameters,
        gradients,
        first_moment,
        second_moment,
    } = tables;
    let moments = first_moment.iter_mut().zip(second_moment);
    for ((p, &g), (m, v)) in parameters.iter_mut().zip(gradients).zip(moments) {
        let g = multiply_add::<FUSED>(factors.weight_decay, *p, g);
        // m + (1 − β₁)(g − m) rather than β₁ m + (1 − β₁) g, as PyTorch computes it.
        *m = multiply_add::<FUSED>(factors.one_minus_beta_1, g - *m, *m);
        *v = multiply_add::<FUSED>(factors.beta_2, *v, factors.one_minus_beta_2 * g * g);
        let root = v.sqrt();
        // Epsilon comes after the bias correction of the root, so that its size means the same in the
        // first steps as later.
        let denominator =
            multiply_add::<FUSED>(root, factors.inverse_root_correction_2, factors.epsilon);
        *p -= factors.step_size * (*m / denominator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::same_at_any_thread_count;

    fn tables<'a>(
        parameters: &'a mut [f32],
        gradients: &'a [f32],
        first_moment: &'a mut [f32],
        second_moment: &'a mut [f32],
    ) -> AdamTables<'a> {
        AdamTables {
            parameters,
            gradients,
            first_moment,
            second_moment,
        }
    }

    /// The formula of the paper in f64.
    fn reference(config: &AdamOptions, start: f64, gradients: &[f32]) -> f64 {
        let (beta_1, beta_2) = (f64::from(config.beta_1), f64::from(config.beta_2));
        let (mut p, mut m, mut v) = (start, 0.0, 0.0);
        for (i, &g) in gradients.iter().enumerate() {
            let t = i as i32 + 1;
            let g = f64::from(g) + f64::from(config.weight_decay) * p;
            m = beta_1 * m + (1.0 - beta_1) * g;
            v = beta_2 * v + (1.0 - beta_2) * g * g;
            let m_hat = m / (1.0 - beta_1.powi(t));
            let v_hat = v / (1.0 - beta_2.powi(t));
            p -= f64::from(config.learning_rate) * m_hat
                / (v_hat.sqrt() + f64::from(config.epsilon));
        }
        p
    }

    fn run(
        level: Level,
        config: &AdamOptions,
        n: usize,
        start: f32,
        gradients: &[f32],
    ) -> Vec<f32> {
        let (mut p, mut m, mut v) = (vec![start; n], vec![0.0; n], vec![0.0; n]);
        for (i, &g) in gradients.iter().enumerate() {
            let g = vec![g; n];
            adam_step_at(
                level,
                config,
                i as u64 + 1,
                tables(&mut p, &g, &mut m, &mut v),
            );
        }
        p
    }

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_sign() {
        let config = AdamOptions {
            learning_rate: 0.5,
            epsilon: 0.0,
            ..AdamOptions::default()
        };
        let (mut p, mut m, mut v) = ([1.0, 1.0], [0.0; 2], [0.0; 2]);
        adam_step(&config, 1, tables(&mut p, &[3.0, -0.001], &mut m, &mut v));
        assert!(
            (p[0] - 0.5).abs() < 1e-6 && (p[1] - 1.5).abs() < 1e-6,
            "{p:?}"
        );
        assert!(
            (m[0] - 0.3).abs() < 1e-6 && (v[0] - 0.009).abs() < 1e-6,
            "{m:?} {v:?}"
        );
    }

    #[test]
    fn follows_the_paper_over_many_steps_at_every_level() {
        let gradients: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin() + 0.2).collect();
        for weight_decay in [0.0, 0.01] {
            let config = AdamOptions {
                learning_rate: 0.01,
                weight_decay,
                ..AdamOptions::default()
            };
            let expected = reference(&config, 0.7, &gradients);
            for level in Level::all() {
                for p in run(level, &config, 19, 0.7, &gradients) {
                    assert!(
                        (f64::from(p) - expected).abs() < 2e-6,
                        "{level:?} gave {p}, the paper {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_gradient_ever_moves_nothing() {
        let config = AdamOptions::default();
        for level in Level::all() {
            assert_eq!(run(level, &config, 9, 0.25, &[0.0; 5]), [0.25; 9]);
        }
    }

    #[test]
    fn late_steps_stay_finite() {
        let (mut p, mut m, mut v) = ([1.0], [0.1], [0.01]);
        let one = tables(&mut p, &[1.0], &mut m, &mut v);
        adam_step(&AdamOptions::default(), u64::MAX, one);
        assert!(p[0].is_finite() && p[0] < 1.0);
    }

    #[test]
    fn large_tables_have_the_same_bits_at_any_thread_count() {
        let n = 100_003;
        let g: Vec<f32> = (0..n).map(|i| (i as f32 * 0.013).sin()).collect();
        same_at_any_thread_count(|| {
            let (mut p, mut m, mut v) = (vec![0.1; n], vec![0.0; n], vec![0.0; n]);
            for step in 1..4 {
                adam_step(
                    &AdamOptions::default(),
                    step,
                    tables(&mut p, &g, &mut m, &mut v),
                );
            }
            (p, m, v)
        });
    }

    #[test]
    #[should_panic(expected = "there are 2 parameters but 3 first moments")]
    fn slices_of_other_lengths_panic() {
        let (mut p, mut m, mut v) = ([0.0; 2], [0.0; 3], [0.0; 2]);
        adam_step(
            &AdamOptions::default(),
            1,
            tables(&mut p, &[0.0; 2], &mut m, &mut v),
        );
    }

    #[test]
    #[should_panic(expected = "count from 1")]
    fn step_zero_panics() {
        adam_step(
            &AdamOptions::default(),
            0,
            tables(&mut [], &[], &mut [], &mut []),
        );
    }
}
