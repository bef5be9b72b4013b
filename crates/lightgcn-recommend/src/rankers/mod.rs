//! The rankers that come with the crate.

mod blend;
mod embedding;
mod ensemble;
mod linear;
mod popularity;
mod random;
mod seen_not_bought;

pub use blend::{BlendChoice, BlendRanker, choose_weight};
pub use embedding::EmbeddingRanker;
pub use ensemble::{EnsembleRanker, Fusion, check_same_catalogue, choose_weights};
pub(crate) use ensemble::{inverse, voice};
pub use linear::LinearRanker;
pub use popularity::PopularityRanker;
pub use random::RandomRanker;
pub use seen_not_bought::SeenNotBoughtRanker;
