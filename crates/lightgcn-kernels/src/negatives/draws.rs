//! The draws of the counter-based generator used for negatives.

/// The number of candidates rejected for being positives before one exact draw among the rest. It
/// must be the same as on the CPU, or the draws would differ.
pub(crate) const MAX_REJECTIONS: u32 = 16;

/// The counter's first word: the stream of negatives, as `lightgcn_core::random::Stream` numbers it.
pub(crate) const STREAM: u32 = 2 << 24;
