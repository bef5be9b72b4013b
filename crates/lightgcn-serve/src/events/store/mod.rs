//! Events in a file: acknowledged events survive the process and take effect at once.

mod encoding;
mod error;
mod export;
mod writer;

pub use error::EventStoreError;
pub use export::{EventReader, ExportReport};
pub use writer::{EventStore, EventStoreConfig};

use redb::TableDefinition;

/// The version of the tables below.
const FORMAT_VERSION: u64 = 1;

/// From an event's number, in order of arrival, to its user.
const ORDER: TableDefinition<'_, u64, &str> = TableDefinition::new("order");

/// From a user and an event's number to the event.
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");

/// A few numbers by name.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The [`FORMAT_VERSION`] of the writer.
const VERSION: &str = "version";
/// The number of the next event.
const NEXT: &str = "next";
/// How many events there are.
const COUNT: &str = "count";

#[cfg(test)]
mod tests;
