//! The attention of a fitted model, as its artifact keeps it.

use crate::TrainError;
use crate::engine::step::StepContext;
use lightgcn_core::{Dataset, Rows};
use lightgcn_graph::{ItemAttribute, NodeCounts};
use lightgcn_kernels::TrainingBackend;
use lightgcn_nn::{EdgeAttention, EmbeddingModel, Graphs};
use lightgcn_store::{AttentionEdge, StoreError, StoredAttention};

/// What the nodes of a model take of each other, if it has attention.
pub(crate) fn stored<B: TrainingBackend, M: EmbeddingModel<B>>(
    model: &M,
    graphs: &Graphs<B>,
    dataset: &Dataset,
    context: StepContext<'_>,
) -> Result<Option<StoredAttention>, TrainError> {
    let attention = context.guard::<B, _>(|| model.edge_attention(graphs))?;
    let Some(attention) = attention else {
        return Ok(None);
    };
    let EdgeAttention {
        offsets,
        tails,
        relations,
        weights,
    } = attention;
    let edges = tails.into_iter().zip(relations).zip(weights);
    let edges = edges.map(|((tail, relation), weight)| AttentionEdge {
        tail,
        relation,
        weight,
    });
    let edges = Rows::from_parts(offsets, edges.collect());
    let edges = edges.map_err(|error| StoreError::Inconsistent {
        what: "attention".to_owned(),
        issues: vec![error.to_string()],
    })?;
    let further = model.nodes().further().iter();
    let names = further.flat_map(|(kind, count)| names(kind, *count, dataset));
    Ok(Some(StoredAttention {
        edges,
        names: names.collect(),
    }))
}

/// The names of the nodes of a kind: entities, or the values of an attribute.
fn names(kind: &str, count: usize, dataset: &Dataset) -> Vec<String> {
    let known: Vec<String> = match kind.parse::<ItemAttribute>() {
        _ if kind == NodeCounts::ENTITY => {
            let entities = dataset.knowledge.entities().iter();
            entities.map(str::to_owned).collect()
        }
        Ok(attribute) => {
            let columns = attribute.columns(&dataset.catalogue);
            let labels = columns.iter().flat_map(|column| column.labels());
            labels.cloned().collect()
        }
        Err(_) => Vec::new(),
    };
    match known.len() == count {
        true => known,
        false => (0..count).map(|n| format!("{kind} {n}")).collect(),
    }
}
