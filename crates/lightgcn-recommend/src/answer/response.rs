//! What a shop gets back: items by its own ids, with where they came from.

use crate::RecommendError;
use lightgcn_core::{ItemDetails, ItemId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How an item came into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The trained model ranked it for this user.
    Model,
    /// The model ranked it from recent events of a user without a history.
    FoldIn,
    /// It is new and stands where its category, brand and price let it be expected; or the user
    /// has dealt with such items alone.
    Content,
    /// It is what most users bought in the categories that the user dealt with.
    CategoryPopularity,
    /// It is what users bought most of late.
    RecentPopularity,
    /// It is what most users bought.
    Popularity,
    /// It was drawn at random, since nothing better was left.
    Random,
    /// It was drawn at random in the place of a better one, as the request asked.
    Exploration,
}

impl Source {
    /// The usual chain: the model, then what is nearest to it, then popularity (in the user's own
    /// categories before that of everybody), then chance. [`Source::RecentPopularity`] takes part where
    /// a request names it.
    pub const CHAIN: [Self; 6] = [
        Self::Model,
        Self::FoldIn,
        Self::Content,
        Self::CategoryPopularity,
        Self::Popularity,
        Self::Random,
    ];

    /// Every source that a chain may name.
    pub const ALL: [Self; 7] = [
        Self::Model,
        Self::FoldIn,
        Self::Content,
        Self::CategoryPopularity,
        Self::RecentPopularity,
        Self::Popularity,
        Self::Random,
    ];

    /// Its name in JSON and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::FoldIn => "fold_in",
            Self::Content => "content",
            Self::CategoryPopularity => "category_popularity",
            Self::RecentPopularity => "recent_popularity",
            Self::Popularity => "popularity",
            Self::Random => "random",
            Self::Exploration => "exploration",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Source {
    type Err = RecommendError;

    fn from_str(name: &str) -> Result<Self, RecommendError> {
        Self::ALL
            .into_iter()
            .find(|source| source.name() == name)
            .ok_or_else(|| RecommendError::Options {
                faults: vec![format!(
                    "{name:?} is no source; the sources are {}",
                    Self::ALL.map(Self::name).join(", ")
                )],
            })
    }
}

/// The items recommended to one user, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// The user's id as asked for.
    pub user: String,
    /// Whether the artifact knows the user.
    pub known: bool,
    /// Where the first item came from that was not explored; exploration where all were; of an empty
    /// list the chain's last.
    pub source: Source,
    /// How many events of the request were ignored, because the model does not know their items.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_events: usize,
    /// The items: as many as asked for, or as the rules leave. No item stands in it twice.
    pub items: Vec<RecommendedItem>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// One item of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecommendedItem {
    /// The item's id as the shop writes it.
    pub item: String,
    /// Its place in the list, from 1.
    pub rank: usize,
    /// Its score, which compares among the items of one source in one list only: a dot product of
    /// embeddings (with revenue, a blend in standard deviations); for the kinds of popularity the
    /// number of users who bought it, recent ones counted by their age; 0 for chance.
    pub score: f32,
    /// How it came into the list.
    pub source: Source,
    /// The same in words, for a person.
    pub reason: String,
    /// What is known of it.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ItemDetails,
}

/// One item of a list by its row, without words. Rows of training come first, then those of
/// [`Recommender::with_items`](crate::Recommender::with_items);
/// [`Recommender::item`](crate::Recommender::item) names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListedItem {
    /// The item's row.
    pub item: ItemId,
    /// Its score, as in [`RecommendedItem`].
    pub score: f32,
    /// How it came into the list.
    pub source: Source,
}

/// How many events of one behavior a pair has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BehaviorCount {
    /// The behavior's label in the log.
    pub behavior: String,
    /// How many events; at least 1.
    pub count: u32,
}

impl BehaviorCount {
    /// The behaviors that occurred, in the order of the table.
    pub(crate) fn of(labels: &[String], counts: &[u32]) -> Vec<Self> {
        let occurred = labels.iter().zip(counts).filter(|&(_, &count)| count > 0);
        occurred
            .map(|(behavior, &count)| Self {
                behavior: behavior.clone(),
                count,
            })
            .collect()
    }
}

/// One item that a user met in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// The item's id as the shop writes it.
    pub item: String,
    /// What the user did with it.
    pub behaviors: Vec<BehaviorCount>,
    /// The weight of the pair in the training graph's edges: positive.
    pub weight: f32,
    /// When the last event was, in seconds since 1970-01-01 UTC, where the log has times.
    pub last_time: Option<i64>,
    /// Whether the user bought it (did a target behavior).
    pub bought: bool,
    /// What is known of it.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ItemDetails,
}

/// The fields of [`ItemDetails`] as they are written.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ItemDetails))]
#[serde(remote = "ItemDetails")]
pub(crate) struct DetailsFields {
    #[serde(default)]
    category_id: Option<String>,
    #[serde(default)]
    category_code: Option<String>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    price: Option<f64>,
}
