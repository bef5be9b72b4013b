//! Requests and their options.

use crate::answer::filter::ItemFilter;
use crate::{RecommendError, Source, lenient};
use serde::{Deserialize, Serialize};

/// Which items of the user's history to hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hide {
    /// Items that the user has bought (a target behavior), in training or in the events of the request.
    #[default]
    Bought,
    /// Items that the user has interacted with, by any behavior.
    Seen,
    /// Nothing: every item can be recommended again.
    Nothing,
}

/// Whether to recommend items that the user has interacted with before. An item is familiar if the
/// user had any event with it, in training or in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Familiarity {
    /// Familiar and new items in one list.
    #[default]
    Any,
    /// Only items that are new to the user.
    New,
    /// Only familiar items: the list is short if the user has few.
    Familiar,
}

/// How many items to recommend, and which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendOptions {
    /// The maximum number of items, at least 1; a number beyond the catalogue's size returns all
    /// items. Default: 10.
    pub k: usize,
    /// Which items of the history to hide. Default: those bought.
    pub hide: Hide,
    /// Whether to recommend familiar items, new ones or both. Default: both.
    pub familiarity: Familiarity,
    /// Which items are eligible. Default: all.
    pub filter: ItemFilter,
    /// How much to diversify the list, in [0, 1]: 0 ranks only by score, 1 only by difference.
    /// Default: 0. See [`diversify`](crate::diversify).
    pub diversity: f64,
    /// The probability that a place in the list goes to a random item, in [0, 1]. Default: 0.
    pub exploration: f64,
    /// The weight of expected revenue against the model's score, in [0, 1]. Default: 0. See
    /// [`RevenueScorer`](crate::RevenueScorer).
    pub revenue: f64,
    /// The seed of exploration and of random items; the same seed gives the same answer. Default: 0.
    pub seed: u64,
    /// The sources of items, in order; each one fills the places left by those before it. Must have
    /// at least one source, and none twice. Default: [`Source::CHAIN`].
    pub chain: Vec<Source>,
}

impl Default for RecommendOptions {
    fn default() -> Self {
        Self {
            k: 10,
            hide: Hide::default(),
            familiarity: Familiarity::default(),
            filter: ItemFilter::default(),
            diversity: 0.0,
            exploration: 0.0,
            revenue: 0.0,
            seed: 0,
            chain: Source::CHAIN.to_vec(),
        }
    }
}

impl RecommendOptions {
    /// Checks everything that does not need an artifact.
    ///
    /// # Errors
    /// [`RecommendError::ZeroK`] if `k` is 0, [`RecommendError::Options`] with every other problem.
    pub fn check(&self) -> Result<(), RecommendError> {
        if self.k == 0 {
            return Err(RecommendError::ZeroK);
        }
        let mut issues = Vec::new();
        for (name, value) in [
            ("diversity", self.diversity),
            ("exploration", self.exploration),
            ("revenue", self.revenue),
        ] {
            if !(0.0..=1.0).contains(&value) {
                issues.push(format!("{name} is {value}; it must be between 0 and 1"));
            }
        }
        if self.chain.is_empty() {
            issues.push("the chain of sources is empty; give at least one".to_owned());
        }
        for (n, source) in self.chain.iter().enumerate() {
            if *source == Source::Exploration {
                let hint = "set exploration to 0.05, for example";
                issues.push(format!("exploration cannot be part of the chain; {hint}"));
            }
            if self.chain[..n].contains(source) {
                issues.push(format!("the chain names {source} twice"));
            }
        }
        self.filter.check(&mut issues);
        if issues.is_empty() {
            return Ok(());
        }
        Err(RecommendError::Options { issues })
    }
}

/// An event since training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContextEvent {
    /// The item's id as the shop writes it. Events of unknown items are counted and ignored.
    #[serde(deserialize_with = "lenient::id")]
    #[cfg_attr(feature = "openapi", schema(value_type = lenient::IdSchema))]
    pub item: String,
    /// The behavior's label in the log.
    pub behavior: String,
    /// The number of such events it represents: positive, at most a million. Default: 1.
    #[serde(default = "one")]
    pub count: f64,
    /// When it happened, in seconds since 1970-01-01 UTC. Used only by weights with a half-life, which discount
    /// an event by its age relative to the latest event of the request. In JSON also by RFC 3339.
    #[serde(
        default,
        deserialize_with = "lenient::time",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<lenient::TimeSchema>))]
    pub time: Option<i64>,
}

fn one() -> f64 {
    1.0
}

impl ContextEvent {
    /// The maximum number of events that one may represent.
    pub const MAX_COUNT: f64 = 1e6;

    /// Whether an event may represent that many.
    #[must_use]
    pub fn is_count(count: f64) -> bool {
        count > 0.0 && count <= Self::MAX_COUNT
    }

    /// One event.
    #[must_use]
    pub fn new(item: impl Into<String>, behavior: impl Into<String>) -> Self {
        Self {
            item: item.into(),
            behavior: behavior.into(),
            count: 1.0,
            time: None,
        }
    }
}

/// A request for one user, with recent events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendRequest {
    /// The user's id. An unknown or empty id is a newcomer.
    #[serde(deserialize_with = "lenient::id")]
    #[cfg_attr(feature = "openapi", schema(value_type = lenient::IdSchema))]
    pub user: String,
    /// Events since training, in any order. They affect the answer at once, and a newcomer's answer
    /// is based on them.
    pub events: Vec<ContextEvent>,
    /// How many items, and which.
    pub options: RecommendOptions,
}

impl RecommendRequest {
    /// A request for a user with the default options.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// Sets the events.
    #[must_use]
    pub fn with_events(mut self, events: Vec<ContextEvent>) -> Self {
        self.events = events;
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn with_options(mut self, options: RecommendOptions) -> Self {
        self.options = options;
        self
    }
}
