use super::*;
use crate::GraphOptions;
use crate::sparse::row_sums;
use crate::train_graph::tests::{Edge, edges, graph};
use crate::{ItemAttribute, Normalization};
use lightgcn_core::{Catalogue, InteractionsBuilder, ItemDetails, ItemId, UserId};
use proptest::prelude::*;

/// The normalizations without exponents, and some with.
fn all() -> Vec<Normalization> {
    let exponents = [(0.6, -0.1), (-0.1, 0.6), (0.4, 0.4), (1.5, -2.0)];
    let powers = exponents.map(|(row, column)| Normalization::powers(row, column).unwrap());
    Normalization::NAMED.into_iter().chain(powers).collect()
}

/// The matrix written out, `[n_nodes][n_nodes]`.
fn dense(n_users: usize, n_items: usize, edges: &[Edge], how: Normalization) -> Vec<Vec<f64>> {
    let adjacency = graph(n_users, n_items, edges)
        .adjacency(&how.into())
        .unwrap();
    let n = adjacency.n_rows();
    let mut dense = vec![vec![0.0; n]; n];
    for (&value, (row, column)) in adjacency.as_sprs().iter() {
        dense[row as usize][column as usize] = f64::from(value);
    }
    dense
}

/// The definition, without sparse rows.
fn formula(n_users: usize, n_items: usize, edges: &[Edge], how: Normalization) -> Vec<Vec<f64>> {
    let n = n_users + n_items;
    let mut a = vec![vec![0.0; n]; n];
    for &(user, item, weight) in edges {
        let (user, item) = (user as usize, n_users + item as usize);
        a[user][item] = f64::from(weight);
        a[item][user] = f64::from(weight);
    }
    let degree: Vec<f64> = a.iter().map(|row| row.iter().sum()).collect();
    let power = |d: f64, exponent: f64| if d > 0.0 { d.powf(exponent) } else { 0.0 };
    let (left, right) = match how {
        Normalization::Symmetric => (-0.5, -0.5),
        Normalization::Left => (-1.0, 0.0),
        Normalization::Right => (0.0, -1.0),
        Normalization::None => (0.0, 0.0),
        Normalization::Powers { row, column } => (-row.value(), -column.value()),
    };
    for (r, row) in a.iter_mut().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            *value *= power(degree[r], left) * power(degree[c], right);
        }
    }
    a
}

#[test]
fn weighted_normalizations_by_hand() {
    // User 0 has degree 4 + 5 = 9, user 1 is isolated; items have 4 and 5 + 11 = 16,
    // user 2 has 11.
    let graph = graph(3, 2, &[(0, 0, 4.0), (0, 1, 5.0), (2, 1, 11.0)]);
    let values = |how: Normalization| graph.adjacency(&how.into()).unwrap().values().to_vec();
    let adjacency = graph.adjacency(&AdjacencyRequest::default()).unwrap();
    assert_eq!(adjacency.row_offsets(), [0, 2, 2, 3, 4, 6]);
    assert_eq!(adjacency.columns(), [3, 4, 4, 0, 0, 2]);
    let s = (11.0f64 / 176f64.sqrt()) as f32;
    let expected = [4.0 / 6.0, 5.0 / 12.0, s, 4.0 / 6.0, 5.0 / 12.0, s];
    assert_eq!(adjacency.values(), expected);
    assert_eq!(
        values(Normalization::Left),
        [4.0 / 9.0, 5.0 / 9.0, 1.0, 1.0, 5.0 / 16.0, 11.0 / 16.0]
    );
    assert_eq!(
        values(Normalization::Right),
        [1.0, 5.0 / 16.0, 11.0 / 16.0, 4.0 / 9.0, 5.0 / 9.0, 1.0]
    );
    assert_eq!(
        values(Normalization::None),
        [4.0, 5.0, 11.0, 4.0, 5.0, 11.0]
    );
    // Row degrees to the power 1/2, column degrees to the power -1/2.
    let powers = Normalization::powers(0.5, -0.5).unwrap();
    let s = 11f64.sqrt();
    let expected = [
        4.0 / 3.0 * 2.0,
        5.0 / 3.0 * 4.0,
        11.0 / s * 4.0,
        4.0 / 2.0 * 3.0,
        5.0 / 4.0 * 3.0,
        11.0 / 4.0 * s,
    ];
    for (found, expected) in values(powers).into_iter().zip(expected) {
        assert!((f64::from(found) - expected).abs() < 1e-6 * expected);
    }
    assert_eq!(adjacency.n_entries(), 6);
    assert_eq!(adjacency.normalization(), Normalization::Symmetric);
    assert_eq!(adjacency.clone().into_sprs(), *adjacency.as_sprs());
}

#[test]
fn one_edge_weighs_1_whatever_its_weight() {
    for weight in [0.01, 1.0, 3e38, 1e-38] {
        let graph = graph(1, 1, &[(0, 0, weight)]);
        for how in [
            Normalization::Symmetric,
            Normalization::Left,
            Normalization::Right,
        ] {
            let adjacency = graph.adjacency(&how.into()).unwrap();
            assert_eq!(adjacency.values(), [1.0, 1.0], "{how} {weight}");
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_dense_formula((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        for how in all() {
            let found = dense(n_users, n_items, &edges, how);
            let expected = formula(n_users, n_items, &edges, how);
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!((found - expected).abs() <= 1e-6 * expected, "{found} {expected}");
            }
        }
    }

    #[test]
    fn rows_are_ordered_and_left_rows_sum_to_1((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        for how in all() {
            let adjacency = graph.adjacency(&how.into()).unwrap();
            prop_assert_eq!(adjacency.n_entries(), 2 * graph.n_edges());
            for window in adjacency.row_offsets().windows(2) {
                let range = window[0] as usize..window[1] as usize;
                prop_assert!(adjacency.columns()[range.clone()].is_sorted_by(|a, b| a < b));
                let sum: f64 = adjacency.values()[range.clone()].iter().map(|&v| f64::from(v)).sum();
                if how == Normalization::Left && !range.is_empty() {
                    prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
                }
            }
        }
    }

    #[test]
    fn symmetric_ones_equal_their_transpose((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let graph = graph(n_users, n_items, &edges);
        for how in all() {
            let adjacency = graph.adjacency(&how.into()).unwrap();
            let transposed = adjacency.as_sprs().transpose_view().to_csr();
            if adjacency.is_symmetric() {
                prop_assert_eq!(adjacency.as_sprs(), &transposed);
            } else {
                let other = match how {
                    Normalization::Powers { row, column } => Normalization::Powers {
                        row: column,
                        column: row,
                    },
                    Normalization::Left => Normalization::Right,
                    _ => Normalization::Left,
                };
                prop_assert_eq!(graph.adjacency(&other.into()).unwrap().into_sprs(), transposed);
            }
        }
    }

    /// Turning the order of the nodes around turns the matrix around.
    #[test]
    fn relabeling_permutes((n_users, n_items, edges) in edges(2, 0.01f32..1.0)) {
        let turned: Vec<Edge> = edges
            .iter()
            .map(|&(u, i, w)| (n_users as u32 - 1 - u, n_items as u32 - 1 - i, w))
            .collect();
        let turn = |n: usize| if n < n_users { n_users - 1 - n } else { 2 * n_users + n_items - 1 - n };
        for how in all() {
            let a = dense(n_users, n_items, &edges, how);
            let b = dense(n_users, n_items, &turned, how);
            for (r, row) in a.iter().enumerate() {
                for (c, &value) in row.iter().enumerate() {
                    let other = b[turn(r)][turn(c)];
                    prop_assert!((value - other).abs() <= 1e-6 * value, "{value} {other}");
                }
            }
        }
    }

    /// The layout that LightGCN has always had: the two triangles, scaled by the graph's degrees.
    #[test]
    fn default_request_gives_the_bits_of_the_two_triangles(
        (n_users, n_items, edges) in edges(2, 0.01f32..1.0),
    ) {
        let graph = graph(n_users, n_items, &edges);
        for how in all() {
            let halves = [
                (graph.by_user(), graph.user_degrees(), graph.item_degrees(), n_users as u32),
                (graph.by_item(), graph.item_degrees(), graph.user_degrees(), 0),
            ];
            let (mut columns, mut bits) = (Vec::new(), Vec::new());
            for (matrix, row_degrees, column_degrees, first) in halves {
                for (n, &degree) in row_degrees.iter().enumerate() {
                    let (neighbors, weights) = row(matrix, n);
                    for (&c, &w) in neighbors.iter().zip(weights) {
                        let value = how.scale(f64::from(w), degree, column_degrees[c as usize]);
                        columns.push(first + c);
                        bits.push((value as f32).to_bits());
                    }
                }
            }
            let found = graph.adjacency(&how.into()).unwrap();
            prop_assert_eq!(found.columns(), columns);
            let found: Vec<u32> = found.values().iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(found, bits);
        }
    }

    /// Rectangles are blocks of the square, exchanging the kinds transposes, and rows and columns
    /// sum to 1 where a normalization says so.
    #[test]
    fn rectangles_transpose_and_their_rows_sum_to_1(
        (n_users, n_items, edges) in edges(2, 0.01f32..1.0),
        triples in prop::collection::vec((0u32..4, 0u32..2, 0u32..3), 1..12),
    ) {
        let graph = graph(n_users, n_items, &edges)
            .with_kind("entity", 4).unwrap()
            .with_kind("word", 3).unwrap()
            .with_triples(["entity", "word"], &["says", "hears"], &triples).unwrap();
        let relations = ["says", "hears"].map(|name| EdgeType::Relation(name.to_owned()));
        let edges = relations.into_iter().filter(|edge| !graph.find_edges(edge).unwrap().is_empty());
        let edges: Vec<EdgeType> = edges.chain([EdgeType::Behaviors]).collect();
        for (rows, columns) in [("user", "item"), ("entity", "word")] {
            for how in all() {
                let ask = |rows, columns, how| {
                    graph.adjacency(&request(edges.clone(), how, rectangle(rows, columns))).unwrap()
                };
                let transposed = match how {
                    Normalization::Left => Normalization::Right,
                    Normalization::Right => Normalization::Left,
                    Normalization::Powers { row, column } => {
                        Normalization::Powers { row: column, column: row }
                    }
                    other => other,
                };
                let found = ask(rows, columns, how).into_sprs();
                let other = ask(columns, rows, transposed).into_sprs();
                prop_assert_eq!(&found.transpose_view().to_csr(), &other);
                if how == Normalization::Left {
                    for sum in row_sums(&found) {
                        prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-6, "{}", sum);
                    }
                }
            }
            let block = request(edges.clone(), Normalization::None, rectangle(rows, columns));
            let block = graph.adjacency(&block).unwrap();
            let square = request(edges.clone(), Normalization::None, AdjacencyShape::Square);
            let square = graph.adjacency(&square).unwrap();
            prop_assert!(square.is_symmetric());
            let first = |kind| graph.nodes().rows(kind).unwrap().start;
            for (&value, (r, c)) in block.as_sprs() {
                let (r, c) = (first(rows) + r as usize, first(columns) + c as usize);
                prop_assert_eq!(square.as_sprs().get(r, c), Some(&value));
                prop_assert_eq!(square.as_sprs().get(c, r), Some(&value));
            }
        }
    }
}

fn request(
    edges: Vec<EdgeType>,
    normalization: Normalization,
    shape: AdjacencyShape,
) -> AdjacencyRequest {
    AdjacencyRequest {
        edges,
        normalization,
        shape,
        ..AdjacencyRequest::default()
    }
}

fn rectangle(rows: &str, columns: &str) -> AdjacencyShape {
    AdjacencyShape::Rectangular {
        rows: rows.to_owned(),
        columns: columns.to_owned(),
    }
}

fn behavior(name: &str) -> EdgeType {
    EdgeType::Behavior(name.to_owned())
}

fn per_type(weights: &[(&str, f32)]) -> EdgeWeights {
    EdgeWeights::PerType(weights.iter().map(|&(n, w)| (n.to_owned(), w)).collect())
}

/// Two users and three items: viewed and bought, viewed, carted; brands x, none, x.
fn shop() -> TrainGraph {
    let mut pairs = InteractionsBuilder::from_names(&["view", "cart", "buy"], &["buy"]).unwrap();
    for (user, item, weight, counts) in [
        (0, 0, 1.0, [2, 0, 1]),
        (0, 1, 0.25, [1, 0, 0]),
        (1, 1, 0.5, [0, 1, 0]),
    ] {
        let (user, item) = (UserId(user), ItemId(item));
        pairs.push(user, item, weight, &counts, None).unwrap();
    }
    let pairs = pairs.build(2, 3).unwrap();
    let brand = |brand: Option<&str>| ItemDetails {
        brand: brand.map(str::to_owned),
        ..ItemDetails::default()
    };
    let catalogue = Catalogue::from_details([brand(Some("x")), brand(None), brand(Some("x"))]);
    TrainGraph::from_interactions(&pairs, &GraphOptions::default())
        .unwrap()
        .with_attributes(&catalogue, [ItemAttribute::Brand, ItemAttribute::Brand])
        .unwrap()
        .with_triples(
            ["item", "item"],
            &["like"],
            &[(2, 0, 0), (0, 0, 2), (1, 0, 2)],
        )
        .unwrap()
}

/// The entries (row, column, value) of a request without normalization.
fn entries(
    edges: Vec<EdgeType>,
    weights: EdgeWeights,
    shape: AdjacencyShape,
) -> Vec<(u32, u32, f32)> {
    let request = AdjacencyRequest {
        edges,
        weights,
        normalization: Normalization::None,
        shape,
    };
    let adjacency = shop().adjacency(&request).unwrap();
    adjacency
        .as_sprs()
        .iter()
        .map(|(&v, (r, c))| (r, c, v))
        .collect()
}

#[test]
fn behaviors_alone_and_together_by_hand() {
    let shape = || rectangle("user", "item");
    let of = |edges, weights| entries(edges, weights, shape());
    let both = || vec![behavior("buy"), behavior("view")];
    assert_eq!(
        of(vec![behavior("view")], EdgeWeights::Pair),
        [(0, 0, 1.0), (0, 1, 0.25)]
    );
    assert_eq!(of(vec![behavior("cart")], EdgeWeights::One), [(1, 1, 1.0)]);
    assert_eq!(of(both(), EdgeWeights::One), [(0, 0, 1.0), (0, 1, 1.0)]);
    let weights = per_type(&[("view", 0.5), ("buy", 2.0)]);
    assert_eq!(of(both(), weights), [(0, 0, 2.5), (0, 1, 0.5)]);
    let weights = per_type(&[("view", 0.5), ("buy", 2.0), ("cart", 1.0)]);
    let expected = [(0, 0, 2.5), (0, 1, 0.5), (1, 1, 1.0)];
    assert_eq!(of(vec![EdgeType::Behaviors], weights), expected);
}

#[test]
fn attributes_and_relations_by_hand() {
    let brand = || EdgeType::Attribute(ItemAttribute::Brand);
    let like = || EdgeType::Relation("like".to_owned());
    // Nodes: users 0 and 1, items 2 to 4, brand 5.
    let all = entries(
        vec![behavior("cart"), brand()],
        EdgeWeights::Pair,
        AdjacencyShape::Square,
    );
    let expected = [
        (1, 3, 0.5),
        (2, 5, 1.0),
        (3, 1, 0.5),
        (4, 5, 1.0),
        (5, 2, 1.0),
        (5, 4, 1.0),
    ];
    assert_eq!(all, expected);
    let shape = rectangle("brand", "item");
    let weights = per_type(&[("brand", 3.0)]);
    assert_eq!(
        entries(vec![brand()], weights, shape),
        [(0, 0, 3.0), (0, 2, 3.0)]
    );
    // Items 0 and 2 like each other, in two edges.
    let shape = rectangle("item", "item");
    let expected = [(0, 2, 2.0), (1, 2, 1.0), (2, 0, 2.0), (2, 1, 1.0)];
    assert_eq!(entries(vec![like()], EdgeWeights::One, shape), expected);
}

#[test]
fn co_occurrence_through_users_and_through_an_attribute() {
    let through = |through: &str| AdjacencyShape::CoOccurrence {
        of: "item".to_owned(),
        through: through.to_owned(),
        neighbors: Some(5),
    };
    let found = entries(
        vec![EdgeType::Behaviors],
        EdgeWeights::Pair,
        through("user"),
    );
    assert_eq!(found, [(0, 1, 0.25), (1, 0, 0.25)]);
    let edges = vec![EdgeType::Attribute(ItemAttribute::Brand)];
    let found = entries(edges, EdgeWeights::One, through("brand"));
    assert_eq!(found, [(0, 2, 1.0), (2, 0, 1.0)]);
    let edges = vec![EdgeType::Behaviors];
    let adjacency = request(edges, Normalization::Symmetric, through("user"));
    let adjacency = shop().adjacency(&adjacency).unwrap();
    assert!(adjacency.is_symmetric());
    assert_eq!(adjacency.values(), [1.0, 1.0]);
}

#[test]
fn requests_that_do_not_fit_are_errors() {
    let ask = |edges: Vec<EdgeType>, weights, shape| {
        let request = AdjacencyRequest {
            edges,
            weights,
            shape,
            ..AdjacencyRequest::default()
        };
        shop().adjacency(&request).unwrap_err()
    };
    let edges = |edges| ask(edges, EdgeWeights::Pair, AdjacencyShape::Square);
    let unknown = |error| {
        let GraphError::Unknown { what, given, .. } = error else {
            panic!("{error:?}");
        };
        (what, given)
    };
    let given = |what, given: &str| (what, given.to_owned());
    assert_eq!(edges(vec![]), GraphError::NothingSelected);
    assert_eq!(
        unknown(edges(vec![behavior("wish")])),
        given("behavior", "wish")
    );
    let relation = EdgeType::Relation("wish".to_owned());
    assert_eq!(unknown(edges(vec![relation])), given("relation", "wish"));
    let attribute = EdgeType::Attribute(ItemAttribute::CategoryId);
    assert_eq!(
        unknown(edges(vec![attribute])),
        given("attribute", "category_id")
    );
    let name = "view".to_owned();
    let twice = vec![behavior("view"), behavior("view")];
    assert_eq!(edges(twice), GraphError::DuplicateName { name });

    let shape = |shape| ask(vec![EdgeType::Behaviors], EdgeWeights::Pair, shape);
    assert_eq!(
        unknown(shape(rectangle("user", "shop"))),
        given("node kind", "shop")
    );
    assert_eq!(shape(rectangle("user", "brand")), GraphError::NoEdges);
    let co_occurrence = AdjacencyShape::CoOccurrence {
        of: "item".to_owned(),
        through: "user".to_owned(),
        neighbors: Some(0),
    };
    assert_eq!(shape(co_occurrence), GraphError::NoNeighbors);

    let weights = |weights| ask(vec![behavior("view")], weights, AdjacencyShape::Square);
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let (name, given) = ("view".to_owned(), weight.to_string());
        let error = weights(per_type(&[("view", weight)]));
        assert_eq!(error, GraphError::EdgeWeight { name, given });
    }
    let name = "view".to_owned();
    assert_eq!(weights(per_type(&[])), GraphError::MissingWeight { name });
    let name = "buy".to_owned();
    let error = weights(per_type(&[("buy", 1.0), ("view", 1.0)]));
    assert_eq!(error, GraphError::UnusedWeight { name });
}

#[test]
fn requests_come_back_from_json() {
    let request = AdjacencyRequest {
        edges: vec![
            EdgeType::Behaviors,
            behavior("view"),
            EdgeType::Attribute("price:10".parse().unwrap()),
            EdgeType::Relation("like".to_owned()),
        ],
        weights: per_type(&[("view", 0.5)]),
        normalization: Normalization::Left,
        shape: rectangle("user", "item"),
    };
    let text = serde_json::to_string(&request).unwrap();
    let expected = r#"{"edges":["behaviors",{"behavior":"view"},{"attribute":"price:10"},"#
        .to_owned()
        + r#"{"relation":"like"}],"weights":{"per_type":{"view":0.5}},"normalization":"left","#
        + r#""shape":{"rectangular":{"rows":"user","columns":"item"}}}"#;
    assert_eq!(text, expected);
    assert_eq!(
        serde_json::from_str::<AdjacencyRequest>(&text).unwrap(),
        request
    );
    let default: AdjacencyRequest = serde_json::from_str("{}").unwrap();
    assert_eq!(default, AdjacencyRequest::default());
    assert!(serde_json::from_str::<AdjacencyRequest>(r#"{"edge":[]}"#).is_err());
}
