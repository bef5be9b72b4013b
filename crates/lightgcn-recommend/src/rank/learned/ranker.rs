//! Applies a learned ranking to training pairs.

use super::candidates::{Candidates, Found, Scratch};
use super::feature::Feature;
use super::history::{Clock, UserHistory};
use super::members::strengths;
use super::ranking::LearnedRanking;
use super::snapshot::{Snapshot, SnapshotSettings, Subject};
use super::ties::jitter;
use super::viewpoint::{ModelScores, Viewpoint};
use crate::rank::ranker::check_user;
use crate::rank::scorer::check_scores;
use crate::{EmbeddingRanker, Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{BehaviorWeights, Catalogue, Interactions, ItemId, UserId};
use lightgcn_simd::select_top_k;
use lightgcn_store::Artifact;
use rayon::prelude::*;
use std::sync::Arc;

/// A ranking with the state of the log from which its features are computed.
#[derive(Debug)]
pub(crate) struct RankingView {
    pub(crate) ranking: LearnedRanking,
    pub(crate) snapshot: Snapshot,
    pub(crate) clock: Clock,
    /// The part of each item's score, new or met, that does not depend on the user.
    item_scores: Vec<[f64; 2]>,
    /// The columns of the other features.
    columns: Vec<usize>,
}

impl RankingView {
    /// O(events + items · log).
    pub(crate) fn new(
        ranking: LearnedRanking,
        pairs: &Interactions,
        behaviors: &BehaviorWeights,
        catalogue: &Catalogue,
    ) -> Result<Self, RecommendError> {
        ranking.check(pairs)?;
        let features = ranking.features.iter().map(|weighted| weighted.feature);
        let features: Vec<Feature> = features.collect();
        let clock = ranking.clock();
        let subject = Subject {
            pairs,
            clock,
            features: &features,
            members: &ranking.models,
            kinds: &ranking.members,
            strengths: &strengths(behaviors),
            catalogue,
        };
        let settings = SnapshotSettings {
            half_life: ranking.half_life_days,
            n_by_member: ranking.candidates,
            n_best_sellers: ranking.best_sellers,
        };
        let snapshot = Snapshot::new(subject, settings);
        let items = (0..pairs.n_items() as u32).map(ItemId);
        let score = |item, met| {
            let features = snapshot.item_features(item);
            let terms = features.map(|(column, raw)| ranking.term(column, met, raw));
            (if met { ranking.bias } else { 0.0 }) + terms.sum::<f64>() + jitter(item)
        };
        Ok(Self {
            item_scores: items
                .map(|item| [false, true].map(|met| score(item, met)))
                .collect(),
            columns: snapshot.columns_of_users(),
            snapshot,
            clock,
            ranking,
        })
    }

    /// Whether it needs the trained model's scores.
    pub(crate) fn needs_model(&self) -> bool {
        let mut features = self.ranking.features.iter();
        features.any(|weighted| weighted.feature == Feature::Model)
    }

    /// What a thread needs for lists of one user after another.
    pub(crate) fn scratch(&self) -> Scratch {
        Scratch::new(self.item_scores.len())
    }

    /// The `k` best items for a user, without those excluded (ascending rows): `wanted` is k, the rows excluded
    /// and those of [`Snapshot::not_new`].
    pub(crate) fn list(
        &self,
        from: &Viewpoint<'_>,
        wanted: (usize, &[u32], &[u32]),
        scratch: &mut Scratch,
    ) -> Vec<Ranked> {
        let found = self.snapshot.find(from, wanted, scratch);
        let scores = self.scores(from, &found, scratch);
        let best = select_top_k(&scores, wanted.0, &[]).into_iter();
        best.map(|scored| Ranked {
            item: found.items[scored.item as usize],
            score: scored.score,
        })
        .collect()
    }

    /// The score of every item.
    pub(crate) fn row(&self, from: &Viewpoint<'_>) -> Vec<f32> {
        let mut scratch = self.scratch();
        let all = self.snapshot.all(from, &mut scratch);
        self.scores(from, &all, &mut scratch)
    }

    /// An item's features and its score.
    pub(crate) fn one(&self, from: &Viewpoint<'_>, item: ItemId) -> (Candidates, f32) {
        // What is looked up needs none.
        let mut scratch = Scratch::new(0);
        let found = self.snapshot.one(from, item);
        let score = self.scores(from, &found, &mut scratch)[0];
        (self.snapshot.candidates(from, found, &mut scratch), score)
    }

    /// The score of each item: the sum of its terms, in the order of the features.
    fn scores(&self, from: &Viewpoint<'_>, found: &Found, scratch: &mut Scratch) -> Vec<f32> {
        let met: Vec<bool> = found.places.iter().map(Option::is_some).collect();
        let items = found.items.iter().zip(&met);
        let base = items.map(|(item, &met)| self.item_scores[item.index()][usize::from(met)]);
        let mut sums: Vec<f64> = base.collect();
        for &column in &self.columns {
            self.snapshot
                .each_value(column, (from, found), scratch, |n, value| {
                    sums[n] += self.ranking.term(column, met[n], value);
                });
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}

/// Ranks by a [`LearnedRanking`] for the users of training pairs.
///
/// A list has the best of the user's candidates: items met before, those that members rank first,
/// and best sellers. Ties do not follow the order of the log.
pub struct LearnedRanker<'a> {
    name: String,
    pairs: &'a Interactions,
    view: Arc<RankingView>,
    model: Option<Box<dyn Scorer + Send + 'a>>,
}

impl std::fmt::Debug for LearnedRanker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LearnedRanker")
            .field("ranking", &self.view.ranking)
            .finish_non_exhaustive()
    }
}

impl<'a> LearnedRanker<'a> {
    /// A ranker over pairs known to be training pairs. O(events + items · log).
    ///
    /// # Errors
    /// [`RecommendError::Ranking`] if the ranking belongs to other items or behaviors.
    ///
    /// # Panics
    /// If the catalogue's number of items differs from the pairs'.
    pub fn new(
        ranking: LearnedRanking,
        pairs: &'a Interactions,
        behaviors: &BehaviorWeights,
        catalogue: &Catalogue,
    ) -> Result<Self, RecommendError> {
        assert!(
            catalogue.n_items() == pairs.n_items(),
            "the catalogue has {} items, the pairs {}",
            catalogue.n_items(),
            pairs.n_items()
        );
        let view = RankingView::new(ranking, pairs, behaviors, catalogue)?;
        Ok(Self::from_view(Arc::new(view), pairs))
    }

    /// The ranking of an artifact with its model: what answers its users. None where it has no ranking.
    ///
    /// # Errors
    /// [`RecommendError::Ranking`] if the ranking is not sound or not one of the artifact's items and behaviors,
    /// [`RecommendError::Linear`] if a member is not sound, [`RecommendError::Options`] if the table of behaviors
    /// is not.
    pub fn of_artifact(artifact: &'a Artifact) -> Result<Option<Self>, RecommendError> {
        let Some(stored) = &artifact.ranking else {
            return Ok(None);
        };
        let ranking = LearnedRanking::from_stored(stored)?;
        let behaviors = artifact.behaviors.clone().check();
        let behaviors = behaviors.map_err(|error| RecommendError::Options {
            issues: vec![error.to_string()],
        })?;
        let (pairs, table) = (&artifact.train, &artifact.embeddings);
        let model = EmbeddingRanker::from_nodes(
            &*artifact.model.name,
            table.data(),
            pairs.n_users(),
            table.dimension(),
        )?;
        let ranker = Self::new(ranking, pairs, &behaviors, &artifact.catalogue)?;
        Ok(Some(ranker.with_model(model)))
    }

    pub(crate) fn from_view(view: Arc<RankingView>, pairs: &'a Interactions) -> Self {
        Self {
            name: "learned ranking".to_owned(),
            pairs,
            view,
            model: None,
        }
    }

    /// With another name in reports. Default: `learned ranking`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With the trained model whose score is one of the features.
    ///
    /// # Panics
    /// If the model's number of users or items differs.
    #[must_use]
    pub fn with_model(mut self, model: impl Scorer + Send + 'a) -> Self {
        assert!(
            (model.n_users(), model.n_items()) == (self.n_users(), self.n_items()),
            "the model {:?} and the pairs count different users or items",
            model.name()
        );
        self.model = Some(Box::new(model));
        self
    }

    fn for_user<T>(&self, user: UserId, answer: impl FnOnce(&Viewpoint<'_>) -> T) -> T {
        check_user(user, self.pairs.n_users());
        let history = UserHistory::of_training(self.pairs, user, self.view.clock);
        let model = self.model.as_ref().filter(|_| self.view.needs_model());
        let model = model.map(|model| {
            let mut scores = vec![0.0; model.n_items()];
            model.scores(&[user], &mut scores);
            ModelScores::Row(scores)
        });
        answer(&self.view.snapshot.viewpoint(&history, model))
    }
}

impl Ranker for LearnedRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.pairs.n_users()
    }

    fn n_items(&self) -> usize {
        self.pairs.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let list = |scratch: &mut Scratch, &user: &UserId| {
            let excluded = excluded.of(user);
            self.for_user(user, |from| {
                let not_new = self.view.snapshot.not_new(from.history, excluded);
                self.view.list(from, (k, excluded, &not_new), scratch)
            })
        };
        let scratch = || self.view.scratch();
        users.par_iter().map_init(scratch, list).collect()
    }
}

impl Scorer for LearnedRanker<'_> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let rows = out.par_chunks_exact_mut(self.n_items().max(1));
        rows.zip(users).for_each(|(row, &user)| {
            row.copy_from_slice(&self.for_user(user, |from| self.view.row(from)));
        });
    }
}
