use super::*;
use crate::{EmbeddingRanker, PopularityRanker, RandomRanker, SeenNotBoughtRanker, SeenOrder};
use lightgcn_core::{InteractionsBuilder, Split};
use proptest::prelude::*;

type Pairs = Vec<(u32, u32)>;

/// A split in which `bought` and `viewed` are training and `held_out` the test.
fn split(
    n_users: usize,
    n_items: usize,
    bought: &Pairs,
    viewed: &Pairs,
    held_out: &Pairs,
) -> Split {
    let mut b = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
    for &(u, i) in bought {
        b.push(UserId(u), ItemId(i), 1.0, &[0, 1], None).unwrap();
    }
    for &(u, i) in viewed {
        b.push(UserId(u), ItemId(i), 0.1, &[1, 0], None).unwrap();
    }
    let truth = held_out
        .iter()
        .map(|&(u, i)| (UserId(u), ItemId(i)))
        .collect();
    let truth = Truth::from_pairs(n_users, n_items, truth).unwrap();
    let empty = Truth::empty(n_users, n_items);
    Split::new(b.build(n_users, n_items).unwrap(), empty, truth).unwrap()
}

fn options(ks: &[usize]) -> EvaluationOptions {
    EvaluationOptions {
        ks: ks.to_vec(),
        resamples: 50,
        ..EvaluationOptions::default()
    }
}

/// Three users, four items. User 2 has no target and does not count.
fn by_hand() -> Split {
    split(
        3,
        4,
        &vec![(0, 0), (1, 0), (2, 1)],
        &vec![(0, 3)],
        &vec![(0, 2), (0, 3), (1, 3)],
    )
}

/// Scores of items 0 to 3 are 4, 3, 2, 1 for everyone.
fn descending() -> EmbeddingRanker<'static> {
    EmbeddingRanker::new("descending", vec![1.0; 3], vec![4.0, 3.0, 2.0, 1.0], 1).unwrap()
}

#[test]
fn figures_by_hand() {
    let split = by_hand();
    let e = evaluate_test(
        &descending(),
        &split.train,
        &split.test,
        &options(&[1, 2, 3]),
    )
    .unwrap();
    // Item 0 is masked for users 0 and 1: both lists are 1, 2, 3.
    assert_eq!(
        (e.n_users(), e.n_targets(), e.n_familiar_targets()),
        (2, 3, 1)
    );
    assert_eq!(e.mean(Metric::Recall, 1).unwrap(), 0.0);
    assert_eq!(e.mean(Metric::Recall, 2).unwrap(), (0.5 + 0.0) / 2.0);
    assert_eq!(e.mean(Metric::Recall, 3).unwrap(), 1.0);
    assert_eq!(
        e.mean(Metric::Mrr, 3).unwrap(),
        (1.0 / 2.0 + 1.0 / 3.0) / 2.0
    );
    // User 0 met item 3 before; user 0's item 2 and user 1's item 3 are new.
    let familiar = e.familiar().unwrap();
    assert_eq!(familiar.n_users(), 1);
    assert_eq!(familiar.mean(Metric::Recall, 2).unwrap(), 0.0);
    assert_eq!(familiar.mean(Metric::Recall, 3).unwrap(), 1.0);
    let new = e.new_targets().unwrap();
    assert_eq!(new.n_users(), 2);
    assert_eq!(new.mean(Metric::Recall, 2).unwrap(), 0.5);
    // Items 1 to 3 of four are recommended to someone.
    assert_eq!(e.overall().coverage(3).unwrap(), 0.75);
    let interval = e.interval(Metric::Recall, 2).unwrap();
    assert!((0.0..=0.25).contains(&interval.low) && (0.25..=0.5).contains(&interval.high));
}

#[test]
fn k_beyond_the_catalogue_ranks_all_of_it() {
    let split = by_hand();
    let e = evaluate_test(
        &descending(),
        &split.train,
        &split.test,
        &options(&[3, 1000]),
    )
    .unwrap();
    assert_eq!(e.mean(Metric::Recall, 1000).unwrap(), 1.0);
    assert_eq!(
        e.mean(Metric::Ndcg, 1000).unwrap(),
        e.mean(Metric::Ndcg, 3).unwrap()
    );
}

#[test]
fn unusable_inputs_are_errors() {
    let split = by_hand();
    let ranker = descending();
    let with = |options: &EvaluationOptions| {
        evaluate_test(&ranker, &split.train, &split.test, options).unwrap_err()
    };
    let bad = EvaluationOptions {
        ks: vec![0],
        seed: 0,
        resamples: 0,
        confidence: 1.0,
        block_size: 0,
    };
    assert!(matches!(with(&bad), RecommendError::Options { issues } if issues.len() == 3));
    assert!(matches!(
        with(&options(&[])),
        RecommendError::Options { .. }
    ));
    let empty = evaluate_validation(&ranker, &split.train, &split.validation, &options(&[1]));
    assert!(matches!(
        empty,
        Err(RecommendError::NoTargets { part: "validation" })
    ));
    let small = PopularityRanker::new(vec![1, 2], 3);
    let shape = evaluate_test(&small, &split.train, &split.test, &options(&[1]));
    assert!(matches!(
        shape,
        Err(RecommendError::Shape {
            items: 2,
            train_items: 4,
            ..
        })
    ));
    let leaked = Truth::from_pairs(3, 4, vec![(UserId(2), ItemId(1))]).unwrap();
    let leaked = evaluate(&ranker, &split.train, &leaked, &options(&[1]));
    assert!(matches!(
        leaked,
        Err(RecommendError::MaskedTarget { user: 2, item: 1 })
    ));
}

/// Gives everyone the same list, whatever is asked.
struct Stubborn(Vec<u32>);

impl Ranker for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }
    fn n_users(&self) -> usize {
        3
    }
    fn n_items(&self) -> usize {
        4
    }
    fn top_k(&self, users: &[UserId], _: usize, _: &Exclusions) -> Vec<Vec<Ranked>> {
        let item = |&item: &u32| Ranked {
            item: ItemId(item),
            score: 0.0,
        };
        users
            .iter()
            .map(|_| self.0.iter().map(item).collect())
            .collect()
    }
}

#[test]
fn invalid_lists_are_errors() {
    let split = by_hand();
    let mut details = Vec::new();
    for list in [vec![1, 2, 3], vec![2, 2], vec![1, 4], vec![3, 0]] {
        let result = evaluate_test(&Stubborn(list), &split.train, &split.test, &options(&[2]));
        let error = result.unwrap_err();
        let RecommendError::InvalidList {
            user: 0, detail, ..
        } = error
        else {
            panic!("{error}");
        };
        details.push(detail);
    }
    insta::assert_snapshot!(details.join("\n"), @r"
    it holds 3 items, not 2
    it repeats item row 2
    item row 4 is out of range
    item row 0 is excluded
    ");
    // A short list is not an error: the missing ranks are misses.
    let short =
        evaluate_test(&Stubborn(vec![]), &split.train, &split.test, &options(&[2])).unwrap();
    assert_eq!(short.mean(Metric::Recall, 2).unwrap(), 0.0);
}

#[test]
fn only_evaluations_on_the_same_targets_are_comparable() {
    let split = by_hand();
    let other = self::split(
        3,
        4,
        &vec![(0, 0), (1, 0), (2, 1)],
        &vec![],
        &vec![(0, 2), (1, 3)],
    );
    let a = evaluate_test(&descending(), &split.train, &split.test, &options(&[2])).unwrap();
    let perfect = Stubborn(vec![3, 2]);
    let b = evaluate_test(&perfect, &split.train, &split.test, &options(&[2])).unwrap();
    let c = evaluate_test(&perfect, &other.train, &other.test, &options(&[2])).unwrap();
    let test = compare(&a, &b, Metric::Recall, 2, 7).unwrap();
    // Recall@2 of user 0: a 1/2, b 1; of user 1: a 0, b 1.
    assert!((test.mean_difference + 0.75).abs() < 1e-12);
    assert!(test.p_value > 0.0 && test.p_value <= 1.0);
    assert!(matches!(
        compare(&a, &c, Metric::Recall, 2, 7),
        Err(RecommendError::NotComparable { .. })
    ));
    assert!(matches!(
        compare(&a, &b, Metric::Recall, 3, 7),
        Err(RecommendError::Metrics(_))
    ));
}

#[test]
fn the_summary_serializes_with_familiar_and_new_apart() {
    let split = by_hand();
    let e = evaluate_test(&descending(), &split.train, &split.test, &options(&[2])).unwrap();
    let summary = e.summary().unwrap();
    assert_eq!(
        (
            summary.n_users,
            summary.n_targets,
            summary.n_familiar_targets
        ),
        (2, 3, 1)
    );
    assert_eq!(summary.ranker, "descending");
    assert_eq!(summary.part, "test");
    assert!(summary.familiar.is_some() && summary.new.is_some());
}

/// Pairs sorted into bought, viewed and held out; a held-out pair may be viewed as well.
fn log() -> impl Strategy<Value = (Pairs, Pairs, Pairs)> {
    prop::collection::vec(0u8..6, 5 * 8).prop_map(|kinds| {
        let (mut bought, mut viewed, mut held_out) = (vec![], vec![], vec![]);
        for (n, kind) in kinds.into_iter().enumerate() {
            let pair = (n as u32 / 8, n as u32 % 8);
            match kind {
                0 => bought.push(pair),
                1 => viewed.push(pair),
                2 => held_out.push(pair),
                3 => {
                    viewed.push(pair);
                    held_out.push(pair);
                }
                _ => {}
            }
        }
        (bought, viewed, held_out)
    })
}

/// Recall@k by the definition, over the targets that `kind` keeps.
fn recall(
    split: &Split,
    ranking: impl Fn(u32) -> Vec<u32>,
    k: usize,
    kind: impl Fn(bool) -> bool,
) -> Option<f64> {
    let (train, truth) = (split.train.interactions(), split.test.truth());
    let mut values = Vec::new();
    for user in 0..truth.n_users() as u32 {
        let targets: Vec<u32> = truth
            .iter()
            .filter(|&(u, i)| u.0 == user && kind(train.find(u, i).is_some()))
            .map(|(_, i)| i.0)
            .collect();
        if targets.is_empty() {
            continue;
        }
        let is_bought = |i: u32| {
            let pair = train.find(UserId(user), ItemId(i));
            pair.is_some_and(|pair| train.is_target(pair))
        };
        let list = ranking(user).into_iter().filter(|&i| !is_bought(i)).take(k);
        let hits = list.filter(|i| targets.contains(i)).count();
        values.push(hits as f64 / targets.len() as f64);
    }
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

proptest! {
    #[test]
    fn equals_brute_force(
        (bought, viewed, held_out) in log(),
        users in prop::collection::vec(-2i8..3, 5 * 2),
        items in prop::collection::vec(-2i8..3, 8 * 2),
        block_size in 1usize..7,
        k in 1usize..10,
    ) {
        prop_assume!(!held_out.is_empty());
        let split = split(5, 8, &bought, &viewed, &held_out);
        let float = |v: &[i8]| v.iter().map(|&x| f32::from(x)).collect::<Vec<f32>>();
        let ranker = EmbeddingRanker::new("e", float(&users), float(&items), 2).unwrap();
        let options = EvaluationOptions { block_size, ..options(&[k]) };
        let e = evaluate_test(&ranker, &split.train, &split.test, &options).unwrap();
        let ranking = |user: u32| {
            let row = |table: &[i8], n: u32| [table[n as usize * 2], table[n as usize * 2 + 1]];
            let u = row(&users, user);
            let mut order: Vec<u32> = (0..8).collect();
            order.sort_by_key(|&i| {
                let p = row(&items, i);
                -(i32::from(u[0]) * i32::from(p[0]) + i32::from(u[1]) * i32::from(p[1]))
            });
            order
        };
        let close = |got: Option<f64>, want: Option<f64>| match (got, want) {
            (Some(got), Some(want)) => (got - want).abs() < 1e-12,
            (got, want) => got == want,
        };
        let mean = |r: &RankingReport| r.mean(Metric::Recall, k).unwrap();
        prop_assert!(close(Some(mean(e.overall())), recall(&split, ranking, k, |_| true)));
        prop_assert!(close(e.familiar().map(mean), recall(&split, ranking, k, |f| f)));
        prop_assert!(close(e.new_targets().map(mean), recall(&split, ranking, k, |f| !f)));
        prop_assert_eq!(e.n_targets(), held_out.len());
    }

    #[test]
    fn every_ranker_keeps_its_promises_at_any_thread_count(
        (bought, viewed, held_out) in log(),
        k in 1usize..12,
    ) {
        prop_assume!(!held_out.is_empty());
        let split = split(5, 8, &bought, &viewed, &held_out);
        let table: Vec<f32> = (0..13 * 3u8).map(|n| f32::from(n * 5 % 11) - 5.5).collect();
        let rankers: [&dyn Ranker; 4] = [
            &EmbeddingRanker::from_nodes("e", table, 5, 3).unwrap(),
            &PopularityRanker::from_interactions(split.train.interactions()),
            &RandomRanker::new(5, 8, 3),
            &SeenNotBoughtRanker::new(&split.train, SeenOrder::Events),
        ];
        let users: Vec<UserId> = (0..5).map(UserId).collect();
        let masks = Exclusions::targets(split.train.interactions());
        for ranker in rankers {
            // Broken promises are errors of the evaluation.
            evaluate_test(ranker, &split.train, &split.test, &options(&[k])).unwrap();
            let lists = ranker.top_k(&users, k, &masks);
            for (&user, list) in users.iter().zip(&lists) {
                prop_assert_eq!(list.len(), k.min(8 - masks.of(user).len()));
                prop_assert!(list.is_sorted_by(|a, b| a.score >= b.score));
            }
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                prop_assert_eq!(&pool.install(|| ranker.top_k(&users, k, &masks)), &lists);
            }
        }
    }
}
