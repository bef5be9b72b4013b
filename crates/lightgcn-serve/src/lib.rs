//! The HTTP service of trained recommenders, and its page.
#![forbid(unsafe_code)]

mod events;

pub use events::{EventError, EventSink, MemoryEvents, StoredEvent};
