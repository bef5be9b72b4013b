//! Exports that the configuration of a shop's log reads.

use super::*;
use crate::events::StoredEvent;
use lightgcn_data::PrepareConfig;
use std::fs;

fn store(folder: &tempfile::TempDir) -> EventStore {
    let store = EventStore::open(
        folder.path().join("events.redb"),
        EventStoreConfig::default(),
    )
    .unwrap();
    let event = |user: &str, behavior: &str, time| StoredEvent {
        user: user.to_owned(),
        item: "comb".to_owned(),
        behavior: behavior.to_owned(),
        time,
        count: 1.0,
        id: None,
    };
    store
        .try_append(&[
            event("bob", "view", 1_569_900_000),
            event("bob", "purchase", 1_569_900_060),
        ])
        .unwrap();
    store
}

fn format(config: &PrepareConfig) -> ExportFormat {
    ExportFormat::from_options(&config.clone().check().unwrap().options())
}

#[test]
fn a_log_without_a_header_is_exported_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let config: PrepareConfig = toml::from_str(
        "[format]\ncolumns = ['user_id', 'product_id', 'event_type', 'price', 'event_time']\n\
         delimiter = ';'\n[split]\nkind = 'none'\n",
    )
    .unwrap();
    let exported = folder.path().join("events.csv");
    let out = fs::File::create(&exported).unwrap();
    let report = store(&folder).export(&format(&config), out).unwrap();
    assert_eq!((report.n_events, report.n_rows), (2, 2));
    assert_eq!(
        fs::read_to_string(&exported).unwrap(),
        "bob;comb;view;;2019-10-01 03:20:00 UTC\nbob;comb;purchase;;2019-10-01 03:21:00 UTC\n"
    );
    let dataset = lightgcn_data::prepare(&[exported], &config).unwrap();
    let pairs = dataset.split.train.interactions();
    assert_eq!(pairs.counts(), [1, 0, 0, 1]);
    assert_eq!(pairs.last_times(), [1_569_900_060]);
}

#[test]
fn forms_that_hold_no_events_are_refused_before_a_byte_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for (text, part) in [
        ("[format]\nbehavior = 'purchase'\n", "\"purchase\""),
        (
            "[format]\ncolumns = ['user_id', 'product_id', 'event_type']\n",
            "event_time",
        ),
        ("[format]\nform = 'otto'\n", "\"otto\""),
    ] {
        let config: PrepareConfig = toml::from_str(text).unwrap();
        let options = config.check().map(|config| config.options());
        // What the check of the configuration refuses cannot come here.
        let Ok(options) = options else { continue };
        let mut out = Vec::new();
        let error = store.export(&ExportFormat::from_options(&options), &mut out);
        let error = error.unwrap_err();
        assert!(
            matches!(&error, EventStoreError::NoExportFormat { reason, .. } if reason.contains(part)),
            "{error}"
        );
        assert!(out.is_empty());
    }
}
