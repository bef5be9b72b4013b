//! `lightgcn retrain`

use super::{data, interrupt, runs};
use crate::args::{Common, RetrainArgs};
use crate::config::{self, Config};
use crate::output::Output;
use lightgcn::core::{NodeId, Vocabulary};
use lightgcn::store::Artifact;
use lightgcn::train::{
    ConsoleProgress, Margin, RetrainReport, TrainConfig, TrainError, Trainer, WarmStart,
    compare_with_previous,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code of a retraining whose model was not published.
const NOT_PUBLISHED: u8 = 3;

#[derive(Serialize)]
struct Outcome {
    published: bool,
    /// Why the model was not published; empty if it was.
    faults: Vec<String>,
    margin: f64,
    #[serde(flatten)]
    report: RetrainReport,
    path: PathBuf,
    previous_version: String,
    version: String,
    run: PathBuf,
    /// Whether the state of Adam was carried over.
    adam_carried_over: bool,
    best_epoch: u32,
    known_users: usize,
    new_users: usize,
    known_items: usize,
    new_items: usize,
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
    let folder = runs::next_of(out);
    if !args.resume {
        // What a retraining that was not published has left.
        runs::remove(&folder)?;
    }
    let trained = Trainer::new(&dataset)
        .model(options.model)
        .config(options.train)
        .device(config.device())
        .observer(&mut ConsoleProgress::new())
        .folder(&folder)
        .resume(args.resume)
        .stop(interrupt::listen_in_training()?)
        .warm_start(&start)
        .run()?;
    interrupt::refuse_interrupted(trained.reason, &folder)?;
    let report = compare_with_previous(&previous, &trained.artifact, &dataset)?;
    let faults = report.faults(margin);
    let published = faults.is_empty();
    if published {
        trained.artifact.save(out)?;
        runs::follow(out, &trained.artifact)?;
    }
    let known_users = known(&dataset.users, &previous.users);
    let known_items = known(&dataset.items, &previous.items);
    let outcome = Outcome {
        published,
        faults,
        margin: margin.value(),
        report,
        path: out.to_owned(),
        previous_version,
        version: match published {
            true => Artifact::identity_at(out)?,
            false => trained.artifact.identity()?,
        },
        run: if published { runs::of(out) } else { folder },
        adam_carried_over: start.has_checkpoint(),
        best_epoch: trained.best_epoch,
        known_users,
        new_users: dataset.users.len() - known_users,
        known_items,
        new_items: dataset.items.len() - known_items,
    };
    output.result(&outcome, &text(&outcome))?;
    Ok(match published {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOT_PUBLISHED),
    })
}

/// How many names the earlier model has too.
fn known<K: NodeId>(names: &Vocabulary<K>, earlier: &Vocabulary<K>) -> usize {
    let known = |name: &&str| earlier.get(name).is_some();
    names.iter().filter(known).count()
}

/// The model with the checkpoint of its run. A folder that was named must hold it; the usual one may be
/// absent or of another run.
fn warm_start(args: &RetrainArgs, previous: &Arc<Artifact>) -> anyhow::Result<WarmStart> {
    let start = WarmStart::new(Arc::clone(previous));
    if let Some(folder) = &args.from_run {
        return Ok(start.with_run(folder)?);
    }
    if !args.resume {
        runs::follow(&args.model, previous)?;
    }
    let folder = runs::of(&args.model);
    match start.clone().with_run(&folder) {
        Ok(start) => Ok(start),
        Err(TrainError::NoCheckpoint { .. } | TrainError::CheckpointMismatch { .. }) => {
            eprintln!(
                "no checkpoint of this model is in {}: Adam begins anew",
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
    train.validate_every = args.validate_every.unwrap_or(train.validate_every);
    train.patience = args.patience.unwrap_or(train.patience);
}

fn text(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut text = format!(
        "{} users and {} items go on, {} and {} are new; Adam's state is {}\n",
        outcome.known_users,
        outcome.known_items,
        outcome.new_users,
        outcome.new_items,
        if outcome.adam_carried_over {
            "carried over"
        } else {
            "new"
        },
    );
    text += &format!(
        "on {} validation targets of {} users ({} of unknown users and {} that the earlier model \
         was trained on left out):\n",
        report.n_targets, report.n_users, report.left_out_unknown_user, report.left_out_trained_on,
    );
    for (name, old, new) in [
        ("recall@20", report.previous.recall, report.retrained.recall),
        ("ndcg@20", report.previous.ndcg, report.retrained.ndcg),
    ] {
        text += &format!("  {name}: {old:.4} before, {new:.4} now\n");
    }
    let path: &Path = &outcome.path;
    text += &match outcome.published {
        true => format!(
            "published at {}: neither fell by more than {} of itself\n",
            path.display(),
            outcome.margin
        ),
        false => format!(
            "not published: {}; {} is as it was\n",
            outcome.faults.join("; "),
            path.display()
        ),
    };
    text
}
