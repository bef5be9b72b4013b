//! Compares a model's answers with simpler methods, on test data.

use crate::Error;
use lightgcn_core::Dataset;
use lightgcn_linear::{Filter, FilterConfigs, LinearError, LinearModel};
use lightgcn_recommend::{
    Evaluation, EvaluationOptions, LinearRanker, MemberKind, NewItemsRanker, PopularityRanker,
    Ranker, SeenNotBoughtRanker, better_on_validation, evaluate_test,
};
use lightgcn_train::Trained;

/// What to compare answers with: the trained model alone, rules, linear filters and popularity.
pub(crate) struct Baselines<'a> {
    /// Filters that do not fit in memory are left out.
    pub(crate) filters: &'a [Filter],
    pub(crate) configs: &'a FilterConfigs,
    /// The maximum number of items to fit EASE on, unless it is a member of the ranking.
    pub(crate) ease_items: usize,
    pub(crate) options: EvaluationOptions,
}

impl Baselines<'_> {
    /// Evaluates the ranking (or the model if there is no ranking), the model alone if it differs,
    /// and the simpler methods.
    pub(crate) fn evaluate(
        &self,
        dataset: &Dataset,
        trained: &Trained,
        answers: Evaluation,
    ) -> Result<Vec<Evaluation>, Error> {
        let split = &dataset.split;
        let model = trained.ranker()?;
        let mut evaluations = vec![answers];
        let mut add = |ranker: &dyn Ranker| -> Result<(), Error> {
            tracing::info!("evaluating {}", ranker.name());
            evaluations.push(evaluate_test(
                ranker,
                &split.train,
                &split.test,
                &self.options,
            )?);
            Ok(())
        };
        if trained.artifact.ranking.is_some() {
            add(&model)?;
        }
        for rule in SeenNotBoughtRanker::all(&split.train) {
            add(&rule)?;
        }
        for &filter in self.filters {
            let Some(fitted) = self.fitted(filter, dataset, trained)? else {
                continue;
            };
            let ranker = LinearRanker::new(fitted, &split.train);
            let new_items = NewItemsRanker::new(&ranker, &split.train);
            add(better_on_validation(
                &new_items,
                &ranker,
                split,
                &self.options,
            )?)?;
        }
        add(&PopularityRanker::from_interactions(
            split.train.interactions(),
        ))?;
        Ok(evaluations)
    }

    /// A fitted filter; `None` if it would be too large.
    fn fitted(
        &self,
        filter: Filter,
        dataset: &Dataset,
        trained: &Trained,
    ) -> Result<Option<Box<dyn LinearModel>>, Error> {
        let train = &dataset.split.train;
        if filter == Filter::Ease {
            // EASE takes the longest to fit, so if it is a member of the ranking, that one is
            // reused.
            let ranking = trained.ranking()?;
            let member = ranking.as_ref().and_then(|ranking| {
                let mut members = ranking.members.iter().zip(ranking.models());
                members.find(|(kind, _)| **kind == MemberKind::Ease)
            });
            if let Some((_, member)) = member {
                return Ok(Some(Box::new(member.clone())));
            }
            let n_items = train.interactions().n_items();
            if n_items > self.ease_items {
                let most = self.ease_items;
                tracing::warn!(
                    "EASE is left out of the comparison: {n_items} items are more than the {most} of \
                     ranking.ease_items"
                );
                return Ok(None);
            }
        }
        match self.configs.fit(filter, train) {
            Err(LinearError::Memory { .. }) => Ok(None),
            fitted => Ok(Some(fitted?)),
        }
    }
}
