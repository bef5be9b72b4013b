use super::*;
use crate::{EmbeddingRanker, EvaluationOptions, evaluate_validation};
use lightgcn_core::{InteractionsBuilder, Split, Truth};
use proptest::prelude::*;

fn ranker(name: &'static str, users: &[f32], items: &[f32]) -> EmbeddingRanker<'static> {
    EmbeddingRanker::new(name, users.to_vec(), items.to_vec(), 1).unwrap()
}

/// Every user bought one item and has two others held out.
fn split(n_users: u32, n_items: u32) -> Split {
    let mut b = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
    let mut held_out = Vec::new();
    for u in 0..n_users {
        b.push(UserId(u), ItemId(u % n_items), 1.0, &[1], None)
            .unwrap();
        held_out.push((UserId(u), ItemId((u + 1) % n_items)));
        held_out.push((UserId(u), ItemId((u * u + 2) % n_items)));
    }
    held_out.retain(|(user, item)| user.0 % n_items != item.0);
    let (n_users, n_items) = (n_users as usize, n_items as usize);
    let validation = Truth::from_pairs(n_users, n_items, held_out).unwrap();
    let test = Truth::empty(n_users, n_items);
    Split::new(b.build(n_users, n_items).unwrap(), validation, test).unwrap()
}

#[test]
fn by_hand() {
    // The standard deviations are 2 and 1.
    let a = ranker("a", &[1.0], &[0.0, 0.0, 4.0, 4.0]);
    let b = ranker("b", &[1.0], &[0.0, 2.0, 0.0, 2.0]);
    let blend = BlendRanker::new(&a, &b, 0.25).unwrap();
    let mut scores = [f32::NAN; 4];
    blend.scores(&[UserId(0)], &mut scores);
    assert_eq!(scores, [0.0, 0.5, 1.5, 2.0]);
    assert_eq!(blend.name(), "a + b (weight 0.25)");
    let list = &blend.top_k(&[UserId(0)], 2, &Exclusions::from_lists([vec![ItemId(3)]]))[0];
    let list: Vec<(u32, f32)> = list.iter().map(|r| (r.item.0, r.score)).collect();
    assert_eq!(list, [(2, 1.5), (1, 0.5)]);
}

#[test]
fn one_score_for_all_says_nothing() {
    // The second user of a has embedding 0. Elsewhere the standard deviations are 2 and 1.
    let a = ranker("a", &[1.0, 0.0], &[5.0, 1.0]);
    let b = ranker("b", &[1.0, 1.0], &[0.0, 2.0]);
    let blend = BlendRanker::new(&a, &b, 0.5).unwrap();
    let mut scores = [f32::NAN; 4];
    blend.scores(&[UserId(0), UserId(1)], &mut scores);
    assert_eq!(scores, [1.25, 1.25, 0.0, 1.0]);
}

#[test]
fn the_scale_of_a_ranker_does_not_matter() {
    let items = [0.3, -1.0, 2.0, 0.7, 0.1];
    let b = ranker("b", &[1.0], &[1.0, 0.5, -1.0, 0.2, 0.9]);
    let lists = [1.0, 64.0].map(|scale| {
        let a = ranker("a", &[scale], &items);
        let blend = BlendRanker::new(&a, &b, 0.4).unwrap();
        blend.top_k(&[UserId(0)], 5, &Exclusions::none())
    });
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn the_best_candidate_wins_and_the_first_of_equal_ones() {
    let split = split(12, 6);
    let good = |item: u32| {
        if item == 1 {
            9.0
        } else {
            -f32::from(item as u8)
        }
    };
    let a = ranker("a", &[1.0; 12], &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    let b: Vec<f32> = (0..6).map(good).collect();
    let b = ranker("b", &[1.0; 12], &b);
    let candidates = [0.0, 0.1, 0.5, 1.0];
    let choice = choose_weight(
        &a,
        &b,
        &split.train,
        &split.validation,
        &candidates,
        Metric::Recall,
        2,
    )
    .unwrap();
    let highest = choice.figures.iter().map(|f| f.1).fold(0.0, f64::max);
    let first = choice.figures.iter().find(|f| f.1 == highest).unwrap();
    assert_eq!(choice.weight, first.0);
    let same = choose_weight(
        &a,
        &a,
        &split.train,
        &split.validation,
        &[0.3, 0.9],
        Metric::Ndcg,
        3,
    );
    assert_eq!(same.unwrap().weight, 0.3);
}

proptest! {
    #[test]
    fn figures_are_those_of_the_blends(
        seed in 1u32..1000, k in 1usize..9, n_users in 3u32..20, n_items in 3u32..9,
    ) {
        let split = split(n_users, n_items);
        prop_assume!(!split.validation.truth().is_empty());
        let table = |n: u32, salt: u32| -> Vec<f32> {
            (0..n * 2).map(|x| ((x * 37 + seed * salt) % 101) as f32 / 50.0 - 1.0).collect()
        };
        let make = |name, salt| {
            EmbeddingRanker::new(name, table(n_users, salt), table(n_items, salt + 2), 2).unwrap()
        };
        let (a, b) = (make("a", 3), make("b", 11));
        let candidates = [0.0, 0.25, 0.8, 1.0];
        let metric = Metric::Ndcg;
        let choose = || choose_weight(
            &a, &b, &split.train, &split.validation, &candidates, metric, k,
        ).unwrap();
        let choice = choose();
        let options = EvaluationOptions { ks: vec![k], ..Default::default() };
        for ((weight, value), candidate) in choice.figures.iter().zip(candidates) {
            prop_assert_eq!(*weight, candidate);
            let blend = BlendRanker::new(&a, &b, candidate).unwrap();
            let evaluation =
                evaluate_validation(&blend, &split.train, &split.validation, &options).unwrap();
            prop_assert_eq!(evaluation.mean(metric, k).unwrap(), *value);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        prop_assert_eq!(pool.install(choose), choice);
    }
}

#[test]
fn unusable_questions_are_refused() {
    let split = split(4, 3);
    let a = ranker("a", &[1.0; 4], &[1.0, 2.0, 3.0]);
    let short = ranker("short", &[1.0; 3], &[1.0, 2.0, 3.0]);
    let choose = |b: &dyn Scorer, candidates: &[f64], k| {
        let (train, validation) = (&split.train, &split.validation);
        choose_weight(&a, b, train, validation, candidates, Metric::Recall, k).unwrap_err()
    };
    let faults = |error| match error {
        RecommendError::Options { faults } => faults,
        other => panic!("{other}"),
    };
    assert_eq!(faults(choose(&a, &[], 1)).len(), 1);
    assert_eq!(faults(choose(&a, &[-0.1, 0.5, 2.0, f64::NAN], 1)).len(), 3);
    assert!(matches!(choose(&a, &[0.5], 0), RecommendError::ZeroK));
    let error = choose(&short, &[0.5], 1);
    assert!(matches!(&error, RecommendError::Shape { what, .. } if what.contains("short")));
    assert!(BlendRanker::new(&a, &a, 1.01).is_err());

    let empty = Split::new(
        split.train.interactions().clone(),
        Truth::empty(4, 3),
        Truth::empty(4, 3),
    );
    let empty = empty.unwrap();
    let (train, validation) = (&empty.train, &empty.validation);
    let error = choose_weight(&a, &a, train, validation, &[0.5], Metric::Recall, 1).unwrap_err();
    assert!(matches!(
        error,
        RecommendError::NoTargets { part: "validation" }
    ));
}

#[test]
#[should_panic(expected = "\"short\" ranks 3 for 3")]
fn rankers_of_other_users_do_not_blend() {
    let a = ranker("a", &[1.0; 4], &[1.0, 2.0, 3.0]);
    let short = ranker("short", &[1.0; 3], &[1.0, 2.0, 3.0]);
    let _ = BlendRanker::new(&a, &short, 0.5);
}
