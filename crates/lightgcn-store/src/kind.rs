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
    /// A trained model with all that its answers need: [`Artifact`](crate::Artifact).
    pub(crate) const ARTIFACT: Self = Self {
        format: "lightgcn-artifact",
        version: 1,
    };

    /// A prepared dataset: [`save_dataset`](crate::save_dataset).
    pub(crate) const DATASET: Self = Self {
        format: "lightgcn-dataset",
        version: 1,
    };
}
