//! The profile of a request's user: training pairs and later events.

use crate::model::Model;
use crate::{ContextEvent, RecommendError};
use lightgcn_core::{ItemId, UserId, Vocabulary};

/// One item that the user interacted with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProfileItem {
    pub(crate) item: ItemId,
    /// The pair's weight, computed as in training.
    pub(crate) weight: f64,
    /// Number of events of each behavior.
    pub(crate) counts: Vec<f64>,
    pub(crate) bought: bool,
    /// Whether the user's events with it are negative: all of those in training, or their sum with recent events.
    pub(crate) is_rejected: bool,
    /// Whether an event of the request contributed.
    pub(crate) is_recent: bool,
}

/// Everything the model knows about a user.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The row of a user with training pairs.
    pub(crate) trained: Option<UserId>,
    /// Sorted by item, each once.
    pub(crate) items: Vec<ProfileItem>,
    pub(crate) n_events: usize,
    pub(crate) n_ignored: usize,
}

impl Profile {
    /// Only the training pairs of a user; empty without a user or pairs.
    pub(crate) fn of_training(model: &Model, user: Option<UserId>) -> Self {
        let trained = user.filter(|&user| model.has_history(user));
        let train = &model.artifact.train;
        let pairs = trained.into_iter().flat_map(|user| train.of_user(user));
        let items = pairs.map(|pair| ProfileItem {
            item: pair.item,
            weight: f64::from(pair.weight),
            counts: pair.counts.iter().map(|&n| f64::from(n)).collect(),
            bought: pair.is_target,
            is_rejected: model.is_rejection(pair.counts),
            is_recent: false,
        });
        Self {
            trained,
            items: items.collect(),
            n_events: 0,
            n_ignored: 0,
        }
    }

    /// The training pairs of the user with `events` added, each pair weighted by the rules of training.
    /// O(pairs + events · log).
    pub(crate) fn new(
        model: &Model,
        names: &Vocabulary<ItemId>,
        user: Option<UserId>,
        events: &[ContextEvent],
    ) -> Result<Self, RecommendError> {
        let mut profile = Self::of_training(model, user);
        let (recent, n_ignored) = recent_events(model, names, events)?;
        profile.n_ignored = n_ignored;
        profile.n_events = events.len() - n_ignored;
        for item in recent {
            profile.add(model, item);
        }
        profile.items.sort_by_key(|known| known.item);
        Ok(profile)
    }

    /// Adds recent events with one item, whose weight is that of these events alone.
    fn add(&mut self, model: &Model, mut item: ProfileItem) {
        let known = self.items.iter_mut().find(|known| known.item == item.item);
        let Some(known) = known else {
            return self.items.push(item);
        };
        for (sum, count) in item.counts.iter_mut().zip(&known.counts) {
            *sum += count;
        }
        item.bought |= known.bought;
        item.is_rejected = !item.bought && model.is_net_negative(&item.counts);
        // Training keeps no ages of counts: with a half-life, its weight cannot be recomputed and
        // stays unchanged.
        item.weight = match model.weights.config().half_life_days {
            Some(_) => known.weight.max(item.weight),
            None => model.weights.combine(&item.counts, item.bought),
        };
        if item.is_rejected {
            item.weight = 0.0;
        }
        *known = item;
    }

    /// Whether the request's events add anything to training.
    pub(crate) fn has_events(&self) -> bool {
        self.items.iter().any(|item| item.is_recent)
    }

    pub(crate) fn get(&self, item: ItemId) -> Option<&ProfileItem> {
        self.items.iter().find(|known| known.item == item)
    }

    /// The items with a positive weight, and that weight.
    pub(crate) fn weighted(&self) -> impl Iterator<Item = (ItemId, f64)> + '_ {
        let items = self.items.iter().map(|known| (known.item, known.weight));
        items.filter(|(_, weight)| *weight > 0.0)
    }

    /// The entries of Â from the user to the items known to training: the item and its factor. The
    /// user's degree comes from the profile, an item's from training.
    pub(crate) fn factors(&self, model: &Model) -> Vec<(ItemId, f64)> {
        self.scaled(model, |weight, degree, item_degree| {
            model.entry(weight, degree, item_degree)
        })
    }

    /// The trained items, their weights scaled by both degrees.
    pub(crate) fn scaled(
        &self,
        model: &Model,
        scale: impl Fn(f64, f64, f64) -> f64,
    ) -> Vec<(ItemId, f64)> {
        let degrees = model.graph.item_degrees();
        let weighted: Vec<(ItemId, f64, f64)> = self
            .weighted()
            .filter_map(|(item, weight)| {
                let degree = *degrees.get(item.index())?;
                let weight = match model.artifact.model.edge_weights() {
                    true => weight,
                    false => 1.0,
                };
                (degree > 0.0).then_some((item, weight, degree))
            })
            .collect();
        let degree: f64 = weighted.iter().map(|(_, weight, _)| weight).sum();
        weighted
            .into_iter()
            .map(|(item, weight, item_degree)| (item, scale(weight, degree, item_degree)))
            .collect()
    }
}

/// The events of a request by item, decayed by age, and the number of events with unknown items or ignored
/// behaviors.
fn recent_events(
    model: &Model,
    names: &Vocabulary<ItemId>,
    events: &[ContextEvent],
) -> Result<(Vec<ProfileItem>, usize), RecommendError> {
    let behaviors = model.artifact.train.behaviors();
    let latest = events.iter().filter_map(|event| event.time).max();
    let mut n_ignored = 0;
    let mut items: Vec<ProfileItem> = Vec::new();
    for (n, event) in events.iter().enumerate() {
        let invalid = |detail| RecommendError::ContextEvent {
            number: n + 1,
            detail,
        };
        let Some(behavior) = model.behavior(&event.behavior) else {
            return Err(invalid(format!(
                "unknown behavior {:?}; the model knows {}",
                event.behavior,
                model.behavior_labels().join(", ")
            )));
        };
        if !ContextEvent::is_count(event.count) {
            return Err(invalid(format!(
                "its count is {}; use a positive number of at most {}",
                event.count,
                ContextEvent::MAX_COUNT
            )));
        }
        let (Some(item), Some(behavior)) = (names.get(&event.item), behavior) else {
            n_ignored += 1;
            continue;
        };
        let age = match (latest, event.time) {
            (Some(latest), Some(time)) => (latest as f64 - time as f64) / 86_400.0,
            _ => 0.0,
        };
        let position = items.iter().position(|known| known.item == item);
        let position = position.unwrap_or_else(|| {
            items.push(ProfileItem {
                item,
                weight: 0.0,
                counts: vec![0.0; behaviors.len()],
                bought: false,
                is_rejected: false,
                is_recent: true,
            });
            items.len() - 1
        });
        items[position].counts[behavior.index()] += event.count * model.weights.decay(age);
        items[position].bought |= model.weights.is_target(behavior);
    }
    for item in &mut items {
        // Training's floor would turn negative events into a weak preference for the item.
        item.is_rejected = !item.bought && model.is_net_negative(&item.counts);
        if !item.is_rejected {
            item.weight = model.weights.combine(&item.counts, item.bought);
        }
    }
    Ok((items, n_ignored))
}
