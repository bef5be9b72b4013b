//! Rules about things that the model does not have, rejected items, and the log's own labels.

use crate::test_shop::{ITEMS, artifact};
use crate::{
    Answer, ContextEvent, Familiarity, Hide, IdList, ItemFilter, NewItem, NewItemEvent,
    RecommendError, RecommendOptions, RecommendRequest, Recommender, Rule, Source,
};
use lightgcn_core::InteractionsBuilder;
use lightgcn_core::{ItemDetails, ItemId, UserId};
use lightgcn_store::popularity_of;

fn shop() -> Recommender {
    Recommender::from_artifact(artifact()).unwrap()
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.items.iter().map(|item| item.item.as_str()).collect()
}

fn with_filter(filter: ItemFilter) -> RecommendOptions {
    RecommendOptions {
        filter,
        hide: Hide::Nothing,
        ..RecommendOptions::default()
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn unknown_names_deny_nothing_and_are_reported() {
    let shop = shop();
    let filter = ItemFilter {
        deny: strings(&["glove", "gone"]),
        deny_brands: strings(&["cnd"]),
        deny_categories: strings(&["lightning.desk"]),
        ..ItemFilter::default()
    };
    let unknown = shop.unknown_names(&filter);
    let answer = shop.recommend("ann", &with_filter(filter)).unwrap();
    assert_eq!(answer.items.len(), ITEMS.len() - 1);
    assert_eq!(answer.unknown, unknown);
    let summary: Vec<_> = unknown
        .iter()
        .map(|u| (u.rule, u.names.join(" "), u.n_unknown, u.n_names))
        .collect();
    assert_eq!(
        summary,
        [
            (Rule::Deny, "gone".to_owned(), 1, 2),
            (Rule::DenyCategories, "lightning.desk".to_owned(), 1, 1),
            (Rule::DenyBrands, "cnd".to_owned(), 1, 1),
        ]
    );
    assert_eq!(unknown[1].nearest.as_deref(), Some("lighting.desk"));
    assert!(!serde_json::to_string(&unknown).unwrap().contains("null"));
    // Without a filter there is nothing to report.
    let plain = shop.recommend("ann", &RecommendOptions::default()).unwrap();
    let json = serde_json::to_value(plain).unwrap();
    assert_eq!((json.get("unknown"), json.get("emptied_by")), (None, None));
}

#[test]
fn unknown_names_allow_nothing_and_known_ones_beside_them_still_do() {
    let shop = shop();
    let filter = ItemFilter {
        brands: strings(&["acme", "none"]),
        ..ItemFilter::default()
    };
    let some = shop.recommend("ann", &with_filter(filter)).unwrap();
    assert_eq!(names(&some), ["lamp"]);
    assert_eq!(some.unknown[0].names, ["none"]);
    for (filter, rule) in [
        (
            ItemFilter {
                brands: strings(&["none"]),
                ..ItemFilter::default()
            },
            Rule::Brands,
        ),
        (
            ItemFilter {
                allow: Some(strings(&["gone"])),
                deny_brands: strings(&["acme"]),
                ..ItemFilter::default()
            },
            Rule::Allow,
        ),
    ] {
        let empty = shop.recommend("ann", &with_filter(filter)).unwrap();
        assert_eq!((empty.items.len(), empty.emptied_by), (0, Some(rule)));
        assert_eq!(empty.unknown[0].rule, rule);
    }
}

#[test]
fn an_empty_answer_names_the_rule_that_emptied_it() {
    let emptied_by = |shop: &Recommender, options: &RecommendOptions| {
        let answer = shop.recommend("ann", options).unwrap();
        assert!(answer.items.is_empty());
        answer.emptied_by
    };
    let filtered = |filter| emptied_by(&shop(), &with_filter(filter));
    let lamp = || ItemFilter {
        allow: Some(strings(&["lamp"])),
        ..ItemFilter::default()
    };
    let filters = [
        (
            ItemFilter {
                deny: strings(&["lamp"]),
                ..lamp()
            },
            Rule::Deny,
        ),
        (
            ItemFilter {
                deny: strings(&["lamp"]),
                categories: strings(&["lighting"]),
                allow: None,
                ..lamp()
            },
            Rule::Categories,
        ),
        (
            ItemFilter {
                deny_categories: strings(&["lighting"]),
                ..lamp()
            },
            Rule::DenyCategories,
        ),
        (
            ItemFilter {
                deny_brands: strings(&["acme"]),
                price_min: Some(100.0),
                ..lamp()
            },
            Rule::DenyBrands,
        ),
        (
            ItemFilter {
                price_min: Some(100.0),
                ..lamp()
            },
            Rule::Price,
        ),
    ];
    for (filter, rule) in filters {
        assert_eq!(filtered(filter.clone()), Some(rule), "{filter:?}");
    }
    let unsuitable = shop().with_unsuitable(ITEMS);
    let options = RecommendOptions::default();
    assert_eq!(emptied_by(&unsuitable, &options), Some(Rule::Unsuitable));
    // Ann bought the glove, and has met neither lamp nor nail.
    let glove = RecommendOptions {
        filter: ItemFilter {
            allow: Some(strings(&["glove"])),
            ..ItemFilter::default()
        },
        ..RecommendOptions::default()
    };
    assert_eq!(emptied_by(&shop(), &glove), Some(Rule::Hidden));
    let familiar = RecommendOptions {
        familiarity: Familiarity::Familiar,
        ..with_filter(lamp())
    };
    assert_eq!(emptied_by(&shop(), &familiar), Some(Rule::Hidden));
    let dusty = RecommendOptions {
        filter: ItemFilter {
            allow: Some(strings(&["dusty"])),
            ..ItemFilter::default()
        },
        chain: vec![Source::Popularity],
        ..RecommendOptions::default()
    };
    assert_eq!(emptied_by(&shop(), &dusty), Some(Rule::Chain));
}

#[test]
fn what_was_only_rejected_is_never_recommended() {
    let shop = shop();
    let answer = |user: &str, events: &[(&str, &str)], hide| {
        let events = events
            .iter()
            .map(|(behavior, item)| ContextEvent::new(*item, *behavior));
        let options = RecommendOptions {
            hide,
            ..RecommendOptions::default()
        };
        let request = RecommendRequest::new(user)
            .with_events(events.collect())
            .with_options(options);
        shop.answer(&request).unwrap()
    };
    for hide in [Hide::Bought, Hide::Seen, Hide::Nothing] {
        // The one thing known speaks against the mug, so nothing is known that speaks for an item.
        let new = answer("new", &[("remove_from_cart", "mug")], hide);
        assert!(!names(&new).contains(&"mug"));
        assert_eq!(new.source, Source::Popularity);
        assert_eq!(new.items.len(), ITEMS.len() - 1);
        let dora = answer("dora", &[("remove_from_cart", "mug")], hide);
        assert!(!names(&dora).contains(&"mug"));
        // Training knows that she viewed it, which the removal outweighs.
        let ann = answer("ann", &[("remove_from_cart", "mug")], hide);
        assert!(!names(&ann).contains(&"mug"));
        // So does a view among the events, before or after.
        for events in [["view", "remove_from_cart"], ["remove_from_cart", "view"]] {
            let new = answer("new", &events.map(|behavior| (behavior, "mug")), hide);
            assert!(!names(&new).contains(&"mug"));
            assert_eq!(new.source, Source::Popularity);
        }
    }
    // What outweighs the removal counts as in training.
    let both = answer(
        "new",
        &[("remove_from_cart", "mug"), ("cart", "mug")],
        Hide::Bought,
    );
    assert!(names(&both).contains(&"mug"));
    assert_eq!(both.source, Source::FoldIn);
    // Its category says nothing either.
    let lamp = answer("new", &[("remove_from_cart", "lamp")], Hide::Bought);
    let sources = lamp.items.iter().map(|item| item.source);
    assert!(sources.into_iter().all(|s| s != Source::CategoryPopularity));
}

#[test]
fn what_training_knows_to_be_rejected_is_never_recommended() {
    let mut artifact = artifact();
    let names_of = ["view", "cart", "remove_from_cart", "purchase"];
    let mut pairs = InteractionsBuilder::from_names(&names_of, &["purchase"]).unwrap();
    for (user, item, counts) in [
        (0, 0, [1, 0, 0, 1]),
        (0, 1, [0, 0, 2, 0]),
        (1, 1, [1, 0, 1, 1]),
        (2, 2, [0, 0, 0, 1]),
    ] {
        let (user, item) = (UserId(user), ItemId(item));
        pairs.push(user, item, 0.01, &counts, None).unwrap();
    }
    artifact.train = pairs.build(5, 6).unwrap();
    artifact.popularity = popularity_of(&artifact.train);
    let shop = Recommender::from_artifact(artifact).unwrap();
    let all = RecommendOptions {
        hide: Hide::Nothing,
        ..RecommendOptions::default()
    };
    for (user, n) in [("ann", 5), ("bob", 6), ("idle", 6)] {
        let answer = shop.recommend(user, &all).unwrap();
        assert_eq!(answer.items.len(), n, "{user}");
        assert_eq!(names(&answer).contains(&"lamp"), user != "ann");
    }
    let rest = shop.recommend("ann", &RecommendOptions::default()).unwrap();
    assert_eq!(rest.items.len(), 4);
}

#[test]
fn events_may_have_the_logs_own_labels() {
    let mut artifact = artifact();
    for (option, name) in [
        ("format.rename_behaviors.transaction", "purchase"),
        ("format.rename_behaviors.addtocart", "cart"),
        ("format.rename_behaviors.order", "not a behavior"),
        ("format.ignore_behaviors.wish", "true"),
    ] {
        let options = &mut artifact.lineage.options;
        options.insert(option.to_owned(), name.to_owned());
    }
    let shop = Recommender::from_artifact(artifact).unwrap();
    assert_eq!(
        shop.behavior_labels(),
        [
            "view",
            "cart",
            "remove_from_cart",
            "purchase",
            "addtocart",
            "transaction",
            "wish"
        ]
    );
    let answer = |behavior: &str| {
        let events = vec![ContextEvent::new("mug", behavior)];
        shop.answer(&RecommendRequest::new("new").with_events(events))
    };
    assert_eq!(answer("transaction").unwrap(), answer("purchase").unwrap());
    assert!(!names(&answer("transaction").unwrap()).contains(&"mug"));
    let ignored = answer("wish").unwrap();
    assert_eq!(
        (ignored.ignored_events, ignored.source),
        (1, Source::Popularity)
    );
    for unknown in ["order", "like"] {
        assert!(!shop.knows_behavior(unknown));
        assert!(matches!(
            answer(unknown),
            Err(RecommendError::ContextEvent { number: 1, .. })
        ));
    }
    let new = |behavior: &str| NewItem {
        item: "new".to_owned(),
        details: lightgcn_core::ItemDetails::default(),
        events: vec![NewItemEvent {
            user: "ann".to_owned(),
            behavior: behavior.to_owned(),
        }],
    };
    let shop = shop.with_items(&[new("transaction")]).unwrap();
    assert!(matches!(
        shop.with_items(&[new("like")]),
        Err(RecommendError::NewItem { .. })
    ));
}

#[test]
fn a_list_of_unsuitable_items_fails_closed() {
    let list = |text: &str| IdList::parse("bad.txt", text.as_bytes()).unwrap();
    let (hiding, listed) = shop()
        .with_unsuitable_list(&list("\u{feff}\"lamp\",sold out\nnothing,-\n"))
        .unwrap();
    assert_eq!((listed.n_known, listed.ids.len()), (1, 2));
    let answer = hiding.recommend("idle", &RecommendOptions::default());
    assert!(!names(&answer.unwrap()).contains(&"lamp"));
    let error = shop().with_unsuitable_list(&list("lamp.0\n")).unwrap_err();
    assert!(
        matches!(error, RecommendError::NoneKnown { n_ids: 1, ref example, .. } if example == "lamp.0"),
        "{error}"
    );
    let long = "x".repeat(5_000_000);
    let error = shop().with_unsuitable_list(&list(&long)).unwrap_err();
    assert!(error.to_string().len() < 400, "{}", error.to_string().len());
    for (text, at) in [
        ("\n", None),
        ("lamp,mug\n", Some(1)),
        ("mug\n Lamp sold out\n", Some(2)),
    ] {
        let error = shop().with_unsuitable_list(&list(text)).unwrap_err();
        assert!(
            matches!(error, RecommendError::IdList { line, .. } if line == at),
            "{error}"
        );
    }
}

/// The shop with these details of some items.
fn listed(changes: &[(&str, ItemDetails)]) -> Recommender {
    let changes = changes.iter().cloned();
    let changes = changes.map(|(id, details)| (id.to_owned(), details));
    shop().with_details(&changes.collect()).unwrap()
}

#[test]
fn what_cannot_be_had_is_never_recommended() {
    let sold_out = ItemDetails {
        in_stock: Some(false),
        ..ItemDetails::default()
    };
    let expired = ItemDetails {
        in_stock: Some(true),
        expires_at: Some(1_000_000_000),
        ..ItemDetails::default()
    };
    let offered = ItemDetails {
        expires_at: Some(i64::MAX - 1),
        ..ItemDetails::default()
    };
    let shop = listed(&[
        ("lamp", sold_out.clone()),
        ("mug", expired),
        ("nail", offered),
        ("nothing", sold_out.clone()),
    ]);
    let everything = with_filter(ItemFilter::default());
    let left = ["dusty", "glove", "nail", "oil"];
    for user in ["ann", "idle", "nobody"] {
        for exploration in [0.0, 1.0] {
            let options = RecommendOptions {
                exploration,
                ..everything.clone()
            };
            let answer = shop.recommend(user, &options).unwrap();
            let mut names = names(&answer);
            names.sort_unstable();
            assert_eq!(names, left, "{user}");
        }
    }
    // Naming such an item does not help.
    let allowed = with_filter(ItemFilter {
        allow: Some(strings(&["lamp", "mug"])),
        ..ItemFilter::default()
    });
    let answer = shop.recommend("ann", &allowed).unwrap();
    assert_eq!(
        (answer.items.len(), answer.emptied_by),
        (0, Some(Rule::Unavailable))
    );
    assert!(answer.unknown.is_empty());
    let items = crate::ItemOptions::default();
    let unavailable = |name: &str| ["lamp", "mug"].contains(&name);
    for list in [
        shop.popular(&items).unwrap(),
        shop.similar("glove", &items).unwrap(),
    ] {
        assert!(!list.is_empty() && list.iter().all(|item| !unavailable(&item.item)));
    }
    // Similar items of one that is sold out are what people look for.
    assert!(!shop.similar("lamp", &items).unwrap().is_empty());
}

#[test]
fn details_change_in_a_copy() {
    let before = shop();
    let mut lamp = before.catalogue().get(before.item("lamp").unwrap());
    lamp.price = Some(99.0);
    lamp.title = Some("Lamp".to_owned());
    let after = before
        .with_details(&[("lamp".to_owned(), lamp.clone())].into())
        .unwrap();
    let dear = with_filter(ItemFilter {
        price_min: Some(50.0),
        ..ItemFilter::default()
    });
    let answer = after.recommend("bob", &dear).unwrap();
    assert_eq!(names(&answer), ["lamp"]);
    assert_eq!(answer.items[0].details, lamp);
    let json = serde_json::to_value(&answer.items[0]).unwrap();
    assert_eq!(json["details"]["title"], "Lamp");
    assert!(json["details"].get("in_stock").is_none(), "{json}");
    assert!(before.recommend("bob", &dear).unwrap().items.is_empty());
    let bad = |details: ItemDetails| {
        let error = before
            .with_details(&[("lamp".to_owned(), details)].into())
            .unwrap_err();
        matches!(error, RecommendError::NewItem { .. })
    };
    assert!(bad(ItemDetails {
        price: Some(f64::NAN),
        ..ItemDetails::default()
    }));
    assert!(bad(ItemDetails {
        page_url: Some("javascript:alert(1)".to_owned()),
        ..ItemDetails::default()
    }));
    assert!(bad(ItemDetails {
        title: Some("two\nlines".to_owned()),
        ..ItemDetails::default()
    }));
}
