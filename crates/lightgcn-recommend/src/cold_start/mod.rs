//! Vectors and scores of users and items that training did not see.

pub(crate) mod cold_items;
pub(crate) mod content;
pub(crate) mod content_similarity;
pub(crate) mod fold_in;
mod map;
pub(crate) mod new_item;
pub(crate) mod ridge;

pub use map::FoldIn;
pub use new_item::{NewItem, NewItemEvent};
