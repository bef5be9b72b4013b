//! The edges of several graphs by what they mean.

use burn::tensor::backend::Backend;
use lightgcn_kernels::SparseMatrix;

/// The edges of several directed graphs over the same nodes, each followed both ways: with graph g come the
/// relations 2 g, along its edges, and 2 g + 1, against them.
#[derive(Debug)]
pub(crate) struct Relations {
    /// One for each graph.
    pub(crate) graphs: Vec<Ends>,
    /// Where the edges of each head begin in `tails`, `[n_nodes + 1]`.
    pub(crate) offsets: Vec<u64>,
    /// The tails of all relations' edges, by their heads.
    pub(crate) tails: Vec<u32>,
    /// The number of each of these edges where relation comes after relation.
    pub(crate) numbers: Vec<u32>,
}

/// The ends of the edges of one graph.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The nodes that have an edge, ascending.
    pub(crate) nodes: Vec<u32>,
    /// Where each edge begins, as a place in `nodes`.
    pub(crate) from: Vec<u32>,
    /// Where it ends, as a place in `nodes`.
    pub(crate) to: Vec<u32>,
}

impl Ends {
    fn new<B: Backend>(graph: &SparseMatrix<B>) -> Self {
        let columns: Vec<u32> = graph.columns().into_data().iter::<u32>().collect();
        let offsets = graph.row_offsets().into_data();
        let mut rows = Vec::with_capacity(columns.len());
        for (row, end) in offsets.iter::<u64>().skip(1).enumerate() {
            rows.resize(end as usize, row as u32);
        }
        let mut nodes = [&rows[..], &columns].concat();
        nodes.sort_unstable();
        nodes.dedup();
        let mut place_of = vec![0; graph.n_rows().max(graph.n_columns())];
        for (place, &node) in nodes.iter().enumerate() {
            place_of[node as usize] = place as u32;
        }
        let places = |ids: Vec<u32>| ids.into_iter().map(|id| place_of[id as usize]).collect();
        let (from, to) = (places(rows), places(columns));
        Self { nodes, from, to }
    }

    /// How many edges there are, one way.
    pub(crate) fn len(&self) -> usize {
        self.from.len()
    }

    /// The places of heads and tails along the edges, or against them.
    pub(crate) fn places(&self, against: bool) -> (&[u32], &[u32]) {
        match against {
            false => (&self.from, &self.to),
            true => (&self.to, &self.from),
        }
    }
}

impl Relations {
    /// O(edges + nodes · graphs), and reads the edges back from their device.
    pub(crate) fn new<B: Backend>(graphs: &[SparseMatrix<B>]) -> Self {
        let n_nodes = graphs.iter().map(SparseMatrix::n_rows).max().unwrap_or(0);
        let graphs: Vec<Ends> = graphs.iter().map(Ends::new).collect();
        let edges = || {
            graphs.iter().flat_map(|ends| {
                [false, true].into_iter().flat_map(move |against| {
                    let (heads, tails) = ends.places(against);
                    let node = |&place: &u32| ends.nodes[place as usize];
                    heads.iter().map(node).zip(tails.iter().map(node))
                })
            })
        };
        let mut offsets = vec![0u64; n_nodes + 1];
        for (head, _) in edges() {
            offsets[head as usize + 1] += 1;
        }
        for node in 0..n_nodes {
            offsets[node + 1] += offsets[node];
        }
        let n_edges = offsets[n_nodes] as usize;
        let (mut tails, mut numbers) = (vec![0; n_edges], vec![0; n_edges]);
        let mut next = offsets.clone();
        for (number, (head, tail)) in edges().enumerate() {
            let slot = &mut next[head as usize];
            tails[*slot as usize] = tail;
            numbers[*slot as usize] = number as u32;
            *slot += 1;
        }
        Self {
            graphs,
            offsets,
            tails,
            numbers,
        }
    }

    /// How many edges there are, both ways.
    pub(crate) fn n_edges(&self) -> usize {
        self.tails.len()
    }

    /// The relation, the head and the tail of an edge by its number.
    pub(crate) fn edge(&self, number: usize) -> (usize, u32, u32) {
        let mut rest = number;
        for (graph, ends) in self.graphs.iter().enumerate() {
            let n = ends.len();
            if rest < 2 * n {
                let (heads, tails) = ends.places(rest >= n);
                let node = |place: u32| ends.nodes[place as usize];
                let at = rest % n;
                return (2 * graph + rest / n, node(heads[at]), node(tails[at]));
            }
            rest -= 2 * n;
        }
        panic!("Relations: no edge {number} of {}", self.n_edges());
    }
}

/// Scales numbers to positive ones with the sum 1.
pub(crate) fn softmax(values: &mut [f32]) {
    let most = values
        .iter()
        .fold(f32::NEG_INFINITY, |most, &v| most.max(v));
    let mut sum = 0.0;
    for value in &mut *values {
        *value = (*value - most).exp();
        sum += f64::from(*value);
    }
    for value in values {
        *value = (f64::from(*value) / sum) as f32;
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::backend::Flex;
    use lightgcn_kernels::CsrSlices;

    fn graph(n_nodes: usize, edges: &[(u32, u32)]) -> SparseMatrix<Flex> {
        let mut offsets = vec![0; n_nodes + 1];
        for &(head, _) in edges {
            offsets[head as usize + 1..]
                .iter_mut()
                .for_each(|o| *o += 1);
        }
        let csr = CsrSlices {
            n_columns: n_nodes,
            row_offsets: &offsets,
            columns: &edges.iter().map(|edge| edge.1).collect::<Vec<_>>(),
            values: &vec![1.0; edges.len()],
        };
        SparseMatrix::from_csr(csr, false, &Default::default()).expect("the rows are sorted")
    }

    #[test]
    fn edges_are_followed_both_ways() {
        let graphs = [graph(5, &[(0, 2), (1, 2), (1, 3)]), graph(5, &[(3, 2)])];
        let relations = Relations::new(&graphs);
        assert_eq!(relations.n_edges(), 8);
        let edges: Vec<_> = (0..8).map(|number| relations.edge(number)).collect();
        assert_eq!(
            edges,
            [
                (0, 0, 2),
                (0, 1, 2),
                (0, 1, 3),
                (1, 2, 0),
                (1, 2, 1),
                (1, 3, 1),
                (2, 3, 2),
                (3, 2, 3),
            ]
        );
        assert_eq!(relations.offsets, [0, 1, 3, 6, 8, 8]);
        assert_eq!(relations.tails, [2, 2, 3, 0, 1, 3, 1, 2]);
        assert_eq!(relations.numbers, [0, 1, 2, 3, 4, 7, 5, 6]);
        assert_eq!(relations.graphs[1].nodes, [2, 3]);
    }

    #[test]
    fn softmax_sums_to_one() {
        let mut values = [1.0, 1.0, 1.0 + 2.0_f32.ln(), -200.0];
        softmax(&mut values);
        let close = values.iter().zip([0.25, 0.25, 0.5, 0.0]);
        assert!(
            close.into_iter().all(|(a, b)| (a - b).abs() < 1e-6),
            "{values:?}"
        );
        softmax(&mut []);
    }
}
