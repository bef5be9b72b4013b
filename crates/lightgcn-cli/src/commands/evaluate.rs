//! `lightgcn evaluate`

use super::costs::{self, Cost};
use super::data::{self, open_trained_on};
use super::ensemble::{EnsembleReport, Members};
use super::evaluator::Evaluator;
use super::rolling;
use super::seeds::{self, Spread};
use crate::args::EvaluateArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::ensure;
use lightgcn::core::UserId;
use lightgcn::metrics::Metric;
use lightgcn::recommend::{
    Comparison, DiverseRanker, ExploringRanker, Ranker, Recommender, RevenueScorer, Scorer,
};
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    comparison: Comparison,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<Cost>,
    /// Of the model trained again with other seeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seeds: Vec<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ensemble: Option<EnsembleReport>,
}

pub(crate) fn run(args: &EvaluateArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    ensure!(args.seeds > 0, "--seeds is 0; use at least 1");
    if let Some(windows) = args.windows {
        return rolling::run(args, windows, config, output);
    }
    let baselines = args.baselines.as_ref();
    let filters = baselines.unwrap_or(&config.evaluate.baselines).filters();
    for &filter in filters {
        config.filters.check(filter)?;
    }
    let dataset = data::dataset(&args.data)?;
    let mut evaluator = Evaluator::new(args, &config, &dataset);
    let leading = evaluator.leading;
    let recommender = open_trained_on(&dataset, &args.model)?;
    let model = recommender.ranker();
    let members = Members::open(&args.ensemble, &config, &dataset)?;
    if let Some(learned) = recommender.learned_ranker() {
        evaluator.add(&learned)?;
    }
    evaluator.add(&model)?;
    let costs = costs(&mut evaluator, &recommender, args, config.seed())?;
    let mut ensemble = None;
    if let Some(members) = &members {
        let named = (args.model.display().to_string(), &model as _);
        let (ranker, report) = members.join(named, args.fusion.into(), &dataset, leading)?;
        evaluator.add(&ranker)?;
        ensemble = Some(report);
    }
    for path in &args.against {
        let other = open_trained_on(&dataset, path)?;
        match other.learned_ranker() {
            Some(learned) => {
                let name = format!("learned ranking of {}", path.display());
                evaluator.add(&learned.with_name(name))?
            }
            None => evaluator.add(&other.ranker())?,
        };
    }
    evaluator.add_baselines(filters, &config)?;
    let seeds = seeds::spread(&evaluator, args, &config)?;
    let evaluations = &evaluator.evaluations;
    let comparison = Comparison::new(evaluations, Metric::Recall, leading, config.seed())?;
    let mut text = comparison.to_string();
    if !costs.is_empty() {
        text += &costs::text(&costs, leading);
    }
    text += &seeds::text(&seeds, leading);
    text += &ensemble
        .as_ref()
        .map_or_else(String::new, EnsembleReport::text);
    let report = Report {
        comparison,
        costs,
        seeds,
        ensemble,
    };
    output.result(&report, &text)
}

/// The ranker that a model answers with: its learned ranking, or else its embeddings.
fn answering(recommender: &Recommender) -> Box<dyn Scorer + Send + '_> {
    match recommender.learned_ranker() {
        Some(learned) => Box::new(learned),
        None => Box::new(recommender.ranker()),
    }
}

/// What the variants of the answers cost and gain, the plain answers first; empty without variants.
fn costs(
    evaluator: &mut Evaluator<'_>,
    recommender: &Recommender,
    args: &EvaluateArgs,
    seed: u64,
) -> anyhow::Result<Vec<Cost>> {
    let variants = variants(recommender, args, seed)?;
    if variants.is_empty() {
        return Ok(Vec::new());
    }
    let (k, truth) = (evaluator.leading, evaluator.truth());
    let prices = evaluator.dataset.catalogue.prices();
    let users: Vec<UserId> = truth.users().collect();
    let revenue = |ranker: &dyn Ranker| {
        let wanted = !args.revenue.is_empty();
        wanted.then(|| {
            let lists = ranker.top_k(&users, k, recommender.bought());
            costs::revenue(&lists, truth, prices)
        })
    };
    // What answers was evaluated first.
    let answers = revenue(&*answering(recommender));
    let mut costs = vec![Cost::new(&evaluator.evaluations[0], None, k, answers)?];
    for variant in variants {
        let evaluation = evaluator.add(&*variant)?;
        costs.push(Cost::new(evaluation, costs.first(), k, revenue(&*variant))?);
    }
    Ok(costs)
}

/// The answers with the exploration, diversity and revenue that the flags name.
fn variants<'a>(
    recommender: &'a Recommender,
    args: &EvaluateArgs,
    seed: u64,
) -> anyhow::Result<Vec<Box<dyn Ranker + 'a>>> {
    let artifact = recommender.artifact();
    let table = &artifact.embeddings;
    let items = &table.data()[artifact.train.n_users() * table.dimension()..];
    let mut variants: Vec<Box<dyn Ranker + 'a>> = Vec::new();
    for &share in &args.exploration {
        let ranker = ExploringRanker::new(answering(recommender), share, seed)?;
        variants.push(Box::new(ranker));
    }
    // Diversity defaults to the shares of exploration.
    let shares = args.exploration.iter().filter(|share| **share > 0.0);
    let diversities: Vec<f64> = match args.diversity.as_slice() {
        [] => shares.copied().collect(),
        given => given.to_vec(),
    };
    for diversity in diversities {
        let ranker = DiverseRanker::new(answering(recommender), items, diversity)?;
        variants.push(Box::new(ranker));
    }
    for &weight in &args.revenue {
        let prices = artifact.catalogue.prices();
        let ranker = RevenueScorer::new(answering(recommender), prices, weight)?;
        variants.push(Box::new(ranker));
    }
    Ok(variants)
}
