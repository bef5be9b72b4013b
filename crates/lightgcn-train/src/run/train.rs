//! From a dataset to an artifact, in one call.

use crate::engine::backends::{find, on_device};
use crate::engine::device_faults::Standing;
use crate::engine::host_tables::host_tables;
use crate::run::fit::{FitJob, RunOptions, fit_from};
use crate::run::memory;
use crate::run::record::EndReason;
use crate::run::warm_start::WarmStart;
use crate::spec::Build;
use crate::{Device, Fitted, ModelSpec, Observer, Silent, TrainConfig, TrainError, TrainEvent};
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use lightgcn_core::{Dataset, Lineage};
use lightgcn_graph::{GraphOptions, TrainGraph};
use lightgcn_kernels::{SparseBackend, SparseMatrix, TrainingBackend};
use lightgcn_loss::Loss;
use lightgcn_nn::EmbeddingModel;
use lightgcn_recommend::{Evaluation, figures};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};

/// A trained model, ready to be saved and to answer.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Everything that answers need.
    pub artifact: Artifact,
    /// The evaluation of the kept epoch on the validation part; none where that part is empty.
    pub validation: Option<Evaluation>,
    /// The epoch whose model was kept, from 1; 0 where none was completed.
    pub best_epoch: u32,
    /// Why training ended.
    pub reason: EndReason,
    /// What it was trained on.
    pub device: String,
}

/// Trains a model on a dataset without showing progress or keeping checkpoints.
///
/// # Errors
/// See [`TrainError`].
pub fn train(
    dataset: &Dataset,
    model: &ModelSpec,
    config: &TrainConfig,
    device: Device,
) -> Result<Trained, TrainError> {
    train_with(
        dataset,
        model,
        config,
        device,
        &RunOptions::default(),
        &mut Silent,
    )
}

/// Trains a model on a dataset, with checkpoints and a record of the run where `run` names a
/// folder, telling `observer` what happens.
///
/// # Errors
/// See [`TrainError`]. The last good checkpoint stays untouched.
pub fn train_with(
    dataset: &Dataset,
    model: &ModelSpec,
    config: &TrainConfig,
    device: Device,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    run_training(dataset, model, config, device, run, None, observer)
}

/// Trains as [`train_with`], from the embeddings and the state of Adam of an earlier model for the ids
/// that it knew; new ids begin as usual.
///
/// With [`RunOptions::resume`] the run's own checkpoint goes before the earlier model. The lineage of
/// the result names the earlier model.
///
/// # Errors
/// See [`TrainError`]; [`TrainError::WarmStart`] where the earlier model does not fit.
pub fn train_from(
    dataset: &Dataset,
    model: &ModelSpec,
    config: &TrainConfig,
    device: Device,
    run: &RunOptions,
    start: &WarmStart,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    start.check(model)?;
    run_training(dataset, model, config, device, run, Some(start), observer)
}

fn run_training(
    dataset: &Dataset,
    model: &ModelSpec,
    config: &TrainConfig,
    device: Device,
    run: &RunOptions,
    start: Option<&WarmStart>,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    let config = config.check()?;
    let options = GraphOptions {
        edge_weights: model.edge_weights(),
    };
    let graph = TrainGraph::new(&dataset.split.train, &options)?;
    let adjacency = graph.adjacency(&model.normalization().into())?;
    let mut lineage = lineage(dataset, model, &config)?;
    if let Some(start) = start {
        start.describe(&mut lineage)?;
    }
    let found = find(device, &mut |kind, reason| {
        let reason = reason.cause();
        observer.on_event(&TrainEvent::PassedOver {
            kind,
            reason: &reason,
        });
    })?;
    on_device!(found, |B, device, device_name| {
        let job = FitJob {
            dataset,
            adjacency: &adjacency,
            config: &config,
            loss: &config.loss,
            run,
            model_name: model.name(),
            device_name: &device_name,
            lineage: &lineage,
        };
        match model {
            ModelSpec::LightGcn(spec) => {
                train_module::<B, _, _>(spec, model, &job, start, &device, observer)
            }
            ModelSpec::LightGcnPlusPlus(spec) => {
                train_module::<B, _, _>(spec, model, &job, start, &device, observer)
            }
            ModelSpec::Ngcf(spec) => {
                train_module::<B, _, _>(spec, model, &job, start, &device, observer)
            }
            ModelSpec::MatrixFactorization(spec) => {
                train_module::<B, _, _>(spec, model, &job, start, &device, observer)
            }
        }
    })
}

fn train_module<B, S, L>(
    build: &S,
    spec: &ModelSpec,
    job: &FitJob<'_, L>,
    start: Option<&WarmStart>,
    device: &B::Device,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError>
where
    B: AutodiffBackend + SparseBackend,
    B::InnerBackend: TrainingBackend,
    S: Build<B>,
    S::Module: EmbeddingModel<B> + AutodiffModule<B>,
    <S::Module as AutodiffModule<B>>::InnerModule: EmbeddingModel<B::InnerBackend>,
    L: Loss,
{
    memory::check::<B::InnerBackend, L>(spec, job, device, observer)?;
    let train = job.dataset.split.train.interactions();
    let build = || {
        let module = build.build(train.n_users(), train.n_items(), job.config.seed, device)?;
        match start {
            Some(start) if !job.run.resume => start.apply::<B, S, L>(module, build, job, device),
            _ => Ok((module, None)),
        }
    };
    let standing = Standing::at_start(job.device_name);
    let (module, adam) = standing.guard::<B::InnerBackend, _>(build)??;
    let fitted = fit_from(module, adam, job, device, observer)?;
    finish(fitted, spec, job, device)
}

/// The dataset's lineage with every option of the model and of its training.
fn lineage(
    dataset: &Dataset,
    model: &ModelSpec,
    config: &TrainConfig,
) -> Result<Lineage, TrainError> {
    let mut lineage = dataset.lineage.clone();
    lineage.version = env!("CARGO_PKG_VERSION").to_owned();
    lineage.seed = config.seed;
    for (part, value) in [
        ("model", serde_json::to_value(model)),
        ("train", serde_json::to_value(config)),
    ] {
        let value = value.map_err(|error| TrainError::Config {
            faults: vec![format!(
                "the {part} options cannot be written as JSON: {error}"
            )],
        })?;
        for (key, value) in value.as_object().into_iter().flatten() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            lineage.options.insert(format!("{part}.{key}"), text);
        }
    }
    Ok(lineage)
}

fn finish<B, M, L>(
    fitted: Fitted<M>,
    spec: &ModelSpec,
    job: &FitJob<'_, L>,
    device: &B::Device,
) -> Result<Trained, TrainError>
where
    B: AutodiffBackend + SparseBackend,
    B::InnerBackend: TrainingBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    M::InnerModule: EmbeddingModel<B::InnerBackend>,
{
    let model = fitted.model.valid();
    let standing = Standing {
        device: job.device_name,
        epoch: fitted.best_epoch,
        batch: 0,
    };
    let upload = || SparseMatrix::<B::InnerBackend>::from_graph(job.adjacency, device);
    let graph = standing.guard::<B::InnerBackend, _>(upload)??;
    let tables = host_tables(&model, &graph, standing)?;
    let dataset = job.dataset;
    let train = dataset.split.train.interactions();
    let n_nodes = train.n_users() + train.n_items();
    let mut lineage = job.lineage.clone();
    lineage
        .figures
        .insert("best epoch".to_owned(), f64::from(fitted.best_epoch));
    if let Some(evaluation) = &fitted.validation {
        for (name, value) in figures(evaluation)? {
            lineage.figures.insert(format!("validation {name}"), value);
        }
    }
    let json = |error: serde_json::Error| TrainError::Config {
        faults: vec![error.to_string()],
    };
    let artifact = Artifact {
        model: ModelDescription {
            name: spec.name().to_owned(),
            dimension: tables.layer0.len() / n_nodes,
            n_layers: spec.n_layers(),
            layer_weights: model.linear_layer_weights(),
            normalization: spec.normalization(),
            edge_weights: spec.edge_weights(),
            config: serde_json::to_value(spec).map_err(json)?,
        },
        layer0: EmbeddingTable::new(n_nodes, tables.layer0.len() / n_nodes, tables.layer0)?,
        embeddings: EmbeddingTable::new(n_nodes, model.output_dimension(), tables.embeddings)?,
        popularity: popularity_of(train),
        train: train.clone(),
        users: dataset.users.clone(),
        items: dataset.items.clone(),
        catalogue: dataset.catalogue.clone(),
        behaviors: dataset.behaviors.config().clone(),
        lineage,
    };
    Ok(Trained {
        artifact,
        validation: fitted.validation,
        best_epoch: fitted.best_epoch,
        reason: fitted.reason,
        device: job.device_name.to_owned(),
    })
}
