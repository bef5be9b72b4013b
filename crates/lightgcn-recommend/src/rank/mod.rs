//! Rankers of items for known users, and what changes their lists.

mod cascading;
pub(crate) mod diversity;
mod embedding;
pub(crate) mod ensemble;
mod ensemble_weights;
pub(crate) mod exploration;
pub(crate) mod learned;
mod linear;
mod new_items;
mod popularity;
mod random;
mod ranker;
pub(crate) mod revenue;
pub(crate) mod scorer;
mod seen_not_bought;
mod session_knn;

pub use cascading::CascadingRanker;
pub use diversity::{DiverseRanker, diversify};
pub use embedding::EmbeddingRanker;
pub use ensemble::{EnsembleRanker, Fusion, Member, check_same_catalogue};
pub use ensemble_weights::{WeightChoice, WeightOptions, choose_weights};
pub use exploration::ExploringRanker;
pub use learned::{
    Feature, FeatureGroup, GroupEffect, LearnedRanker, LearnedRanking, MemberKind, RankingConfig,
    RankingReport, WeightedFeature, Withhold, behavior_stages,
};
pub use linear::LinearRanker;
pub use new_items::NewItemsRanker;
pub use popularity::PopularityRanker;
pub use random::RandomRanker;
pub(crate) use ranker::merged;
pub use ranker::{Exclusions, Ranked, Ranker};
pub use revenue::RevenueScorer;
pub use scorer::{ScoreParts, Scorer};
pub use seen_not_bought::{SeenNotBoughtRanker, SeenOrder};
pub use session_knn::SessionKnnRanker;
