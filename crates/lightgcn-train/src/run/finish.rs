//! Puts a fitted model into an artifact.

use crate::engine::host_tables::{HostTables, host_tables};
use crate::engine::step::StepContext;
use crate::run::attention;
use crate::run::fit::Fitted;
use crate::run::job::FitJob;
use crate::run::warm_start::ENDED;
use crate::{TrainError, Trained};
use burn::module::AutodiffModule;
use lightgcn_core::Lineage;
use lightgcn_graph::AdjacencyRequest;
use lightgcn_nn::{EmbeddingModel, GradientBackend, ModelConfig};
use lightgcn_recommend::{Evaluation, figures};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use serde_json::Value;

/// The artifact of a fitted model.
pub(crate) fn finish<B: GradientBackend, M: ModelConfig, L>(
    fitted: &Fitted<B, M::Module<B>>,
    config: &M,
    description: Value,
    job: &FitJob<'_, L>,
) -> Result<Trained, TrainError> {
    let model = fitted.model.valid();
    let context = StepContext {
        epoch: fitted.best_epoch,
        ..StepContext::at_start(job.device_name)
    };
    let HostTables { layer0, embeddings } =
        host_tables(&model, &fitted.graphs, job.shards, context)?;
    let n_rows = model.n_users() + model.n_items();
    let table = |elements: Vec<f32>| {
        let width = elements.len() / n_rows;
        let elements = match job.shards {
            // Only rank 0 has whole tables.
            Some(shards) => shards.gather(&elements, width).unwrap_or_default(),
            None => elements,
        };
        EmbeddingTable::new(elements.len() / width, width, elements)
    };
    let layer0 = table(layer0)?;
    let dataset = job.dataset;
    let train = dataset.split.train.interactions();
    let mut lineage = with_figures(job.lineage, fitted.best_epoch, fitted.validation.as_ref())?;
    if fitted.reason.is_early() {
        let reason = serde_json::to_value(fitted.reason).map_err(TrainError::unwritable)?;
        let reason = reason.as_str().unwrap_or_default().to_owned();
        lineage.options.insert(ENDED.to_owned(), reason);
    }
    let graphs = config.graphs();
    let artifact = Artifact {
        model: ModelDescription {
            name: M::NAME.to_owned(),
            dimension: layer0.dimension(),
            n_layers: config.footprint().layers,
            // Paths through other kinds of nodes do not exist in an artifact's pairs.
            layer_weights: model.linear_layer_weights().filter(|weights| {
                weights.len() == 1 || graphs.iter().all(AdjacencyRequest::is_plain)
            }),
            graphs,
            further_nodes: Vec::new(),
            config: description,
        },
        layer0,
        embeddings: table(embeddings)?,
        popularity: popularity_of(train),
        ranking: None,
        attention: attention::stored(&model, &fitted.graphs, dataset, context)?,
        train: train.clone(),
        users: dataset.users.clone(),
        items: dataset.items.clone(),
        catalogue: dataset.catalogue.clone(),
        behaviors: dataset.behaviors.config().clone(),
        lineage,
    };
    Ok(Trained {
        artifact,
        validation: fitted.validation.clone(),
        best_epoch: fitted.best_epoch,
        reason: fitted.reason,
        device: job.device_name.to_owned(),
    })
}

/// The lineage with the metrics of training.
fn with_figures(
    lineage: &Lineage,
    best_epoch: u32,
    validation: Option<&Evaluation>,
) -> Result<Lineage, TrainError> {
    let mut lineage = lineage.clone();
    let best_epoch = ("best epoch".to_owned(), f64::from(best_epoch));
    lineage.figures.extend([best_epoch]);
    for (name, value) in validation.map(figures).transpose()?.into_iter().flatten() {
        lineage.figures.insert(format!("validation {name}"), value);
    }
    Ok(lineage)
}
