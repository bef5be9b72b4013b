//! Explanations: why an item is recommended.

use crate::answer::response::{BehaviorCount, DetailsFields};
use crate::{ContextEvent, RecommendError, lenient};
use lightgcn_core::ItemDetails;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an explanation should show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ExplainOptions {
    /// The maximum number of paths, at least 1. Default: 5.
    pub limit: usize,
    /// The maximum number of edges of a path: 1, 3 or 5. Paths of 5 edges are searched only if
    /// there is no shorter one to show. Default: 5.
    pub max_hops: usize,
    /// The minimum number of other users who share a step for it to be shown, at least 1, so that
    /// no path reveals what only a few people did. Default: 5.
    pub min_users: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            limit: 5,
            max_hops: 5,
            min_users: 5,
        }
    }
}

impl ExplainOptions {
    pub(crate) fn check(&self) -> Result<(), RecommendError> {
        if self.limit == 0 {
            return Err(RecommendError::ZeroLimit);
        }
        if ![1, 3, 5].contains(&self.max_hops) {
            return Err(RecommendError::MaxHops {
                given: self.max_hops,
            });
        }
        if self.min_users == 0 {
            let issue = "min_users is 0; use at least 1";
            return Err(RecommendError::Options {
                issues: vec![issue.to_owned()],
            });
        }
        Ok(())
    }
}

/// A request to explain why one user gets one item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ExplainRequest {
    /// The user's id. An unknown user must have events.
    #[serde(deserialize_with = "lenient::id")]
    #[cfg_attr(feature = "openapi", schema(value_type = lenient::IdSchema))]
    pub user: String,
    /// The item's id.
    #[serde(deserialize_with = "lenient::id")]
    #[cfg_attr(feature = "openapi", schema(value_type = lenient::IdSchema))]
    pub item: String,
    /// Events since training, as in [`RecommendRequest`](crate::RecommendRequest).
    pub events: Vec<ContextEvent>,
    /// What to show.
    pub options: ExplainOptions,
}

/// What an explanation is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// The model's score is a sum over the user's history plus the self contribution: contributions are
    /// exact (LightGCN with constant layer weights).
    PathSum,
    /// The score of a newcomer, which is a sum over the events: contributions are exact.
    FoldIn,
    /// The fused score of an ensemble
    /// ([`Recommender::with_ensemble`](crate::Recommender::with_ensemble)) whose members' scores are sums over
    /// the history: contributions are exact. Paths are those of the model's part.
    Ensemble,
    /// The learned ranking's score, a sum of terms and contributions of the history: exact. Paths
    /// are evidence from the training data.
    Ranking,
    /// The model's score is not such a sum, but its nodes attend to their neighbors (KGAT): paths are
    /// those along which the user's embedding takes of the item's by attention, which is a weight in
    /// the model, not a part of the score.
    Attention,
    /// The model's score is not such a sum (NGCF, matrix factorization): paths in the data are evidence
    /// that supports it, not its parts.
    Evidence,
}

/// Why an item is recommended to a user.
///
/// If the method is exact, the terms, `self_contribution`, the contributions, `remainder` and
/// `rounding` sum to `score`. Shares are relative to the sum of the parts' absolute values, with
/// the sign of the part, so that the absolute shares sum to 1 if there is no remainder.
///
/// [`Display`](fmt::Display) prints a human-readable form. Other users are never named, and appear
/// only if at least [`ExplainOptions::min_users`] of them share a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The user's id as requested.
    pub user: String,
    /// The item's id as requested.
    pub item: String,
    /// The item's metadata.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ItemDetails,
    /// The model's score of the pair, the same bits as in a list.
    pub score: f32,
    /// Whether the user has already bought the item.
    pub bought: bool,
    /// Whether the user has interacted with it before, by any event.
    #[serde(default)]
    pub familiar: bool,
    /// What the explanation is based on.
    pub method: Method,
    /// Terms about the item and the user's events with it, largest absolute value first. Empty
    /// unless a ranking was learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<Term>,
    /// What the user's own layer-0 row adds: a learned preference that no single item of the
    /// history explains. `None` if the method is not exact, and for newcomers.
    pub self_contribution: Option<Part>,
    /// What each item of the history adds, largest absolute value first; negative if it lowers the
    /// score. Empty if the method is not exact.
    pub contributions: Vec<Contribution>,
    /// The sum of removed contributions and terms. `None` if none were removed
    /// ([`Explanation::limit_contributions`], [`Explanation::hide_history`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remainder: Option<Remainder>,
    /// The rest of the score: rounding of 32-bit numbers, or of embeddings stored in 16 bits.
    pub rounding: f64,
    /// Paths, shortest first, then strongest; empty if none can be shown.
    pub paths: Vec<ExplainedPath>,
    /// Why there are no paths; `None` if there are any.
    pub reason: Option<String>,
    /// Why there are no contributions; `None` if there are any.
    pub instead: Option<String>,
}

/// What a term of a learned ranking is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TermKind {
    /// What the user did with the item: which behaviors, how often, how recently.
    History,
    /// How many users bought it or interacted with it.
    Popularity,
    /// How many of the users who interacted with it bought it.
    Conversion,
    /// Its category, brand and price compared with those of the history.
    Taste,
    /// The score of a model that is not a sum over the history.
    Model,
}

/// A term of a learned ranking's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Term {
    /// What it is about.
    pub kind: TermKind,
    /// The fact behind it, in words, such as `viewed 5x, last a day ago`.
    pub text: String,
    /// What it adds to the score.
    pub value: f64,
    /// Its share of all parts by absolute value, in [−1, 1].
    pub share: f64,
    /// What the term is made of, largest absolute value first; the values sum to the term's. Empty where it is one
    /// fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

/// A part of a term: one fact with what it adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fact {
    /// The fact in words, such as `viewed 5x` or `last a day ago`.
    pub text: String,
    /// What it adds to the score.
    pub value: f64,
}

/// A part of a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Part {
    /// What it adds to the score.
    pub value: f64,
    /// Its share of all parts by absolute value, in [−1, 1].
    pub share: f64,
}

/// Parts of a score that are not listed individually.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Remainder {
    /// The number of items of the history it represents; `None` if hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_items: Option<usize>,
    /// What they add to the score together.
    pub value: f64,
    /// The sum of their shares, in [−1, 1].
    pub share: f64,
}

/// What one item of the user's history adds to the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contribution {
    /// The item's id as the shop writes it.
    pub item: String,
    /// Its metadata.
    #[serde(with = "DetailsFields")]
    #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
    pub details: ItemDetails,
    /// What the user did with it, in training and in the events of the request; fractional counts are
    /// rounded up.
    pub behaviors: Vec<BehaviorCount>,
    /// What it adds to the score.
    pub value: f64,
    /// Its share of all parts by absolute value, in [−1, 1].
    pub share: f64,
}

/// A walk from the user to the item, or all walks over the same items together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainedPath {
    /// How strong it is: the sum over its walks of the product of their edges' symmetrically normalized
    /// weights, which is their part of as many layers of propagation as they have edges, before the
    /// layer's weight. If `attention` is true, the product of the edges' attention.
    pub strength: f64,
    /// Whether strength and weights are the model's attention, in [0, 1].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attention: bool,
    /// What the path adds to the score, if the score is a path sum. A score is also a sum over
    /// pairs of a first step (user to item j) and a last step (user v to the item); a path of three
    /// edges has the pairs of its j with those users v who interacted with j; one of five edges has
    /// its portion, by strength, of the pairs with those v who did not. So no two paths count a
    /// pair twice; the rest of the score belongs to the item's self contribution and to pairs that
    /// are further apart. The value of a path of one edge is the edge's whole contribution.
    pub value: Option<f64>,
    /// The value as a share of all parts by absolute value.
    pub share: Option<f64>,
    /// The edges in walking order: 1, 3 or 5, and with attention 1 to 3.
    pub edges: Vec<ExplainedEdge>,
}

/// One step of a walk: what users did with an item, or a relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainedEdge {
    /// Where the step starts.
    pub from: PathNode,
    /// Where it ends.
    pub to: PathNode,
    /// What the user did with the item and how often; for other users, how many of them did so, if
    /// there are at least [`ExplainOptions::min_users`].
    pub behaviors: Vec<BehaviorCount>,
    /// The relation between the ends, if neither is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<EdgeRelation>,
    /// The edge's weight in the graph, positive; the sum for several users. With attention, how much
    /// of what the start takes of its neighbors it takes of the end; for several users the sum, and
    /// from them to the item the mean, weighted by what is taken of each.
    pub weight: f64,
}

/// A relation between items, entities and values of attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeRelation {
    /// Its name, such as `made_of` or `brand`.
    pub name: String,
    /// Whether the step goes against it, from its tail to its head.
    pub against: bool,
}

/// A node of a walk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PathNode {
    /// The user that the explanation is for.
    User,
    /// Other users, never named: all who interacted with both neighboring items.
    OtherUsers {
        /// Their number, at least [`ExplainOptions::min_users`].
        count: usize,
    },
    /// An item.
    Item {
        /// Its id as the shop writes it.
        item: String,
        /// Its metadata.
        #[serde(with = "DetailsFields")]
        #[cfg_attr(feature = "openapi", schema(value_type = DetailsFields))]
        details: ItemDetails,
    },
    /// An entity of the knowledge graph, or a value of an attribute.
    Entity {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The maximum number of contributions printed.
        const MAX: usize = 5;
        write!(f, "Item {}", self.item)?;
        write_details(f, &self.details)?;
        write!(f, " for user {}: score {:.4}", self.user, self.score)?;
        if self.bought {
            write!(f, ", bought before")?;
        }
        for term in &self.terms {
            write!(f, "\n  {:+5.1} %  ", 100.0 * term.share)?;
            write_term(f, term)?;
        }
        for part in self.contributions.iter().take(MAX) {
            write!(f, "\n  {:+5.1} %  because the user ", 100.0 * part.share)?;
            write_behaviors(f, &part.behaviors)?;
            write!(f, " item {}", part.item)?;
            write_details(f, &part.details)?;
        }
        write_rest(
            f,
            self.contributions.get(MAX..).unwrap_or_default(),
            self.remainder,
        )?;
        if let Some(own) = &self.self_contribution {
            write!(f, "\n  {:+5.1} %  learned preference", 100.0 * own.share)?;
        }
        if let Some(instead) = &self.instead {
            write!(f, "\n  {instead}.")?;
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
            let is_back = match &edge.relation {
                Some(relation) => relation.against,
                None => matches!(edge.from, PathNode::Item { .. }),
            };
            let (before, after) = if is_back { ("<-", "-") } else { ("-", "->") };
            write!(f, "{} {before}[", edge.from)?;
            match &edge.relation {
                Some(relation) => f.write_str(&relation.name)?,
                None => write_behaviors(f, &edge.behaviors)?,
            }
            if self.attention {
                write!(f, ": {:.3}", edge.weight)?;
            }
            write!(f, "]{after} ")?;
        }
        if let Some(last) = self.edges.last() {
            write!(f, "{}", last.to)?;
        }
        match self.share {
            Some(share) => write!(f, " ({:+.1} %)", 100.0 * share),
            None if self.attention => write!(f, " (attention {:.3e})", self.strength),
            None => write!(f, " (strength {:.3e})", self.strength),
        }
    }
}

impl fmt::Display for PathNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::OtherUsers { count: 1 } => f.write_str("another user"),
            Self::OtherUsers { count } => write!(f, "{count} other users"),
            Self::Item { item, details } => {
                write!(f, "item {item}")?;
                write_details(f, details)
            }
            Self::Entity { name } => f.write_str(name),
        }
    }
}

impl fmt::Display for BehaviorCount {
    /// Such as `viewed 3x`; a behavior without a known past tense keeps its label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x", past_tense(&self.behavior), self.count)
    }
}

/// Such as `viewed`; a label without a known past tense stays unchanged.
pub(super) fn past_tense(behavior: &str) -> &str {
    match behavior {
        "view" => "viewed",
        "cart" => "carted",
        "remove_from_cart" => "removed from cart",
        "purchase" => "purchased",
        "click" => "clicked",
        "collect" => "collected",
        "buy" => "bought",
        label => label,
    }
}

/// The sum of the absolute values of a score's parts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total(f64);

impl Total {
    pub(super) fn of(values: &[f64]) -> Self {
        Self(values.iter().map(|value| value.abs()).sum())
    }

    /// The share of a value; 0 if all are 0.
    pub(super) fn share(self, value: f64) -> f64 {
        if self.0 > 0.0 { value / self.0 } else { 0.0 }
    }
}

/// The contributions that are not printed one by one, with the remainder.
fn write_rest(
    f: &mut fmt::Formatter<'_>,
    rest: &[Contribution],
    remainder: Option<Remainder>,
) -> fmt::Result {
    let share: f64 = rest.iter().map(|part| part.share).sum();
    let share = 100.0 * (share + remainder.map_or(0.0, |remainder| remainder.share));
    match remainder.map_or(Some(0), |remainder| remainder.n_items) {
        Some(0) if rest.is_empty() => Ok(()),
        Some(n) => write!(f, "\n  {share:+5.1} %  {} other items", n + rest.len()),
        None => write!(f, "\n  {share:+5.1} %  the user's history"),
    }
}

/// Writes the term in words: its facts, each with its value, if it has any.
fn write_term(f: &mut fmt::Formatter<'_>, term: &Term) -> fmt::Result {
    if term.facts.is_empty() {
        return f.write_str(&term.text);
    }
    for (n, fact) in term.facts.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(f, "{comma}{} {:+.2}", fact.text, fact.value)?;
    }
    Ok(())
}

fn write_behaviors(f: &mut fmt::Formatter<'_>, behaviors: &[BehaviorCount]) -> fmt::Result {
    if behaviors.is_empty() {
        return f.write_str("met");
    }
    for (n, behavior) in behaviors.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(f, "{comma}{behavior}")?;
    }
    Ok(())
}

/// The known brand, category and price in parentheses, if any.
fn write_details(f: &mut fmt::Formatter<'_>, details: &ItemDetails) -> fmt::Result {
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
