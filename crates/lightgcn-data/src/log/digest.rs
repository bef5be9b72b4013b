//! Exact duplicates, found by a 128-bit digest of each row.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// The rows seen so far: 16 bytes each, about 29 with the table's spare capacity.
///
/// Two different rows share a digest with a probability of 2^−128; in a log of 20 million rows, the
/// chance that any two of them do is below 1 in 10^24 (n² / 2^129). The hash is not cryptographic:
/// an adversary can construct colliding rows.
#[derive(Default)]
pub(crate) struct SeenRows {
    digests: HashTable<u128>,
}

impl SeenRows {
    /// The number of different rows.
    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    /// Their digests, in no particular order.
    pub(crate) fn into_digests(self) -> impl Iterator<Item = u128> {
        self.digests.into_iter()
    }

    /// Adds a row and returns whether it is new.
    pub(crate) fn insert(&mut self, digest: u128) -> bool {
        // The digest is uniform already, so its low half serves as the table's hash.
        let entry = self
            .digests
            .entry(digest as u64, |&d| d == digest, |&d| d as u64);
        match entry {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(digest);
                true
            }
        }
    }
}

/// XXH3-128 of a row's concatenated fields and the end of each field: without the ends, `ab,c` and
/// `a,bc` would be the same row.
pub(crate) fn row_digest(fields: &[u8], ends: impl Iterator<Item = usize>) -> u128 {
    let seed = ends.fold(0, |seed, end| {
        xxh3_64_with_seed(&(end as u64).to_le_bytes(), seed)
    });
    xxh3_128_with_seed(fields, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_differ_by_content_and_by_field_boundaries() {
        let mut seen = SeenRows::default();
        let row =
            |fields: &str, ends: &[usize]| row_digest(fields.as_bytes(), ends.iter().copied());
        assert!(seen.insert(row("abc", &[2, 3])));
        assert!(seen.insert(row("abc", &[1, 3])));
        assert!(seen.insert(row("abd", &[2, 3])));
        assert!(seen.insert(row("abc", &[3, 3])));
        assert!(!seen.insert(row("abc", &[2, 3])));
    }
}
