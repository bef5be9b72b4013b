//! Event logs: their format, their files, and the events in memory.

pub(crate) mod address;
pub(crate) mod behaviors;
pub(crate) mod catalogue;
pub(crate) mod catalogue_files;
mod digest;
mod duplicates;
pub(crate) mod events;
pub(crate) mod field_time;
mod fields;
pub(crate) mod file;
mod foreign;
pub(crate) mod form;
pub(crate) mod format;
pub(crate) mod hint;
mod input;
pub(crate) mod inputs;
mod instacart;
mod layout;
mod listing;
pub(crate) mod messages;
pub(crate) mod odd_ids;
mod orders;
mod otto;
#[cfg(feature = "parquet")]
mod parquet;
mod partitions;
pub(crate) mod preset;
pub(crate) mod reader;
#[cfg(feature = "object-store")]
pub(crate) mod remote;
mod row;
mod session;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod table;
pub(crate) mod tables;
pub(crate) mod target;
pub(crate) mod wanted;

#[cfg(feature = "synthetic")]
pub(crate) use digest::{SeenRows, row_digest};
