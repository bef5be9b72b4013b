//! Why a product: the strongest paths to it through the training graph.

use crate::answer::{BehaviourCount, DetailsFields};
use crate::{RecommendError, Recommender};
use lightgcn_core::{ItemId, ProductDetails, UserId};
use lightgcn_graph::{Path, PathOptions, strongest_paths};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which paths an explanation shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainOptions {
    /// How many paths at most; 5 unless told. Must not be 0.
    pub limit: usize,
    /// How many edges a path may have: 1, 3 or 5; 5 unless told. Paths of 5 edges are searched only
    /// where there is no shorter one.
    pub max_hops: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            limit: 5,
            max_hops: 5,
        }
    }
}

/// Why a product may suit a consumer: what connects the two in the training data.
///
/// [`Display`](fmt::Display) prints it for people. Other consumers are never named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The consumer's id as asked for.
    pub consumer: String,
    /// The product's id as asked for.
    pub product: String,
    /// What is known of the product.
    #[serde(with = "DetailsFields")]
    pub details: ProductDetails,
    /// The model's score of the pair, the same bits as in a list.
    pub score: f32,
    /// Whether the consumer has bought the product already.
    pub bought: bool,
    /// The shortest paths first, then the strongest; empty where nothing connects the two.
    pub paths: Vec<ExplainedPath>,
    /// Why there is no path; none where there is one.
    pub reason: Option<String>,
}

/// One walk from the consumer to the product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPath {
    /// How strong the walk is, in (0, 1]: the product of its edges' symmetrically normalized
    /// weights. In LightGCN this is the walk's share in what as many layers as it has edges carry
    /// from the product to the consumer, before the layer's weight (He et al., SIGIR 2020); for
    /// other models it is evidence in the data, not the model's own sum.
    pub strength: f64,
    /// The edges in walking order: 1, 3 or 5.
    pub edges: Vec<ExplainedEdge>,
}

/// One step of a walk: somebody's dealings with a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedEdge {
    /// Where the step begins.
    pub from: PathNode,
    /// Where it ends.
    pub to: PathNode,
    /// What the edge's consumer did with its product.
    pub behaviours: Vec<BehaviourCount>,
    /// The edge's weight in the graph: positive.
    pub weight: f32,
    /// The edge's symmetrically normalized weight, in (0, 1].
    pub normalized_weight: f64,
}

/// A station of a walk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PathNode {
    /// The consumer whom the explanation is for.
    Consumer,
    /// Somebody else, who is not named.
    AnotherConsumer,
    /// A product.
    Product {
        /// Its id as the shop writes it.
        product: String,
        /// What is known of it.
        #[serde(with = "DetailsFields")]
        details: ProductDetails,
    },
}

impl Recommender {
    /// The strongest paths consumer → product → other consumer → product to a product, with what
    /// the consumers of each edge did. Where nothing connects the two, the paths are empty and the
    /// reason says so. The cost is that of [`strongest_paths`].
    ///
    /// # Errors
    /// [`RecommendError::ZeroLimit`] and [`RecommendError::MaxHops`] for unusable options,
    /// [`RecommendError::UnknownConsumer`] and [`RecommendError::UnknownProduct`] for ids that the
    /// artifact does not know.
    pub fn explain(
        &self,
        raw_user: &str,
        raw_product: &str,
        options: &ExplainOptions,
    ) -> Result<Explanation, RecommendError> {
        if options.limit == 0 {
            return Err(RecommendError::ZeroLimit);
        }
        if ![1, 3, 5].contains(&options.max_hops) {
            return Err(RecommendError::MaxHops {
                given: options.max_hops,
            });
        }
        let user = self.known_user(raw_user)?;
        let item = self.known_item(raw_product)?;
        let path_options = PathOptions {
            max_hops: options.max_hops,
            limit: options.limit,
        };
        let paths: Vec<ExplainedPath> = strongest_paths(self.graph(), user, item, &path_options)
            .iter()
            .map(|path| self.explained(path, user))
            .collect();
        let reason = paths
            .is_empty()
            .then(|| self.why_no_path(user, item, options.max_hops));
        Ok(Explanation {
            consumer: raw_user.to_owned(),
            product: raw_product.to_owned(),
            details: self.artifact().catalogue.get(item),
            score: self.ranker().score(user, item),
            bought: self.bought().contains(user, item),
            paths,
            reason,
        })
    }

    fn explained(&self, path: &Path, user: UserId) -> ExplainedPath {
        let train = &self.artifact().train;
        let edges = path.edges().iter().enumerate().map(|(n, edge)| {
            let consumer = if edge.user == user {
                PathNode::Consumer
            } else {
                PathNode::AnotherConsumer
            };
            let product = PathNode::Product {
                product: self.product_name(edge.item),
                details: self.artifact().catalogue.get(edge.item),
            };
            // Consumers and products take turns, and a consumer begins.
            let (from, to) = if n % 2 == 0 {
                (consumer, product)
            } else {
                (product, consumer)
            };
            let counts = train
                .find(edge.user, edge.item)
                .map_or(&[][..], |pair| train.counts_of(pair));
            ExplainedEdge {
                from,
                to,
                behaviours: BehaviourCount::of(train.behaviours(), counts),
                weight: edge.weight,
                normalized_weight: edge.normalized,
            }
        });
        ExplainedPath {
            strength: path.strength(),
            edges: edges.collect(),
        }
    }

    fn why_no_path(&self, user: UserId, item: ItemId, max_hops: usize) -> String {
        if self.graph().user_degrees()[user.index()] == 0.0 {
            return "the consumer has no history in the training data".to_owned();
        }
        if self.graph().item_degrees()[item.index()] == 0.0 {
            return "nobody met the product in the training data".to_owned();
        }
        let edges = if max_hops == 1 { "edge" } else { "edges" };
        format!(
            "no path of at most {max_hops} {edges} connects the consumer and the product in the training \
             data, so the score rests on similarity that no single path shows"
        )
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Product {}", self.product)?;
        write_details(f, &self.details)?;
        write!(
            f,
            " for consumer {}: score {:.4}",
            self.consumer, self.score
        )?;
        if self.bought {
            write!(f, ", bought before")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, "\n  No path: {reason}.")?;
        }
        for (n, path) in self.paths.iter().enumerate() {
            write!(f, "\n  {}. {path}", n + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for edge in &self.edges {
            let (before, after) = match edge.from {
                PathNode::Product { .. } => ("<-", "-"),
                _ => ("-", "->"),
            };
            write!(f, "{} {before}[", edge.from)?;
            for (n, behaviour) in edge.behaviours.iter().enumerate() {
                let comma = if n == 0 { "" } else { ", " };
                write!(f, "{comma}{behaviour}")?;
            }
            write!(f, "]{after} ")?;
        }
        if let Some(last) = self.edges.last() {
            write!(f, "{}", last.to)?;
        }
        write!(f, " (strength {:.3e})", self.strength)
    }
}

impl fmt::Display for PathNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumer => f.write_str("consumer"),
            Self::AnotherConsumer => f.write_str("another consumer"),
            Self::Product { product, details } => {
                write!(f, "product {product}")?;
                write_details(f, details)
            }
        }
    }
}

impl fmt::Display for BehaviourCount {
    /// Such as `viewed 3x`; a behaviour without a known past tense keeps its label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.behaviour.as_str() {
            "view" => "viewed",
            "cart" => "carted",
            "remove_from_cart" => "removed from cart",
            "purchase" => "purchased",
            label => label,
        };
        write!(f, "{done} {}x", self.count)
    }
}

/// The brand, category and price that are known, in brackets; nothing where none is.
fn write_details(f: &mut fmt::Formatter<'_>, details: &ProductDetails) -> fmt::Result {
    let labels = [&details.brand, &details.category_code];
    let price = details.price.map(|price| format!("{price:.2}"));
    let known: Vec<&str> = labels
        .into_iter()
        .chain([&price])
        .filter_map(|label| label.as_deref())
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    write!(f, " ({})", known.join(", "))
}

#[cfg(test)]
mod tests;
