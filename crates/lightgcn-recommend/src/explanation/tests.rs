use super::*;
use crate::test_shop::artifact;

fn shop() -> Recommender {
    Recommender::from_artifact(artifact()).unwrap()
}

fn explain(raw_user: &str, raw_product: &str) -> Explanation {
    shop()
        .explain(raw_user, raw_product, &ExplainOptions::default())
        .unwrap()
}

/// A path as its stations, with `*` for another consumer.
fn stations(path: &ExplainedPath) -> Vec<String> {
    let name = |node: &PathNode| match node {
        PathNode::Consumer => "me".to_owned(),
        PathNode::AnotherConsumer => "*".to_owned(),
        PathNode::Product { product, .. } => product.clone(),
    };
    let mut names = vec![name(&path.edges[0].from)];
    for edge in &path.edges {
        assert_eq!(name(&edge.from), names[names.len() - 1], "edges must join");
        names.push(name(&edge.to));
    }
    names
}

#[test]
fn the_planted_path_is_found_with_its_behaviours_and_strength() {
    let why = explain("ann", "lamp");
    assert_eq!(why.score, 4.0);
    assert!(!why.bought);
    assert_eq!(why.reason, None);
    // Through glove, which both bought, before the mug, which neither did.
    let all: Vec<_> = why.paths.iter().map(stations).collect();
    assert_eq!(
        all,
        [["me", "glove", "*", "lamp"], ["me", "mug", "*", "lamp"]]
    );
    let path = &why.paths[0];
    let did = |edge: &ExplainedEdge| {
        let done: Vec<String> = edge.behaviours.iter().map(ToString::to_string).collect();
        done.join(", ")
    };
    assert_eq!(did(&path.edges[0]), "viewed 3x, purchased 1x");
    assert_eq!(did(&path.edges[1]), "purchased 2x");
    assert_eq!(did(&path.edges[2]), "viewed 2x, carted 1x, purchased 1x");
    // Weights: ann–glove 1, ann–mug 0.01, bob–glove 1, bob–lamp 1, bob–mug 0.01. Degrees: ann 1.01,
    // glove 2, bob 2.01, lamp 1. The path's strength is Π w / √(d d').
    let expected = 1.0 / (1.01f64 * 2.0).sqrt() / (2.0f64 * 2.01).sqrt() / 2.01f64.sqrt();
    assert!(
        (path.strength - expected).abs() < 1e-6,
        "{} {expected}",
        path.strength
    );
    let product: f64 = path
        .edges
        .iter()
        .map(|edge| edge.normalized_weight)
        .product();
    assert!((path.strength - product).abs() < 1e-12);
}

#[test]
fn what_the_consumer_did_itself_comes_first() {
    let why = explain("ann", "mug");
    assert_eq!(stations(&why.paths[0]), ["me", "mug"]);
    assert_eq!(why.paths[0].edges[0].behaviours[0].behaviour, "view");
    assert!(!why.bought);
    assert!(explain("ann", "glove").bought);
}

#[test]
fn a_longer_path_is_taken_only_where_there_is_no_shorter_one() {
    let why = explain("ann", "nail");
    assert_eq!(stations(&why.paths[0]), ["me", "mug", "*", "nail"]);
    // Bob met the lamp, dora only her oil: from the lamp to the nail it takes another consumer.
    let bob = explain("bob", "nail");
    assert_eq!(stations(&bob.paths[0]), ["me", "mug", "*", "nail"]);
    let cleo = explain("cleo", "lamp");
    assert_eq!(stations(&cleo.paths[0]), ["me", "mug", "*", "lamp"]);
    assert!(cleo.paths.iter().all(|path| path.edges.len() == 3));
}

#[test]
fn five_hops_go_through_two_other_consumers() {
    // Without ann's view of the mug, cleo's nail is five edges away.
    let mut artifact = artifact();
    let train = &artifact.train;
    let mut b =
        lightgcn_core::InteractionsBuilder::from_names(train.behaviours(), &["purchase"]).unwrap();
    for p in train.iter().filter(|p| (p.user.0, p.item.0) != (0, 2)) {
        b.push(p.user, p.item, p.weight, p.counts, p.last_time)
            .unwrap();
    }
    artifact.train = b.build(5, 6).unwrap();
    let shop = Recommender::from_artifact(artifact).unwrap();
    let why = shop
        .explain("ann", "nail", &ExplainOptions::default())
        .unwrap();
    assert_eq!(
        stations(&why.paths[0]),
        ["me", "glove", "*", "mug", "*", "nail"]
    );
    let three = ExplainOptions {
        max_hops: 3,
        limit: 5,
    };
    let why = shop.explain("ann", "nail", &three).unwrap();
    assert!(why.paths.is_empty());
    assert!(why.reason.unwrap().contains("at most 3 edges"));
}

#[test]
fn where_nothing_connects_the_answer_says_so() {
    let reason = |user: &str, product: &str| {
        let why = explain(user, product);
        assert!(why.paths.is_empty());
        why.reason.unwrap()
    };
    assert!(reason("ann", "oil").starts_with("no path of at most 5 edges"));
    assert!(reason("ann", "dusty").starts_with("nobody met the product"));
    assert!(reason("idle", "glove").starts_with("the consumer has no history"));
}

#[test]
fn unusable_questions_are_typed_errors() {
    let shop = shop();
    let ask = |user: &str, product: &str, limit, max_hops| {
        let options = ExplainOptions { limit, max_hops };
        shop.explain(user, product, &options).unwrap_err()
    };
    assert!(matches!(
        ask("ann", "lamp", 0, 5),
        RecommendError::ZeroLimit
    ));
    assert!(matches!(
        ask("ann", "lamp", 1, 4),
        RecommendError::MaxHops { given: 4 }
    ));
    assert!(matches!(
        ask("anna", "lamp", 1, 5),
        RecommendError::UnknownConsumer { id, .. } if id == "anna"
    ));
    let error = ask("ann", "lampe", 1, 5);
    assert_eq!(
        error.to_string(),
        "unknown product \"lampe\": did you mean \"lamp\"?"
    );
    assert!(matches!(
        ask("ann", "typewriter", 1, 5),
        RecommendError::UnknownProduct { nearest: None, .. }
    ));
}

#[test]
fn the_text_reads_well_and_names_no_other_consumer() {
    let shop = shop();
    let options = ExplainOptions {
        limit: 1,
        max_hops: 5,
    };
    let text = shop.explain("ann", "lamp", &options).unwrap().to_string();
    let expected = "\
Product lamp (acme, lighting.desk, 12.50) for consumer ann: score 4.0000
  1. consumer -[viewed 3x, purchased 1x]-> product glove <-[purchased 2x]- another consumer \
-[viewed 2x, carted 1x, purchased 1x]-> product lamp (acme, lighting.desk, 12.50) \
(strength 2.475e-1)";
    assert_eq!(text, expected);
    for (user, product) in [("ann", "lamp"), ("ann", "nail"), ("cleo", "lamp")] {
        let why = explain(user, product);
        let json = serde_json::to_string(&why).unwrap();
        for other in crate::test_shop::CONSUMERS {
            let named = why.to_string().contains(other) || json.contains(&format!("{other:?}"));
            assert_eq!(named, other == user, "{other} in {json}");
        }
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), why);
    }
    let none = explain("ann", "oil").to_string();
    assert!(
        none.contains("\n  No path: no path of at most 5 edges"),
        "{none}"
    );
}
