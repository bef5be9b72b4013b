//! Reading a model's tables back from its device.

use crate::TrainError;
use burn::tensor::Tensor;
use lightgcn_kernels::{GraphBackend, SparseMatrix};
use lightgcn_nn::{EmbeddingModel, ForwardMode};

/// A model's two tables on the host.
pub(crate) struct HostTables {
    /// `[n_nodes, dimension]`.
    pub(crate) layer0: Vec<f32>,
    /// `[n_nodes, output_dimension]`.
    pub(crate) embeddings: Vec<f32>,
}

/// Reads a model's layer-0 and final embeddings, and refuses what is not finite.
pub(crate) fn host_tables<B: GraphBackend, M: EmbeddingModel<B>>(
    model: &M,
    graph: &SparseMatrix<B>,
    epoch: u32,
) -> Result<HostTables, TrainError> {
    let read = |tensor: Tensor<B, 2>| {
        let data = tensor.into_data().convert::<f32>();
        data.into_vec::<f32>()
            .unwrap_or_else(|error| panic!("a float table is not f32: {error:?}"))
    };
    let embeddings = read(model.embeddings(graph, ForwardMode::Inference));
    let layer0 = read(model.layer0());
    if embeddings.iter().chain(&layer0).any(|x| !x.is_finite()) {
        return Err(TrainError::NonFiniteEmbedding { epoch });
    }
    Ok(HostTables { layer0, embeddings })
}
