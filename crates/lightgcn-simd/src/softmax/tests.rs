use super::*;
use crate::parallel::same_at_any_thread_count;

struct Case {
    options: SoftmaxOptions,
    users: Vec<u32>,
    items: Vec<u32>,
    weights: Vec<f32>,
    candidate_weights: Vec<f32>,
    excluded: Option<Vec<Vec<u32>>>,
    dim: usize,
}

impl Case {
    fn run(&self, users: &[f32], items: &[f32]) -> (f64, Vec<f32>, Vec<f32>) {
        let pairs = SoftmaxPairs {
            users: &self.users,
            items: &self.items,
            weights: &self.weights,
            candidate_weights: &self.candidate_weights,
            excluded: self.excluded.as_deref(),
        };
        let at = |level| {
            let (mut u, mut i) = (vec![f32::NAN; users.len()], vec![f32::NAN; items.len()]);
            let tables = SoftmaxTables {
                users,
                items,
                dim: self.dim,
            };
            let gradients = SoftmaxGradients {
                users: &mut u,
                items: &mut i,
            };
            let loss = softmax_loss_at(level, &self.options, &pairs, tables, gradients);
            (loss, u, i)
        };
        let best = at(Level::detect());
        for level in Level::all() {
            let (loss, u, i) = at(level);
            if level == Level::Portable {
                let near = |a: f32, b: f32| (a - b).abs() <= 2e-4 * a.abs().max(1.0);
                assert!(near(loss as f32, best.0 as f32));
                assert!(u.iter().zip(&best.1).all(|(&a, &b)| near(a, b)));
                assert!(i.iter().zip(&best.2).all(|(&a, &b)| near(a, b)));
            } else {
                assert!(
                    (loss, u, i) == best,
                    "registers of any width, the same bits"
                );
            }
        }
        best
    }

    /// The loss by its formula, pair by pair, in double precision.
    fn by_definition(&self, users: &[f64], items: &[f64]) -> f64 {
        let dim = self.dim;
        let row = |rows: &[f64], n: u32| {
            let row = rows[n as usize * dim..][..dim].to_vec();
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            row.iter().map(|x| x / norm).collect::<Vec<f64>>()
        };
        let tau = f64::from(self.options.temperature);
        let mut loss = 0.0;
        for p in 0..self.users.len() {
            let (user, item) = (self.users[p], self.items[p]);
            let score = |j: u32| {
                let (u, i) = (row(users, user), row(items, j));
                u.iter().zip(&i).map(|(a, b)| a * b).sum::<f64>() / tau
            };
            let mut total = 0.0;
            for (j, m) in self.candidate_weights.iter().enumerate() {
                let j = j as u32;
                let out = self
                    .excluded
                    .as_ref()
                    .is_some_and(|e| e[user as usize].contains(&j));
                if j != item && !out {
                    total += f64::from(*m) * score(j).exp();
                }
            }
            let mut part = -score(item);
            if total > 0.0 {
                part += f64::from(self.options.negative_weight) * total.ln();
            }
            loss += f64::from(self.weights[p]) * part;
        }
        loss
    }

    /// Compares value and gradient with the definition and its central differences.
    fn check(&self, users: &[f32], items: &[f32], tolerance: f64) {
        let (loss, user_gradients, item_gradients) = self.run(users, items);
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (mut users, mut items) = (wide(users), wide(items));
        let expected = self.by_definition(&users, &items);
        assert!(
            (loss - expected).abs() < tolerance * expected.abs().max(1.0),
            "{loss}, not {expected}"
        );
        let step = 1e-6;
        for (which, gradients) in [&user_gradients, &item_gradients].into_iter().enumerate() {
            for (n, &got) in gradients.iter().enumerate() {
                let mut at = |delta: f64| {
                    let table = if which == 0 { &mut users } else { &mut items };
                    table[n] += delta;
                    let loss = self.by_definition(&users, &items);
                    let table = if which == 0 { &mut users } else { &mut items };
                    table[n] -= delta;
                    loss
                };
                let slope = (at(step) - at(-step)) / (2.0 * step);
                assert!(
                    (f64::from(got) - slope).abs() < tolerance * slope.abs().max(1.0),
                    "table {which}, number {n}: {got}, not {slope}"
                );
            }
        }
    }
}

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 1009.0 - 0.45)
        .collect()
}

fn case(temperature: f32, negative_weight: f32) -> Case {
    Case {
        options: SoftmaxOptions {
            temperature,
            negative_weight,
        },
        // User 1 has two pairs, item 2 occurs twice.
        users: vec![0, 1, 1, 3],
        items: vec![2, 0, 2, 4],
        weights: vec![0.25, 0.5, 0.25, 1.0],
        candidate_weights: vec![1.0, 3.0, 2.0, 0.5, 1.0],
        excluded: None,
        dim: 3,
    }
}

#[test]
fn two_pairs_by_hand() {
    let case = Case {
        options: SoftmaxOptions {
            temperature: 0.5,
            negative_weight: 1.0,
        },
        users: vec![0, 1],
        items: vec![0, 1],
        weights: vec![1.0, 1.0],
        candidate_weights: vec![1.0, 1.0, 2.0],
        excluded: None,
        dim: 2,
    };
    // Of any length: cosines count. Users along x and y; items along x, y and −x.
    let (loss, users, _) = case.run(&[2.0, 0.0, 0.0, 0.5], &[3.0, 0.0, 0.0, 1.0, -7.0, 0.0]);
    // User 0: −1/.5 + ln(e^0 + 2 e^−2); user 1: −1/.5 + ln(e^0 + 2 e^0).
    let expected = -4.0 + (1.0 + 2.0 * (-2.0_f64).exp()).ln() + 3.0_f64.ln();
    assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
    // User 0 may turn towards y alone: item 1's share e^0 / (e^0 + 2 e^−2), over τ, over their
    // length 2.
    let slope = 1.0 / (1.0 + 2.0 * (-2.0_f32).exp()) / 0.5 / 2.0;
    assert!(
        users[0].abs() < 1e-6 && (users[1] - slope).abs() < 1e-6,
        "{users:?}"
    );
}

#[test]
fn equals_the_definition_and_its_differences() {
    for (temperature, weight) in [(0.2, 1.0), (0.12, 0.84), (0.5, 1.3)] {
        let mut case = case(temperature, weight);
        let (users, items) = (numbers(12, 1), numbers(15, 2));
        case.check(&users, &items, 2e-4);
        case.excluded = Some(vec![vec![0, 1], vec![1, 2], vec![], vec![4]]);
        case.check(&users, &items, 2e-4);
    }
}

#[test]
fn a_pair_without_negatives_has_its_first_term() {
    let mut case = case(0.5, 1.0);
    case.excluded = Some(vec![
        vec![0, 1, 3, 4],
        vec![0, 1, 2, 3, 4],
        vec![],
        vec![0, 1, 2, 3],
    ]);
    let (users, items) = (numbers(12, 3), numbers(15, 4));
    case.check(&users, &items, 2e-4);
    let (loss, users, items) = case.run(&users, &items);
    assert!(loss.is_finite() && users.iter().chain(&items).all(|x| x.is_finite()));
}

#[test]
fn low_temperatures_and_zero_vectors_stay_finite() {
    let case = case(0.01, 1.0);
    let mut users = numbers(12, 5);
    users[..3].fill(0.0);
    // Items that point the same and opposite ways.
    let items: Vec<f32> = (0..5)
        .flat_map(|i| [1.0, 0.5, 0.2].map(|x| if i % 2 == 0 { x } else { -x }))
        .collect();
    let (loss, users, items) = case.run(&users, &items);
    assert!(loss.is_finite() && users.iter().chain(&items).all(|x| x.is_finite()));
}

#[test]
fn an_empty_batch_has_no_loss_and_no_gradient() {
    let case = Case {
        users: vec![],
        items: vec![],
        weights: vec![],
        ..case(0.1, 1.0)
    };
    assert_eq!(
        case.run(&[1.0; 6], &[1.0; 15]),
        (0.0, vec![0.0; 6], vec![0.0; 15])
    );
}

#[test]
fn many_blocks_equal_the_definition_at_any_thread_count() {
    many_blocks(8);
    many_blocks(70);
}

fn many_blocks(dim: usize) {
    let (n_users, n_items) = (300_u32, 211);
    let users: Vec<u32> = (0..400).map(|p| p * n_users / 400).collect();
    let case = Case {
        options: SoftmaxOptions {
            temperature: 0.15,
            negative_weight: 0.9,
        },
        items: (0..400).map(|p| p * 97 % n_items).collect(),
        weights: (0..400).map(|p| 1.0 / (400 + p % 3) as f32).collect(),
        candidate_weights: (0..n_items).map(|i| 1.0 + (i % 4) as f32).collect(),
        users,
        excluded: None,
        dim,
    };
    let users = numbers(n_users as usize * dim, 6);
    let items = numbers(n_items as usize * dim, 7);
    let (loss, ..) = same_at_any_thread_count(|| case.run(&users, &items));
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let expected = case.by_definition(&wide(&users), &wide(&items));
    assert!(
        (loss - expected).abs() < 1e-5 * expected.abs(),
        "{loss}, not {expected}"
    );
}

#[test]
#[should_panic(expected = "the pairs must ascend by user")]
fn pairs_out_of_order_panic() {
    let mut case = case(0.1, 1.0);
    case.users.swap(0, 3);
    case.run(&[1.0; 12], &[1.0; 15]);
}
