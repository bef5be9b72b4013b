//! The ranking learned from what users did before they bought.

mod best;
mod candidates;
mod config;
mod feature;
mod fit;
mod history;
mod items;
mod learning;
mod logit;
mod members;
mod ranker;
mod ranking;
mod search;
mod snapshot;
mod stacking;
mod ties;
mod viewpoint;
mod withhold;

pub(crate) use candidates::{Candidates, Scratch};
pub(crate) use history::{Act, Clock, DAY, UserHistory};
pub(crate) use ranker::RankingView;
pub(crate) use ties::tie_key;
pub(crate) use viewpoint::{ModelScores, Viewpoint};

pub use config::RankingConfig;
pub use feature::{Feature, FeatureGroup};
pub use members::{MemberKind, behavior_stages};
pub use ranker::LearnedRanker;
pub use ranking::{GroupEffect, LearnedRanking, RankingReport, WeightedFeature};
pub use withhold::Withhold;

#[cfg(test)]
mod odd_log_tests;
#[cfg(test)]
mod tests;
