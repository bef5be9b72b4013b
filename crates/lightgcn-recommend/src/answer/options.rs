//! What a shop may ask for.

use crate::answer::filter::ItemFilter;
use crate::{RecommendError, Source};
use serde::{Deserialize, Serialize};

/// Which items that the user has met already are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hide {
    /// What the user has bought (a target behavior), in training or in the events of the request.
    #[default]
    Bought,
    /// Whatever the user has met, by any behavior.
    Seen,
    /// Nothing: everything may come again.
    Nothing,
}

/// How many items to recommend, and which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendOptions {
    /// How many items at most; 10 unless told. Must not be 0; beyond the catalogue it gives all.
    pub k: usize,
    /// Which known items are left out; what was bought, unless told.
    pub hide: Hide,
    /// Which items may come at all; every one, unless told.
    pub filter: ItemFilter,
    /// How much the list is diversified, in [0, 1]: 0 (unless told) ranks by score alone, 1 by
    /// difference alone. See [`diversify`](crate::diversify).
    pub diversity: f64,
    /// The chance that a place of the list goes to an item drawn at random, in [0, 1]; 0 unless told.
    pub exploration: f64,
    /// How much expected revenue counts against the model's score, in [0, 1]; 0 unless told. See
    /// [`RevenueScorer`](crate::RevenueScorer).
    pub revenue: f64,
    /// The seed of exploration and of random items; 0 unless told. The same seed gives the same
    /// answer.
    pub seed: u64,
    /// Where items come from, in this order, each taking over where those before it have not
    /// filled the list; [`Source::CHAIN`] unless told. Must not be empty or name a source twice.
    pub chain: Vec<Source>,
}

impl Default for RecommendOptions {
    fn default() -> Self {
        Self {
            k: 10,
            hide: Hide::default(),
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
    /// Finds every fault that can be told without an artifact.
    ///
    /// # Errors
    /// [`RecommendError::ZeroK`] if `k` is 0, [`RecommendError::Options`] with every other fault.
    pub fn check(&self) -> Result<(), RecommendError> {
        if self.k == 0 {
            return Err(RecommendError::ZeroK);
        }
        let mut faults = Vec::new();
        for (name, value) in [
            ("diversity", self.diversity),
            ("exploration", self.exploration),
            ("revenue", self.revenue),
        ] {
            if !(0.0..=1.0).contains(&value) {
                faults.push(format!("{name} is {value}; it must lie between 0 and 1"));
            }
        }
        if self.chain.is_empty() {
            faults.push("the chain of sources is empty; name at least one".to_owned());
        }
        for (n, source) in self.chain.iter().enumerate() {
            if *source == Source::Exploration {
                let hint = "ask for it by exploration = 0.05 and the like";
                faults.push(format!("exploration is no link of the chain; {hint}"));
            }
            if self.chain[..n].contains(source) {
                faults.push(format!("the chain names {source} twice"));
            }
        }
        self.filter.check(&mut faults);
        if faults.is_empty() {
            return Ok(());
        }
        Err(RecommendError::Options { faults })
    }
}

/// Something that a user did lately and that training does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContextEvent {
    /// The item's id as the shop writes it. Events of unknown items are counted and ignored.
    pub item: String,
    /// The behavior's label in the log.
    pub behavior: String,
    /// How many such events it stands for: positive and finite; 1 unless told.
    #[serde(default = "one")]
    pub count: f64,
    /// When it was, in seconds since 1970-01-01 UTC. Only weights with a half-life look at it: an
    /// event counts by its age against the latest event of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
}

fn one() -> f64 {
    1.0
}

impl ContextEvent {
    /// One event of that behavior with that item.
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

/// A question for one user, with what the user did lately.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendRequest {
    /// The user's id; one that is unknown, or empty, is a newcomer.
    pub user: String,
    /// What the user did since training, in any order: these events shift the answer at once, and
    /// make an answer for a newcomer.
    pub events: Vec<ContextEvent>,
    /// How many items, and which.
    pub options: RecommendOptions,
}

impl RecommendRequest {
    /// A question for a user with the usual options.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// The same with these events.
    #[must_use]
    pub fn with_events(mut self, events: Vec<ContextEvent>) -> Self {
        self.events = events;
        self
    }

    /// The same with these options.
    #[must_use]
    pub fn with_options(mut self, options: RecommendOptions) -> Self {
        self.options = options;
        self
    }
}
