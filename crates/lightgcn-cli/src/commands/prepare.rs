//! `lightgcn prepare`

use super::data::whole_of;
use crate::args::{PartArg, PrepareArgs, SplitChoice};
use crate::config::Config;
use crate::output::Output;
use crate::progress;
use anyhow::{Context, bail, ensure};
use lightgcn::core::{BehaviorWeightsConfig, Dataset, Interactions, StageReport};
use lightgcn::data::inspect::dataset_warnings;
use lightgcn::data::{
    DataError, Duplicates, KCoreConfig, PairTable, PrepareConfig, SplitConfig, TimeCut,
    add_knowledge, prepare_log, read_events_with_progress,
};
use lightgcn::store::{Artifact, DatasetFolder};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    users: usize,
    items: usize,
    training_pairs: usize,
    training_targets: usize,
    validation_targets: usize,
    test_targets: usize,
    /// The number of training events that are not among those of the model of `--after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    late_events: Option<u64>,
    stages: Vec<StageReport>,
}

/// The exit code of a preparation with `--after` that found nothing new to judge on.
const NOTHING_NEW: u8 = 4;

/// Prepares a dataset. With `--after`, an interval without purchases has an exit code of its own, since it is usual in
/// a nightly script.
pub(crate) fn run(args: &PrepareArgs, config: Config, output: &Output) -> anyhow::Result<ExitCode> {
    let error = match prepare(args, config, output) {
        Ok(()) => return Ok(ExitCode::SUCCESS),
        Err(error) => error,
    };
    let is_nothing = matches!(error.downcast_ref(), Some(DataError::NothingAfter { .. }));
    if !is_nothing || args.after.is_none() {
        return Err(error);
    }
    output.error(&error.context("nothing new to retrain on"));
    Ok(ExitCode::from(NOTHING_NEW))
}

fn prepare(args: &PrepareArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    let mut options = config.prepare.clone();
    override_options(args, &mut options)?;
    let options = options.check()?;
    if !args.pairs.is_empty() {
        let table = PairTable {
            paths: args.pairs.clone(),
            keep_unseen: false,
            future_rows: options.config().future_rows,
        };
        let dataset = table.read(options.behaviors())?;
        for warning in dataset_warnings(&dataset) {
            tracing::warn!("{warning}");
        }
        let dataset = add_knowledge(dataset, &options.config().knowledge, |_| false)?;
        let outcome = save(args, &dataset)?;
        return print(&outcome, output);
    }
    let bar = progress::bar(0, "bytes");
    let read = options.config().read_config();
    let log = read_events_with_progress(&args.logs, &read, options.behaviors(), &mut |progress| {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} rows", progress.rows));
    })?;
    bar.finish_and_clear();
    for warning in log.warnings() {
        tracing::warn!("{warning}");
    }
    let dataset = prepare_log(&log, &options)?;
    let late = args.after.as_deref().map(|model| n_late(&dataset, model));
    let mut outcome = save(args, &dataset)?;
    outcome.late_events = late.transpose()?;
    drop(dataset);
    if options.config().split != SplitConfig::None {
        prepare_log(&log, &options.whole())?.save(whole_of(&args.out))?;
    }
    print(&outcome, output)
}

fn save(args: &PrepareArgs, dataset: &Dataset) -> anyhow::Result<Outcome> {
    for stage in &dataset.lineage.stages {
        eprintln!("{stage}");
    }
    dataset.save(&args.out)?;
    let train = dataset.split.train.interactions();
    Ok(Outcome {
        path: args.out.clone(),
        users: train.n_users(),
        items: train.n_items(),
        training_pairs: train.n_pairs(),
        training_targets: train.n_targets(),
        validation_targets: dataset.split.validation.truth().n_pairs(),
        test_targets: dataset.split.test.truth().n_pairs(),
        late_events: None,
        stages: dataset.lineage.stages.clone(),
    })
}

fn print(outcome: &Outcome, output: &Output) -> anyhow::Result<()> {
    let mut text = format!(
        "{} users, {} items, {} training pairs ({} with a target), {} validation and {} \
         test targets written to {}",
        outcome.users,
        outcome.items,
        outcome.training_pairs,
        outcome.training_targets,
        outcome.validation_targets,
        outcome.test_targets,
        outcome.path.display()
    );
    if let Some(n @ 1..) = outcome.late_events {
        text += &format!(
            "\n{n} of the training events are not newer than the model's, but unknown to it (they arrived late, or \
             were left out when its dataset was prepared); the next model learns from them"
        );
    }
    output.result(outcome, &text)
}

fn override_options(args: &PrepareArgs, options: &mut PrepareConfig) -> anyhow::Result<()> {
    if let Some(preset) = args.preset {
        preset.apply(options);
    }
    if let Some(name) = &args.weights {
        options.weights = BehaviorWeightsConfig::preset(name).with_context(|| {
            format!(
                "unknown weights {name:?}; use shop-log or shop-log-strong-views, or define \
                 [prepare.weights] in a configuration file"
            )
        })?;
    }
    if args.half_life_days.is_some() {
        options.weights.half_life_days = args.half_life_days;
    }
    if let Some(history) = args.history {
        options.history_days = history.0;
    }
    if let Some(pairs) = args.k_core {
        options.k_core = KCoreConfig {
            min_user_pairs: pairs,
            min_item_pairs: pairs,
        };
    }
    if args.keep_duplicates {
        options.duplicates = Duplicates::Keep;
    }
    options.skip_bad_rows |= args.skip_bad_rows;
    options.catalogue.extend(args.catalogue.iter().cloned());
    options.knowledge.extend(args.knowledge.iter().cloned());
    if let Some(choice) = args.split {
        options.split = chosen_split(choice);
    }
    if let Some(model) = &args.after {
        options.split = SplitConfig::after(last_event(model)?);
    }
    override_parts(args, &mut options.split)
}

/// The second of the last event that a model was trained on.
fn last_event(model: &Path) -> anyhow::Result<i64> {
    let train = Artifact::load(model)?.train;
    let last = train.last_times().iter().copied().max();
    last.with_context(|| {
        format!(
            "the model in {} has no event times, so it is unknown which events are newer",
            model.display()
        )
    })
}

/// The number of events in the training part, which has none newer than the model's, that are not among the model's.
fn n_late(dataset: &Dataset, model: &Path) -> anyhow::Result<u64> {
    // Loaded a second time, since keeping it would need its memory in addition to the log's.
    let model = Artifact::load(model)?;
    let n_events = |pairs: &Interactions, pair| -> u64 {
        pairs.counts_of(pair).iter().copied().map(u64::from).sum()
    };
    let train = dataset.split.train.interactions();
    let mut late = 0;
    for (user, pair) in train.pairs() {
        let item = dataset.items.name(train.items()[pair]);
        let user = dataset.users.name(user).and_then(|id| model.users.get(id));
        let item = item.and_then(|id| model.items.get(id));
        let known = user.zip(item);
        let known = known.and_then(|(user, item)| model.train.find(user, item));
        let known = known.map_or(0, |pair| n_events(&model.train, pair));
        late += n_events(train, pair).saturating_sub(known);
    }
    Ok(late)
}

pub(super) fn chosen_split(choice: SplitChoice) -> SplitConfig {
    match choice {
        SplitChoice::ByTime => SplitConfig::default(),
        SplitChoice::LeaveLastOut => SplitConfig::leave_last_out(),
        SplitChoice::Random => SplitConfig::reference(),
        SplitChoice::None => SplitConfig::None,
    }
}

/// Sets the shares of the held-out parts, or the files that hold them.
fn override_parts(args: &PrepareArgs, split: &mut SplitConfig) -> anyhow::Result<()> {
    let shares = match (&args.validation, &args.test) {
        (None, None) => return Ok(()),
        (None | Some(PartArg::File(_)), Some(PartArg::File(test))) => {
            ensure!(
                args.split.is_none(),
                "files for --validation and --test define the split; remove --split"
            );
            let validation = match &args.validation {
                Some(PartArg::File(file)) => vec![file.clone()],
                _ => Vec::new(),
            };
            *split = SplitConfig::Given {
                validation,
                test: vec![test.clone()],
            };
            return Ok(());
        }
        (Some(PartArg::File(_)), None) => {
            bail!("--validation is a file; give a file for --test too");
        }
        (Some(PartArg::File(_)), _) | (_, Some(PartArg::File(_))) => {
            bail!("--validation and --test must both be files or both be shares")
        }
        (validation, test) => [validation, test].map(|part| match part {
            Some(PartArg::Share(share)) => Some(*share),
            _ => None,
        }),
    };
    let [new_validation, new_test] = shares;
    match split {
        SplitConfig::Random { validation, test } => {
            *validation = new_validation.unwrap_or(*validation);
            *test = new_test.unwrap_or(*test);
        }
        SplitConfig::ByTime { validation, test } => {
            if let Some(share) = new_validation {
                *validation = TimeCut::Share(share);
            }
            if let Some(share) = new_test {
                *test = TimeCut::Share(share);
            }
        }
        _ => bail!("--validation and --test apply only to the splits by-time and random"),
    }
    Ok(())
}
