//! One event as bytes.

use crate::events::StoredEvent;
use lightgcn_recommend::ContextEvent;

/// The times that a log can express: from the start of the year 0 to the end of the year 9999.
const TIMES: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// What is wrong with an event; `None` if it can be stored.
pub(super) fn issue(event: &StoredEvent) -> Option<String> {
    for (what, id) in [
        ("user", &event.user),
        ("item", &event.item),
        ("behavior", &event.behavior),
    ] {
        if let Err(issue) = lightgcn_core::check_id(id) {
            return Some(format!("{what} {id:?} is not a valid id: it {issue}"));
        }
    }
    if !(event.count.is_finite() && event.count > 0.0) {
        return Some(format!(
            "the count is {}; it must be positive and finite",
            event.count
        ));
    }
    if !TIMES.contains(&event.time) {
        return Some(format!(
            "the time is {}; it must be in seconds since 1970",
            event.time
        ));
    }
    None
}

/// Everything but the user, which is part of the key.
pub(super) fn encode(event: &StoredEvent) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&event.to_context()).map_err(|error| error.to_string())
}

pub(super) fn decode(bytes: &[u8]) -> Result<ContextEvent, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("an event cannot be decoded: {error}"))
}
