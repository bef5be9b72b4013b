//! Vectors and scores for users and items that training did not see.

pub(crate) mod cold_items;
pub(crate) mod content;
pub(crate) mod fold_in;
mod likeness;
pub(crate) mod ridge;

pub use fold_in::FoldIn;
