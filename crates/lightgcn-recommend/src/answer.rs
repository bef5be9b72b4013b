//! What a shop gets back: products by its own ids, with where they came from.

use lightgcn_core::ProductDetails;
use serde::{Deserialize, Serialize};

/// How an item came into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The trained model ranked it for this consumer.
    Model,
    /// It is what most consumers bought; nothing is known of this consumer.
    Popularity,
}

/// How many products to recommend, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecommendOptions {
    /// How many products at most; 10 unless told. Must not be 0.
    pub k: usize,
    /// Whether products that the consumer has bought may come again; not unless told.
    pub include_bought: bool,
}

impl Default for RecommendOptions {
    fn default() -> Self {
        Self {
            k: 10,
            include_bought: false,
        }
    }
}

/// The products recommended to one consumer, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The consumer's id as asked for.
    pub consumer: String,
    /// Whether the artifact knows the consumer.
    pub known: bool,
    /// How the list was made.
    pub source: Source,
    /// The products: as many as asked for, or as there are.
    pub items: Vec<RecommendedItem>,
}

/// One product of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecommendedItem {
    /// The product's id as the shop writes it.
    pub product: String,
    /// Its place in the list, from 1.
    pub rank: usize,
    /// Its score, which compares within one list only: a dot product of embeddings, or for
    /// [`Source::Popularity`] the number of consumers who bought it.
    pub score: f32,
    /// How it came into the list.
    pub source: Source,
    /// What is known of it.
    #[serde(with = "DetailsFields")]
    pub details: ProductDetails,
}

/// How many events of one behaviour a pair has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub details: ProductDetails,
}

/// The fields of [`ProductDetails`] as they are written.
#[derive(Serialize, Deserialize)]
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
