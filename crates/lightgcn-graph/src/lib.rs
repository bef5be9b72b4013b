//! The weighted bipartite graph of users and items that recommenders learn on.
//!
//! A [`TrainGraph`] has one undirected edge per training pair, weighted by what the user did.
//! From it come the matrices that graph convolutions multiply with ([`Adjacency`], in one of several
//! [`Normalization`]s), the edge list that PyTorch Geometric speaks ([`EdgeIndex`]), and the
//! strongest walks from a user to an item ([`strongest_paths`]), which explain a
//! recommendation. Matrices are held by [`sprs`] and reachable as such.
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
//! use lightgcn_graph::{GraphOptions, Normalization, PathOptions, TrainGraph, strongest_paths};
//!
//! // Ann (0) bought item 0; Bob (1) bought items 0 and 1.
//! let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! for (user, item) in [(0, 0), (1, 0), (1, 1)] {
//!     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
//! }
//! let split = Split::new(pairs.build(2, 2)?, Truth::empty(2, 2), Truth::empty(2, 2))?;
//!
//! let graph = TrainGraph::new(&split.train, &GraphOptions::default())?;
//! assert_eq!((graph.n_nodes(), graph.n_edges()), (4, 3));
//! assert_eq!(graph.user_degrees(), [1.0, 2.0]);
//!
//! let adjacency = graph.adjacency(Normalization::Left);
//! assert_eq!(adjacency.values(), [1.0, 0.5, 0.5, 0.5, 0.5, 1.0]);
//!
//! // Why item 1 for Ann? Because Bob, who also bought item 0, bought it.
//! let paths = strongest_paths(&graph, UserId(0), ItemId(1), &PathOptions::default());
//! assert_eq!(paths.len(), 1);
//! assert_eq!(paths[0].edges()[1].user, UserId(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod adjacency;
mod edge_index;
mod error;
mod normalization;
mod paths;
mod train_graph;

pub use adjacency::Adjacency;
pub use edge_index::EdgeIndex;
pub use error::GraphError;
pub use normalization::{Exponent, Normalization};
pub use paths::{Path, PathEdge, PathOptions, strongest_paths};
pub use train_graph::{GraphOptions, TrainGraph};
