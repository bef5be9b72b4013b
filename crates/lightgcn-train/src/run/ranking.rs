//! Learns a ranking on top of a trained model.

use crate::{Chosen, TrainError, Trained};
use lightgcn_core::Dataset;
use lightgcn_recommend::{
    Evaluation, EvaluationOptions, LearnedRanker, LearnedRanking, RankingConfig, RecommendError,
    evaluate_test, figures,
};

impl Trained {
    /// Learns a ranking from the dataset that the model was trained on, with the model's score as
    /// one of the features, and stores it in the artifact. If there are no purchases to learn from,
    /// the artifact has no ranking afterwards and ranks by its embeddings only.
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

    /// Evaluates the answers, by the learned ranking if there is one, else by the model, on the
    /// test part of the dataset it was trained on, and adds the metrics to the lineage.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the model does not fit the dataset, and those of [`evaluate_test`].
    pub fn evaluate_on_test(
        &mut self,
        dataset: &Dataset,
        options: &EvaluationOptions,
    ) -> Result<Evaluation, TrainError> {
        let split = &dataset.split;
        let evaluation = match LearnedRanker::of_artifact(&self.artifact)? {
            Some(learned) => evaluate_test(&learned, &split.train, &split.test, options)?,
            None => evaluate_test(&self.ranker()?, &split.train, &split.test, options)?,
        };
        let named = figures(&evaluation)?.into_iter();
        let named = named.map(|(name, value)| (format!("test {name}"), value));
        self.artifact.lineage.figures.extend(named);
        Ok(evaluation)
    }

    /// Copies the metrics of the run in which everything was chosen, and fits its ranking to this
    /// dataset.
    pub(crate) fn take_over(
        &mut self,
        chosen: &Chosen,
        dataset: &Dataset,
    ) -> Result<(), TrainError> {
        if let Some(ranking) = &chosen.ranking {
            let refitted = ranking.refit(&dataset.split.train, &dataset.behaviors)?;
            self.artifact.ranking = Some(refitted.to_stored()?);
        }
        self.validation.clone_from(&chosen.validation);
        let figures = chosen.figures.clone();
        self.artifact.lineage.figures.extend(figures);
        Ok(())
    }

    /// The learned ranking; `None` if the artifact has none.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the artifact's ranking is invalid.
    pub fn ranking(&self) -> Result<Option<LearnedRanking>, TrainError> {
        let stored = self.artifact.ranking.as_ref();
        Ok(stored.map(LearnedRanking::from_stored).transpose()?)
    }
}
