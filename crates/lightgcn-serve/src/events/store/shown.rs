//! Stores the lists that were shown, and their outcomes.

use super::changes::number;
use super::{EventStore, EventStoreError, META};
use crate::events::outcomes::{Change, KEPT_SECONDS, KeptList};
use crate::events::{Impression, Outcome, OutcomeCounts, OutcomeKey, ShownRecord};
use redb::{
    ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError,
    WriteTransaction,
};

/// From a user and a request to the list that was shown. Stores of older versions have none of these tables.
pub(super) const LISTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("lists");
/// From a list's number, in order of arrival, to its user and request.
pub(super) const LIST_ORDER: TableDefinition<'_, u64, (&str, &str)> =
    TableDefinition::new("list_order");
/// A day, an arm, a model and a source.
type Key = (u32, &'static str, &'static str, &'static str);
/// How many were shown, clicked and converted.
type Counts = (u64, u64, u64);
/// The outcomes of a day's lists.
pub(super) const OUTCOMES: TableDefinition<'_, Key, Counts> = TableDefinition::new("outcomes");
/// The number of the next list, in the table of numbers.
const NEXT_LIST: &str = "next_list";

/// The maximum number of stored lists; each takes about 60 bytes of disk per item.
const MAX_LISTS: u64 = 1_000_000;
/// The number of old lists that a transaction removes for each record it adds.
const REMOVED_PER_RECORD: usize = 2;

impl EventStore {
    /// Stores what was shown and done, in order, all or none. Returns what this adds to
    /// [`EventStore::try_outcomes`].
    ///
    /// # Errors
    /// As [`EventStore::try_append`], except those about events and limits.
    pub fn try_record(
        &self,
        records: &[ShownRecord],
    ) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventStoreError> {
        let _writing = super::files::lock(&self.writing);
        self.change(|transaction| record(transaction, records, MAX_LISTS))
    }

    /// The outcomes of the lists, by day, arm, model and source, in this order.
    ///
    /// # Errors
    /// [`EventStoreError::Io`] and [`EventStoreError::Damaged`] if it cannot be read.
    pub fn try_outcomes(&self) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventStoreError> {
        self.with_database("read", |database| {
            let table = match database.begin_read()?.open_table(OUTCOMES) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let mut outcomes = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                let (day, arm, model, source) = key.value();
                let (shown, clicked, converted) = value.value();
                let key = OutcomeKey {
                    day,
                    arm: arm.to_owned(),
                    model: model.to_owned(),
                    source: source.to_owned(),
                };
                let counts = OutcomeCounts {
                    shown,
                    clicked,
                    converted,
                };
                outcomes.push((key, counts));
            }
            Ok(outcomes)
        })
    }
}

/// Adds records, removes old lists beyond `limit`, and returns what changes in the counts.
fn record(
    transaction: &WriteTransaction,
    records: &[ShownRecord],
    limit: u64,
) -> Result<Vec<Change>, redb::Error> {
    let mut latest = i64::MIN;
    let mut all = Vec::new();
    for record in records {
        let changes = match record {
            ShownRecord::Shown(shown) => {
                latest = latest.max(shown.time);
                show(transaction, shown)?
            }
            ShownRecord::Done(done) => note(transaction, done)?,
        };
        count(transaction, &changes)?;
        all.extend(changes);
    }
    let oldest = latest.saturating_sub(KEPT_SECONDS);
    make_room(
        transaction,
        limit,
        oldest,
        records.len() * REMOVED_PER_RECORD,
    )?;
    Ok(all)
}

fn show(transaction: &WriteTransaction, shown: &Impression) -> Result<Vec<Change>, redb::Error> {
    let key = (shown.user.as_str(), shown.request_id.as_str());
    let list = KeptList::from(shown);
    let mut lists = transaction.open_table(LISTS)?;
    if lists.get(key)?.is_some() {
        return Ok(Vec::new());
    }
    lists.insert(key, encode(&list)?.as_slice())?;
    let mut meta = transaction.open_table(META)?;
    let next = number(&meta, NEXT_LIST)?;
    transaction.open_table(LIST_ORDER)?.insert(next, key)?;
    meta.insert(NEXT_LIST, next + 1)?;
    Ok(list.shown())
}

fn note(transaction: &WriteTransaction, done: &Outcome) -> Result<Vec<Change>, redb::Error> {
    let key = (done.user.as_str(), done.request_id.as_str());
    let mut lists = transaction.open_table(LISTS)?;
    let kept = lists.get(key)?.map(|bytes| decode(bytes.value()));
    let Some(mut list) = kept.transpose()? else {
        return Ok(Vec::new());
    };
    let changes = list.note(&done.item, done.is_target);
    if !changes.is_empty() {
        lists.insert(key, encode(&list)?.as_slice())?;
    }
    Ok(changes)
}

fn count(transaction: &WriteTransaction, changes: &[Change]) -> Result<(), redb::Error> {
    let mut outcomes = transaction.open_table(OUTCOMES)?;
    for (key, change) in changes {
        let key = (key.day, &*key.arm, &*key.model, &*key.source);
        let (shown, clicked, converted) = outcomes.get(key)?.map_or((0, 0, 0), |n| n.value());
        let sum = (
            shown + change.shown,
            clicked + change.clicked,
            converted + change.converted,
        );
        outcomes.insert(key, sum)?;
    }
    Ok(())
}

/// Removes the oldest lists, at most `most`, while there are more than `limit` or they are older than `oldest`.
fn make_room(
    transaction: &WriteTransaction,
    limit: u64,
    oldest: i64,
    most: usize,
) -> Result<(), redb::Error> {
    let mut order = transaction.open_table(LIST_ORDER)?;
    let mut lists = transaction.open_table(LISTS)?;
    for _ in 0..most {
        let Some((number, user, request)) = order.first()?.map(|(number, key)| {
            let (user, request) = key.value();
            (number.value(), user.to_owned(), request.to_owned())
        }) else {
            break;
        };
        let key = (user.as_str(), request.as_str());
        let kept = lists.get(key)?.map(|bytes| decode(bytes.value()));
        let is_old = kept.transpose()?.is_none_or(|list| list.time < oldest);
        if !is_old && order.len()? <= limit {
            break;
        }
        order.remove(number)?;
        lists.remove(key)?;
    }
    Ok(())
}

/// Removes the lists that were shown to a user; the counts stay. O(lists), if there are any.
pub(super) fn forget(transaction: &WriteTransaction, user: &str) -> Result<(), redb::Error> {
    let mut lists = transaction.open_table(LISTS)?;
    let mut requests = Vec::new();
    for entry in lists.range((user, "")..)? {
        let (key, _) = entry?;
        let (of, request) = key.value();
        if of != user {
            break;
        }
        requests.push(request.to_owned());
    }
    for request in &requests {
        lists.remove((user, request.as_str()))?;
    }
    if !requests.is_empty() {
        let mut order = transaction.open_table(LIST_ORDER)?;
        order.retain(|_, (of, _)| of != user)?;
    }
    Ok(())
}

fn encode(list: &KeptList) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(list).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

fn decode(bytes: &[u8]) -> Result<KeptList, redb::Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| redb::Error::Corrupted(format!("a list cannot be decoded: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventStoreConfig;
    use crate::events::outcomes::tests::{COUNTED, done, plain, records, shown};
    use std::collections::BTreeMap;

    fn open(folder: &tempfile::TempDir) -> EventStore {
        EventStore::open(
            folder.path().join("events.redb"),
            EventStoreConfig::default(),
        )
        .unwrap()
    }

    #[test]
    fn outcomes_are_counted_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        assert!(store.try_outcomes().unwrap().is_empty());
        let mut sums: BTreeMap<OutcomeKey, OutcomeCounts> = BTreeMap::new();
        for record in records() {
            for (key, change) in store.try_record(&[record]).unwrap() {
                sums.entry(key).or_default().add(change);
            }
        }
        assert_eq!(plain(&store.try_outcomes().unwrap()), COUNTED);
        assert_eq!(plain(&sums.into_iter().collect::<Vec<_>>()), COUNTED);
        drop(store);
        let store = open(&folder);
        // The same again changes nothing.
        assert_eq!(store.try_record(&records()).unwrap(), []);
        assert_eq!(plain(&store.try_outcomes().unwrap()), COUNTED);
        // Nothing of a user is left, and the counts stay.
        store.try_forget("ann").unwrap();
        assert_eq!(plain(&store.try_outcomes().unwrap()), COUNTED);
        let bytes = std::fs::read(store.path()).unwrap();
        assert!(!bytes.windows(3).any(|part| part == b"ann"));
        store
            .try_record(&[done("bob", "r1", "mug", false)])
            .unwrap();
        assert_eq!(plain(&store.try_outcomes().unwrap())[0].1, [2, 2, 1]);
    }

    #[test]
    fn old_lists_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let list = [("lamp", "model")];
        for n in 0..5 {
            let records = [shown("ann", &format!("r{n}"), &list)];
            store
                .change(|transaction| record(transaction, &records, 3))
                .unwrap();
        }
        let outcomes: Vec<_> = (0..5)
            .map(|n| done("ann", &format!("r{n}"), "lamp", false))
            .collect();
        store.try_record(&outcomes).unwrap();
        assert_eq!(plain(&store.try_outcomes().unwrap())[0], ("", [5, 3, 0]));
        // A list of a later time makes old ones go.
        let ShownRecord::Shown(mut late) = shown("bob", "r9", &list) else {
            unreachable!();
        };
        late.time += KEPT_SECONDS + 1;
        for n in 0..2 {
            late.request_id = format!("late{n}");
            store
                .try_record(&[ShownRecord::Shown(late.clone())])
                .unwrap();
        }
        let read = store.with_database("read", |database| {
            Ok(database.begin_read()?.open_table(LISTS)?.len()?)
        });
        assert_eq!(read.unwrap(), 2);
    }
}
