//! The users that a ranking is learned from: their candidates at the time of withheld purchases.

use super::candidates::{BY_OTHERS, Candidates, Scratch};
use super::config::RankingConfig;
use super::feature::{Feature, FeatureGroup, Known, all_features};
use super::history::{Clock, DAY, UserHistory};
use super::members::{MemberKind, behavior_stages, strengths};
use super::ranking::{MAX_SCALE, MIN_SCALE, scaled};
use super::snapshot::{Snapshot, SnapshotSettings, Subject, category_column};
use super::viewpoint::ModelScores;
use super::withhold::{Withhold, resolution};
use crate::{Exclusions, RecommendError, Scorer};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{Dataset, Interactions, ItemId, Train, Truth, UserId};
use lightgcn_linear::ItemToItem;
use rayon::prelude::*;
use std::sync::Arc;

/// Half-lives of recency that a log may tell apart, in days.
const HALF_LIVES: [f64; 4] = [1.0 / 24.0, 1.0, 7.0, 30.0];

/// A user with their candidates and withheld purchases.
pub(super) struct LearningUser {
    pub(super) user: UserId,
    /// Whether the scores of the trained model are among the features.
    pub(super) with_model: bool,
    pub(super) candidates: Candidates,
    /// Ascending.
    pub(super) targets: Vec<ItemId>,
}

impl LearningUser {
    /// What of the user's weight falls on each candidate: 1 / targets for a target, else 0.
    pub(super) fn target_weights(&self) -> Vec<f32> {
        let items = self.candidates.items.iter();
        let is_target = items.map(|item| self.targets.binary_search(item).is_ok());
        let is_target: Vec<bool> = is_target.collect();
        let n = is_target.iter().filter(|&&is_target| is_target).count();
        let weight = |&is_target: &bool| if is_target { 1.0 / n as f32 } else { 0.0 };
        is_target.iter().map(weight).collect()
    }
}

/// What all snapshots share.
pub(super) struct Fitter<'a> {
    pub(super) config: &'a RankingConfig,
    dataset: &'a Dataset,
    withhold: Withhold,
    model: Option<&'a dyn Scorer>,
    pub(super) kinds: Vec<MemberKind>,
    pub(super) features: Vec<Feature>,
    strengths: Vec<usize>,
    pub(super) settings: SnapshotSettings,
}

impl<'a> Fitter<'a> {
    pub(super) fn new(
        config: &'a RankingConfig,
        dataset: &'a Dataset,
        withhold: Withhold,
        model: Option<&'a dyn Scorer>,
    ) -> Result<Self, RecommendError> {
        let pairs = dataset.split.train.interactions();
        if let Some(model) = model {
            check_shape(model, pairs)?;
        }
        let span = span_days(pairs);
        let day_only = resolution(pairs) > 1;
        let half_lives: Vec<f64> = HALF_LIVES
            .into_iter()
            .filter(|&days| days * 2.0 <= span && (!day_only || days >= 1.0))
            .collect();
        let catalogue = &dataset.catalogue;
        let has_sessions = !half_lives.is_empty() && !day_only;
        let mut kinds = config.members.clone();
        kinds.retain(|kind| match kind {
            MemberKind::Sessions => has_sessions,
            // Over one behavior it is propagation.
            MemberKind::Cascade => behavior_stages(&dataset.behaviors, pairs).len() > 1,
            _ => true,
        });
        kinds.sort_unstable();
        kinds.dedup();
        let features = all_features(&Known {
            is_target: pairs.target_behaviors(),
            n_members: kinds.len(),
            half_lives: &half_lives,
            has_sessions,
            has_categories: category_column(catalogue).labels().len() > 1,
            has_brands: catalogue.brand().labels().len() > 1,
            has_prices: catalogue.prices().iter().any(Option::is_some),
            has_model: model.is_some(),
        });
        Ok(Self {
            model,
            kinds,
            features,
            strengths: strengths(&dataset.behaviors),
            settings: SnapshotSettings {
                half_life: (span / 4.0).clamp(1.0, 60.0),
                n_by_member: config.n_candidates(dataset.split.validation.truth()),
                n_best_sellers: config.best_sellers,
            },
            config,
            dataset,
            withhold,
        })
    }

    /// A row of features as weights multiply it.
    pub(super) fn scaled(&self, scales: &[f64], row: &[f32]) -> impl Iterator<Item = f32> {
        let columns = self.features.iter().zip(scales).zip(row);
        columns.map(|((&f, &scale), &raw)| scaled(f, scale, raw) as f32)
    }

    /// What the trained model is called in reports.
    pub(super) fn model_name(&self) -> String {
        self.model
            .map_or_else(String::new, |model| model.name().to_owned())
    }

    fn members(&self, train: &Train) -> Result<Arc<Vec<ItemToItem>>, RecommendError> {
        let (n, ease_items) = (self.config.n_neighbors, self.config.ease_items);
        let fit = |kind: &MemberKind| kind.fit(train, &self.dataset.behaviors, n, ease_items);
        let members: Result<Vec<ItemToItem>, RecommendError> = self.kinds.iter().map(fit).collect();
        Ok(Arc::new(members?))
    }

    /// The users of all folds of withheld purchases, each fold with members fitted to what is left, and
    /// those of the validation part, with the members fitted to all training pairs.
    pub(super) fn learning_users(
        &self,
        clock: Clock,
    ) -> Result<(Arc<Vec<ItemToItem>>, Vec<LearningUser>), RecommendError> {
        let split = &self.dataset.split;
        let pairs = split.train.interactions();
        let folds = self
            .withhold
            .folds(pairs, &self.dataset.behaviors, self.config.seed);
        let validation = split.validation.truth();
        let n_sets = folds.len() + usize::from(!validation.is_empty());
        let most = self.config.n_users(self.settings.n_by_member);
        let most = most.div_ceil(n_sets.max(1));
        let mut users = Vec::new();
        for fold in folds {
            let fold = fold?;
            if fold.truth().is_empty() {
                continue;
            }
            let models = self.members(fold.train())?;
            let set = (fold.train().interactions(), fold.clock, fold.truth());
            users.extend(self.users_of(set, &models, None, most));
        }
        // Last, so that never more than one set of members is in memory.
        let models = self.members(&split.train)?;
        let set = (pairs, clock, validation);
        users.extend(self.users_of(set, &models, self.model, most));
        Ok((models, users))
    }

    /// Goes on with these groups of features and the trained model alone (ascending), as if there had been no
    /// other members: from candidates that only a dropped member names nothing may be learned, as answers have
    /// none of them.
    pub(super) fn keep(&mut self, groups: &[FeatureGroup], users: &mut [LearningUser]) {
        let members = FeatureGroup::members(groups);
        let place = |member| members.iter().position(|&kept| kept == member);
        let width = self.features.len();
        let kept: Vec<(usize, Feature)> = self
            .features
            .iter()
            .enumerate()
            .filter_map(|(n, &feature)| match feature {
                Feature::Graph { member, behavior } => {
                    let member = place(member)?;
                    Some((n, Feature::Graph { member, behavior }))
                }
                other => (other == Feature::Model || groups.contains(&other.group()))
                    .then_some((n, other)),
            })
            .collect();
        let sources = members.iter().fold(BY_OTHERS, |bits, &n| bits | 1 << n);
        users.par_iter_mut().for_each(|user| {
            let all = std::mem::take(&mut user.candidates);
            let rows = all.rows.chunks_exact(width);
            let mut rest = Candidates::default();
            for (n, row) in rows
                .enumerate()
                .filter(|(n, _)| all.sources[*n] & sources != 0)
            {
                rest.items.push(all.items[n]);
                rest.met.push(all.met[n]);
                rest.rows
                    .extend(kept.iter().map(|&(column, _)| row[column]));
                let bits = members.iter().enumerate();
                let bits = bits.map(|(to, &from)| (all.sources[n] >> from & 1) << to);
                rest.sources
                    .push(bits.fold(all.sources[n] & BY_OTHERS, |a, b| a | b));
            }
            user.candidates = rest;
        });
        self.features = kept.into_iter().map(|(_, feature)| feature).collect();
        self.kinds = members.iter().map(|&n| self.kinds[n]).collect();
    }

    /// At most `most` users of a truth, chosen at random, with their candidates by these members.
    fn users_of(
        &self,
        (pairs, clock, truth): (&Interactions, Clock, &Truth),
        models: &Arc<Vec<ItemToItem>>,
        model: Option<&dyn Scorer>,
        most: usize,
    ) -> Vec<LearningUser> {
        let subject = Subject {
            pairs,
            clock,
            features: &self.features,
            members: models,
            kinds: &self.kinds,
            strengths: &self.strengths,
            catalogue: &self.dataset.catalogue,
        };
        let snapshot = Snapshot::new(subject, self.settings);
        let mut users: Vec<UserId> = truth.users().collect();
        if users.len() > most {
            Random::new(self.config.seed, Stream::Withholding).shuffle(3, &mut users);
            users.truncate(most);
            users.sort_unstable();
        }
        let bought = Exclusions::targets(pairs);
        let one = |scratch: &mut Scratch, &user: &UserId| {
            let history = UserHistory::of_training(pairs, user, clock);
            let scores = model.map(|model| {
                let mut scores = vec![0.0; model.n_items()];
                model.scores(&[user], &mut scores);
                ModelScores::Row(scores)
            });
            let from = snapshot.viewpoint(&history, scores);
            let bought = bought.of(user);
            let not_new = snapshot.not_new(&history, bought);
            let wanted = (self.config.k, bought, &not_new[..]);
            let found = snapshot.find(&from, wanted, scratch);
            LearningUser {
                user,
                with_model: model.is_some(),
                candidates: snapshot.candidates(&from, found, scratch),
                targets: truth.items_of(user).to_vec(),
            }
        };
        let scratch = || Scratch::new(pairs.n_items());
        users.par_iter().map_init(scratch, one).collect()
    }

    /// The mean positive value of each score among all candidates; 1 for other features.
    pub(super) fn scales(&self, users: &[LearningUser]) -> Vec<f64> {
        let width = self.features.len();
        let mut sums = vec![(0.0, 0.0); width];
        let rows = users
            .iter()
            .flat_map(|user| user.candidates.rows.chunks_exact(width));
        for row in rows {
            for (sum, &value) in sums.iter_mut().zip(row).filter(|(_, value)| **value > 0.0) {
                *sum = (sum.0 + f64::from(value), sum.1 + 1.0);
            }
        }
        let scale = |(feature, (sum, n)): (&Feature, (f64, f64))| match feature.is_score() {
            // Scores of a model beyond these stay usable.
            true if n > 0.0 => (sum / n).clamp(MIN_SCALE, MAX_SCALE),
            _ => 1.0,
        };
        self.features.iter().zip(sums).map(scale).collect()
    }
}

fn span_days(pairs: &Interactions) -> f64 {
    let times = pairs.last_times().iter().copied();
    let first = pairs.events().values().iter().map(|event| event.time());
    match (first.chain(times.clone()).min(), times.max()) {
        (Some(first), Some(last)) => (last - first) as f64 / DAY,
        _ => 0.0,
    }
}

/// Checks that a model knows the same users and items.
fn check_shape(model: &dyn Scorer, pairs: &Interactions) -> Result<(), RecommendError> {
    let (users, items) = (model.n_users(), model.n_items());
    let (train_users, train_items) = (pairs.n_users(), pairs.n_items());
    if (users, items) == (train_users, train_items) {
        return Ok(());
    }
    Err(RecommendError::Shape {
        what: model.name().to_owned(),
        users,
        items,
        train_users,
        train_items,
    })
}
