use super::*;
use crate::EventLogBuilder;
use lightgcn_core::BehaviorWeightsConfig;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn weights() -> BehaviorWeights {
    BehaviorWeightsConfig::shop_log().check().unwrap()
}

fn log(events: &[(&str, &str, &str, i64)]) -> EventLog {
    let mut log = EventLogBuilder::new(&weights());
    for &(user, item, behavior, time) in events {
        log.push(user, item, behavior, time).unwrap();
    }
    log.build().unwrap()
}

fn parts(log: &EventLog, config: &SplitConfig) -> Parts {
    assert!(config.issues().is_empty(), "{:?}", config.issues());
    split(log, config, &weights(), &ReadConfig::default(), 1).unwrap()
}

/// The held-out pairs by their ids, sorted.
fn named(log: &EventLog, held: &HeldOut) -> Vec<String> {
    let names = held.pairs.iter().map(|&(user, item)| {
        let user = log.user_ids().name(lightgcn_core::UserId(user)).unwrap();
        let item = log.item_ids().name(lightgcn_core::ItemId(item)).unwrap();
        format!("{user}-{item}")
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn by_time_splits_a_small_log() {
    let log = log(&[
        ("u", "a", "view", 1),
        ("u", "a", "purchase", 2),
        ("u", "b", "view", 3),
        ("v", "c", "purchase", 4),
        ("u", "b", "purchase", 10), // validation, viewed before
        ("u", "b", "purchase", 11), // the same again
        ("u", "a", "purchase", 12), // bought in training
        ("v", "d", "view", 12),
        ("u", "b", "purchase", 20), // in validation too
        ("v", "a", "purchase", 20), // test
        ("u", "c", "purchase", 21), // test
        ("v", "c", "purchase", 22), // bought in training
    ]);
    let config = SplitConfig::ByTime {
        validation: TimeCut::At("10".to_owned()),
        test: TimeCut::At("1970-01-01 00:00:20 UTC".to_owned()),
    };
    let parts = parts(&log, &config);
    let trains: Vec<bool> = (0..12).map(|n| n < 4).collect();
    assert_eq!(parts.trains, trains);
    assert_eq!(named(&log, &parts.validation), ["u-b"]);
    assert_eq!(named(&log, &parts.test), ["u-c", "v-a"]);
    assert_eq!(parts.validation.report.rows_in, 3);
    assert_eq!(parts.validation.report.dropped["bought before"], 1);
    assert_eq!(
        parts.validation.report.dropped["bought again in the period"],
        1
    );
    assert_eq!(parts.test.report.rows_in, 4);
    assert_eq!(parts.test.report.dropped["bought before"], 1);
    assert_eq!(parts.test.report.dropped["in validation too"], 1);
    assert!(parts.report.balances());
    assert_eq!(parts.report.dropped["in the validation period"], 4);
    assert_eq!(
        parts.found[1],
        ("split.test.from", "1970-01-01 00:00:20 UTC".to_owned())
    );
}

#[test]
fn shares_are_of_the_target_events() {
    let events: Vec<(String, i64)> = (0..10).map(|n| (format!("i{n}"), n * 100)).collect();
    let mut all = vec![("u", "seen", "view", 2_000)]; // a late view moves no cut
    all.extend(
        events
            .iter()
            .map(|(item, t)| ("u", item.as_str(), "purchase", *t)),
    );
    let log = log(&all);
    let parts = parts(&log, &SplitConfig::by_time_shares(0.2, 0.3));
    assert_eq!(named(&log, &parts.test), ["u-i7", "u-i8", "u-i9"]);
    assert_eq!(named(&log, &parts.validation), ["u-i5", "u-i6"]);
    assert_eq!(parts.trains.iter().filter(|&&t| t).count(), 5);
}

#[test]
fn shares_of_days_never_lose_the_validation_period() {
    // All of a day's purchases have one time: the test takes the whole last day.
    let log = log(&[
        ("u", "a", "purchase", 0),
        ("u", "b", "purchase", 1),
        ("u", "c", "purchase", 2),
        ("u", "d", "purchase", 2),
        ("u", "e", "purchase", 2),
    ]);
    let parts = parts(&log, &SplitConfig::by_time_shares(0.2, 0.2));
    assert_eq!(named(&log, &parts.test), ["u-c", "u-d", "u-e"]);
    assert_eq!(named(&log, &parts.validation), ["u-b"]);
}

#[test]
fn what_came_after_a_second_is_held_out_for_validation_alone() {
    let log = log(&[
        ("u", "a", "purchase", 1),
        ("v", "b", "purchase", 9),
        ("u", "b", "view", 9),
        ("u", "b", "purchase", 10),
        ("v", "a", "purchase", 30),
    ]);
    let parts = parts(&log, &SplitConfig::after(9));
    assert_eq!(parts.trains, [true, true, true, false, false]);
    assert_eq!(named(&log, &parts.validation), ["u-b", "v-a"]);
    assert!(parts.test.pairs.is_empty());
    assert_eq!(parts.found.len(), 1);
    let late = split(
        &log,
        &SplitConfig::after(30),
        &weights(),
        &ReadConfig::default(),
        1,
    );
    assert!(matches!(
        late,
        Err(DataError::NothingAfter { after, last })
            if after == "1970-01-01 00:00:30 UTC" && last == after
    ));
    let none = SplitConfig::ByTime {
        validation: TimeCut::Share(0.0),
        test: TimeCut::Share(0.0),
    };
    assert_eq!(none.issues().len(), 1);
}

#[test]
fn times_that_do_not_fit_are_errors() {
    let log = log(&[("u", "a", "purchase", 100), ("u", "b", "purchase", 200)]);
    let by = |validation: &str, test: &str| {
        let config = SplitConfig::ByTime {
            validation: TimeCut::At(validation.to_owned()),
            test: TimeCut::At(test.to_owned()),
        };
        split(&log, &config, &weights(), &ReadConfig::default(), 0).map(drop)
    };
    by("150", "150").unwrap();
    for (validation, test) in [("50", "150"), ("150", "201"), ("180", "150")] {
        assert!(matches!(
            by(validation, test),
            Err(DataError::SplitTime { .. })
        ));
    }
    let views = self::log(&[("u", "a", "view", 100)]);
    assert!(matches!(
        split(
            &views,
            &SplitConfig::default(),
            &weights(),
            &ReadConfig::default(),
            0
        ),
        Err(DataError::NothingToTrain { .. })
    ));
}

#[test]
fn leave_last_out_splits_a_small_log() {
    let events = [
        ("u", "a", "purchase", 1),
        ("u", "c", "cart", 2),
        ("u", "b", "view", 3),
        ("u", "b", "purchase", 5), // the validation: second to last new item
        ("u", "a", "purchase", 9), // bought again: not new, and after the validation
        ("u", "c", "purchase", 6), // the test
        ("u", "d", "view", 7),     // after the validation
        ("u", "e", "view", 4),
        ("v", "a", "purchase", 1), // two targets only
        ("v", "b", "purchase", 8),
    ];
    let log = log(&events);
    let parts = parts(&log, &SplitConfig::leave_last_out());
    assert_eq!(named(&log, &parts.validation), ["u-b"]);
    assert_eq!(named(&log, &parts.test), ["u-c"]);
    let trains = |parts: &Parts| -> Vec<usize> { (0..10).filter(|&n| parts.trains[n]).collect() };
    assert_eq!(trains(&parts), [0, 7, 8, 9]);
    assert!(parts.report.balances());
    assert_eq!(parts.report.dropped["of a held-out pair"], 4);
    assert_eq!(
        parts.report.dropped["after the user's first held-out purchase"],
        2
    );

    let keep = SplitConfig::LeaveLastOut {
        min_targets: 3,
        validation: true,
        keep_earlier_events: true,
    };
    assert_eq!(trains(&self::parts(&log, &keep)), [0, 1, 2, 7, 8, 9]);
    let test_only = SplitConfig::LeaveLastOut {
        min_targets: 2,
        validation: false,
        keep_earlier_events: false,
    };
    let parts = self::parts(&log, &test_only);
    assert_eq!(named(&log, &parts.test), ["u-c", "v-b"]);
    assert!(parts.validation.pairs.is_empty());
    assert_eq!(trains(&parts), [0, 2, 3, 7, 8]);
}

#[test]
fn ties_in_time_follow_row_order() {
    let log = log(&[
        ("u", "b", "purchase", 5),
        ("u", "a", "purchase", 5),
        ("u", "c", "purchase", 5),
    ]);
    let parts = parts(&log, &SplitConfig::leave_last_out());
    assert_eq!(named(&log, &parts.validation), ["u-a"]);
    assert_eq!(named(&log, &parts.test), ["u-c"]);
    assert_eq!(parts.trains, [true, false, false]);
}

#[test]
fn random_holds_out_exact_shares_of_all_pairs() {
    let ids: Vec<String> = (0..400).map(|n| format!("{n}")).collect();
    let mut events = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        events.push(("u", id.as_str(), "view", 0));
        if n % 2 == 0 {
            events.push(("u", id.as_str(), "purchase", 1));
        }
    }
    let log = log(&events);
    let config = SplitConfig::reference();
    let first = parts(&log, &config);
    assert_eq!(first.report.rows_in, 400);
    assert_eq!(first.report.kept, 380);
    assert_eq!(first.test.report.rows_in, 10);
    let without = first.test.report.dropped.get("no target event").copied();
    assert_eq!(first.test.pairs.len() as u64 + without.unwrap_or(0), 10);
    let held: BTreeSet<_> = first
        .test
        .pairs
        .iter()
        .chain(&first.validation.pairs)
        .collect();
    for event in 0..log.n_events() {
        let pair = (log.users()[event], log.items()[event]);
        assert!(!(held.contains(&pair) && first.trains[event]));
    }
    assert_eq!(first.trains, parts(&log, &config).trains);
    let other = split(&log, &config, &weights(), &ReadConfig::default(), 2).unwrap();
    assert_ne!(first.trains, other.trains);
}

#[test]
fn all_issues_of_a_config_are_listed() {
    let random = |validation, test| SplitConfig::Random { validation, test }.issues().len();
    assert_eq!(random(0.0, 0.5), 0);
    assert_eq!(random(-0.1, 0.0), 2);
    assert_eq!(random(f64::NAN, 1.0), 2);
    assert_eq!(random(0.5, 0.5), 1);
    let by_time = |validation: &str, test: &str| {
        let at = |text: &str| TimeCut::At(text.to_owned());
        SplitConfig::ByTime {
            validation: at(validation),
            test: at(test),
        }
        .issues()
        .len()
    };
    assert_eq!(by_time("2020-01-01", "2020-02-01"), 0);
    assert_eq!(by_time("2020-02-01", "2020-01-01"), 1);
    assert_eq!(by_time("soon", "later"), 2);
    assert_eq!(SplitConfig::by_time_shares(0.6, 0.6).issues().len(), 1);
    let last = SplitConfig::LeaveLastOut {
        min_targets: 2,
        validation: true,
        keep_earlier_events: false,
    };
    assert_eq!(last.issues().len(), 1);
}

#[test]
fn configs_read_from_toml() {
    let read = |text: &str| toml::from_str::<SplitConfig>(text);
    assert_eq!(read("kind = 'random'").unwrap(), SplitConfig::reference());
    assert_eq!(
        read("kind = 'leave-last-out'").unwrap(),
        SplitConfig::leave_last_out()
    );
    assert_eq!(read("kind = 'by-time'").unwrap(), SplitConfig::default());
    assert_eq!(read("kind = 'none'").unwrap(), SplitConfig::None);
    assert_eq!(
        read("kind = 'by-time'\nvalidation = 0.05\ntest = '2020-02-01'").unwrap(),
        SplitConfig::ByTime {
            validation: TimeCut::Share(0.05),
            test: TimeCut::At("2020-02-01".to_owned())
        }
    );
    assert!(read("kind = 'random'\ntets = 0.1").is_err());
    assert!(read("kind = 'by-chance'").is_err());
}

type Event = (u8, u8, u8, i64);

fn log_of(events: &[Event]) -> EventLog {
    let labels = ["view", "cart", "remove_from_cart", "purchase"];
    let mut log = EventLogBuilder::new(&weights());
    for &(user, item, behavior, time) in events {
        let label = labels[behavior as usize];
        log.push(&format!("u{user}"), &format!("i{item}"), label, time)
            .unwrap();
    }
    log.build().unwrap()
}

fn any_split() -> impl Strategy<Value = SplitConfig> {
    prop_oneof![
        (0.0..0.4, 0.05..0.5)
            .prop_map(|(validation, test)| SplitConfig::Random { validation, test }),
        (0.0..0.4, 0.05..0.5).prop_map(|(v, t)| SplitConfig::by_time_shares(v, t)),
        (3u32..5, any::<bool>(), any::<bool>()).prop_map(|(min_targets, validation, keep)| {
            SplitConfig::LeaveLastOut {
                min_targets,
                validation,
                keep_earlier_events: keep,
            }
        }),
        Just(SplitConfig::None),
    ]
}

proptest! {
    #[test]
    fn parts_are_disjoint_and_every_report_balances(
        events in prop::collection::vec((0u8..6, 0u8..8, 0u8..4, 0i64..50), 1..120),
        config in any_split(),
        seed in 0u64..4,
    ) {
        let log = log_of(&events);
        let Ok(parts) = split(&log, &config, &weights(), &ReadConfig::default(), seed) else {
            return Ok(()); // no target, or none before the cut
        };
        prop_assert!(parts.report.balances());
        let mut trained = BTreeSet::new();
        for event in (0..log.n_events()).filter(|&e| parts.trains[e] && log.behaviors()[e] == 3) {
            trained.insert((log.users()[event], log.items()[event]));
        }
        let set = |held: &HeldOut| held.pairs.iter().copied().collect::<BTreeSet<_>>();
        let (validation, test) = (set(&parts.validation), set(&parts.test));
        prop_assert!(validation.is_disjoint(&test));
        prop_assert!(trained.is_disjoint(&validation) && trained.is_disjoint(&test));
        for held in [&parts.validation, &parts.test] {
            let mut report = held.report.clone();
            report.kept = held.pairs.len() as u64;
            prop_assert!(report.balances(), "{}", report);
            prop_assert_eq!(set(held).len(), held.pairs.len());
        }
        if let SplitConfig::ByTime { .. } = config {
            // Nothing that trains is later than anything that does not.
            let times = |trains: bool| -> Vec<i64> {
                let events = (0..log.n_events()).filter(|&e| parts.trains[e] == trains);
                events.map(|e| log.times()[e]).collect()
            };
            prop_assert!(times(true).iter().max() < times(false).iter().min());
        }
    }
}
