//! The graphs of users, items and other nodes that recommenders learn on.
//!
//! A [`TrainGraph`] has one undirected edge per training pair, weighted by what the user did, and
//! on request nodes and edges for attributes of items and for relations. A model requests the
//! matrices that graph convolutions multiply with: an [`AdjacencyRequest`] says which edges, their
//! weights, one of several [`Normalization`]s and which nodes; an [`Adjacency`] is the answer.
//! Matrices are stored as [`sprs`] matrices and accessible as such.
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
//! use lightgcn_graph::{AdjacencyRequest, EdgeType, GraphOptions, Normalization, TrainGraph};
//!
//! // Ann (0) bought item 0; Bob (1) viewed item 0 and bought item 1.
//! let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"])?;
//! for (user, item, counts) in [(0, 0, [0, 1]), (1, 0, [1, 0]), (1, 1, [0, 1])] {
//!     pairs.push(UserId(user), ItemId(item), 1.0, &counts, None)?;
//! }
//! let split = Split::new(pairs.build(2, 2)?, Truth::empty(2, 2), Truth::empty(2, 2))?;
//!
//! let graph = TrainGraph::new(&split.train, &GraphOptions::default())?;
//! assert_eq!((graph.n_nodes(), graph.n_edges()), (4, 3));
//! assert_eq!(graph.user_degrees(), [1.0, 2.0]);
//!
//! let adjacency = graph.adjacency(&Normalization::Left.into())?;
//! assert_eq!(adjacency.values(), [1.0, 0.5, 0.5, 0.5, 0.5, 1.0]);
//!
//! let views = graph.adjacency(&AdjacencyRequest {
//!     edges: vec![EdgeType::Behavior("view".to_owned())],
//!     ..AdjacencyRequest::default()
//! })?;
//! assert_eq!(views.columns(), [2, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod adjacency;
mod attribute;
mod error;
mod nodes;
mod normalization;
mod request;
mod selection;
mod sparse;
mod train_graph;

pub use adjacency::Adjacency;
pub use attribute::ItemAttribute;
pub use error::GraphError;
pub use nodes::NodeCounts;
pub use normalization::{Exponent, Normalization};
pub use request::{AdjacencyRequest, AdjacencyShape, EdgeType, EdgeWeights};
pub use train_graph::{GraphOptions, TrainGraph};
