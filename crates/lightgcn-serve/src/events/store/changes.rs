//! The changes made in transactions.

use super::encoding::{decode, encode, issue};
use super::{COUNT, EVENTS, EventStoreError, FORMAT_VERSION, IDS, META, NEXT, ORDER, VERSION};
use crate::events::StoredEvent;
use redb::{Database, ReadableDatabase, ReadableTable, TableError, WriteTransaction};
use std::ops::RangeInclusive;

/// The number of events that pruning visits per transaction.
const PRUNED_AT_ONCE: usize = 10_000;

/// An event in its stored form.
#[derive(Debug)]
pub(super) struct Encoded {
    user: String,
    id: Option<String>,
    bytes: Vec<u8>,
}

impl Encoded {
    /// Encodes a batch.
    pub(super) fn batch(events: &[StoredEvent]) -> Result<Vec<Self>, EventStoreError> {
        let encoded = events.iter().zip(1..).map(|(event, number)| {
            let refuse = |detail| EventStoreError::Event { number, detail };
            if let Some(detail) = issue(event) {
                return Err(refuse(detail));
            }
            Ok(Self {
                user: event.user.clone(),
                id: event.id.clone(),
                bytes: encode(event).map_err(refuse)?,
            })
        });
        encoded.collect()
    }
}

pub(super) fn number(
    table: &impl ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, redb::Error> {
    Ok(table.get(name)?.map_or(0, |value| value.value()))
}

/// Appends events, except those whose ids are already stored, and returns how many.
pub(super) fn append(transaction: &WriteTransaction, new: &[Encoded]) -> Result<u64, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let mut order = transaction.open_table(ORDER)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut ids = transaction.open_table(IDS)?;
    let (first, count) = (number(&meta, NEXT)?, number(&meta, COUNT)?);
    let mut next = first;
    for Encoded { user, id, bytes } in new {
        if let Some(id) = id {
            if ids.get(id.as_str())?.is_some() {
                continue;
            }
            ids.insert(id.as_str(), next)?;
        }
        order.insert(next, user.as_str())?;
        events.insert((user.as_str(), next), bytes.as_slice())?;
        next += 1;
    }
    meta.insert(NEXT, next)?;
    meta.insert(COUNT, count + (next - first))?;
    Ok(next - first)
}

/// Removes the events that `is_done` chooses among the first [`PRUNED_AT_ONCE`] of a range of
/// numbers. Returns how many, and where to continue (`None` at the end).
pub(super) fn prune_some(
    transaction: &WriteTransaction,
    range: RangeInclusive<u64>,
    is_done: &mut impl FnMut(&StoredEvent) -> bool,
) -> Result<(u64, Option<u64>), redb::Error> {
    let mut order = transaction.open_table(ORDER)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut done = Vec::new();
    let mut next = None;
    for (n, entry) in order.range(range)?.enumerate() {
        let (number, user) = entry?;
        let (number, user) = (number.value(), user.value());
        if n == PRUNED_AT_ONCE {
            next = Some(number);
            break;
        }
        let Some(bytes) = events.get((user, number))? else {
            return Err(redb::Error::Corrupted(format!("event {number} is missing")));
        };
        let event = decode(bytes.value()).map_err(redb::Error::Corrupted)?;
        // Events without a time are not stored.
        let Some(time) = event.time else { continue };
        let event = StoredEvent {
            user: user.to_owned(),
            item: event.item,
            behavior: event.behavior,
            time,
            count: event.count,
            id: None,
        };
        if is_done(&event) {
            done.push((event.user, number));
        }
    }
    for (user, number) in &done {
        order.remove(number)?;
        events.remove((user.as_str(), *number))?;
    }
    let mut meta = transaction.open_table(META)?;
    let count = number(&meta, COUNT)?.saturating_sub(done.len() as u64);
    meta.insert(COUNT, count)?;
    Ok((done.len() as u64, next))
}

/// Removes the events of a user and their ids, and returns the number of removed events. O(ids), if
/// there are any.
pub(super) fn forget(transaction: &WriteTransaction, user: &str) -> Result<u64, redb::Error> {
    let mut order = transaction.open_table(ORDER)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut numbers = Vec::new();
    for entry in events.range((user, 0)..=(user, u64::MAX))? {
        numbers.push(entry?.0.value().1);
    }
    for number in &numbers {
        order.remove(number)?;
        events.remove((user, *number))?;
    }
    // Both ascend.
    let is_gone = |number: u64| numbers.binary_search(&number).is_ok();
    let mut ids = transaction.open_table(IDS)?;
    ids.retain(|_, number| !is_gone(number))?;
    let mut meta = transaction.open_table(META)?;
    let n = numbers.len() as u64;
    let count = number(&meta, COUNT)?.saturating_sub(n);
    meta.insert(COUNT, count)?;
    Ok(n)
}

/// Forgets the ids of events that are gone. O(ids · log).
pub(super) fn prune_ids(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let order = transaction.open_table(ORDER)?;
    let mut ids = transaction.open_table(IDS)?;
    let mut failed = Ok(());
    ids.retain(|_, number| match order.get(number) {
        Ok(user) => user.is_some(),
        Err(error) => {
            failed = Err(error);
            true
        }
    })?;
    Ok(failed?)
}

/// Creates the tables of a new database. Returns the number of events, or the version if it is not supported.
pub(super) fn prepare(database: &Database) -> Result<Result<u64, u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => {
            let version = number(&meta, VERSION)?;
            return Ok(match version {
                FORMAT_VERSION => Ok(number(&meta, COUNT)?),
                newer => Err(newer),
            });
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(VERSION, FORMAT_VERSION)?;
        transaction.open_table(ORDER)?;
        transaction.open_table(EVENTS)?;
    }
    transaction.commit()?;
    Ok(Ok(0))
}
