//! The processes that train one model together.
//!
//! Every rank has the whole data. The tables of linear models on the CPU are split among the ranks by
//! user ([`Shards`]); of other models, every rank has the whole model and the whole state of the run,
//! and the ranks share the pairs of each step. They share the users of each validation; rank 0 writes.

mod agree;
#[cfg(feature = "mpi")]
mod mpi;
mod shards;
mod shared_ranker;
mod sum;
mod traffic;

pub use agree::agree;
#[cfg(feature = "mpi")]
pub use mpi::MpiRanks;

pub(crate) use agree::{agree_on_embeddings, check, digest};
pub(crate) use shards::Shards;
pub(crate) use shared_ranker::SharedRanker;
pub(crate) use sum::sum_rows;
pub(crate) use traffic::Traffic;

use std::fmt;
use std::ops::Range;

/// The processes that train one model together, as seen from one of them.
///
/// The last three methods are collective: all ranks call the same ones in the same order. Without
/// one of its ranks a job cannot go on, so an implementation that loses one ends the process.
pub trait Ranks: fmt::Debug + Send + Sync {
    /// The number of this rank, from 0. Rank 0 reports, and writes the checkpoints and the model.
    fn rank(&self) -> usize;

    /// The number of ranks; at least 1.
    fn size(&self) -> usize;

    /// Sends `outgoing[r]` to each rank r, `[size]`, and returns what each rank sent to this one,
    /// `[size]`, in their order.
    fn exchange(&self, outgoing: Vec<Vec<u8>>) -> Vec<Vec<u8>>;

    /// Sends `own` to all ranks, and returns what each rank sent, `[size]`, in their order.
    fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>>;

    /// Ends the whole job with exit code 1, after an error that the other ranks do not have: they
    /// would wait for this one forever.
    fn abort(&self) -> !;
}

/// A process that trains by itself: the only rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SingleRank;

impl Ranks for SingleRank {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn exchange(&self, outgoing: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        outgoing
    }

    fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        vec![own]
    }

    fn abort(&self) -> ! {
        std::process::exit(1)
    }
}

/// The part of `n` things that each rank takes, in the order of the ranks: as even as possible, and
/// empty for some if there are fewer things than ranks.
pub(crate) fn parts(ranks: &dyn Ranks, n: usize) -> impl Iterator<Item = Range<usize>> {
    let size = ranks.size();
    (0..size).map(move |rank| n * rank / size..n * (rank + 1) / size)
}

/// The part of `n` things that this rank takes.
pub(crate) fn own_part(ranks: &dyn Ranks, n: usize) -> Range<usize> {
    let (rank, size) = (ranks.rank(), ranks.size());
    n * rank / size..n * (rank + 1) / size
}

#[cfg(test)]
#[path = "../../tests/common/threads.rs"]
pub(crate) mod threads;
