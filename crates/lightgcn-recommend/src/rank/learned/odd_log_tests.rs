//! Rankings of logs and catalogues that are odd, and of models and members that do not fit.

use super::tests::{Log, N_ITEMS, ranker, recall};
use crate::{
    EmbeddingRanker, Exclusions, Feature, LearnedRanker, LearnedRanking, RandomRanker, Ranker,
    RankingConfig, RecommendError,
};
use lightgcn_core::{Catalogue, Dataset, ItemDetails, Rows, UserId};
use lightgcn_linear::ItemToItem;
use std::sync::Arc;

fn random(dataset: &Dataset) -> f64 {
    let n_users = dataset.split.train.interactions().n_users();
    recall(&RandomRanker::new(n_users, N_ITEMS, 1), dataset)
}

/// Asserts that every user gets a full list of finite scores, best first.
fn assert_finite(ranker: &dyn Ranker) {
    let users: Vec<UserId> = (0..ranker.n_users() as u32).map(UserId).collect();
    for list in ranker.top_k(&users, 5, &Exclusions::none()) {
        assert_eq!(list.len(), 5);
        assert!(list.iter().all(|ranked| ranked.score.is_finite()));
        assert!(list.is_sorted_by(|a, b| a.score >= b.score));
    }
}

fn priced(price: impl Fn(usize) -> Option<f64>) -> Dataset {
    let details = (0..N_ITEMS).map(|n| ItemDetails {
        price: price(n),
        ..ItemDetails::default()
    });
    Dataset {
        catalogue: Catalogue::from_details(details),
        ..Log::usual().dataset()
    }
}

#[test]
fn logs_with_little_to_tell_still_rank() {
    let usual = Log::usual;
    // Logs, and what Recall@5 is at least times that of random lists; 0 where there is nothing to learn.
    let logs = [
        (
            "one behavior",
            1.5,
            Log {
                behaviors: vec!["purchase"],
                ..usual()
            },
        ),
        (
            "no times",
            2.0,
            Log {
                step: None,
                ..usual()
            },
        ),
        (
            "nothing familiar is ever bought",
            1.5,
            Log {
                familiar: false,
                ..usual()
            },
        ),
        (
            "half an hour",
            2.0,
            Log {
                step: Some(60),
                ..usual()
            },
        ),
        // 28 events of a user: two days and a tenth of the third, and a tenth of a day in all.
        (
            "a tenth of the last day",
            2.0,
            Log {
                step: Some(6_480),
                ..usual()
            },
        ),
        (
            "a tenth of a day",
            2.0,
            Log {
                step: Some(308),
                ..usual()
            },
        ),
        (
            "ten purchases among two hundred viewers",
            2.0,
            Log {
                n_users: 200,
                buys: |user, round| user < 10 && round >= 3,
                ..usual()
            },
        ),
        (
            "two users",
            0.0,
            Log {
                n_users: 2,
                ..usual()
            },
        ),
    ];
    for (name, factor, log) in logs {
        let dataset = log.dataset();
        let (ranking, ranker) = ranker(&dataset);
        let weights = ranking.features.iter().flat_map(|f| [f.met, f.new]);
        assert!(weights.chain([ranking.bias]).all(f64::is_finite), "{name}");
        assert_finite(&ranker);
        let (learned, random) = (recall(&ranker, &dataset), random(&dataset));
        println!("{name}: {learned} against {random}");
        assert!(learned >= factor * random, "{name}: {learned}, {random}");
    }
}

#[test]
fn equal_times_tell_nothing_and_do_not_harm() {
    let log = Log {
        step: Some(0),
        starts: 1,
        ..Log::usual()
    };
    let dataset = log.dataset();
    let (ranking, ranker) = ranker(&dataset);
    let is_of_time = |feature: Feature| {
        matches!(
            feature,
            Feature::Recent { .. } | Feature::InSession | Feature::InARow
        )
    };
    assert!(!ranking.features.iter().any(|f| is_of_time(f.feature)));
    assert_finite(&ranker);
    let (learned, random) = (recall(&ranker, &dataset), random(&dataset));
    assert!(learned > 2.0 * random, "{learned}, {random}");
    // The same where ages count from that very time.
    let mut now = ranking.clone();
    (now.now, now.ages_from_last_event) = (Some(0), false);
    let pairs = dataset.split.train.interactions();
    let now = LearnedRanker::new(now, pairs, &dataset.behaviors, &dataset.catalogue).unwrap();
    assert_finite(&now);
    assert_eq!(recall(&now, &dataset), learned);
}

#[test]
fn prices_beyond_measure_leave_lists_finite() {
    let extreme = [f64::MAX, 0.0, f64::MIN_POSITIVE, 1e-300, 12.5, 1e300];
    let dataset = priced(|n| extreme.get(n % 7).copied());
    let (_, ranker) = ranker(&dataset);
    assert_finite(&ranker);
    assert!(recall(&ranker, &dataset) > 2.0 * random(&dataset));
}

#[test]
fn a_constant_feature_is_dropped() {
    let ranking = RankingConfig::default().fit(&priced(|_| Some(9.9)));
    let ranking = ranking.unwrap();
    let of_price = |ranking: &LearnedRanking| {
        let mut features = ranking.features.iter();
        features.any(|weighted| weighted.feature == Feature::Price)
    };
    assert!(!of_price(&ranking));
    // Nothing else changes, up to rounding.
    let without = RankingConfig::default().fit(&priced(|_| None)).unwrap();
    let features = |ranking: &LearnedRanking| -> Vec<Feature> {
        ranking.features.iter().map(|f| f.feature).collect()
    };
    assert_eq!(features(&ranking), features(&without));
    for (one, other) in ranking.features.iter().zip(&without.features) {
        assert!((one.met - other.met).abs() < 1e-6 && (one.new - other.new).abs() < 1e-6);
    }
    assert!((ranking.bias - without.bias).abs() < 1e-6);
}

/// A model whose scores are of this size.
fn model_of_size(size: f32) -> EmbeddingRanker<'static> {
    let wave = |n: usize| {
        let numbers = 0..n * 2;
        numbers
            .map(|n| size * (n as f32 * 0.7).sin())
            .collect::<Vec<f32>>()
    };
    EmbeddingRanker::new("huge", wave(60), wave(N_ITEMS), 2).unwrap()
}

#[test]
fn a_model_of_huge_scores_leaves_lists_finite() {
    let dataset = Log::usual().dataset();
    let pairs = dataset.split.train.interactions();
    // Products of 1e12, 1e24, and beyond 32 bits: infinite, or not a number where such cancel.
    for size in [1e6, 1e12, 1e30] {
        let model = model_of_size(size);
        let ranking = RankingConfig::default().fit_with(&dataset, Some(&model));
        let ranking = ranking.unwrap();
        let ranker = LearnedRanker::new(ranking, pairs, &dataset.behaviors, &dataset.catalogue);
        let ranker = ranker.unwrap().with_model(&model);
        assert_finite(&ranker);
        let learned = recall(&ranker, &dataset);
        assert!(learned > 2.0 * random(&dataset), "{size}: {learned}");
    }
}

#[test]
fn a_member_of_another_catalogue_is_refused() {
    let dataset = Log::usual().dataset();
    let mut ranking = RankingConfig::default().fit(&dataset).unwrap();
    let pairs = dataset.split.train.interactions();
    let other = ItemToItem::from_rows("other", Rows::empty(5)).unwrap();
    let mut models = ranking.models().to_vec();
    models.push(other);
    ranking.models = Arc::new(models);
    let refused = LearnedRanker::new(ranking, pairs, &dataset.behaviors, &dataset.catalogue);
    match refused {
        Err(RecommendError::Ranking { detail }) => {
            assert_eq!(detail, "a member has 5 items, the pairs 30");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ranking_that_lost_a_member_is_refused() {
    let dataset = Log::usual().dataset();
    let ranking = RankingConfig::default().fit(&dataset).unwrap();
    let mut stored = ranking.to_stored().unwrap();
    stored.members.push(Rows::empty(N_ITEMS));
    match LearnedRanking::from_stored(&stored) {
        Err(RecommendError::Ranking { detail }) => {
            let n = ranking.members.len();
            assert_eq!(detail, format!("it names {n} members and keeps {}", n + 1));
        }
        other => panic!("{other:?}"),
    }
}
