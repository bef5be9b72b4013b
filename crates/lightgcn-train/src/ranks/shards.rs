//! Splits tables among the ranks by user.

use crate::ranks::traffic::Traffic;
use crate::ranks::{Ranks, sum_rows};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maximum number of elements that rank 0 gets at a time: 4 MiB.
const PIECE: usize = 1 << 20;

/// The users of each rank of a job whose tables are split by user. A rank's part of a table has the
/// rows of its users, then those of all items, which are the same on all ranks.
///
/// What sums and gathers is collective.
#[derive(Debug)]
pub(crate) struct Shards {
    ranks: Arc<dyn Ranks>,
    /// In the order of the ranks; some may be empty.
    parts: Vec<Range<usize>>,
    /// What was sent since the last step began, and in all steps.
    sent: Mutex<[Traffic; 2]>,
}

impl Shards {
    /// Consecutive users for each rank, with about as many rows and pairs together as any other rank.
    /// `offsets` are the starts of the users' pairs, `[n_users + 1]`.
    pub(crate) fn new(ranks: &Arc<dyn Ranks>, offsets: &[u64]) -> Self {
        let costs = (0..).zip(offsets).map(|(rows, pairs)| rows + pairs);
        let costs: Vec<u64> = costs.collect();
        let all = costs.last().map_or(0, |&all| u128::from(all));
        let size = ranks.size();
        let first = |rank: usize| {
            let before = all * rank as u128 / size as u128;
            costs.partition_point(|&cost| u128::from(cost) < before)
        };
        Self {
            ranks: Arc::clone(ranks),
            parts: (0..size).map(|n| first(n)..first(n + 1)).collect(),
            sent: Mutex::default(),
        }
    }

    /// Whether this is rank 0.
    pub(crate) fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// The users of this rank.
    pub(crate) fn users(&self) -> Range<usize> {
        self.parts[self.ranks.rank()].clone()
    }

    /// The number of users of all ranks.
    pub(crate) fn n_users(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// The rank that has a user.
    pub(crate) fn rank_of(&self, user: usize) -> usize {
        self.parts.partition_point(|part| part.end <= user)
    }

    /// Adds the tables of all ranks, as [`sum_rows`] does.
    pub(crate) fn sum(&self, table: &mut [f32], width: usize) {
        let bytes = sum_rows(&*self.ranks, table, width);
        let [since, _] = &mut *self.sent();
        since.bytes += bytes;
        since.elements += table.len() as u64;
    }

    /// The sum of a number of each rank, in the order of the ranks.
    pub(crate) fn sum_of(&self, own: f64) -> f64 {
        let all = self.ranks.gather(own.to_le_bytes().to_vec());
        let numbers = all.iter().flat_map(|bytes| bytes.as_chunks::<8>().0);
        numbers.map(|bytes| f64::from_le_bytes(*bytes)).sum()
    }

    /// Runs a step, whose sums count as its traffic.
    pub(crate) fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        self.sent()[0] = Traffic::default();
        let result = step();
        let [since, steps] = &mut *self.sent();
        steps.steps += 1;
        steps.bytes += since.bytes;
        steps.elements += since.elements;
        result
    }

    /// What the steps sent.
    pub(crate) fn traffic(&self) -> Traffic {
        self.sent()[1]
    }

    fn sent(&self) -> MutexGuard<'_, [Traffic; 2]> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole table of which each rank has a part: on rank 0 alone, which gets a few MiB at a time.
    pub(crate) fn gather(&self, part: &[f32], width: usize) -> Option<Vec<f32>> {
        let piece = (PIECE / width).max(1) * width;
        let own = self.ranks.rank();
        let (users, items) = part.split_at(self.users().len() * width);
        let mut whole = self.is_first().then(|| {
            let mut whole = Vec::with_capacity(self.n_users() * width + items.len());
            whole.extend_from_slice(users);
            whole
        });
        for (rank, part) in self.parts.iter().enumerate().skip(1) {
            for start in (0..part.len() * width).step_by(piece) {
                let mut outgoing = vec![Vec::new(); self.parts.len()];
                if rank == own {
                    let end = users.len().min(start + piece);
                    let elements = users[start..end].iter();
                    outgoing[0] = elements.flat_map(|x| x.to_le_bytes()).collect();
                }
                let incoming = self.ranks.exchange(outgoing);
                if let Some(whole) = &mut whole {
                    let (elements, _) = incoming[rank].as_chunks::<4>();
                    whole.extend(elements.iter().map(|x| f32::from_le_bytes(*x)));
                }
            }
        }
        if let Some(whole) = &mut whole {
            whole.extend_from_slice(items);
        }
        whole
    }

    /// This rank's part of a whole table.
    pub(crate) fn cut(&self, whole: &[f32], width: usize) -> Vec<f32> {
        let users = self.users();
        let users = &whole[users.start * width..users.end * width];
        [users, &whole[self.n_users() * width..]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads::on_ranks;

    /// The users of each rank.
    fn parts(size: usize, offsets: &[u64]) -> Vec<Range<usize>> {
        on_ranks(size, |ranks| Shards::new(&ranks, offsets).users())
    }

    #[test]
    fn ranks_have_as_many_rows_and_pairs() {
        let all = 0..2;
        assert_eq!(parts(1, &[0, 3, 4]), std::slice::from_ref(&all));
        assert_eq!(parts(2, &[0, 1, 2, 3, 4]), [0..2, 2..4]);
        // One user with as many pairs as all others together.
        assert_eq!(parts(2, &[0, 9, 9, 10, 12, 14]), [0..1, 1..5]);
        assert_eq!(parts(3, &[0, 2]), [0..1, 1..1, 1..1]);
        assert_eq!(parts(4, &[0, 1, 2]), [0..1, 1..1, 1..2, 2..2]);
    }

    #[test]
    fn parts_are_gathered_on_rank_0_and_cut_again() {
        for (width, n_users) in [(3, 7), (1, 2), (64, 60_000)] {
            let offsets: Vec<u64> = (0..=n_users as u64).collect();
            let whole = (0..(n_users + 5) * width).map(|n| n as f32);
            let whole: Vec<f32> = whole.collect();
            let gathered = on_ranks(3, |ranks| {
                let shards = Shards::new(&ranks, &offsets);
                let part = shards.cut(&whole, width);
                assert_eq!(part.len(), (shards.users().len() + 5) * width);
                shards.gather(&part, width)
            });
            assert!(gathered == [Some(whole), None, None], "{n_users} users");
        }
    }

    #[test]
    fn every_user_has_one_rank() {
        let ranks = on_ranks(4, |ranks| {
            let shards = Shards::new(&ranks, &[0, 9, 9, 9]);
            let of_user = |user| shards.rank_of(user);
            let own = shards.users().map(of_user).all(|r| r == ranks.rank());
            (own, (0..3).map(of_user).collect::<Vec<_>>())
        });
        assert!(ranks.iter().all(|(own, all)| *own && *all == ranks[0].1));
    }

    #[test]
    fn only_what_steps_send_counts() {
        let sent = on_ranks(2, |ranks| {
            let shards = Shards::new(&ranks, &[0, 1, 2]);
            let mut table = [1.0; 8];
            shards.sum(&mut table, 2);
            shards.step(|| shards.sum(&mut table, 2));
            assert_eq!((table, shards.sum_of(0.5)), ([4.0; 8], 1.0));
            shards.traffic()
        });
        // Half of the rows to the other rank, and the sums of the other half.
        for traffic in sent {
            let Traffic {
                steps,
                bytes,
                elements,
            } = traffic;
            assert_eq!((steps, bytes, elements), (1, 4 + 16 + 4 + 16, 8));
        }
    }
}
