//! `lightgcn fit`

use super::prepare::chosen_split;
use super::tune::duration;
use super::{interrupt, runs};
use crate::args::{FitArgs, MemberChoice};
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::data::PrepareConfig;
use lightgcn::recommend::{Comparison, MemberKind, RankingReport};
use lightgcn::store::Artifact;
use lightgcn::train::ConsoleProgress;
use lightgcn::{Fit, Verdict};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    version: String,
    users: usize,
    items: usize,
    knows_whole_log: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranking: Option<RankingReport>,
    comparison: Comparison,
    verdict: Verdict,
}

pub(crate) fn run(args: &FitArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    let fitted = fit_of(args, config)?
        .observer(&mut ConsoleProgress::brief())
        .stop(interrupt::listen(
            "stopping with the best model so far; press Ctrl-C again to end at once",
        )?)
        .run()?;
    for stage in &fitted.artifact.lineage.stages {
        eprintln!("{stage}");
    }
    fitted.artifact.save(&args.out)?;
    write_evaluation(&args.out, &fitted.comparison)?;
    let knows = match fitted.knows_whole_log {
        true => "the whole log",
        false => "the training part of the log",
    };
    let text = format!(
        "{fitted}\n\nThe model is in {}, fitted on {knows}.\n",
        args.out.display()
    );
    let outcome = Outcome {
        path: args.out.clone(),
        version: Artifact::identity_at(&args.out)?,
        users: fitted.artifact.users.len(),
        items: fitted.artifact.items.len(),
        knows_whole_log: fitted.knows_whole_log,
        ranking: fitted.ranking,
        comparison: fitted.comparison,
        verdict: fitted.verdict,
    };
    output.result(&outcome, &text)
}

/// The configuration with the flags applied.
fn fit_of<'a>(args: &FitArgs, config: Config) -> anyhow::Result<Fit<'a>> {
    let mut fit = Fit::new(&args.logs)
        .device(config.device())
        .prepare(prepare_config(args, config.prepare))
        .model(config.model)
        .filters(config.filters)
        .refit(!args.no_refit);
    let mut train = config.train;
    train.epochs = args.epochs.unwrap_or(train.epochs);
    let mut ranking = config.ranking;
    if let Some(members) = &args.members {
        ranking.members = members.iter().copied().map(kind_of).collect();
    }
    fit = fit.train(train).ranking(ranking);
    if let Some(target) = &args.target {
        fit = fit.target(target);
    }
    if let Some(minutes) = args.minutes {
        fit = fit.time(duration(minutes)?);
    }
    if let Some(size) = args.memory {
        fit = fit.memory(size.as_u64());
    }
    Ok(fit)
}

fn prepare_config(args: &FitArgs, mut config: PrepareConfig) -> PrepareConfig {
    if let Some(preset) = args.preset {
        preset.apply(&mut config);
    }
    if let Some(split) = args.split {
        config.split = chosen_split(split);
    }
    config.skip_bad_rows |= args.skip_bad_rows;
    config.catalogue.extend(args.catalogue.iter().cloned());
    config.knowledge.extend(args.knowledge.iter().cloned());
    config
}

/// Writes the comparison into the model's run folder, from which the page reads it.
fn write_evaluation(model: &Path, comparison: &Comparison) -> anyhow::Result<()> {
    let run = runs::of(model);
    let write = || -> anyhow::Result<()> {
        std::fs::create_dir_all(&run)?;
        let comparison = serde_json::to_string(comparison)?;
        Ok(std::fs::write(run.join("evaluation.json"), comparison)?)
    };
    write().with_context(|| format!("writing the evaluation to {}", run.display()))
}

fn kind_of(choice: MemberChoice) -> MemberKind {
    match choice {
        MemberChoice::Propagation => MemberKind::Propagation,
        MemberChoice::Ease => MemberKind::Ease,
        MemberChoice::LowPass => MemberKind::LowPass,
        MemberChoice::Cascade => MemberKind::Cascade,
        MemberChoice::Sessions => MemberKind::Sessions,
    }
}
