//! The ranking that is learned once a model is trained.

use crate::{TrainError, Trained};
use lightgcn_core::Dataset;
use lightgcn_recommend::{LearnedRanking, RankingConfig, RecommendError};

impl Trained {
    /// Learns how to rank from the dataset that the model was trained on, with the model's score as one of
    /// the features, and keeps it in the artifact. Where there is no purchase to learn from, the artifact
    /// has no ranking afterwards, and its embeddings alone rank.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] for unusable settings, and if a member cannot be fitted.
    pub fn learn_ranking(
        &mut self,
        dataset: &Dataset,
        config: &RankingConfig,
    ) -> Result<(), TrainError> {
        let learned = config.fit_with(dataset, Some(&self.ranker()?));
        self.artifact.ranking = match learned {
            Ok(ranking) => Some(ranking.to_stored()?),
            Err(RecommendError::NothingToLearn) => {
                tracing::warn!("{}", RecommendError::NothingToLearn);
                None
            }
            Err(other) => return Err(other.into()),
        };
        Ok(())
    }

    /// The learned ranking; none where the artifact has none.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the artifact's ranking is not sound.
    pub fn ranking(&self) -> Result<Option<LearnedRanking>, TrainError> {
        let stored = self.artifact.ranking.as_ref();
        Ok(stored.map(LearnedRanking::from_stored).transpose()?)
    }
}
