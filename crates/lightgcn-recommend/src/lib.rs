//! Answers from trained recommenders: exact top-K lists, explanations, and honest evaluation.
//!
//! - [`Recommender`] answers requests by the shop's own ids, from an artifact on disk:
//!   [`recommend`](Recommender::recommend) for known users, [`answer`](Recommender::answer) with
//!   events since training, [`explain`](Recommender::explain), [`similar`](Recommender::similar),
//!   [`popular`](Recommender::popular), [`history`](Recommender::history). It always answers, under
//!   rules ([`RecommendOptions`]), and every item names its source ([`Source`]).
//! - [`Ranker`] is anything that ranks items for known users: [`EmbeddingRanker`] for every model
//!   with embeddings, [`LinearRanker`] for every model of [`lightgcn_linear`], [`LearnedRanker`]
//!   for a ranking learned from users' behavior before purchases ([`RankingConfig::fit`]),
//!   [`EnsembleRanker`] for several together ([`choose_weights`] finds weights on validation data),
//!   and the baselines that a model must beat: [`PopularityRanker`], [`RandomRanker`] and
//!   [`SeenNotBoughtRanker`].
//! - [`evaluate_validation`] and [`evaluate_test`] rank all items for every user with a held-out
//!   target, mask training purchases, and average; [`compare`] and [`Comparison`] test whether one
//!   ranker beats another significantly.
//!
//! Everything is exact and gives the same bits with any number of threads. It needs no
//! deep-learning framework: this crate is what a shop runs after training.
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
//! use lightgcn_metrics::Metric;
//! use lightgcn_recommend::{
//!     EvaluationOptions, PopularityRanker, SeenNotBoughtRanker, SeenOrder, evaluate_test,
//! };
//!
//! // Both users bought item 0; user 0 also viewed item 2, and then bought it.
//! let mut log = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"])?;
//! log.push(UserId(0), ItemId(0), 1.0, &[1, 1], None)?;
//! log.push(UserId(1), ItemId(0), 1.0, &[0, 1], None)?;
//! log.push(UserId(0), ItemId(2), 0.01, &[1, 0], None)?;
//! let bought_later = Truth::from_pairs(2, 3, vec![(UserId(0), ItemId(2))])?;
//! let split = Split::new(log.build(2, 3)?, Truth::empty(2, 3), bought_later)?;
//!
//! let options = EvaluationOptions { ks: vec![1], ..EvaluationOptions::default() };
//! let rule = SeenNotBoughtRanker::new(&split.train, SeenOrder::Events);
//! let rule = evaluate_test(&rule, &split.train, &split.test, &options)?;
//! let popular = PopularityRanker::from_interactions(split.train.interactions());
//! let popular = evaluate_test(&popular, &split.train, &split.test, &options)?;
//! assert_eq!(rule.mean(Metric::Recall, 1)?, 1.0);
//! assert_eq!(popular.mean(Metric::Recall, 1)?, 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! - `rank/`: rankers, one per file, the learned ranking, ensembles, and what changes their lists
//!   (diversity, exploration, revenue).
//! - `evaluate/`: full ranking over held-out targets.
//! - `answer/`: requests and answers by the shop's own ids, and the chain of sources.
//! - `explain/`: why an item was recommended, by contributions and graph paths.
//! - `cold_start/`: users and items that training did not see.
//! - `lenient`: ids and times in JSON, in all the forms that clients send.
//! - `recommender`: the front end that opens an artifact and uses all of these.
#![forbid(unsafe_code)]

mod answer;
mod cold_start;
mod error;
mod evaluate;
mod explain;
pub mod lenient;
mod model;
mod propagated;
mod rank;
mod recommender;
mod shop;
#[cfg(test)]
mod test_shop;

pub use answer::{
    Answer, BehaviorCount, ContextEvent, Familiarity, Hide, HistoryItem, IdList, ItemFilter,
    ItemOptions, ListedIds, ListedItem, RecommendOptions, RecommendRequest, RecommendedItem, Rule,
    Shard, Source, UnknownNames,
};
pub use cold_start::{FoldIn, NewItem, NewItemEvent};
pub use error::RecommendError;
pub use evaluate::{
    Comparison, ComparisonRow, Evaluation, EvaluationOptions, EvaluationSummary,
    better_on_validation, compare, evaluate, evaluate_test, evaluate_validation, figures,
};
pub use explain::{
    Contribution, EdgeRelation, ExplainOptions, ExplainRequest, ExplainedEdge, ExplainedPath,
    Explanation, Fact, Method, Part, PathNode, Remainder, Term, TermKind,
};
pub use propagated::propagate_anew;
pub use rank::{
    CascadingRanker, DiverseRanker, EmbeddingRanker, EnsembleRanker, Exclusions, ExploringRanker,
    Feature, FeatureGroup, Fusion, GroupEffect, LearnedRanker, LearnedRanking, LinearRanker,
    Member, MemberKind, NewItemsRanker, PopularityRanker, RandomRanker, Ranked, Ranker,
    RankingConfig, RankingReport, RevenueScorer, ScoreParts, Scorer, SeenNotBoughtRanker,
    SeenOrder, SessionKnnRanker, WeightChoice, WeightOptions, WeightedFeature, Withhold,
    behavior_stages, check_same_catalogue, choose_weights, diversify,
};
pub use recommender::Recommender;
