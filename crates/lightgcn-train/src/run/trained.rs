//! What a training run gives.

use crate::{EndReason, TrainError};
use lightgcn_core::Lineage;
use lightgcn_recommend::{EmbeddingRanker, Evaluation, LearnedRanking};
use lightgcn_store::Artifact;
use std::collections::BTreeMap;

/// A trained model, ready to be saved and to answer.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Everything needed to answer.
    pub artifact: Artifact,
    /// The evaluation of the kept epoch on the validation part; `None` if that part is empty.
    pub validation: Option<Evaluation>,
    /// The epoch whose model was kept, from 1; 0 if none was completed.
    pub best_epoch: u32,
    /// Why training ended.
    pub reason: EndReason,
    /// The device it was trained on.
    pub device: String,
}

/// What a run chose on a part of the data: all that [`Trainer::refit`](crate::Trainer::refit) needs of a [`Trained`], whose tables need not
/// stay in memory.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub(crate) epochs: u32,
    /// The number of batches per step; `None` if the model was not made by a trainer.
    pub(crate) accumulate: Option<usize>,
    pub(crate) validation: Option<Evaluation>,
    pub(crate) figures: BTreeMap<String, f64>,
    pub(crate) ranking: Option<LearnedRanking>,
}

impl Chosen {
    /// The number of epochs of the refit. Default: the best epoch of the run.
    #[must_use]
    pub fn epochs(&self) -> u32 {
        self.epochs
    }

    /// Sets the number of epochs of the refit, for example fewer for a [warm start](crate::Trainer::warm_start) from the chosen model.
    #[must_use]
    pub fn with_epochs(self, epochs: u32) -> Self {
        Self { epochs, ..self }
    }
}

impl Trained {
    /// The chosen settings, for training again.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the artifact's ranking is invalid.
    pub fn chosen(&self) -> Result<Chosen, TrainError> {
        let Lineage {
            options, figures, ..
        } = &self.artifact.lineage;
        let accumulate = options.get("train.accumulate");
        Ok(Chosen {
            epochs: self.best_epoch,
            accumulate: accumulate.and_then(|text| text.parse().ok()),
            validation: self.validation.clone(),
            figures: figures.clone(),
            ranking: self.ranking()?,
        })
    }

    /// Ranks items for users by the model, under its name.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the tables of the artifact are inconsistent.
    pub fn ranker(&self) -> Result<EmbeddingRanker<'_>, TrainError> {
        let Artifact {
            model,
            embeddings,
            users,
            ..
        } = &self.artifact;
        Ok(EmbeddingRanker::from_nodes(
            &*model.name,
            embeddings.data(),
            users.len(),
            embeddings.dimension(),
        )?)
    }
}
