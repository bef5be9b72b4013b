//! Paths by hand: ann met glove and mug, bob glove, lamp and mug, cleo mug and nail. Glove and lamp are red, and mug goes
//! with nail.

use crate::test_shop::{self, ranking_of};
use crate::{ContextEvent, ExplainOptions, ExplainRequest, Explanation, Method, Recommender};
use lightgcn_graph::{AdjacencyRequest, EdgeType};
use lightgcn_store::{Artifact, AttentionEdge, StoredAttention};

const ANN: u32 = 0;
const BOB: u32 = 1;
const CLEO: u32 = 2;
const DORA: u32 = 3;
const GLOVE: u32 = 5;
const LAMP: u32 = 6;
const MUG: u32 = 7;
const NAIL: u32 = 8;
const OIL: u32 = 9;
const RED: u32 = 11;

/// The nodes, the relations along which each has an edge to another, and what it takes of it.
const EDGES: [(u32, u32, u32, f32); 22] = [
    (ANN, 0, GLOVE, 0.75),
    (ANN, 0, MUG, 0.25),
    (BOB, 0, GLOVE, 0.5),
    (BOB, 0, LAMP, 0.25),
    (BOB, 0, MUG, 0.25),
    (CLEO, 0, MUG, 0.5),
    (CLEO, 0, NAIL, 0.5),
    (DORA, 0, OIL, 1.0),
    (GLOVE, 1, ANN, 0.25),
    (GLOVE, 1, BOB, 0.25),
    (GLOVE, 2, RED, 0.5),
    (LAMP, 1, BOB, 0.5),
    (LAMP, 2, RED, 0.5),
    (MUG, 1, ANN, 0.25),
    (MUG, 1, BOB, 0.25),
    (MUG, 1, CLEO, 0.25),
    (MUG, 4, NAIL, 0.25),
    (NAIL, 1, CLEO, 0.5),
    (NAIL, 5, MUG, 0.5),
    (OIL, 1, DORA, 1.0),
    (RED, 3, GLOVE, 0.25),
    (RED, 3, LAMP, 0.75),
];

fn artifact(n_layers: usize) -> Artifact {
    let mut artifact = test_shop::artifact();
    let relation = |name: &str| EdgeType::Relation(name.to_owned());
    let types = [
        EdgeType::Behaviors,
        relation("color"),
        relation("goes_with"),
    ];
    let graphs = types.map(|edge_type| AdjacencyRequest {
        edges: vec![edge_type],
        ..AdjacencyRequest::default()
    });
    artifact.model.name = "kgat".to_owned();
    artifact.model.n_layers = n_layers;
    artifact.model.layer_weights = None;
    artifact.model.graphs = graphs.to_vec();
    let edges = |node: u32| {
        let of_node = EDGES.into_iter().filter(move |edge| edge.0 == node);
        of_node.map(|(_, relation, tail, weight)| AttentionEdge {
            tail,
            relation,
            weight,
        })
    };
    artifact.attention = Some(StoredAttention {
        edges: (0..=RED).map(edges).collect(),
        names: vec!["red".to_owned()],
    });
    artifact
}

fn explain(artifact: Artifact, item: &str, options: ExplainOptions) -> Explanation {
    let shop = Recommender::from_artifact(artifact).unwrap();
    shop.explain("ann", item, &options).unwrap()
}

const ALL: ExplainOptions = ExplainOptions {
    limit: 5,
    max_hops: 5,
    min_users: 1,
};

/// The paths without their details, and their attention.
fn paths(explanation: &Explanation) -> Vec<(String, f64)> {
    let paths = explanation.paths.iter();
    paths
        .map(|path| {
            assert!(path.attention && path.value.is_none() && path.share.is_none());
            let product: f64 = path.edges.iter().map(|edge| edge.weight).product();
            assert!((product - path.strength).abs() < 1e-12, "{path}");
            let text = path.to_string();
            let text = text.replace(" (acme, lighting.desk, 12.50)", "");
            (
                text.split(" (attention").next().unwrap().to_owned(),
                path.strength,
            )
        })
        .collect()
}

fn shown(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    let expected = expected.iter();
    expected
        .map(|&(text, attention)| (text.to_owned(), attention))
        .collect()
}

#[test]
fn paths_over_entities_and_other_users() {
    let why = explain(artifact(3), "lamp", ALL);
    assert_eq!(why.method, Method::Attention);
    let expected = [
        (
            "user -[viewed 3x, purchased 1x: 0.750]-> item glove -[color: 0.500]-> red \
             <-[color: 0.750]- item lamp",
            0.75 * 0.5 * 0.75,
        ),
        (
            "user -[viewed 3x, purchased 1x: 0.750]-> item glove <-[purchased 1x: 0.250]- another user \
             -[viewed 1x, carted 1x, purchased 1x: 0.250]-> item lamp",
            0.75 * 0.25 * 0.25,
        ),
        (
            "user -[viewed 1x: 0.250]-> item mug <-[carted 1x, removed from cart 1x: 0.250]- \
             another user -[viewed 1x, carted 1x, purchased 1x: 0.250]-> item lamp",
            0.25 * 0.25 * 0.25,
        ),
    ];
    assert_eq!(paths(&why), shown(&expected));
    let text = why.to_string();
    assert!(text.contains("red <-[color: 0.750]- item lamp"), "{text}");
    assert!(text.contains("(attention 2.812e-1)"), "{text}");
    assert!(
        text.contains("attention is a weight in the model, not a part of the score"),
        "{text}"
    );
    assert!(why.contributions.is_empty() && why.reason.is_none());
}

#[test]
fn direct_relations_and_the_users_own_edge_come_first() {
    let why = explain(artifact(3), "nail", ALL);
    let expected = [
        (
            "user -[viewed 1x: 0.250]-> item mug -[goes_with: 0.250]-> item nail",
            0.25 * 0.25,
        ),
        (
            "user -[viewed 1x: 0.250]-> item mug <-[purchased 1x: 0.250]- another user \
             -[viewed 1x, purchased 1x: 0.500]-> item nail",
            0.25 * 0.25 * 0.5,
        ),
    ];
    assert_eq!(paths(&why), shown(&expected));
    let why = explain(artifact(3), "glove", ALL);
    let own = "user -[viewed 3x, purchased 1x: 0.750]-> item glove";
    assert_eq!(paths(&why)[0], (own.to_owned(), 0.75));
    assert_eq!(paths(&why).len(), 2);
    let one = ExplainOptions { limit: 1, ..ALL };
    assert_eq!(paths(&explain(artifact(3), "glove", one)).len(), 1);
}

#[test]
fn the_limit_keeps_the_strongest() {
    let found = paths(&explain(artifact(3), "lamp", ALL));
    for limit in 1..=3 {
        let few = explain(artifact(3), "lamp", ExplainOptions { limit, ..ALL });
        assert_eq!(paths(&few), found[..limit]);
    }
}

#[test]
fn few_users_are_not_shown() {
    let why = explain(artifact(3), "lamp", ExplainOptions::default());
    assert_eq!(paths(&why).len(), 1);
    assert_eq!(why.paths[0].edges.len(), 3);
    // Two users who met glove and mug: what glove takes of both, then the mean of what they take of mug.
    let mut artifact = artifact(3);
    let attention = artifact.attention.as_mut().unwrap();
    let mut rows: Vec<_> = attention.edges.iter().map(<[_]>::to_vec).collect();
    let edge = |relation, tail, weight| AttentionEdge {
        tail,
        relation,
        weight,
    };
    rows[CLEO as usize] = vec![edge(0, GLOVE, 0.25), edge(0, LAMP, 0.75)];
    rows[GLOVE as usize].insert(2, edge(1, CLEO, 0.125));
    rows[LAMP as usize].insert(1, edge(1, CLEO, 0.125));
    attention.edges = rows.into_iter().collect();
    let two = ExplainOptions {
        min_users: 2,
        ..ALL
    };
    let why = explain(artifact, "lamp", two);
    let group = &why.paths[1].edges;
    assert_eq!(group[1].weight, 0.25 + 0.125);
    let mean = (0.25 * 0.25 + 0.125 * 0.75) / 0.375;
    assert!((group[2].weight - mean).abs() < 1e-12);
    // So are those who met mug.
    assert_eq!(why.paths.len(), 3);
}

#[test]
fn a_path_has_at_most_as_many_edges_as_the_model_has_layers() {
    let two = explain(artifact(2), "nail", ALL);
    assert_eq!(paths(&two).len(), 1);
    // Without a path by attention, those in the data are evidence.
    for (n_layers, max_hops) in [(2, 5), (1, 3), (0, 5)] {
        let options = ExplainOptions { max_hops, ..ALL };
        let why = explain(artifact(n_layers), "lamp", options);
        assert_eq!(why.method, Method::Evidence);
        assert!(!why.paths.is_empty() && why.paths.iter().all(|path| !path.attention));
        assert!(why.instead.unwrap().contains("evidence"));
    }
    let one = ExplainOptions { max_hops: 1, ..ALL };
    assert!(explain(artifact(3), "lamp", one).paths.is_empty());
}

#[test]
fn what_training_did_not_see_has_no_attention() {
    let shop = Recommender::from_artifact(artifact(3)).unwrap();
    let request = ExplainRequest {
        user: "new".to_owned(),
        item: "lamp".to_owned(),
        events: vec![ContextEvent {
            item: "glove".to_owned(),
            behavior: "view".to_owned(),
            count: 1.0,
            time: None,
        }],
        options: ALL,
    };
    let why = shop.explain_request(&request).unwrap();
    assert_ne!(why.method, Method::Attention);
    assert!(why.paths.iter().all(|path| !path.attention));
    let nothing = shop.explain("idle", "lamp", &ALL).unwrap();
    assert_eq!(nothing.method, Method::Evidence);
    // A user who is forgotten is on no path any more.
    let rest = artifact(3).without_user("bob").unwrap().unwrap();
    let why = explain(rest, "lamp", ALL);
    assert_eq!(why.paths.len(), 1);
    assert!(why.paths[0].to_string().contains("red"), "{}", why.paths[0]);
}

#[test]
fn edges_without_weight_or_to_no_item_lead_nowhere() {
    let mut odd = artifact(3);
    let attention = odd.attention.as_mut().unwrap();
    let mut rows: Vec<_> = attention.edges.iter().map(<[_]>::to_vec).collect();
    let edge = |relation, tail, weight| AttentionEdge {
        tail,
        relation,
        weight,
    };
    rows[ANN as usize] = vec![edge(0, BOB, 0.5), edge(0, GLOVE, 0.0), edge(0, MUG, 0.5)];
    rows[MUG as usize][0] = edge(1, ANN, 0.0);
    attention.edges = rows.into_iter().collect();
    let found: Vec<f64> = paths(&explain(odd, "lamp", ALL))
        .into_iter()
        .map(|p| p.1)
        .collect();
    assert_eq!(found, [0.5 * 0.25 * 0.25]);
}

#[test]
fn a_learned_ranking_shows_the_same_paths() {
    let mut with = artifact(3);
    with.ranking = Some(ranking_of(&with).to_stored().unwrap());
    let why = explain(with, "lamp", ALL);
    assert_eq!(why.method, Method::Ranking);
    assert_eq!(paths(&why), paths(&explain(artifact(3), "lamp", ALL)));
    assert!(!why.terms.is_empty());
}

#[test]
fn answers_name_relations_and_entities() {
    let why = explain(artifact(3), "lamp", ALL);
    let json = serde_json::to_value(&why).unwrap();
    assert_eq!(json["method"], "attention");
    let path = &json["paths"][0];
    assert_eq!(path["attention"], true);
    assert_eq!(path["edges"][0].get("relation"), None);
    let relation = |against: bool| serde_json::json!({ "name": "color", "against": against });
    assert_eq!(path["edges"][1]["relation"], relation(false));
    assert_eq!(path["edges"][2]["relation"], relation(true));
    let entity = serde_json::json!({ "kind": "entity", "name": "red" });
    assert_eq!(path["edges"][1]["to"], entity);
    assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), why);
}
