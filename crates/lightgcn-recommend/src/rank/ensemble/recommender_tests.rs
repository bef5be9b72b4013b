//! A recommender's model in an ensemble.

use super::*;
use crate::answer::chain::tests::larger;
use crate::{
    ContextEvent, ExplainOptions, ExplainRequest, Hide, LinearRanker, Method, RecommendOptions,
    RecommendRequest, Recommender,
};
use lightgcn_core::{InteractionsBuilder, Split, Truth};
use lightgcn_linear::{EaseConfig, ItemKnnConfig};
use lightgcn_store::EmbeddingTable;

fn shop() -> Recommender {
    Recommender::from_artifact(larger()).unwrap()
}

fn filters() -> [LinearRanker; 2] {
    let train = larger().train;
    let nothing = || Truth::empty(train.n_users(), train.n_items());
    let split = Split::new(train.clone(), nothing(), nothing()).unwrap();
    let knn = ItemKnnConfig::default().fit(&split.train).unwrap();
    let ease = EaseConfig::default().fit(&split.train).unwrap();
    [
        LinearRanker::new(Box::new(knn), &split.train),
        LinearRanker::new(Box::new(ease), &split.train),
    ]
}

/// Another model of the same pairs: the first with other numbers, which follow by propagation.
fn other() -> Recommender {
    let mut artifact = larger();
    let turn = |table: &EmbeddingTable| {
        let rows = table.data().iter().map(|x| -0.5 * x).collect();
        EmbeddingTable::new(table.rows(), table.dimension(), rows).unwrap()
    };
    artifact.layer0 = turn(&artifact.layer0);
    artifact.embeddings = turn(&artifact.embeddings);
    Recommender::from_artifact(artifact).unwrap()
}

fn fused(fusion: Fusion) -> Recommender {
    let [knn, ease] = filters();
    let partners: Vec<Member<'static>> = vec![
        (Box::new(knn), 0.3),
        (Box::new(ease), 0.2),
        (Box::new(other()), 0.1),
    ];
    shop().with_ensemble(0.4, partners, fusion).unwrap()
}

#[test]
fn answers_are_those_of_the_ensemble_under_the_rules() {
    let (plain, other, [knn, ease]) = (shop(), other(), filters());
    for fusion in [Fusion::Score, Fusion::Rank] {
        let members: Vec<Member<'_>> = vec![
            (Box::new(plain.ranker()), 0.4),
            (Box::new(&knn), 0.3),
            (Box::new(&ease), 0.2),
            (Box::new(&other), 0.1),
        ];
        let ensemble = EnsembleRanker::new(members, fusion).unwrap();
        let shop = fused(fusion).with_unsuitable(["p7"]);
        // Items 55 to 59, which nobody met, are ranked by content in answers.
        let asked = RecommendOptions {
            k: 12,
            hide: Hide::Bought,
            ..RecommendOptions::default()
        };
        let mut differs = 0;
        for user in 0..20 {
            let name = format!("u{user}");
            let answer = shop.recommend(&name, &asked).unwrap();
            let mut out: Vec<ItemId> = (55..60).chain([7]).map(ItemId).collect();
            out.extend(shop.bought().of(UserId(user)).iter().map(|&n| ItemId(n)));
            let lists = (0..20).map(|n| if n == user { out.clone() } else { Vec::new() });
            let expected = ensemble.top_k(&[UserId(user)], 12, &Exclusions::from_lists(lists));
            let expected: Vec<String> =
                expected[0].iter().map(|r| format!("p{}", r.item)).collect();
            let mut got = answer.items.iter().filter(|item| {
                let row = shop.item(&item.item).unwrap();
                assert_ne!(row, ItemId(7));
                row.0 < 55
            });
            // A member's scale depends on all items, those by content too, so near ties may swap: only
            // the first must be the same.
            assert_eq!(got.next().map(|item| &item.item), expected.first());
            let own = plain.recommend(&name, &asked).unwrap();
            differs += usize::from(own.items[0].item != answer.items[0].item);
            assert_eq!(answer.items.len(), 12);
        }
        assert!(differs > 5, "members must count: {differs}");
    }
}

#[test]
fn fused_scores_split_exactly_over_the_history() {
    let shop = fused(Fusion::Score);
    let options = ExplainOptions {
        min_users: 1,
        ..ExplainOptions::default()
    };
    let lists = RecommendOptions {
        k: 60,
        hide: Hide::Nothing,
        ..RecommendOptions::default()
    };
    for user in 0..20 {
        let user = format!("u{user}");
        let answer = shop.recommend(&user, &lists).unwrap();
        for item in &answer.items {
            let why = shop.explain(&user, &item.item, &options).unwrap();
            assert_eq!(why.score.to_bits(), item.score.to_bits());
            assert_eq!(why.method, Method::Ensemble);
            let parts = why.contributions.iter().map(|part| part.value);
            let sum = parts.sum::<f64>() + why.self_contribution.unwrap().value;
            assert!((sum - f64::from(why.score)).abs() < 1e-4, "{why:?}");
            assert!((sum + why.rounding - f64::from(why.score)).abs() < 1e-9);
        }
    }
    // The filters add to the contributions of the history.
    let why = shop.explain("u3", "p17", &options).unwrap();
    let plain = self::shop().explain("u3", "p17", &options).unwrap();
    assert_eq!(why.contributions.len(), plain.contributions.len());
    assert_ne!(why.contributions, plain.contributions);
}

#[test]
fn fused_ranks_are_explained_by_evidence() {
    let why = fused(Fusion::Rank)
        .explain("u3", "p17", &ExplainOptions::default())
        .unwrap();
    assert_eq!(why.method, Method::Evidence);
    assert!(why.contributions.is_empty());
    assert!(why.instead.is_some());
}

#[test]
fn events_move_the_models_part_and_newcomers_get_the_model() {
    let (shop, plain) = (fused(Fusion::Score), shop());
    let events = vec![
        ContextEvent::new("p3", "purchase"),
        ContextEvent::new("p10", "view"),
    ];
    let request = |user: &str| RecommendRequest::new(user).with_events(events.clone());
    let newcomer = shop.answer(&request("zoe")).unwrap();
    assert_eq!(newcomer, plain.answer(&request("zoe")).unwrap());
    let before = shop.recommend("u4", &RecommendOptions::default()).unwrap();
    let after = shop.answer(&request("u4")).unwrap();
    assert_ne!(before, after);
    for item in after.items.iter().filter(|item| item.item.len() == 2) {
        let why = shop
            .explain_request(&ExplainRequest {
                user: "u4".to_owned(),
                item: item.item.clone(),
                events: events.clone(),
                options: ExplainOptions::default(),
            })
            .unwrap();
        assert_eq!(why.score.to_bits(), item.score.to_bits());
        let parts = why.contributions.iter().map(|part| part.value);
        let sum = parts.sum::<f64>() + why.self_contribution.unwrap().value;
        assert!((sum - f64::from(why.score)).abs() < 1e-4);
    }
}

#[test]
fn unusable_ensembles_are_errors() {
    let join = |weight: f64, member: Box<dyn Scorer + Send>, theirs: f64| {
        shop().with_ensemble(weight, vec![(member, theirs)], Fusion::Score)
    };
    let few = Recommender::from_artifact(crate::test_shop::artifact()).unwrap();
    let error = join(1.0, Box::new(few), 1.0).unwrap_err();
    assert!(
        matches!(&error, RecommendError::DifferentCatalogues { .. }),
        "{error}"
    );
    for (own, theirs) in [(f64::NAN, 1.0), (0.0, 0.0), (-1.0, 1.0)] {
        let error = join(own, Box::new(other()), theirs).unwrap_err();
        assert!(
            matches!(&error, RecommendError::Options { issues } if issues.len() == 1),
            "{error}"
        );
    }
    // A positive weight of the model is enough.
    assert!(join(1.0, Box::new(other()), 0.0).is_ok());
}

#[test]
fn the_score_of_a_user_without_history_is_the_self_contribution() {
    let mut artifact = larger();
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    pairs
        .push(UserId(0), ItemId(0), 1.0, &[0, 1], Some(0))
        .unwrap();
    artifact.train = pairs.build(20, 60).unwrap();
    artifact.popularity = lightgcn_store::popularity_of(&artifact.train);
    let shop = Recommender::from_artifact(artifact).unwrap();
    let parts = shop.parts(UserId(3), ItemId(5)).unwrap();
    let score = f64::from(shop.ranker().score(UserId(3), ItemId(5)));
    assert!(score != 0.0 && parts.contributions.is_empty());
    assert_eq!(parts.self_contribution, score);
    assert!(
        !shop
            .parts(UserId(0), ItemId(5))
            .unwrap()
            .contributions
            .is_empty()
    );
}
