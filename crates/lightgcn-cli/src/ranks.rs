//! The processes that `train` runs in: one, or the ranks of an MPI job.

use crate::args::Command;
use crate::output::Output;
use lightgcn::train::{Ranks, SingleRank, TrainError};
use std::sync::Arc;

/// The ranks that run this command. Only `train` uses several.
///
/// # Errors
/// If `mpirun` started several processes, and this build cannot join them.
pub(crate) fn join(command: &Command) -> anyhow::Result<Arc<dyn Ranks>> {
    match command {
        Command::Train(_) => of_training(),
        _ => Ok(Arc::new(SingleRank)),
    }
}

#[cfg(feature = "mpi")]
fn of_training() -> anyhow::Result<Arc<dyn Ranks>> {
    let ranks: Arc<dyn Ranks> = match lightgcn::train::MpiRanks::join() {
        Some(ranks) => Arc::new(ranks),
        None => Arc::new(SingleRank),
    };
    Ok(ranks)
}

#[cfg(not(feature = "mpi"))]
fn of_training() -> anyhow::Result<Arc<dyn Ranks>> {
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] {
        let size = std::env::var(name).ok();
        let size = size.and_then(|size| size.parse::<usize>().ok());
        anyhow::ensure!(
            size.is_none_or(|size| size <= 1),
            "this build cannot train by MPI, and each process would train by itself and write the \
             same files; build it with --features mpi, or start it without mpirun"
        );
    }
    Ok(Arc::new(SingleRank))
}

/// Reports the error of a command. One that not all ranks have ends the job.
pub(crate) fn fail(ranks: &dyn Ranks, output: &Output, error: anyhow::Error) {
    if ranks.size() == 1 {
        output.error(&error);
    } else if let Some(TrainError::RanksDiffer { .. }) = error.downcast_ref() {
        if ranks.rank() == 0 {
            output.error(&error);
        }
    } else {
        output.error(&error.context(format!("rank {}", ranks.rank())));
        ranks.abort();
    }
}
