use super::*;
use crate::events::{EventSink, StoredEvent};
use std::fs;
use std::sync::Arc;

fn event(user: &str, item: &str, time: i64) -> StoredEvent {
    StoredEvent {
        user: user.to_owned(),
        item: item.to_owned(),
        behavior: "view".to_owned(),
        time,
        count: 1.0,
        id: None,
    }
}

fn store(folder: &tempfile::TempDir, config: EventStoreConfig) -> EventStore {
    EventStore::open(folder.path().join("events.redb"), config).unwrap()
}

fn items(store: &EventStore, user: &str) -> Vec<String> {
    let events = store.try_of_user(user).unwrap();
    events.into_iter().map(|event| event.item).collect()
}

#[test]
fn events_are_there_at_once_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let config = EventStoreConfig {
        per_user: 3,
        ..EventStoreConfig::default()
    };
    {
        let store = store(&folder, config.clone());
        assert!(items(&store, "ann").is_empty());
        store
            .try_append(&[event("ann", "soap", 1), event("an", "comb", 2)])
            .unwrap();
        store.try_append(&[]).unwrap();
        for n in 0..4 {
            store
                .append(&[event("ann", &format!("lamp-{n}"), 3)])
                .unwrap();
        }
        assert_eq!(items(&store, "ann"), ["lamp-1", "lamp-2", "lamp-3"]);
        assert_eq!(store.n_events(), 6);
    }
    let store = store(&folder, config);
    assert_eq!(store.n_events(), 6);
    assert_eq!(items(&store, "ann"), ["lamp-1", "lamp-2", "lamp-3"]);
    // An id that is a prefix of another one.
    assert_eq!(items(&store, "an"), ["comb"]);
    assert!(items(&store, "").is_empty());
    let context = &store.of_user("an")[0];
    assert_eq!((context.time, context.count), (Some(2), 1.0));
}

#[test]
fn a_batch_with_an_invalid_event_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let good = event("ann", "soap", 1);
    let with_count = |count| StoredEvent {
        count,
        ..good.clone()
    };
    let invalid = [
        event("", "soap", 1),
        event("ann", "", 1),
        StoredEvent {
            behavior: String::new(),
            ..good.clone()
        },
        with_count(0.0),
        with_count(f64::NAN),
        with_count(f64::INFINITY),
        event("ann", "soap", i64::MAX),
        event("ann", "soap", i64::MIN),
    ];
    for event in invalid {
        let error = store.try_append(&[good.clone(), event]).unwrap_err();
        assert!(
            matches!(error, EventStoreError::Event { number: 2, .. }),
            "{error}"
        );
    }
    assert_eq!((store.n_events(), items(&store, "ann").len()), (0, 0));
}

#[test]
fn a_user_is_forgotten_with_the_ids() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let with_id = |user: &str, id: &str| StoredEvent {
        id: Some(id.to_owned()),
        ..event(user, "soap", 1)
    };
    let sent = [
        with_id("ann", "1"),
        with_id("an", "2"),
        event("ann", "comb", 2),
    ];
    store.try_append(&sent).unwrap();
    assert_eq!(store.forget("ann").unwrap(), 2);
    assert_eq!(store.forget("ann").unwrap(), 0);
    assert!(items(&store, "ann").is_empty());
    assert_eq!(
        (store.n_events(), items(&store, "an")),
        (1, vec!["soap".to_owned()])
    );
    // The id of the removed event is new again, the other one is not.
    assert_eq!(
        store
            .append(&[with_id("bob", "1"), with_id("bob", "2")])
            .unwrap(),
        1
    );
    assert_eq!(store.state().events, Some(2));
    assert!(store.state().bytes > Some(0) && store.state().free_bytes > Some(0));
}

#[test]
fn a_check_writes_and_notices_a_moved_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    store.append(&[event("ann", "soap", 1)]).unwrap();
    store.check().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(store.path(), &elsewhere).unwrap();
    let error = store.check().unwrap_err();
    assert!(
        matches!(error, crate::events::EventError::Moved { .. }),
        "{error}"
    );
    fs::rename(&elsewhere, store.path()).unwrap();
    store.check().unwrap();
    assert_eq!((store.n_events(), items(&store, "ann").len()), (1, 1));
}

#[test]
fn a_full_store_rejects_the_batch_and_works_again_after_pruning() {
    let folder = tempfile::tempdir().unwrap();
    let config = EventStoreConfig {
        limit: 3,
        ..EventStoreConfig::default()
    };
    let store = store(&folder, config);
    store
        .try_append(&[event("ann", "soap", 1), event("ann", "comb", 5)])
        .unwrap();
    let two = [event("bob", "soap", 9), event("bob", "comb", 9)];
    let error = store.try_append(&two).unwrap_err();
    assert!(
        matches!(error, EventStoreError::Full { limit: 3, .. }),
        "{error}"
    );
    assert!(matches!(
        store.append(&two),
        Err(crate::events::EventError::Full { limit: 3 })
    ));
    assert!(items(&store, "bob").is_empty());
    let report = store
        .export(&ExportFormat::default(), std::io::sink())
        .unwrap();
    assert_eq!(
        (report.n_events, report.last, report.latest),
        (2, Some(1), Some(5))
    );
    // Exported, but not yet what the model was trained on.
    assert_eq!(store.prune(1, |event| event.time <= 0).unwrap(), 0);
    // Old enough, but not exported.
    assert_eq!(store.prune(0, |event| event.time <= 9).unwrap(), 1);
    assert_eq!(
        (store.n_events(), items(&store, "ann")),
        (1, vec!["comb".to_owned()])
    );
    store.try_append(&two).unwrap();
    assert_eq!(store.n_events(), 3);
    // Numbers are never reused.
    assert_eq!(
        store
            .export(&ExportFormat::default(), std::io::sink())
            .unwrap()
            .last,
        Some(3)
    );
}

#[test]
fn a_store_has_one_writer_and_many_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let path = store.path().to_owned();
    let error = EventStore::open(&path, EventStoreConfig::default()).unwrap_err();
    assert!(matches!(error, EventStoreError::InUse { .. }), "{error}");
    store.try_append(&[event("ann", "soap", 1)]).unwrap();
    let reader = EventReader::open(&path).unwrap();
    assert_eq!(
        reader
            .export(&ExportFormat::default(), std::io::sink())
            .unwrap()
            .n_events,
        1
    );
    store.try_append(&[event("ann", "comb", 1)]).unwrap();
    assert_eq!(
        reader
            .export(&ExportFormat::default(), std::io::sink())
            .unwrap()
            .n_events,
        2
    );
    drop((store, reader));
    EventStore::open(&path, EventStoreConfig::default()).unwrap();
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let open = |name: &str| EventStore::open(at(name), EventStoreConfig::default());
    fs::write(at("notes"), "mine").unwrap();
    fs::create_dir(at("folder")).unwrap();
    for name in ["notes", "folder"] {
        let error = open(name).unwrap_err();
        assert!(
            matches!(error, EventStoreError::NotAStore { .. }),
            "{error}"
        );
        let error = EventReader::open(at(name)).unwrap_err();
        assert!(
            matches!(error, EventStoreError::NotAStore { .. }),
            "{error}"
        );
    }
    assert_eq!(fs::read_to_string(at("notes")).unwrap(), "mine");
    let error = EventReader::open(at("nothing")).unwrap_err();
    assert!(matches!(error, EventStoreError::Missing { .. }), "{error}");
    assert!(!at("nothing").exists());
    assert!(matches!(
        open("no/such/folder"),
        Err(EventStoreError::Io { .. })
    ));
    #[cfg(unix)]
    {
        open("real").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        for path in [at("link"), "/dev/null".into()] {
            let error = EventStore::open(path, EventStoreConfig::default()).unwrap_err();
            assert!(
                matches!(error, EventStoreError::NotAStore { .. }),
                "{error}"
            );
        }
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&at("real").metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_newer_version_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, EventStoreConfig::default())
        .path()
        .to_owned();
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut meta = transaction.open_table(META).unwrap();
    meta.insert(VERSION, 2).unwrap();
    drop(meta);
    transaction.commit().unwrap();
    drop(database);
    let errors = [
        EventStore::open(&path, EventStoreConfig::default()).unwrap_err(),
        EventReader::open(&path).unwrap_err(),
    ];
    for error in errors {
        let newer = matches!(
            error,
            EventStoreError::NewerVersion {
                found: 2,
                supported: 1,
                ..
            }
        );
        assert!(newer, "{error}");
    }
}

/// Threads that append at the same time: every batch stays together, and nothing is lost or duplicated.
#[test]
fn threads_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(store(&folder, EventStoreConfig::default()));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for n in 0..25 {
                    let name = format!("t{thread}");
                    let batch = [0, 1].map(|half| event(&name, &format!("{n}-{half}"), 1));
                    store.try_append(&batch).unwrap();
                    assert_eq!(store.try_of_user(&name).unwrap().len(), 2 * n + 2);
                }
            });
        }
    });
    assert_eq!(store.n_events(), 200);
    let expected: Vec<String> = (0..25)
        .flat_map(|n| [format!("{n}-0"), format!("{n}-1")])
        .collect();
    for thread in 0..4 {
        assert_eq!(items(&store, &format!("t{thread}")), expected);
    }
}

/// An export is a log that `prepare` reads, and events that were exported twice count once.
#[test]
fn exports_are_logs() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let odd = "a,\"b\" ü";
    let buy = |user: &str, item: &str, time, count| StoredEvent {
        behavior: "purchase".to_owned(),
        count,
        ..event(user, item, time)
    };
    store
        .try_append(&[
            buy(odd, "soap", 1_580_000_000, 1.0),
            event(odd, "comb", 1_580_000_001),
            // Two equal events: both are stored.
            event("bob", "comb", 1_580_000_002),
            event("bob", "comb", 1_580_000_002),
            buy("bob", "soap", -1, 2.6),
            buy("bob", "lamp", 0, 1e-9),
            buy("bob", "brush", 0, 1e300),
        ])
        .unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let report = store
            .export(&ExportFormat::default(), fs::File::create(&path).unwrap())
            .unwrap();
        assert_eq!((report.n_events, report.n_rows), (7, 108));
        path
    };
    let paths = [write("a.csv"), write("b.csv")];
    let config = lightgcn_data::PrepareConfig {
        split: lightgcn_data::SplitConfig::None,
        ..lightgcn_data::PrepareConfig::default()
    };
    let once = lightgcn_data::prepare(&paths[..1], &config).unwrap();
    let twice = lightgcn_data::prepare(&paths, &config).unwrap();
    let train = once.split.train.interactions();
    assert_eq!(train, twice.split.train.interactions());
    let ann = once.users.get(odd).unwrap();
    let bob = once.users.get("bob").unwrap();
    let counts = |user, item: &str| {
        let item = once.items.get(item).unwrap();
        let mut pairs = train.of_user(user);
        pairs
            .find(|pair| pair.item == item)
            .unwrap()
            .counts
            .to_vec()
    };
    assert_eq!(counts(ann, "soap"), [0, 0, 0, 1]);
    assert_eq!(counts(ann, "comb"), [1, 0, 0, 0]);
    assert_eq!(counts(bob, "comb"), [2, 0, 0, 0]);
    assert_eq!(counts(bob, "soap"), [0, 0, 0, 3]);
    assert_eq!(counts(bob, "lamp"), [0, 0, 0, 1]);
    assert_eq!(counts(bob, "brush"), [0, 0, 0, 100]);
}

#[test]
fn pruning_visits_all_events_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let events: Vec<StoredEvent> = (0..25_000)
        .map(|n| event(&format!("c{}", n % 7), "soap", n % 2))
        .collect();
    store.try_append(&events).unwrap();
    let pruned = store.prune(u64::MAX, |event| event.time == 0);
    assert_eq!(pruned.unwrap(), 12_500);
    assert_eq!(store.n_events(), 12_500);
    assert_eq!(
        store
            .export(&ExportFormat::default(), std::io::sink())
            .unwrap()
            .n_events,
        12_500
    );
}

#[test]
fn an_id_counts_once_until_its_event_is_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let with_id = |id: &str, time| StoredEvent {
        id: Some(id.to_owned()),
        ..event("ann", "soap", time)
    };
    {
        let store = store(&folder, EventStoreConfig::default());
        let batch = [with_id("a", 1), with_id("a", 1), event("ann", "soap", 1)];
        assert_eq!(store.try_append(&batch).unwrap(), 2);
        assert_eq!(store.try_append(&batch).unwrap(), 1);
        assert_eq!(store.append(&[with_id("b", 5)]).unwrap(), 1);
        assert_eq!(store.n_events(), 4);
    }
    let store = store(&folder, EventStoreConfig::default());
    assert_eq!(store.try_append(&[with_id("a", 1)]).unwrap(), 0);
    assert_eq!(store.prune(u64::MAX, |event| event.time <= 1).unwrap(), 3);
    assert_eq!(store.try_append(&[with_id("b", 5)]).unwrap(), 0);
    assert_eq!(store.try_append(&[with_id("a", 1)]).unwrap(), 1);
    // A refused batch leaves no id behind.
    let invalid = event("", "soap", 1);
    store.try_append(&[with_id("c", 1), invalid]).unwrap_err();
    assert_eq!(store.try_append(&[with_id("c", 1)]).unwrap(), 1);
}

/// An export in the form of the shop's own log is read together with it.
#[test]
fn exports_have_the_form_of_the_shops_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    fs::write(
        &log,
        "timestamp,visitorid,event,itemid,transactionid\n\
         1569889859001,ann,view,soap,\n\
         1569889889002,ann,transaction,soap,7\n\
         1569889999002,bob,addtocart,comb,\n",
    )
    .unwrap();
    let prepare: lightgcn_data::PrepareConfig = toml::from_str(
        r#"
        [format]
        event_time = "timestamp"
        event_type = "event"
        product_id = "itemid"
        user_id = "visitorid"
        category_id = ""
        category_code = ""
        brand = ""
        price = ""
        user_session = ""
        [format.rename_behaviors]
        addtocart = "cart"
        transaction = "purchase"
        [split]
        kind = "none"
        "#,
    )
    .unwrap();
    let store = store(&folder, EventStoreConfig::default());
    let bought = StoredEvent {
        behavior: "transaction".to_owned(),
        ..event("bob", "comb", 1_569_900_000)
    };
    store.try_append(&[bought]).unwrap();
    let options = prepare.clone().check().unwrap().options();
    let format = ExportFormat::from_options(&options);
    let exported = folder.path().join("events.csv");
    let report = store.export(&format, fs::File::create(&exported).unwrap());
    assert_eq!(report.unwrap().n_rows, 1);
    assert_eq!(
        fs::read_to_string(&exported).unwrap(),
        "timestamp,event,itemid,visitorid,event_number\n\
         2019-10-01 03:20:00 UTC,transaction,comb,bob,0\n"
    );
    let dataset = lightgcn_data::prepare(&[log, exported], &prepare).unwrap();
    // Its lineage, which artifacts keep, names the same format.
    assert_eq!(ExportFormat::from_options(&dataset.lineage.options), format);
    let (bob, comb) = (dataset.users.get("bob"), dataset.items.get("comb"));
    let mut pairs = dataset.split.train.interactions().of_user(bob.unwrap());
    let pair = pairs.find(|pair| Some(pair.item) == comb).unwrap();
    assert_eq!(pair.counts, [0, 1, 0, 1]);
}

#[test]
fn a_field_with_the_delimiter_cannot_go_without_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, EventStoreConfig::default());
    store.try_append(&[event("ann", "a;b", 1)]).unwrap();
    let options = [
        ("format.event_time", "t"),
        ("format.event_type", "b"),
        ("format.product_id", "i"),
        ("format.user_id", "u"),
        ("format.delimiter", ";"),
        ("format.quoting", "false"),
    ];
    let options = options.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let format = ExportFormat::from_options(&options.into());
    let error = store.export(&format, std::io::sink()).unwrap_err();
    assert!(
        matches!(error, EventStoreError::NotInFormat { number: 0, delimiter: ';', ref field, .. } if field == "a;b"),
        "{error}"
    );
}
