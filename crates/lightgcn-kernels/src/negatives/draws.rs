//! Which draws of the counter-based generator a batch takes.

/// How many candidates are rejected for being positives before one exact draw among the rest. The same
/// number as on the CPU, or the draws would differ.
pub(crate) const MAX_REJECTIONS: u32 = 16;

/// The counter's first word: the stream of negatives, as `lightgcn_core::random::Stream` numbers it.
pub(crate) const STREAM: u32 = 2 << 24;

/// Which draws of a seed a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegativeDraws {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u32,
    /// Position of the batch's first pair in the epoch's order.
    pub first_pair: u64,
    /// Negatives per pair, at least 1.
    pub n_negatives: usize,
}
