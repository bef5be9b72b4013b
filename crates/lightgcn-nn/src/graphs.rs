//! The graphs that a model propagates over.

use burn::module::Module;
use burn::tensor::backend::Backend;
use lightgcn_kernels::SparseMatrix;
use std::sync::{Arc, OnceLock};

use crate::relations::Relations;
use crate::sequences::Sequences;

/// The adjacencies that a model requested, in the order of
/// [`ModelConfig::graphs`](crate::ModelConfig::graphs). A module without parameters, so `valid()`
/// gives the same graphs on the backend without gradients.
#[derive(Module, Debug)]
pub struct Graphs<B: Backend> {
    graphs: Vec<SparseMatrix<B>>,
    /// Made when a model first asks for it.
    #[module(skip)]
    relations: Arc<OnceLock<Relations>>,
    #[module(skip)]
    sequences: Option<Arc<Sequences>>,
}

impl<B: Backend> Graphs<B> {
    /// Graphs in the order of the request.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn new(graphs: Vec<SparseMatrix<B>>) -> Self {
        assert!(!graphs.is_empty(), "Graphs::new: a model needs a graph");
        Self {
            graphs,
            relations: Arc::default(),
            sequences: None,
        }
    }

    /// The same graphs with users' items in order of time, for models that ask for them by
    /// [`ModelConfig::sequence_length`](crate::ModelConfig::sequence_length).
    #[must_use]
    pub fn with_sequences(self, sequences: Sequences) -> Self {
        let sequences = Some(Arc::new(sequences));
        Self { sequences, ..self }
    }

    /// Users' items in order of time, if the model asked for them.
    #[must_use]
    pub fn sequences(&self) -> Option<&Sequences> {
        self.sequences.as_deref()
    }

    /// The edges of all graphs, followed both ways.
    pub(crate) fn relations(&self) -> &Relations {
        self.relations.get_or_init(|| Relations::new(&self.graphs))
    }

    /// The first graph: the only one of most models.
    #[must_use]
    pub fn first(&self) -> &SparseMatrix<B> {
        &self.graphs[0]
    }

    /// All graphs.
    #[must_use]
    pub fn all(&self) -> &[SparseMatrix<B>] {
        &self.graphs
    }
}

impl<B: Backend> From<SparseMatrix<B>> for Graphs<B> {
    fn from(graph: SparseMatrix<B>) -> Self {
        Self::new(vec![graph])
    }
}
