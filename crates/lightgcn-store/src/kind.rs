//! The kinds of folders.

/// The kind of a folder on disk: the name of its format and the version of that format which this
/// program writes. It reads that version and all earlier ones. Optional content, such as a ranking
/// or the titles of a catalogue, does not need a new version: it is written only if present, so
/// folders without it keep their bytes, and a program that does not know it rejects it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The name of the format, such as `lightgcn-artifact`.
    pub(crate) format: &'static str,
    /// The format version that is written, from 1.
    pub(crate) version: u32,
    /// The first version with today's file names.
    pub(crate) renamed_in: u32,
}

impl Kind {
    /// A trained model with everything that its answers need: [`Artifact`](crate::Artifact).
    /// Version 1 has final embeddings in 32 bits, version 2 in 16 bits, version 3 in either;
    /// versions 1 and 2 support only one graph.
    pub(crate) const ARTIFACT: Self = Self {
        format: "lightgcn-artifact",
        version: 3,
        renamed_in: 3,
    };

    /// A prepared dataset: [`DatasetFolder`](crate::DatasetFolder).
    pub(crate) const DATASET: Self = Self {
        format: "lightgcn-dataset",
        version: 2,
        renamed_in: 2,
    };
}
