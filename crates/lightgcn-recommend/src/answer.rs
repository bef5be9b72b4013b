//! What a shop gets back: products by its own ids, with where they came from.

use crate::RecommendError;
use lightgcn_core::ProductDetails;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How an item came into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The trained model ranked it for this consumer.
    Model,
    /// The model ranked it from recent events of a consumer without a history.
    FoldIn,
    /// It is new and stands where its category, brand and price let it be expected; or the consumer
    /// has dealt with such products alone.
    Content,
    /// It is what most consumers bought in the categories that the consumer dealt with.
    CategoryPopularity,
    /// It is what consumers bought most of late.
    RecentPopularity,
    /// It is what most consumers bought.
    Popularity,
    /// It was drawn at random, since nothing better was left.
    Random,
    /// It was drawn at random in the place of a better one, as the request asked.
    Exploration,
}

impl Source {
    /// The usual chain: the model, then what is nearest to it, then popularity (in the consumer's own
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

/// The products recommended to one consumer, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// The consumer's id as asked for.
    pub consumer: String,
    /// Whether the artifact knows the consumer.
    pub known: bool,
    /// Where the first product came from that was not explored; of an empty list the chain's last.
    pub source: Source,
    /// How many events of the request were ignored, because the model does not know their products.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_events: usize,
    /// The products: as many as asked for, or as the rules leave. No product stands in it twice.
    pub items: Vec<RecommendedItem>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// One product of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecommendedItem {
    /// The product's id as the shop writes it.
    pub product: String,
    /// Its place in the list, from 1.
    pub rank: usize,
    /// Its score, which compares among the items of one source in one list only: a dot product of
    /// embeddings (with revenue, a blend in standard deviations); for the kinds of popularity the
    /// number of consumers who bought it, recent ones counted by their age; 0 for chance.
    pub score: f32,
    /// How it came into the list.
    pub source: Source,
    /// The same in words, for a person.
    pub reason: String,
    /// What is known of it.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ProductDetails,
}

/// How many events of one behaviour a pair has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BehaviourCount {
    /// The behaviour's label in the log.
    pub behaviour: String,
    /// How many events; at least 1.
    pub count: u32,
}

impl BehaviourCount {
    /// The behaviours that occurred, in the order of the table.
    pub(crate) fn of(labels: &[String], counts: &[u32]) -> Vec<Self> {
        let occurred = labels.iter().zip(counts).filter(|&(_, &count)| count > 0);
        occurred
            .map(|(behaviour, &count)| Self {
                behaviour: behaviour.clone(),
                count,
            })
            .collect()
    }
}

/// One product that a consumer met in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// The product's id as the shop writes it.
    pub product: String,
    /// What the consumer did with it.
    pub behaviours: Vec<BehaviourCount>,
    /// The weight of the pair in the training graph's edges: positive.
    pub weight: f32,
    /// When the last event was, in seconds since 1970-01-01 UTC, where the log has times.
    pub last_time: Option<i64>,
    /// Whether the consumer bought it (did a target behaviour).
    pub bought: bool,
    /// What is known of it.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ProductDetails,
}

/// The fields of [`ProductDetails`] as they are written.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ProductDetails))]
#[serde(remote = "ProductDetails")]
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
