use super::*;
use crate::test_shop::{USERS, artifact};
use crate::{Recommender, answer::chain::tests::larger};
use lightgcn_core::{ItemDetails, ItemId, UserId};
use lightgcn_store::Storage;

fn shop() -> Recommender {
    Recommender::from_artifact(artifact()).unwrap()
}

const ALONE: ExplainOptions = ExplainOptions {
    limit: 5,
    max_hops: 5,
    min_users: 1,
};

fn explain(raw_user: &str, raw_item: &str) -> Explanation {
    shop().explain(raw_user, raw_item, &ALONE).unwrap()
}

fn stations(path: &ExplainedPath) -> Vec<String> {
    let name = |node: &PathNode| match node {
        PathNode::User => "me".to_owned(),
        PathNode::OtherUsers { count } => format!("*{count}"),
        PathNode::Item { item, .. } => item.clone(),
        PathNode::Entity { name } => name.clone(),
    };
    let mut names = vec![name(&path.edges[0].from)];
    for edge in &path.edges {
        assert_eq!(name(&edge.from), names[names.len() - 1], "edges must join");
        names.push(name(&edge.to));
    }
    names
}

#[test]
fn parts_sum_to_the_score() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    for user in 0..20 {
        for item in 0..60 {
            let why = shop.explain(&format!("u{user}"), &format!("p{item}"), &ALONE);
            let why = why.unwrap();
            assert_eq!(why.method, Method::PathSum);
            if item < 55 {
                let score = shop.ranker().score(UserId(user), ItemId(item));
                assert_eq!(why.score.to_bits(), score.to_bits());
            }
            let own = why.self_contribution.unwrap();
            let parts = why.contributions.iter();
            let sum: f64 = own.value + parts.clone().map(|part| part.value).sum::<f64>();
            assert!((sum - f64::from(why.score)).abs() < 1e-5, "{why:?}");
            assert!((sum + why.rounding - f64::from(why.score)).abs() < 1e-12);
            let shares: f64 = own.share.abs() + parts.map(|part| part.share.abs()).sum::<f64>();
            assert!((shares - 1.0).abs() < 1e-9);
            assert_eq!(why.paths.is_empty(), why.reason.is_some());
        }
    }
}

#[test]
fn rounding_to_16_bits_is_reported() {
    let mut artifact = larger();
    artifact.embeddings = artifact.embeddings.into_storage(Storage::Bf16).unwrap();
    let shop = Recommender::from_artifact(artifact).unwrap();
    let why = shop.explain("u1", "p2", &ALONE).unwrap();
    assert!(
        why.rounding.abs() > 1e-7 && why.rounding.abs() < 0.02,
        "{}",
        why.rounding
    );
}

#[test]
fn values_of_all_paths_of_three_edges_split_the_score_exactly() {
    // By definition: over first steps j and last steps v of the graph, with j met by v.
    let shop = Recommender::from_artifact(larger()).unwrap();
    let all = ExplainOptions {
        limit: 1000,
        max_hops: 3,
        min_users: 1,
    };
    let (graph, artifact) = (shop.graph(), shop.artifact());
    let adjacency = graph
        .adjacency(&artifact.model.normalization().into())
        .unwrap();
    let entry =
        |r: usize, c: usize| f64::from(adjacency.as_sprs().get(r, c).copied().unwrap_or(0.0));
    let message = |node: usize| -> Vec<f64> {
        let mut sum = vec![0.0; 4];
        shop.shop
            .model
            .messages()
            .add(artifact, node, 1.0, &mut sum);
        sum
    };
    let (user, item) = (3, 17);
    assert_eq!(artifact.train.find(UserId(3), ItemId(17)), None);
    let mut expected = 0.0;
    for j in 0..60 {
        for v in (0..20).filter(|&v| v != user) {
            let met = artifact.train.find(UserId(v as u32), ItemId(j)).is_some();
            let steps = entry(user, 20 + j as usize) * entry(20 + item, v);
            if met && steps != 0.0 {
                let (m, n) = (message(20 + j as usize), message(v));
                expected += steps * m.iter().zip(&n).map(|(a, b)| a * b).sum::<f64>();
            }
        }
    }
    let why = shop.explain("u3", "p17", &all).unwrap();
    assert!(!why.paths.is_empty());
    let sum: f64 = why.paths.iter().map(|path| path.value.unwrap()).sum();
    assert!((sum - expected).abs() < 1e-6, "{sum} is not {expected}");
}

#[test]
fn newcomers_are_explained_by_their_events() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    let events = vec![
        ContextEvent::new("p3", "purchase"),
        ContextEvent::new("p10", "view"),
    ];
    let request = ExplainRequest {
        user: "zoe".to_owned(),
        item: "p17".to_owned(),
        events: events.clone(),
        options: ALONE,
    };
    let why = shop.explain_request(&request).unwrap();
    assert_eq!((why.method, why.self_contribution), (Method::FoldIn, None));
    assert_eq!(why.contributions.len(), 2);
    let sum: f64 = why.contributions.iter().map(|part| part.value).sum();
    assert!((sum - f64::from(why.score)).abs() < 1e-5);
    let answer = shop
        .answer(&crate::RecommendRequest::new("zoe").with_events(events))
        .unwrap();
    for item in answer.items.iter().filter(|item| item.item == "p17") {
        assert_eq!(item.score, why.score);
    }
    // Known users with events too.
    let request = ExplainRequest {
        user: "u1".to_owned(),
        ..request
    };
    let why = shop.explain_request(&request).unwrap();
    let parts = why.contributions.iter().map(|part| part.value);
    let sum = parts.sum::<f64>() + why.self_contribution.unwrap().value;
    assert!((sum - f64::from(why.score)).abs() < 1e-5);
    assert!(why.contributions.iter().any(|part| part.item == "p3"));
}

#[test]
fn the_planted_path_is_found_with_its_behaviors_and_strength() {
    let why = explain("ann", "lamp");
    assert_eq!(why.score, 4.0);
    assert!(!why.bought);
    assert_eq!((why.reason, why.method), (None, Method::Evidence));
    assert!(why.instead.is_some());
    let all: Vec<_> = why.paths.iter().map(stations).collect();
    assert_eq!(
        all,
        [["me", "glove", "*1", "lamp"], ["me", "mug", "*1", "lamp"]]
    );
    let path = &why.paths[0];
    let did = |edge: &ExplainedEdge| {
        let done: Vec<String> = edge.behaviors.iter().map(ToString::to_string).collect();
        done.join(", ")
    };
    assert_eq!(did(&path.edges[0]), "viewed 3x, purchased 1x");
    // Of other users only how many did what.
    assert_eq!(did(&path.edges[1]), "purchased 1x");
    assert_eq!(did(&path.edges[2]), "viewed 1x, carted 1x, purchased 1x");
    // Weights: ann–glove 1, ann–mug 0.01, bob–glove 1, bob–lamp 1, bob–mug 0.01. Degrees: ann 1.01,
    // glove 2, bob 2.01, lamp 1. The path's strength is Π w / √(d d').
    let expected = 1.0 / (1.01f64 * 2.0).sqrt() / (2.0f64 * 2.01).sqrt() / 2.01f64.sqrt();
    assert!((path.strength - expected).abs() < 1e-6);
}

#[test]
fn the_edge_to_the_item_itself_comes_first() {
    let why = explain("ann", "mug");
    assert_eq!(stations(&why.paths[0]), ["me", "mug"]);
    assert_eq!(why.paths[0].edges[0].behaviors[0].behavior, "view");
    assert!(!why.bought);
    assert!(explain("ann", "glove").bought);
}

#[test]
fn five_hops_go_through_two_groups() {
    // Without ann's view of the mug, cleo's nail is five edges away.
    let mut artifact = artifact();
    let train = &artifact.train;
    let mut b =
        lightgcn_core::InteractionsBuilder::from_names(train.behaviors(), &["purchase"]).unwrap();
    for p in train.iter().filter(|p| (p.user.0, p.item.0) != (0, 2)) {
        b.push(p.user, p.item, p.weight, p.counts, p.last_time)
            .unwrap();
    }
    artifact.train = b.build(5, 6).unwrap();
    let shop = Recommender::from_artifact(artifact).unwrap();
    let why = shop.explain("ann", "nail", &ALONE).unwrap();
    assert_eq!(
        stations(&why.paths[0]),
        ["me", "glove", "*1", "mug", "*1", "nail"]
    );
    let three = ExplainOptions {
        max_hops: 3,
        ..ALONE
    };
    let why = shop.explain("ann", "nail", &three).unwrap();
    assert!(why.paths.is_empty());
    assert!(why.reason.is_some());
}

#[test]
fn small_groups_of_users_are_not_shown() {
    let why = shop()
        .explain("ann", "lamp", &ExplainOptions::default())
        .unwrap();
    assert!(why.paths.is_empty());
    assert!(why.reason.is_some());
    let shop = Recommender::from_artifact(larger()).unwrap();
    for least in 1..5 {
        let options = ExplainOptions {
            min_users: least,
            ..ExplainOptions::default()
        };
        for item in 0..55 {
            let why = shop.explain("u3", &format!("p{item}"), &options).unwrap();
            for edge in why.paths.iter().flat_map(|path| &path.edges) {
                for node in [&edge.from, &edge.to] {
                    assert!(!matches!(node, PathNode::OtherUsers { count } if *count < least));
                }
                if edge.from != PathNode::User {
                    assert!(edge.behaviors.iter().all(|b| b.count as usize >= least));
                }
            }
        }
    }
}

#[test]
fn a_missing_path_has_a_reason() {
    let reason = |user: &str, item: &str| {
        let why = explain(user, item);
        assert!(why.paths.is_empty());
        why.reason.unwrap()
    };
    let reasons = [
        reason("ann", "oil"),
        reason("ann", "dusty"),
        reason("idle", "glove"),
    ];
    assert!(reasons[0] != reasons[1] && reasons[1] != reasons[2] && reasons[0] != reasons[2]);
}

#[test]
fn unusable_questions_are_typed_errors() {
    let shop = shop();
    let ask = |user: &str, item: &str, limit, max_hops, min_users| {
        let options = ExplainOptions {
            limit,
            max_hops,
            min_users,
        };
        shop.explain(user, item, &options).unwrap_err()
    };
    let error = ask("ann", "lamp", 0, 5, 5);
    assert!(matches!(error, RecommendError::ZeroLimit));
    let error = ask("ann", "lamp", 1, 4, 5);
    assert!(matches!(error, RecommendError::MaxHops { given: 4 }));
    let error = ask("ann", "lamp", 1, 5, 0);
    assert!(matches!(error, RecommendError::Options { issues } if issues.len() == 1));
    let error = ask("anna", "lamp", 1, 5, 5);
    assert!(matches!(error, RecommendError::UnknownUser { id, .. } if id == "anna"));
    let error = ask("ann", "lampe", 1, 5, 5);
    assert_eq!(
        error.to_string(),
        "unknown item \"lampe\": did you mean \"lamp\"?"
    );
    let error = ask("ann", "typewriter", 1, 5, 5);
    assert!(matches!(
        error,
        RecommendError::UnknownItem { nearest: None, .. }
    ));
}

#[test]
fn the_text_names_no_other_user() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    let text = shop.explain("u3", "p17", &ALONE).unwrap().to_string();
    assert!(
        text.starts_with("Item p17 (b1, c2.s1, 17.00) for user u3: score "),
        "{text}"
    );
    assert!(text.contains("%  because the user viewed 1x"), "{text}");
    assert!(text.contains("%  learned preference"), "{text}");
    for (user, item) in [("ann", "lamp"), ("ann", "nail"), ("cleo", "lamp")] {
        let why = explain(user, item);
        let json = serde_json::to_string(&why).unwrap();
        for other in USERS {
            let named = why.to_string().contains(other) || json.contains(&format!("{other:?}"));
            assert_eq!(named, other == user, "{other} in {json}");
        }
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), why);
    }
}

#[test]
fn withheld_behaviors_are_printed_as_met() {
    let item = |item: &str| PathNode::Item {
        item: item.to_owned(),
        details: ItemDetails::default(),
    };
    let others = PathNode::OtherUsers { count: 7 };
    let viewed = vec![BehaviorCount {
        behavior: "view".to_owned(),
        count: 2,
    }];
    let edge = |from: PathNode, to: PathNode, behaviors| ExplainedEdge {
        relation: None,
        from,
        to,
        behaviors,
        weight: 1.0,
    };
    let path = ExplainedPath {
        attention: false,
        strength: 0.5,
        value: None,
        share: Some(0.25),
        edges: vec![
            edge(PathNode::User, item("glove"), viewed),
            edge(item("glove"), others.clone(), Vec::new()),
            edge(others, item("lamp"), Vec::new()),
        ],
    };
    assert_eq!(
        path.to_string(),
        "user -[viewed 2x]-> item glove <-[met]- 7 other users -[met]-> item lamp (+25.0 %)"
    );
}
