use super::*;
use crate::EventLogBuilder;
use proptest::prelude::*;

fn log(events: &[(&str, &str, &str, i64)]) -> EventLog {
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    let mut log = EventLogBuilder::new(&weights);
    for &(user, item, behavior, time) in events {
        log.push(user, item, behavior, time).unwrap();
        let details = lightgcn_core::ItemDetails {
            brand: Some(format!("brand of {item}")),
            ..Default::default()
        };
        log.describe(item, time, &details);
    }
    log.build().unwrap()
}

fn at(validation: i64, test: i64) -> PrepareConfig {
    PrepareConfig {
        split: SplitConfig::ByTime {
            validation: crate::TimeCut::At(validation.to_string()),
            test: crate::TimeCut::At(test.to_string()),
        },
        ..PrepareConfig::default()
    }
}

fn prepared(log: &EventLog, config: &PrepareConfig) -> Result<Dataset, DataError> {
    prepare_log(log, &config.check().unwrap())
}

/// Everyone but `late` trains; `gone` and its item leave by the k-core of 2.
const EVENTS: [(&str, &str, &str, i64); 14] = [
    ("gone", "x", "purchase", 0),
    ("u", "a", "purchase", 1),
    ("u", "b", "view", 2),
    ("v", "a", "purchase", 3),
    ("v", "b", "purchase", 4),
    ("u", "b", "purchase", 10),
    ("late", "a", "purchase", 11),
    ("v", "x", "purchase", 12),
    ("gone", "a", "purchase", 13),
    ("v", "new", "purchase", 20),
    ("u", "x", "purchase", 21),
    ("w", "b", "view", 5),
    ("w", "a", "view", 5),
    ("w", "a", "purchase", 22),
];

#[test]
fn rows_truth_and_lineage_of_a_small_log() {
    let log = log(&EVENTS);
    let mut config = at(10, 20);
    config.k_core = KCoreConfig {
        min_user_pairs: 2,
        min_item_pairs: 2,
    };
    let dataset = prepared(&log, &config).unwrap();
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["u", "v", "w"]);
    assert_eq!(dataset.items.iter().collect::<Vec<_>>(), ["a", "b"]);
    let train = dataset.split.train.interactions();
    assert_eq!(train.weights(), [1.0, 0.01, 1.0, 1.0, 0.01, 0.01]);
    assert_eq!(
        dataset.catalogue.get(ItemId(1)).brand.as_deref(),
        Some("brand of b")
    );

    let validation = dataset.split.validation.truth();
    assert_eq!(
        validation.iter().collect::<Vec<_>>(),
        [(UserId(0), ItemId(1))]
    );
    assert_eq!(validation.familiar_of(UserId(0)), [true]);
    let test = dataset.split.test.truth();
    assert_eq!(test.iter().collect::<Vec<_>>(), [(UserId(2), ItemId(0))]);

    let stages = &dataset.lineage.stages;
    assert!(
        stages.iter().all(StageReport::balances),
        "{}",
        sentences(stages)
    );
    let names: Vec<_> = stages
        .iter()
        .map(|s| format!("{} {}", s.stage, s.unit))
        .collect();
    assert_eq!(
        names,
        [
            "events events",
            "split events",
            "k-core pairs",
            "k-core users",
            "k-core items",
            "validation targets",
            "test targets"
        ]
    );
    assert_eq!(stages[2].dropped["user with fewer than 2 pairs"], 1);
    // `late` never trained and `gone` was thinned out; x went with it.
    assert_eq!(stages[5].dropped["user unseen in training"], 2);
    assert_eq!(stages[5].dropped["item unseen in training"], 1);
    assert_eq!(stages[6].dropped["item unseen in training"], 2);
    let options = &dataset.lineage.options;
    assert_eq!(options["split.test"], "20");
    assert_eq!(options["split.test.from"], "1970-01-01 00:00:20 UTC");
    assert_eq!(options["weights.purchase"], "1");
    assert_eq!(options["k_core.min_item_pairs"], "2");
}

#[test]
fn ages_count_from_the_last_training_event() {
    let day = 86_400;
    let log = log(&[
        ("u", "a", "purchase", 0),
        ("u", "b", "view", 7 * day),
        ("u", "b", "purchase", 700 * day),
    ]);
    let mut config = at(8 * day, 8 * day);
    config.weights.half_life_days = Some(7.0);
    config.weights.floor = None;
    let dataset = prepared(&log, &config).unwrap();
    assert_eq!(dataset.split.train.interactions().weights(), [0.5, 0.01]);
}

#[test]
fn a_history_leaves_older_events_out_of_training_only() {
    let day = 86_400;
    let mut events = vec![
        ("u", "a", "purchase", 0),
        ("old", "a", "view", day),
        ("u", "b", "view", 10 * day),
        ("v", "a", "purchase", 12 * day),
        ("v", "b", "view", 15 * day),
    ];
    let held_out = [
        ("u", "a", "purchase", 20 * day),
        ("u", "b", "purchase", 21 * day),
        ("old", "b", "purchase", 22 * day),
        ("v", "b", "purchase", 23 * day),
    ];
    events.extend(held_out);
    let log = log(&events);
    let mut config = at(20 * day, 21 * day);
    config.history_days = Some(5.0);
    let dataset = prepared(&log, &config).unwrap();
    // Five days before the last training event, which is on day 15.
    let users: Vec<_> = dataset.users.iter().collect();
    assert_eq!(users, ["u", "v"]);
    let train = dataset.split.train.interactions();
    assert_eq!(train.weights(), [0.01, 1.0, 0.01]);
    let stage = &dataset.lineage.stages[2];
    assert_eq!(
        (stage.stage.as_str(), stage.rows_in, stage.kept),
        ("history", 5, 3)
    );
    assert_eq!(
        stage.dropped,
        [("before 1970-01-11 00:00:00 UTC".to_owned(), 2)].into()
    );
    assert!(dataset.lineage.stages.iter().all(StageReport::balances));
    assert_eq!(dataset.lineage.options["history_days"], "5");
    // What was bought before the history is still not new.
    assert!(dataset.split.validation.truth().is_empty());
    assert_eq!(dataset.split.test.truth().n_pairs(), 2);
    // Without held-out parts, days count back from the end.
    let whole = prepare_log(&log, &config.check().unwrap().whole()).unwrap();
    assert_eq!(whole.split.train.interactions().n_pairs(), 4);
    for days in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        config.history_days = Some(days);
        let error = config.check().unwrap_err();
        assert!(matches!(error, DataError::Config { issues } if issues.len() == 1));
    }
}

#[test]
fn a_log_without_a_target_is_an_error_whatever_the_split() {
    let log = log(&[("u", "a", "view", 0), ("v", "b", "cart", 1)]);
    for split in [
        SplitConfig::None,
        SplitConfig::by_time_shares(0.1, 0.1),
        SplitConfig::Random {
            validation: 0.1,
            test: 0.1,
        },
    ] {
        let config = PrepareConfig {
            split,
            ..PrepareConfig::default()
        };
        let error = prepared(&log, &config).unwrap_err();
        assert!(
            matches!(&error, DataError::NoTargets { targets } if targets == &["purchase"]),
            "{error}"
        );
    }
}

#[test]
fn parts_without_a_target_are_errors() {
    let log = log(&[
        ("u", "a", "view", 0),
        ("v", "b", "purchase", 1),
        ("w", "c", "purchase", 2),
    ]);
    let error = prepared(&log, &at(2, 2)).unwrap_err();
    assert!(matches!(error, DataError::NothingToTest { .. }));
    let mut config = at(2, 2);
    config.k_core.min_item_pairs = 5;
    assert!(matches!(
        prepared(&log, &config),
        Err(DataError::NothingToTrain { .. })
    ));
    let all = PrepareConfig {
        split: SplitConfig::None,
        ..PrepareConfig::default()
    };
    let dataset = prepared(&log, &all).unwrap();
    assert_eq!(dataset.split.train.interactions().n_pairs(), 3);
    assert!(dataset.split.test.truth().is_empty());
}

#[test]
fn issues_of_all_options_are_listed() {
    let mut config = PrepareConfig {
        split: SplitConfig::Random {
            validation: 2.0,
            test: 0.0,
        },
        ..PrepareConfig::default()
    };
    config.format.delimiter = '"';
    let Err(DataError::Config { issues }) = config.check() else {
        panic!("the options must be refused");
    };
    assert_eq!(issues.len(), 3, "{issues:?}");
    config.weights.behaviors.clear();
    let Err(DataError::Config { issues }) = config.check() else {
        panic!("the options must be refused");
    };
    assert_eq!(issues.len(), 3, "{issues:?}"); // two of the split, one of the weights
}

#[test]
fn a_config_file_round_trips() {
    let config: PrepareConfig = toml::from_str(
        "seed = 7\nduplicates = 'keep'\nfuture_rows = 'cap'\n[format]\nquoting = false\n\
         time_unit = 'milliseconds'\n[k_core]\nmin_user_pairs = 2\n[split]\nkind = 'random'\n",
    )
    .unwrap();
    assert_eq!(config.k_core.min_item_pairs, 1);
    let read = config.read_config();
    assert_eq!(read.future_rows, FutureRows::Cap);
    assert!(!read.format.quoting);
    let options = config.check().unwrap().options();
    assert_eq!(options["format.time_unit"], "milliseconds");
    assert_eq!(config.split, SplitConfig::reference());
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<PrepareConfig>(&written).unwrap(), config);
    assert!(toml::from_str::<PrepareConfig>("sede = 7").is_err());
}

proptest! {
    #[test]
    fn parts_fit_together_and_reports_balance_for_any_log(
        events in prop::collection::vec((0u8..6, 0u8..8, 0u8..4, 0i64..50), 5..150),
        kind in 0..3,
        k in 1u32..3,
    ) {
        let labels = ["view", "cart", "remove_from_cart", "purchase"];
        let names: Vec<_> = events.iter()
            .map(|e| (format!("u{}", e.0), format!("i{}", e.1), labels[e.2 as usize], e.3))
            .collect();
        let events: Vec<_> = names.iter().map(|e| (e.0.as_str(), e.1.as_str(), e.2, e.3)).collect();
        let config = PrepareConfig {
            split: match kind {
                0 => SplitConfig::Random { validation: 0.2, test: 0.2 },
                1 => SplitConfig::leave_last_out(),
                _ => SplitConfig::by_time_shares(0.2, 0.2),
            },
            k_core: KCoreConfig { min_user_pairs: k, min_item_pairs: k },
            ..PrepareConfig::default()
        };
        let Ok(dataset) = prepared(&log(&events), &config) else {
            return Ok(()); // too few targets
        };
        let train = dataset.split.train.interactions();
        prop_assert!(dataset.lineage.stages.iter().all(StageReport::balances));
        prop_assert!(train.weights().iter().all(|&w| w > 0.0 && w <= 1.0));
        let mut of_item = vec![0u32; train.n_items()];
        for &item in train.items() {
            of_item[item.index()] += 1;
        }
        prop_assert!(of_item.iter().all(|&n| n >= k));
        for user in 0..train.n_users() as u32 {
            prop_assert!(train.pairs_of(UserId(user)).len() >= k as usize);
        }
    }
}

/// The dataset of a log in two files, all of it for training, and the user, the item and the number of the session
/// of each event.
fn sessions_of(files: [&str; 2], column: Option<&str>) -> (Dataset, Vec<(String, String, u8)>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["a.csv", "b.csv"].into_iter().zip(files) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut config = PrepareConfig {
        split: SplitConfig::None,
        ..PrepareConfig::default()
    };
    config.format.user_session = column.map(str::to_owned);
    let dataset = prepare(&[folder.path()], &config).unwrap();
    let train = dataset.split.train.interactions();
    let mut found = Vec::new();
    for (user, pair) in train.pairs() {
        for event in train.events_of(pair) {
            found.push((
                dataset.users.name(user).unwrap().to_owned(),
                dataset.items.name(train.items()[pair]).unwrap().to_owned(),
                event.session().to_byte(),
            ));
        }
    }
    (dataset, found)
}

#[test]
fn sessions_are_those_that_the_log_names() {
    // Without a session column, and with one that is empty in some rows. The second session of u begins
    // between two events of the first, which goes on after midnight; v has a session of the same id.
    let without = "event_time,event_type,product_id,user_id\n\
        2019-10-01 09:00:00 UTC,purchase,a,u\n";
    let with = "event_time,event_type,product_id,user_id,visit\n\
        2019-10-01 23:50:00 UTC,view,b,u,x1\n\
        2019-10-01 23:55:00 UTC,view,c,u,x0\n\
        2019-10-02 08:00:00 UTC,view,d,u,x1\n\
        2019-10-02 08:01:00 UTC,view,e,u,\n\
        2019-10-02 08:02:00 UTC,view,f,u,null\n\
        2019-10-02 08:03:00 UTC,view,b,v,x0\n\
        2019-10-02 09:00:00 UTC,cart,g,u,x2\n";
    let (dataset, found) = sessions_of([without, with], Some("visit"));
    let found: Vec<_> = found.iter().map(|f| (&f.0[..], &f.1[..], f.2)).collect();
    let expected = [
        ("u", "a", 0),
        ("u", "b", 1),
        ("u", "c", 2),
        ("u", "d", 1),
        ("u", "e", 0),
        ("u", "f", 0),
        ("u", "g", 3),
        ("v", "b", 1),
    ];
    assert_eq!(found, expected);
    assert_eq!(dataset.lineage.options["format.user_session"], "visit");

    // A column that the log lacks, one that is not named, and one that is always empty make no difference.
    let (other, found) = sessions_of([without, with], Some("user_session"));
    assert!(found.iter().all(|event| event.2 == 0));
    let (none, _) = sessions_of([without, with], None);
    let pairs = |dataset: &Dataset| dataset.split.train.interactions().clone();
    assert_eq!(pairs(&none), pairs(&other));
    let empty = with
        .replace(",x0", ",")
        .replace(",x1", ",")
        .replace(",x2", ",");
    let (empty, _) = sessions_of([without, &empty], Some("visit"));
    assert_eq!(pairs(&empty), pairs(&none));
    assert_ne!(pairs(&dataset), pairs(&none));
}

#[test]
fn sessions_follow_their_events_past_duplicates_and_other_orders() {
    let header = "event_time,event_type,product_id,user_id,user_session";
    let rows = [
        "1570000000,purchase,a,u,s",
        "1570000100,view,b,u,t",
        "1570000000,purchase,a,u,s",
        "1570000200,view,c,u,s",
        "1570000300,view,d,u,r",
    ];
    let file = |order: &[usize]| {
        let rows: Vec<&str> = order.iter().map(|&n| rows[n]).collect();
        format!("{header}\n{}\n", rows.join("\n"))
    };
    let marks = |order: &[usize], last: &[usize]| {
        let (_, mut found) = sessions_of([&file(order), &file(last)], Some("user_session"));
        found.sort();
        found.into_iter().map(|f| (f.1, f.2)).collect::<Vec<_>>()
    };
    let expected = [("a", 1), ("b", 2), ("c", 1), ("d", 3)];
    let expected = expected.map(|(item, mark)| (item.to_owned(), mark));
    assert_eq!(marks(&[0, 1, 2], &[3, 4]), expected);
    assert_eq!(marks(&[4, 3], &[2, 1, 0]), expected);
}
