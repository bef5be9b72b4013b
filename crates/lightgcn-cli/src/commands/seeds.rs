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
use lightgcn::train::{TrainConfig, Trainer, WarmStart};
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
    let settings = WarmStart::new(Arc::clone(&artifact)).candidate()?;
    let has_ranking = artifact.ranking.is_some();
    let recall = |evaluation: &Evaluation| evaluation.mean(Metric::Recall, evaluator.leading);
    // The learned ranking, if there is one, was evaluated first, then the model.
    let n_rankers = 1 + usize::from(has_ranking);
    let own = &evaluator.evaluations[..n_rankers];
    let mut found: Vec<Vec<f64>> = own
        .iter()
        .map(|evaluation| Ok(vec![recall(evaluation)?]))
        .collect::<anyhow::Result<_>>()?;
    let stop = interrupt::listen("stopping after this batch")?;
    for seed in 1..args.seeds {
        eprintln!(
            "training with seed {}",
            settings.train.seed.wrapping_add(seed)
        );
        let trained = Trainer::new(evaluator.dataset)
            .model(settings.model.clone())
            .config(TrainConfig {
                seed: settings.train.seed.wrapping_add(seed),
                ..settings.train.clone()
            })
            .ranking(has_ranking.then(|| RankingConfig {
                seed: config.ranking.seed.wrapping_add(seed),
                ..config.ranking.clone()
            }))
            .device(config.device())
            .stop(stop.clone())
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
        for (values, evaluation) in found.iter_mut().zip(learned.iter().chain([&model])) {
            values.push(recall(evaluation)?);
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
