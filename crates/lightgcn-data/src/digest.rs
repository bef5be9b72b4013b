//! Exact duplicates, found by a 128-bit digest of each row.

use hashbrown::HashTable;

/// The rows seen so far, 16 bytes each (about 29 with the table's spare room).
///
/// Two different rows are taken for the same one with a probability of 2^−128: for a log of
/// 20 million rows, the chance that any two of them are is below 1 in 10^24 (n² / 2^129). The digest
/// is not made against an adversary, who could construct colliding rows.
#[derive(Default)]
pub(crate) struct SeenRows {
    digests: HashTable<u128>,
}

impl SeenRows {
    /// Notes a row; whether it is new.
    pub(crate) fn insert(&mut self, digest: u128) -> bool {
        // The digest is uniform already, so its low half serves as the table's hash.
        let entry = self
            .digests
            .entry(digest as u64, |&d| d == digest, |&d| d as u64);
        match entry {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(digest);
                true
            }
        }
    }
}

/// The digest of a row: its fields one behind the other, and where each one ends (so that `ab,c`
/// and `a,bc` differ).
pub(crate) fn row_digest(fields: &[u8], ends: impl Iterator<Item = usize>) -> u128 {
    let mut seed = 0u64;
    for end in ends {
        seed = (seed ^ end as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }
    murmur3(fields, finalize(seed), seed)
}

const C1: u64 = 0x87C3_7B91_1142_53D5;
const C2: u64 = 0x4CF5_AD43_2745_937F;

/// MurmurHash3, x64, 128 bits (Appleby), started from `h1` and `h2`.
fn murmur3(bytes: &[u8], mut h1: u64, mut h2: u64) -> u128 {
    let blocks = bytes.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        h1 ^= mix1(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52DC_E729);
        h2 ^= mix2(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5AB5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= mix2(word(high));
    h1 ^= mix1(word(low));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finalize(h1);
    h2 = finalize(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (u128::from(h1) << 64) | u128::from(h2)
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

/// Up to eight bytes, the first one lowest.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn finalize(mut k: u64) -> u64 {
    k = (k ^ (k >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    k = (k ^ (k >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur3_reference_values() {
        // From Appleby's C++ code, seed 0, as two words.
        assert_eq!(murmur3(b"", 0, 0), 0);
        assert_eq!(
            murmur3(b"hello", 0, 0),
            0xcbd8_a7b3_41bd_9b02_5b1e_906a_48ae_1d19
        );
        assert_eq!(
            murmur3(b"The quick brown fox jumps over the lazy dog", 0, 0),
            0xe34b_bc7b_bc07_1b6c_7a43_3ca9_c49a_9347
        );
    }

    #[test]
    fn rows_differ_by_content_and_by_where_fields_end() {
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
