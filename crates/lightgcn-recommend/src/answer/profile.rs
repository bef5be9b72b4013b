//! What is known of the user of a request: the training pairs and the events since.

use crate::explain::messages::entry;
use crate::{ContextEvent, RecommendError, Recommender};
use lightgcn_core::{ItemId, UserId};

/// One item that the user dealt with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dealing {
    pub(crate) item: ItemId,
    /// The pair's weight, as training would weigh it.
    pub(crate) weight: f64,
    /// How many events of each behavior.
    pub(crate) counts: Vec<f64>,
    pub(crate) bought: bool,
    /// Whether an event of the request took part.
    pub(crate) is_recent: bool,
}

/// A user as far as the model can know.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The row of a user with training pairs.
    pub(crate) trained: Option<UserId>,
    /// By item, each once.
    pub(crate) dealings: Vec<Dealing>,
    pub(crate) n_events: usize,
    pub(crate) n_ignored: usize,
}

impl Profile {
    /// Whether events of the request say something beyond training.
    pub(crate) fn has_events(&self) -> bool {
        self.dealings.iter().any(|dealing| dealing.is_recent)
    }
}

impl Recommender {
    /// The training pairs of the user with the events added, each pair weighed by the rules of
    /// training. O(pairs + events · log).
    pub(crate) fn profile(
        &self,
        user: Option<UserId>,
        events: &[ContextEvent],
    ) -> Result<Profile, RecommendError> {
        let train = &self.artifact().train;
        let trained = user.filter(|&user| !train.pairs_of(user).is_empty());
        let pairs = trained.into_iter().flat_map(|user| train.of_user(user));
        let mut dealings: Vec<Dealing> = pairs
            .map(|pair| Dealing {
                item: pair.item,
                weight: f64::from(pair.weight),
                counts: pair.counts.iter().map(|&n| f64::from(n)).collect(),
                bought: pair.is_target,
                is_recent: false,
            })
            .collect();
        let latest = events.iter().filter_map(|event| event.time).max();
        let mut n_ignored = 0;
        // Counts by age, per item.
        let mut recent: Vec<(ItemId, Vec<f64>, bool)> = Vec::new();
        for (n, event) in events.iter().enumerate() {
            let fault = |detail| RecommendError::ContextEvent {
                number: n + 1,
                detail,
            };
            let Some(behavior) = self.weights.get(&event.behavior) else {
                let known: Vec<_> = train.behaviors().iter().map(String::as_str).collect();
                return Err(fault(format!(
                    "unknown behavior {:?}; the model knows {}",
                    event.behavior,
                    known.join(", ")
                )));
            };
            if !(event.count.is_finite() && event.count > 0.0) {
                return Err(fault(format!(
                    "its count is {}; give a positive, finite number",
                    event.count
                )));
            }
            let Some(item) = self.item(&event.item) else {
                n_ignored += 1;
                continue;
            };
            let age = match (latest, event.time) {
                (Some(latest), Some(time)) => (latest as f64 - time as f64) / 86_400.0,
                _ => 0.0,
            };
            let place = match recent.iter().position(|(known, ..)| *known == item) {
                Some(place) => place,
                None => {
                    recent.push((item, vec![0.0; train.behaviors().len()], false));
                    recent.len() - 1
                }
            };
            recent[place].1[behavior.index()] += event.count * self.weights.decay(age);
            recent[place].2 |= self.weights.is_target(behavior);
        }
        for (item, counts, bought) in recent {
            self.add_recent(&mut dealings, item, counts, bought);
        }
        dealings.sort_by_key(|dealing| dealing.item);
        Ok(Profile {
            trained,
            dealings,
            n_events: events.len() - n_ignored,
            n_ignored,
        })
    }

    fn add_recent(&self, dealings: &mut Vec<Dealing>, item: ItemId, new: Vec<f64>, bought: bool) {
        let known = dealings.iter_mut().find(|known| known.item == item);
        let decays = self.weights.config().half_life_days.is_some();
        let mut dealing = Dealing {
            item,
            weight: 0.0,
            counts: new.clone(),
            bought,
            is_recent: true,
        };
        let mut before = 0.0;
        if let Some(known) = &known {
            for (sum, count) in dealing.counts.iter_mut().zip(&known.counts) {
                *sum += count;
            }
            dealing.bought |= known.bought;
            before = known.weight;
        }
        // Counts of training have lost their ages: where these matter, its weight stands as it is.
        dealing.weight = match (&known, decays) {
            (Some(_), true) => before.max(self.weights.combine(&new, bought)),
            _ => self.weights.combine(&dealing.counts, dealing.bought),
        };
        match known {
            Some(known) => *known = dealing,
            None => dealings.push(dealing),
        }
    }

    /// The entries of Â from the user to the items that training knows: the item and its
    /// factor. The user's degree is that of the dealings, an item's the one of training.
    pub(crate) fn factors(&self, profile: &Profile) -> Vec<(ItemId, f64)> {
        let model = &self.artifact().model;
        self.scaled(profile, |weight, degree, item_degree| {
            entry(model.normalization, weight, degree, item_degree)
        })
    }

    /// The dealings with trained items, their weights scaled by both degrees.
    pub(crate) fn scaled(
        &self,
        profile: &Profile,
        scale: impl Fn(f64, f64, f64) -> f64,
    ) -> Vec<(ItemId, f64)> {
        let degrees = self.graph().item_degrees();
        let with_edges = |dealing: &&Dealing| {
            let degree = degrees.get(dealing.item.index()).copied();
            degree.is_some_and(|degree| degree > 0.0) && dealing.weight > 0.0
        };
        let weight = |dealing: &Dealing| match self.artifact().model.edge_weights {
            true => dealing.weight,
            false => 1.0,
        };
        let dealings: Vec<&Dealing> = profile.dealings.iter().filter(with_edges).collect();
        let degree: f64 = dealings.iter().map(|dealing| weight(dealing)).sum();
        dealings
            .iter()
            .map(|dealing| {
                let item_degree = degrees[dealing.item.index()];
                (dealing.item, scale(weight(dealing), degree, item_degree))
            })
            .collect()
    }
}
