//! The rankers that come with the crate.

mod embedding;
mod popularity;
mod random;
mod seen_not_bought;

pub use embedding::EmbeddingRanker;
pub use popularity::PopularityRanker;
pub use random::RandomRanker;
pub use seen_not_bought::SeenNotBoughtRanker;
