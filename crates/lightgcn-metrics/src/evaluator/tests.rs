use super::*;
use crate::{IntervalOptions, Metric, PairedTestOptions, RankingSummary};
use proptest::prelude::*;

fn items(ids: &[u32]) -> Vec<ItemId> {
    ids.iter().copied().map(ItemId).collect()
}

/// Four users over a catalogue of 6, of which one has no right answer.
fn evaluator() -> RankingEvaluator {
    let mut evaluator = RankingEvaluator::new(&[3, 1, 3], 6).unwrap();
    evaluator.update(UserId(4), &items(&[0, 1, 2]), &items(&[2, 0]));
    evaluator.update(UserId(1), &items(&[0, 3]), &items(&[5]));
    evaluator.update(UserId(2), &items(&[1, 0, 4]), &items(&[]));
    evaluator.update(UserId(0), &items(&[0, 4, 3, 5]), &items(&[4, 5, 5]));
    evaluator
}

#[test]
fn every_figure_is_as_computed_by_hand() {
    let evaluator = evaluator();
    assert_eq!((evaluator.ks(), evaluator.max_k()), (&[1, 3][..], 3));
    assert_eq!((evaluator.n_users(), evaluator.n_items()), (3, 6));
    let report = evaluator.compute().unwrap();
    assert_eq!(report.users(), items_of_users(&[0, 1, 4]));
    assert_eq!((report.n_users(), report.n_skipped()), (3, 1));
    // User 0 hits at 2, of two; user 1 never, of one; user 4 at 1 and 3, of two.
    let ideal = 1.0 + 1.0 / 3f64.log2();
    for (metric, k, expected) in [
        (Metric::Recall, 1, [0.0, 0.0, 0.5]),
        (Metric::Recall, 3, [0.5, 0.0, 1.0]),
        (Metric::Precision, 1, [0.0, 0.0, 1.0]),
        (Metric::Precision, 3, [1.0 / 3.0, 0.0, 2.0 / 3.0]),
        (
            Metric::Ndcg,
            3,
            [1.0 / 3f64.log2() / ideal, 0.0, 1.5 / ideal],
        ),
        (Metric::Map, 3, [0.25, 0.0, (1.0 + 2.0 / 3.0) / 2.0]),
        (Metric::Mrr, 3, [0.5, 0.0, 1.0]),
        (Metric::HitRate, 3, [1.0, 0.0, 1.0]),
    ] {
        let values = report.values(metric, k).unwrap();
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-15, "{metric}@{k}: {values:?}");
        }
        let mean = expected.iter().sum::<f64>() / 3.0;
        assert!((report.mean(metric, k).unwrap() - mean).abs() < 1e-15);
    }
    // At 1 everyone gets item 0. At 3: 0 three times, 1 once, 2 once, 3 twice, 4 once.
    assert_eq!(report.coverage(1).unwrap(), 1.0 / 6.0);
    assert_eq!(report.coverage(3).unwrap(), 5.0 / 6.0);
    assert_eq!(report.gini(1).unwrap(), Some(1.0));
    // Sorted 0, 1, 1, 1, 2, 3: 0·−5 − 3 − 1 + 1 + 6 + 15 = 18, over 5 · 8.
    assert_eq!(report.gini(3).unwrap(), Some(18.0 / 40.0));
    assert_eq!(report.novelty(3).unwrap(), None);
}

fn items_of_users(rows: &[u32]) -> Vec<UserId> {
    rows.iter().copied().map(UserId).collect()
}

#[test]
fn novelty_needs_popularity() {
    let popularity = [8, 4, 2, 1, 1, 0];
    let report = RankingEvaluator::new(&[2], 6)
        .unwrap()
        .with_popularity(&popularity)
        .map(|mut evaluator| {
            evaluator.update(UserId(0), &items(&[0, 1]), &items(&[3]));
            evaluator.update(UserId(1), &items(&[0, 3]), &items(&[3]));
            evaluator.compute().unwrap()
        })
        .unwrap();
    // Shares 1/2, 1/4, 1/2, 1/16: 1 + 2 + 1 + 4 bits over four places.
    assert_eq!(report.novelty(2).unwrap(), Some(2.0));
    for wrong in [&[1, 2][..], &[0; 6], &[u64::MAX, 1, 0, 0, 0, 0]] {
        let error = RankingEvaluator::new(&[2], 6)
            .unwrap()
            .with_popularity(wrong);
        assert!(matches!(error, Err(MetricsError::Popularity { .. })));
    }
}

#[test]
fn a_k_beyond_the_catalogue_is_a_shorter_list() {
    let mut evaluator = RankingEvaluator::new(&[100], 3).unwrap();
    evaluator.update(UserId(0), &items(&[2, 0]), &items(&[0, 2]));
    evaluator.update(UserId(1), &items(&[]), &items(&[1]));
    let report = evaluator.compute().unwrap();
    assert_eq!(report.values(Metric::Recall, 100).unwrap(), [1.0, 0.0]);
    assert_eq!(report.values(Metric::Precision, 100).unwrap(), [0.02, 0.0]);
    assert_eq!(report.values(Metric::Ndcg, 100).unwrap(), [1.0, 0.0]);
    assert_eq!(report.values(Metric::Map, 100).unwrap(), [1.0, 0.0]);
    assert_eq!(report.coverage(100).unwrap(), 2.0 / 3.0);
}

#[test]
fn issues_are_named() {
    assert!(matches!(
        RankingEvaluator::new(&[20, 0], 5),
        Err(MetricsError::Cutoffs { given, issues }) if given == [20, 0] && issues.len() == 1
    ));
    assert!(matches!(
        RankingEvaluator::new(&[], 5),
        Err(MetricsError::Cutoffs { .. })
    ));
    assert!(matches!(
        RankingEvaluator::new(&[1], 0),
        Err(MetricsError::Catalogue { n_items: 0 })
    ));
    let mut evaluator = RankingEvaluator::new(&[1], 5).unwrap();
    evaluator.update(UserId(0), &items(&[1]), &[]);
    let error = evaluator.compute().unwrap_err();
    assert_eq!(error, MetricsError::NoUsers { n_skipped: 1 });
    for _ in 0..2 {
        evaluator.update(UserId(3), &items(&[1]), &items(&[2]));
    }
    let error = evaluator.compute().unwrap_err();
    assert_eq!(error, MetricsError::RepeatedUser { user: 3 });
    let error = self::evaluator().compute().unwrap().mean(Metric::Map, 2);
    let evaluated = vec![1, 3];
    assert_eq!(
        error,
        Err(MetricsError::CutoffNotEvaluated { k: 2, evaluated })
    );
}

#[test]
#[should_panic(expected = "item row 6 in the truth of user row 9 is out of range")]
fn items_out_of_range_panic() {
    evaluator().update(UserId(9), &items(&[0]), &items(&[6]));
}

#[test]
#[should_panic(expected = "item row 2 occurs twice")]
fn repeated_items_panic() {
    evaluator().update(UserId(9), &items(&[2, 0, 2]), &items(&[1]));
}

#[test]
#[should_panic(expected = "same cutoffs")]
fn different_evaluators_are_not_merged() {
    evaluator().merge(&RankingEvaluator::new(&[1], 6).unwrap());
}

#[test]
fn summaries_hold_the_figures_and_survive_json() {
    let report = evaluator().compute().unwrap();
    let options = IntervalOptions {
        resamples: 200,
        ..IntervalOptions::default()
    };
    let summary = report.summary_with_intervals(&options).unwrap();
    for cutoff in &summary.cutoffs {
        for metric in Metric::ALL {
            assert_eq!(cutoff.mean(metric), report.mean(metric, cutoff.k).ok());
            let interval = report.interval(metric, cutoff.k, &options).ok();
            assert_eq!(cutoff.metrics[&metric].interval, interval);
        }
        assert_eq!(cutoff.coverage, report.coverage(cutoff.k).unwrap());
    }
    let json = serde_json::to_string(&summary).unwrap();
    assert!(json.contains("\"hit_rate\":{\"mean\":"), "{json}");
    assert_eq!(
        serde_json::from_str::<RankingSummary>(&json).unwrap(),
        summary
    );
    let plain = serde_json::to_string(&report.summary()).unwrap();
    assert!(
        !plain.contains("interval") && !plain.contains("novelty"),
        "{plain}"
    );
    assert_eq!(summary.at(3).map(|cutoff| cutoff.k), Some(3));
    assert_eq!(summary.at(2), None);
}

#[test]
fn reports_are_compared_user_by_user() {
    let (good, bad) = (
        report_of(|user| user % 3 != 0),
        report_of(|user| user % 3 == 0),
    );
    let options = PairedTestOptions::default();
    let test = good.compare(&bad, Metric::Recall, 1, &options).unwrap();
    // 40 of 60 users are better served, 20 worse.
    assert!((test.mean_difference - 1.0 / 3.0).abs() < 1e-12);
    // Twice the binomial tail of 40 or more heads in 60 tosses: 0.0134.
    assert!((0.008..0.02).contains(&test.p_value), "{test:?}");
    let error = good.compare(&evaluator().compute().unwrap(), Metric::Recall, 1, &options);
    assert!(matches!(error, Err(MetricsError::DifferentUsers { .. })));
}

fn report_of(is_hit: impl Fn(u32) -> bool) -> RankingReport {
    let mut evaluator = RankingEvaluator::new(&[1], 2).unwrap();
    for user in 0..60 {
        let first = u32::from(!is_hit(user));
        evaluator.update(UserId(user), &items(&[first]), &items(&[0]));
    }
    evaluator.compute().unwrap()
}

type User = (Vec<u32>, Vec<u32>);

/// Users with a shuffled list of a catalogue of 12 and a truth.
fn users() -> impl Strategy<Value = Vec<User>> {
    let catalogue: Vec<u32> = (0..12).collect();
    let list = (Just(catalogue.clone()).prop_shuffle(), 0usize..=12)
        .prop_map(|(list, n)| list[..n].to_vec());
    let truth = prop::sample::subsequence(catalogue, 0..6).prop_shuffle();
    prop::collection::vec((list, truth), 1..20)
}

fn evaluate(users: &[(u32, &User)]) -> RankingEvaluator {
    let mut evaluator = RankingEvaluator::new(&[2, 5, 20], 12).unwrap();
    for &(user, (ranked, truth)) in users {
        evaluator.update(UserId(user), &items(ranked), &items(truth));
    }
    evaluator
}

proptest! {
    #[test]
    fn order_and_merges_do_not_change_a_bit(users in users(), cut in 0usize..20) {
        let rows: Vec<(u32, &User)> = (0..).zip(&users).collect();
        let mut reversed = rows.clone();
        reversed.reverse();
        let (left, right) = reversed.split_at(cut.min(rows.len()));
        let mut merged = evaluate(left);
        merged.merge(&evaluate(right));
        prop_assert_eq!(merged.compute(), evaluate(&rows).compute());
    }

    #[test]
    fn figures_equal_a_naive_computation(users in users(), place in 0usize..3) {
        let k = [2, 5, 20][place];
        let rows: Vec<(u32, &User)> = (0..).zip(&users).collect();
        let with_truth: Vec<&User> = users.iter().filter(|c| !c.1.is_empty()).collect();
        let Ok(report) = evaluate(&rows).compute() else {
            prop_assert!(with_truth.is_empty());
            return Ok(());
        };
        prop_assert_eq!(report.n_users(), with_truth.len());
        prop_assert_eq!(report.n_skipped(), users.len() - with_truth.len());
        let mut seen = std::collections::BTreeSet::<u32>::new();
        let (recalls, ndcgs) = (
            report.values(Metric::Recall, k).unwrap(),
            report.values(Metric::Ndcg, k).unwrap(),
        );
        for (row, (ranked, truth)) in with_truth.iter().enumerate() {
            let top = &ranked[..k.min(ranked.len())];
            seen.extend(top);
            let hits = top.iter().filter(|item| truth.contains(item)).count();
            prop_assert_eq!(recalls[row], hits as f64 / truth.len() as f64);
            let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
            let found = |place: &usize| truth.contains(&top[*place]);
            let dcg: f64 = (0..top.len()).filter(found).map(gain).sum();
            let ideal: f64 = (0..truth.len().min(k)).map(gain).sum();
            prop_assert!((ndcgs[row] - dcg / ideal).abs() < 1e-12);
        }
        prop_assert_eq!(report.coverage(k).unwrap(), seen.len() as f64 / 12.0);
    }
}
