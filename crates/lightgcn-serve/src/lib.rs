//! The HTTP service of trained recommenders, and its page.
#![forbid(unsafe_code)]

mod event_store;
mod events;

pub use event_store::{EventReader, EventStore, EventStoreConfig, EventStoreError, ExportReport};
pub use events::{EventError, EventSink, MemoryEvents, StoredEvent};
