//! `lightgcn train`

use super::tune::duration;
use super::{data, interrupt, runs};
use crate::args::TrainArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::core::Dataset;
use lightgcn::nn::AnyModelConfig;
use lightgcn::recommend::{EvaluationOptions, figures};
use lightgcn::store::Artifact;
use lightgcn::train::{
    Chosen, ConsoleProgress, EndReason, Ranks, StopSignal, Trained, Trainer, agree,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Serialize)]
struct Outcome {
    model: String,
    path: PathBuf,
    version: String,
    run: PathBuf,
    device: String,
    best_epoch: u32,
    reason: EndReason,
    /// Whether it was retrained on the whole log.
    refit: bool,
    users: usize,
    items: usize,
    pairs: usize,
    validation: BTreeMap<String, f64>,
    /// Of the chosen model, before retraining on the whole log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    test: BTreeMap<String, f64>,
}

pub(crate) fn run(
    args: &TrainArgs,
    mut config: Config,
    output: &Output,
    ranks: &Arc<dyn Ranks>,
) -> anyhow::Result<()> {
    let writes = ranks.rank() == 0;
    agree(&**ranks, &same_on_all(args))?;
    config.model = chosen_model(args, config.model)?;
    override_training(args, &mut config);
    let dataset = match writes {
        true => data::dataset(&args.data)?,
        false => data::load(&args.data)?,
    };
    if args.refit {
        // Check now what is needed later, without keeping it in memory.
        data::whole(&args.data, &dataset)?;
    }
    let folder = args.run.clone().unwrap_or_else(|| runs::of(&args.out));
    let stop = interrupt::listen_in_training()?;
    let stop_in_time = match args.minutes {
        Some(minutes) => stop.within(duration(minutes)?),
        None => stop.clone(),
    };
    let mut job = Job {
        args,
        config: &config,
        folder: &folder,
        ranks,
        bar: ConsoleProgress::new(),
    };
    let mut trained = job.train(&dataset, stop_in_time, None)?;
    if let Err(error) = interrupt::refuse_untrained(&trained, &folder) {
        return if writes { Err(error) } else { Ok(()) };
    }
    let reason = trained.reason;
    let (mut test, mut refit) = (BTreeMap::new(), false);
    if args.refit && reason != EndReason::Interrupted {
        if writes && !dataset.split.test.truth().is_empty() {
            test = figures(&trained.evaluate_on_test(&dataset, &test_options(&config))?)?;
        }
        let whole = data::whole(&args.data, &dataset)?;
        drop(dataset);
        if writes {
            eprintln!("retraining on the whole log");
        }
        let again = job.train(&whole, stop, Some(&trained.chosen()?))?;
        refit = !again.reason.is_early();
        if refit {
            trained = again;
        }
    }
    if !writes {
        return Ok(());
    }
    trained.artifact.save(&args.out)?;
    let train = &trained.artifact.train;
    let validation = trained.validation.as_ref().map(figures).transpose()?;
    let outcome = Outcome {
        model: config.model.name().to_owned(),
        path: args.out.clone(),
        version: Artifact::identity_at(&args.out)?,
        run: folder,
        device: trained.device.clone(),
        best_epoch: trained.best_epoch,
        reason,
        refit,
        users: train.n_users(),
        items: train.n_items(),
        pairs: train.n_pairs(),
        validation: validation.unwrap_or_default(),
        test,
    };
    output.result(&outcome, &text(&outcome, args.refit))
}

/// The trainings of one call: to choose, and on the whole log.
struct Job<'a> {
    args: &'a TrainArgs,
    config: &'a Config,
    folder: &'a Path,
    ranks: &'a Arc<dyn Ranks>,
    bar: ConsoleProgress,
}

impl Job<'_> {
    /// Trains, as chosen by an earlier training if there was one.
    fn train(
        &mut self,
        dataset: &Dataset,
        stop: StopSignal,
        chosen: Option<&Chosen>,
    ) -> anyhow::Result<Trained> {
        let (args, config) = (self.args, self.config);
        let mut trainer = Trainer::new(dataset)
            .model(config.model.clone())
            .config(config.train.clone())
            .device(config.device())
            .observer(&mut self.bar)
            .folder(self.folder)
            .resume(args.resume)
            .memory(args.memory.map(|size| size.as_u64()))
            .ranking((!args.no_ranking).then(|| config.ranking.clone()))
            .stop(stop)
            .ranks(Arc::clone(self.ranks));
        if let Some(chosen) = chosen {
            trainer = trainer.refit(chosen);
        }
        Ok(trainer.run()?)
    }
}

/// What decides which steps a command takes and what it writes. The trainer compares all else.
fn same_on_all(args: &TrainArgs) -> [(String, String); 4] {
    let run = args.run.as_ref().map(|run| run.display().to_string());
    [
        ("--out", args.out.display().to_string()),
        ("--run", run.unwrap_or_default()),
        ("--refit", args.refit.to_string()),
        ("--no-ranking", args.no_ranking.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

fn text(outcome: &Outcome, asked_to_refit: bool) -> String {
    let mut text = format!(
        "{} of epoch {} is in {} (trained on {})\n",
        outcome.model,
        outcome.best_epoch,
        outcome.path.display(),
        outcome.device
    );
    for (part, figures) in [("validation", &outcome.validation), ("test", &outcome.test)] {
        for (name, value) in figures {
            text += &format!("  {part} {name} {value:.4}\n");
        }
    }
    if outcome.refit {
        text += "  retrained on the whole log; the metrics are from before retraining\n";
    }
    if asked_to_refit && !outcome.refit && !outcome.reason.is_early() {
        text += "  retraining on the whole log ended early: this model has not seen the held-out \
            parts; continue with --resume\n";
    }
    if outcome.reason.is_early() {
        text += "  training ended early: this is the best model so far; continue the run with --resume\n";
    }
    text
}

fn test_options(config: &Config) -> EvaluationOptions {
    EvaluationOptions {
        ks: vec![config.train.metric_k],
        seed: config.seed(),
        ..EvaluationOptions::default()
    }
}

/// The model of the configuration with the flags applied.
fn chosen_model(args: &TrainArgs, model: AnyModelConfig) -> anyhow::Result<AnyModelConfig> {
    let mut model = match args.model.as_deref() {
        Some(name) => model_named(name, &model)?,
        None => model,
    };
    if let Some(dimension) = args.dimension {
        model = model.with_dimension(dimension);
    }
    if let Some(layers) = args.layers {
        let name = model.name();
        let layered = model.with_layers(layers);
        model = layered.with_context(|| format!("model {name} has no --layers"))?;
    }
    Ok(model)
}

/// The model with this name: the configured one if the name matches, else its defaults.
pub(super) fn model_named(
    name: &str,
    configured: &AnyModelConfig,
) -> anyhow::Result<AnyModelConfig> {
    if configured.name() == name {
        return Ok(configured.clone());
    }
    AnyModelConfig::named(name).with_context(|| {
        let known = AnyModelConfig::NAMES.join(", ");
        format!("unknown model {name:?}; use one of {known}")
    })
}

fn override_training(args: &TrainArgs, config: &mut Config) {
    let train = &mut config.train;
    train.epochs = args.epochs.unwrap_or(train.epochs);
    train.batch_size = args.batch_size.unwrap_or(train.batch_size);
    train.accumulate = args.accumulate.or(train.accumulate);
    train.learning_rate = args.learning_rate.unwrap_or(train.learning_rate);
    train.l2 = args.l2.unwrap_or(train.l2);
    train.negatives = args.negatives.unwrap_or(train.negatives);
    train.validate_every = args.validate_every.or(train.validate_every);
    train.patience = args.patience.or(train.patience);
    train.checkpoint_every = args.checkpoint_every.unwrap_or(train.checkpoint_every);
}
