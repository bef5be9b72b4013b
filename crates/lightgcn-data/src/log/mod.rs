//! Event logs: their format, their files, and the events in memory.

pub(crate) mod behaviors;
pub(crate) mod catalogue;
mod digest;
pub(crate) mod events;
pub(crate) mod format;
pub(crate) mod inputs;
pub(crate) mod reader;
pub(crate) mod stream;
mod table;

#[cfg(feature = "synthetic")]
pub(crate) use digest::{SeenRows, row_digest};
