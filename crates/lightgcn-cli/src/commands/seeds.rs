//! `lightgcn evaluate --seeds`: how much metrics depend on the seed of training.

use super::evaluator::Evaluator;
use super::interrupt;
use crate::args::EvaluateArgs;
use crate::config::Config;
use anyhow::ensure;
use lightgcn::core::aligned;
use lightgcn::metrics::{Metric, mean, standard_deviation};
use lightgcn::recommend::{Evaluation, RankingConfig, Recommender};
use lightgcn::store::Artifact;
use lightgcn::train::{Candidate, StopSignal, TrainConfig, Trainer, WarmStart};
use serde::Serialize;
use std::sync::Arc;

/// The recall of one ranker with each seed, at the largest K.
#[derive(Serialize)]
pub(super) struct Spread {
    ranker: String,
    /// That of the given model first.
    recall_by_seed: Vec<f64>,
    mean: f64,
    /// The standard deviation of a sample.
    deviation: f64,
}

/// Trains the model again, from scratch, with its own settings and other seeds, and evaluates what it answers and
/// its embeddings; empty with one seed.
pub(super) fn spread(
    evaluator: &Evaluator<'_>,
    args: &EvaluateArgs,
    config: &Config,
) -> anyhow::Result<Vec<Spread>> {
    if args.seeds == 1 {
        return Ok(Vec::new());
    }
    let artifact = Arc::new(Artifact::load(&args.model)?);
    let repeated = Repeated {
        evaluator,
        config,
        settings: WarmStart::new(Arc::clone(&artifact)).candidate()?,
        has_ranking: artifact.ranking.is_some(),
        stop: interrupt::listen("stopping after this batch")?,
    };
    // The learned ranking, if there is one, was evaluated first, then the model.
    let n_rankers = 1 + usize::from(repeated.has_ranking);
    let own = &evaluator.evaluations[..n_rankers];
    let mut found: Vec<Vec<f64>> = own
        .iter()
        .map(|evaluation| Ok(vec![repeated.recall(evaluation)?]))
        .collect::<anyhow::Result<_>>()?;
    for n in 1..args.seeds {
        for (values, recall) in found.iter_mut().zip(repeated.recalls(n)?) {
            values.push(recall);
        }
    }
    let rows = own.iter().zip(found);
    Ok(rows
        .map(|(evaluation, values)| Spread {
            ranker: evaluation.ranker().to_owned(),
            mean: mean(&values),
            deviation: standard_deviation(&values),
            recall_by_seed: values,
        })
        .collect())
}

/// The training of a model, to be repeated with other seeds.
struct Repeated<'a> {
    evaluator: &'a Evaluator<'a>,
    config: &'a Config,
    settings: Candidate,
    has_ranking: bool,
    stop: StopSignal,
}

impl Repeated<'_> {
    /// The recall of the rankers with seeds that are `n` higher.
    fn recalls(&self, n: u64) -> anyhow::Result<Vec<f64>> {
        let Self {
            evaluator,
            config,
            settings,
            ..
        } = self;
        let seed = settings.train.seed.wrapping_add(n);
        eprintln!("training with seed {seed}");
        let trained = Trainer::new(evaluator.dataset)
            .model(settings.model.clone())
            .config(TrainConfig {
                seed,
                ..settings.train.clone()
            })
            .ranking(self.has_ranking.then(|| RankingConfig {
                seed: config.ranking.seed.wrapping_add(n),
                ..config.ranking.clone()
            }))
            .device(config.device())
            .stop(self.stop.clone())
            .run()?;
        ensure!(
            !trained.reason.is_early(),
            "interrupted: not all seeds are trained"
        );
        let recommender = Recommender::from_artifact(trained.artifact)?;
        let learned = recommender.learned_ranker();
        let learned = learned
            .map(|ranker| evaluator.evaluate(&ranker))
            .transpose()?;
        let model = evaluator.evaluate(&recommender.ranker())?;
        let evaluations = learned.iter().chain([&model]);
        evaluations.map(|found| self.recall(found)).collect()
    }

    fn recall(&self, evaluation: &Evaluation) -> anyhow::Result<f64> {
        Ok(evaluation.mean(Metric::Recall, self.evaluator.leading)?)
    }
}

/// A human-readable table; empty without rows.
pub(super) fn text(spreads: &[Spread], k: usize) -> String {
    let Some(first) = spreads.first() else {
        return String::new();
    };
    let head = ["ranker", "mean", "deviation", "by seed"].map(str::to_owned);
    let rows = spreads.iter().map(|spread| {
        let values = spread.recall_by_seed.iter();
        let values: Vec<String> = values.map(|value| format!("{value:.4}")).collect();
        vec![
            spread.ranker.clone(),
            format!("{:.4}", spread.mean),
            format!("{:.4}", spread.deviation),
            values.join(" "),
        ]
    });
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(rows).collect();
    format!(
        "\n\nrecall@{k} over {} seeds, the given model's first:\n{}",
        first.recall_by_seed.len(),
        aligned(&rows)
    )
}
