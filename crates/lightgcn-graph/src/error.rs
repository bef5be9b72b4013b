//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with a training graph or its options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There are no edges to learn from.
    #[error(
        "the training part has {n_users} users and {n_items} items but no pairs; relax the filters \
        (such as the k-core) or give a log with events"
    )]
    Empty {
        /// The number of users.
        n_users: usize,
        /// The number of items.
        n_items: usize,
    },
    /// There are more nodes than 32-bit row numbers.
    #[error("{n_nodes} nodes are more than {limit}; drop rare users and items with a k-core")]
    TooManyNodes {
        /// The number of nodes.
        n_nodes: usize,
        /// The largest number of nodes supported.
        limit: usize,
    },
    /// An unknown behavior, attribute, relation or node kind.
    #[error("{given:?} is not a known {what}; {}", choose(what, given, known))]
    Unknown {
        /// `behavior`, `attribute`, `relation` or `node kind`.
        what: &'static str,
        /// The name given.
        given: String,
        /// The names that are known.
        known: Vec<String>,
    },
    /// Two node kinds or edge types have the same name.
    #[error("{name:?} occurs twice; node kinds and edge types need distinct names")]
    DuplicateName {
        /// The repeated name.
        name: String,
    },
    /// An edge to a node that does not exist.
    #[error("relation {relation:?} refers to row {row} of kind {kind:?}, which has {rows} rows")]
    RowOutOfRange {
        /// The relation.
        relation: String,
        /// The node kind.
        kind: String,
        /// The row.
        row: u32,
        /// How many rows the kind has.
        rows: usize,
    },
    /// An edge from a node to itself.
    #[error("relation {relation:?} links row {row} of kind {kind:?} to itself; drop such edges")]
    SelfEdge {
        /// The relation.
        relation: String,
        /// The node kind.
        kind: String,
        /// The row.
        row: u32,
    },
    /// The catalogue belongs to different items.
    #[error("the catalogue has {found} items, the graph {wanted}; give the dataset's catalogue")]
    CatalogueSize {
        /// How many items the catalogue has.
        found: usize,
        /// How many items the graph has.
        wanted: usize,
    },
    /// A knowledge graph about other items.
    #[error(
        "the knowledge graph is about {found} items, the graph has {wanted}; give the dataset's own"
    )]
    KnowledgeSize {
        /// How many items the knowledge graph is about.
        found: usize,
        /// How many items the graph has.
        wanted: usize,
    },
    /// A request without edge types.
    #[error("the request selects no edge type; list at least one, such as `behaviors`")]
    NothingSelected,
    /// A request whose matrix would be empty.
    #[error("the selected nodes have no edges of the selected types")]
    NoEdges,
    /// A weight that is not positive and finite.
    #[error("edges of type {name:?} have weight {given}; weights must be positive and finite")]
    EdgeWeight {
        /// The edge type.
        name: String,
        /// The weight given.
        given: String,
    },
    /// A selected type without a weight.
    #[error("no weight is given for edges of type {name:?}; give one for each selected type")]
    MissingWeight {
        /// The edge type.
        name: String,
    },
    /// A weight for a type that is not selected.
    #[error("a weight is given for {name:?}, which is not selected; select it or drop the weight")]
    UnusedWeight {
        /// The edge type.
        name: String,
    },
    /// Co-occurrence that keeps no links.
    #[error("`neighbors` is 0, which would drop every link; give a positive number or omit it")]
    NoNeighbors,
    /// An unknown name of a normalization.
    #[error(
        "{given:?} is not a normalization; choose one of symmetric, left, right, none, or give two \
         exponents, such as powers:0.6:-0.1"
    )]
    UnknownNormalization {
        /// The name given.
        given: String,
    },
    /// An exponent that is not a number or is out of range.
    #[error("{given:?} is not a valid exponent; give a number from -2 to 2, such as 0.6")]
    Exponent {
        /// What was given.
        given: String,
    },
}

/// The most names that a message lists.
const SHOWN_NAMES: usize = 30;

/// Which names there are instead, and the one that is most like the given one, if any is.
fn choose(what: &str, given: &str, known: &[String]) -> String {
    if known.is_empty() {
        return match what {
            "relation" => {
                "the dataset has none; give `prepare` the facts with --knowledge".to_owned()
            }
            _ => format!("there is no {what}"),
        };
    }
    let likeness = |name: &String| strsim::jaro_winkler(given, name);
    let nearest = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|name| likeness(name) > 0.7);
    let hint = nearest.map(|name| format!("did you mean {name:?}? "));
    let mut shown = known[..known.len().min(SHOWN_NAMES)].join(", ");
    if known.len() > SHOWN_NAMES {
        shown.push_str(&format!(" and {} more", known.len() - SHOWN_NAMES));
    }
    format!("{}choose one of {shown}", hint.unwrap_or_default())
}

impl GraphError {
    pub(crate) fn unknown(
        what: &'static str,
        given: &str,
        known: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let known = known.into_iter().map(|name| name.as_ref().to_owned());
        Self::Unknown {
            what,
            given: given.to_owned(),
            known: known.collect(),
        }
    }
}
