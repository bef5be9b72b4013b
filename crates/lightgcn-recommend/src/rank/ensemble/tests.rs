use super::*;
use crate::answer::chain::tests::larger;
use crate::{
    EmbeddingRanker, EvaluationOptions, LinearRanker, Recommender, RevenueScorer, WeightOptions,
    choose_weights, evaluate_validation,
};
use lightgcn_core::{InteractionsBuilder, Split, Truth};
use lightgcn_linear::ItemKnnConfig;
use lightgcn_metrics::Metric;
use proptest::prelude::*;

fn ranker(items: &[f32]) -> Box<dyn Scorer + Send> {
    Box::new(EmbeddingRanker::new("e", vec![1.0], items.to_vec(), 1).unwrap())
}

fn order(weights: &[f64], fusion: Fusion) -> Vec<u32> {
    let members = [ranker(&[9.0, 1.0, 0.0]), ranker(&[0.0, 200.0, 300.0])];
    let members = members.into_iter().zip(weights.iter().copied());
    let ensemble = EnsembleRanker::new(members.collect(), fusion).unwrap();
    let list = &ensemble.top_k(&[UserId(0)], 3, &Exclusions::none())[0];
    list.iter().map(|r| r.item.0).collect()
}

#[test]
fn orders_by_hand() {
    assert_eq!(order(&[1.0, 0.0], Fusion::Score), [0, 1, 2]);
    assert_eq!(order(&[0.0, 2.0], Fusion::Score), [2, 1, 0]);
    // σ: 4.03 and 124.7; sums 2.23, 0.25 + 1.60, 2.41.
    assert_eq!(order(&[1.0, 1.0], Fusion::Score), [2, 0, 1]);
    // 1/61 + 1/63 beats 1/62 + 1/62, and the lower row comes first.
    assert_eq!(order(&[1.0, 1.0], Fusion::Rank), [0, 2, 1]);
    assert_eq!(order(&[1.0, 3.0], Fusion::Rank), [2, 1, 0]);
}

#[test]
fn scores_that_differ_by_rounding_alone_count_as_nothing() {
    // All scores are 1 up to the last bit, so only the second member ranks.
    let noise = ranker(&[1.0, 1.0, 1.0 + f32::EPSILON]);
    let members = vec![(noise, 100.0), (ranker(&[1.0, 2.0, 0.0]), 1.0)];
    let ensemble = EnsembleRanker::new(members, Fusion::Score).unwrap();
    let list = &ensemble.top_k(&[UserId(0)], 3, &Exclusions::none())[0];
    let order: Vec<u32> = list.iter().map(|ranked| ranked.item.0).collect();
    assert_eq!(order, [1, 0, 2]);
}

#[test]
fn unusable_members_are_errors() {
    let issues = |members| match EnsembleRanker::new(members, Fusion::Score).unwrap_err() {
        RecommendError::Options { issues } => issues.len(),
        other => panic!("{other}"),
    };
    let two = |a, b| vec![(ranker(&[1.0, 2.0]), a), (ranker(&[2.0, 1.0]), b)];
    assert_eq!(issues(Vec::new()), 1);
    assert_eq!(issues(two(1.0, f64::NAN)), 1);
    assert_eq!(issues(two(-1.0, f64::INFINITY)), 2);
    assert_eq!(issues(two(0.0, 0.0)), 1);
    let different = vec![(ranker(&[1.0, 2.0]), 1.0), (ranker(&[2.0]), 1.0)];
    assert!(matches!(
        EnsembleRanker::new(different, Fusion::Score),
        Err(RecommendError::DifferentCatalogues { .. })
    ));
    let (a, mut b) = (larger(), larger());
    assert!(check_same_catalogue(&a, &b).is_ok());
    b.items = lightgcn_core::Vocabulary::from_names((0..60).map(|n| format!("q{n}"))).unwrap();
    assert!(matches!(
        check_same_catalogue(&a, &b),
        Err(RecommendError::DifferentCatalogues { .. })
    ));
}

#[test]
fn contributions_of_members_sum_to_the_fused_score() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    let train = &shop.artifact().train;
    let nothing = || Truth::empty(20, 60);
    let split = Split::new(train.clone(), nothing(), nothing()).unwrap();
    let knn = ItemKnnConfig::default().fit(&split.train).unwrap();
    let linear = LinearRanker::new(Box::new(knn), &split.train);
    let members: Vec<Member<'_>> = vec![(Box::new(shop.ranker()), 0.4), (Box::new(&linear), 0.6)];
    let fused = EnsembleRanker::new(members, Fusion::Score).unwrap();
    let (user, item) = (UserId(3), ItemId(17));
    // The ranker knows no history, so its parts come from the shop.
    assert_eq!(fused.parts(user, item), None);
    let members: Vec<Member<'_>> = vec![(Box::new(&shop), 0.4), (Box::new(&linear), 0.6)];
    let fused = EnsembleRanker::new(members, Fusion::Score).unwrap();
    let mut scores = vec![0.0; 60];
    fused.scores(&[user], &mut scores);
    for item in 0..55 {
        let parts = fused.parts(user, ItemId(item)).unwrap();
        let sum = parts.self_contribution + parts.contributions.iter().map(|(_, v)| v).sum::<f64>();
        assert!((sum - f64::from(scores[item as usize])).abs() < 1e-4);
    }
    let members: Vec<Member<'_>> = vec![(Box::new(&shop), 0.4), (Box::new(&linear), 0.6)];
    let ranks = EnsembleRanker::new(members, Fusion::Rank).unwrap();
    assert_eq!(ranks.parts(user, item), None);
}

#[test]
fn weights_are_chosen_on_validation() {
    let mut pairs = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
    pairs.push(UserId(0), ItemId(0), 1.0, &[1], None).unwrap();
    let truth = Truth::from_pairs(1, 3, vec![(UserId(0), ItemId(1))]).unwrap();
    let split = Split::new(pairs.build(1, 3).unwrap(), truth, Truth::empty(1, 3)).unwrap();
    let (bad, good) = (ranker(&[0.0, 0.0, 1.0]), ranker(&[0.0, 1.0, 0.0]));
    let choose = |steps, k| {
        let options = WeightOptions {
            steps,
            k,
            ..WeightOptions::default()
        };
        choose_weights(&[&*bad, &*good], &split.train, &split.validation, &options)
    };
    // Equal weights tie the two items, and the lower row wins.
    let choice = choose(10, 1).unwrap();
    assert_eq!(choice.weights, [0.0, 1.0]);
    assert_eq!(choice.figures.len(), 11);
    assert_eq!(choice.figures[10], (vec![1.0, 0.0], 0.0));
    assert!(matches!(choose(10, 0), Err(RecommendError::ZeroK)));
    for steps in [0, 100_000] {
        let error = choose(steps, 1).unwrap_err();
        assert!(matches!(error, RecommendError::Options { .. }), "{error}");
    }
    let revenue = RevenueScorer::new(&*good, &[None, Some(1.0), Some(9.0)], 1.0).unwrap();
    let members: Vec<Member<'_>> = vec![(Box::new(&*bad), 1.0), (Box::new(revenue), 1.0)];
    assert!(EnsembleRanker::new(members, Fusion::Rank).is_ok());
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

fn named(name: &'static str, users: &[f32], items: &[f32]) -> EmbeddingRanker<'static> {
    EmbeddingRanker::new(name, users.to_vec(), items.to_vec(), 1).unwrap()
}

fn pair<'a>(a: &'a dyn Scorer, b: &'a dyn Scorer, weight: f64) -> EnsembleRanker<'a> {
    let members: Vec<Member<'a>> = vec![(Box::new(a), 1.0 - weight), (Box::new(b), weight)];
    EnsembleRanker::new(members, Fusion::Score).unwrap()
}

#[test]
fn scores_by_hand() {
    // The standard deviations are 2 and 1.
    let a = named("a", &[1.0], &[0.0, 0.0, 4.0, 4.0]);
    let b = named("b", &[1.0], &[0.0, 2.0, 0.0, 2.0]);
    let ensemble = pair(&a, &b, 0.25);
    let mut scores = [f32::NAN; 4];
    ensemble.scores(&[UserId(0)], &mut scores);
    assert_eq!(scores, [0.0, 0.5, 1.5, 2.0]);
    assert_eq!(ensemble.name(), "0.75 a + 0.25 b");
    let masked = Exclusions::from_lists([vec![ItemId(3)]]);
    let list = &ensemble.top_k(&[UserId(0)], 2, &masked)[0];
    let list: Vec<(u32, f32)> = list.iter().map(|r| (r.item.0, r.score)).collect();
    assert_eq!(list, [(2, 1.5), (1, 0.5)]);
}

#[test]
fn a_constant_row_of_scores_counts_as_zero() {
    // The second user of a has embedding 0. Elsewhere the standard deviations are 2 and 1.
    let a = named("a", &[1.0, 0.0], &[5.0, 1.0]);
    let b = named("b", &[1.0, 1.0], &[0.0, 2.0]);
    let mut scores = [f32::NAN; 4];
    pair(&a, &b, 0.5).scores(&[UserId(0), UserId(1)], &mut scores);
    assert_eq!(scores, [1.25, 1.25, 0.0, 1.0]);
}

#[test]
fn the_scale_of_a_member_does_not_matter() {
    let items = [0.3, -1.0, 2.0, 0.7, 0.1];
    let b = named("b", &[1.0], &[1.0, 0.5, -1.0, 0.2, 0.9]);
    let lists = [1.0, 64.0].map(|scale| {
        let a = named("a", &[scale], &items);
        pair(&a, &b, 0.4).top_k(&[UserId(0)], 5, &Exclusions::none())
    });
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn the_first_of_equal_weights_is_chosen() {
    let split = split(12, 6);
    let a = named("a", &[1.0; 12], &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    let b = named("b", &[1.0; 12], &[0.0, 9.0, -2.0, -3.0, -4.0, -5.0]);
    let options = WeightOptions {
        steps: 10,
        metric: Metric::Ndcg,
        k: 3,
        ..WeightOptions::default()
    };
    let choose = |b| choose_weights(&[&a, b], &split.train, &split.validation, &options).unwrap();
    let choice = choose(&b);
    let highest = choice.figures.iter().map(|f| f.1).fold(0.0, f64::max);
    let first = choice.figures.iter().find(|f| f.1 == highest).unwrap();
    assert_eq!(choice.weights, first.0);
    assert_eq!(choose(&a).weights, [0.0, 1.0]);
}

proptest! {
    #[test]
    fn figures_are_those_of_the_ensembles(
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
        let weights = WeightOptions { steps: 4, metric: Metric::Ndcg, k, ..Default::default() };
        let choose =
            || choose_weights(&[&a, &b], &split.train, &split.validation, &weights).unwrap();
        let choice = choose();
        let options = EvaluationOptions { ks: vec![k], ..Default::default() };
        prop_assert_eq!(choice.figures.len(), 5);
        for (weights, value) in &choice.figures {
            let ensemble = pair(&a, &b, weights[1]);
            let evaluation =
                evaluate_validation(&ensemble, &split.train, &split.validation, &options).unwrap();
            prop_assert_eq!(evaluation.mean(Metric::Ndcg, k).unwrap(), *value);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        prop_assert_eq!(pool.install(choose), choice);
    }
}

#[test]
fn unusable_validation_parts_are_errors() {
    let good = split(4, 3);
    let a = named("a", &[1.0; 4], &[1.0, 2.0, 3.0]);
    let short = named("short", &[1.0; 3], &[1.0, 2.0, 3.0]);
    let options = WeightOptions::default();
    let choose = |member: &dyn Scorer, split: &Split| {
        choose_weights(&[member], &split.train, &split.validation, &options).unwrap_err()
    };
    let error = choose(&short, &good);
    assert!(matches!(&error, RecommendError::Shape { what, .. } if what == "short"));
    let train = good.train.interactions().clone();
    let empty = Split::new(train, Truth::empty(4, 3), Truth::empty(4, 3)).unwrap();
    assert!(matches!(
        choose(&a, &empty),
        RecommendError::NoTargets { part: "validation" }
    ));
}
