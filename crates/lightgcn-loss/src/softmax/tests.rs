use super::*;
use crate::config::TopKConfig;
use crate::test_support::{B, SoftmaxCase, assert_close, f64_tensor};
use burn::tensor::TensorData;

/// Users (1, 0) and (0, 1), items along (0.6, 0.8), (0.8, −0.6) and (−1, 0): the cosines are 0.6, 0.8
/// and −1 for user 0; 0.8, −0.6 and 0 for user 1. Divided by τ = 0.5 they double.
const TABLE: [f64; 10] = [1.0, 0.0, 0.0, 3.0, 1.2, 1.6, 0.4, -0.3, -2.0, 0.0];

fn case(users: &[u32], items: &[u32], shared: &[u32]) -> SoftmaxCase {
    let mut case = SoftmaxCase::new(users, items, shared, (2, 3));
    case.config.temperature = 0.5;
    case
}

/// Holds the loss, and the formula in 64 bits that other tests rely on, against a number.
fn assert_loss(case: &SoftmaxCase, by_hand: f64) {
    let elements = TABLE.map(|e| e as f32).to_vec();
    let table = Tensor::<B, 2>::from_data(TensorData::new(elements, [5, 2]), &Default::default());
    assert_close(&[case.run(table).0], &[by_hand], 1e-6);
    let formula = case.loss(&TABLE, &case.factors(&TABLE));
    assert_close(&[formula], &[by_hand], 1e-7);
}

fn sigmoid_of(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn sampled_softmax_equals_the_formula() {
    // −1.2 + 1.6 and 1.2 + 1.6.
    assert_loss(&case(&[0, 1], &[0, 1], &[]), (0.4 + 2.8) / 2.0);
}

#[test]
fn bilateral_softmax_equals_the_formula() {
    let mut case = case(&[0, 1], &[0, 1], &[]);
    case.config.negative_weight = 0.75;
    assert_loss(&case, (-1.2 + 1.2 + 1.2 + 1.2) / 2.0);
}

#[test]
fn shared_negatives_equal_the_formula() {
    let first = -1.2 + (1.6_f64.exp() + (-2.0_f64).exp()).ln();
    let second = 1.2 + (1.6_f64.exp() + 1.0).ln();
    assert_loss(&case(&[0, 1], &[0, 1], &[2]), (first + second) / 2.0);
    // A shared item is not a negative of the pair that has it, and counts again for the other.
    let second = 1.2 + (2.0 * 1.6_f64.exp()).ln();
    assert_loss(&case(&[0, 1], &[0, 1], &[0]), (0.4 + second) / 2.0);
}

#[test]
fn popularity_correction_equals_the_formula() {
    let mut case = case(&[0, 1], &[0, 1], &[2]);
    case.config.popularity_correction = 0.5;
    case.popularity = Some(vec![0.25, 0.0625]);
    // q^−κ is 2 for item 0, 4 for item 1 and √3 for the shared one of three.
    let root = 3.0_f64.sqrt();
    let first = -1.2 + (4.0 * 1.6_f64.exp() + root * (-2.0_f64).exp()).ln();
    let second = 1.2 + (2.0 * 1.6_f64.exp() + root).ln();
    assert_loss(&case, (first + second) / 2.0);
    // Without a correction the popularity is not read.
    case.config.popularity_correction = 0.0;
    case.shared.clear();
    assert_close(&[case.run(wide_table()).0], &[1.6], 1e-6);
}

fn wide_table() -> Tensor<B, 2> {
    f64_tensor([5, 2], &TABLE)
}

#[test]
fn repeated_items_equal_the_formula() {
    // The pair's own item is never a negative; another counts as often as it occurs.
    let ln_2 = std::f64::consts::LN_2;
    let parts = [-1.2 + 1.6, -1.6 - 1.2, -1.6 + 1.2 + ln_2];
    let sum: f64 = parts.iter().sum();
    assert_loss(&case(&[0, 1, 0], &[0, 0, 1], &[]), sum / 3.0);
}

#[test]
fn pairs_without_negatives_equal_the_formula() {
    assert_loss(&case(&[0, 1], &[0, 0], &[]), (-1.2 - 1.6) / 2.0);
    assert_loss(&case(&[0, 1], &[0, 0], &[0, 0]), (-1.2 - 1.6) / 2.0);
    assert_loss(&case(&[0], &[2], &[]), 2.0);
}

#[test]
fn known_positives_are_no_negatives() {
    let mut case = case(&[0, 1], &[0, 1], &[2]);
    // User 0 knows items 0 and 1, user 1 only item 1.
    case.known = Some(vec![vec![true, true, false], vec![false, true, false]]);
    let second = 1.2 + (1.6_f64.exp() + 1.0).ln();
    assert_loss(&case, (-1.2 - 2.0 + second) / 2.0);
    // Nothing is left for user 0.
    case.known = Some(vec![vec![true; 3], vec![false; 3]]);
    assert_loss(&case, (-1.2 + second) / 2.0);
}

#[test]
fn weights_multiply_each_pair() {
    let mut case = case(&[0, 1], &[0, 1], &[]);
    case.weights = Some(vec![3.0, 0.5]);
    assert_loss(&case, (3.0 * 0.4 + 0.5 * 2.8) / 2.0);
}

#[test]
fn softmax_at_k_equals_the_formula() {
    let mut case = case(&[0, 1], &[0, 1], &[]);
    case.config.top_k = Some(TopKConfig {
        k: 1,
        temperature: 0.25,
        ..TopKConfig::default()
    });
    case.thresholds = Some(vec![0.6, 0.4]);
    // Margins 0 and −1.
    let second = sigmoid_of(-4.0) * 2.8;
    assert_loss(&case, (0.5 * 0.4 + second) / 2.0);
    case.weights = Some(vec![2.0, 10.0]);
    assert_loss(&case, (0.4 + 10.0 * second) / 2.0);
}

/// Numbers between −1 and 1 that follow no simple rule.
fn numbers(count: usize) -> Vec<f64> {
    (0..count as u64)
        .map(|index| {
            let hash = (index + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((hash ^ (hash >> 31)) >> 16) as u16 as f64 / 32768.0 - 1.0
        })
        .collect()
}

/// Six pairs of four users and five items, with repeats on both sides, and three shared items.
fn mixed() -> SoftmaxCase {
    SoftmaxCase::new(&[0, 3, 1, 0, 2, 3], &[4, 0, 2, 0, 4, 1], &[3, 0, 3], (4, 5))
}

#[test]
fn values_and_gradients_equal_the_formula() {
    let table = numbers(9 * 4);
    mixed().check(&table);
    let mut case = mixed();
    case.config.temperature = 0.2;
    case.config.negative_weight = 1.3;
    case.check(&table);
    case.weights = Some(vec![0.5, 1.0, 0.125, 2.0, 0.0, 1.5]);
    case.check(&table);
    case.popularity = Some(vec![0.25, 0.5, 0.125, 0.5, 0.25, 0.0625]);
    for correction in [0.5, 1.0] {
        case.config.popularity_correction = correction;
        case.check(&table);
    }
    let known = |p: usize, j: usize| (3 * p + j).is_multiple_of(4) || p == 2;
    let rows = (0..6).map(|p| (0..9).map(|j| known(p, j)).collect());
    case.known = Some(rows.collect());
    case.check(&table);
}

#[test]
fn the_weights_of_softmax_at_k_are_constants() {
    let table = numbers(9 * 4);
    let mut case = mixed();
    case.config.top_k = Some(TopKConfig {
        k: 2,
        temperature: 0.3,
        ..TopKConfig::default()
    });
    case.thresholds = Some(vec![0.5, -0.25, 0.75, 0.5, 0.125, -0.25]);
    case.check(&table);
    // The formula with weights that move has another gradient, so that the check above can fail.
    let still = case.factors(&table);
    let mut moved = table.clone();
    moved[0] += 1e-4;
    let moving = case.loss(&moved, &case.factors(&moved)) - case.loss(&moved, &still);
    assert!((moving / 1e-4).abs() > 1e-3, "{moving}");
}

#[test]
fn low_temperatures_and_long_embeddings_stay_finite() {
    let long: Vec<f64> = numbers(9 * 4).iter().map(|e| 1e6 * e).collect();
    for temperature in [1e-4, 1e-3, 1e4] {
        let mut case = mixed();
        case.config.temperature = temperature;
        case.config.popularity_correction = 1.0;
        case.popularity = Some(vec![1.0, 1e-30, 1e-7, 0.5, 1.0, 1e-30]);
        let elements: Vec<f32> = long.iter().map(|e| *e as f32).collect();
        let data = TensorData::new(elements, [9, 4]);
        let table = Tensor::<B, 2>::from_data(data, &Default::default());
        let (loss, slopes) = case.run(table);
        assert!(slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
        let expected = case.loss(&long, &case.factors(&long));
        assert_close(&[loss], &[expected], 1e-4);
    }
}

#[test]
fn rows_of_zeros_stay_finite() {
    let table = Tensor::<B, 2>::zeros([9, 4], &Default::default());
    let (loss, slopes) = mixed().run(table);
    assert!(slopes.iter().all(|slope| *slope == 0.0));
    // All cosines are 0, so that ln of the number of negatives is left.
    let negatives = [7.0, 6.0, 8.0, 6.0, 7.0, 8.0_f64];
    let expected = negatives.iter().map(|n| n.ln()).sum::<f64>() / 6.0;
    assert_close(&[loss], &[expected], 1e-6);
}

#[test]
fn the_same_batch_gives_the_same_bits_at_any_thread_count() {
    let (pairs, n_users, n_items, dimension) = (300_u32, 100, 150, 64);
    let users: Vec<u32> = (0..pairs).map(|p| p * 7 % n_users).collect();
    let items: Vec<u32> = (0..pairs).map(|p| p * 11 % n_items).collect();
    let shared: Vec<u32> = (0..40).map(|p| p * 13 % n_items).collect();
    let nodes = (n_users as usize, n_items as usize);
    let case = SoftmaxCase::new(&users, &items, &shared, nodes);
    let n_nodes = nodes.0 + nodes.1;
    let elements: Vec<f32> = numbers(n_nodes * dimension)
        .iter()
        .map(|e| *e as f32)
        .collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let data = TensorData::new(elements.clone(), [n_nodes, dimension]);
            let table = Tensor::<B, 2>::from_data(data, &Default::default());
            let (loss, slopes) = case.run(table);
            let all = std::iter::once(loss).chain(slopes);
            all.map(f64::to_bits).collect::<Vec<_>>()
        })
    };
    let one = run(1);
    assert_eq!(run(2), one);
    assert_eq!(run(5), one);
}

#[test]
fn every_setting_out_of_range_is_an_issue() {
    assert_eq!(SoftmaxConfig::default().check(), Ok(()));
    let config = SoftmaxConfig {
        temperature: 0.001,
        negative_weight: -1.0,
        popularity_correction: 1.5,
        shared_negatives: 1 << 20,
        mask_positives: false,
        top_k: Some(TopKConfig {
            k: 0,
            temperature: f64::INFINITY,
            every: 0,
        }),
    };
    let Err(LossError::Config { issues, .. }) = config.check() else {
        panic!("the settings are accepted");
    };
    let found: Vec<(&str, f64)> = issues.iter().map(|i| (i.setting, i.value)).collect();
    let expected = [
        ("temperature", 0.001),
        ("negative_weight", -1.0),
        ("popularity_correction", 1.5),
        ("shared_negatives", 1_048_576.0),
        ("top_k.k", 0.0),
        ("top_k.temperature", f64::INFINITY),
        ("top_k.every", 0.0),
    ];
    assert_eq!(found, expected);
}

#[test]
fn not_a_number_is_an_issue() {
    let config = SoftmaxConfig {
        temperature: f64::NAN,
        negative_weight: f64::NAN,
        popularity_correction: f64::NAN,
        ..SoftmaxConfig::default()
    };
    let Err(LossError::Config { issues, .. }) = config.check() else {
        panic!("the settings are accepted");
    };
    assert_eq!(issues.len(), 3);
}

#[test]
fn the_message_lists_every_issue() {
    let config = SoftmaxConfig {
        temperature: 0.0,
        negative_weight: 0.0,
        ..SoftmaxConfig::default()
    };
    insta::assert_snapshot!(
        config.check().unwrap_err(),
        @"softmax: temperature is 0; it must be from 0.01 to 100; negative_weight is 0; it must be positive and finite"
    );
}

#[test]
fn top_k_weights_equal_the_formula() {
    let top_k = TopKConfig {
        temperature: 0.25,
        ..TopKConfig::default()
    };
    assert_eq!(top_k.weight(0.6, 0.6), 0.5);
    let weight = f64::from(top_k.weight(-0.6, 0.4));
    assert!((weight - sigmoid_of(-4.0)).abs() < 1e-7);
}

#[test]
fn thresholds_are_due_before_the_first_epoch_and_after_every_few() {
    let top_k = TopKConfig {
        every: 3,
        ..TopKConfig::default()
    };
    let due: Vec<u32> = (0..8).filter(|&epoch| top_k.is_due(epoch)).collect();
    assert_eq!(due, [0, 3, 6]);
}

#[test]
#[should_panic(expected = "the batch has no popularity, which the correction needs")]
fn a_correction_without_popularity_panics() {
    let mut case = case(&[0, 1], &[0, 1], &[]);
    case.config.popularity_correction = 1.0;
    case.run(wide_table());
}

#[test]
#[should_panic(expected = "the batch has no top-K thresholds, which SL@K needs")]
fn softmax_at_k_without_thresholds_panics() {
    let mut case = case(&[0, 1], &[0, 1], &[]);
    case.config.top_k = Some(TopKConfig {
        k: 1,
        temperature: 1.0,
        ..TopKConfig::default()
    });
    case.run(wide_table());
}
