//! Evaluates rankers on one part of a dataset.

use crate::args::EvaluateArgs;
use crate::config::Config;
use lightgcn::core::{Dataset, Truth};
use lightgcn::linear::Filter;
use lightgcn::recommend::{
    Evaluation, EvaluationOptions, LinearRanker, NewItemsRanker, PopularityRanker, RandomRanker,
    Ranker, SeenNotBoughtRanker, better_on_validation, evaluate_test, evaluate_validation,
};

/// Evaluates rankers one after the other on one part of a dataset.
pub(super) struct Evaluator<'a> {
    pub(super) dataset: &'a Dataset,
    options: EvaluationOptions,
    on_validation: bool,
    /// The largest K.
    pub(super) leading: usize,
    pub(super) evaluations: Vec<Evaluation>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(args: &EvaluateArgs, config: &Config, dataset: &'a Dataset) -> Self {
        let ks = [&args.k, &config.evaluate.ks]
            .into_iter()
            .find(|ks| !ks.is_empty())
            .cloned()
            .unwrap_or_else(|| vec![10, 20]);
        Self {
            dataset,
            leading: ks.iter().copied().max().unwrap_or(20),
            options: EvaluationOptions {
                ks,
                seed: config.seed(),
                ..EvaluationOptions::default()
            },
            on_validation: args.on_validation,
            evaluations: Vec::new(),
        }
    }

    pub(super) fn evaluate(&self, ranker: &dyn Ranker) -> anyhow::Result<Evaluation> {
        eprintln!("evaluating {}", ranker.name());
        let (split, options) = (&self.dataset.split, &self.options);
        Ok(match self.on_validation {
            true => evaluate_validation(ranker, &split.train, &split.validation, options)?,
            false => evaluate_test(ranker, &split.train, &split.test, options)?,
        })
    }

    pub(super) fn add(&mut self, ranker: &dyn Ranker) -> anyhow::Result<&Evaluation> {
        self.evaluations.push(self.evaluate(ranker)?);
        Ok(&self.evaluations[self.evaluations.len() - 1])
    }

    pub(super) fn truth(&self) -> &'a Truth {
        match self.on_validation {
            true => self.dataset.split.validation.truth(),
            false => self.dataset.split.test.truth(),
        }
    }

    pub(super) fn add_baselines(
        &mut self,
        filters: &[Filter],
        config: &Config,
    ) -> anyhow::Result<()> {
        let train = &self.dataset.split.train;
        for &filter in filters {
            eprintln!("fitting {filter}");
            let ranker = LinearRanker::new(config.filters.fit(filter, train)?, train);
            let new_items = NewItemsRanker::new(&ranker, train);
            let (split, options) = (&self.dataset.split, &self.options);
            self.add(better_on_validation(&new_items, &ranker, split, options)?)?;
        }
        let pairs = train.interactions();
        self.add(&PopularityRanker::from_interactions(pairs))?;
        for rule in SeenNotBoughtRanker::all(train) {
            self.add(&rule)?;
        }
        let (n_users, n_items) = (pairs.n_users(), pairs.n_items());
        self.add(&RandomRanker::new(n_users, n_items, config.seed()))?;
        Ok(())
    }
}
