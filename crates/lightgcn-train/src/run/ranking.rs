//! The ranking that is learned once a model is trained.

use crate::run::trainer::Chosen;
use crate::{TrainError, Trained};
use lightgcn_core::Dataset;
use lightgcn_recommend::{
    Evaluation, EvaluationOptions, LearnedRanker, LearnedRanking, RankingConfig, RecommendError,
    evaluate_test, figures,
};

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

    /// Evaluates the answers, by the learned ranking or else by the model, on the test part of the dataset that it
    /// was trained on, and adds the figures to the lineage.
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

    /// Takes over the figures of the run in which everything was chosen, and fits its ranking to this dataset.
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

    /// The learned ranking; none where the artifact has none.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the artifact's ranking is not sound.
    pub fn ranking(&self) -> Result<Option<LearnedRanking>, TrainError> {
        let stored = self.artifact.ranking.as_ref();
        Ok(stored.map(LearnedRanking::from_stored).transpose()?)
    }
}
