//! The errors of this crate.

use lightgcn_core::{CoreError, shorten};
use lightgcn_graph::GraphError;
use lightgcn_linear::LinearError;
use lightgcn_metrics::MetricsError;
use lightgcn_store::StoreError;
use std::path::PathBuf;
use thiserror::Error;

/// An error of a request, an evaluation or an artifact.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecommendError {
    /// An empty list was requested.
    #[error("k is 0; ask for at least one item")]
    ZeroK,
    /// An explanation without paths was requested.
    #[error("the limit of paths is 0; ask for at least one path")]
    ZeroLimit,
    /// The maximum path length is invalid.
    #[error(
        "max_hops is {given}: a path between a user and an item has 1, 3 or 5 edges, so give \
         one of these"
    )]
    MaxHops {
        /// The value given.
        given: usize,
    },
    /// The user is not in the artifact.
    #[error("unknown user {:?}: {hint}", shorten(id))]
    UnknownUser {
        /// The id as given.
        id: String,
        /// How to fix it.
        hint: String,
    },
    /// The item is not in the artifact.
    #[error("unknown item {:?}: {hint}", shorten(id))]
    UnknownItem {
        /// The id as given.
        id: String,
        /// The known id closest in spelling, if one is close.
        nearest: Option<String>,
        /// How to fix it.
        hint: String,
    },
    /// A list of ids cannot be read, is empty, or leaves unclear which ids are meant.
    #[error("the list of ids {}{}: {detail}", path.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    IdList {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if the issue is in one.
        line: Option<u64>,
        /// What is wrong, and how to fix it.
        detail: String,
    },
    /// A list of items to hide contains none of the model's items.
    #[error(
        "the model knows none of the {n_ids} ids in {}, such as {:?}, so the list would hide nothing; \
         write one id per line as the log has it, or name the column product_id, item_id, item or id in a header",
        path.display(),
        shorten(example)
    )]
    NoneKnown {
        /// The file.
        path: PathBuf,
        /// The number of entries.
        n_ids: usize,
        /// The first one.
        example: String,
    },
    /// An event of a request cannot be used.
    #[error("event number {number} of the request: {detail}")]
    ContextEvent {
        /// Its place in the request, from 1.
        number: usize,
        /// What is wrong, and how to fix it.
        detail: String,
    },
    /// A new item cannot be added.
    #[error("the new item {:?}: {detail}", shorten(id))]
    NewItem {
        /// Its id as given.
        id: String,
        /// What is wrong, and how to fix it.
        detail: String,
    },
    /// Content was requested, but no item has any.
    #[error(
        "no item of this model has a category, brand or price to rank by; prepare the data with a \
         catalogue that has them, and train again"
    )]
    NoContent,
    /// The members of an ensemble have different users or items.
    #[error("{name:?} cannot join {first:?}: {detail}; train both on the same dataset")]
    DifferentCatalogues {
        /// The first member.
        first: String,
        /// The member that does not fit.
        name: String,
        /// What differs.
        detail: String,
    },
    /// An embedding holds a number that cannot be ranked.
    #[error(
        "the embedding of {kind} row {row} has {value} in column {column}; train again with a \
        lower learning rate"
    )]
    EmbeddingNotFinite {
        /// `user` or `item`.
        kind: &'static str,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The number.
        value: f32,
    },
    /// The parts of an evaluation have different numbers of users or items.
    #[error(
        "{what} has {users} users and {items} items, but the training part has {train_users} and \
        {train_items}; evaluate a model on the split it was trained on"
    )]
    Shape {
        /// What does not fit: the ranker's name, or the truth.
        what: String,
        /// Its number of users.
        users: usize,
        /// Its number of items.
        items: usize,
        /// The training part's number of users.
        train_users: usize,
        /// The training part's number of items.
        train_items: usize,
    },
    /// There are no targets to evaluate on.
    #[error(
        "the {part} part has no targets, so there is nothing to evaluate; make a split that holds \
        out some purchases"
    )]
    NoTargets {
        /// `validation`, `test` or `truth`.
        part: &'static str,
    },
    /// A held-out target is also a training target and would be masked.
    #[error(
        "the pair (user row {user}, item row {item}) is a target in both training and the truth; \
        remove it from one of them, or it counts as a miss"
    )]
    MaskedTarget {
        /// The user's row.
        user: u32,
        /// The item's row.
        item: u32,
    },
    /// A ranker broke the contract of [`Ranker`](crate::Ranker).
    #[error("the ranker {ranker:?} gave an invalid list for user row {user}: {detail}")]
    InvalidList {
        /// The ranker's name.
        ranker: String,
        /// The user's row.
        user: u32,
        /// What is wrong with the list.
        detail: String,
    },
    /// A setting of a request or an evaluation is invalid.
    #[error("invalid options: {}", issues.join("; "))]
    Options {
        /// Every problem found, and how to fix it.
        issues: Vec<String>,
    },
    /// Two evaluations cover different targets, so their values cannot be paired.
    #[error("the evaluations of {a:?} and {b:?} cannot be compared: {detail}")]
    NotComparable {
        /// The first ranker.
        a: String,
        /// The other ranker.
        b: String,
        /// What differs, and how to fix it.
        detail: String,
    },
    /// There are no purchases to learn a ranking from.
    #[error(
        "no purchase can be withheld while its user and item stay known, so there is nothing to \
        learn a ranking from; use a longer log, or rank by the model only"
    )]
    NothingToLearn,
    /// A stored ranking does not match the model.
    #[error("the learned ranking does not match this model: {detail}; train again")]
    Ranking {
        /// What does not match.
        detail: String,
    },
    /// Pairs cannot be split or weighted again.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A linear model cannot be fitted.
    #[error(transparent)]
    Linear(#[from] LinearError),
    /// The artifact cannot be read or is not valid.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The training edges do not form a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A metric cannot be computed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
