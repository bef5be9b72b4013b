//! Samples of the edges of several graphs.

use crate::init::Stream;
use crate::relations::Relations;

/// An edge of the graphs that a model propagates over, with a false tail to contrast the true one with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// The relation: 2 g along the edges of graph g, 2 g + 1 against them.
    pub relation: usize,
    /// The node that the edge leaves.
    pub head: u32,
    /// The node that it reaches.
    pub tail: u32,
    /// A node in place of the tail.
    pub other: u32,
}

/// `count` edges and as many false tails, drawn uniformly.
pub(crate) fn draw(relations: &Relations, n_nodes: usize, count: usize, seed: u64) -> Vec<Fact> {
    let stream = Stream::facts(seed);
    // The high half of a draw times n is below n · 2^32.
    let below = |draw: u64, n: usize| (((draw >> 32) * n as u64) >> 32) as usize;
    let fact = |n| {
        let draws = stream.row(n);
        let number = below(draws.draw(0), relations.n_edges());
        let (relation, head, tail) = relations.edge(number);
        Fact {
            relation,
            head,
            tail,
            other: below(draws.draw(1), n_nodes) as u32,
        }
    };
    (0..count).map(fact).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::backend::Flex;
    use lightgcn_kernels::{CsrSlices, SparseMatrix};

    #[test]
    fn every_edge_and_every_other_tail_is_as_likely() {
        // 0 to 2 and 1 to 2, both ways.
        let csr = CsrSlices {
            n_columns: 3,
            row_offsets: &[0, 1, 2, 2],
            columns: &[2, 2],
            values: &[1.0, 1.0],
        };
        let graph = SparseMatrix::<Flex>::from_csr(csr, false, &Default::default()).unwrap();
        let relations = Relations::new(&[graph]);
        let count = 12_000;
        let facts = draw(&relations, 3, count, 7);
        assert_eq!(facts.len(), count);
        let is_known = |fact: &Fact| match fact.relation {
            0 => fact.head < 2 && fact.tail == 2,
            1 => fact.head == 2 && fact.tail < 2,
            _ => false,
        };
        assert!(facts.iter().all(is_known));
        // The standard deviation of a share of a third or of a quarter is below 53 draws.
        let is_about = |found: usize, expected: usize| found.abs_diff(expected) < 250;
        for edge in [(0, 0, 2), (0, 1, 2), (1, 2, 0), (1, 2, 1)] {
            let drawn = facts
                .iter()
                .filter(|f| (f.relation, f.head, f.tail) == edge);
            let found = drawn.count();
            assert!(is_about(found, count / 4), "{edge:?}: {found}");
        }
        for node in 0..3 {
            let found = facts.iter().filter(|fact| fact.other == node).count();
            assert!(is_about(found, count / 3), "{node}: {found}");
        }
        assert_eq!(draw(&relations, 3, count, 7), facts);
        assert_ne!(draw(&relations, 3, count, 8), facts);
    }
}
