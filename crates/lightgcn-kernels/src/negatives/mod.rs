//! Negatives, drawn where the batch is: the draws of `lightgcn_sample` on the stream of negatives (counter
//! based, Philox4x32-10), bit for bit on every backend. The same seed gives the same triples wherever they are
//! drawn.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod draws;
pub(crate) mod positive_table;
pub(crate) mod reference;
