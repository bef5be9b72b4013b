//! What most programs need, in one `use lightgcn::prelude::*`.

pub use crate::Error;
#[cfg(feature = "train")]
pub use crate::Fit;
pub use lightgcn_core::{BehaviorWeightsConfig, Dataset, ItemId, UserId};
pub use lightgcn_data::{PairFiles, PrepareConfig, SplitConfig, prepare};
pub use lightgcn_metrics::Metric;
#[cfg(feature = "train")]
pub use lightgcn_nn::{AnyModelConfig, EmbeddingModel, ModelConfig};
pub use lightgcn_recommend::{
    Answer, Comparison, ContextEvent, EmbeddingRanker, EvaluationOptions, ExplainOptions,
    PopularityRanker, RandomRanker, Ranker, RecommendOptions, RecommendRequest, Recommender,
    evaluate_test, evaluate_validation,
};
pub use lightgcn_store::{Artifact, DatasetFolder};
#[cfg(feature = "train")]
pub use lightgcn_train::{ConsoleProgress, Device, TrainConfig, Trained, Trainer};
