use super::*;
use crate::{EventLogBuilder, PrepareConfig, prepare_log};
use lightgcn_core::{BehaviorWeightsConfig, InteractionsBuilder};
use proptest::prelude::*;

/// 2019-10-01.
const START: i64 = 1_569_888_000;

fn log(events: &[(String, String, &str, i64)]) -> EventLog {
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    let mut log = EventLogBuilder::new(&weights);
    for (user, item, behavior, time) in events {
        log.push(user, item, behavior, *time).unwrap();
    }
    log.build().unwrap()
}

fn inspected(log: &EventLog) -> Inspection {
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    Inspection::of_log(log, &weights).unwrap()
}

fn event<'a>(
    user: &str,
    item: &str,
    behavior: &'a str,
    hours: i64,
) -> (String, String, &'a str, i64) {
    (
        user.to_owned(),
        item.to_owned(),
        behavior,
        START + hours * 3_600,
    )
}

/// Ann sees and buys a, sees b twice, buys c at once, twice; bob buys a and then sees it; cid carts a.
fn small() -> EventLog {
    log(&[
        event("ann", "a", "view", 0),
        event("ann", "a", "purchase", 1),
        event("ann", "b", "view", 2),
        event("ann", "b", "view", 3),
        event("ann", "c", "purchase", 25),
        event("ann", "c", "purchase", 26),
        event("bob", "a", "purchase", 27),
        event("bob", "a", "view", 28),
        event("cid", "a", "cart", 24 * 30),
        event("cid", "b", "purchase", 24 * 30 + 1),
    ])
}

#[test]
fn a_small_log_by_hand() {
    let seen = inspected(&small());
    assert_eq!((seen.events, seen.pairs, seen.target_pairs), (10, 6, 4));
    // Ann's c, bob's a and cid's b begin with their purchase.
    assert_eq!(seen.sudden_targets, Some(0.75));
    let figures = seen.behaviors.iter().map(|b| {
        let counts = [b.events, b.users, b.items, b.pairs];
        (b.name.as_str(), counts, b.share, b.repeated, b.conversion)
    });
    let third = 1.0 / 3.0;
    let expected = [
        // Bob's view comes after the purchase.
        ("view", [4, 2, 2, 3], 0.4, third, Some(third)),
        ("cart", [1, 1, 1, 1], 0.1, 0.0, Some(0.0)),
        ("remove_from_cart", [0; 4], 0.0, 0.0, None),
        ("purchase", [5, 3, 3, 4], 0.5, 0.25, None),
    ];
    assert_eq!(figures.collect::<Vec<_>>(), expected);

    // Ann has 6 events, the others 2; item a has 5, b 3, c 2.
    let users = &seen.users;
    assert_eq!(
        (users.count, users.events.p50, users.events.max),
        (3, 2.0, 6.0)
    );
    assert_eq!((users.neighbors.max, users.without_target), (3.0, 0.0));
    assert_eq!(users.cold, 2.0 / 3.0);
    assert_eq!(users.histogram, [0, 0, 2, 1]);
    let items = &seen.items;
    assert_eq!((items.count, items.events.mean), (3, 10.0 / 3.0));
    assert_eq!((items.cold, items.neighbors.max), (2.0 / 3.0, 3.0));
    assert_eq!(items.histogram, [0, 0, 2, 1]);

    let times = seen.times.unwrap();
    assert_eq!(times.span.first, "2019-10-01 00:00:00 UTC");
    assert_eq!(times.span.last, "2019-10-31 01:00:00 UTC");
    let days = times
        .days
        .iter()
        .map(|d| (d.date.as_str(), d.events, d.targets));
    let expected = [
        ("2019-10-01", 4, 1),
        ("2019-10-02", 4, 3),
        ("2019-10-31", 2, 1),
    ];
    assert_eq!(days.collect::<Vec<_>>(), expected);
}

#[test]
fn the_split_of_a_small_log() {
    // Of five targets, half of one rounds up to one for each part.
    let split = inspected(&small()).split.unwrap();
    assert_eq!(split.training_events, 6);
    assert_eq!((split.training_users, split.training_items), (1, 3));
    let part = |part: &HeldOutPart| (part.targets, part.users, part.bought_before, part.unseen);
    // Neither bob nor cid is known before.
    assert_eq!(split.validation.from, "2019-10-02 03:00:00 UTC");
    assert_eq!(part(&split.validation), (0, 0, 0, 1));
    assert_eq!(split.test.from, "2019-10-31 01:00:00 UTC");
    assert_eq!(part(&split.test), (0, 0, 0, 1));
    let one = log(&[event("u", "a", "purchase", 0)]);
    assert_eq!(inspected(&one).split, None);
}

#[test]
fn odd_logs_are_warned_of() {
    let behavior = |behavior: &str| Warning::NoEvents {
        behavior: behavior.to_owned(),
    };
    let gap = Warning::Gap {
        after: "2019-10-02".to_owned(),
        before: "2019-10-31".to_owned(),
        days: 28,
    };
    let few = Warning::FewTestTargets { targets: 0 };
    let found = inspected(&small()).warnings;
    assert_eq!(found, [behavior("remove_from_cart"), gap, few]);

    // 1,001 views on a day, and 19 users who view one item each.
    let mut events: Vec<_> = (0..1_001)
        .map(|n| event("robot", &format!("i{}", n % 100), "view", n % 24))
        .collect();
    events.extend((0..19).map(|n| event(&format!("u{n}"), &format!("i{n}"), "view", 30)));
    let found = inspected(&log(&events)).warnings;
    let busy = Warning::BusyUsers {
        users: 1,
        busiest: "robot".to_owned(),
        day: "2019-10-01".to_owned(),
        events: 1_001,
    };
    let large = Warning::Large {
        side: Side::User,
        id: "robot".to_owned(),
        share: 1_001.0 / 1_020.0,
    };
    let others = ["cart", "remove_from_cart", "purchase"].map(behavior);
    let expected = [&[Warning::NoTargets][..], &others, &[busy, large]].concat();
    assert_eq!(found, expected);
}

#[test]
fn ids_of_nobody_and_behaviors_without_purchases_are_warned_of() {
    // 30 users view an item each and buy another; the guest does half of everything.
    let mut events = Vec::new();
    for n in 0..30 {
        let user = format!("u{n}");
        events.push(event(&user, &format!("v{n}"), "view", 0));
        events.push(event(&user, &format!("p{n}"), "purchase", 24));
        events.push(event("Guest", &format!("v{n}"), "view", 48));
        events.push(event("Guest", &format!("p{n}"), "view", 48));
    }
    let seen = inspected(&log(&events));
    let nobody = Warning::Nobody {
        side: Side::User,
        id: "Guest".to_owned(),
        share: 0.5,
    };
    let never = Warning::NeverConverts {
        behavior: "view".to_owned(),
        pairs: 90,
    };
    assert!(seen.warnings.contains(&nobody), "{:?}", seen.warnings);
    assert!(seen.warnings.contains(&never));
    assert!(seen.warnings.contains(&Warning::DatesOnly));
    let is_nobody = |id: &str| super::find::is_nobody(id);
    for id in ["0", "-1", "-", "UNKNOWN", "(not set)", "guest", "Guest "] {
        assert!(is_nobody(id), "{id}");
    }
    for id in ["1", "00", "ann", "guesthouse"] {
        assert!(!is_nobody(id), "{id}");
    }
}

#[test]
fn one_item_with_half_of_all_events_is_warned_of() {
    let mut events = Vec::new();
    for n in 0..20 {
        events.push(event(&format!("u{n}"), "bag", "view", n));
        events.push(event(&format!("u{n}"), &format!("i{n}"), "view", n));
    }
    let large = Warning::Large {
        side: Side::Item,
        id: "bag".to_owned(),
        share: 0.5,
    };
    assert!(inspected(&log(&events)).warnings.contains(&large));
    // With few items, none has 10 times the mean.
    for (n_items, is_odd) in [(2, false), (3, false), (4, true), (19, true)] {
        let item = |n: usize| match n % 2 {
            0 => "bag".to_owned(),
            _ => format!("i{}", n / 2 % (n_items - 1)),
        };
        let events: Vec<_> = (0..80)
            .map(|n| event(&format!("u{}", n % 40), &item(n), "view", n as i64))
            .collect();
        assert_eq!(
            inspected(&log(&events)).warnings.contains(&large),
            is_odd,
            "{n_items}"
        );
    }
    let old = Warning::Old {
        first: "1970-01-01 00:00:01 UTC".to_owned(),
    };
    let events = [("u".to_owned(), "i".to_owned(), "purchase", 1)];
    assert!(inspected(&log(&events)).warnings.contains(&old));
}

#[test]
fn pairs_without_events_have_no_times() {
    let mut builder = InteractionsBuilder::from_names(&["like"], &["like"]).unwrap();
    builder.push(UserId(0), ItemId(1), 1.0, &[3], None).unwrap();
    let interactions = builder.build(1, 2).unwrap();
    let users = Vocabulary::from_names(["u"]).unwrap();
    let items = Vocabulary::from_names(["a", "b"]).unwrap();
    let seen = Inspection::of(&interactions, &users, &items);
    assert_eq!((seen.events, seen.pairs, seen.target_pairs), (3, 1, 1));
    assert!(seen.times.is_none() && seen.split.is_none());
    assert_eq!(
        (seen.sudden_targets, seen.behaviors[0].repeated),
        (None, 1.0)
    );
    assert_eq!((seen.items.without_target, seen.items.cold), (0.5, 1.0));
    assert_eq!(seen.items.histogram, [1, 0, 1]);
}

#[test]
fn the_terminal_and_json_have_the_figures() {
    let seen = inspected(&small());
    let text = seen.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "10 events of 3 users with 3 items, in 6 pairs (4 with a target)"
    );
    let days = "from 2019-10-01 00:00:00 UTC to 2019-10-31 01:00:00 UTC, events on 3 of 31 days";
    assert_eq!(lines[1], days);
    let bars = format!(
        "██{}▄  (a day per column, at most 4 events per day)",
        " ".repeat(28)
    );
    assert_eq!(lines[2], bars);
    let view = lines.iter().find(|line| line.starts_with("view")).unwrap();
    let view: Vec<&str> = view.split_whitespace().collect();
    assert_eq!(
        view,
        ["view", "4", "40.0%", "2", "2", "3", "33.3%", "33.3%"]
    );
    let json = serde_json::to_value(&seen).unwrap();
    assert_eq!(json["behaviors"][3]["target"], true);
    assert_eq!(json["times"]["days"][0]["events"], 4);
    assert_eq!(json["warnings"][0]["kind"], "no-events");
    assert_eq!(json["warnings"][0]["behavior"], "remove_from_cart");
}

fn any_log() -> impl Strategy<Value = Vec<(String, String, &'static str, i64)>> {
    let behavior = prop::sample::select(vec!["view", "cart", "purchase"]);
    let event = (0..6u8, 0..6u8, behavior, 0..200i64);
    prop::collection::vec(event, 1..60).prop_map(|events| {
        let events = events.into_iter();
        events
            .map(|(u, i, behavior, hours)| event_of(u, i, behavior, hours))
            .collect()
    })
}

fn event_of(user: u8, item: u8, behavior: &str, hours: i64) -> (String, String, &str, i64) {
    event(&format!("u{user}"), &format!("i{item}"), behavior, hours)
}

#[test]
fn memory_comes_before_the_warnings() {
    let mut seen = inspected(&small());
    let without = seen.to_string();
    assert!(!without.contains("training on all"));
    seen.training = Some(TrainingMemory {
        table: 1_000_000,
        optimizer: 2_000_000,
        graph: 40_000,
        peak: 7_250_000,
    });
    let with = seen.to_string();
    let line = with.lines().find(|line| line.starts_with("training"));
    assert!(line.unwrap().contains("7.2 MB at its peak: 1.0 MB"));
    let at = |text: &str| with.find(text);
    assert!(at("Warnings").is_none_or(|warnings| at("training on all").unwrap() < warnings));
}

proptest! {
    #[test]
    fn the_split_is_the_one_that_prepare_makes(events in any_log()) {
        let log = log(&events);
        let split = inspected(&log).split;
        let config = PrepareConfig::default().check().unwrap();
        if let Ok(dataset) = prepare_log(&log, &config) {
            let split = split.unwrap();
            let train = dataset.split.train.interactions();
            let counts = train.counts().iter().map(|&n| u64::from(n));
            prop_assert_eq!(split.training_events, counts.sum::<u64>());
            prop_assert_eq!(split.training_users, train.n_users() as u64);
            prop_assert_eq!(split.training_items, train.n_items() as u64);
            for (part, truth) in [
                (&split.validation, dataset.split.validation.truth()),
                (&split.test, dataset.split.test.truth()),
            ] {
                prop_assert_eq!(part.targets, truth.n_pairs() as u64);
                prop_assert_eq!(part.users, truth.users().count() as u64);
            }
        }
    }

    #[test]
    fn parts_add_up(events in any_log()) {
        let n = events.len() as u64;
        let seen = inspected(&log(&events));
        prop_assert_eq!(seen.events, n);
        prop_assert_eq!(seen.behaviors.iter().map(|b| b.events).sum::<u64>(), n);
        let days = seen.times.unwrap().days;
        prop_assert_eq!(days.iter().map(|day| day.events).sum::<u64>(), n);
        prop_assert_eq!(seen.users.histogram.iter().sum::<u64>(), seen.users.count);
    }
}
