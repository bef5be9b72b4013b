//! A set of digests in little memory, with false positives: it may take a new digest for a known
//! one.

/// A Bloom filter in blocks of a cache line: a digest sets one bit in each of the eight words of
/// its block, so a lookup touches one cache line (Putze, Sanders, Singler: Cache-, Hash- and
/// Space-Efficient Bloom Filters, 2007).
pub(super) struct Filter {
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Block([u64; 8]);

impl Filter {
    /// An empty filter of `blocks` times 64 bytes; at least one.
    pub(super) fn new(blocks: usize) -> Self {
        Self {
            blocks: vec![Block::default(); blocks.max(1)],
        }
    }

    /// Adds a digest and returns whether it may have been added before. True for every known
    /// digest, and for a fraction (1 − e^(−n/64))^8 of new ones, where n is the number of digests
    /// per block.
    pub(super) fn insert(&mut self, digest: u128) -> bool {
        // The low half, as a fraction of 2^64, selects the block, and the high half selects the
        // bits.
        let n = self.blocks.len() as u128;
        let at = (u128::from(digest as u64) * n) >> 64;
        let mut bits = (digest >> 64) as u64;
        let mut known = true;
        for word in &mut self.blocks[at as usize].0 {
            let bit = 1 << (bits & 63);
            bits >>= 6;
            known &= *word & bit != 0;
            *word |= bit;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    #[test]
    fn no_known_digest_is_new_and_few_new_ones_are_known() {
        let digest = |n: u64| xxh3_128(&n.to_le_bytes());
        let n = 10_000;
        // 48 digests a block, as 100 million have in the default one.
        let mut filter = Filter::new(n as usize / 48);
        let mistaken = (0..n).filter(|&n| filter.insert(digest(n))).count();
        assert!((0..n).all(|n| filter.insert(digest(n))));
        assert!(mistaken < 60, "{mistaken}");
        let mut one = Filter::new(0);
        assert!(!one.insert(7) && one.insert(7));
    }
}
