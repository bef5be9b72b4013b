//! One error type for programs that use several crates.

use thiserror::Error;

/// Anything that can go wrong from the log to the answer; each variant is one crate's own error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Ids, weights, interactions or splits.
    #[error(transparent)]
    Core(#[from] lightgcn_core::CoreError),
    /// The work was interrupted before it had a result.
    #[cfg(feature = "train")]
    #[error("interrupted: there is no result yet")]
    Interrupted,
    /// Reading, weighing or splitting a log.
    #[error(transparent)]
    Data(#[from] lightgcn_data::DataError),
    /// Building a graph.
    #[error(transparent)]
    Graph(#[from] lightgcn_graph::GraphError),
    /// Fitting a linear filter.
    #[error(transparent)]
    Linear(#[from] lightgcn_linear::LinearError),
    /// A metric.
    #[error(transparent)]
    Metrics(#[from] lightgcn_metrics::MetricsError),
    /// A plot that cannot be drawn.
    #[cfg(feature = "plots")]
    #[error("the plot cannot be drawn: {0}")]
    Plot(String),
    /// A model's configuration.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Model(#[from] lightgcn_nn::NnError),
    /// Recommendations, explanations or evaluation.
    #[error(transparent)]
    Recommend(#[from] lightgcn_recommend::RecommendError),
    /// Batches.
    #[error(transparent)]
    Sample(#[from] lightgcn_sample::SampleError),
    /// A file in an object store or on a web server.
    #[error(transparent)]
    Remote(#[from] lightgcn_data::RemoteError),
    /// What is at a URL is not a model that this program reads.
    #[cfg(feature = "serve")]
    #[error("{detail}")]
    RemoteModel {
        /// What is wrong, with the URL.
        detail: String,
        /// What is wrong with the copy.
        source: lightgcn_store::StoreError,
    },
    /// The HTTP service.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] lightgcn_serve::ServeError),
    /// Files of models and datasets.
    #[error(transparent)]
    Store(#[from] lightgcn_store::StoreError),
    /// Training.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] lightgcn_train::TrainError),
}
