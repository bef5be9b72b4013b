use super::*;
use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
use proptest::prelude::*;

pub(crate) type Edge = (u32, u32, f32);

fn interactions(n_users: usize, n_items: usize, edges: &[Edge]) -> Interactions {
    let mut pairs = InteractionsBuilder::from_names(&["view"], &["view"]).unwrap();
    for &(user, item, weight) in edges {
        pairs
            .push(UserId(user), ItemId(item), weight, &[1], None)
            .unwrap();
    }
    pairs.build(n_users, n_items).unwrap()
}

pub(crate) fn graph(n_users: usize, n_items: usize, edges: &[Edge]) -> TrainGraph {
    let pairs = interactions(n_users, n_items, edges);
    TrainGraph::from_interactions(&pairs, &GraphOptions::default()).unwrap()
}

/// Sizes and at least one edge; each possible edge is present with one chance in `rarity`.
pub(crate) fn edges(
    rarity: u32,
    weight: impl Strategy<Value = f32> + Clone + 'static,
) -> impl Strategy<Value = (usize, usize, Vec<Edge>)> {
    (1usize..7, 1usize..7)
        .prop_flat_map(move |(n_users, n_items)| {
            let cell = (0..rarity, weight.clone());
            let cells = prop::collection::vec(cell, n_users * n_items);
            (Just(n_users), Just(n_items), cells)
        })
        .prop_map(|(n_users, n_items, cells)| {
            let edge = |n: usize, weight| ((n / n_items) as u32, (n % n_items) as u32, weight);
            let mut edges: Vec<Edge> = cells
                .iter()
                .enumerate()
                .filter(|(_, (chance, _))| *chance == 0)
                .map(|(n, (_, weight))| edge(n, *weight))
                .collect();
            if edges.is_empty() {
                edges.push((0, 0, 0.5));
            }
            (n_users, n_items, edges)
        })
}

#[test]
fn both_sides_by_hand() {
    // User 1 and item 2 are isolated.
    let graph = graph(3, 3, &[(2, 1, 0.25), (0, 1, 0.5), (0, 0, 1.0)]);
    assert_eq!(
        (
            graph.n_users(),
            graph.n_items(),
            graph.n_nodes(),
            graph.n_edges()
        ),
        (3, 3, 6, 3)
    );
    assert_eq!(graph.user_degrees(), [1.5, 0.0, 0.25]);
    assert_eq!(graph.item_degrees(), [1.0, 0.75, 0.0]);
    assert_eq!(graph.by_user().indices(), [0, 1, 1]);
    assert_eq!(graph.by_user().data(), [1.0, 0.5, 0.25]);
    assert_eq!(graph.by_item().indptr().into_raw_storage(), [0, 1, 3, 3]);
    assert_eq!(graph.by_item().indices(), [0, 0, 2]);
    assert_eq!(graph.by_item().data(), [1.0, 0.5, 0.25]);
}

#[test]
fn a_split_without_edge_weights() {
    let train = interactions(2, 1, &[(0, 0, 0.01), (1, 0, 0.5)]);
    let split = Split::new(train, Truth::empty(2, 1), Truth::empty(2, 1)).unwrap();
    let options = GraphOptions {
        edge_weights: false,
    };
    let graph = TrainGraph::new(&split.train, &options).unwrap();
    assert_eq!(graph.by_user().data(), [1.0, 1.0]);
    assert_eq!(graph.item_degrees(), [2.0]);
    assert_eq!(graph.options(), &options);
}

#[test]
fn a_graph_without_edges_is_refused() {
    for (n_users, n_items) in [(0, 0), (3, 2)] {
        let pairs = interactions(n_users, n_items, &[]);
        let error = TrainGraph::from_interactions(&pairs, &GraphOptions::default()).unwrap_err();
        assert_eq!(error, GraphError::Empty { n_users, n_items });
        assert!(error.to_string().contains("no pair"));
    }
}

proptest! {
    #[test]
    fn transpose_agrees_with_sprs((n_users, n_items, edges) in edges(3, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        let expected = graph.by_user().transpose_view().to_csr();
        prop_assert_eq!(graph.by_item(), &expected);
    }
}
