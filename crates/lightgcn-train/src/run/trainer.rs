//! Trains a model on a dataset.

use crate::config::MOST_ACCUMULATED;
use crate::engine::backends::{find, on_device};
use crate::engine::ranked::is_shared_by_pair;
use crate::engine::step::StepContext;
use crate::ranks::Shards;
use crate::run::checkpoint::Checkpoint;
use crate::run::finish::finish;
use crate::run::fit::{Fitted, fit_from};
use crate::run::job::{FitJob, RunOptions};
use crate::run::sequences::sequences;
use crate::run::warm_start::REFIT;
use crate::run::{memory, transfer};
use crate::{
    Chosen, Device, EndReason, LossConfig, Observer, Ranks, Silent, SingleRank, StopSignal,
    TrainConfig, TrainError, TrainEvent, Trained, ValidTrainConfig, WarmStart, ranks,
};
use burn::tensor::backend::Backend;
use lightgcn_core::{Dataset, Lineage};
use lightgcn_graph::{AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn_kernels::TrainingBackend;
use lightgcn_loss::Loss;
use lightgcn_nn::{
    AnyModelConfig, GradientBackend, ModelConfig, ModelVisitor, Sequences, VisitModel,
};
use lightgcn_recommend::{RankingConfig, behavior_stages};
use serde_json::Value;
use std::convert::identity;
use std::path::PathBuf;
use std::sync::Arc;

/// Trains a model on a dataset.
///
/// The defaults are those of `lightgcn train`: one layer of LightGCN and the softmax loss, on the best available
/// device, without progress or checkpoints. On the CPU the same seed gives the same artifact bytes with any number of
/// threads, and a resumed run gives the bytes of an uninterrupted one.
///
/// ```no_run
/// # fn example(dataset: lightgcn_core::Dataset) -> Result<(), lightgcn_train::TrainError> {
/// use lightgcn_nn::LightGcnConfig;
/// use lightgcn_train::{ConsoleProgress, Device, TrainConfig, Trainer};
///
/// let trained = Trainer::new(&dataset)
///     .model(LightGcnConfig { layers: 2, ..LightGcnConfig::default() })
///     .config(TrainConfig { epochs: 20, ..TrainConfig::default() })
///     .device(Device::Auto)
///     .observer(&mut ConsoleProgress::new())
///     .folder("runs/first")
///     .run()?;
/// trained.artifact.save("models/first")?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a trainer does nothing until `run`"]
pub struct Trainer<'a, M = AnyModelConfig, L = LossConfig> {
    model: M,
    /// The config's loss, or your own.
    loss: Box<dyn FnOnce(&TrainConfig) -> L + 'a>,
    job: Job<'a>,
}

/// A trainer without its model and its loss.
struct Job<'a> {
    dataset: &'a Dataset,
    config: TrainConfig,
    device: Device,
    observer: Option<&'a mut dyn Observer>,
    run: RunOptions,
    start: Option<WarmStart>,
    ranking: Option<RankingConfig>,
    chosen: Option<&'a Chosen>,
    ranks: Arc<dyn Ranks>,
}

impl<'a> Trainer<'a> {
    /// A trainer with the default model and config.
    pub fn new(dataset: &'a Dataset) -> Self {
        Self {
            model: AnyModelConfig::default(),
            loss: Box::new(|config| config.loss),
            job: Job {
                dataset,
                config: TrainConfig::default(),
                device: Device::default(),
                observer: None,
                run: RunOptions::default(),
                start: None,
                ranking: Some(RankingConfig::default()),
                chosen: None,
                ranks: Arc::new(SingleRank),
            },
        }
    }
}

impl<'a, M: VisitModel, L: Loss> Trainer<'a, M, L> {
    /// Sets the model: the config of any model of this library or your own. Default: LightGCN.
    pub fn model<N: VisitModel>(self, model: N) -> Trainer<'a, N, L> {
        let Self { loss, job, .. } = self;
        Trainer { model, loss, job }
    }

    /// Sets the loss, instead of the config's: any loss of this library or your own.
    pub fn loss<N: Loss>(self, loss: N) -> Trainer<'a, M, N> {
        let Self { model, job, .. } = self;
        let loss = Box::new(|_: &TrainConfig| loss);
        Trainer { model, loss, job }
    }

    /// Sets the training config.
    pub fn config(mut self, config: TrainConfig) -> Self {
        self.job.config = config;
        self
    }

    /// Sets the maximum number of epochs. Default: 200.
    pub fn epochs(mut self, epochs: u32) -> Self {
        self.job.config.epochs = epochs;
        self
    }

    /// Sets the device. Default: the best that works, a GPU before the CPU.
    pub fn device(mut self, device: Device) -> Self {
        self.job.device = device;
        self
    }

    /// Sets the observer of training events. Default: none.
    pub fn observer(mut self, observer: &'a mut dyn Observer) -> Self {
        self.job.observer = Some(observer);
        self
    }

    /// Sets the folder of the run's record and checkpoint. Default: none, which writes neither.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.job.run.folder = Some(folder.into());
        self
    }

    /// Whether to continue from the checkpoint in the folder. Default: false.
    pub fn resume(mut self, resume: bool) -> Self {
        self.job.run.resume = resume;
        self
    }

    /// Sets the signal that saves and ends the run.
    pub fn stop(mut self, stop: StopSignal) -> Self {
        self.job.run.stop = stop;
        self
    }

    /// Refuses to train on the CPU if the program would use more than this many bytes of memory, by
    /// an estimate reported as [`TrainEvent::HostMemory`]. Default: no limit.
    pub fn memory(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.job.run.memory = limit.into();
        self
    }

    /// Starts from the embeddings and the Adam state of an earlier model; new ids start as usual. A resumed run uses
    /// its own checkpoint instead. The lineage of the result names the earlier model, which is dropped before training
    /// begins.
    pub fn warm_start(mut self, start: WarmStart) -> Self {
        self.job.start = Some(start);
        self
    }

    /// Sets how to learn a ranking once the model is trained; with `None`, answers rank by the
    /// embeddings only. Default: the default settings.
    pub fn ranking(mut self, config: impl Into<Option<RankingConfig>>) -> Self {
        self.job.ranking = config.into();
        self
    }

    /// Trains on a whole log with the settings chosen on a part of it: for the number of
    /// epochs of `chosen`, and with its ranking refitted instead of learned. The lineage says so
    /// and has the metrics of `chosen`. The dataset is the same log without held-out parts. The
    /// run's folder is `refit` in the folder of [`folder`](Self::folder).
    pub fn refit(mut self, chosen: &'a Chosen) -> Self {
        self.job.chosen = Some(chosen);
        self
    }

    /// Sets the processes that train together. Each has the same dataset and options, and reads the
    /// run's folder when it resumes. Only rank 0 tells its observer, writes the run's folder, and
    /// learns the ranking. The tables of a linear model on the CPU are split among the ranks by user:
    /// then only rank 0's artifact has tables, the others' are empty, and modules have the rows of a
    /// part of the users. Other results are equal. The same number of ranks gives the same bits,
    /// another number the same result up to rounding, if `accumulate` is set, comes from the
    /// checkpoint, or does not depend on it since the tables are split. Default: this process alone.
    ///
    /// After any error but [`TrainError::RanksDiffer`], end the job with [`Ranks::abort`].
    pub fn ranks(mut self, ranks: Arc<dyn Ranks>) -> Self {
        self.job.ranks = ranks;
        self
    }

    /// Trains.
    ///
    /// # Errors
    /// See [`TrainError`]; [`TrainError::WarmStart`] if the earlier model does not fit;
    /// [`TrainError::RanksDiffer`], on every rank, if one of them would not train the same model. The
    /// last checkpoint is kept.
    pub fn run(mut self) -> Result<Trained, TrainError> {
        self.job.config.check()?;
        if self.job.ranks.rank() > 0 {
            self.job.observer = None;
        }
        let found = find(self.job.device, &mut |kind, reason| {
            let reason = &reason.cause();
            if let Some(observer) = self.job.observer.as_deref_mut() {
                observer.on_event(&TrainEvent::PassedOver { kind, reason });
            }
        })?;
        let loss = (self.loss)(&self.job.config);
        let (model, job) = (self.model, self.job);
        on_device!(found, |B, device, name| {
            let device = &device;
            model.visit(OnBackend::<B, L> {
                loss,
                job,
                device,
                name,
            })
        })
    }
}

impl<M: ModelConfig, L: Loss> Trainer<'_, M, L> {
    /// Trains on any backend and also returns the module. Ignores [`device`](Self::device).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_on<B: GradientBackend>(
        self,
        device: &B::Device,
    ) -> Result<(Trained, M::Module<B>), TrainError> {
        let loss = (self.loss)(&self.job.config);
        let name = B::name(device);
        let device = (device, &*name);
        train_on::<B, M, L, _>(&self.model, &loss, self.job, device, identity)
    }
}

/// Trains the visited model on one backend.
struct OnBackend<'j, 'a, B: Backend, L> {
    loss: L,
    job: Job<'a>,
    device: &'j B::Device,
    name: String,
}

impl<B: GradientBackend, L: Loss> ModelVisitor for OnBackend<'_, '_, B, L> {
    type Output = Result<Trained, TrainError>;

    fn visit<M: ModelConfig>(self, model: &M) -> Self::Output {
        let device = (self.device, &*self.name);
        let (trained, ()) = train_on::<B, M, L, _>(model, &self.loss, self.job, device, drop)?;
        Ok(trained)
    }
}

/// Trains on one backend; `keep` gets the module before the ranking is learned.
fn train_on<B: GradientBackend, M: ModelConfig, L: Loss, K>(
    model: &M,
    loss: &L,
    job: Job<'_>,
    (device, device_name): (&B::Device, &str),
    keep: impl FnOnce(M::Module<B>) -> K,
) -> Result<(Trained, K), TrainError> {
    let mut silent = Silent;
    let observer: &mut dyn Observer = match job.observer {
        Some(observer) if job.ranks.rank() == 0 => observer,
        _ => &mut silent,
    };
    let mut config = job.config;
    let dataset = config.weights.apply(job.dataset)?;
    let dataset: &Dataset = &dataset;
    let model = &model
        .clone()
        .with_behaviors(&behaviors(dataset))
        .with_relations(dataset.knowledge.relations());
    model.check()?;
    if let Some(chosen) = job.chosen {
        config.epochs = chosen.epochs.max(1);
    }
    let requests = model.graphs();
    let graph = graph(dataset, &requests)?;
    let sequences = match model.sequence_length() {
        Some(most) => Some(sequences_of::<M>(dataset, most)?),
        None => None,
    };
    if let Some(chosen) = job.chosen {
        config.accumulate = config.accumulate.or(chosen.accumulate);
    } else {
        config.accumulate = config.accumulate.or(job.run.batches_so_far());
    }
    let splits = splits_tables::<B, M, L>(model, &config, loss, &*job.ranks);
    // Pairs that need no whole batch are shared within it.
    let least = match splits || is_shared_by_pair(loss) {
        true => 1,
        false => job.ranks.size(),
    };
    let batches = least..=most_batches::<B, M, L>(model, &config, loss);
    let n_pairs = dataset.split.train.interactions().n_pairs();
    let config = config
        .sized(graph.nodes().total(), n_pairs, batches)
        .check()?;
    let description = describe(model)?;
    let mut lineage = lineage(dataset, &description, &config, loss)?;
    if let Some(start) = &job.start {
        start.check::<M>(&description)?;
        start.describe(&mut lineage)?;
    }
    if job.chosen.is_some() {
        lineage.options.insert(REFIT.to_owned(), "true".to_owned());
    }
    let (ranking, chosen, start, mut run) = (job.ranking, job.chosen, job.start, job.run);
    let ranks = &job.ranks;
    if let Some(folder) = run.folder.as_mut().filter(|_| chosen.is_some()) {
        folder.push(REFIT);
        run.resume &= Checkpoint::of_any_run(folder).exists();
    }
    let offsets = dataset.split.train.interactions().offsets();
    let shards = splits.then(|| Arc::new(Shards::new(ranks, offsets)));
    let adjacencies = requests.iter().map(|request| match &shards {
        Some(shards) => graph.adjacency_of_users(request, shards.users()),
        None => graph.adjacency(request),
    });
    let adjacencies = adjacencies.collect::<Result<Vec<_>, _>>()?;
    let nodes = graph.nodes().clone();
    drop(graph);
    let nodes = match &shards {
        Some(shards) => nodes.of_users(shards.users()),
        None => nodes,
    };
    let job = FitJob {
        dataset,
        adjacencies: &adjacencies,
        sequences: sequences.as_ref(),
        nodes: &nodes,
        config: &config,
        loss,
        run: &run,
        ranks,
        shards: shards.as_ref(),
        model_name: M::NAME,
        device_name,
        lineage: &lineage,
    };
    ranks::check(&**ranks, &job, &ranking)?;
    memory::check::<B::InnerBackend, L>(&model.footprint(), &job, device, observer)?;
    let build = || transfer::build::<B, M, L>(model, start, &job, device);
    let context = StepContext::at_start(device_name);
    let (module, adam) = context.guard::<B::InnerBackend, _>(build)??;
    let fitted = fit_from(module, adam, &job, device, observer)?;
    let mut trained = finish::<B, M, L>(&fitted, model, description, &job)?;
    let Fitted {
        model: module,
        graphs,
        reason,
        ..
    } = fitted;
    // The ranking needs much memory itself.
    drop((graphs, adjacencies, sequences));
    let kept = keep(module);
    B::InnerBackend::release_buffers();
    match (chosen, ranking) {
        _ if ranks.rank() > 0 => {}
        (Some(chosen), _) => trained.take_over(chosen, dataset)?,
        (None, Some(config)) if reason != EndReason::Interrupted => {
            trained.learn_ranking(dataset, &config)?;
        }
        _ => {}
    }
    Ok((trained, kept))
}

/// Users' latest items in order of time.
fn sequences_of<M: ModelConfig>(dataset: &Dataset, most: usize) -> Result<Sequences, TrainError> {
    let sequences = sequences(dataset.split.train.interactions(), most);
    sequences.ok_or(TrainError::NoTimes { model: M::NAME })
}

/// How many batches a step may have: several if the host computes the steps of a linear model.
fn most_batches<B: GradientBackend, M: ModelConfig, L: Loss>(
    model: &M,
    config: &TrainConfig,
    loss: &L,
) -> usize {
    match steps_on_host::<B, M, L>(model, config, loss) && config.l2 == 0.0 {
        true => MOST_ACCUMULATED,
        false => 1,
    }
}

/// Whether the host computes the steps of a linear model.
fn steps_on_host<B: GradientBackend, M: ModelConfig, L: Loss>(
    model: &M,
    config: &TrainConfig,
    loss: &L,
) -> bool {
    let fused = config.fused && !model.footprint().keeps_layers && loss.fused().is_some();
    let host = !<B::InnerBackend as TrainingBackend>::runs_steps_on_device();
    fused && host && config.workers == 1
}

/// Whether ranks split tables and graphs by user. A graph must be made of pairs alone; sums over ranks
/// are in 32 bits.
fn splits_tables<B: GradientBackend, M: ModelConfig, L: Loss>(
    model: &M,
    config: &TrainConfig,
    loss: &L,
    ranks: &dyn Ranks,
) -> bool {
    let on_host = steps_on_host::<B, M, L>(model, config, loss) && !config.bf16_layers;
    let plain = matches!(&model.graphs()[..], [graph] if graph.is_plain());
    ranks.size() > 1 && on_host && plain
}

/// The names of the behaviors that a multi-behavior model may use.
fn behaviors(dataset: &Dataset) -> Vec<String> {
    let stages = behavior_stages(&dataset.behaviors, dataset.split.train.interactions());
    let table = dataset.behaviors.behaviors();
    stages.into_iter().map(|n| table[n].name.clone()).collect()
}

/// The training graph with the attributes and relations that the requests select.
fn graph(dataset: &Dataset, requests: &[AdjacencyRequest]) -> Result<TrainGraph, TrainError> {
    let graph = TrainGraph::new(&dataset.split.train, &GraphOptions::default())?;
    let attributes = requests.iter().flat_map(AdjacencyRequest::attributes);
    let graph = graph.with_attributes(&dataset.catalogue, attributes)?;
    let relations = requests.iter().flat_map(AdjacencyRequest::relations);
    Ok(graph.with_knowledge(&dataset.knowledge, relations)?)
}

/// A model's config as JSON, with its name.
fn describe<M: ModelConfig>(model: &M) -> Result<Value, TrainError> {
    let mut value = serde_json::to_value(model).map_err(TrainError::unwritable)?;
    value["name"] = M::NAME.into();
    Ok(value)
}

/// The dataset's lineage with every option of the model and of its training.
fn lineage(
    dataset: &Dataset,
    model: &Value,
    config: &ValidTrainConfig,
    loss: &impl Loss,
) -> Result<Lineage, TrainError> {
    let mut lineage = dataset.lineage.clone();
    lineage.version = env!("CARGO_PKG_VERSION").to_owned();
    lineage.seed = config.seed;
    let mut train = serde_json::to_value(&**config).map_err(TrainError::unwritable)?;
    train["loss"] = serde_json::to_value(loss).map_err(TrainError::unwritable)?;
    for (part, value) in [("model", model), ("train", &train)] {
        for (key, value) in value.as_object().into_iter().flatten() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            lineage.options.insert(format!("{part}.{key}"), text);
        }
    }
    Ok(lineage)
}
