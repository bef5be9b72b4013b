//! Which draws of the counter-based generator negatives take.

/// How many candidates are rejected for being positives before one exact draw among the rest. The same
/// number as on the CPU, or the draws would differ.
pub(crate) const MAX_REJECTIONS: u32 = 16;

/// The counter's first word: the stream of negatives, as `lightgcn_core::random::Stream` numbers it.
pub(crate) const STREAM: u32 = 2 << 24;
