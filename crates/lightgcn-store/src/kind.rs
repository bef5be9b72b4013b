//! What a folder holds.

/// The kind of a folder on disk: the name of its format and the version of that format which this
/// program writes. It reads that version and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The name of the format, such as `lightgcn-artifact`.
    pub(crate) format: &'static str,
    /// The format version that is written, from 1.
    pub(crate) version: u32,
}

impl Kind {
    /// A trained model with all that its answers need: [`Artifact`](crate::Artifact). Version 2 keeps
    /// the final embeddings in 16 bits; in 32 bits an artifact has version 1, so that it is written and
    /// read as before.
    pub(crate) const ARTIFACT: Self = Self {
        format: "lightgcn-artifact",
        version: 2,
    };

    /// A prepared dataset: [`save_dataset`](crate::save_dataset).
    pub(crate) const DATASET: Self = Self {
        format: "lightgcn-dataset",
        version: 1,
    };

    /// The same kind in the given version of its format.
    pub(crate) fn at(self, version: u32) -> Self {
        Self { version, ..self }
    }
}
