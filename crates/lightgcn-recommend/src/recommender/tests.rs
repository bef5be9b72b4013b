use super::*;
use crate::test_shop::{ITEMS, USERS, artifact};
use crate::{Answer, BehaviorCount, Hide, RecommendOptions, Source};
use lightgcn_store::{EmbeddingTable, StoreError};

fn shop() -> Recommender {
    Recommender::from_artifact(artifact()).unwrap()
}

fn options(k: usize) -> RecommendOptions {
    RecommendOptions {
        k,
        ..RecommendOptions::default()
    }
}

fn list(answer: &Answer) -> Vec<(&str, f32)> {
    let items = answer.items.iter();
    items.map(|item| (item.item.as_str(), item.score)).collect()
}

#[test]
fn a_known_user_gets_the_model_without_bought_items() {
    let shop = shop();
    let answer = shop.recommend("ann", &options(4)).unwrap();
    assert!(answer.known);
    assert_eq!(answer.source, Source::Model);
    // Scores are the items' first numbers; lamp comes before nail by its row, and glove is
    // bought. The mug was only viewed. Nobody met the dusty one: its embedding says nothing.
    assert_eq!(
        list(&answer),
        [("lamp", 4.0), ("nail", 4.0), ("mug", 2.0), ("oil", 0.0)]
    );
    assert_eq!(answer.items[0].details.brand.as_deref(), Some("acme"));
    assert_eq!(
        answer.items.iter().map(|i| i.rank).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let again = RecommendOptions {
        k: 99,
        hide: Hide::Nothing,
        ..RecommendOptions::default()
    };
    let answer = shop.recommend("ann", &again).unwrap();
    assert_eq!(answer.items.len(), 6);
    assert_eq!(list(&answer)[3], ("glove", 1.0));
    assert_eq!(list(&answer)[5], ("dusty", 0.0));
    assert_eq!(answer.items[5].source, Source::Random);
    // A K beyond the catalogue gives as many as there are.
    assert_eq!(
        shop.recommend("ann", &options(usize::MAX))
            .unwrap()
            .items
            .len(),
        5
    );
}

#[test]
fn unknown_users_get_popular_items() {
    let shop = shop();
    let answer = shop.recommend("nobody", &options(3)).unwrap();
    assert!(!answer.known);
    assert_eq!(answer.user, "nobody");
    assert_eq!(answer.source, Source::Popularity);
    assert_eq!(list(&answer), [("glove", 2.0), ("lamp", 1.0), ("mug", 1.0)]);
    assert!(
        answer
            .items
            .iter()
            .all(|item| item.source == Source::Popularity)
    );
    // Known by id, but without a pair: the embedding says nothing.
    let idle = shop.recommend("idle", &options(3)).unwrap();
    assert!(idle.known);
    assert_eq!(
        (idle.source, idle.items),
        (Source::Popularity, answer.items)
    );
}

#[test]
fn a_batch_equals_single_answers() {
    let shop = shop();
    let asked = ["cleo", "nobody", "ann", "idle", "ann", ""];
    let batch = shop.recommend_many(&asked, &options(3)).unwrap();
    assert_eq!(batch.len(), asked.len());
    for (raw, answer) in asked.into_iter().zip(&batch) {
        assert_eq!(&shop.recommend(raw, &options(3)).unwrap(), answer);
    }
    assert!(shop.recommend_many(&[], &options(3)).unwrap().is_empty());
    for result in [
        shop.recommend("ann", &options(0)).map(|_| ()),
        shop.recommend("nobody", &options(0)).map(|_| ()),
        shop.recommend_many(&[], &options(0)).map(|_| ()),
    ] {
        assert!(matches!(result, Err(RecommendError::ZeroK)));
    }
}

#[test]
fn history_is_latest_first() {
    let shop = shop();
    let history = shop.history("bob").unwrap();
    let items: Vec<&str> = history.iter().map(|h| h.item.as_str()).collect();
    assert_eq!(items, ["mug", "lamp", "glove"]);
    assert_eq!(history[1].last_time, Some(120));
    assert!(history[1].bought && !history[0].bought);
    let count = |behavior: &str, count| BehaviorCount {
        behavior: behavior.to_owned(),
        count,
    };
    assert_eq!(
        history[1].behaviors,
        [count("view", 2), count("cart", 1), count("purchase", 1)]
    );
    // One cart at 0.1 and one removal at −0.09.
    assert!((history[0].weight - 0.01).abs() < 1e-6);
    assert!(shop.history("idle").unwrap().is_empty());
    let error = shop.history("bobby").unwrap_err();
    assert!(matches!(&error, RecommendError::UnknownUser { id, .. } if id == "bobby"));
    assert!(!error.to_string().contains("\"bob\""), "{error}");
}

#[test]
fn history_without_times_is_heaviest_first() {
    let mut artifact = artifact();
    let train = &artifact.train;
    let mut b =
        lightgcn_core::InteractionsBuilder::from_names(train.behaviors(), &["purchase"]).unwrap();
    for p in train.iter() {
        let weight = if p.item.0 == 0 { 0.5 } else { p.weight };
        b.push(p.user, p.item, weight, p.counts, None).unwrap();
    }
    artifact.train = b.build(USERS.len(), ITEMS.len()).unwrap();
    let history = Recommender::from_artifact(artifact)
        .unwrap()
        .history("bob")
        .unwrap();
    let items: Vec<&str> = history.iter().map(|h| h.item.as_str()).collect();
    assert_eq!(items, ["lamp", "glove", "mug"]);
    assert_eq!(history[0].last_time, None);
}

#[test]
fn later_events_join_the_history() {
    let shop = shop();
    // Without events it is the same.
    assert_eq!(
        shop.history_with("bob", &[]).unwrap(),
        shop.history("bob").unwrap()
    );
    let bought = crate::ContextEvent {
        time: Some(500),
        ..crate::ContextEvent::new("mug", "purchase")
    };
    let events = [bought, crate::ContextEvent::new("nowhere", "view")];
    let history = shop.history_with("ann", &events).unwrap();
    let items: Vec<&str> = history.iter().map(|h| h.item.as_str()).collect();
    assert_eq!(items, ["mug", "glove"]);
    assert_eq!((history[0].last_time, history[0].bought), (Some(500), true));
    assert_eq!(history[0].behaviors.len(), 2);
    let newcomer = shop.history_with("zoe", &events[..1]).unwrap();
    assert_eq!((newcomer.len(), newcomer[0].weight), (1, 1.0));
    let unknown = shop.history_with("ann", &[crate::ContextEvent::new("mug", "wish")]);
    assert!(matches!(
        unknown,
        Err(RecommendError::ContextEvent { number: 1, .. })
    ));
}

#[test]
fn answers_from_disk_equal_those_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    artifact().save(&path).unwrap();
    let (disk, memory) = (Recommender::open(&path).unwrap(), shop());
    for raw in USERS {
        let answer = |shop: &Recommender| shop.recommend(raw, &options(6)).unwrap();
        assert_eq!(answer(&disk), answer(&memory));
        let why = |shop: &Recommender| shop.explain(raw, "nail", &Default::default()).unwrap();
        assert_eq!(why(&disk), why(&memory));
    }
    let missing = Recommender::open(folder.path().join("none"));
    assert!(matches!(
        missing,
        Err(RecommendError::Store(StoreError::Missing { .. }))
    ));
}

#[test]
fn an_inconsistent_artifact_is_an_error() {
    let mut bad = artifact();
    bad.embeddings = EmbeddingTable::new(10, 2, vec![0.0; 20]).unwrap();
    assert!(matches!(
        Recommender::from_artifact(bad),
        Err(RecommendError::Store(StoreError::Inconsistent { .. }))
    ));
}

#[test]
fn answers_survive_json() {
    let answer = shop().recommend("ann", &options(1)).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let expected = serde_json::json!({
        "user": "ann",
        "known": true,
        "source": "model",
        "items": [{
            "item": "lamp", "rank": 1, "score": 4.0, "source": "model", "familiar": false,
            "reason": "fits the history",
            "details": {
                "category_id": "17", "category_code": "lighting.desk", "brand": "acme", "price": 12.5,
            },
        }],
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Answer>(json).unwrap(), answer);
}
