//! wip
#![forbid(unsafe_code)]
mod config;
mod dense;
mod error;
mod history;
mod inverse;
mod low_rank;
mod matrix;
mod model;
mod models;
mod neighbours;
mod signals;
mod singular;
pub use error::LinearError;
pub use history::{Histories, History, PairWeights};
pub use model::LinearModel;
pub use models::*;
