//! Answers: items by the shop's own ids, with their sources.

use crate::RecommendError;
use crate::answer::rule::{Rule, UnknownNames};
use lightgcn_core::{ItemDetails, ItemId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where an item of an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The trained model ranked it for this user.
    Model,
    /// The model ranked it from recent events of a user without a history.
    FoldIn,
    /// It is new and ranked by its category, brand and price; or the user has interacted only with
    /// such items.
    Content,
    /// It is popular in the categories of the user's history.
    CategoryPopularity,
    /// It has been bought often recently.
    RecentPopularity,
    /// It is popular overall.
    Popularity,
    /// It was picked at random because nothing better was left.
    Random,
    /// It was picked at random in place of a better one, as the request asked.
    Exploration,
}

impl Source {
    /// The default chain: the model, then what is closest to it, then popularity (in the user's
    /// categories, then overall), then random items. [`Source::RecentPopularity`] is used only if a
    /// request names it.
    pub const CHAIN: [Self; 6] = [
        Self::Model,
        Self::FoldIn,
        Self::Content,
        Self::CategoryPopularity,
        Self::Popularity,
        Self::Random,
    ];

    /// Every source that a chain can name.
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
                issues: vec![format!(
                    "unknown source {name:?}; the sources are {}",
                    Self::ALL.map(Self::name).join(", ")
                )],
            })
    }
}

/// The items recommended to one user, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// The user's id as requested.
    pub user: String,
    /// Whether the artifact knows the user.
    pub known: bool,
    /// The source of the first item that is not explored; exploration if all are; the chain's last
    /// source for an empty list.
    pub source: Source,
    /// The number of events ignored because their items are unknown, or because preparation ignores their
    /// behaviors.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_events: usize,
    /// The names in the filter that match no item; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownNames>,
    /// The items, without repetition: as many as requested, or as many as the rules leave.
    pub items: Vec<RecommendedItem>,
    /// For an answer without items, the first rule that left none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emptied_by: Option<Rule>,
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
    /// Its score, comparable only within one source of one list: a sum of features if a ranking was
    /// learned, else a dot product of embeddings (with revenue, a blend in standard deviations);
    /// for popularity sources, the number of users who bought it, discounted by age for recent
    /// popularity; 0 for random items.
    pub score: f32,
    /// Where it comes from.
    pub source: Source,
    /// Whether the user has interacted with it before, by any event.
    #[serde(default)]
    pub familiar: bool,
    /// Why it is in the list, in words.
    pub reason: String,
    /// Its metadata.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ItemDetails,
}

/// One item of a list by its row, without text. Rows of training come first, then those of
/// [`Recommender::with_items`](crate::Recommender::with_items);
/// [`Recommender::item`](crate::Recommender::item) names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListedItem {
    /// The item's row.
    pub item: ItemId,
    /// Its score, as in [`RecommendedItem`].
    pub score: f32,
    /// Where it comes from.
    pub source: Source,
    /// Whether the user met it before, by any event.
    pub familiar: bool,
}

/// How many events of one behavior a pair has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BehaviorCount {
    /// The behavior's label in the log.
    pub behavior: String,
    /// The number of events, at least 1.
    pub count: u32,
}

impl BehaviorCount {
    /// The behaviors that occurred, in the order of the labels.
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

/// One item of a user's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// The item's id as the shop writes it.
    pub item: String,
    /// What the user did with it.
    pub behaviors: Vec<BehaviorCount>,
    /// The weight of the pair in the training graph's edges: positive.
    pub weight: f32,
    /// The time of the last event, in seconds since 1970-01-01 UTC, if the log has times.
    pub last_time: Option<i64>,
    /// Whether the user bought it (did a target behavior).
    pub bought: bool,
    /// Its metadata.
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
    /// The item's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The address of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    /// The address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_url: Option<String>,
    /// Whether it is in stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_stock: Option<bool>,
    /// When it stops being offered, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}
