//! The ranks of the right answers in the ranked lists, from which every metric is computed.

use lightgcn_core::{ItemId, Rows, UserId};

/// The hits of one user: the ranks, counted from 1 and ascending, at which the list has a right
/// answer, and the total number of right answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hits<'a> {
    ranks: &'a [u32],
    n_relevant: usize,
}

impl<'a> Hits<'a> {
    /// The hits at `ranks` out of `n_relevant` right answers.
    ///
    /// # Panics
    /// If the ranks are not ascending, distinct and from 1, if there are more hits than right
    /// answers, or if there is no right answer.
    #[must_use]
    pub fn new(ranks: &'a [u32], n_relevant: usize) -> Self {
        assert!(
            n_relevant > 0,
            "a user without a right answer has no metrics; skip it"
        );
        assert!(
            ranks.first() != Some(&0) && ranks.is_sorted_by(|a, b| a < b),
            "hit ranks must be ascending, distinct and counted from 1"
        );
        assert!(
            ranks.len() <= n_relevant,
            "{} hits are more than {n_relevant} right answers",
            ranks.len()
        );
        Self { ranks, n_relevant }
    }

    /// The ranks of the hits among the first `k` places, ascending, counted from 1.
    ///
    /// # Panics
    /// If `k` is 0, for which no metric is defined.
    #[must_use]
    pub fn within(self, k: usize) -> &'a [u32] {
        assert!(
            k > 0,
            "a metric at K = 0 was requested; K must be at least 1"
        );
        let n = self.ranks.partition_point(|&rank| rank as usize <= k);
        &self.ranks[..n]
    }

    /// The number of right answers, found or not; at least 1.
    #[must_use]
    pub fn n_relevant(self) -> usize {
        self.n_relevant
    }
}

/// The hits of many users. Only the hits are stored: a list of 100 with two hits takes two
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HitMatrix {
    users: Vec<UserId>,
    n_relevant: Vec<u32>,
    ranks: Rows<u32>,
}

impl HitMatrix {
    pub(crate) fn new() -> Self {
        Self {
            users: Vec::new(),
            n_relevant: Vec::new(),
            ranks: Rows::new(),
        }
    }

    pub(crate) fn users(&self) -> &[UserId] {
        &self.users
    }

    pub(crate) fn hits(&self, row: usize) -> Hits<'_> {
        Hits {
            ranks: self.ranks.row(row),
            n_relevant: self.n_relevant[row] as usize,
        }
    }

    /// Adds a user; `truth` must be ascending, distinct and not empty.
    pub(crate) fn push(&mut self, user: UserId, ranked: &[ItemId], truth: &[ItemId]) {
        let hits = (1..).zip(ranked);
        let hits = hits.filter(|(_, item)| truth.binary_search(item).is_ok());
        self.ranks.push(hits.map(|(rank, _)| rank));
        self.users.push(user);
        self.n_relevant.push(truth.len() as u32);
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.users.extend_from_slice(&other.users);
        self.n_relevant.extend_from_slice(&other.n_relevant);
        self.ranks.append(&other.ranks);
    }

    /// The same users in ascending order.
    pub(crate) fn sorted(&self) -> Self {
        if self.users.is_sorted() {
            return self.clone();
        }
        let mut order: Vec<usize> = (0..self.users.len()).collect();
        order.sort_by_key(|&row| self.users[row]);
        let mut sorted = Self::new();
        for row in order {
            sorted.users.push(self.users[row]);
            sorted.n_relevant.push(self.n_relevant[row]);
            sorted.ranks.push(self.ranks.row(row).iter().copied());
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(ids: &[u32]) -> Vec<ItemId> {
        ids.iter().copied().map(ItemId).collect()
    }

    #[test]
    fn ranks_of_hits_are_kept_and_sorted_by_user() {
        let mut matrix = HitMatrix::new();
        matrix.push(UserId(7), &items(&[5, 2, 9, 0]), &items(&[0, 2, 4]));
        let mut other = HitMatrix::new();
        other.push(UserId(3), &items(&[8]), &items(&[1]));
        other.push(UserId(5), &items(&[1, 6]), &items(&[1, 6]));
        matrix.append(&other);
        assert_eq!(matrix.users(), [UserId(7), UserId(3), UserId(5)]);
        let sorted = matrix.sorted();
        assert_eq!(sorted.users(), [UserId(3), UserId(5), UserId(7)]);
        assert_eq!(sorted.hits(0), Hits::new(&[], 1));
        assert_eq!(sorted.hits(1), Hits::new(&[1, 2], 2));
        assert_eq!(sorted.hits(2), Hits::new(&[2, 4], 3));
        assert_eq!(sorted.hits(2).within(3), [2]);
        assert_eq!(sorted.hits(2).within(4), [2, 4]);
        assert_eq!(sorted.sorted(), sorted);
    }

    #[test]
    #[should_panic(expected = "ascending")]
    fn repeated_ranks_panic() {
        let _ = Hits::new(&[2, 2], 3);
    }

    #[test]
    #[should_panic(expected = "more than 1 right")]
    fn more_hits_than_right_answers_panic() {
        let _ = Hits::new(&[1, 2], 1);
    }
}
