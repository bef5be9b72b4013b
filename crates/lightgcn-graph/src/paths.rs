//! The strongest paths from a user to an item: why an item is recommended.

use crate::train_graph::row;
use crate::{Normalization, TrainGraph};
use lightgcn_core::{ItemId, UserId};
use sprs::CsMatI;
use std::cmp::Ordering;

/// Which paths are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathOptions {
    /// The most edges that a path may have. Paths from a user to an item have an odd number
    /// of edges, and at most 5 are searched: 0 finds nothing, 1 and 2 the direct edge, 3 and 4 also
    /// paths through one other user, 5 and more also paths through two, but those only where
    /// there is no shorter one.
    pub max_hops: usize,
    /// How many paths are returned at most.
    pub limit: usize,
}

impl Default for PathOptions {
    /// The 5 strongest, through one other user or, where that finds nothing, through two.
    fn default() -> Self {
        Self {
            max_hops: 5,
            limit: 5,
        }
    }
}

/// One edge of a path: a training pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathEdge {
    /// The user of the pair.
    pub user: UserId,
    /// The item of the pair.
    pub item: ItemId,
    /// The edge's weight: positive and finite.
    pub weight: f32,
    /// The edge's entry in the symmetrically normalized adjacency matrix, in (0, 1].
    pub normalized: f64,
}

/// A walk from a user to an item that meets no node twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    edges: Vec<PathEdge>,
    strength: f64,
}

impl Path {
    /// The edges in walking order: user → item → other user → item and so on. Two
    /// neighboring edges share an item or a user, in turns.
    #[must_use]
    pub fn edges(&self) -> &[PathEdge] {
        &self.edges
    }

    /// How many edges the path has: 1, 3 or 5.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.edges.len()
    }

    /// The product of the edges' symmetrically normalized weights, in (0, 1].
    ///
    /// The entry (u, i) of the L-th power of the normalized adjacency matrix is the sum of this
    /// number over all walks of L edges from u to i. So it is this walk's share in what L layers
    /// of LightGCN (He et al., SIGIR 2020) carry from the item's own embedding to the user,
    /// before the layer's weight.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.strength
    }
}

/// A path on its way: the nodes met so far and the product of their edges.
#[derive(Debug, Clone, Copy)]
struct Partial {
    strength: f64,
    /// Row numbers of user, item, user, ... in turns; 0 beyond the last.
    nodes: [u32; 6],
}

impl Partial {
    /// Stronger first, then lower nodes.
    fn order(&self, other: &Self) -> Ordering {
        other
            .strength
            .total_cmp(&self.strength)
            .then(self.nodes.cmp(&other.nodes))
    }
}

/// For nodes in ascending order, the best partial paths that end there; no node has none.
type Frontier = Vec<(u32, Vec<Partial>)>;

/// The strongest simple paths from `user` to `item`: the shortest first, then the strongest, then
/// those through lower row numbers (compared node by node from the user on). Where none exists,
/// the answer is empty.
///
/// A path has one edge (the pair itself is in the training part), three (through another user
/// of the item) or, only where neither of those exists, five. All lengths are searched exactly,
/// by keeping at each node met the `limit` best ways to get there.
///
/// With L for the limit and d for a node's number of edges, three edges cost
/// O(Σ over the item's users v of min(d_user, d_v) · log d, and L log L per way found). Five
/// cost at most O(edges · L · log): the sets of nodes within two steps of either end are made first,
/// and only edges that lead from the one to the other are followed.
///
/// # Panics
/// If the user or the item is out of range.
#[must_use]
pub fn strongest_paths(
    graph: &TrainGraph,
    user: UserId,
    item: ItemId,
    options: &PathOptions,
) -> Vec<Path> {
    assert!(
        user.index() < graph.n_users(),
        "user row {user} is out of range: there are {}",
        graph.n_users()
    );
    assert!(
        item.index() < graph.n_items(),
        "item row {item} is out of range: there are {}",
        graph.n_items()
    );
    let search = Search {
        graph,
        user: user.0,
        item: item.0,
        limit: options.limit,
    };
    let mut found = Vec::new();
    if options.max_hops >= 1 && options.limit > 0 {
        found.extend(search.one_hop());
    }
    if options.max_hops >= 3 && found.len() < options.limit {
        found.extend(search.three_hops());
    }
    if options.max_hops >= 5 && found.is_empty() && options.limit > 0 {
        found.extend(search.five_hops());
    }
    found.truncate(options.limit);
    found
}

/// One query. Every search goes through layers of nodes that share no node, so that no path can
/// meet a node twice.
struct Search<'a> {
    graph: &'a TrainGraph,
    user: u32,
    item: u32,
    limit: usize,
}

impl Search<'_> {
    fn one_hop(&self) -> Vec<Path> {
        self.through(&[])
    }

    /// User → item → other user → item.
    fn three_hops(&self) -> Vec<Path> {
        let items = neighbors(self.graph.by_user(), &[self.user], self.item);
        let users = neighbors(self.graph.by_item(), &[self.item], self.user);
        self.through(&[items, users])
    }

    /// The same with one more user and item between. To be called only where no shorter path
    /// exists: then no user within two steps of `user` has `item`, so that the two layers of
    /// users share no node, nor do those of items.
    fn five_hops(&self) -> Vec<Path> {
        let near_items = neighbors(self.graph.by_user(), &[self.user], self.item);
        let near_users = neighbors(self.graph.by_item(), &near_items, self.user);
        let far_users = neighbors(self.graph.by_item(), &[self.item], self.user);
        let far_items = neighbors(self.graph.by_user(), &far_users, self.item);
        self.through(&[near_items, near_users, far_items, far_users])
    }

    /// The best paths from the user through one node of each layer to the item.
    fn through(&self, layers: &[Vec<u32>]) -> Vec<Path> {
        let mut nodes = [0; 6];
        nodes[0] = self.user;
        let start = Partial {
            strength: 1.0,
            nodes,
        };
        let mut frontier: Frontier = vec![(self.user, vec![start])];
        for (n, layer) in layers.iter().enumerate() {
            let reach = |&node| (node, self.arrive(node, n + 1, &frontier));
            frontier = layer.iter().map(reach).collect();
            frontier.retain(|(_, ways)| !ways.is_empty());
        }
        let mut ways = self.arrive(self.item, layers.len() + 1, &frontier);
        ways.truncate(self.limit);
        let n_edges = layers.len() + 1;
        ways.iter().map(|way| self.path(way, n_edges)).collect()
    }

    /// The best ways to `node`, the `position`-th of its path, from any node of the frontier, in
    /// order; possibly a few more than the limit.
    fn arrive(&self, node: u32, position: usize, frontier: &Frontier) -> Vec<Partial> {
        let is_item = !position.is_multiple_of(2);
        let matrix = if is_item {
            self.graph.by_item()
        } else {
            self.graph.by_user()
        };
        let (columns, weights) = row(matrix, node as usize);
        let mut ways = Vec::new();
        let mut extend = |column: usize, before: &[Partial]| {
            let (user, item) = if is_item {
                (columns[column], node)
            } else {
                (node, columns[column])
            };
            let step = self.normalized(user, item, weights[column]);
            ways.extend(before.iter().map(|way| {
                let mut way = *way;
                way.strength *= step;
                way.nodes[position] = node;
                way
            }));
        };
        if columns.len() < frontier.len() {
            for (n, column) in columns.iter().enumerate() {
                if let Ok(found) = frontier.binary_search_by_key(column, |(node, _)| *node) {
                    extend(n, &frontier[found].1);
                }
            }
        } else {
            for (other, before) in frontier {
                if let Ok(found) = columns.binary_search(other) {
                    extend(found, before);
                }
            }
        }
        keep_best(&mut ways, self.limit);
        ways
    }

    fn normalized(&self, user: u32, item: u32, weight: f32) -> f64 {
        Normalization::Symmetric.scale(
            f64::from(weight),
            self.graph.user_degrees()[user as usize],
            self.graph.item_degrees()[item as usize],
        )
    }

    fn path(&self, way: &Partial, n_edges: usize) -> Path {
        let edge = |n: usize| {
            let (a, b) = (way.nodes[n], way.nodes[n + 1]);
            let (user, item) = if n.is_multiple_of(2) { (a, b) } else { (b, a) };
            let (columns, weights) = row(self.graph.by_user(), user as usize);
            let weight = weights[columns.partition_point(|&column| column < item)];
            PathEdge {
                user: UserId(user),
                item: ItemId(item),
                weight,
                normalized: self.normalized(user, item, weight),
            }
        };
        Path {
            edges: (0..n_edges).map(edge).collect(),
            strength: way.strength,
        }
    }
}

/// All neighbors of `rows` but `without`, ascending and distinct.
fn neighbors(matrix: &CsMatI<f32, u32, u64>, rows: &[u32], without: u32) -> Vec<u32> {
    let mut found: Vec<u32> = rows
        .iter()
        .flat_map(|&n| row(matrix, n as usize).0.iter().copied())
        .filter(|&node| node != without)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Sorts the ways to one node and drops those that cannot begin any of the `limit` best paths.
///
/// A way is dropped if `limit` others stay ahead of it however the path goes on: ways of equal
/// strength through lower nodes, and ways that are stronger by more than what rounding in later
/// multiplications could make equal. (Dropping by position alone could break ties wrongly, where two
/// different strengths round to the same item.)
fn keep_best(ways: &mut Vec<Partial>, limit: usize) {
    const SURELY_STRONGER: f64 = 1.0 - 1e-14;
    ways.sort_unstable_by(Partial::order);
    if ways.len() <= limit {
        return;
    }
    let mut kept = Vec::with_capacity(limit.saturating_add(1));
    let (mut stronger, mut equal_from) = (0, 0);
    for (n, way) in ways.iter().enumerate() {
        while ways[stronger].strength * SURELY_STRONGER > way.strength {
            stronger += 1;
        }
        if ways[equal_from].strength != way.strength {
            equal_from = n;
        }
        if stronger >= limit {
            break;
        }
        if stronger + (n - equal_from) < limit {
            kept.push(*way);
        }
    }
    *ways = kept;
}

#[cfg(test)]
mod tests;
