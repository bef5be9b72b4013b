//! `lightgcn evaluate`

use super::blend::{self, BlendReport};
use super::costs::{self, Cost};
use super::data;
use super::partners::{EnsembleReport, Members};
use crate::args::EvaluateArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::ensure;
use lightgcn::core::Dataset;
use lightgcn::linear::Filter;
use lightgcn::metrics::Metric;
use lightgcn::recommend::{
    BlendRanker, DiverseRanker, Evaluation, EvaluationOptions, ExploringRanker, LinearRanker,
    PopularityRanker, RandomRanker, Ranker, Recommender, RevenueScorer, SeenNotBoughtRanker,
    evaluate_test, evaluate_validation,
};
use lightgcn::train::Comparison;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    comparison: Comparison,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ensemble: Option<EnsembleReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blend: Option<BlendReport>,
}

pub(crate) fn run(args: &EvaluateArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    let baselines = args.baselines.as_ref();
    let baselines = baselines.unwrap_or(&config.evaluate.baselines).filters();
    // The partner of the blend comes first, and is measured alone too.
    let others = baselines.iter().copied().filter(|f| args.blend != Some(*f));
    let filters: Vec<Filter> = args.blend.into_iter().chain(others).collect();
    for &filter in &filters {
        config.filters.check(filter)?;
    }
    let dataset = data::dataset(&args.data)?;
    blend::check(args.blend, args.blend_weight, &dataset)?;
    let mut ks = if args.k.is_empty() {
        config.evaluate.ks.clone()
    } else {
        args.k.clone()
    };
    if ks.is_empty() {
        ks = vec![10, 20];
    }
    let leading = ks.iter().copied().max().unwrap_or(20);
    let options = EvaluationOptions {
        ks,
        seed: config.seed(),
        ..EvaluationOptions::default()
    };
    let measure = |ranker: &dyn Ranker| -> anyhow::Result<Evaluation> {
        eprintln!("evaluating {}", ranker.name());
        let split = &dataset.split;
        Ok(if args.on_validation {
            evaluate_validation(ranker, &split.train, &split.validation, &options)?
        } else {
            evaluate_test(ranker, &split.train, &split.test, &options)?
        })
    };
    let open = |path: &Path| -> anyhow::Result<Recommender> {
        let recommender = Recommender::open(path)?;
        check_same_data(path, &recommender, &dataset)?;
        Ok(recommender)
    };
    let recommender = open(&args.model)?;
    let model = recommender.ranker();
    let members = match args.ensemble.as_slice() {
        [] => None,
        given => Some(Members::open(&args.model, given, &config, &dataset)?),
    };
    let mut evaluations = vec![measure(&model)?];
    let revenue = |ranker: &dyn Ranker| {
        let wanted = !args.revenue.is_empty();
        let masks = recommender.bought();
        wanted.then(|| costs::revenue(ranker, masks, &dataset, args.on_validation, leading))
    };
    let mut costs = Vec::new();
    for variant in variants(&recommender, args, config.seed())? {
        if costs.is_empty() {
            costs.push(Cost::new(&evaluations[0], None, leading, revenue(&model))?);
        }
        let evaluation = measure(&*variant)?;
        let cost = Cost::new(&evaluation, costs.first(), leading, revenue(&*variant))?;
        costs.push(cost);
        evaluations.push(evaluation);
    }
    let mut ensemble = None;
    if let Some(members) = &members {
        let (ranker, report) = members.weigh(&model, args.fusion.into(), &dataset, leading)?;
        evaluations.push(measure(&ranker)?);
        ensemble = Some(report);
    }
    for path in &args.against {
        evaluations.push(measure(&open(path)?.ranker())?);
    }
    let mut blend = None;
    for filter in filters {
        eprintln!("fitting {filter}");
        let train = &dataset.split.train;
        let partner = LinearRanker::new(config.filters.fit(filter, train)?, train);
        if args.blend == Some(filter) {
            let wanted = (filter, args.blend_weight);
            let report = blend::weigh(wanted, &model, &partner, &dataset, leading)?;
            evaluations.push(measure(&BlendRanker::new(
                &model,
                &partner,
                report.weight,
            )?)?);
            blend = Some(report);
        }
        evaluations.push(measure(&partner)?);
    }
    let train = dataset.split.train.interactions();
    evaluations.push(measure(&PopularityRanker::from_interactions(train))?);
    if train.n_targets() < train.n_pairs() {
        evaluations.push(measure(&SeenNotBoughtRanker::new(&dataset.split.train))?);
    }
    evaluations.push(measure(&RandomRanker::new(
        train.n_users(),
        train.n_items(),
        config.seed(),
    ))?);
    let comparison = Comparison::new(&evaluations, Metric::Recall, leading, config.seed())?;
    let mut text = comparison.to_string();
    if !costs.is_empty() {
        text += &costs::text(&costs, leading);
    }
    text += &ensemble
        .as_ref()
        .map_or_else(String::new, EnsembleReport::text);
    text += &blend.as_ref().map_or_else(String::new, BlendReport::text);
    let report = Report {
        comparison,
        costs,
        ensemble,
        blend,
    };
    output.result(&report, &text)
}

/// The model with chance, diversity and revenue in its lists, as the flags ask.
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
        let ranker = ExploringRanker::new(recommender.ranker(), share, seed)?;
        variants.push(Box::new(ranker));
    }
    // What is asked of chance is asked of diversity too, unless the flag says otherwise.
    let shares = args.exploration.iter().filter(|share| **share > 0.0);
    let diversities: Vec<f64> = match args.diversity.as_slice() {
        [] => shares.copied().collect(),
        given => given.to_vec(),
    };
    for diversity in diversities {
        let ranker = DiverseRanker::new(recommender.ranker(), items, diversity)?;
        variants.push(Box::new(ranker));
    }
    for &weight in &args.revenue {
        let prices = artifact.catalogue.prices();
        let ranker = RevenueScorer::new(recommender.ranker(), prices, weight)?;
        variants.push(Box::new(ranker));
    }
    Ok(variants)
}

/// A model that was trained on other pairs may have seen the answers.
pub(super) fn check_same_data(
    path: &Path,
    recommender: &Recommender,
    dataset: &Dataset,
) -> anyhow::Result<()> {
    let artifact = recommender.artifact();
    ensure!(
        artifact.users == dataset.users
            && artifact.items == dataset.items
            && artifact.train == *dataset.split.train.interactions(),
        "the model in {} was trained on other data than this dataset's training part, so its \
         figures would not be honest; evaluate it on its own dataset, or train it on this one",
        path.display()
    );
    Ok(())
}
