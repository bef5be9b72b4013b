//! Ranks of an MPI job.

use crate::ranks::Ranks;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};
use mpi::{Count, Threading};
use std::fmt;

/// What the launchers of Open MPI, PMIx (such as `srun --mpi=pmix`) and PMI set.
const LAUNCHED: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"];

/// The processes of an MPI job. When it is dropped, it waits for the other ranks to drop theirs; in
/// a panic it ends the whole job instead.
pub struct MpiRanks(Universe);

impl MpiRanks {
    /// Joins the job that this process was started for; `None` if it was started without an MPI
    /// launcher such as `mpirun`, or has joined already.
    #[must_use]
    pub fn join() -> Option<Self> {
        if LAUNCHED.iter().all(|name| std::env::var_os(name).is_none()) {
            return None;
        }
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized)?;
        Some(Self(universe))
    }

    fn world(&self) -> SimpleCommunicator {
        self.0.world()
    }
}

impl fmt::Debug for MpiRanks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rank, size) = (self.rank(), self.size());
        write!(f, "MpiRanks({rank} of {size})")
    }
}

impl Drop for MpiRanks {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort();
        }
    }
}

/// # Panics
/// At 2 GiB or more, which are more than one MPI call can send.
fn count(bytes: &[u8]) -> Count {
    Count::try_from(bytes.len()).expect("messages have less than 2 GiB")
}

/// Where each part starts.
fn starts(counts: &[Count]) -> Vec<Count> {
    let start = |next: &mut Count, count: &Count| {
        let start = *next;
        *next = start
            .checked_add(*count)
            .expect("messages have less than 2 GiB");
        Some(start)
    };
    counts.iter().scan(0, start).collect()
}

/// Cuts the bytes into parts.
fn cut(mut bytes: &[u8], counts: &[Count]) -> Vec<Vec<u8>> {
    let part = |count: &Count| {
        let (part, rest) = bytes.split_at(*count as usize);
        bytes = rest;
        part.to_vec()
    };
    counts.iter().map(part).collect()
}

/// The bytes with memory of their own even if there are none: the address of an empty vector is 1, which is
/// `MPI_IN_PLACE` to Open MPI.
fn allocated(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reserve(1);
    bytes
}

/// Room for messages of these lengths.
fn room(counts: &[Count]) -> Vec<u8> {
    allocated(vec![0; counts.iter().map(|&n| n as usize).sum()])
}

// rsmpi leaves MPI's default in place, by which an error or a lost rank ends the whole job.
impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.world().rank() as usize
    }

    fn size(&self) -> usize {
        self.world().size() as usize
    }

    fn exchange(&self, outgoing: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let world = self.world();
        let counts: Vec<Count> = outgoing.iter().map(|message| count(message)).collect();
        let mut incoming: Vec<Count> = vec![0; counts.len()];
        world.all_to_all_into(&counts[..], &mut incoming[..]);
        let sent = allocated(outgoing.concat());
        let sent = Partition::new(&sent[..], &counts[..], starts(&counts));
        let from = starts(&incoming);
        let mut received = room(&incoming);
        let mut parts = PartitionMut::new(&mut received[..], &incoming[..], from);
        world.all_to_all_varcount_into(&sent, &mut parts);
        cut(&received, &incoming)
    }

    fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        let world = self.world();
        let mut counts: Vec<Count> = vec![0; self.size()];
        let own = allocated(own);
        world.all_gather_into(&count(&own), &mut counts[..]);
        let from = starts(&counts);
        let mut received = room(&counts);
        let mut parts = PartitionMut::new(&mut received[..], &counts[..], from);
        world.all_gather_varcount_into(&own[..], &mut parts);
        cut(&received, &counts)
    }

    fn abort(&self) -> ! {
        self.world().abort(1)
    }
}
