//! Event logs: their format, their files, and the events in memory.

pub(crate) mod behaviors;
pub(crate) mod catalogue;
mod digest;
pub(crate) mod events;
pub(crate) mod format;
pub(crate) mod inputs;
#[cfg(feature = "parquet")]
mod parquet;
mod partitions;
pub(crate) mod reader;
#[cfg(feature = "object-store")]
mod remote;
mod source;
pub(crate) mod stream;
pub(crate) mod table;

#[cfg(feature = "synthetic")]
pub(crate) use digest::{SeenRows, row_digest};
