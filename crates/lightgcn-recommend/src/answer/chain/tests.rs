use super::*;
use crate::test_shop::{ITEMS, artifact};
use crate::{FoldIn, ItemFilter, ItemOptions, NewItem, NewItemEvent, Recommender};
use lightgcn_core::random::philox4x32;
use lightgcn_core::{Catalogue, InteractionsBuilder, ItemDetails, ItemId, Lineage, Vocabulary};
use lightgcn_graph::Normalization;
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use proptest::prelude::*;

mod bad_requests;

fn shop() -> Recommender {
    Recommender::from_artifact(artifact()).unwrap()
}

fn wave(n: usize, frequency: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * frequency).sin()).collect()
}

/// A shop of 20 users and 60 items, of which the last 5 nobody met; item n has category
/// `c(n mod 3).s(n mod 2)`, brand `b(n mod 4)` and price n. One layer, so that embeddings follow.
pub(crate) fn larger() -> Artifact {
    let (n_users, n_items, dimension) = (20, 60, 4);
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for user in 0..n_users as u32 {
        for item in
            (0..55u32).filter(|item| philox4x32([user, *item, 0, 0], [1, 2])[0].is_multiple_of(5))
        {
            let bought = u32::from((user + item) % 2 == 0);
            let weight = if bought > 0 { 1.0 } else { 0.25 };
            let time = Some(i64::from(item) * 86_400);
            pairs
                .push(UserId(user), ItemId(item), weight, &[1, bought], time)
                .unwrap();
        }
    }
    let train = pairs.build(n_users, n_items).unwrap();
    let details = (0..n_items).map(|n| ItemDetails {
        category_id: None,
        category_code: Some(format!("c{}.s{}", n % 3, n % 2)),
        brand: Some(format!("b{}", n % 4)),
        price: Some(n as f64),
        ..ItemDetails::default()
    });
    let layer0 = EmbeddingTable::new(80, dimension, wave(80 * dimension, 0.61)).unwrap();
    let mut behaviors = lightgcn_core::BehaviorWeightsConfig::single("purchase");
    behaviors.behaviors.insert(
        0,
        lightgcn_core::Behavior {
            name: "view".to_owned(),
            weight: 0.25,
            cap: None,
            target: false,
        },
    );
    let mut artifact = Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension,
            n_layers: 2,
            layer_weights: Some(vec![0.5, 0.3, 0.2]),
            graphs: vec![Normalization::Symmetric.into()],
            further_nodes: Vec::new(),
            config: serde_json::json!({}),
        },
        embeddings: layer0.clone(),
        layer0,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..n_users).map(|n| format!("u{n}"))).unwrap(),
        items: Vocabulary::from_names((0..n_items).map(|n| format!("p{n}"))).unwrap(),
        catalogue: Catalogue::from_details(details),
        behaviors,
        lineage: Lineage::default(),
    };
    let graph = artifact.graph().unwrap();
    let adjacency = graph.adjacency(&Normalization::Symmetric.into()).unwrap();
    let view = lightgcn_simd::CsrView::new(
        adjacency.row_offsets(),
        adjacency.columns(),
        adjacency.values(),
        80,
    )
    .unwrap();
    let rows = lightgcn_simd::propagate(view, artifact.layer0.data(), dimension, &[0.5, 0.3, 0.2]);
    artifact.embeddings = EmbeddingTable::new(80, dimension, rows).unwrap();
    artifact
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.items.iter().map(|item| item.item.as_str()).collect()
}

fn sources(answer: &Answer) -> Vec<Source> {
    answer.items.iter().map(|item| item.source).collect()
}

fn options(k: usize) -> RecommendOptions {
    RecommendOptions {
        k,
        ..RecommendOptions::default()
    }
}

proptest! {
    #[test]
    fn a_filtered_list_is_the_filtered_full_ranking(
        user in 0u32..20,
        k in 1usize..70,
        category in prop::option::of(0usize..3),
        brands in prop::collection::vec(0usize..4, 0..3),
        low in prop::option::of(0.0f64..60.0),
        deny in prop::collection::vec(0usize..60, 0..10),
        allow in prop::option::of(prop::collection::vec(0usize..60, 1..40)),
        hide in prop::sample::select(vec![Hide::Bought, Hide::Seen, Hide::Nothing]),
    ) {
        let shop = Recommender::from_artifact(larger()).unwrap();
        let filter = ItemFilter {
            allow: allow.clone().map(|a| a.iter().map(|n| format!("p{n}")).collect()),
            deny: deny.iter().map(|n| format!("p{n}")).collect(),
            categories: category.iter().map(|n| format!("c{n}")).collect(),
            brands: brands.iter().map(|n| format!("b{n}")).collect(),
            price_min: low,
            ..ItemFilter::default()
        };
        let passes = |n: usize| {
            allow.as_ref().is_none_or(|a| a.contains(&n))
                && !deny.contains(&n)
                && category.is_none_or(|c| n % 3 == c)
                && (brands.is_empty() || brands.contains(&(n % 4)))
                && low.is_none_or(|low| n as f64 >= low)
        };
        let train = &shop.artifact().train;
        let met = |n: usize| match train.find(UserId(user), ItemId(n as u32)) {
            None => false,
            Some(pair) => match hide {
                Hide::Bought => train.is_target(pair),
                Hide::Seen => true,
                Hide::Nothing => false,
            },
        };
        let asked = RecommendOptions { filter, hide, ..options(k) };
        let answer = shop.recommend(&format!("u{user}"), &asked).unwrap();
        // Brute force: all scores, sorted.
        let vector = shop.artifact().embeddings.row(user as usize);
        let rows = shop.shop.items.table.chunks_exact(4);
        let mut scores: Vec<f32> = rows.map(|row| lightgcn_simd::dot(vector, row)).collect();
        let past = || history(train, UserId(user)).collect();
        shop.shop.items.add_similarity(past, &mut scores);
        let mut left: Vec<usize> = (0..60).filter(|&n| passes(n) && !met(n)).collect();
        left.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        left.truncate(k);
        let expected: Vec<String> = left.iter().map(|n| format!("p{n}")).collect();
        prop_assert_eq!(names(&answer), expected);
    }

    #[test]
    fn lists_have_no_repetition_and_no_unsuitable_item(
        user in prop::sample::select(vec!["u3", "nobody", "u7"]),
        with_events in any::<bool>(),
        exploration in 0.0f64..=1.0,
        diversity in 0.0f64..=1.0,
        revenue in prop::sample::select(vec![0.0, 0.4]),
        k in 1usize..70,
        seed in any::<u64>(),
    ) {
        let bad = ["p1", "p20", "p57", "later"];
        let shop = Recommender::from_artifact(larger()).unwrap().with_unsuitable(bad);
        let events = match with_events {
            true => vec![ContextEvent::new("p3", "purchase"), ContextEvent::new("p9", "view")],
            false => Vec::new(),
        };
        let asked = RecommendOptions { exploration, diversity, revenue, seed, ..options(k) };
        let request = RecommendRequest::new(user).with_events(events).with_options(asked);
        let answer = shop.answer(&request).unwrap();
        let mut known = names(&answer);
        prop_assert!(known.iter().all(|name| !bad.contains(name)));
        let n = known.len();
        known.sort_unstable();
        known.dedup();
        prop_assert_eq!(known.len(), n);
        let hidden = match shop.user(user) {
            Some(user) => shop.bought().of(user).iter().filter(|n| ![1, 20, 57].contains(n)).count(),
            None => 0,
        };
        let bought_now = usize::from(with_events) * usize::from(
            shop.user(user).is_none_or(|user| !shop.bought().contains(user, ItemId(3))),
        );
        prop_assert_eq!(n, k.min(60 - 3 - hidden - bought_now));
        prop_assert_eq!(&shop.answer(&request).unwrap(), &answer);
        prop_assert!(answer.items.iter().all(|item| !item.reason.is_empty()));
    }
}

#[test]
fn the_chain_continues_where_a_source_ends() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    // A newcomer without events: popularity, then random items that no one bought.
    let answer = shop.recommend("nobody", &options(60)).unwrap();
    assert_eq!(answer.source, Source::Popularity);
    let sold = shop
        .popularity()
        .counts()
        .iter()
        .filter(|&&n| n > 0)
        .count();
    assert!(
        sources(&answer)[..sold]
            .iter()
            .all(|s| *s == Source::Popularity)
    );
    assert!(
        sources(&answer)[sold..]
            .iter()
            .all(|s| *s == Source::Random)
    );
    // With events: fold-in, and new items from content among it.
    let events = vec![ContextEvent::new("p3", "purchase")];
    let request = RecommendRequest::new("nobody")
        .with_events(events)
        .with_options(options(60));
    let answer = shop.answer(&request).unwrap();
    assert_eq!((answer.known, answer.items.len()), (false, 59));
    let content = sources(&answer)
        .iter()
        .filter(|s| **s == Source::Content)
        .count();
    assert_eq!(content, 5, "the five items that nobody met");
    assert!(!names(&answer).contains(&"p3"));
    // A chain of one's own, in its order.
    let chain = vec![Source::RecentPopularity, Source::Random];
    let asked = RecommendOptions {
        chain,
        ..options(60)
    };
    let answer = shop.recommend("u0", &asked).unwrap();
    assert_eq!(answer.source, Source::RecentPopularity);
    assert_eq!(*sources(&answer).last().unwrap(), Source::Random);
    // Popularity in the categories looked at.
    let chain = vec![Source::CategoryPopularity];
    let asked = RecommendOptions {
        chain,
        ..options(60)
    };
    let request = request.with_options(asked);
    let answer = shop.answer(&request).unwrap();
    assert!(!answer.items.is_empty());
    for item in &answer.items {
        assert_eq!(item.details.category_code.as_deref(), Some("c0.s1"));
    }
    let recent = ItemOptions {
        recent: true,
        ..ItemOptions::default()
    };
    let popular = shop.popular(&recent).unwrap();
    assert_eq!(popular.len(), 10);
    assert!(
        popular
            .windows(2)
            .all(|pair| pair[0].score >= pair[1].score)
    );
}

#[test]
fn events_shift_a_known_user_at_once_and_a_repeated_history_does_not() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    let before = shop.recommend("u4", &options(10)).unwrap();
    let new = before.items[0].item.clone();
    let request = RecommendRequest::new("u4").with_options(options(10));
    let bought = vec![ContextEvent::new(&new, "purchase")];
    let after = shop.answer(&request.clone().with_events(bought)).unwrap();
    assert!(
        !names(&after).contains(&new.as_str()),
        "what was just bought is hidden"
    );
    let score = |answer: &Answer| {
        let item = answer
            .items
            .iter()
            .find(|item| item.item == before.items[1].item);
        item.map(|item| item.score)
    };
    assert_ne!(score(&before), score(&after));
    assert!(after.items[0].reason.contains("1 recent event"));
    // Exactly the training pairs as a newcomer's events, propagated alone, are the user without the self contribution.
    let shop = shop.with_fold_in(FoldIn::Propagated);
    let user = shop.user("u4").unwrap();
    let events: Vec<ContextEvent> = shop
        .artifact()
        .train
        .of_user(user)
        .flat_map(|pair| {
            let item = format!("p{}", pair.item);
            let bought = pair.is_target.then(|| ContextEvent::new(&item, "purchase"));
            [Some(ContextEvent::new(&item, "view")), bought]
                .into_iter()
                .flatten()
        })
        .collect();
    let folded = shop.fold_in("new", &events).unwrap().unwrap();
    let own = shop.artifact().layer0.row(user.index());
    let whole = shop.artifact().embeddings.row(user.index());
    for ((folded, own), whole) in folded.iter().zip(own).zip(whole) {
        assert!((folded + 0.5 * own - whole).abs() < 1e-5);
    }
}

#[test]
fn new_items_join_by_events_or_by_content() {
    let item = |id: &str, code: Option<&str>, events: &[(&str, &str)]| NewItem {
        item: id.to_owned(),
        details: ItemDetails {
            category_code: code.map(str::to_owned),
            ..ItemDetails::default()
        },
        events: events
            .iter()
            .map(|(user, behavior)| NewItemEvent {
                user: (*user).to_owned(),
                behavior: (*behavior).to_owned(),
            })
            .collect(),
    };
    let make = || Recommender::from_artifact(larger()).unwrap();
    let shop = make()
        .with_unsuitable(["shy"])
        .with_items(&[
            item(
                "fresh",
                Some("c1.s0"),
                &[("u2", "purchase"), ("stranger", "view")],
            ),
            item("plain", Some("c1.s0"), &[]),
            item("bare", None, &[]),
            item("shy", Some("c1.s0"), &[]),
        ])
        .unwrap();
    assert_eq!(shop.n_items(), 64);
    let answer = shop.recommend("u2", &options(64)).unwrap();
    let source = |name: &str| {
        let item = answer.items.iter().find(|item| item.item == name);
        item.map(|item| item.source)
    };
    assert_eq!(source("fresh"), Some(Source::FoldIn));
    assert_eq!(source("plain"), Some(Source::Content));
    assert_eq!(source("bare"), Some(Source::Random));
    assert_eq!(source("shy"), None);
    let similar = shop.similar("plain", &ItemOptions::default()).unwrap();
    assert!(
        similar
            .iter()
            .all(|item| item.item != "shy" && item.item != "bare")
    );
    let why = shop.explain("u2", "plain", &Default::default()).unwrap();
    assert!(why.paths.is_empty() && why.reason.is_some());

    let mut nan = item("x", None, &[]);
    nan.details.price = Some(f64::NAN);
    for new in [
        item("p1", None, &[]),
        item("x", None, &[("u1", "kiss")]),
        nan,
    ] {
        let error = make().with_items(std::slice::from_ref(&new)).unwrap_err();
        assert!(
            matches!(&error, RecommendError::NewItem { id, .. } if *id == new.item),
            "{error}"
        );
    }
    // An artifact without content asked for content.
    let mut bare = larger();
    bare.catalogue = Catalogue::unknown(60);
    let error = Recommender::from_artifact(bare)
        .unwrap()
        .with_items(&[item("x", Some("c1"), &[])])
        .unwrap_err();
    assert!(matches!(error, RecommendError::NoContent));
}

#[test]
fn an_event_without_weight_makes_an_item_familiar() {
    let mut artifact = larger();
    artifact.behaviors.behaviors[0].weight = 0.0;
    let shop = Recommender::from_artifact(artifact).unwrap();
    let asked = |familiarity| {
        let events = vec![ContextEvent::new("p4", "view")];
        let options = RecommendOptions {
            familiarity,
            ..options(60)
        };
        shop.answer(
            &RecommendRequest::new("nobody")
                .with_events(events)
                .with_options(options),
        )
    };
    let answer = asked(Familiarity::Any).unwrap();
    let familiar = answer.items.iter().filter(|item| item.familiar);
    assert_eq!(
        familiar.map(|item| &item.item[..]).collect::<Vec<_>>(),
        ["p4"]
    );
    assert_eq!(names(&asked(Familiarity::Familiar).unwrap()), ["p4"]);
    assert!(!names(&asked(Familiarity::New).unwrap()).contains(&"p4"));
}

#[test]
fn empty_results_and_unknown_ids_are_answered() {
    let shop = shop();
    let deny = ItemFilter {
        deny: ITEMS.iter().map(|id| (*id).to_owned()).collect(),
        ..ItemFilter::default()
    };
    let answer = shop
        .recommend(
            "ann",
            &RecommendOptions {
                filter: deny,
                ..options(3)
            },
        )
        .unwrap();
    assert!(answer.items.is_empty());
    // Lists of a shop may name items that the model does not know yet.
    let allow = ItemFilter {
        allow: Some(vec!["new".to_owned(), "oil".to_owned()]),
        ..ItemFilter::default()
    };
    let answer = shop
        .recommend(
            "ann",
            &RecommendOptions {
                filter: allow,
                ..options(3)
            },
        )
        .unwrap();
    assert_eq!(names(&answer), ["oil"]);
    let events = vec![ContextEvent::new("new", "view")];
    let answer = shop
        .answer(&RecommendRequest::new("zoe").with_events(events))
        .unwrap();
    assert_eq!(
        (answer.ignored_events, answer.source),
        (1, Source::Popularity)
    );
    assert_eq!(
        shop.recommend("ann", &options(usize::MAX))
            .unwrap()
            .items
            .len(),
        5
    );
}

#[test]
fn a_batch_equals_single_answers() {
    let shop = Recommender::from_artifact(larger()).unwrap();
    let requests: Vec<RecommendRequest> = (0..40)
        .map(|n| {
            let mut options = options(1 + n % 4);
            options.exploration = if n % 3 == 0 { 0.5 } else { 0.0 };
            options.revenue = if n % 5 == 0 { 0.5 } else { 0.0 };
            let events = (n % 2 == 0).then(|| ContextEvent::new(format!("p{n}"), "view"));
            RecommendRequest::new(format!("u{}", n % 25))
                .with_options(options)
                .with_events(events.into_iter().collect())
        })
        .collect();
    let together = shop.answer_many(&requests).unwrap();
    for (request, answer) in requests.iter().zip(together) {
        assert_eq!(shop.answer(request).unwrap(), answer);
    }
}
