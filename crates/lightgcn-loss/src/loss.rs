//! The trait of losses.

use std::fmt::Debug;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::SparseBackend;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::config::{LossConfig, TopKConfig};
use crate::error::LossError;

/// A loss: the ranking term of what a training step minimizes. The trainer adds L2 on the layer-0
/// rows of the batch ([`Batch::l2`]) to it.
///
/// The value itself has the settings, so that a run's record and its artifact include them.
///
/// # Example
///
/// A hinge loss, which any model can be trained with:
///
/// ```
/// use burn::tensor::Tensor;
/// use lightgcn_kernels::SparseBackend;
/// use lightgcn_loss::{Batch, Loss, LossNeeds, Tables};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
/// struct Hinge {
///     margin: f64,
/// }
///
/// impl Loss for Hinge {
///     fn needs(&self) -> LossNeeds {
///         LossNeeds { negatives: true, ..LossNeeds::default() }
///     }
///
///     fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
///         let (positives, negatives) = batch.scores(tables.embeddings);
///         let margins = negatives - positives.unsqueeze_dim(1);
///         margins.add_scalar(self.margin).clamp_min(0.0).mean()
///     }
/// }
/// ```
pub trait Loss:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Checks the settings. By default they are all valid.
    ///
    /// # Errors
    ///
    /// [`LossError::Config`] with every issue.
    fn check(&self) -> Result<(), LossError> {
        Ok(())
    }

    /// What the loss reads from a batch in addition to its users and positives.
    fn needs(&self) -> LossNeeds;

    /// The loss of a batch, `[1]`. The trainer has called [`check`](Self::check) before.
    ///
    /// # Panics
    ///
    /// If a table's number of rows differs from the one the batch was made for, or if the batch
    /// lacks something listed by [`needs`](Self::needs).
    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1>;

    /// The loss of this crate that this one equals, if any: models with linear propagation are then
    /// trained without autodiff, several times faster. Default: none.
    fn fused(&self) -> Option<LossConfig> {
        None
    }
}

/// The tables that a loss reads.
#[derive(Clone, Debug)]
pub struct Tables<B: Backend> {
    /// Final embeddings, `[n_nodes, output_dim]`: users, then items, then any further nodes.
    pub embeddings: Tensor<B, 2>,
    /// Layer 0, the table they come from, `[n_nodes, dim]`.
    pub layer0: Tensor<B, 2>,
}

/// What a loss reads from a batch in addition to its users and positives. Default: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct LossNeeds {
    /// Negatives of each pair, as many as the trainer's configuration says.
    pub negatives: bool,
    /// Number of items drawn uniformly for all pairs of a batch.
    pub shared_negatives: usize,
    /// The popularity of each pair's item.
    pub popularity: bool,
    /// The mask of candidates that are known positives of a pair's user.
    pub known_positives: bool,
    /// Each user's K-th best cosine, and how often it is recomputed.
    pub top_k: Option<TopKConfig>,
}
