//! Everything that answers are made from.

use crate::answer::items::Items;
use crate::answer::nearest::{hint_for_user, nearest_item};
use crate::answer::popularity::Popularity;
use crate::answer::profile::{Profile, ProfileItem};
use crate::cold_start::fold_in::{Newcomers, Query};
use crate::model::Model;
use crate::{
    BehaviorCount, ContextEvent, EnsembleRanker, Exclusions, FoldIn, RecommendError, Source,
};
use lightgcn_core::{ItemId, UserId};
use lightgcn_store::Artifact;

/// The state behind a [`Recommender`](crate::Recommender), which the rooms of the crate read.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) model: Model,
    pub(crate) items: Items,
    pub(crate) newcomers: Newcomers,
    pub(crate) popularity: Popularity,
    pub(crate) bought: Exclusions,
    /// The model's own weight, and the other members of its ensemble.
    pub(crate) ensemble: Option<(f64, EnsembleRanker<'static>)>,
}

impl Shop {
    pub(crate) fn new(artifact: Artifact) -> Result<Self, RecommendError> {
        let model = Model::new(artifact)?;
        Ok(Self {
            items: Items::new(&model),
            newcomers: Newcomers::new(FoldIn::default()),
            popularity: Popularity::new(&model.artifact),
            bought: Exclusions::targets(&model.artifact.train),
            ensemble: None,
            model,
        })
    }

    pub(crate) fn user(&self, raw_user: &str) -> Option<UserId> {
        self.model.artifact.users.get(raw_user)
    }

    pub(crate) fn known_user(&self, raw_user: &str) -> Result<UserId, RecommendError> {
        self.user(raw_user)
            .ok_or_else(|| RecommendError::UnknownUser {
                id: raw_user.to_owned(),
                hint: hint_for_user(&self.model.artifact.users, raw_user),
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

    /// What is known of a user: training pairs and these events.
    pub(crate) fn profile(
        &self,
        user: Option<UserId>,
        events: &[ContextEvent],
    ) -> Result<Profile, RecommendError> {
        Profile::new(&self.model, &self.items.names, user, events)
    }

    /// The vector that ranks items for this user; none where nothing is known.
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
