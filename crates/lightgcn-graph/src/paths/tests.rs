use super::*;
use crate::train_graph::tests::{edges, graph};
use proptest::prelude::*;

/// A path as the row numbers of its nodes, with its strength.
type Walk = (f64, Vec<u32>);

fn walks(paths: &[Path]) -> Vec<Walk> {
    let nodes =
        |path: &Path| {
            let first = path.edges().first().map(|edge| edge.user.0);
            let later = path.edges().iter().enumerate().map(|(n, edge)| {
                if n % 2 == 0 { edge.item.0 } else { edge.user.0 }
            });
            first.into_iter().chain(later).collect()
        };
    paths
        .iter()
        .map(|path| (path.strength(), nodes(path)))
        .collect()
}

/// All simple paths of exactly `hops` edges by depth-first search, in order.
fn enumerate(graph: &TrainGraph, user: u32, item: u32, hops: usize) -> Vec<Walk> {
    fn extend(graph: &TrainGraph, item: u32, hops: usize, walk: Walk, found: &mut Vec<Walk>) {
        let (strength, nodes) = walk;
        let n = nodes.len();
        if n == hops + 1 {
            if nodes[n - 1] == item {
                found.push((strength, nodes));
            }
            return;
        }
        let from_user = n % 2 == 1;
        let here = nodes[n - 1] as usize;
        let matrix = if from_user {
            graph.by_user()
        } else {
            graph.by_item()
        };
        let (columns, weights) = row(matrix, here);
        for (&next, &weight) in columns.iter().zip(weights) {
            // Nodes of the same kind as the next one stand at every second place before it.
            let met = nodes
                .iter()
                .rev()
                .skip(1)
                .step_by(2)
                .any(|&node| node == next);
            if met {
                continue;
            }
            let (u, i) = if from_user {
                (here, next as usize)
            } else {
                (next as usize, here)
            };
            let degrees = graph.user_degrees()[u] * graph.item_degrees()[i];
            let strength = strength * (f64::from(weight) / degrees.sqrt());
            let nodes = nodes.iter().copied().chain([next]).collect();
            extend(graph, item, hops, (strength, nodes), found);
        }
    }
    let mut found = Vec::new();
    extend(graph, item, hops, (1.0, vec![user]), &mut found);
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found
}

fn brute_force(graph: &TrainGraph, user: u32, item: u32, options: &PathOptions) -> Vec<Walk> {
    let mut found = Vec::new();
    for hops in [1, 3] {
        if options.max_hops >= hops {
            found.extend(enumerate(graph, user, item, hops));
        }
    }
    if options.max_hops >= 5 && found.is_empty() {
        found = enumerate(graph, user, item, 5);
    }
    found.truncate(options.limit);
    found
}

/// Every user and item, every length and several limits.
fn check_against_brute_force(graph: &TrainGraph) -> Result<(), TestCaseError> {
    for user in 0..graph.n_users() as u32 {
        for item in 0..graph.n_items() as u32 {
            for max_hops in 0..=6 {
                for limit in [0, 1, 2, 5, usize::MAX] {
                    let options = PathOptions { max_hops, limit };
                    let found = strongest_paths(graph, UserId(user), ItemId(item), &options);
                    let expected = brute_force(graph, user, item, &options);
                    prop_assert_eq!(walks(&found), expected, "{} {} {:?}", user, item, options);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn direct_edge_first_then_through_others() {
    // Degrees: users 2, 2, 1; items 3 and 2.
    let graph = graph(
        3,
        2,
        &[
            (0, 0, 1.0),
            (0, 1, 1.0),
            (1, 0, 1.0),
            (1, 1, 1.0),
            (2, 0, 1.0),
        ],
    );
    let paths = strongest_paths(&graph, UserId(0), ItemId(0), &PathOptions::default());
    assert_eq!(paths.iter().map(Path::hops).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(walks(&paths)[1].1, [0, 1, 1, 0]);
    assert!((paths[0].strength() - 1.0 / 6f64.sqrt()).abs() < 1e-15);
    let expected = 0.5 * 0.5 / 6f64.sqrt();
    assert!((paths[1].strength() - expected).abs() < 1e-15);
    let edge = paths[1].edges()[1];
    assert_eq!(
        (edge.user, edge.item, edge.weight),
        (UserId(1), ItemId(1), 1.0)
    );
    assert_eq!(edge.normalized, 0.5);
}

#[test]
fn five_hops_only_where_nothing_is_shorter() {
    // 0 - 0 - 1 - 1 - 2 - 2: a chain of users and items in turns.
    let chain = [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (1, 1, 1.0),
        (2, 1, 1.0),
        (2, 2, 1.0),
    ];
    let find = |edges: &[_], max_hops| {
        let options = PathOptions { max_hops, limit: 5 };
        walks(&strongest_paths(
            &graph(3, 3, edges),
            UserId(0),
            ItemId(2),
            &options,
        ))
    };
    assert_eq!(find(&chain, 3), []);
    let far = find(&chain, 5);
    assert_eq!(far.len(), 1);
    assert_eq!(far[0].1, [0, 0, 1, 1, 2, 2]);
    // Degrees along the way are 1, 2, 2, 2, 2, 1.
    assert!((far[0].0 - 0.125 * 0.5).abs() < 1e-15);
    // With a short cut the long way is not looked for.
    let mut edges = chain.to_vec();
    edges.push((1, 2, 1.0));
    let near = find(&edges, 5);
    assert_eq!(near.len(), 1);
    assert_eq!(near[0].1, [0, 0, 1, 2]);
}

#[test]
fn no_way_is_an_empty_answer() {
    let graph = graph(3, 3, &[(0, 0, 1.0), (1, 1, 1.0)]);
    for (user, item) in [(0, 1), (0, 2), (2, 0), (2, 2)] {
        let paths = strongest_paths(&graph, UserId(user), ItemId(item), &PathOptions::default());
        assert_eq!(paths, []);
    }
}

#[test]
#[should_panic(expected = "item row 3 is out of range: there are 3")]
fn rows_out_of_range_panic() {
    let graph = graph(1, 3, &[(0, 0, 1.0)]);
    let _ = strongest_paths(&graph, UserId(0), ItemId(3), &PathOptions::default());
}

/// Strengths a hair apart may round to the same item, where the lower node must come first:
/// such ways may not be dropped early.
#[test]
fn nearly_equal_ways_are_all_kept() {
    let way = |strength: f64, node| Partial {
        strength,
        nodes: [0, node, 0, 0, 0, 0],
    };
    let hair = 0.5 * (1.0 + f64::EPSILON);
    let mut ways = vec![
        way(hair, 9),
        way(0.5, 3),
        way(0.5, 2),
        way(0.5, 1),
        way(0.4, 0),
    ];
    keep_best(&mut ways, 2);
    let nodes: Vec<u32> = ways.iter().map(|way| way.nodes[1]).collect();
    assert_eq!(nodes, [9, 1, 2]);
}

proptest! {
    #[test]
    fn agrees_with_brute_force((n_users, n_items, edges) in edges(3, 0.001f32..1.0)) {
        check_against_brute_force(&graph(n_users, n_items, &edges))?;
    }

    /// Few distinct weights make ties.
    #[test]
    fn ties_go_to_lower_nodes(
        (n_users, n_items, edges) in edges(3, prop::sample::select(vec![0.5f32, 1.0])),
    ) {
        check_against_brute_force(&graph(n_users, n_items, &edges))?;
    }

    /// Sparse graphs, where the long search matters.
    #[test]
    fn long_paths_agree_with_brute_force(
        (n_users, n_items, edges) in edges(5, prop::sample::select(vec![0.01f32, 0.1, 1.0])),
    ) {
        check_against_brute_force(&graph(n_users, n_items, &edges))?;
    }
}
