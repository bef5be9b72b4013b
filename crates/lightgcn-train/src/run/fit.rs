//! The training loop.

use crate::engine::batches;
use crate::engine::choose::{self, ModelEngine};
use crate::engine::clip::clip_by_norm;
use crate::engine::host_tables::host_embeddings;
use crate::engine::losses::PendingLosses;
use crate::engine::ranked::Ranked;
use crate::engine::setup::EngineSetup;
use crate::engine::step::{Shard, StepContext};
use crate::engine::thresholds::thresholds;
use crate::ranks::{self, SharedRanker, Traffic};
use crate::run::checkpoint::{Checkpoint, LoopState, Saved};
use crate::run::job::FitJob;
use crate::run::parts::{Adam, AdamRecord};
use crate::run::record::{RunWriter, unix_time};
use crate::run::schedule::LearningRate;
use crate::{EndReason, EpochRecord, Observer, RunLine, TrainConfig, TrainError, TrainEvent};
use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::tensor::backend::AutodiffBackend;
use lightgcn_kernels::optim::FusedAdamConfig;
use lightgcn_kernels::{KernelError, SparseMatrix};
use lightgcn_loss::{Loss, TableRows};
use lightgcn_nn::{EmbeddingModel, GradientBackend, Graphs};
use lightgcn_recommend::{
    EmbeddingRanker, Evaluation, EvaluationOptions, evaluate_validation, figures,
};
use lightgcn_sample::{BatchSampler, EpochBatches};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A trained model.
pub(crate) struct Fitted<B: AutodiffBackend, M> {
    /// The model of the best validated epoch, or of the last one if nothing was validated.
    pub(crate) model: M,
    /// The graphs on its device.
    pub(crate) graphs: Graphs<B::InnerBackend>,
    /// That epoch, from 1; 0 if no epoch was completed.
    pub(crate) best_epoch: u32,
    /// Its evaluation on the validation part; `None` if that part is empty.
    pub(crate) validation: Option<Evaluation>,
    /// Why training ended.
    pub(crate) reason: EndReason,
}

/// Trains a burn module with Adam, from the Adam state of an earlier model if there is one. A resumed run has its
/// own.
///
/// # Panics
/// If the model's nodes differ from the data's.
pub(crate) fn fit_from<B, M, L>(
    model: M,
    adam: Option<AdamRecord<B, M>>,
    job: &FitJob<'_, L>,
    device: &B::Device,
    observer: &mut dyn Observer,
) -> Result<Fitted<B, M>, TrainError>
where
    B: GradientBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    M::InnerModule: EmbeddingModel<B::InnerBackend>,
    L: Loss,
{
    job.loss.check()?;
    let train = job.dataset.split.train.interactions();
    assert!(
        model.nodes() == job.nodes,
        "fit: the model has the nodes {:?}, the data {:?}",
        model.nodes(),
        job.nodes
    );
    let sampler = Arc::new(batches::sampler(&job.dataset.split.train, job.config)?);
    let mut optimizer = FusedAdamConfig::new().init::<B, M>();
    if let Some(record) = adam {
        optimizer = optimizer.load_record(record);
    }
    let checkpoint = job.checkpoint()?;
    let start = StepContext::at_start(job.device_name);
    let (model, optimizer, best, state, thresholds) = match &checkpoint {
        Some(checkpoint) if job.run.resume => {
            let load = || checkpoint.load::<B, M>(model, optimizer, device);
            let r = start.guard::<B::InnerBackend, _>(load)??;
            let thresholds =
                checkpoint.thresholds(r.thresholds, &job.loss.needs(), train.n_users())?;
            (r.model, r.optimizer, r.best, r.state, thresholds)
        }
        _ => (model, optimizer, None, LoopState::default(), Vec::new()),
    };
    let rate = LearningRate::new(job.config, sampler.n_batches(), state.steps)?;
    let context = StepContext {
        epoch: state.epoch + 1,
        batch: state.next_batch,
        ..start
    };
    let upload = || {
        let graphs = job.adjacencies.iter();
        graphs
            .map(|graph| SparseMatrix::<B>::from_graph(graph, device))
            .collect()
    };
    let graphs: Result<_, KernelError> = context.guard::<B::InnerBackend, _>(upload)?;
    let graphs = match job.sequences {
        Some(sequences) => Graphs::new(graphs?).with_sequences(sequences.clone()),
        None => Graphs::new(graphs?),
    };
    let setup = EngineSetup {
        config: job.config,
        loss: job.loss,
        sampler: &sampler,
        adjacencies: job.adjacencies,
        graphs: &graphs,
        shards: job.shards,
    };
    let engine = || choose::engine(&model, &setup);
    let engine = context.guard::<B::InnerBackend, _>(engine)??;
    let ranked = match job.shards {
        Some(_) => None,
        None => Ranked::new(job.ranks, job.config, job.loss)?,
    };
    let graphs = graphs.valid();
    let folder = job.run.folder.as_deref().filter(|_| job.ranks.rank() == 0);
    let record = RunWriter::open(folder, job.run.resume)?;
    let training = Training {
        job,
        observer,
        sampler,
        graphs,
        engine,
        ranked,
        optimizer,
        best,
        state,
        thresholds,
        rate,
        checkpoint,
        record,
        losses: PendingLosses::new(),
    };
    training.run(model)
}

struct Training<'a, B: GradientBackend, M: AutodiffModule<B>, L> {
    job: &'a FitJob<'a, L>,
    observer: &'a mut dyn Observer,
    sampler: Arc<BatchSampler>,
    graphs: Graphs<B::InnerBackend>,
    engine: Box<ModelEngine<B, M>>,
    /// Shares the steps with other ranks, if there are any and all have whole tables.
    ranked: Option<Ranked>,
    optimizer: Adam<B, M>,
    best: Option<M>,
    state: LoopState,
    /// Each user's threshold of SL@K; empty with other losses.
    thresholds: Vec<f32>,
    rate: LearningRate,
    checkpoint: Option<Checkpoint>,
    record: RunWriter,
    losses: PendingLosses<B::InnerBackend>,
}

impl<'a, B, M, L> Training<'a, B, M, L>
where
    B: GradientBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    M::InnerModule: EmbeddingModel<B::InnerBackend>,
    L: Loss,
{
    fn run(mut self, model: M) -> Result<Fitted<B, M>, TrainError> {
        self.record.write(&RunLine::Start {
            unix_time: unix_time(),
            from_epoch: self.state.epoch + 1,
            device: self.job.device_name.to_owned(),
            threads: rayon::current_num_threads(),
            lineage: self.job.lineage.clone(),
        })?;
        self.observer.on_event(&TrainEvent::Started {
            model: self.job.model_name,
            device: self.job.device_name,
            epochs: self.job.config.epochs,
            done: self.state.epoch,
            n_batches: self.sampler.n_batches(),
            skipped_users: self.sampler.skipped_users(),
        });
        let (model, reason) = self.train(model)?;
        let traffic = match (&self.ranked, self.job.shards) {
            (Some(ranked), _) => ranked.traffic(),
            (None, Some(shards)) => shards.traffic(),
            (None, None) => Traffic::default(),
        };
        traffic.report(&**self.job.ranks);
        let best_epoch = self.state.best.map_or(self.state.epoch, |(epoch, _)| epoch);
        self.record.write(&RunLine::End {
            unix_time: unix_time(),
            reason,
            best_epoch,
        })?;
        self.observer
            .on_event(&TrainEvent::Ended { reason, best_epoch });
        let validation = match &self.best {
            Some(best) => Some(self.evaluate(best)?),
            None => None,
        };
        let model = self.best.unwrap_or(model);
        Ok(Fitted {
            model,
            graphs: self.graphs,
            best_epoch,
            validation,
            reason,
        })
    }

    /// The model is passed by value so that the optimizer can update it in place.
    fn train(&mut self, mut model: M) -> Result<(M, EndReason), TrainError> {
        let config = self.job.config;
        while self.state.epoch < config.epochs && !self.is_stale() {
            let end;
            (model, end) = self.epoch(model)?;
            let seconds = match end {
                Ok(seconds) => seconds,
                Err(reason) => {
                    self.save(&model)?;
                    return Ok((model, reason));
                }
            };
            self.finish_epoch(&model, seconds)?;
            let ended = self.is_stale() || self.state.epoch == config.epochs;
            let due = config.checkpoint_every > 0
                && self.state.epoch.is_multiple_of(config.checkpoint_every);
            if due || ended {
                self.save(&model)?;
            }
        }
        let early = self.state.epoch < config.epochs;
        let reason = match early {
            true => EndReason::EarlyStopping,
            false => EndReason::Finished,
        };
        Ok((model, reason))
    }

    /// Whether validation has not improved within the configured patience.
    fn is_stale(&self) -> bool {
        let patience = self.job.config.patience();
        patience > 0 && self.state.without_improvement >= patience
    }

    /// Trains the rest of the current epoch. Returns its duration in seconds, or why it was
    /// stopped.
    fn epoch(&mut self, mut model: M) -> Result<(M, Result<f64, EndReason>), TrainError> {
        let start = Instant::now();
        self.update_thresholds(&model)?;
        let first_pairs = self.state.pairs;
        let sampler = Arc::clone(&self.sampler);
        let batches = sampler.epoch(self.state.epoch);
        let context = self.context();
        let begin = || self.engine.begin_epoch(&batches, &self.thresholds);
        context.guard::<B::InnerBackend, _>(begin)?;
        let n_batches = self.sampler.n_batches();
        while self.state.next_batch < n_batches {
            if let Some(reason) = self.job.run.stop.reason_of_all(&**self.job.ranks) {
                self.read_losses()?;
                return Ok((model, Err(reason)));
            }
            model = self.step(model, &batches)?;
            self.state.next_batch += 1;
            if self.losses.is_due() || self.state.next_batch == n_batches {
                self.read_losses()?;
                let seconds = start.elapsed().as_secs_f64().max(1e-9);
                self.observer.on_event(&TrainEvent::Batches {
                    epoch: self.state.epoch + 1,
                    done: self.state.next_batch,
                    loss: self.state.loss_sum / self.state.pairs.max(1) as f64,
                    pairs_per_second: (self.state.pairs - first_pairs) as f64 / seconds,
                });
            }
        }
        Ok((model, Ok(start.elapsed().as_secs_f64())))
    }

    /// Computes the thresholds of SL@K at the start of the epochs in which they are due.
    fn update_thresholds(&mut self, model: &M) -> Result<(), TrainError> {
        let Some(top_k) = self.job.loss.needs().top_k else {
            return Ok(());
        };
        if self.state.next_batch == 0 && top_k.is_due(self.state.epoch) {
            let embeddings = self.embeddings(model, self.completed())?;
            let rows = TableRows::new(model.n_users(), model.n_items());
            let dim = model.output_dimension();
            self.thresholds = thresholds(&embeddings, rows, dim, top_k.k);
        }
        Ok(())
    }

    fn step(&mut self, model: M, batches: &EpochBatches<'_>) -> Result<M, TrainError> {
        let context = StepContext {
            batch: self.state.next_batch + 1,
            ..self.context()
        };
        context.guard::<B::InnerBackend, _>(|| self.step_unguarded(model, batches, context))
    }

    fn step_unguarded(
        &mut self,
        model: M,
        batches: &EpochBatches<'_>,
        context: StepContext<'_>,
    ) -> M {
        let context = StepContext {
            thresholds: &self.thresholds,
            ..context
        };
        let n_batches = self.job.config.batches_of_all_workers();
        let shard = Shard::whole(batches, n_batches, context);
        let step = match (&mut self.ranked, self.job.shards) {
            (Some(ranked), _) => ranked.step(&mut *self.engine, &model, &shard),
            (None, Some(shards)) => shards.step(|| self.engine.step(&model, &shard)),
            (None, None) => self.engine.step(&model, &shard),
        };
        self.losses.push(step.loss, shard.places.len());
        let mut gradients = step.gradient;
        if let Some(limit) = self.job.config.gradient_clipping {
            let shards = self.job.shards.map(|shards| &**shards);
            gradients = clip_by_norm::<B, M>(&model, gradients, limit, shards);
        }
        let rate = self.rate.next();
        self.state.steps += 1;
        self.optimizer.step(rate, model, gradients)
    }

    /// The position between epochs.
    fn completed(&self) -> StepContext<'a> {
        StepContext {
            epoch: self.state.epoch,
            ..self.context()
        }
    }

    /// The position after the last completed batch.
    fn context(&self) -> StepContext<'a> {
        StepContext {
            device: self.job.device_name,
            epoch: self.state.epoch + 1,
            batch: self.state.next_batch,
            steps: self.state.steps,
            thresholds: &[],
        }
    }

    /// Reads the losses back from the device, which also surfaces its errors.
    fn read_losses(&mut self) -> Result<(), TrainError> {
        let shards = self.job.shards.map(|shards| &**shards);
        let read = self.losses.read(self.context(), self.job.config, shards)?;
        self.state.loss_sum += read.sum;
        self.state.pairs += read.pairs;
        Ok(())
    }

    /// Validates if that is due, records the epoch and starts the next one.
    fn finish_epoch(&mut self, model: &M, seconds: f64) -> Result<(), TrainError> {
        let config = self.job.config;
        self.state.epoch += 1;
        let mut record = EpochRecord {
            epoch: self.state.epoch,
            loss: self.state.loss_sum / self.state.pairs.max(1) as f64,
            learning_rate: self.rate.current(),
            pairs: self.state.pairs,
            seconds,
            ..EpochRecord::default()
        };
        let due = self.state.epoch.is_multiple_of(config.validate_every())
            || self.state.epoch == config.epochs;
        if due && !self.job.dataset.split.validation.truth().is_empty() {
            let evaluation = self.evaluate(model)?;
            let value = evaluation.mean(config.metric, config.metric_k)?;
            let best = self.state.best.map(|(_, best)| best);
            record.best = best.is_none_or(|best| value > best);
            let n_pairs = self.job.dataset.split.train.interactions().n_pairs();
            let gain = 1.0 + TrainConfig::least_gain(n_pairs);
            match best.is_none_or(|best| value > best * gain) {
                true => self.state.without_improvement = 0,
                false => self.state.without_improvement += 1,
            }
            if record.best {
                self.state.best = Some((self.state.epoch, value));
                self.best = Some(model.clone());
            }
            record.validation = figures(&evaluation)?;
        }
        self.record.write(&RunLine::Epoch(record.clone()))?;
        let left = f64::from(config.epochs - self.state.epoch) * seconds;
        let left = Duration::from_secs_f64(left);
        let deadline = self.job.run.stop.time_left().unwrap_or(left);
        self.observer.on_event(&TrainEvent::Epoch {
            record: &record,
            time_left: left.min(deadline),
        });
        self.state.next_batch = 0;
        self.state.loss_sum = 0.0;
        self.state.pairs = 0;
        Ok(())
    }

    /// The final embeddings of a model, or of this rank's part of it.
    fn embeddings(&self, model: &M, context: StepContext<'_>) -> Result<Vec<f32>, TrainError> {
        host_embeddings(&model.valid(), &self.graphs, self.job.shards, context)
    }

    fn evaluate(&self, model: &M) -> Result<Evaluation, TrainError> {
        let embeddings = self.embeddings(model, self.completed())?;
        let ranks = &**self.job.ranks;
        let own_users = match self.job.shards {
            Some(_) => model.n_users() * model.output_dimension(),
            None => 0,
        };
        ranks::agree_on_embeddings(ranks, &embeddings[own_users..], self.state.epoch)?;
        let inner = &EmbeddingRanker::from_nodes(
            self.job.model_name,
            embeddings,
            model.n_users(),
            model.output_dimension(),
        )?;
        let shards = self.job.shards.map(|shards| &**shards);
        let ranker = SharedRanker {
            inner,
            ranks,
            shards,
        };
        let split = &self.job.dataset.split;
        let options = EvaluationOptions {
            ks: vec![self.job.config.metric_k],
            ..EvaluationOptions::default()
        };
        Ok(evaluate_validation(
            &ranker,
            &split.train,
            &split.validation,
            &options,
        )?)
    }

    fn save(&mut self, model: &M) -> Result<(), TrainError> {
        let Some(checkpoint) = &self.checkpoint else {
            return Ok(());
        };
        let context = match self.state.next_batch {
            0 => self.completed(),
            _ => self.context(),
        };
        // Do not save numbers that are not finite.
        self.embeddings(model, context)?;
        let is_first = self.job.ranks.rank() == 0;
        if !is_first && self.job.shards.is_none() {
            return Ok(());
        }
        let top_k = self.job.loss.needs().top_k;
        let save = || {
            checkpoint.save::<B, M>(&Saved {
                model,
                optimizer: &self.optimizer,
                best: self.best.as_ref(),
                state: &self.state,
                thresholds: top_k.map(|_| &self.thresholds[..]),
            })
        };
        context.guard::<B::InnerBackend, _>(save)??;
        self.observer.on_event(&TrainEvent::Checkpoint {
            epoch: self.state.epoch,
        });
        Ok(())
    }
}
