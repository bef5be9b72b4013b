//! What users did in order of time.

/// The latest items of each user, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Where each user's items begin, `[n_users + 1]`.
    offsets: Vec<usize>,
    items: Vec<u32>,
}

impl Sequences {
    /// The latest `most` items of each user, from all of them, oldest first. Items count from 0.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = Vec<u32>>, most: usize) -> Self {
        let (mut offsets, mut items) = (vec![0], Vec::new());
        for all in users {
            items.extend(&all[all.len().saturating_sub(most)..]);
            offsets.push(items.len());
        }
        Self { offsets, items }
    }

    /// Number of users.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The items of a user, oldest first.
    ///
    /// # Panics
    ///
    /// If the user is out of range.
    #[must_use]
    pub fn items_of(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user]..self.offsets[user + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_in_order() {
        let sequences = Sequences::new([vec![5, 3, 9, 1], vec![], vec![7]], 3);
        assert_eq!(sequences.n_users(), 3);
        let all: Vec<&[u32]> = (0..3).map(|user| sequences.items_of(user)).collect();
        assert_eq!(all, [&[3, 9, 1][..], &[], &[7]]);
    }
}
