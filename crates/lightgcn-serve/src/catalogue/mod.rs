//! Catalogue changes while the service runs: titles, prices, stock.

mod change;
mod error;
mod store;

pub(crate) use change::ItemChange;
pub use error::CatalogueError;
pub(crate) use store::{CatalogueStore, beside};
