//! Rankings of small logs, among them those with nothing to tell.

use super::history::Clock;
use crate::{
    Exclusions, LearnedRanker, LearnedRanking, RandomRanker, Ranker, RankingConfig, RecommendError,
    Scorer, Withhold, evaluate_test,
};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviorId, BehaviorWeightsConfig, Catalogue, CoreError, Dataset, InteractionsBuilder, ItemId,
    Lineage, PairEvent, Split, Truth, UserId, Vocabulary,
};
use lightgcn_metrics::Metric;

pub(super) const N_ITEMS: usize = 30;

/// A log of users who view items and buy what they viewed twice.
pub(super) struct Log {
    pub(super) n_users: u32,
    pub(super) behaviors: Vec<&'static str>,
    /// Seconds between events; none without times.
    pub(super) step: Option<i64>,
    /// Users begin at one of so many seconds.
    pub(super) starts: u32,
    /// Whether purchases are of items viewed before.
    pub(super) familiar: bool,
    /// Whether a user buys in a round.
    pub(super) buys: fn(u32, u32) -> bool,
}

impl Log {
    pub(super) fn usual() -> Self {
        Self {
            n_users: 60,
            behaviors: vec!["view", "purchase"],
            step: Some(7_000),
            starts: 7,
            familiar: true,
            buys: |_, _| true,
        }
    }

    /// User u views a few items, one of them twice, and buys that one; the last purchase is the test, the
    /// one before it validation.
    pub(super) fn dataset(&self) -> Dataset {
        let target = self.behaviors.len() as u8 - 1;
        let mut builder = InteractionsBuilder::from_names(&self.behaviors, &["purchase"]).unwrap();
        let (mut validation, mut test) = (Vec::new(), Vec::new());
        for user in 0..self.n_users {
            let mut draws = Random::new(1, Stream::Synthetic).at(0, u64::from(user));
            let mut pairs: std::collections::BTreeMap<u32, Vec<PairEvent>> = Default::default();
            let mut now = i64::from(user % self.starts);
            for round in 0..6 {
                let bought = (user % 3) * 10 + (round * 3 + draws.below(3)) % 10;
                let mut push = |item: u32, behavior: u8| {
                    now += self.step.unwrap_or(0);
                    let event = PairEvent::new(BehaviorId(behavior), now);
                    pairs.entry(item).or_default().push(event);
                };
                if self.behaviors.len() > 1 {
                    for _ in 0..2 {
                        push(draws.below(N_ITEMS as u32), 0);
                    }
                    if self.familiar {
                        push(bought, 0);
                        push(bought, 0);
                    }
                }
                match round {
                    _ if !(self.buys)(user, round) => {}
                    4 => validation.push((UserId(user), ItemId(bought))),
                    5 => test.push((UserId(user), ItemId(bought))),
                    _ => push(bought, target),
                }
            }
            for (item, events) in pairs {
                let (user, item) = (UserId(user), ItemId(item));
                match self.step {
                    Some(_) => builder.push_events(user, item, 1.0, &events).unwrap(),
                    None => {
                        let mut counts = vec![0; self.behaviors.len()];
                        events
                            .iter()
                            .for_each(|e| counts[e.behavior().index()] += 1);
                        builder.push(user, item, 1.0, &counts, None).unwrap();
                    }
                }
            }
        }
        let n_users = self.n_users as usize;
        let train = builder.build(n_users, N_ITEMS).unwrap();
        let bought = |pair: &(UserId, ItemId)| {
            train
                .find(pair.0, pair.1)
                .is_some_and(|n| train.is_target(n))
        };
        validation.retain(|pair| !bought(pair));
        test.retain(|pair| !bought(pair) && !validation.contains(pair));
        let truth = |pairs| Truth::from_pairs(n_users, N_ITEMS, pairs).unwrap();
        let split = Split::new(train, truth(validation), truth(test)).unwrap();
        let mut weights = BehaviorWeightsConfig::single("purchase");
        for name in &self.behaviors[..target as usize] {
            let mut other = weights.behaviors[0].clone();
            (other.name, other.weight, other.target) = ((*name).to_owned(), 0.1, false);
            weights.behaviors.insert(0, other);
        }
        let names = |n: usize| (0..n).map(|row| row.to_string());
        Dataset::new(
            split,
            Vocabulary::from_names(names(n_users)).unwrap(),
            Vocabulary::from_names(names(N_ITEMS)).unwrap(),
            Catalogue::unknown(N_ITEMS),
            weights.check().unwrap(),
            Lineage::default(),
        )
        .unwrap()
    }
}

pub(super) fn ranker(dataset: &Dataset) -> (LearnedRanking, LearnedRanker<'_>) {
    let ranking = RankingConfig::default().fit(dataset).unwrap();
    let pairs = dataset.split.train.interactions();
    let (behaviors, catalogue) = (&dataset.behaviors, &dataset.catalogue);
    let ranker = LearnedRanker::new(ranking.clone(), pairs, behaviors, catalogue).unwrap();
    (ranking, ranker)
}

pub(super) fn recall(ranker: &dyn Ranker, dataset: &Dataset) -> f64 {
    let options = crate::EvaluationOptions {
        ks: vec![5],
        ..Default::default()
    };
    let (train, test) = (&dataset.split.train, &dataset.split.test);
    let evaluation = evaluate_test(ranker, train, test, &options).unwrap();
    evaluation.mean(Metric::Recall, 5).unwrap()
}

#[test]
fn what_was_viewed_twice_is_learned_to_be_bought() {
    let dataset = Log::usual().dataset();
    let (ranking, ranker) = ranker(&dataset);
    assert_eq!(ranking.report.withheld, Withhold::Later);
    let (learned, random) = (
        recall(&ranker, &dataset),
        recall(&RandomRanker::new(60, N_ITEMS, 1), &dataset),
    );
    assert!(
        learned > 0.8 && learned > 2.0 * random,
        "{learned}, {random}"
    );
    // Lists are full, best first, and the same as the scores.
    let excluded = Exclusions::targets(dataset.split.train.interactions());
    let user = UserId(3);
    let list = &ranker.top_k(&[user], N_ITEMS, &excluded)[0];
    assert_eq!(list.len(), N_ITEMS - excluded.of(user).len());
    assert!(list.is_sorted_by(|a, b| a.score >= b.score));
    let mut scores = vec![0.0; N_ITEMS];
    ranker.scores(&[user], &mut scores);
    assert!(
        list.iter()
            .all(|ranked| scores[ranked.item.index()] == ranked.score)
    );
}

#[test]
fn a_ranking_survives_its_artifact_and_a_refit() {
    let dataset = Log::usual().dataset();
    let ranking = RankingConfig::default().fit(&dataset).unwrap();
    let again = LearnedRanking::from_stored(&ranking.to_stored().unwrap()).unwrap();
    assert_eq!(again, ranking);
    let refitted = ranking
        .refit(&dataset.split.train, &dataset.behaviors)
        .unwrap();
    assert_eq!(refitted, ranking);
    let mut stored = ranking.to_stored().unwrap();
    stored.members.clear();
    let refused = LearnedRanking::from_stored(&stored);
    assert!(matches!(refused, Err(RecommendError::Ranking { .. })));
    stored.description = serde_json::json!({"bias": 1.0});
    let refused = LearnedRanking::from_stored(&stored);
    assert!(matches!(refused, Err(RecommendError::Ranking { .. })));
}

#[test]
fn a_ranking_of_other_items_or_behaviors_is_refused() {
    let dataset = Log::usual().dataset();
    let ranking = RankingConfig::default().fit(&dataset).unwrap();
    let mut small = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    small.push(UserId(0), ItemId(0), 1.0, &[1], None).unwrap();
    let small = small.build(1, 1).unwrap();
    let behaviors = BehaviorWeightsConfig::single("purchase").check().unwrap();
    let refused = LearnedRanker::new(ranking.clone(), &small, &behaviors, &Catalogue::unknown(1));
    assert!(matches!(refused, Err(RecommendError::Ranking { .. })));
    let pairs = dataset.split.train.interactions();
    let breaks: [fn(&mut LearnedRanking); 9] = [
        |r| r.bias = f64::NAN,
        |r| r.bias = 1e39,
        |r| r.features[0].met = -1e300,
        |r| r.features[0].scale = 1e-320,
        |r| r.features.clear(),
        |r| r.half_life_days = 0.0,
        |r| r.now = Some(i64::MIN),
        |r| r.candidates = usize::MAX,
        |r| r.features[0].feature = crate::Feature::Has { behavior: 99 },
    ];
    for damage in breaks {
        let mut other = ranking.clone();
        damage(&mut other);
        let refused = LearnedRanker::new(other, pairs, &dataset.behaviors, &dataset.catalogue);
        assert!(matches!(refused, Err(RecommendError::Ranking { .. })));
    }
}

#[test]
fn a_model_of_other_users_is_refused() {
    let dataset = Log::usual().dataset();
    let model = crate::EmbeddingRanker::new("other", vec![1.0], vec![1.0, 2.0], 1).unwrap();
    let refused = RankingConfig::default().fit_with(&dataset, Some(&model));
    assert!(matches!(refused, Err(RecommendError::Shape { .. })));
}

#[test]
fn a_model_that_knows_the_answer_joins_the_ranking() {
    // It scores the items that users bought in validation and test.
    let mut log = Log::usual();
    log.familiar = false;
    let dataset = log.dataset();
    let mut scores = vec![0.0; 60 * N_ITEMS];
    let truths = [dataset.split.validation.truth(), dataset.split.test.truth()];
    for (user, item) in truths.iter().flat_map(|truth| truth.iter()) {
        scores[user.index() * N_ITEMS + item.index()] = 1.0;
    }
    // Users by their own rows, items by unit vectors.
    let mut items = vec![0.0; N_ITEMS * N_ITEMS];
    (0..N_ITEMS).for_each(|n| items[n * N_ITEMS + n] = 1.0);
    let oracle = crate::EmbeddingRanker::new("oracle", scores, items, N_ITEMS).unwrap();
    let ranking = RankingConfig::default()
        .fit_with(&dataset, Some(&oracle))
        .unwrap();
    assert!(
        ranking
            .features
            .iter()
            .any(|f| f.feature == crate::Feature::Model)
    );
    let (pairs, behaviors) = (dataset.split.train.interactions(), &dataset.behaviors);
    let alone = LearnedRanker::new(ranking.clone(), pairs, behaviors, &dataset.catalogue).unwrap();
    let alone = recall(&alone, &dataset);
    let joined = LearnedRanker::new(ranking, pairs, behaviors, &dataset.catalogue).unwrap();
    let joined = recall(&joined.with_model(&oracle), &dataset);
    assert!(joined > 0.9 && joined > alone, "{joined}, {alone}");
}

#[test]
fn a_user_with_every_item_gets_an_empty_list() {
    let dataset = Log::usual().dataset();
    let (_, ranker) = ranker(&dataset);
    let all = || (0..N_ITEMS as u32).map(ItemId);
    let bought = [all().collect(), all().skip(2).collect()];
    let others = (2..60).map(|_| Vec::new());
    let excluded = Exclusions::from_lists(bought.into_iter().chain(others));
    let lists = ranker.top_k(&[UserId(0), UserId(1)], 9, &excluded);
    assert_eq!((lists[0].len(), lists[1].len()), (0, 2));
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    let mut builder = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    builder.push(UserId(0), ItemId(0), 1.0, &[1], None).unwrap();
    let split = Split::new(
        builder.build(1, 1).unwrap(),
        Truth::empty(1, 1),
        Truth::empty(1, 1),
    );
    let dataset = Dataset::new(
        split.unwrap(),
        Vocabulary::from_names(["a"]).unwrap(),
        Vocabulary::from_names(["0"]).unwrap(),
        Catalogue::unknown(1),
        BehaviorWeightsConfig::single("purchase").check().unwrap(),
        Lineage::default(),
    )
    .unwrap();
    let refused = RankingConfig::default().fit(&dataset);
    assert!(matches!(refused, Err(RecommendError::NothingToLearn)));
}

#[test]
fn a_planted_leak_is_refused() {
    // The purchase to predict is still in the history.
    let dataset = Log::usual().dataset();
    let train = dataset.split.train.interactions().clone();
    let pair = (0..train.n_pairs())
        .find(|&pair| train.is_target(pair))
        .unwrap();
    let item = train.items()[pair];
    let user = (0..60)
        .map(UserId)
        .find(|&user| train.find(user, item) == Some(pair))
        .unwrap();
    let truth = Truth::from_pairs(60, N_ITEMS, vec![(user, item)]).unwrap();
    let leak = super::withhold::fold(train, truth, Clock::Stopped);
    assert!(matches!(
        leak,
        Err(RecommendError::Core(CoreError::Leak { .. }))
    ));
}

/// With few candidates of each member, some are named by a dropped one alone.
#[test]
fn a_dropped_member_leaves_no_trace() {
    let dataset = Log::usual().dataset();
    let config = RankingConfig {
        candidates: Some(1),
        best_sellers: 0,
        k: 1,
        ..RankingConfig::default()
    };
    let all = config.fit(&dataset).unwrap();
    let kept = all.members.clone();
    assert!((1..3).contains(&kept.len()), "{kept:?}");
    let members = kept.clone();
    let alone = RankingConfig { members, ..config }.fit(&dataset).unwrap();
    assert_eq!(alone.members, kept);
    // Up to rounding: Newton's method comes to the same minimum from another start.
    let is_near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert_eq!(alone.features.len(), all.features.len());
    for (one, other) in alone.features.iter().zip(&all.features) {
        assert_eq!(
            (one.feature, one.scale),
            (other.feature, other.scale),
            "{one:?}"
        );
        assert!(is_near(one.met, other.met) && is_near(one.new, other.new));
    }
    assert!(is_near(alone.bias, all.bias));
    assert_eq!(alone.report.ndcg, all.report.ndcg);
    let dropped = all.report.groups.iter().filter(|group| group.dropped);
    let dropped_alone = alone.report.groups.iter().filter(|group| group.dropped);
    assert_eq!(dropped.count(), dropped_alone.count() + 3 - kept.len());
}
