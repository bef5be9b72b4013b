//! `lightgcn retrain`

use super::{data, interrupt, runs};
use crate::args::{Common, RetrainArgs};
use crate::config::{self, Config};
use crate::output::Output;
use anyhow::ensure;
use lightgcn::core::{Dataset, NodeId, Vocabulary};
use lightgcn::store::{Artifact, keep_model};
use lightgcn::train::{
    Chosen, ConsoleProgress, Margin, RetrainFigures, RetrainReport, Retraining, StopSignal,
    TrainConfig, TrainError, Trained, Trainer, WarmStart,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code if the retrained model was not published.
const NOT_PUBLISHED: u8 = 3;

/// With fewer users than this, a warning is printed.
const FEW_USERS: usize = 30;

#[derive(Serialize)]
struct Outcome {
    published: bool,
    /// Why the model was not published; empty if it was.
    issues: Vec<String>,
    margin: f64,
    #[serde(flatten)]
    report: RetrainReport,
    path: PathBuf,
    previous_version: String,
    version: String,
    run: PathBuf,
    /// Whether the state of Adam was carried over.
    adam_carried_over: bool,
    /// Whether the published model was retrained on the whole log.
    refit: bool,
    best_epoch: u32,
    #[serde(flatten)]
    ids: KnownIds,
}

/// How many users and items the earlier model has too.
#[derive(Serialize)]
struct KnownIds {
    known_users: usize,
    new_users: usize,
    known_items: usize,
    new_items: usize,
}

impl KnownIds {
    fn of(model: &Artifact, earlier: &Artifact) -> Self {
        let known_users = known(&model.users, &earlier.users);
        let known_items = known(&model.items, &earlier.items);
        Self {
            known_users,
            new_users: model.users.len() - known_users,
            known_items,
            new_items: model.items.len() - known_items,
        }
    }
}

pub(crate) fn run(
    args: &RetrainArgs,
    common: &Common,
    config: Config,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let margin = Margin::new(args.margin)?;
    let previous = Arc::new(Artifact::load(&args.model)?);
    let previous_version = Artifact::identity_at(&args.model)?;
    let out = args.out.as_deref().unwrap_or(&args.model);
    let start = warm_start(args, &previous)?;
    let mut options = config::load(common, start.candidate()?)?;
    override_training(args, &mut options.train);
    let dataset = data::dataset(&args.data)?;
    let retraining = Retraining::new(&previous, &dataset, args.allow_other_ids)?;
    // Check now what is needed later, without keeping it in memory.
    data::whole(&args.data, &dataset)?;
    let folder = folder(args, out)?;
    let mut job = Runs {
        options,
        config: &config,
        folder: &folder,
        resume: args.resume,
        start: &start,
        stop: interrupt::listen_in_training()?,
        bar: ConsoleProgress::new(),
    };
    let mut trained = job.train(&dataset, None)?;
    let report = retraining.compare(&trained.artifact)?;
    let issues = report.issues(margin);
    let published = issues.is_empty();
    if published {
        let whole = data::whole(&args.data, &dataset)?;
        trained = job.train(&whole, Some(&trained.chosen()?))?;
        let kept = keep_model(out, args.keep)?;
        trained.artifact.save(out)?;
        runs::follow(out, &trained.artifact, kept.as_ref())?;
    }
    let outcome = Outcome {
        published,
        issues,
        margin: margin.value(),
        report,
        path: out.to_owned(),
        previous_version,
        version: match published {
            true => Artifact::identity_at(out)?,
            false => trained.artifact.identity()?,
        },
        run: if published { runs::of(out) } else { folder },
        refit: published,
        adam_carried_over: start.has_checkpoint(),
        best_epoch: trained.best_epoch,
        ids: KnownIds::of(&trained.artifact, &previous),
    };
    output.result(&outcome, &text(&outcome))?;
    Ok(ExitCode::from(if published { 0 } else { NOT_PUBLISHED }))
}

/// The folder of the run.
fn folder(args: &RetrainArgs, out: &Path) -> anyhow::Result<PathBuf> {
    let folder = runs::next_of(out);
    if !args.resume {
        // Left over from a retraining that was not published.
        runs::remove(&folder)?;
    }
    Ok(folder)
}

/// The trainings of a retraining: to compare, and on the whole log.
struct Runs<'a> {
    /// The settings of the earlier model, with those of this call.
    options: Config,
    config: &'a Config,
    folder: &'a Path,
    resume: bool,
    start: &'a WarmStart,
    stop: StopSignal,
    bar: ConsoleProgress,
}

impl Runs<'_> {
    /// Trains, as chosen by an earlier run if there was one.
    fn train(&mut self, dataset: &Dataset, chosen: Option<&Chosen>) -> anyhow::Result<Trained> {
        let mut trainer = Trainer::new(dataset)
            .model(self.options.model.clone())
            .config(self.options.train.clone())
            .ranking(self.config.ranking.clone())
            .device(self.config.device())
            .observer(&mut self.bar)
            .folder(self.folder)
            .resume(self.resume)
            .stop(self.stop.clone())
            .warm_start(self.start.clone());
        if let Some(chosen) = chosen {
            trainer = trainer.refit(chosen);
        }
        let trained = trainer.run()?;
        ensure!(
            !trained.reason.is_early(),
            "interrupted; nothing was published. The run is saved in the checkpoint in {}: continue it with --resume",
            self.folder.display()
        );
        Ok(trained)
    }
}

/// The number of names that the earlier model also has.
fn known<K: NodeId>(names: &Vocabulary<K>, earlier: &Vocabulary<K>) -> usize {
    let known = |name: &&str| earlier.get(name).is_some();
    names.iter().filter(known).count()
}

/// The model with the checkpoint of its run. A folder given by name must have it; the default one
/// may be absent or belong to another run.
fn warm_start(args: &RetrainArgs, previous: &Arc<Artifact>) -> anyhow::Result<WarmStart> {
    let start = WarmStart::new(Arc::clone(previous));
    if let Some(folder) = &args.from_run {
        return Ok(start.with_run(folder)?);
    }
    if !args.resume {
        runs::follow(&args.model, previous, None)?;
    }
    let folder = runs::of(&args.model);
    match start.clone().with_run(&folder) {
        Ok(start) => Ok(start),
        Err(TrainError::NoCheckpoint { .. } | TrainError::CheckpointMismatch { .. }) => {
            eprintln!(
                "no checkpoint of this model is in {}: Adam starts fresh",
                folder.display()
            );
            Ok(start)
        }
        Err(error) => Err(error.into()),
    }
}

fn override_training(args: &RetrainArgs, train: &mut TrainConfig) {
    train.epochs = args.epochs.unwrap_or(train.epochs);
    train.learning_rate = args.learning_rate.unwrap_or(train.learning_rate);
    train.validate_every = args.validate_every.or(train.validate_every);
    train.patience = args.patience.or(train.patience);
}

/// What answers.
fn ranked_by(figures: RetrainFigures) -> &'static str {
    match figures.learned_ranking {
        true => "the learned ranking",
        false => "the embeddings",
    }
}

fn text(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut text = format!(
        "{} users and {} items carried over, {} and {} new; Adam's state is {}\n",
        outcome.ids.known_users,
        outcome.ids.known_items,
        outcome.ids.new_users,
        outcome.ids.new_items,
        if outcome.adam_carried_over {
            "carried over"
        } else {
            "new"
        },
    );
    text += &format!(
        "on {} validation targets of {} users (excluding {} of unknown users and {} that the \
         earlier model was trained on), by {} before and {} now:\n",
        report.n_targets,
        report.n_users,
        report.left_out_unknown_user,
        report.left_out_trained_on,
        ranked_by(report.previous),
        ranked_by(report.retrained),
    );
    for (name, old, new) in [
        ("recall@20", report.previous.recall, report.retrained.recall),
        ("ndcg@20", report.previous.ndcg, report.retrained.ndcg),
    ] {
        text += &format!("  {name}: {old:.4} before, {new:.4} now\n");
    }
    if report.n_users < FEW_USERS {
        text += "  too few users for a reliable comparison: hold out more events\n";
    }
    let path: &Path = &outcome.path;
    text += &match outcome.published {
        true => format!(
            "published at {}: neither metric fell by more than {} %{}\n",
            path.display(),
            100.0 * outcome.margin,
            if outcome.refit {
                "; retrained on the whole log"
            } else {
                ""
            }
        ),
        false => format!(
            "not published: {}; {} is unchanged\n",
            outcome.issues.join("; "),
            path.display()
        ),
    };
    text
}
