//! The forms in which ids, times, filters and pages of results may be asked for.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{artifact, config, get, post, service};
use lightgcn_core::{IdNormalization, Lineage, Vocabulary};
use lightgcn_recommend::Recommender;
use lightgcn_serve::{MemoryEvents, Service};
use serde_json::{Value, json};
use std::sync::Arc;

/// A service whose users have posted these events, and the answer to the post.
async fn posted(events: Value) -> (axum::Router, common::Reply) {
    let router = service().router();
    let body = json!({"events": events}).to_string();
    let reply = post(&router, "/v1/events", body).await;
    (router, reply)
}

#[tokio::test]
async fn ids_are_strings_or_integers() {
    let event = json!({"user": 77, "item": "p1", "behavior": "purchase"});
    let other = json!({"user": "u0", "item": 5802432, "behavior": "view"});
    let (router, reply) = posted(json!([event, other])).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["accepted"]),
        (200, &json!(2))
    );
    // The integer is the id with its digits.
    let user = get(&router, "/v1/users/77").await.json();
    assert_eq!(user["history"][0]["item"], "p1");
    let latest = get(&router, "/v1/events").await.json()["latest"].clone();
    assert_eq!(
        (&latest[0]["item"], &latest[1]["user"]),
        (&json!("5802432"), &json!("77"))
    );
    // So it is in questions, alone and in a batch.
    let question = json!({"user": 77, "options": {"k": 3, "filter": {"deny": [5802432]}}});
    let answer = post(&router, "/v1/recommendations", question.to_string())
        .await
        .json();
    assert_eq!(answer["user"], "77");
    assert!(!common::items(&answer).contains(&"p1".to_owned()));
    assert_eq!(answer["unknown"][0]["names"], json!(["5802432"]));
    let batch = json!({"requests": [question]}).to_string();
    let answers = post(&router, "/v1/recommendations", batch).await.json();
    assert_eq!(answers["answers"][0]["items"], answer["items"]);
    let why = json!({"user": 77, "item": "p3"}).to_string();
    let why = post(&router, "/v1/explanations", why).await.json();
    assert_eq!((&why["user"], &why["item"]), (&json!("77"), &json!("p3")));
    // A number that is not whole is no id.
    for wrong in [json!(1.5), json!(true), json!(["u0"])] {
        let event = json!({"user": wrong, "item": "p1", "behavior": "view"});
        let (_, reply) = posted(json!([event])).await;
        assert_eq!(reply.error(400), "bad_json");
    }
}

/// A service whose model has the user and the item `é`, in one character.
fn accented(normalization: IdNormalization) -> Service {
    let mut artifact = artifact(1.0);
    let option = (
        Lineage::NORMALIZE_IDS.to_owned(),
        normalization.name().to_owned(),
    );
    artifact.lineage.options.extend([option]);
    let users = artifact
        .users
        .iter()
        .map(|name| name.replace("u0", "\u{e9}"));
    let users = Vocabulary::from_names(users).unwrap();
    artifact.users = users.with_normalization(normalization);
    let items = artifact
        .items
        .iter()
        .map(|name| name.replace("p3", "\u{e9}"));
    let items = Vocabulary::from_names(items).unwrap();
    artifact.items = items.with_normalization(normalization);
    let recommender = Recommender::from_artifact(artifact).unwrap();
    Service::from_recommender(recommender, config(), Arc::new(MemoryEvents::default())).unwrap()
}

#[tokio::test]
async fn ids_are_looked_up_in_the_form_of_the_model() {
    // `é` as a letter and its accent, and in one character.
    let (decomposed, composed) = ("e%CC%81", "%C3%A9");
    for normalization in [IdNormalization::None, IdNormalization::Nfc] {
        let is_same = normalization == IdNormalization::Nfc;
        let router = accented(normalization).router();
        let user = get(&router, &format!("/v1/users/{decomposed}"))
            .await
            .json();
        assert_eq!(user["known"], is_same);
        // Without normalization, that is another item and another user.
        let event = json!({"user": "e\u{301}", "item": "e\u{301}", "behavior": "view"});
        let body = json!({"events": [event]}).to_string();
        assert_eq!(post(&router, "/v1/events", body).await.status, 200);
        for user in [decomposed, composed] {
            let user = get(&router, &format!("/v1/users/{user}")).await.json();
            let history = user["history"].as_array().unwrap();
            let has_it = history.iter().any(|item| item["item"] == "\u{e9}");
            assert_eq!(has_it, is_same, "{user}");
        }
        let path = format!("/v1/popular?k=12&deny={decomposed}");
        let popular = get(&router, &path).await.items();
        assert_eq!(popular.contains(&"\u{e9}".to_owned()), !is_same);
    }
}

#[tokio::test]
async fn times_are_seconds_or_have_an_offset() {
    let event = |time: Value| json!({"user": "u0", "item": "p1", "behavior": "view", "time": time});
    let times = [
        json!(1_583_064_000),
        json!("2020-03-01T12:00:00Z"),
        json!("2020-03-01T13:00:00.5+01:00"),
    ];
    let (router, reply) = posted(times.iter().cloned().map(event).collect()).await;
    assert_eq!(reply.status, 200, "{:?}", reply.json());
    let latest = get(&router, "/v1/events").await.json()["latest"].clone();
    for place in 0..3 {
        assert_eq!(latest[place]["time"], 1_583_064_000, "{latest}");
    }
    // The events of a question likewise: those in the future are told apart from those that cannot be read.
    for (time, code) in [
        (json!("2020-03-01T12:00:00Z"), None),
        (json!("2999-01-01T00:00:00Z"), Some("bad_time")),
        (json!("1969-12-31T23:59:59Z"), Some("bad_time")),
        (json!("2020-03-01T12:00:00"), Some("bad_json")),
        (json!("1583064000"), Some("bad_json")),
        (json!("soon"), Some("bad_json")),
        (json!(1.5), Some("bad_json")),
    ] {
        let event = json!({"item": "p1", "behavior": "view", "time": time});
        let question = json!({"user": "u0", "events": [event]}).to_string();
        let reply = post(&router, "/v1/recommendations", question).await;
        match code {
            None => assert_eq!(reply.status, 200, "{time}"),
            Some(code) => assert_eq!(reply.error(400), code, "{time}"),
        }
    }
}

#[tokio::test]
async fn queries_filter_as_bodies_do() {
    let router = service().router();
    for (query, filter) in [
        ("allow=p1&allow=p2", json!({"allow": ["p1", "p2"]})),
        ("deny=p11&deny=p10", json!({"deny": ["p11", "p10"]})),
        (
            "deny_categories=lighting",
            json!({"deny_categories": ["lighting"]}),
        ),
        ("deny_brands=acme", json!({"deny_brands": ["acme"]})),
        (
            "category=apparel&deny=p3&deny_brands=acme&price_max=14",
            json!({"categories": ["apparel"], "deny": ["p3"], "deny_brands": ["acme"], "price_max": 14}),
        ),
    ] {
        let path = format!("/v1/recommendations/u0?k=12&hide=nothing&{query}");
        let asked = get(&router, &path).await.items();
        let options = json!({"k": 12, "hide": "nothing", "filter": filter});
        let question = json!({"user": "u0", "options": options}).to_string();
        let posted = post(&router, "/v1/recommendations", question).await.items();
        assert_eq!(asked, posted, "{query}");
        assert!((1..12).contains(&asked.len()), "{query}: {asked:?}");
    }
    let mut similar = get(&router, "/v1/similar/p1?k=12&allow=p4&allow=p5")
        .await
        .items();
    similar.sort();
    assert_eq!(similar, ["p4", "p5"]);
    let popular = get(&router, "/v1/popular?k=12&deny=p1&deny_categories=lighting")
        .await
        .items();
    assert!(
        popular.len() > 2 && !popular.contains(&"p1".to_owned()),
        "{popular:?}"
    );
    assert!(
        popular.iter().all(|item| item.as_str() < "p6"),
        "{popular:?}"
    );
    // A name that nothing has is reported, under its rule.
    let reply = get(&router, "/v1/popular?deny_brands=cnd").await.json();
    assert_eq!(reply["unknown"][0]["rule"], "deny_brands");
    let none = get(&router, "/v1/popular?allow=nothing").await.json();
    assert_eq!(none["emptied_by"], "allow");
    let long = format!("/v1/popular?deny={}", "x".repeat(300));
    assert_eq!(get(&router, &long).await.error(400), "id_too_long");
}

#[tokio::test]
async fn searches_go_on_where_the_page_before_ended() {
    let router = service().router();
    for (path, list, id) in [
        ("/v1/users?q=2", "users", "id"),
        ("/v1/items?q=p", "items", "item"),
    ] {
        let ids = async |query: &str| -> (Vec<String>, Value) {
            let found = get(&router, &format!("{path}&{query}")).await.json();
            let ids = found[list].as_array().unwrap().iter();
            let ids = ids.map(|one| one[id].as_str().unwrap().to_owned());
            (ids.collect(), found["total"].clone())
        };
        let (all, total) = ids("limit=200").await;
        assert_eq!(total, all.len());
        let mut pages = Vec::new();
        for offset in (0..all.len() + 5).step_by(5) {
            let (page, of_page) = ids(&format!("limit=5&offset={offset}")).await;
            assert_eq!(of_page, total);
            pages.extend(page);
        }
        assert_eq!(pages, all);
        assert_eq!(ids("offset=18446744073709551615").await.0, [""; 0]);
        for wrong in ["-1", "x", ""] {
            let reply = get(&router, &format!("{path}&offset={wrong}")).await;
            assert_eq!(reply.error(400), "bad_query", "{wrong}");
        }
    }
}
