//! Events in a file: acknowledged events survive the process and take effect at once.

mod changes;
pub(crate) mod database;
mod encoding;
mod error;
mod export;
mod files;
mod format;
mod output;
mod reader;
mod rewrite;
mod shown;
mod writer;

pub use error::EventStoreError;
pub use export::ExportReport;
pub use format::ExportFormat;
pub use output::{check_archive_path, check_export_path};
pub use reader::EventReader;
pub use writer::{EventStore, EventStoreConfig};

use redb::TableDefinition;

/// The version of the tables below.
const FORMAT_VERSION: u64 = 1;

/// From an event's number, in order of arrival, to its user.
const ORDER: TableDefinition<'_, u64, &str> = TableDefinition::new("order");

/// From a user and an event's number to the event.
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");

/// From a sender's id for an event to its number. Stores of older versions do not have this table.
const IDS: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");

/// A few numbers by name.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The [`FORMAT_VERSION`] of the writer.
const VERSION: &str = "version";
/// The number of the next event.
const NEXT: &str = "next";
/// The number of events.
const COUNT: &str = "count";

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod export_tests;
#[cfg(test)]
mod tests;
