use super::*;

const EMBEDDINGS: [f32; 10] = [1.0, 2.0, 3.0, -1.0, 1.0, 0.0, 0.0, 1.0, 2.0, 2.0];

#[test]
fn one_triple_by_hand() {
    let triples = BprTriples {
        users: &[0],
        positives: &[4],
        negatives: &[3],
        weights: &[0.5],
    };
    let mut gradients = [0.0; 10];
    let loss = bpr_loss(&triples, &EMBEDDINGS, 2, &mut gradients);
    // Scores 6 and 2.
    assert!((loss - 0.5 * (-4.0_f64).exp().ln_1p()).abs() < 1e-9);
    let slope = -0.5 / (1.0 + 4.0_f32.exp());
    let expected = [
        2.0 * slope,
        slope,
        0.0,
        0.0,
        0.0,
        0.0,
        -slope,
        -2.0 * slope,
        slope,
        2.0 * slope,
    ];
    for (got, expected) in gradients.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-7, "{gradients:?}");
    }
}

#[test]
fn gradients_are_central_differences_with_repeats_and_several_negatives() {
    let triples = BprTriples {
        users: &[0, 1, 0],
        positives: &[4, 2, 2],
        negatives: &[3, 2, 3, 4, 3, 3],
        weights: &[0.2, 0.3, 0.1],
    };
    let mut gradients = [0.0; 10];
    let value = |table: &[f32]| bpr_loss(&triples, table, 2, &mut [0.0; 10]);
    bpr_loss(&triples, &EMBEDDINGS, 2, &mut gradients);
    for n in 0..10 {
        let mut table = EMBEDDINGS;
        table[n] += 1e-3;
        let above = value(&table);
        table[n] -= 2e-3;
        let slope = (above - value(&table)) / 2e-3;
        assert!(
            (f64::from(gradients[n]) - slope).abs() < 1e-3,
            "{n}: {} {slope}",
            gradients[n]
        );
    }
}

#[test]
fn margins_of_any_size_stay_finite() {
    let table = [1e18, 0.0, 1e18, 0.0, -1e18, 0.0];
    for (positive, negative) in [(1, 2), (2, 1)] {
        let triples = BprTriples {
            users: &[0],
            positives: &[positive],
            negatives: &[negative],
            weights: &[1.0],
        };
        let mut gradients = [0.0; 6];
        let loss = bpr_loss(&triples, &table, 2, &mut gradients);
        assert!(loss.is_finite() && gradients.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn an_empty_batch_is_zero() {
    let triples = BprTriples {
        users: &[],
        positives: &[],
        negatives: &[],
        weights: &[],
    };
    assert_eq!(bpr_loss(&triples, &EMBEDDINGS, 2, &mut [0.0; 10]), 0.0);
}
