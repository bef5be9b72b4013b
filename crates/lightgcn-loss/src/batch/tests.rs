use super::*;
use crate::test_support::{B, assert_close, batch, values};

fn table() -> Tensor<B, 2> {
    // Two users, three items.
    Tensor::from_floats(
        [[1.0, 2.0], [3.0, -1.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
        &Default::default(),
    )
}

/// Users 0, 1, 0 of two, items 2, 0, 2 of four, and the shared items 0 and 3.
fn shared_batch() -> Batch<B> {
    let ids = BatchIds {
        users: &[0, 1, 0],
        positives: &[2, 0, 2],
        shared: &[0, 3],
        ..BatchIds::default()
    };
    Batch::new(&ids, TableRows::new(2, 4), &Default::default())
}

fn bools(tensor: Tensor<B, 2, Bool>) -> Vec<bool> {
    tensor.into_data().iter::<bool>().collect()
}

#[test]
fn scores_are_dot_products() {
    let one = batch(&[0, 1], &[2, 0], &[1, 1], &[]);
    let (positive, negative) = one.scores(table());
    assert_eq!((one.batch_size(), one.n_negatives()), (2, 1));
    assert_close(&values(positive), &[6.0, 3.0], 0.0);
    assert_eq!(negative.dims(), [2, 1]);
    assert_close(&values(negative), &[2.0, -1.0], 0.0);

    // Shared items change nothing.
    for shared in [&[] as &[u32], &[0, 2]] {
        let two = batch(&[0, 1], &[2, 0], &[0, 1, 1, 2], shared);
        let (positive, negative) = two.scores(table());
        assert_close(&values(positive), &[6.0, 3.0], 0.0);
        assert_eq!(negative.dims(), [2, 2]);
        assert_close(&values(negative), &[1.0, 2.0, -1.0, 4.0], 0.0);
    }
}

#[test]
fn rows_are_users_positives_negatives_and_shared_items() {
    let shared = shared_batch();
    assert_eq!((shared.batch_size(), shared.n_candidates()), (3, 5));
    assert_eq!(shared.rows().as_slice(), [0, 1, 0, 4, 2, 4, 2, 5]);
    let both = batch(&[0, 1], &[2, 0], &[1, 1], &[0]);
    assert_eq!(both.rows().as_slice(), [0, 1, 4, 2, 3, 3, 2]);
}

#[test]
fn candidates_are_positives_and_shared_items() {
    let (none, negatives): (&[u32], &[u32]) = (&[], &[1, 1]);
    for (negatives, shared) in [(none, &[0][..]), (negatives, &[0][..]), (negatives, none)] {
        let batch = batch(&[0, 1], &[2, 1], negatives, shared);
        let (_, candidates) = batch.unit_rows(table());
        let half = 0.5_f64.sqrt();
        let expected = [half, half, 0.0, 1.0, 1.0, 0.0];
        assert_close(&values(candidates), &expected[..4 + 2 * shared.len()], 1e-6);
        assert_eq!(batch.excluded().dims(), [2, 2 + shared.len()]);
    }
}

#[test]
fn the_pairs_own_item_and_known_positives_are_excluded() {
    let (x, o) = (true, false);
    let own = [[x, o, x, o, o], [o, x, o, x, o], [x, o, x, o, o]];
    assert_eq!(bools(shared_batch().excluded()), own.concat());
    let mask = [[o, o, o, o, x], [o, x, o, o, o], [o, o, o, o, o]];
    let mask = Tensor::from_data(mask, &Default::default());
    let both = [[x, o, x, o, x], [o, x, o, x, o], [x, o, x, o, o]];
    let masked = shared_batch().with_known_positives(mask);
    assert_eq!(bools(masked.excluded()), both.concat());
}

#[test]
fn shared_items_have_uniform_popularity() {
    let batch = shared_batch().with_popularity(&[0.5, 0.25, 0.5]);
    let ln_2 = std::f64::consts::LN_2;
    let expected = [-ln_2, -2.0 * ln_2, -ln_2, -2.0 * ln_2, -2.0 * ln_2];
    let found = values(batch.log_popularity().unwrap().clone());
    assert_close(&found, &expected, 1e-7);
}

#[test]
fn unit_rows_have_length_one_or_zero() {
    let table = [
        [3.0, 4.0],
        [0.0, -2.0],
        [0.0, 0.0],
        [7.0, 7.0],
        [-8.0, 6.0],
        [1e-3, 0.0],
    ];
    let table = Tensor::<B, 2>::from_floats(table, &Default::default());
    let (users, candidates) = shared_batch().unit_rows(table);
    assert_close(&values(users), &[0.6, 0.8, 0.0, -1.0, 0.6, 0.8], 1e-6);
    let expected = [-0.8, 0.6, 0.0, 0.0, -0.8, 0.6, 0.0, 0.0, 1.0, 0.0];
    assert_close(&values(candidates), &expected, 1e-6);
}

#[test]
fn l2_counts_rows_as_often_as_they_are_read_but_not_shared_items() {
    // Squared lengths: users 5 and 10, positives 8 and 1, negatives 1 and 1.
    let with_negatives = batch(&[0, 1], &[2, 0], &[1, 1], &[]);
    assert_close(&values(with_negatives.l2(table())), &[26.0 / 4.0], 1e-6);
    // Users 5, 10 and 5, positives 8, 1 and 8.
    let with_shared = batch(&[0, 1, 0], &[2, 0, 2], &[], &[1]);
    let layer0 = table().require_grad();
    let l2 = with_shared.l2(layer0.clone());
    assert_close(&values(l2.clone()), &[37.0 / 6.0], 1e-6);
    let gradient = layer0.grad(&l2.backward()).unwrap();
    // e · (times read) / 3 on users and positives.
    let expected = [2.0, 4.0, 3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 4.0, 4.0].map(|e| e / 3.0);
    assert_close(&values(gradient), &expected, 1e-6);
}

#[test]
fn tables_may_have_further_rows() {
    let ids = BatchIds {
        users: &[0],
        positives: &[2],
        negatives: &[1],
        ..BatchIds::default()
    };
    let rows = TableRows {
        n_nodes: 6,
        ..TableRows::new(2, 3)
    };
    let batch = Batch::<B>::new(&ids, rows, &Default::default());
    let further = Tensor::from_floats([[9.0, 9.0]], &Default::default());
    let (positive, _) = batch.scores(Tensor::cat(vec![table(), further], 0));
    assert_close(&values(positive), &[6.0], 0.0);
}

#[test]
#[should_panic(expected = "user 2 at position 1 is outside 0..2")]
fn a_user_id_out_of_range_panics() {
    batch(&[0, 2], &[0, 0], &[1, 1], &[]);
}

#[test]
#[should_panic(expected = "negative item 3 at position 0 is outside 0..3")]
fn a_negative_out_of_range_panics() {
    batch(&[0], &[0], &[3], &[]);
}

#[test]
#[should_panic(expected = "shared item 3 at position 0 is outside 0..3")]
fn a_shared_item_out_of_range_panics() {
    batch(&[0], &[0], &[], &[3]);
}

#[test]
#[should_panic(expected = "3 negatives do not divide evenly over 2 users")]
fn an_uneven_number_of_negatives_panics() {
    batch(&[0, 1], &[0, 0], &[1, 1, 1], &[]);
}

#[test]
#[should_panic(expected = "1 positives for 2 users")]
fn a_user_without_a_positive_panics() {
    batch(&[0, 1], &[0], &[], &[]);
}

#[test]
#[should_panic(expected = "there are no pairs")]
fn an_empty_batch_panics() {
    batch(&[], &[], &[], &[]);
}

#[test]
#[should_panic(expected = "the pairs have no negatives")]
fn scores_without_negatives_panic() {
    batch(&[0], &[0], &[], &[]).scores(table());
}

#[test]
#[should_panic(expected = "2 weights for 3 pairs")]
fn a_different_number_of_weights_panics() {
    let _ = shared_batch().with_weights(&[1.0; 2]);
}

#[test]
#[should_panic(expected = "5 shares of popularity for 3 pairs")]
fn a_different_number_of_shares_panics() {
    let _ = shared_batch().with_popularity(&[0.1; 5]);
}

#[test]
#[should_panic(expected = "the popularity at position 1 is 0")]
fn a_share_of_zero_panics() {
    let _ = shared_batch().with_popularity(&[0.1, 0.0, 0.1]);
}

#[test]
#[should_panic(expected = "a mask of [3, 3] for pairs and candidates [3, 5]")]
fn a_mask_of_another_shape_panics() {
    let mask = Tensor::from_data([[false; 3]; 3], &Default::default());
    let _ = shared_batch().with_known_positives(mask);
}

#[test]
#[should_panic(expected = "1 top-K thresholds for 3 pairs")]
fn a_different_number_of_thresholds_panics() {
    let _ = shared_batch().with_top_k_thresholds(&[0.5]);
}
