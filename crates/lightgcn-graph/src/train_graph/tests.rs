use super::*;
use crate::{AdjacencyRequest, EdgeWeights, Normalization};
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
fn a_graph_without_edges_is_an_error() {
    for (n_users, n_items) in [(0, 0), (3, 2)] {
        let pairs = interactions(n_users, n_items, &[]);
        let error = TrainGraph::from_interactions(&pairs, &GraphOptions::default()).unwrap_err();
        assert_eq!(error, GraphError::Empty { n_users, n_items });
    }
}

#[test]
fn edge_index_has_both_directions_in_the_same_order() {
    let graph = graph(3, 2, &[(0, 1, 0.5), (2, 0, 1.0), (2, 1, 0.25)]);
    let expected = [vec![0, 2, 2, 4, 3, 4], vec![4, 3, 4, 0, 2, 2]];
    assert_eq!(graph.edge_index(), expected);
}

#[test]
fn triples_that_do_not_fit_are_errors() {
    let graph = || graph(2, 3, &[(0, 1, 0.5)]).with_kind("entity", 1).unwrap();
    let add = |kinds, names: &[&str], triples: &[(u32, u32, u32)]| {
        graph().with_triples(kinds, names, triples).unwrap_err()
    };
    let (relation, kind) = ("made_of".to_owned(), "item".to_owned());
    let (row, rows) = (3, 3);
    assert_eq!(
        add(["item", "entity"], &["made_of"], &[(0, 0, 0), (3, 0, 0)]),
        GraphError::RowOutOfRange {
            relation,
            kind,
            row,
            rows
        }
    );
    let (relation, kind, row) = ("like".to_owned(), "item".to_owned(), 2);
    assert_eq!(
        add(["item", "item"], &["like"], &[(2, 0, 2)]),
        GraphError::SelfEdge {
            relation,
            kind,
            row
        }
    );
    for names in [["view", "like"], ["behaviors", "like"], ["like", "like"]] {
        let name = names[0].to_owned();
        let error = add(["item", "item"], &names, &[]);
        assert_eq!(error, GraphError::DuplicateName { name });
    }
    for (kinds, triple, what) in [
        (["item", "brand"], (0, 0, 0), "node kind"),
        (["item", "entity"], (0, 1, 0), "relation"),
    ] {
        let error = add(kinds, &["like"], &[triple]);
        assert!(matches!(error, GraphError::Unknown { what: found, .. } if found == what));
    }
}

#[test]
fn a_relation_may_link_several_kinds_and_a_catalogue_must_fit() {
    let graph = graph(1, 2, &[(0, 1, 0.5)])
        .with_kind("entity", 2)
        .unwrap()
        .with_triples(["entity", "entity"], &["near"], &[(1, 0, 0)])
        .unwrap()
        .with_triples(["item", "entity"], &["near"], &[(1, 0, 0), (1, 0, 0)])
        .unwrap();
    let near = EdgeType::Relation("near".to_owned());
    assert_eq!(graph.find_edges(&near).unwrap(), [(2, 3), (4, 3)]);
    assert_eq!(graph.further_edges().collect::<Vec<_>>(), [&near]);
    let error = graph
        .with_attributes(&Catalogue::unknown(3), [])
        .unwrap_err();
    let (found, wanted) = (3, 2);
    assert_eq!(error, GraphError::CatalogueSize { found, wanted });
}

proptest! {
    #[test]
    fn transpose_agrees_with_sprs((n_users, n_items, edges) in edges(3, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        let expected = graph.by_user().transpose_view().to_csr();
        prop_assert_eq!(graph.by_item(), &expected);
    }
}

/// Items 0 and 1; entities 2 (comedy) and 3 (Ann). Ann is in item 1 and directed item 0, a comedy.
fn films() -> lightgcn_core::Knowledge {
    use lightgcn_core::{Triple, Vocabulary};
    let entities = Vocabulary::from_names(["comedy", "Ann"]).unwrap();
    let relations = ["genre", "actor", "sequel"].map(str::to_owned).to_vec();
    let triples = [(0, 0, 2), (3, 1, 1), (1, 2, 0), (3, 0, 2)];
    let triples = triples.map(|(head, relation, tail)| Triple {
        relation,
        head,
        tail,
    });
    lightgcn_core::Knowledge::new(2, entities, relations, triples.to_vec()).unwrap()
}

#[test]
fn named_relations_of_a_knowledge_graph_are_edges() {
    use crate::{AdjacencyRequest, AdjacencyShape, EdgeWeights, Normalization};
    let one = graph(1, 2, &[(0, 0, 0.5)]);
    assert_eq!(one.clone().with_knowledge(&films(), []).unwrap(), one);
    let known = one.with_knowledge(&films(), ["actor", "genre", "actor"]);
    let known = known.unwrap();
    assert_eq!(known.nodes().further(), [("entity".to_owned(), 2)]);
    let further: Vec<_> = known.further_edges().map(ToString::to_string).collect();
    assert_eq!(further, ["actor", "genre"]);
    let directed = |edge: EdgeType| {
        let request = AdjacencyRequest {
            edges: vec![edge],
            weights: EdgeWeights::One,
            normalization: Normalization::None,
            shape: AdjacencyShape::Directed,
        };
        let adjacency = known.adjacency(&request).unwrap();
        assert!(!adjacency.is_symmetric());
        let matrix = adjacency.as_sprs().iter();
        let edges: Vec<_> = matrix.map(|(_, (row, column))| (row, column)).collect();
        edges
    };
    // Node 0 is the user, then items, then entities.
    assert_eq!(directed(EdgeType::Behaviors), [(0, 1)]);
    let relation = |name: &str| EdgeType::Relation(name.to_owned());
    assert_eq!(directed(relation("genre")), [(1, 3), (4, 3)]);
    assert_eq!(directed(relation("actor")), [(4, 2)]);
}

#[test]
fn unknown_relations_are_errors_that_name_the_nearest() {
    let plain = graph(1, 2, &[(0, 0, 0.5)]);
    let error = plain.clone().with_knowledge(&films(), ["genres"]);
    let error = error.unwrap_err();
    let known = ["genre", "actor", "sequel"].map(str::to_owned).to_vec();
    let (what, given) = ("relation", "genres".to_owned());
    assert_eq!(error, GraphError::Unknown { what, given, known });
    assert_eq!(
        error.to_string(),
        "\"genres\" is not a known relation; did you mean \"genre\"? choose one of genre, actor, sequel"
    );
    let none = lightgcn_core::Knowledge::default();
    let error = plain.clone().with_knowledge(&none, ["genre"]).unwrap_err();
    assert!(
        matches!(&error, GraphError::Unknown { what: "relation", given, known } if given == "genre" && known.is_empty()),
        "{error}"
    );
    let other = graph(1, 3, &[(0, 0, 0.5)]);
    let (found, wanted) = (2, 3);
    assert_eq!(
        other.with_knowledge(&films(), ["genre"]).unwrap_err(),
        GraphError::KnowledgeSize { found, wanted }
    );
}

/// Every edge is in the part of its user, with the bits that it has in the whole matrix.
#[test]
fn parts_of_the_users_are_the_whole_matrix() {
    let edges = [
        (0, 1, 0.5),
        (1, 0, 1.0),
        (1, 1, 0.25),
        (3, 2, 0.7),
        (4, 1, 0.3),
    ];
    let graph = graph(5, 3, &edges);
    let powers = Normalization::powers(0.6, -0.1).unwrap();
    let weights = [EdgeWeights::Pair, EdgeWeights::One];
    for (how, weights) in [Normalization::Symmetric, powers, Normalization::Left]
        .into_iter()
        .flat_map(|how| weights.clone().map(|weights| (how, weights)))
    {
        let request = AdjacencyRequest {
            weights,
            ..how.into()
        };
        let whole = graph.adjacency(&request).unwrap();
        let mut found = Vec::new();
        for users in [0..2, 2..3, 3..3, 3..5] {
            let part = graph.adjacency_of_users(&request, users.clone()).unwrap();
            assert_eq!(part.n_rows(), users.len() + 3);
            assert_eq!(part.is_symmetric(), whole.is_symmetric());
            let place = |n: u32| match (n as usize) < users.len() {
                true => n as usize + users.start,
                false => n as usize + 5 - users.len(),
            };
            let entries = part.as_sprs().iter();
            found.extend(entries.map(|(&value, (a, b))| (place(a), place(b), value.to_bits())));
        }
        found.sort_unstable();
        let entries = whole.as_sprs().iter();
        let entries = entries.map(|(&value, (a, b))| (a as usize, b as usize, value.to_bits()));
        assert_eq!(found, entries.collect::<Vec<_>>(), "{request:?}");
    }
}
