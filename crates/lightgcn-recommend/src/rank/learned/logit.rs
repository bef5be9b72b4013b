//! The conditional logit: which of a user's candidates is chosen.

use crate::cold_start::ridge::solve_positive_definite;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use lightgcn_core::Rows;
use rayon::prelude::*;

/// Users whose sums one thread adds up; fixed, so that sums have the same order at any number of threads.
const BLOCK: usize = 32;
const MAX_STEPS: usize = 50;
/// The decrease of the loss, relative to it, below which it counts as minimal.
const PRECISION: f64 = 1e-7;

/// A candidate of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Choice {
    pub(crate) met: bool,
    /// The user's weight that falls on this candidate: 1 / targets for a target, else 0.
    pub(crate) target: f32,
}

/// The candidates of many users with their features.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// One row per user.
    pub(crate) users: Rows<Choice>,
    /// `[candidates, width]`
    pub(crate) features: Vec<f32>,
    /// The number of features.
    pub(crate) width: usize,
}

impl Choices {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            users: Rows::new(),
            features: Vec::new(),
            width,
        }
    }

    pub(crate) fn row(&self, candidate: usize) -> &[f32] {
        &self.features[candidate * self.width..(candidate + 1) * self.width]
    }

    /// The features that are not 0 for all candidates. The weights of the others are 0 whatever is learned.
    pub(crate) fn informative(&self) -> Columns {
        let mut found = [vec![false; self.width], vec![false; self.width]];
        for (n, choice) in self.users.values().iter().enumerate() {
            let found = &mut found[usize::from(choice.met)];
            for (found, &x) in found.iter_mut().zip(self.row(n)) {
                *found |= x != 0.0;
            }
        }
        let [new, met] = found.map(|found| {
            let columns = found.into_iter().enumerate();
            columns
                .filter_map(|(n, found)| found.then_some(n))
                .collect()
        });
        Columns { met, new }
    }
}

/// The users to learn from: rows of [`Choices::users`], each with a target.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'c> {
    pub(crate) choices: &'c Choices,
    pub(crate) users: &'c [usize],
}

/// The score of a candidate is a sum: `bias` and `met` times the features for an item that the user met,
/// `new` times the features for another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub(crate) bias: f64,
    /// One per feature.
    pub(crate) met: Vec<f64>,
    /// One per feature.
    pub(crate) new: Vec<f64>,
}

impl Weights {
    pub(crate) fn score(&self, met: bool, row: &[f32]) -> f64 {
        let (bias, weights) = match met {
            true => (self.bias, &self.met),
            false => (0.0, &self.new),
        };
        let terms = weights.iter().zip(row);
        bias + terms.map(|(w, &x)| w * f64::from(x)).sum::<f64>()
    }
}

/// Which features have a weight, for items met and for new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) met: Vec<usize>,
    pub(crate) new: Vec<usize>,
}

impl Columns {
    pub(crate) fn n_features(&self) -> usize {
        self.met.len() + self.new.len()
    }

    fn n_parameters(&self) -> usize {
        1 + self.n_features()
    }

    /// The first parameter of a candidate's block and its features.
    fn block(&self, met: bool) -> (usize, &[usize]) {
        match met {
            true => (0, &self.met),
            false => (1 + self.met.len(), &self.new),
        }
    }

    fn parameters(&self, weights: &Weights) -> Vec<f64> {
        let met = self.met.iter().map(|&column| weights.met[column]);
        let new = self.new.iter().map(|&column| weights.new[column]);
        std::iter::once(weights.bias)
            .chain(met)
            .chain(new)
            .collect()
    }

    fn weights(&self, parameters: &[f64], width: usize) -> Weights {
        let mut weights = Weights {
            bias: parameters[0],
            met: vec![0.0; width],
            new: vec![0.0; width],
        };
        for (&column, &value) in self.met.iter().zip(&parameters[1..]) {
            weights.met[column] = value;
        }
        for (&column, &value) in self.new.iter().zip(&parameters[1 + self.met.len()..]) {
            weights.new[column] = value;
        }
        weights
    }
}

/// The loss with its first and second derivatives.
struct Curvature {
    loss: f64,
    gradient: Vec<f64>,
    /// `[n, n]`
    hessian: Vec<f64>,
}

impl Curvature {
    fn zero(n: usize) -> Self {
        Self {
            loss: 0.0,
            gradient: vec![0.0; n],
            hessian: vec![0.0; n * n],
        }
    }

    fn add(mut self, other: &Self) -> Self {
        self.loss += other.loss;
        for (sum, x) in self.gradient.iter_mut().zip(&other.gradient) {
            *sum += x;
        }
        for (sum, x) in self.hessian.iter_mut().zip(&other.hessian) {
            *sum += x;
        }
        self
    }
}

/// The weights that minimize −Σ_u Σ_i t_ui ln softmax_u(s)_i + ½ l2 ‖w‖², t_ui being the target weights of
/// user u (McFadden, "Conditional logit analysis of qualitative choice behavior", 1974).
///
/// Newton's method with halved steps, from zero or from weights that are near: the loss is strictly convex, so the minimum is unique, and the same
/// bits come out at any number of threads. O(steps · candidates · features²).
pub(crate) fn fit(
    sample: Sample<'_>,
    columns: &Columns,
    l2: f64,
    start: Option<&Weights>,
) -> Weights {
    let n = columns.n_parameters();
    let mut parameters = start.map_or_else(|| vec![0.0; n], |start| columns.parameters(start));
    let mut now = curvature(sample, columns, &parameters, l2);
    for _ in 0..MAX_STEPS {
        let mut step = now.gradient.clone();
        let matrix = MatMut::from_row_major_slice_mut(&mut now.hessian, n, n);
        let rhs = MatMut::from_column_major_slice_mut(&mut step, n, 1);
        if !solve_positive_definite(matrix, rhs) {
            break;
        }
        let decrease: f64 = step.iter().zip(&now.gradient).map(|(s, g)| s * g).sum();
        let mut factor = 1.0;
        let accepted = loop {
            let moved = parameters.iter().zip(&step).map(|(p, s)| p - factor * s);
            let moved: Vec<f64> = moved.collect();
            let there = curvature(sample, columns, &moved, l2);
            if there.loss <= now.loss - 1e-4 * factor * decrease {
                break Some((moved, there));
            }
            factor /= 2.0;
            if factor < 1e-6 {
                break None;
            }
        };
        // The half of the decrease is how far the loss is from its minimum.
        let done = decrease < PRECISION * (1.0 + now.loss);
        let Some((moved, there)) = accepted else {
            break;
        };
        (parameters, now) = (moved, there);
        if done {
            break;
        }
    }
    columns.weights(&parameters, sample.choices.width)
}

fn curvature(sample: Sample<'_>, columns: &Columns, parameters: &[f64], l2: f64) -> Curvature {
    let n = parameters.len();
    let Sample { choices, users } = sample;
    let weights = columns.weights(parameters, choices.width);
    let sums: Vec<Curvature> = users
        .par_chunks(BLOCK)
        .map(|users| {
            let mut block = Block::new(n);
            let users = users.iter();
            users.for_each(|&user| block.add_user(choices, columns, &weights, user));
            block.finish(columns)
        })
        .collect();
    let mut total = sums.iter().fold(Curvature::zero(n), Curvature::add);
    for (row, &w) in parameters.iter().enumerate() {
        total.hessian[row * n + row] += l2;
        total.gradient[row] += l2 * w;
        total.loss += 0.5 * l2 * w * w;
    }
    total
}

/// The sums of a few users, with the rows of which their second derivatives are products.
struct Block {
    sum: Curvature,
    /// √p x of the items met, `[rows, met]`, and of the new ones, `[rows, new]`.
    rows: [Vec<f64>; 2],
    /// √T x̄ of each user, `[users, n]`.
    means: Vec<f64>,
}

impl Block {
    fn new(n: usize) -> Self {
        Self {
            sum: Curvature::zero(n),
            rows: [Vec::new(), Vec::new()],
            means: Vec::new(),
        }
    }

    /// Adds one user: with p the softmax of the scores times T, the sum of the targets, the loss is
    /// T ln Σ e^s − Σ t s, its gradient Σ (p − t) x, and its second derivative Σ p x xᵀ − T x̄ x̄ᵀ with
    /// x̄ = Σ p x / T.
    fn add_user(&mut self, choices: &Choices, columns: &Columns, weights: &Weights, user: usize) {
        let candidates = choices.users.range(user);
        let of_user = choices.users.row(user);
        let rows = || candidates.clone().map(|n| choices.row(n));
        let scores: Vec<f64> = of_user
            .iter()
            .zip(rows())
            .map(|(choice, row)| weights.score(choice.met, row))
            .collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mass: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
        let total: f64 = of_user.iter().map(|choice| f64::from(choice.target)).sum();
        self.sum.loss += total * (largest + mass.ln());
        let n = self.sum.gradient.len();
        let start = self.means.len();
        self.means.resize(start + n, 0.0);
        let mean = &mut self.means[start..];
        let mut x = Vec::new();
        for ((choice, row), score) in of_user.iter().zip(rows()).zip(&scores) {
            let (first, features) = columns.block(choice.met);
            x.clear();
            x.extend(choice.met.then_some(1.0));
            x.extend(features.iter().map(|&column| f64::from(row[column])));
            let p = total * (score - largest).exp() / mass;
            let target = f64::from(choice.target);
            self.sum.loss -= target * score;
            for (k, &a) in x.iter().enumerate() {
                self.sum.gradient[first + k] += (p - target) * a;
                mean[first + k] += p * a;
            }
            let root = p.sqrt();
            self.rows[usize::from(!choice.met)].extend(x.iter().map(|a| root * a));
        }
        // `mean` is T x̄ so far.
        mean.iter_mut().for_each(|a| *a /= total.sqrt());
    }

    /// Multiplies the rows out.
    fn finish(mut self, columns: &Columns) -> Curvature {
        let n = self.sum.gradient.len();
        let n_met = 1 + columns.met.len();
        let mut hessian = MatMut::from_row_major_slice_mut(&mut self.sum.hessian, n, n);
        let mut add = |rows: &[f64], first: usize, width: usize, factor: f64| {
            if width == 0 || rows.is_empty() {
                return;
            }
            let x = MatRef::from_row_major_slice(rows, rows.len() / width, width);
            let to = hessian.as_mut().submatrix_mut(first, first, width, width);
            matmul(to, Accum::Add, x.transpose(), x, factor, Par::Seq);
        };
        add(&self.rows[0], 0, n_met, 1.0);
        add(&self.rows[1], n_met, n - n_met, 1.0);
        add(&self.means, 0, n, -1.0);
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Users who choose among items met (first feature) and new ones (second feature).
    fn choices() -> Choices {
        let mut choices = Choices::new(2);
        for user in 0..200u32 {
            let draw = |n: u32| ((user * 7 + n * 13) % 11) as f32 / 11.0;
            let rows: Vec<(bool, [f32; 2])> = (0..6)
                .map(|n| (n < 3, [if n < 3 { draw(n) } else { 0.0 }, draw(n + 9)]))
                .collect();
            let chosen = (user % 6) as usize;
            let users = rows.iter().enumerate().map(|(n, row)| Choice {
                met: row.0,
                target: f32::from(u8::from(n == chosen)),
            });
            choices.users.push(users);
            choices.features.extend(rows.iter().flat_map(|row| row.1));
        }
        choices
    }

    fn columns() -> Columns {
        Columns {
            met: vec![0, 1],
            new: vec![1],
        }
    }

    #[test]
    fn features_that_are_zero_for_all_candidates_say_nothing() {
        let Columns { met, new } = choices().informative();
        assert_eq!((met, new), (vec![0, 1], vec![1]));
        assert_eq!(Choices::new(2).informative().n_features(), 0);
    }

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let (choices, columns) = (choices(), columns());
        let at = [0.3, -0.2, 0.5, 0.7];
        let users: Vec<usize> = (0..200).collect();
        let sample = Sample {
            choices: &choices,
            users: &users,
        };
        let here = curvature(sample, &columns, &at, 0.5);
        for k in 0..4 {
            let moved = |by: f64| {
                let mut there = at;
                there[k] += by;
                curvature(sample, &columns, &there, 0.5)
            };
            let (up, down) = (moved(1e-5), moved(-1e-5));
            let slope = (up.loss - down.loss) / 2e-5;
            assert!((slope - here.gradient[k]).abs() < 1e-4, "{slope} at {k}");
            for j in 0..4 {
                let slope = (up.gradient[j] - down.gradient[j]) / 2e-5;
                assert!(
                    (slope - here.hessian[j * 4 + k]).abs() < 1e-4,
                    "{slope} at {j}, {k}"
                );
            }
        }
    }

    #[test]
    fn the_minimum_has_no_slope_and_is_the_same_at_any_number_of_threads() {
        let (choices, columns) = (choices(), columns());
        let users: Vec<usize> = (0..200).collect();
        let sample = Sample {
            choices: &choices,
            users: &users,
        };
        let weights = fit(sample, &columns, 1.0, None);
        let flat = [weights.bias, weights.met[0], weights.met[1], weights.new[1]];
        let slope = curvature(sample, &columns, &flat, 1.0).gradient;
        assert!(slope.iter().all(|g| g.abs() < 1e-3), "{slope:?}");
        assert_eq!(weights.new[0], 0.0);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| fit(sample, &columns, 1.0, None)), weights);
    }

    #[test]
    fn one_feature_by_hand() {
        // Two candidates, met or not; 3 of 4 choose the one met: e^b / (1 + e^b) = 3/4 without l2.
        let mut choices = Choices::new(0);
        for user in 0..4 {
            let met = f32::from(u8::from(user < 3));
            let choice = |met, target| Choice { met, target };
            choices
                .users
                .push([choice(true, met), choice(false, 1.0 - met)]);
        }
        let columns = Columns {
            met: vec![],
            new: vec![],
        };
        let sample = Sample {
            choices: &choices,
            users: &[0, 1, 2, 3],
        };
        let weights = fit(sample, &columns, 1e-9, None);
        assert!((weights.bias - 3f64.ln()).abs() < 1e-5, "{}", weights.bias);
    }
}
