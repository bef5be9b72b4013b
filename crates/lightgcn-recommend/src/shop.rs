//! Everything that answers are made from.

use crate::answer::filter::Filtered;
use crate::answer::items::Items;
use crate::answer::nearest::{hint_for_user, nearest_item};
use crate::answer::popularity::Popularity;
use crate::answer::profile::{Profile, ProfileItem};
use crate::cold_start::fold_in::{Newcomers, Query};
use crate::model::Model;
use crate::rank::learned::{Act, Clock, DAY, ModelScores, RankingView, UserHistory, Viewpoint};
use crate::{
    BehaviorCount, ContextEvent, EnsembleRanker, Exclusions, FoldIn, ItemFilter, LearnedRanking,
    RecommendError, Rule, Source,
};
use lightgcn_core::{ItemId, SessionMark, UserId};
use lightgcn_store::Artifact;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The state behind a [`Recommender`](crate::Recommender), read by the crate's modules. Clones
/// share large data.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) model: Arc<Model>,
    /// Users of the model to whom it answers as to strangers.
    pub(crate) forgotten: Arc<BTreeSet<UserId>>,
    pub(crate) items: Items,
    pub(crate) newcomers: Arc<Newcomers>,
    pub(crate) popularity: Arc<Popularity>,
    pub(crate) bought: Arc<Exclusions>,
    /// The items that each user only rejected in training.
    pub(crate) rejected: Arc<Exclusions>,
    /// The learned ranking, if the artifact has one.
    pub(crate) ranking: Option<Arc<RankingView>>,
    /// The model's own weight, and the other members of its ensemble.
    pub(crate) ensemble: Option<Arc<(f64, EnsembleRanker<'static>)>>,
}

impl Shop {
    pub(crate) fn new(artifact: Artifact) -> Result<Self, RecommendError> {
        let model = Model::new(artifact)?;
        Ok(Self {
            forgotten: Arc::default(),
            items: Items::new(&model),
            newcomers: Arc::new(Newcomers::new(FoldIn::default())),
            popularity: Arc::new(Popularity::new(&model.artifact)),
            bought: Arc::new(Exclusions::targets(&model.artifact.train)),
            rejected: Arc::new(rejected(&model)),
            ensemble: None,
            ranking: ranking(&model)?,
            model: Arc::new(model),
        })
    }

    /// The learned ranking, if it ranks for users with a vector from this source. It does not if
    /// the user has only items unknown to training, nor in an ensemble.
    pub(crate) fn ranking_for(&self, source: Source) -> Option<&RankingView> {
        let is_known = matches!(source, Source::Model | Source::FoldIn);
        let decides = is_known && self.ensemble.is_none();
        self.ranking.as_deref().filter(|_| decides)
    }

    /// What a user did in training and in these events, by age, as the ranking needs it.
    pub(crate) fn learned_history(
        &self,
        view: &RankingView,
        user: Option<UserId>,
        events: &[ContextEvent],
    ) -> UserHistory {
        let train = &self.model.artifact.train;
        let user = user.filter(|&user| self.model.has_history(user));
        let mut history = user.map_or_else(UserHistory::default, |user| {
            UserHistory::of_training(train, user, view.clock)
        });
        let trained_until = match (view.clock, user) {
            (clock, Some(user)) => clock.now_of(train, user),
            (Clock::At(now), None) => Some(now),
            (_, None) => None,
        };
        let latest = events.iter().filter_map(|event| event.time).max();
        let now = trained_until.max(latest);
        if let (Some(then), Some(now)) = (trained_until, now) {
            history.age_by(now.saturating_sub(then) as f64 / DAY);
        }
        for event in events {
            let behavior = self.model.behavior(&event.behavior).flatten();
            let (Some(item), Some(behavior)) = (self.items.names.get(&event.item), behavior) else {
                continue;
            };
            let age = match (now, event.time) {
                (Some(now), Some(time)) => now.saturating_sub(time) as f64 / DAY,
                _ => 0.0,
            };
            let act = Act {
                behavior: behavior.index(),
                count: event.count,
                age,
                session: SessionMark::UNKNOWN,
            };
            history.add(item, act);
        }
        history
    }

    /// The embeddings of the items in training.
    pub(crate) fn trained_table(&self) -> &[f32] {
        let n_items = self.model.artifact.train.n_items();
        &self.items.table[..n_items * self.items.dimension]
    }

    /// The inputs of the ranking's features for a user with this vector, for items that are given.
    pub(crate) fn viewpoint<'h>(
        &'h self,
        view: &RankingView,
        history: &'h UserHistory,
        vector: &'h [f32],
    ) -> Viewpoint<'h> {
        let model = view.needs_model().then(|| ModelScores::Products {
            vector,
            table: self.trained_table(),
            best: Vec::new(),
        });
        view.snapshot.viewpoint(history, model)
    }

    /// The items that a filter leaves, except unsuitable and currently unavailable ones.
    pub(crate) fn eligible(&self, filter: &ItemFilter) -> Filtered {
        let items = &self.items;
        let mut filtered = filter.apply(&items.names, &items.catalogue);
        for (eligible, &unsuitable) in filtered.mask.iter_mut().zip(&items.unsuitable) {
            *eligible &= !unsuitable;
        }
        filtered.note(Rule::Unsuitable);
        let listings = items.catalogue.listings();
        if !listings.are_always_available() {
            let now = now();
            for (eligible, row) in filtered.mask.iter_mut().zip(0..) {
                *eligible &= listings.is_available(ItemId(row), now);
            }
            filtered.note(Rule::Unavailable);
        }
        filtered
    }

    /// The row of a user that the model knows and has not forgotten.
    pub(crate) fn user(&self, raw_user: &str) -> Option<UserId> {
        let user = self.model.artifact.users.get(raw_user);
        user.filter(|user| !self.forgotten.contains(user))
    }

    pub(crate) fn known_user(&self, raw_user: &str) -> Result<UserId, RecommendError> {
        self.user(raw_user)
            .ok_or_else(|| RecommendError::UnknownUser {
                id: raw_user.to_owned(),
                hint: hint_for_user(|id| self.user(id).is_some(), raw_user),
            })
    }

    pub(crate) fn known_item(&self, raw_item: &str) -> Result<ItemId, RecommendError> {
        self.items.names.get(raw_item).ok_or_else(|| {
            let nearest = nearest_item(&self.items.names, raw_item);
            let hint = match &nearest {
                Some(near) => format!("did you mean {near:?}?"),
                None => {
                    "check the id against the log, or train again on a log that has it".to_owned()
                }
            };
            RecommendError::UnknownItem {
                id: raw_item.to_owned(),
                nearest,
                hint,
            }
        })
    }

    /// A user's profile: training pairs and these events.
    pub(crate) fn profile(
        &self,
        user: Option<UserId>,
        events: &[ContextEvent],
    ) -> Result<Profile, RecommendError> {
        Profile::new(&self.model, &self.items.names, user, events)
    }

    /// The vector that ranks items for this user; `None` if nothing is known.
    pub(crate) fn query(&self, profile: &Profile) -> Option<Query> {
        self.newcomers.query(&self.model, profile).or_else(|| {
            let vector = self.items.mean_of(profile)?;
            let source = Source::Content;
            Some(Query { vector, source })
        })
    }

    pub(crate) fn behaviors_of(&self, item: &ProfileItem) -> Vec<BehaviorCount> {
        let counts: Vec<u32> = item.counts.iter().map(|n| n.ceil() as u32).collect();
        BehaviorCount::of(self.model.artifact.train.behaviors(), &counts)
    }
}

/// Seconds since 1970 by the system's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// The items that each user only rejected in training. O(pairs).
fn rejected(model: &Model) -> Exclusions {
    let train = &model.artifact.train;
    if !model.has_negative() {
        return Exclusions::from_lists((0..train.n_users()).map(|_| Vec::new()));
    }
    let users = (0..train.n_users() as u32).map(UserId);
    Exclusions::from_lists(users.map(|user| {
        let pairs = train.of_user(user);
        let rejected = pairs.filter(|pair| model.is_rejection(pair.counts));
        rejected.map(|pair| pair.item).collect()
    }))
}

/// The learned ranking of an artifact, checked.
fn ranking(model: &Model) -> Result<Option<Arc<RankingView>>, RecommendError> {
    let artifact = &model.artifact;
    let Some(stored) = &artifact.ranking else {
        return Ok(None);
    };
    let ranking = LearnedRanking::from_stored(stored)?;
    let view = RankingView::new(
        ranking,
        &artifact.train,
        &model.weights,
        &artifact.catalogue,
    )?;
    Ok(Some(Arc::new(view)))
}
